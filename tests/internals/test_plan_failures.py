"""A plan that fails is seen: in the log with the document's hash, and in the metrics; the client gets its answer."""

import hashlib
import json
from collections.abc import Callable
from typing import Any, NoReturn

import pytest

from app.api.execution import compiler, operations, resolver_calls
from app.api.execution.selections import Selection
from app.api.execution.steps import Related
from app.api.execution.variables import Variables
from app.domain.model import CaseStatus
from app.observability import metrics
from tests.support.api import Api
from tests.support.documents import uploaded
from tests.support.world import World

READ = """query($id: ID!) { case(id: $id) { reference status createdBy { displayName }
    actions(first: 2) { nodes { seq } edges { cursor } } } }"""
COMMENT = """mutation($input: AddCommentInput!) { addComment(input: $input) {
    errors { code } action { seq } comment { body documents { filename } }
    supposed { comment { body documents { filename } } } } }"""

# Where the fault is planted, in what a plan alone uses.
PLACES: dict[str, Callable[[pytest.MonkeyPatch, Any], None]] = {
    "the compiler": lambda patch, fail: patch.setattr(operations, "compiled", fail),
    "the writer of objects": lambda patch, fail: patch.setattr(Selection, "_made", fail),
    "a step": lambda patch, fail: patch.setattr(Related, "ready", fail),
    "the values of variables": lambda patch, fail: patch.setattr(Variables, "values", fail),
}


class PlantedError(Exception):
    """A fault of ours."""


def fail(*_: object, **__: object) -> NoReturn:
    raise PlantedError


def outcomes() -> dict[str, float]:
    """Return how many operations followed their plan, how many declined it, and of how many it failed."""
    return {name: metrics.plans.labels(name)._value.get() for name in ("followed", "declined", "failed")}


def failures(capsys: pytest.CaptureFixture[str]) -> list[dict[str, Any]]:
    """Return the lines about plans that failed, and about faults that clients were told of."""
    lines = [json.loads(line) for line in capsys.readouterr().err.splitlines() if line.startswith("{")]
    return [line for line in lines if line["event"] in ("plan_failed", "fault")]


@pytest.mark.parametrize("place", PLACES)
async def test_a_plan_that_fails_is_logged_and_counted_and_the_answer_is_given(
    world: World, api: Api, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], place: str
) -> None:
    variables = {"id": str((await world.case_in(CaseStatus.PENDING_REVIEW)).case.id)}
    document = f"{READ} # {place}"  # known to nobody yet
    expected = await api.run(world.ada.token, document, variables)
    capsys.readouterr()
    before = outcomes()

    PLACES[place](monkeypatch, fail)
    answer = await api.run(world.ada.token, document, variables, x_request_id="lost-1")

    assert answer == expected
    assert outcomes() == {**before, "failed": before["failed"] + 1}
    (line,) = failures(capsys)
    assert (line["event"], line["level"], line["request_id"]) == ("plan_failed", "error", "lost-1")
    assert line["document"] == hashlib.sha256(document.encode()).hexdigest()
    assert any("PlantedError" in cause["type"] for cause in line["exception"])


async def test_a_document_that_no_plan_can_be_noted_for_is_answered(
    world: World, api: Api, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(compiler.Operation, "of", fail)
    before = outcomes()

    for _ in range(2):
        assert await api.run(world.ada.token, "{ viewer { user { displayName } } } # no plan")

    assert outcomes() == {**before, "failed": before["failed"] + 2}
    assert [line["event"] for line in failures(capsys)] == ["plan_failed", "plan_failed"]


async def test_what_a_plan_declines_by_design_is_not_logged(
    world: World, api: Api, capsys: pytest.CaptureFixture[str]
) -> None:
    queries = (
        "query($after: String) { cases(after: $after) { nodes { id } } } # a refusal",
        "query($after: String = null) { cases(after: $after, first: 1000) { nodes { id } } } # another",
    )
    for query in queries:
        await api.send(world.ada.token, query, {"after": None})
    before = outcomes()

    for query in queries:
        assert (await api.send(world.ada.token, query, {"after": "nonsense"})).json()["errors"]

    assert outcomes() == {**before, "declined": before["declined"] + 2}
    assert failures(capsys) == []


@pytest.mark.parametrize("place", ["the writer of objects", "a step"])
async def test_a_mutation_whose_plan_fails_behind_it_is_done_once(
    world: World, api: Api, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], place: str
) -> None:
    case_id = str((await world.open_case()).case.id)
    document = f"""mutation($input: AddCommentInput!) {{
        one: addComment(input: $input) {{ action {{ seq comment {{ body }} }} }}
        two: addComment(input: $input) {{ action {{ seq comment {{ body }} }} actionEdge {{ cursor }} }} }} # {place}"""
    variables = {"input": {"caseId": case_id, "body": "Noted."}}
    await api.run(world.ada.token, document, variables)
    capsys.readouterr()

    PLACES[place](monkeypatch, fail)
    data = await api.run(world.ada.token, document, variables)

    assert [data[name]["action"]["seq"] for name in ("one", "two")] == [4, 5]
    assert [data[name]["action"]["comment"]["body"] for name in ("one", "two")] == ["Noted.", "Noted."]
    monkeypatch.undo()
    case = (await api.run(world.ada.token, READ, {"id": case_id}))["case"]
    assert [node["seq"] for node in case["actions"]["nodes"]] == [5, 4]
    assert [line["event"] for line in failures(capsys)] == ["plan_failed"]


async def test_a_mutation_that_fails_in_its_plan_is_not_tried_again(
    world: World, api: Api, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """It may have been done: nobody knows where the fault was."""
    case_id = str((await world.open_case()).case.id)
    variables = {"input": {"caseId": case_id, "body": "Noted."}}
    await api.run(world.ada.token, COMMENT, variables)
    tries: list[Any] = []

    def through(field: Any) -> Any:
        code = of_field(field)

        async def act(*arguments: Any, **named: Any) -> NoReturn:
            tries.append(await code(*arguments, **named))
            raise PlantedError

        return act

    of_field = resolver_calls._through_extension
    monkeypatch.setattr(resolver_calls, "_through_extension", through)
    document = f"{COMMENT} # once"
    assert (await api.run(world.ada.token, document, variables))["addComment"]["action"] == {"seq": 3}
    answer = (await api.send(world.ada.token, document, variables)).json()

    assert [error["extensions"]["code"] for error in answer["errors"]] == ["INTERNAL_ERROR"]
    assert len(tries) == 1
    case = (await api.run(world.ada.token, READ, {"id": case_id}))["case"]
    assert case["actions"]["nodes"][0]["seq"] == 4
    assert [line["event"] for line in failures(capsys)] == ["plan_failed", "fault"]


async def test_a_dry_run_whose_plan_fails_shows_the_same_with_its_documents(
    world: World, api: Api, monkeypatch: pytest.MonkeyPatch
) -> None:
    case_id = str((await world.open_case()).case.id)
    named = [await uploaded(api, world.ada.token)]
    variables = {"input": {"caseId": case_id, "body": "See.", "documentIds": named, "dryRun": True}}
    expected = await api.run(world.ada.token, COMMENT, variables)
    assert expected["addComment"]["supposed"]["comment"]["documents"] != []

    PLACES["the writer of objects"](monkeypatch, fail)

    assert await api.run(world.ada.token, COMMENT, variables) == expected
