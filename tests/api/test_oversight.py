"""Oversight: reviews counted by hand, and policies replayed against the same history under these policies."""

from dataclasses import replace
from datetime import datetime, timedelta
from itertools import product
from statistics import median
from typing import Any

import asyncpg
import pytest

from app.actions.perform import perform, rehearse
from app.domain.commands import AcceptOverride, ReassignReviewers, RefuseOverride, RequestOverride
from app.domain.errors import InputRefused, Refusal
from app.domain.model import ActionType, RequestedStatus, Role, Scope, StepState
from tests.support.api import Api, refusals
from tests.support.checklists import LETTER, record, with_checklist
from tests.support.recorded_sql import recorded
from tests.support.signal_histories import SignalHistory
from tests.support.world import FOUNDED, World, make_person, make_world, person_of

STATISTICS = """query($since: DateTime, $until: DateTime, $first: Int, $after: String) {
    reviewStatistics(since: $since, until: $until, first: $first, after: $after) {
        totalCount pageInfo { hasNextPage endCursor } nodes {
        creator { id } reviewer { id } decisionCount acceptedCount refusedCount acceptedPercent medianSeconds } } }"""
REPLAY = """query(
    $policy: PolicyInput!, $since: DateTime!, $first: Int, $last: Int, $after: String, $before: String
) { policyReplay(policy: $policy, since: $since, first: $first, last: $last, after: $after, before: $before) {
        examinedCount undeterminedCount pageInfo { hasNextPage hasPreviousPage startCursor endCursor }
        nodes { code message action { id seq } } edges { cursor node { action { id } } } } }"""
ALWAYS = FOUNDED.isoformat()


