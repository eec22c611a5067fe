"""The inbox is what brute force finds: asking each case, one by one, what its viewer may do on it now."""

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import pytest
from sqlalchemy import delete

from app.actions.reminders import write_reminders
from app.db import tables
from app.domain.commands import AssignCase, CloseCase, SetDueDate
from app.domain.model import CaseStatus, Role, Scope, StepState
from tests.support.api import Api
from tests.support.bulk import filled
from tests.support.checklists import CALL_BACK, CHECKLIST, SECOND_SOURCE, record, with_checklist
from tests.support.database_contents import set_by_hand
from tests.support.world import Person, World, make_person, person_of

LONG_AGO, FAR_AHEAD = datetime(2020, 1, 1, tzinfo=UTC), datetime(2999, 1, 1, tzinfo=UTC)
REASONS = ["DECIDE", "ANSWER", "CLOSE", "ASSIGNED", "OVERDUE", "ESCALATED"]
OF_OWNERS = {"ASSIGNED", "OVERDUE"}
ALL_CASES = """query($after: String) { cases(first: 50, after: $after) { pageInfo { hasNextPage endCursor } nodes {
    id updatedAt status owner { id } dueAt overdue activeOverride { id createdBy { id } }
    availableActions { action allowed } log: actions(first: 100) { pageInfo { hasNextPage } nodes {
        type user { id } reminder { occasion at override { id } } } } } } }"""
INBOX = """query($reasons: [InboxReason!], $first: Int, $after: String, $last: Int, $before: String) { viewer {
    inbox(reasons: $reasons, first: $first, after: $after, last: $last, before: $before) {
        totalCount counts { reason count } edges { reasons node { id } }
        pageInfo { hasNextPage hasPreviousPage startCursor endCursor } } } }"""


async def all_cases(api: Api, viewer: Person) -> list[dict[str, Any]]:
    """Return each case of the account with what the viewer may do on it and who did what, the latest first."""
    found: list[dict[str, Any]] = []
    after = None
    while True:
        page = (await api.run(viewer.token, ALL_CASES, {"after": after}))["cases"]
        found += page["nodes"]
        if not page["pageInfo"]["hasNextPage"]:
            return found
        after = page["pageInfo"]["endCursor"]


def reasons_for(case: Mapping[str, Any], viewer: Person) -> list[str]:
    """Return why a case belongs into somebody's inbox, by the definition."""
    assert not case["log"]["pageInfo"]["hasNextPage"]
    allowed = {item["action"] for item in case["availableActions"] if item["allowed"]}
    did = [row["user"]["id"] == str(viewer.id) for row in case["log"]["nodes"] if row["reminder"] is None]
    holds = {
        "DECIDE": bool(allowed & {"ACCEPT", "REFUSE"}),
        "ANSWER": "COMMENT" in allowed and any(did) and not did[0],
        "ESCALATED": bool(viewer.actor.roles & {Role.REVIEWER, Role.ADMIN}) and is_escalated(case, viewer),
        "CLOSE": "CLOSE" in allowed and case["status"] == "RESOLVED",
        "ASSIGNED": "COMMENT" in allowed and case["owner"] == {"id": str(viewer.id)},
        "OVERDUE": "COMMENT" in allowed and case["owner"] == {"id": str(viewer.id)} and case["overdue"],
    }
    return [reason for reason in REASONS if holds[reason]]


def is_escalated(case: Mapping[str, Any], viewer: Person) -> bool:
    """Tell whether a row says that it is late, and that is so still, of what is not the viewer's own request."""
    said = [row["reminder"] for row in case["log"]["nodes"] if row["type"] == "ESCALATE"]
    pending = case["activeOverride"]
    is_others = pending is not None and pending["createdBy"]["id"] != str(viewer.id)
    waits = is_others and any((reminder["override"] or {}).get("id") == pending["id"] for reminder in said)
    dates = [reminder["at"] for reminder in said if reminder["occasion"] == "DUE_DATE"]
    return waits or (case["overdue"] and case["dueAt"] in dates)


async def brute_force(api: Api, viewer: Person, wanted: list[str]) -> list[tuple[str, list[str]]]:
    cases = await all_cases(api, viewer)
    cases.sort(key=lambda case: (datetime.fromisoformat(case["updatedAt"]), UUID(case["id"])), reverse=True)
    found = [(case["id"], reasons_for(case, viewer)) for case in cases]
    return [(id, reasons) for id, reasons in found if set(reasons) & set(wanted)]


async def whole_inbox(api: Api, viewer: Person, wanted: list[str] | None) -> tuple[list[tuple[str, list[str]]], Any]:
    """Page through the inbox by sevens, and return its edges and its counts."""
    edges: list[tuple[str, list[str]]] = []
    after = None
    inbox: dict[str, Any] = {}
    while not inbox or inbox["pageInfo"]["hasNextPage"]:
        variables = {"reasons": wanted, "first": 7, "after": after}
        inbox = (await api.run(viewer.token, INBOX, variables))["viewer"]["inbox"]
        edges += [(edge["node"]["id"], edge["reasons"]) for edge in inbox["edges"]]
        after = inbox["pageInfo"]["endCursor"]
    return edges, {"total": inbox["totalCount"], **{item["reason"]: item["count"] for item in inbox["counts"]}}


