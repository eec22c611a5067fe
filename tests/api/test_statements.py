"""What operations cost, statement by statement: the same for a page of 1 as for a page of 100.

What is read may come in any order, since loaders run at the same time, and is listed in the alphabet's. What an action
does is listed as it comes.
"""

from collections import Counter
from collections.abc import AsyncIterator
from typing import Any
from uuid import uuid4

import pytest

from app.domain.model import CaseStatus, StepState
from tests.support.api import Api
from tests.support.checklists import CALL_BACK, CHECKLIST, SECOND_SOURCE, record, with_checklist
from tests.support.documents import comment_with
from tests.support.recorded_sql import recorded
from tests.support.worklists import LOG, REVIEWERS, USERS, WHO, make_worklist
from tests.support.world import World

NAME = "{ displayName roles }"
STEPS = "WITH case_actions texts"

# Pages of cases with what hangs on them, and what each costs.
PAGES: dict[str, tuple[str, list[str]]] = {
    "the latest actions": (
        f"""createdBy {NAME} subject {{ label }} actions(first: 5) {{ totalCount nodes {{ seq type user {NAME}
            comment {{ body author {NAME} documents {{ filename uploader {NAME} }} }}
            override {{ status assignedReviewers {NAME} }} case {{ reference }} }} }}""",
        # The people of the actions are not yet known when those who opened the cases are asked for.
        ["SELECT cases", LOG, "SELECT documents", REVIEWERS, "SELECT subjects", USERS, USERS],
    ),
    "the active overrides": (
        f"""activeOverride {{ createdBy {NAME} assignedReviewers {NAME} }}
            availableActions {{ action allowed code message }}""",
        ["SELECT cases", REVIEWERS, "SELECT overrides", "SELECT subjects", USERS],
    ),
    "all overrides": (
        f"""overrides(first: 2) {{ nodes {{ status createdBy {NAME} decidedBy {NAME} assignedReviewers {NAME}
            subject {{ label }} case {{ title }} }} }}""",
        ["SELECT cases", REVIEWERS, "SELECT overrides", "SELECT subjects", USERS],
    ),
}
WORKLIST = " ".join(selection for selection, _ in PAGES.values())
# Where a loader is asked from two places whose parents come at the same time, both may fall into one batch or not.
MOST = Counter(statement for _, statements in PAGES.values() for statement in statements)


@pytest.fixture
async def patient(fresh_url: str) -> AsyncIterator[Api]:
    """A gateway that takes operations that cost more than usual."""
    async with Api.opened(fresh_url, max_cost=100_000) as opened:
        yield opened


@pytest.mark.long
async def test_a_page_of_100_cases_costs_the_same_statements_as_a_page_of_1(world: World, patient: Api) -> None:
    api = patient
    await make_worklist(world, api)

    async def page(selection: str, first: int) -> tuple[list[str], list[dict[str, Any]]]:
        document = f"{{ cases(first: {first}) {{ nodes {{ reference {selection} }} }} }}"
        with recorded() as reported:  # for somebody who is in none of them: the viewer is in hand
            data = await api.run(world.aldo.token, document)
        assert len(data["cases"]["nodes"]) == first
        return sorted(reported), data["cases"]["nodes"]

    for name, (selection, expected) in PAGES.items():
        costs = {first: (await page(selection, first))[0] for first in (1, 2, 100)}
        assert costs == {first: sorted([WHO, *expected]) for first in costs}, name

    (one, _), (hundred, cases) = await page(WORKLIST, 1), await page(WORKLIST, 100)
    assert set(hundred) == set(one) == {WHO, *MOST}
    assert Counter(hundred) <= MOST + Counter([WHO])
    # It is all there: nobody saved a statement by leaving something out.
    assert all(len(case["actions"]["nodes"]) >= 4 and len(case["overrides"]["nodes"]) == 2 for case in cases)
    assert all(case["activeOverride"]["assignedReviewers"] for case in cases)
    assert (
        sum(len(row["comment"]["documents"]) for case in cases for row in case["actions"]["nodes"] if row["comment"])
        == 2
    )


