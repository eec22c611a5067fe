"""Other reviewers take the place of those who are asked, once none of these can decide; the log keeps them all."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import replace
from datetime import timedelta
from typing import Any
from uuid import UUID, uuid4

import pytest
from sqlalchemy import Executable, delete, insert, select, update
from sqlalchemy.exc import IntegrityError

from app import clock
from app.actions.outcome import Outcome
from app.actions.perform import rehearse
from app.admin import accounts
from app.audit.evidence import evidence_of
from app.audit.verification import verify_log
from app.db import tables
from app.db.engines import Database
from app.db.repository.locks import lock_case
from app.domain.commands import AcceptOverride, CloseCase, ReassignReviewers, RefuseOverride
from app.domain.errors import InputRefused, Refusal
from app.domain.model import CaseStatus, Role
from tests.support.api import Api
from tests.support.database_contents import contents, differences, set_by_hand
from tests.support.delegations import delegate
from tests.support.recorded_sql import recorded
from tests.support.tampering import tamper
from tests.support.world import Person, World, make_person, make_world

SHOWN = """case { status version } action { type statusBefore statusAfter comment { body } }
    override { status version assignedReviewers { displayName } createdBy { displayName } }"""


async def run(database: Database, statement: Executable) -> None:
    async with database.write() as connection:
        await connection.execute(statement)


async def deactivate(database: Database, user_id: UUID) -> None:
    await set_by_hand(database, tables.users, user_id, active=False)


async def activate(database: Database, user_id: UUID) -> None:
    await set_by_hand(database, tables.users, user_id, active=True)


async def take_role(database: Database, user_id: UUID) -> None:
    link = tables.user_roles.c
    await run(database, delete(tables.user_roles).where(link.user_id == user_id, link.role == Role.REVIEWER))


async def give_role(database: Database, user_id: UUID) -> None:
    await run(database, insert(tables.user_roles).values(user_id=user_id, role=Role.REVIEWER))


async def change_role(database: Database, user_id: UUID) -> None:
    link = tables.user_roles
    await run(database, update(link).where(link.c.user_id == user_id).values(role=Role.ADMIN))


LEAVING: dict[str, Callable[[Database, UUID], Awaitable[None]]] = {
    "deactivated": deactivate,
    "without the role": take_role,
    "with another role": change_role,
}


@pytest.fixture
async def world(database: Database) -> World:
    """An account in which only those decide who are asked."""
    return await make_world(database, restrict_to_assigned_reviewers=True)


def reassign(outcome: Outcome, *reviewers: Person, **more: Any) -> ReassignReviewers:
    assert outcome.override is not None
    ids = tuple(reviewer.id for reviewer in reviewers)
    return ReassignReviewers(case_id=outcome.case.id, override_id=outcome.override.id, reviewer_ids=ids, **more)


async def reported(assigned: Awaitable[Any]) -> list[str]:
    try:
        await assigned
    except Refusal as refusal:
        return [refusal.code]
    except InputRefused as refused:
        return [refusal.code for refusal in refused.refusals]
    return []


async def assigned_names(world: World, case_id: UUID) -> tuple[list[str], ...]:
    """Return who was asked, naming by naming."""
    found = await contents(world.database)
    names = {id: row["display_name"] for (id,), row in found["users"].items()}
    (override,) = (row["id"] for row in found["overrides"].values() if row["case_id"] == case_id)
    namings: dict[int, dict[int, str]] = {}
    for table in ("override_reviewers", "reassigned_reviewers"):
        for row in found[table].values():
            if row["override_id"] == override:
                namings.setdefault(row.get("version", 1), {})[row["position"]] = names[row["reviewer_id"]]
    return tuple([name for _, name in sorted(namings[version].items())] for version in sorted(namings))


async def faults(world: World) -> list[Any]:
    return [verdict async for verdict in verify_log(world.database, world.account_id) if verdict.fault is not None]


# --- What it does -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("way", LEAVING)
async def test_reviewers_are_replaced_if_none_of_them_can_decide(world: World, api: Api, way: str) -> None:
    requested = await world.case_in(CaseStatus.PENDING_REVIEW)
    case_id, leave = requested.case.id, LEAVING[way]
    assert await reported(world.do(world.rolf, AcceptOverride(**await world.read(case_id)))) == [
        "NOT_ASSIGNED_REVIEWER"
    ]
    await leave(world.database, world.rosa.id)
    await leave(world.database, world.ada.id)  # who asked has left as well
    before = await contents(world.database)
    assert requested.override is not None
    input: dict[str, Any] = {"caseId": str(case_id), "overrideId": str(requested.override.id)}
    input |= {"reviewerIds": [str(world.bea.id), str(world.rolf.id)], "comment": "Rosa has left.", "expectedVersion": 2}

    payload = await api.act(world.carl.token, "reassignReviewers", input, SHOWN)

    assert payload == {
        "errors": [],
        "case": {"status": "PENDING_REVIEW", "version": 3},
        "action": {
            "type": "REASSIGN",
            "statusBefore": "PENDING_REVIEW",
            "statusAfter": "PENDING_REVIEW",
            "comment": {"body": "Rosa has left."},
        },
        "override": {
            "status": "PENDING",
            "version": 2,
            "assignedReviewers": [{"displayName": "Bea"}, {"displayName": "Rolf"}],
            "createdBy": {"displayName": "Ada"},
        },
    }
    changed = {"cases: action_count head_hash updated_at version", "overrides: version", "+2 reassigned_reviewers"}
    assert differences(before, await contents(world.database)) == {*changed, "+1 comments", "+1 case_actions"}
    assert (await world.accept(case_id, world.rolf)).case.status is CaseStatus.RESOLVED
    assert await assigned_names(world, case_id) == (["Rosa"], ["Bea", "Rolf"])
    assert await faults(world) == []


async def test_each_row_of_the_log_proves_the_reviewers_of_its_time(world: World, api: Api) -> None:
    requested = await world.case_in(CaseStatus.PENDING_REVIEW)
    case_id = requested.case.id
    await deactivate(world.database, world.rosa.id)
    await world.do(world.carl, reassign(requested, world.rolf, world.bea))
    await deactivate(world.database, world.rolf.id)
    await take_role(world.database, world.bea.id)
    await activate(world.database, world.rosa.id)
    await world.do(world.ada, reassign(requested, world.rosa))  # again, and by who asked for the override
    await world.refuse(case_id)

    evidence = await evidence_of(world.database, world.account_id, case_id, None, clock.now())
    assigned = [row["entry"]["override"] and row["entry"]["override"]["reviewer_ids"] for row in evidence["rows"]]
    rosa, rolf, bea = (str(person.id) for person in (world.rosa, world.rolf, world.bea))
    assert assigned == [None, [rosa], [rolf, bea], [rosa], [rosa]]
    assert await faults(world) == []
    shown = """query($id: ID!, $seq: Int!) { caseSnapshot(id: $id, asOf: {seq: $seq}) { activeOverride { version
        assignedReviewers { displayName roles } } overrides { nodes { status version assignedReviewers { displayName } }
        } } }"""
    then = []
    for seq in range(2, 6):
        found = (await api.run(world.carl.token, shown, {"id": str(case_id), "seq": seq}))["caseSnapshot"]
        (override,) = found["overrides"]["nodes"]
        names = [person["displayName"] for person in override["assignedReviewers"]]
        then.append((override["status"], override["version"], names))
        if found["activeOverride"]:
            assert [person["displayName"] for person in found["activeOverride"]["assignedReviewers"]] == names
    assert then == [
        ("PENDING", 1, ["Rosa"]),
        ("PENDING", 2, ["Rolf", "Bea"]),
        ("PENDING", 3, ["Rosa"]),
        ("REFUSED", 4, ["Rosa"]),
    ]


async def test_lists_and_inboxes_follow_the_current_reviewers(world: World, api: Api) -> None:
    requested = await world.case_in(CaseStatus.PENDING_REVIEW)
    await deactivate(world.database, world.rosa.id)
    await world.do(world.carl, reassign(requested, world.rolf))
    await activate(world.database, world.rosa.id)
    query = """query($id: ID!) { viewer { inbox(reasons: [DECIDE]) { totalCount counts { reason count } } }
        mine: cases(filter: {waitingForViewer: true}) { totalCount }
        waiting: cases(filter: {waitingFor: $id}) { totalCount }
        ever: cases(filter: {assignedReviewer: {eq: $id}}) { totalCount } }"""

    found = {}
    for name in ("rosa", "rolf", "bea"):
        person: Person = getattr(world, name)
        data = await api.run(person.token, query, {"id": str(person.id)})
        inbox = data["viewer"]["inbox"]
        assert inbox["counts"][0] == {"reason": "DECIDE", "count": inbox["totalCount"]}
        lists = (data[part]["totalCount"] for part in ("mine", "waiting", "ever"))
        found[name] = (inbox["totalCount"], *lists)

    assert found == {"rosa": (0, 0, 0, 1), "rolf": (1, 1, 1, 1), "bea": (0, 0, 0, 0)}


async def test_a_page_of_cases_shows_each_case_s_present_reviewers(world: World, api: Api) -> None:
    await give_role(world.database, world.aldo.id)
    cases = [await world.case_in(CaseStatus.PENDING_REVIEW) for _ in range(4)]
    await deactivate(world.database, world.rosa.id)
    for outcome in cases[1:]:
        await world.do(world.carl, reassign(outcome, world.rolf, world.bea))
    await deactivate(world.database, world.rolf.id)
    await take_role(world.database, world.bea.id)
    for outcome in cases[2:]:
        await world.do(world.carl, reassign(outcome, world.aldo))
    await activate(world.database, world.rolf.id)
    for person in ("displayName", "displayName roles active"):
        query = f"""{{ cases(orderBy: [{{field: CREATED_AT, direction: ASC}}]) {{ nodes {{
            activeOverride {{ assignedReviewers {{ {person} }} }} }} }} }}"""
        with recorded() as statements:
            nodes = (await api.run(world.carl.token, query))["cases"]["nodes"]
        names = [[person["displayName"] for person in node["activeOverride"]["assignedReviewers"]] for node in nodes]
        assert names == [["Rosa"], ["Rolf", "Bea"], ["Aldo"], ["Aldo"]]
        assert len(statements) <= 5  # those who were asked later are one statement for all cases


async def test_a_page_without_reassignments_reads_no_later_reviewers(world: World, api: Api) -> None:
    for _ in range(3):
        await world.case_in(CaseStatus.PENDING_REVIEW)
    for person in ("displayName", "displayName roles active"):
        query = f"{{ cases {{ nodes {{ activeOverride {{ assignedReviewers {{ {person} }} }} }} }} }}"
        with recorded() as statements:
            nodes = (await api.run(world.carl.token, query))["cases"]["nodes"]
        names = [[person["displayName"] for person in node["activeOverride"]["assignedReviewers"]] for node in nodes]
        assert names == [["Rosa"]] * 3
        assert len(statements) <= 4


async def test_a_dry_run_shows_the_new_reviewers_and_assigns_none(world: World, api: Api) -> None:
    requested = await world.case_in(CaseStatus.PENDING_REVIEW)
    await deactivate(world.database, world.rosa.id)
    assert requested.override is not None
    input = {"caseId": str(requested.case.id), "overrideId": str(requested.override.id), "dryRun": True}
    before = await contents(world.database)
    shown = """supposed { action { type } override { overrideId version assignedReviewers { displayName } } case {
        activeOverride { assignedReviewers { displayName } } availableActions { action allowed code } } }"""

    payload = await api.act(world.carl.token, "reassignReviewers", input | {"reviewerIds": [str(world.rolf.id)]}, shown)

    assert payload["errors"] == [] and await contents(world.database) == before
    override = payload["supposed"]["override"]
    assert override["overrideId"] == str(requested.override.id)
    assert (override["version"], override["assignedReviewers"]) == (2, [{"displayName": "Rolf"}])
    case = payload["supposed"]["case"]
    assert case["activeOverride"]["assignedReviewers"] == [{"displayName": "Rolf"}]
    assert {"action": "REASSIGN", "allowed": False, "code": "REVIEWERS_AVAILABLE"} in case["availableActions"]


async def test_a_key_names_others_once(world: World) -> None:
    requested = await world.case_in(CaseStatus.PENDING_REVIEW)
    await deactivate(world.database, world.rosa.id)
    command = reassign(requested, world.rolf, idempotency_key="key")

    first, again = [await world.do(world.carl, command) for _ in range(2)]

    assert (first.replayed, again.replayed, again.action) == (False, True, first.action)
    assert await reported(world.do(world.carl, replace(command, reviewer_ids=(world.bea.id,)))) == [
        "IDEMPOTENCY_KEY_REUSED"
    ]


# --- Who, when, whom --------------------------------------------------------------------------------------------------


async def test_reviewers_stay_while_one_of_them_can_decide(world: World) -> None:
    case_id = (await world.open_case()).case.id
    requested = await world.request_override(case_id, reviewers=(world.rosa, world.rolf, world.bea))
    command = reassign(requested, world.bea)
    await deactivate(world.database, world.rosa.id)
    await take_role(world.database, world.bea.id)
    before = await contents(world.database)

    assert await reported(world.do(world.carl, command)) == ["REVIEWERS_AVAILABLE"]
    # The state comes before the people that the input names, and before the version.
    wrong = replace(command, reviewer_ids=(world.ada.id, uuid4()), expected_version=99)
    assert await reported(world.do(world.carl, wrong)) == ["REVIEWERS_AVAILABLE"]
    assert await contents(world.database) == before
    await deactivate(world.database, world.rolf.id)
    assert await reported(world.do(world.carl, command)) == ["INVALID_REVIEWER"]
    await give_role(world.database, world.bea.id)
    assert await reported(world.do(world.carl, command)) == ["REVIEWER_TOO_RECENT"]
    await activate(world.database, world.rolf.id)
    assert await reported(world.do(world.carl, command)) == ["REVIEWERS_AVAILABLE"]


async def test_only_contributors_reassign_and_never_to_themselves_or_the_creator(world: World) -> None:
    database, account_id = world.database, world.account_id
    dora = await make_person(database, account_id, "Dora", Role.CONTRIBUTOR, Role.REVIEWER)
    idle = await make_person(database, account_id, "Ivan", Role.REVIEWER)
    await deactivate(database, idle.id)
    stranger = (await make_world(database)).rosa
    case_id = (await world.open_case()).case.id
    requested = await world.request_override(case_id, dora)
    await deactivate(database, world.rosa.id)
    before = await contents(database)

    for person in (world.rolf, world.aldo):
        assert await reported(world.do(person, reassign(requested, world.rolf))) == ["ROLE_REQUIRED"]
    people = (world.rolf, dora, world.bea, world.carl, idle, stranger, world.rosa)
    expected = ["CREATOR_CANNOT_REVIEW", "SELF_ASSIGNMENT_FORBIDDEN", *["INVALID_REVIEWER"] * 4]
    assert await reported(world.do(world.bea, reassign(requested, *people))) == expected
    assert await reported(rehearse(database, world.bea.actor, reassign(requested, *people), request_id="x")) == expected
    assert await reported(world.do(dora, reassign(requested, dora))) == ["CREATOR_CANNOT_REVIEW"]
    assert await reported(world.do(world.carl, reassign(requested, world.rolf, expected_version=1))) == [
        "VERSION_CONFLICT"
    ]
    assert await contents(database) == before
    # Who asked for the override might take it back and ask others: so they may name others here, too.
    assert await reported(world.do(dora, reassign(requested, world.bea))) == []
    assert await reported(world.do(dora, AcceptOverride(**await world.read(case_id)))) == ["SELF_REVIEW_FORBIDDEN"]


@pytest.mark.parametrize("days", [0, 3])
async def test_who_stands_in_for_a_reviewer_does_not_assign_that_one(world: World, days: int) -> None:
    now = clock.now()
    await delegate(world, world.rolf, world.bea, now, starts_at=now + timedelta(days=days))
    requested = await world.case_in(CaseStatus.PENDING_REVIEW)
    await deactivate(world.database, world.rosa.id)
    before = await contents(world.database)

    assert await reported(world.do(world.bea, reassign(requested, world.rolf))) == ["SELF_ASSIGNMENT_FORBIDDEN"]
    tried = rehearse(world.database, world.bea.actor, reassign(requested, world.rolf), request_id="x")
    assert await reported(tried) == ["SELF_ASSIGNMENT_FORBIDDEN"]
    assert await contents(world.database) == before

    assert await reported(world.do(world.carl, reassign(requested, world.rolf))) == []
    decided = await reported(world.do(world.bea, AcceptOverride(**await world.read(requested.case.id))))
    assert decided == ([] if days == 0 else ["NOT_ASSIGNED_REVIEWER"])


async def test_a_creator_assigns_whom_they_stand_in_for_and_does_not_decide(world: World) -> None:
    await delegate(world, world.rolf, world.bea)
    case_id = (await world.open_case()).case.id
    requested = await world.request_override(case_id, world.bea)
    await deactivate(world.database, world.rosa.id)

    assert await reported(world.do(world.bea, reassign(requested, world.rolf))) == []
    own = await reported(world.do(world.bea, AcceptOverride(**await world.read(case_id))))
    assert own == ["SELF_REVIEW_FORBIDDEN"]


@pytest.mark.parametrize(
    ("reviewers", "codes"),
    [
        ([], ["REVIEWER_REQUIRED"]),
        ([str(uuid4()) for _ in range(11)], ["TOO_MANY_REVIEWERS"]),
        (["x"], ["INVALID_ID"]),
        ([str(UUID(int=5))] * 2, ["INVALID_INPUT"]),
    ],
)
async def test_the_list_s_errors_are_reported_before_anything_is_read(
    world: World, api: Api, reviewers: list[str], codes: list[str]
) -> None:
    input = {"caseId": str(uuid4()), "overrideId": str(uuid4()), "reviewerIds": reviewers}

    payload = await api.act(world.carl.token, "reassignReviewers", input)

    assert [error["code"] for error in payload["errors"]] == codes


async def test_what_is_not_pending_gets_no_other_reviewers(world: World) -> None:
    first = await world.case_in(CaseStatus.PENDING_REVIEW)
    await world.refuse(first.case.id)
    other = await world.case_in(CaseStatus.PENDING_REVIEW)
    never = await world.open_case()
    await deactivate(world.database, world.rosa.id)
    unknown = replace(reassign(first, world.rolf), override_id=uuid4())

    assert await reported(world.do(world.carl, reassign(first, world.rolf))) == ["OVERRIDE_NOT_PENDING"]
    assert await reported(world.do(world.carl, unknown)) == ["NO_PENDING_OVERRIDE"]
    assert await reported(world.do(world.carl, replace(unknown, case_id=never.case.id))) == ["NO_PENDING_OVERRIDE"]
    assert await reported(world.do(world.carl, replace(unknown, case_id=other.case.id))) == ["NOT_FOUND"]
    assert await reported(world.do(world.carl, replace(unknown, case_id=uuid4()))) == ["NOT_FOUND"]
    await world.do(world.ada, CloseCase(case_id=first.case.id))
    assert await reported(world.do(world.carl, reassign(first, world.rolf))) == ["CASE_CLOSED"]


async def test_reviewers_are_reassigned_in_an_unrestricted_account_too(database: Database) -> None:
    world = await make_world(database)
    requested = await world.case_in(CaseStatus.PENDING_REVIEW)
    assert await reported(world.do(world.carl, reassign(requested, world.rolf))) == ["REVIEWERS_AVAILABLE"]
    await deactivate(database, world.rosa.id)

    await world.do(world.carl, reassign(requested, world.rolf))

    # Should the account restrict decisions one day, it is those who are asked by then who decide.
    await set_by_hand(database, tables.accounts, world.account_id, restrict_to_assigned_reviewers=True)
    await activate(database, world.rosa.id)
    refuse = RefuseOverride(**await world.read(requested.case.id))
    assert await reported(world.do(world.rosa, refuse)) == ["NOT_ASSIGNED_REVIEWER"]
    assert await reported(world.do(world.rolf, refuse)) == []


# --- At the same time -------------------------------------------------------------------------------------------------


async def test_who_waits_for_the_case_while_others_take_their_place_decides_nothing(world: World) -> None:
    """What PostgreSQL reads for who waits is in part from before: not who is asked."""
    case_id = (await world.open_case()).case.id
    requested = await world.request_override(case_id)
    accept = AcceptOverride(**await world.read(case_id))
    await deactivate(world.database, world.rosa.id)
    started: dict[str, asyncio.Task[list[str]]] = {}
    async with world.database.write() as connection:
        await lock_case(connection, world.account_id, case_id)
        started["reassign"] = asyncio.create_task(reported(world.do(world.carl, reassign(requested, world.rolf))))
        await asyncio.sleep(0.2)
        started["accept"] = asyncio.create_task(reported(world.do(world.rosa, accept)))
        await asyncio.sleep(0.2)
        assert not any(task.done() for task in started.values())
    assert await started["reassign"] == []
    await started["accept"]
    await activate(world.database, world.rosa.id)
    assert await reported(world.do(world.rosa, accept)) == ["NOT_ASSIGNED_REVIEWER"]
    assert await reported(world.do(world.rolf, AcceptOverride(**await world.read(case_id)))) == []


async def test_who_gets_the_right_back_while_others_are_named_waits_or_comes_first(world: World) -> None:
    if world.database.is_sqlite:
        pytest.skip("SQLite has one writer at a time")
    database = world.database
    for kept in (True, False):
        requested = await world.case_in(CaseStatus.PENDING_REVIEW)
        command = reassign(requested, world.rolf)
        await deactivate(database, world.rosa.id)
        async with database.writer.lent() as connection:
            begun = await connection.begin()
            await connection.execute(update(tables.users).where(tables.users.c.id == world.rosa.id).values(active=True))
            task = asyncio.create_task(reported(world.do(world.carl, command)))
            await asyncio.sleep(0.2)
            assert not task.done()
            await (begun.commit() if kept else begun.rollback())
        assert await task == (["REVIEWERS_AVAILABLE"] if kept else [])
        await activate(database, world.rosa.id)


async def test_of_those_who_name_others_at_once_one_does(world: World) -> None:
    requested = await world.case_in(CaseStatus.PENDING_REVIEW)
    await deactivate(world.database, world.rosa.id)

    codes = await asyncio.gather(
        *(
            reported(world.do(person, reassign(requested, reviewer)))
            for person in (world.ada, world.carl)
            for reviewer in (world.rolf, world.bea)
        )
    )

    assert sorted(codes) == [[], *[["REVIEWERS_AVAILABLE"]] * 3]
    assert len(await assigned_names(world, requested.case.id)) == 2
    assert await faults(world) == []


# --- The database -----------------------------------------------------------------------------------------------------


async def assert_refused(world: World, statement: Executable, match: str) -> None:
    before = await contents(world.database)
    with pytest.raises(IntegrityError, match=match):
        await run(world.database, statement)
    assert await contents(world.database) == before


async def test_the_database_keeps_all_reviewers_who_were_assigned(world: World) -> None:
    requested = await world.case_in(CaseStatus.PENDING_REVIEW)
    await deactivate(world.database, world.rosa.id)
    await world.do(world.carl, reassign(requested, world.rolf))
    assert requested.override is not None
    assigned, override = tables.reassigned_reviewers, tables.overrides
    row = {
        "override_id": requested.override.id,
        "version": 3,
        "position": 0,
        "reviewer_id": world.bea.id,
        "created_by_id": world.ada.id,
    }
    permanent = "casegate: rows of reassigned_reviewers are permanent"
    for column in assigned.c:
        await assert_refused(world, update(assigned).values({column: column}), permanent)
    await assert_refused(world, delete(assigned), permanent)
    for version in (1, 4, 5):
        late = "casegate: the override is finished|version_is_later"
        await assert_refused(world, insert(assigned).values(row | {"version": version}), late)
    by_creator = row | {"reviewer_id": world.ada.id}
    await assert_refused(world, insert(assigned).values(by_creator), "reviewer_is_not_creator")
    await assert_refused(
        world, insert(assigned).values(by_creator | {"created_by_id": world.carl.id}), "(?i)foreign key"
    )
    for version in (0, 1, 4):
        await assert_refused(world, update(override).values(version=version), "casegate: the version of an override")
    await world.accept(requested.case.id, world.rolf)
    for version in (2, 3, 4):
        await assert_refused(
            world, insert(assigned).values(row | {"version": version}), "casegate: the override is finished"
        )


async def test_the_verifier_names_the_row_whose_reviewers_were_changed(world: World) -> None:
    requested = await world.case_in(CaseStatus.PENDING_REVIEW)
    await deactivate(world.database, world.rosa.id)
    await world.do(world.carl, reassign(requested, world.rolf))
    await world.refuse(requested.case.id, world.rolf)
    first, later = tables.override_reviewers, tables.reassigned_reviewers
    added = insert(later).from_select(
        ["override_id", "version", "position", "reviewer_id", "created_by_id"],
        select(
            later.c.override_id,
            later.c.version,
            later.c.position + 1,
            select(tables.users.c.id).where(tables.users.c.id == world.bea.id).scalar_subquery(),
            later.c.created_by_id,
        ),
    )
    for statement, seq in (
        (update(first).values(reviewer_id=world.bea.id), 2),
        (update(later).values(reviewer_id=world.bea.id), 3),
        (added, 3),
        (delete(later), 3),
    ):
        assert await faults(world) == []
        before = await contents(world.database)
        await tamper(world.database, statement)
        (verdict,) = await faults(world)
        assert (verdict.fault.seq, verdict.fault.kind) == (seq, "content")
        for table in (first, later):
            await tamper(world.database, delete(table), insert(table).values([*before[table.name].values()]))


async def test_who_has_no_token_can_get_one_and_who_was_revoked_has_left(world: World) -> None:
    requested = await world.case_in(CaseStatus.PENDING_REVIEW)
    await accounts.revoke_token(world.database, world.rosa.actor.token_id)
    assert await reported(world.do(world.carl, reassign(requested, world.rolf))) == ["REVIEWERS_AVAILABLE"]

    await accounts.revoke_user(world.database, world.rosa.id)

    assert await reported(world.do(world.carl, reassign(requested, world.rolf))) == []