async def assert_equal(api: Api, viewer: Person, wanted: list[str] | None = None) -> list[tuple[str, list[str]]]:
    expected = await brute_force(api, viewer, wanted or REASONS)
    counts = {reason: sum(reason in reasons for _, reasons in expected) for reason in REASONS}
    assert await whole_inbox(api, viewer, wanted) == (expected, {"total": len(expected), **counts})
    return expected


async def viewers(world: World) -> dict[str, Person]:
    """Return people with all roles and with none, and one with a token that may do little."""
    return {
        "contributor": world.ada,
        "reviewer": world.rosa,
        "both": world.bea,
        "administrator": world.aldo,
        "who did nothing yet": await make_person(world.database, world.account_id, "Nina", Role.REVIEWER),
        "a token to read": await person_of(world.database, world.rosa.id, Scope.CASES_READ),
    }


@pytest.mark.long
@pytest.mark.parametrize("seed", [1, 2])
async def test_the_inbox_equals_brute_force_on_random_histories(world: World, api: Api, seed: int) -> None:
    await filled(world, seed=seed)

    found = {name: await assert_equal(api, viewer) for name, viewer in (await viewers(world)).items()}

    reasons = {name: {reason for _, why in cases for reason in why} for name, cases in found.items()}
    assert {"contributor", "reviewer"} <= {name for name, why in reasons.items() if "ASSIGNED" in why}
    assert {name: why - OF_OWNERS for name, why in reasons.items()} == {
        "contributor": {"ANSWER", "CLOSE"},
        "reviewer": {"DECIDE", "ANSWER", "CLOSE"},
        "both": {"DECIDE", "ANSWER", "CLOSE"},
        "administrator": set(),
        "who did nothing yet": {"DECIDE", "CLOSE"},
        "a token to read": set(),
    }
    for wanted in (["DECIDE"], ["ANSWER", "CLOSE"], ["CLOSE", "CLOSE"]):
        assert await assert_equal(api, world.rosa, wanted)


async def test_what_is_assigned_is_in_the_inbox_until_it_is_closed(world: World, api: Api) -> None:
    mine, other, closed = [(await world.open_case()).case.id for _ in range(3)]
    for case_id, owner in ((mine, world.ada), (other, world.rosa), (closed, world.ada)):
        await world.do(world.ada, AssignCase(case_id=case_id, assignee_id=owner.id))
    await world.do(world.ada, CloseCase(case_id=closed))

    assert await assert_equal(api, world.ada) == [(str(mine), ["ASSIGNED"])]
    assert await assert_equal(api, world.rosa, ["ASSIGNED"]) == [(str(other), ["ASSIGNED"])]

    for due_at, reasons in ((LONG_AGO, ["ASSIGNED", "OVERDUE"]), (FAR_AHEAD, ["ASSIGNED"])):
        await world.do(world.ada, SetDueDate(case_id=mine, due_at=due_at))
        assert await assert_equal(api, world.ada) == [(str(mine), reasons)]
    await world.do(world.ada, AssignCase(case_id=mine, assignee_id=None))
    assert await assert_equal(api, world.ada) == []


async def test_what_was_escalated_is_in_the_inbox_of_reviewers_and_admins_while_it_is_late(
    world: World, api: Api
) -> None:
    await set_by_hand(world.database, tables.accounts, world.account_id, escalation_hours=1)
    waiting = await world.request_override((await world.open_case()).case.id, world.bea)
    late = (await world.open_case()).case.id
    await world.do(world.ada, SetDueDate(case_id=late, due_at=LONG_AGO))
    people = (world.ada, world.bea, world.rosa, world.aldo)

    async def escalated() -> list[list[str]]:
        """Return for each person what is there for this reason, the waiting override first."""
        found = [[id for id, _ in await assert_equal(api, person, ["ESCALATED"])] for person in people]
        return [sorted(ids, key=[str(waiting.case.id), str(late)].index) for ids in found]

    before = await escalated()
    moment = waiting.action.created_at + timedelta(hours=1)
    steps = [step async for step in write_reminders(world.database, lambda: moment)]
    rows = await escalated()
    await world.refuse(waiting.case.id)
    await world.request_override(waiting.case.id, world.bea)
    decided = await escalated()
    await world.do(world.ada, SetDueDate(case_id=late, due_at=LONG_AGO + timedelta(days=1)))
    moved = await escalated()

    waits, due = str(waiting.case.id), str(late)
    assert [step.is_written for step in steps] == [True, True]
    assert before == moved == [[], [], [], []]
    assert rows == [[], [due], [waits, due], [waits, due]]
    assert decided == [[], [due], [due], [due]]