@pytest.mark.long
async def test_a_page_of_checklists_costs_the_same_statements_for_1_case_and_for_100(
    world: World, patient: Api
) -> None:
    checked = await with_checklist(world, *CHECKLIST)
    for _ in range(100):
        case_id = (await checked.open_case()).case.id
        await record(checked, case_id, CALL_BACK)
        await record(checked, case_id, SECOND_SOURCE, StepState.NOT_NEEDED)
    selection = f"""checklist {{ key label state action {{ user {NAME} comment {{ body }} }} }}
        availableActions {{ action code }}"""

    async def page(first: int, selection: str) -> list[str]:
        with recorded() as reported:
            data = await patient.run(checked.aldo.token, f"{{ cases(first: {first}) {{ nodes {{ {selection} }} }} }}")
        assert len(data["cases"]["nodes"]) == first
        return sorted(reported)

    # The steps of a case are looked for once, whatever is made of them: where they stand, and what may be done.
    costs = {first: await page(first, selection) for first in (1, 2, 100)}
    actions = {first: await page(first, "availableActions { action code }") for first in (1, 100)}

    assert costs[1] == costs[2] == costs[100]
    assert Counter(costs[1])[STEPS] == 1, costs
    assert Counter(costs[1])["SELECT case_actions"] == 1, costs  # the rows by which they stand there
    assert actions[1] == actions[100]
    assert Counter(actions[1])[STEPS] == 1, actions
    assert await page(100, "checklist { key }") == sorted([WHO, "SELECT cases", STEPS])


# What is asked for, and what it costs.
QUERIES: dict[str, list[str]] = {
    "{ __typename }": [WHO],
    "{ viewer { user { displayName roles } account { name features } scopes language } }": [WHO],
    '{ case(id: "CASE_ID") { id reference title status } }': [WHO, "SELECT cases"],
    '{ case(reference: "CASE-000001") { id reference title status } }': [WHO, "SELECT cases"],
    "{ cases { nodes { id } pageInfo { hasNextPage endCursor } edges { cursor } } }": [WHO, "SELECT cases"],
    "{ cases { nodes { id } totalCount } }": [WHO, "SELECT cases", "SELECT cases"],
    "{ users(role: REVIEWER) { nodes { displayName roles } } }": [WHO, "SELECT users user_roles"],
    "{ users { totalCount } }": [WHO, "SELECT users", "SELECT users user_roles"],
    '{ case(id: "CASE_ID") { actions { totalCount } } }': [WHO, "SELECT cases", "SELECT cases case_actions"],
    '{ case(id: "CASE_ID") { actions(types: [OPEN]) { nodes { seq } totalCount } } }': [
        WHO,
        "SELECT case_actions",
        "SELECT case_actions",
        "SELECT cases",
    ],
    # Availability needs the subject and the override with its reviewers; it asks nothing for each of the actions.
    '{ case(id: "CASE_ID") { availableActions { action allowed code message } } }': [
        WHO,
        "SELECT cases",
        "SELECT overrides",
        REVIEWERS,
        "SELECT subjects",
    ],
    '{ verifyReceipt(caseId: "CASE_ID", seq: 1, hash: "x") { stands action { hash } } }': [
        WHO,
        "SELECT cases case_actions",
    ],
    # Asked for twice, read once.
    '{ a: case(id: "CASE_ID") { subject { label } } b: case(id: "CASE_ID") { subject { id } title } }': [
        WHO,
        "SELECT cases",
        "SELECT subjects",
    ],
}


async def test_each_query_costs_these_statements(world: World, api: Api) -> None:
    case_id = (await world.case_in(CaseStatus.PENDING_REVIEW)).case.id
    costs = {}

    for query in QUERIES:
        with recorded() as reported:
            await api.run(world.ada.token, query.replace("CASE_ID", str(case_id)))
        costs[query] = sorted(reported)

    assert costs == QUERIES


async def test_nodes_cost_one_statement_for_their_types_and_one_for_each_type(world: World, api: Api) -> None:
    cases = [(await world.open_case()).case for _ in range(50)]
    ids = [str(id) for case in cases for id in (case.id, case.subject_id)]

    with recorded() as reported:
        await api.run(world.ada.token, "query($ids: [ID!]!) { nodes(ids: $ids) { id __typename } }", {"ids": ids})

    what = "SELECT users subjects cases case_actions comments overrides documents"
    what += " account_actions account_changes api_tokens"
    assert sorted(reported) == [WHO, "SELECT cases", "SELECT subjects", what]


