"""Results of checks over GraphQL: one, and many at once, of which each is done or refused by itself."""

from typing import Any

import pytest

from app.domain.commands import CloseCase
from app.domain.model import Scope
from tests.support.api import Api
from tests.support.database_contents import contents, differences
from tests.support.evaluations import ITEM, check_system, faults, log_of, opened, subject_of
from tests.support.recorded_sql import recorded
from tests.support.world import Person, World

SHOWN = """replayed changed subject { id type externalRef label countryCode evaluationStatus version }
    evaluation { statusBefore statusAfter subjectVersion changed replacedOverride { id status } }
    case { id status version } action { seq type statusBefore statusAfter hash }
    supposed { changed subject { subjectId evaluationStatus version } action { seq type }
        evaluation { statusAfter } }"""
RESULTS = f"results {{ errors {{ code message path }} {SHOWN} }}"
ROWS = """query($id: ID!) { case(id: $id) { actions(types: [EVALUATION]) { nodes { type typeLabel(language: FR)
    user { displayName kind } evaluation { statusBefore statusBeforeLabel(language: FR) statusAfter subjectVersion
    changed replacedOverride { id } } } } } }"""


@pytest.fixture
async def checks(world: World) -> Person:
    """The system that makes checks, by a token that may record results and nothing else."""
    return await check_system(world, Scope.SUBJECTS_WRITE)


def items(count: int, **more: Any) -> list[dict[str, Any]]:
    return [ITEM | {"externalRef": f"check-{n}", "idempotencyKey": f"key-{n}"} | more for n in range(count)]


async def one(api: Api, who: Person, **more: Any) -> dict[str, Any]:
    return await api.act(who.token, "recordEvaluation", ITEM | more, SHOWN)


async def many(api: Api, who: Person, evaluations: list[dict[str, Any]], **more: Any) -> dict[str, Any]:
    return await api.act(who.token, "recordEvaluations", {"evaluations": evaluations, **more}, RESULTS)


def codes(payload: dict[str, Any]) -> list[str]:
    """Return of each result the first code, or whether it changed anything."""
    return [
        item["errors"][0]["code"] if item["errors"] else "changed" if item["changed"] else "unchanged"
        for item in payload["results"]
    ]


async def test_a_result_is_shown_with_what_it_changed_and_the_row_of_the_open_case(
    world: World, api: Api, checks: Person
) -> None:
    case = await opened(world)
    requested = await world.request_override(case.id)
    await world.accept(case.id)
    assert requested.override is not None

    payload = await one(api, checks, countryCode="FR")

    override = {"id": str(requested.override.id), "status": "ACCEPTED"}
    assert payload["errors"] == []
    assert payload["evaluation"] == {
        "statusBefore": "FAVORABLE",
        "statusAfter": "ANOMALY",
        "subjectVersion": 3,
        "changed": ["evaluationStatus", "countryCode"],
        "replacedOverride": override,
    }
    assert (payload["replayed"], payload["changed"], payload["supposed"]) == (False, True, None)
    assert payload["case"] == {"id": str(case.id), "status": "RESOLVED", "version": 4}
    assert (payload["action"]["seq"], payload["action"]["type"]) == (4, "EVALUATION")
    assert (payload["subject"]["evaluationStatus"], payload["subject"]["countryCode"]) == ("ANOMALY", "FR")
    ((row),) = (await api.run(world.rosa.token, ROWS, {"id": str(case.id)}))["case"]["actions"]["nodes"]
    assert row == {
        "type": "EVALUATION",
        "typeLabel": "Nouveau résultat",
        "user": {"displayName": "Checks", "kind": "SERVICE"},
        "evaluation": {
            "statusBefore": "FAVORABLE",
            "statusBeforeLabel": "Favorable",
            "statusAfter": "ANOMALY",
            "subjectVersion": 3,
            "changed": ["evaluationStatus", "countryCode"],
            "replacedOverride": {"id": override["id"]},
        },
    }


async def test_a_result_without_an_open_case_shows_no_row(world: World, api: Api, checks: Person) -> None:
    payload = await one(api, checks)
    again = await one(api, checks)

    assert (payload["case"], payload["action"], payload["changed"]) == (None, None, True)
    assert payload["evaluation"]["statusBefore"] is None
    assert (again["changed"], again["evaluation"], again["subject"]) == (False, None, payload["subject"])
    log = "{ adminLog(first: 1) { nodes { type user { displayName } details { name values } } } }"
    (row,) = (await api.run(world.aldo.token, log))["adminLog"]["nodes"]
    assert (row["type"], row["user"]["displayName"]) == ("EVALUATION", "Checks")
    assert {"name": "subjectId", "values": [payload["subject"]["id"]]} in row["details"]