async def test_what_is_escalated_and_expired_is_in_no_inbox(world: World, api: Api) -> None:
    await set_by_hand(world.database, tables.accounts, world.account_id, escalation_hours=1)
    waiting = await world.request_override((await world.open_case()).case.id)
    assert waiting.override is not None
    moment = waiting.action.created_at + timedelta(hours=1)
    assert [step.is_written async for step in write_reminders(world.database, lambda: moment)] == [True]
    found = [len(await assert_equal(api, world.aldo, ["ESCALATED"]))]

    soon = waiting.action.created_at + timedelta(milliseconds=1)
    await set_by_hand(world.database, tables.overrides, waiting.override.id, expires_at=soon)
    edges, _ = await whole_inbox(api, world.aldo, ["ESCALATED"])

    assert (found, edges) == ([1], [])


async def test_a_case_is_to_be_closed_once_the_steps_are_taken_that_it_waits_for(world: World, api: Api) -> None:
    checked = await with_checklist(world, *CHECKLIST)
    case_id = (await checked.open_case()).case.id
    await record(checked, case_id, CALL_BACK)
    await checked.request_override(case_id)
    await checked.accept(case_id)
    found = [await assert_equal(api, checked.ada, ["CLOSE"])]

    for state in (StepState.DONE, StepState.OPEN, StepState.NOT_NEEDED):
        await record(checked, case_id, SECOND_SOURCE, state)
        found.append(await assert_equal(api, checked.ada, ["CLOSE"]))

    closing = [(str(case_id), ["ANSWER", "CLOSE"])]
    assert found == [[], closing, [], closing]


async def test_the_inbox_knows_the_account_s_rules_and_what_has_changed_since_the_request(
    world: World, api: Api
) -> None:
    await filled(world)
    everything = await assert_equal(api, world.rosa, ["DECIDE"])

    await set_by_hand(world.database, tables.accounts, world.account_id, restrict_to_assigned_reviewers=True)
    requested = await assert_equal(api, world.rosa, ["DECIDE"])
    assert 0 < len(requested) < len(everything)

    # An override that can't be accepted any more can still be refused.
    changed = await world.case_in(CaseStatus.PENDING_REVIEW)
    await set_by_hand(world.database, tables.subjects, changed.case.subject_id, evaluation_status="ANOMALY")
    assert (str(changed.case.id), ["DECIDE"]) in await assert_equal(api, world.rosa)

    async with world.database.write() as connection:
        await connection.execute(delete(tables.user_roles).where(tables.user_roles.c.user_id == world.rosa.id))
    assert await assert_equal(api, world.rosa) == []

    await set_by_hand(world.database, tables.accounts, world.account_id, overrides_enabled=False)
    left = {why for _, reasons in await assert_equal(api, world.bea) for why in reasons}
    assert left - OF_OWNERS == {"ANSWER", "CLOSE"}


async def test_the_inbox_leaves_out_what_its_viewer_was_a_reviewer_too_late_for(world: World, api: Api) -> None:
    _, later = [await world.case_in(CaseStatus.PENDING_REVIEW) for _ in range(2)]
    assert later.override is not None
    since = later.override.created_at
    await set_by_hand(world.database, tables.users, world.rosa.id, reviewer_since=since)

    assert await assert_equal(api, world.rosa, ["DECIDE"]) == [(str(later.case.id), ["DECIDE"])]

    await set_by_hand(world.database, tables.users, world.rosa.id, reviewer_since=None)
    assert await assert_equal(api, world.rosa, ["DECIDE"]) == []


async def test_the_inbox_pages_backward_and_refuses_another_person_s_cursor(world: World, api: Api) -> None:
    await filled(world, cases=30, actions=150)
    edges, _ = await whole_inbox(api, world.rosa, None)
    assert len(edges) >= 8

    last = (await api.run(world.rosa.token, INBOX, {"last": 3}))["viewer"]["inbox"]
    earlier = {"last": 3, "before": last["pageInfo"]["startCursor"]}
    middle = (await api.run(world.rosa.token, INBOX, earlier))["viewer"]["inbox"]

    ids = [edge["node"]["id"] for page in (middle, last) for edge in page["edges"]]
    assert ids == [id for id, _ in edges[-6:]]
    assert (last["pageInfo"]["hasNextPage"], last["pageInfo"]["hasPreviousPage"]) == (False, True)
    foreign = {"first": 3, "after": last["pageInfo"]["startCursor"]}
    answer = (await api.send(world.bea.token, INBOX, foreign)).json()
    assert [error["extensions"]["code"] for error in answer["errors"]] == ["INVALID_CURSOR"]


async def test_the_inbox_needs_the_scope_to_read_cases(world: World, api: Api) -> None:
    blind = await person_of(world.database, world.rosa.id, Scope.USERS_READ)

    answer = (await api.send(blind.token, "{ viewer { user { displayName } inbox { totalCount } } }")).json()

    assert answer["data"] == {"viewer": {"user": {"displayName": "Rosa"}, "inbox": None}}
    assert [error["extensions"]["code"] for error in answer["errors"]] == ["INSUFFICIENT_SCOPE"]