# What each mutation costs up to its commit: who asks, what is read in the one transaction, and what is written. That is
# one statement on PostgreSQL, and one turn through the connection's thread on SQLite.
LOCK = "SELECT cases subjects"
SEEN = "SELECT review_delegations cases subjects overrides override_reviewers"
NAMED = "SELECT review_delegations overrides cases subjects override_reviewers"  # shared by decisions of one moment
DECIDE = [WHO, NAMED]
LOGGED = "INSERT case_actions users"  # where the actor may still do what they might when they came in
MUTATIONS: dict[str, tuple[list[str], list[str]]] = {
    "openCase": (
        [WHO, "UPDATE accounts", "SELECT subjects"],
        ["INSERT subjects", *["INSERT case_texts"] * 3, "INSERT cases", LOGGED],
    ),
    # On PostgreSQL without a lock, and without BEGIN and COMMIT: see test_optimistic_writes.
    "addComment": ([WHO, LOCK], ["UPDATE cases", LOGGED, "INSERT case_texts", "INSERT comments"]),
    "requestOverride": (
        [WHO, LOCK, "SELECT users user_roles"],
        [
            "UPDATE cases",
            LOGGED,
            "INSERT overrides",
            "INSERT override_reviewers",
            "INSERT override_reviewers",
            "INSERT case_texts",
            "INSERT comments",
        ],
    ),
    "refuseOverride": (DECIDE, ["UPDATE cases", LOGGED, "UPDATE overrides"]),
    "cancelOverride": ([WHO, SEEN], ["UPDATE cases", LOGGED, "UPDATE overrides"]),
    "acceptOverride": (DECIDE, ["UPDATE cases", LOGGED, "UPDATE overrides", "UPDATE subjects"]),
    "closeCase": ([WHO, LOCK, "SELECT overrides"], ["UPDATE cases", LOGGED]),
}


def cost_of(mutation: str, world: World) -> list[str]:
    read, written = MUTATIONS[mutation]
    if world.database.is_sqlite:
        return [*(SEEN if item == NAMED else item for item in read), *written]
    return [*read, " ".join(["WITH", *dict.fromkeys(name for item in written for name in item.split()[1:])])]


async def test_each_mutation_costs_these_statements(world: World, api: Api) -> None:
    case_id = str((await world.open_case()).case.id)
    subject = {"type": "COMPANY_ACCOUNT_CHECK", "externalRef": "another", "label": "x"}
    request = {"requestedStatus": "FAVORABLE", "reviewerIds": [str(world.rosa.id), str(world.rolf.id)], "reason": "x"}
    story: list[tuple[str, str, dict[str, Any]]] = [
        ("ada", "openCase", {"subject": subject, "title": "x"}),
        ("carl", "addComment", {"body": "x"}),
        ("ada", "requestOverride", request),
        ("rosa", "refuseOverride", {}),
        ("ada", "requestOverride", request),
        ("ada", "cancelOverride", {}),
        ("ada", "requestOverride", request),
        ("rolf", "acceptOverride", {}),
        ("ada", "closeCase", {}),
    ]
    costs = {}

    for person, mutation, input in story:
        token = getattr(world, person).token
        # The row, the case and what was made are in hand: the payload shows them without another statement.
        shown = """case { status version subject { label } }
            action { seq hash case { version } comment { body } override { status subject { label } } }"""
        requested = input if mutation == "openCase" else input | {"caseId": case_id}
        if mutation in ("acceptOverride", "refuseOverride"):
            requested = await world.decision(case_id)
        with recorded() as costs[mutation]:
            payload = await api.act(token, mutation, requested, shown)
        assert payload["errors"] == []

    assert costs == {mutation: cost_of(mutation, world) for mutation in MUTATIONS}