async def test_a_token_that_may_not_read_is_shown_nothing_else_of_the_case(
    world: World, api: Api, checks: Person
) -> None:
    await opened(world)
    for hidden in ("case { title }", "case { subject { label } }", "action { case { createdBy { id } } }"):
        document = f"mutation($input: RecordEvaluationInput!) {{ recordEvaluation(input: $input) {{ {hidden} }} }}"
        body = (await api.send(checks.token, document, {"input": ITEM | {"label": hidden}})).json()
        assert body["errors"][0]["extensions"]["code"] == "INSUFFICIENT_SCOPE"
    reads = "{ cases { nodes { id } } }"
    assert (await api.send(checks.token, reads)).json()["errors"][0]["extensions"]["code"] == "INSUFFICIENT_SCOPE"


async def test_a_person_is_refused_in_their_language(world: World, api: Api) -> None:
    document = (
        "mutation($input: RecordEvaluationInput!) { recordEvaluation(input: $input) { errors { code message } } }"
    )
    by_person = (await api.send(world.aldo.token, document, {"input": ITEM}, accept_language="fr")).json()
    several = await many(api, world.aldo, items(2))

    (error,) = by_person["data"]["recordEvaluation"]["errors"]
    assert error == {"code": "INSUFFICIENT_SCOPE", "message": "Il manque au jeton d’accès la portée subjects_write."}
    assert ([error["code"] for error in several["errors"]], several["results"]) == (["INSUFFICIENT_SCOPE"], [])


async def test_all_faults_of_an_input_come_at_once(world: World, api: Api, checks: Person) -> None:
    payload = await one(
        api, checks, externalRef=" ", label="x" * 201, countryCode="fr", expectedVersion=-1, idempotencyKey="a key"
    )

    assert [(error["code"], error["path"]) for error in payload["errors"]] == [
        ("INVALID_INPUT", ["input", "expectedVersion"]),
        ("INVALID_INPUT", ["input", "idempotencyKey"]),
        ("REQUIRED", ["input", "externalRef"]),
        ("TOO_LONG", ["input", "label"]),
        ("INVALID_INPUT", ["input", "countryCode"]),
    ]


# --- Many ------------------------------------------------------------------------------------------------------------


async def test_each_of_many_is_done_or_refused_by_itself(world: World, api: Api, checks: Person) -> None:
    case = await opened(world, ref="check-0")
    await one(api, checks, externalRef="check-4")
    sent = items(6)
    sent[1] |= {"label": "\n", "countryCode": "x"}
    sent[2] |= {"expectedVersion": 3}
    sent[5] = sent[0] | {"evaluationStatus": "PENDING", "idempotencyKey": "another"}

    payload = await many(api, checks, sent)

    assert payload["errors"] == []
    assert codes(payload) == ["changed", "REQUIRED", "VERSION_CONFLICT", "changed", "unchanged", "changed"]
    paths = [[error["path"] for error in item["errors"]] for item in payload["results"]]
    assert paths[1] == [["input", "evaluations", "1", "label"], ["input", "evaluations", "1", "countryCode"]]
    assert paths[2] == [["input", "evaluations", "2", "expectedVersion"]]
    assert [item["subject"] and item["subject"]["version"] for item in payload["results"]] == [2, None, None, 1, 1, 3]
    assert await log_of(world.database, case.id) == ["OPEN", "EVALUATION", "EVALUATION"]
    assert await faults(world) == []


async def test_many_that_were_cut_off_are_sent_again_and_each_is_done_once(
    world: World, api: Api, checks: Person
) -> None:
    sent = items(12)
    await opened(world, ref="check-3")
    await many(api, checks, sent[:5])
    before = await contents(world.database)

    payload = await many(api, checks, sent)

    assert [item["replayed"] for item in payload["results"]] == [True] * 5 + [False] * 7
    after = await contents(world.database)
    assert differences(before, after) == {
        *("+7 subjects", "+7 account_actions", "+7 idempotency_records"),
        "accounts: admin_action_count admin_head_hash",
    }
    again = await many(api, checks, sent)
    assert differences(after, await contents(world.database)) == set()
    assert [item["replayed"] for item in again["results"]] == [True] * 12
    assert [item["evaluation"] for item in again["results"]] == [item["evaluation"] for item in payload["results"]]