def expected_statistics(history: SignalHistory, since: datetime | None, until: datetime | None) -> list[dict[str, Any]]:
    """Return the statistics of the history, counted one by one."""
    met: dict[tuple[Any, Any], list[Any]] = {}
    for made in (made for case in history.cases for made in case.overrides):
        if made.decided_at is None or (since and made.decided_at < since) or (until and made.decided_at >= until):
            continue
        met.setdefault((made.creator, made.decider), []).append(made)
    rows = []
    for (creator, reviewer), decided in met.items():
        accepted = sum(made.status == "ACCEPTED" for made in decided)
        took = [(made.decided_at - made.created_at) // timedelta(microseconds=1) for made in decided]
        rows.append(
            {
                "creator": {"id": str(creator)},
                "reviewer": {"id": str(reviewer)},
                "decisionCount": len(decided),
                "acceptedCount": accepted,
                "refusedCount": len(decided) - accepted,
                "acceptedPercent": int(100 * accepted / len(decided) + 0.5),
                "medianSeconds": int(median(took) // 1_000_000),
            }
        )
    return sorted(rows, key=lambda row: (row["decisionCount"], row["creator"]["id"], row["reviewer"]["id"]))[::-1]


async def test_reviews_are_those_that_are_counted_one_by_one(world: World, api: Api) -> None:
    await make_world(world.database)
    history = SignalHistory(world, 3)
    await history.play(120)
    decided = sorted(made.decided_at for case in history.cases for made in case.overrides if made.decided_at)
    middle = decided[len(decided) // 2]

    for since, until in ((None, None), (middle, None), (None, middle), (decided[2], middle)):
        variables = {"since": since and since.isoformat(), "until": until and until.isoformat(), "first": 100}
        found = (await api.run(world.aldo.token, STATISTICS, variables))["reviewStatistics"]
        expected = expected_statistics(history, since, until)
        assert found["nodes"] == expected
        assert found["totalCount"] == len(expected) > 2


async def test_reviews_come_by_the_page(world: World, api: Api) -> None:
    history = SignalHistory(world, 3)
    await history.play(120)
    whole = expected_statistics(history, None, None)
    found, after = [], None

    for _ in range(len(whole)):
        variables = {"first": 2, "after": after}
        page = (await api.run(world.aldo.token, STATISTICS, variables))["reviewStatistics"]
        found += page["nodes"]
        after = page["pageInfo"]["endCursor"]
        if not page["pageInfo"]["hasNextPage"]:
            break

    assert found == whole


async def test_oversight_is_for_admins_of_the_account(world: World, api: Api) -> None:
    replay = f'{{ policyReplay(policy: {{}}, since: "{ALWAYS}") {{ examinedCount }} }}'
    unscoped = await person_of(world.database, world.aldo.id, Scope.CASES_READ)
    blind = await person_of(world.database, world.aldo.id, Scope.ADMIN_READ)
    elsewhere = await make_world(world.database)
    case_id = (await world.open_case()).case.id
    await world.request_override(case_id)
    await world.accept(case_id)

    for query in ("{ reviewStatistics { totalCount } }", replay):
        for person, code in ((world.rosa, "ROLE_REQUIRED"), (unscoped, "INSUFFICIENT_SCOPE")):
            body = (await api.send(person.token, query)).json()
            assert [error["extensions"]["code"] for error in body["errors"]] == [code]
    (refusal,) = (await api.send(blind.token, replay)).json()["errors"]
    assert (refusal["extensions"]["code"], "cases_read" in refusal["message"]) == ("INSUFFICIENT_SCOPE", True)
    assert (await api.run(elsewhere.aldo.token, replay))["policyReplay"]["examinedCount"] == 0
    assert (await api.run(elsewhere.aldo.token, STATISTICS))["reviewStatistics"]["nodes"] == []
    assert (await api.run(world.aldo.token, replay))["policyReplay"]["examinedCount"] == 1


async def test_a_period_that_ends_before_it_begins_is_refused(world: World, api: Api) -> None:
    for since, until in (("2026-01-02T00:00:00Z", "2026-01-01T00:00:00Z"), ("2026-01-01T00:00:00Z",) * 2):
        query = f'{{ reviewStatistics(since: "{since}", until: "{until}") {{ totalCount }} }}'
        assert await refusals(api, world.aldo.token, query) == [("INVALID_INPUT", ["until"])]
    query = '{ reviewStatistics(since: "2026-01-01T00:00:00") { totalCount } }'
    assert await refusals(api, world.aldo.token, query) == [("INVALID_INPUT", ["since"])]


async def requested(world: World, case_id: Any) -> None:
    command = RequestOverride(
        case_id=case_id,
        requested_status=RequestedStatus.FAVORABLE,
        reviewer_ids=(world.rosa.id,),
        comment="Why.",
    )
    await perform(world.database, world.ada.actor, command, request_id="test")


async def under(world: World, person: Any, command: Any, *, restrict: bool, require: bool) -> str | None:
    """Execute a decision under other policies, undo it, and return the code of its refusal."""
    actor = replace(person.actor, restrict_to_assigned_reviewers=restrict)
    if require and command.expected_version is None:
        try:
            replace(command, requires_version=True)
        except InputRefused as refused:
            return str(next(refusal.code for refusal in refused.refusals))
    try:
        await rehearse(world.database, actor, command, request_id="test")
    except Refusal as refusal:
        return str(refusal.code)
    return None


async def history_under(world: World) -> dict[tuple[bool, bool], dict[str, str]]:
    """Play decisions of all sorts; return by policies the refusals of each decision that is executed under them."""
    found: dict[tuple[bool, bool], dict[str, str]] = {(a, b): {} for a in (False, True) for b in (False, True)}
    unnamed: dict[str, Any] = {"override_id": None, "expected_version": None, "requires_version": False}
    for name, way, named in product(("rosa", "rolf", "bea"), (AcceptOverride, RefuseOverride), (True, False)):
        person = getattr(world, name)
        case_id = (await world.open_case()).case.id
        await requested(world, case_id)
        command = way(**await world.read(case_id)) if named else way(case_id=case_id, **unnamed)
        refused = {ways: await under(world, person, command, restrict=ways[0], require=ways[1]) for ways in found}
        action = (await world.do(person, command)).action
        for policy, code in refused.items():
            if code is not None:
                found[policy][str(action.id)] = code
    return found


async def replayed(api: Api, world: World, restrict: bool | None, require: bool | None, **more: Any) -> Any:
    policy = {"restrictToAssignedReviewers": restrict, "requireReviewedVersion": require}
    return (await api.run(world.aldo.token, REPLAY, {"policy": policy, "since": ALWAYS, "first": 100, **more}))[
        "policyReplay"
    ]


async def test_a_replay_refuses_what_the_same_history_is_refused_under_these_policies(world: World, api: Api) -> None:
    expected = await history_under(world)

    for (restrict, require), refused in expected.items():
        found = await replayed(api, world, restrict, require)
        assert {node["action"]["id"]: node["code"] for node in found["nodes"]} == refused
        assert (found["examinedCount"], found["undeterminedCount"]) == (12, 0)
    assert {code for refused in expected.values() for code in refused.values()} == {"NOT_ASSIGNED_REVIEWER", "REQUIRED"}
    assert expected[False, False] == {} and len(expected[True, True]) == 10


async def test_a_replay_goes_by_the_latest_reviewers(world: World, api: Api) -> None:
    first_reviewer = await make_person(world.database, world.account_id, "Remy", Role.REVIEWER)
    case_id = (await world.open_case()).case.id
    override = (await world.request_override(case_id, reviewers=(first_reviewer,))).override
    assert override is not None
    await api.act(world.aldo.token, "deactivateUser", {"userId": str(first_reviewer.id)})
    reassign = ReassignReviewers(case_id=case_id, override_id=override.id, reviewer_ids=(world.rolf.id,))
    await world.do(world.carl, reassign)
    await world.accept(case_id, world.rolf)

    assert (await replayed(api, world, restrict=True, require=False))["nodes"] == []


async def test_a_replay_waits_for_what_may_still_be_committed_before_it(world: World, api: Api, fresh_url: str) -> None:
    if world.database.is_sqlite:
        pytest.skip("one writes at a time")
    case_id = (await world.open_case()).case.id
    await world.request_override(case_id)
    connection = await asyncpg.connect(fresh_url)
    transaction = connection.transaction()
    await transaction.start()
    await connection.fetchval("SELECT pg_current_xact_id()")
    await world.accept(case_id)
    meanwhile = await replayed(api, world, restrict=True, require=True)
    await transaction.rollback()
    await connection.close()

    assert meanwhile["examinedCount"] == 0
    assert (await replayed(api, world, restrict=True, require=True))["examinedCount"] == 1


async def test_a_replay_comes_by_the_page_and_says_why_in_both_languages(world: World, api: Api) -> None:
    whole = await replayed(api, world, restrict=True, require=True)
    assert whole["nodes"] == []
    await history_under(world)
    whole = (await replayed(api, world, restrict=True, require=True))["nodes"]
    found: list[Any] = []
    after, pages = None, 0

    while pages < 20:
        page = await replayed(api, world, restrict=True, require=True, first=3, after=after)
        found += page["nodes"]
        pages += 1
        after = page["pageInfo"]["endCursor"]
        assert page["pageInfo"]["hasPreviousPage"] is (pages > 1)
        if not page["pageInfo"]["hasNextPage"]:
            break

    assert found == whole
    backward: list[Any] = []
    before, has_more = None, True
    while has_more and len(backward) <= len(whole):
        page = await replayed(api, world, restrict=True, require=True, first=None, last=4, before=before)
        backward = [*page["nodes"], *backward]
        assert page["pageInfo"]["hasNextPage"] is (before is not None)
        before, has_more = page["pageInfo"]["startCursor"], page["pageInfo"]["hasPreviousPage"]
    assert backward == whole
    policy = "policy: {restrictToAssignedReviewers: true, requireReviewedVersion: false}"
    query = f'{{ policyReplay({policy}, since: "{ALWAYS}", first: 1) {{ nodes {{ message }} }} }}'
    french = await api.run(world.aldo.token, query, accept_language="fr")
    assert "valideur" in french["policyReplay"]["nodes"][0]["message"]


async def test_a_replay_without_policies_is_by_those_of_the_account(world: World, api: Api) -> None:
    await history_under(world)
    assert {node["code"] for node in (await replayed(api, world, None, None))["nodes"]} == {"REQUIRED"}

    await api.act(world.aldo.token, "updateAccount", {"restrictToAssignedReviewers": True})

    codes = {node["code"] for node in (await replayed(api, world, None, None))["nodes"]}
    assert codes == {"REQUIRED", "NOT_ASSIGNED_REVIEWER"}


@pytest.mark.parametrize("first", [0, 101])
async def test_a_page_size_out_of_range_is_refused(world: World, api: Api, first: int) -> None:
    query = f'{{ policyReplay(policy: {{}}, since: "{ALWAYS}", first: {first}) {{ examinedCount }} }}'

    assert await refusals(api, world.aldo.token, query) == [("INVALID_INPUT", ["first"])]


async def test_oversight_costs_the_same_statements_whatever_the_number_of_decisions(world: World, api: Api) -> None:
    costs = []
    for _ in range(2):
        await history_under(world)
        with recorded() as reported:
            await replayed(api, world, restrict=True, require=True)
            await api.run(world.aldo.token, STATISTICS, {"first": 100})
        costs.append(sorted(reported))

    assert costs[0] == costs[1]


async def test_a_replay_with_required_steps_refuses_what_was_accepted_without_them(world: World, api: Api) -> None:
    played = await with_checklist(world, LETTER)
    strict = await with_checklist(
        await make_world(world.database), replace(LETTER, required_for=frozenset({ActionType.ACCEPT}))
    )
    stories: list[list[StepState]] = [[], [StepState.DONE], [StepState.DONE, StepState.OPEN], [StepState.NOT_NEEDED]]

    async def accepted(there: World, states: list[StepState]) -> str | None:
        case_id = (await there.open_case()).case.id
        for state in states:
            await record(there, case_id, LETTER, state)
        await there.request_override(case_id)
        try:
            await there.accept(case_id)
        except Refusal as refusal:
            return refusal.code
        await record(there, case_id, LETTER)  # too late
        return None

    assert [await accepted(played, states) for states in stories] == [None] * 4
    expected = [await accepted(strict, states) for states in stories]
    replay: dict[str, Any] = {"since": ALWAYS, "policy": {"requiredSteps": ["LETTER"]}}
    found = (await api.run(played.aldo.token, REPLAY, replay))["policyReplay"]

    assert expected == ["CHECKLIST_OPEN", None, "CHECKLIST_OPEN", None]
    assert [node["code"] for node in found["nodes"]] == ["CHECKLIST_OPEN"] * 2
    assert {node["message"] for node in found["nodes"]} == {"Steps of the checklist are open: Letter."}
    assert [node["action"]["seq"] for node in found["nodes"]] == [3, 5]
    assert found["examinedCount"] == 4
    policies: list[dict[str, Any]] = [{}, {"requiredSteps": []}]
    for policy in policies:
        assert (await api.run(played.aldo.token, REPLAY, replay | {"policy": policy}))["policyReplay"]["nodes"] == []
    unknown = replay | {"policy": {"requiredSteps": ["TEA"]}}
    assert len((await api.run(played.aldo.token, REPLAY, unknown))["policyReplay"]["nodes"]) == 4


@pytest.mark.parametrize("key", ["call_back", "", " TEA", "1ST", "T" * 41])
async def test_a_replay_refuses_what_no_step_can_be_called(world: World, api: Api, key: str) -> None:
    """It would say that every acceptance would have been refused."""
    replay = {"since": ALWAYS, "policy": {"requiredSteps": ["TEA", key]}}

    (error,) = (await api.send(world.aldo.token, REPLAY, replay)).json()["errors"]

    assert error["extensions"] == {"code": "INVALID_INPUT", "argument": ["policy", "requiredSteps", "1"]}
    assert "1 to 40 of the characters A-Z 0-9 _" in error["message"]