async def test_a_reviewer_who_was_not_assigned_decides_by_as_few_statements(world: World, api: Api) -> None:
    case_id = (await world.open_case()).case.id
    await world.request_override(case_id, reviewers=(world.rosa,))
    decision = await world.decision(case_id)

    with recorded() as costs:
        payload = await api.act(world.rolf.token, "acceptOverride", decision)

    assert payload["errors"] == []
    assert costs == cost_of("acceptOverride", world)


async def test_a_key_costs_two_statements_more_and_its_replay_writes_nothing(world: World, api: Api) -> None:
    case_id = str((await world.open_case()).case.id)
    comment = {"caseId": case_id, "body": "x", "idempotencyKey": "key"}
    costs = {}

    for n in range(2):
        with recorded() as costs[n]:
            payload = await api.act(
                world.carl.token, "addComment", comment, "case { version } action { seq case { version } }"
            )
        assert payload == {"errors": [], "case": {"version": 2}, "action": {"seq": 2, "case": {"version": 2}}}

    who, *done = cost_of("addComment", world)
    if world.database.is_sqlite:
        done.append("INSERT idempotency_records")
    else:
        done[-1] += " idempotency_records"
    assert costs[0] == [who, "SELECT idempotency_records", *done]
    # What was found is in hand, as after the action itself.
    found = ["SELECT case_actions", "SELECT cases", "SELECT comments", "SELECT documents"]
    assert costs[1] == [WHO, "SELECT idempotency_records", *found]


async def test_a_dry_run_costs_what_the_action_costs(world: World, api: Api) -> None:
    case_id = str((await world.open_case()).case.id)
    comment = {"caseId": case_id, "body": "x", "dryRun": True}
    nested = "supposed { case { version actions(first: 2) { nodes { seq user { displayName } } } } }"

    with recorded() as costs:
        payload = await api.act(world.carl.token, "addComment", comment, nested)

    assert [row["seq"] for row in payload["supposed"]["case"]["actions"]["nodes"]] == [1]
    said = [] if world.database.is_sqlite else ["SET"]  # that no numbers are to be taken
    who, *done = cost_of("addComment", world)
    done = [item.replace("case_texts ", "") for item in done if item != "INSERT case_texts"]  # nobody is to find it
    pending = ["SELECT overrides"]  # the override that would wait for a decision
    assert costs == [who, *said, *done, *pending, "SELECT case_actions", USERS]


async def test_a_refusal_before_the_action_costs_no_transaction(world: World, api: Api) -> None:
    case_id = str((await world.case_in(CaseStatus.PENDING_REVIEW)).case.id)
    other = (await world.open_case()).case.id
    await world.request_override(other, world.bea)
    decision, of_bea = await world.decision(case_id), await world.decision(other)
    wrong: dict[str, tuple[str, str, dict[str, Any], list[str]]] = {
        "a bad shape": (world.ada.token, "addComment", {"caseId": "x", "body": ""}, [WHO]),
        "the wrong role": (world.aldo.token, "addComment", {"caseId": case_id, "body": "x"}, [WHO, "SELECT cases"]),
        "no reviewer": (world.ada.token, "acceptOverride", decision, [WHO, "SELECT cases"]),
        # Whether they may still know is looked at before they are told.
        "the creator": (world.bea.token, "acceptOverride", of_bea, [WHO, cost_of("acceptOverride", world)[1], WHO]),
        "another creator": (world.carl.token, "cancelOverride", {"caseId": case_id}, [WHO, SEEN, WHO]),
        "the wrong state": (
            world.ada.token,
            "closeCase",
            {"caseId": case_id},
            [WHO, LOCK, WHO, "SELECT cases"],
        ),
    }
    costs = {}

    for name, (token, mutation, input, _) in wrong.items():
        with recorded() as costs[name]:
            payload = await api.act(token, mutation, input)
        assert payload["errors"] != []

    assert costs == {name: expected for name, (_, _, _, expected) in wrong.items()}


async def test_a_file_for_a_case_that_is_not_there_is_refused_before_it_is_stored(world: World, api: Api) -> None:
    with recorded() as reported:
        payload = await comment_with(api, world.carl.token, str(uuid4()), [("note.txt", b"some text")])

    assert [error["code"] for error in payload["errors"]] == ["NOT_FOUND"]
    assert reported == [WHO, "SELECT cases"]