@pytest.mark.parametrize("count", [0, 101])
async def test_none_and_more_than_a_hundred_are_refused_as_a_whole(
    world: World, api: Api, checks: Person, count: int
) -> None:
    payload = await many(api, checks, items(count))

    (error,) = payload["errors"]
    assert (error["code"], error["path"]) == ("INVALID_INPUT" if count else "REQUIRED", ["input", "evaluations"])
    assert payload["results"] == []


async def test_a_hundred_are_recorded_at_once(world: World, api: Api, checks: Person) -> None:
    payload = await many(api, checks, items(100))

    assert codes(payload) == ["changed"] * 100
    assert await faults(world) == []


async def test_a_dry_run_of_many_writes_nothing(world: World, api: Api, checks: Person) -> None:
    await opened(world, ref="check-0")
    before = await contents(world.database)

    payload = await many(api, checks, items(2), dryRun=True)

    assert differences(before, await contents(world.database)) == set()
    supposed = [item["supposed"] for item in payload["results"]]
    assert [item["changed"] for item in supposed] == [True, True]
    assert [item["action"] for item in supposed] == [{"seq": 2, "type": "EVALUATION"}, None]
    assert [item["subject"]["subjectId"] is None for item in supposed] == [False, True]
    assert [item["subject"] for item in payload["results"]] == [None, None]


@pytest.mark.parametrize("is_open", [True, False], ids=["open", "closed"])
async def test_each_costs_the_same_statements_and_all_are_looked_for_at_once(
    world: World, api: Api, checks: Person, is_open: bool
) -> None:
    for n in range(6):
        case = await opened(world, ref=f"check-{n}")
        if not is_open:
            await world.do(world.ada, CloseCase(case_id=case.id))
    costs: list[list[str]] = []
    for part in (items(6)[:1], items(6)[1:3], items(6)[3:]):
        with recorded() as cost:
            assert codes(await many(api, checks, part)) == ["changed"] * len(part)
        costs.append(cost)

    first, second, third = map(len, costs)
    assert (second - first) * 2 == third - first
    assert len([statement for statement in costs[2] if statement == "SELECT subjects cases"]) == 1
    assert second - first <= (8 if is_open else 14)


# --- What others see -------------------------------------------------------------------------------------------------


async def test_an_evaluation_is_no_action_that_a_viewer_is_offered(world: World, api: Api, checks: Person) -> None:
    case = await opened(world)
    reader = await check_system(world, Scope.SUBJECTS_WRITE, Scope.CASES_READ)
    query = f'{{ case(id: "{case.id}") {{ availableActions {{ action }} }} }}'

    for who in (world.ada, world.aldo, reader):
        offered = (await api.run(who.token, query))["case"]["availableActions"]
        assert "EVALUATION" not in [item["action"] for item in offered]


async def test_cases_are_found_by_the_name_that_came_with_the_result(world: World, api: Api, checks: Person) -> None:
    case, query = await opened(world), "query($words: String!) { cases(search: $words) { nodes { id } } }"

    await one(api, checks, label="Brasserie Zélande")

    async def found(words: str) -> list[str]:
        nodes = (await api.run(world.ada.token, query, {"words": words}))["cases"]["nodes"]
        return [node["id"] for node in nodes]

    assert (await found("zelande"), await found("Moulins")) == ([str(case.id)], [])
    await world.do(world.ada, CloseCase(case_id=case.id))
    await one(api, checks, label="Fromagerie Dubois")
    assert (await found("dubois"), await found("zelande")) == ([str(case.id)], [])


async def test_the_past_shows_the_result_that_there_was(world: World, api: Api, checks: Person) -> None:
    case = await opened(world)
    await one(api, checks)
    requested = await world.request_override(case.id)
    await world.accept(case.id)
    await one(api, checks, evaluationStatus="PENDING")
    assert requested.override is not None
    await world.do(world.ada, CloseCase(case_id=case.id))
    await one(api, checks, evaluationStatus="UNCONFIRMED")

    query = """query($id: ID!, $seq: Int!) { caseSnapshot(id: $id, asOf: {seq: $seq}) {
        subject { evaluationStatus } } }"""
    then = [
        (await api.run(world.ada.token, query, {"id": str(case.id), "seq": seq}))["caseSnapshot"]["subject"]
        for seq in range(1, 7)
    ]

    results = ["UNFAVORABLE", "ANOMALY", "ANOMALY", "FAVORABLE", "PENDING", "PENDING"]
    assert [subject["evaluationStatus"] for subject in then] == results
    assert (await subject_of(world)).evaluation_status == "UNCONFIRMED"
