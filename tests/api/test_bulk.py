"""Many actions in one request: each goes the way of its own mutation, as a transaction of its own with a result."""

import asyncio
from typing import Any

import pytest
from sqlalchemy import update

from app.admin import accounts
from app.api import bulk_mutation
from app.api.errors import user_errors
from app.api.inputs.bulk import ACTIONS_MAX, BulkActionInput
from app.api.mutations import Mutation
from app.api.permissions import ActionPermission
from app.db import tables
from app.domain.commands import CloseCase
from app.domain.errors import StateRefused
from app.domain.model import Scope
from tests.support.api import Api
from tests.support.database_contents import contents, differences
from tests.support.documents import uploaded
from tests.support.world import World, make_world, person_of

SHOWN = """results { status replayed errors { __typename code message path
      ... on RetryError { retryAfterSeconds } ... on StateError { caseStatus }
      ... on VersionConflictError { actualVersion } }
    case { id status version } action { seq type } actionEdge { node { id } } comment { body }
    override { id status } supposed { case { status version } action { seq type } } }"""


async def perform(api: Api, token: str, *inputs: dict[str, Any], **more: Any) -> dict[str, Any]:
    return await api.act(token, "performActions", {"inputs": list(inputs), **more}, SHOWN)


def comment(case_id: object, body: str, **more: Any) -> dict[str, Any]:
    return {"addComment": {"caseId": str(case_id), "body": body, **more}}


def ended(payload: dict[str, Any]) -> list[tuple[str, list[str]]]:
    """Return of each result what became of it, and the codes of its errors."""
    return [(result["status"], [error["code"] for error in result["errors"]]) for result in payload["results"]]


async def test_actions_of_several_kinds_are_done_in_order_and_show_the_case_as_it_is_after_the_last(
    world: World, api: Api
) -> None:
    first, second = await world.open_case(), await world.open_case()
    case_id = str(first.case.id)

    payload = await perform(
        api,
        world.ada.token,
        comment(case_id, "Called the supplier."),
        {
            "requestOverride": {
                "caseId": case_id,
                "requestedStatus": "FAVORABLE",
                "reviewerIds": [str(world.rosa.id)],
                "reason": "The bank confirmed it.",
            }
        },
        {"cancelOverride": {"caseId": case_id}},
        {"closeCase": {"caseId": str(second.case.id), "comment": "A duplicate."}},
        {
            "openCase": {
                "subject": {"type": "COMPANY_ACCOUNT_CHECK", "externalRef": "bulk-1", "label": "Moulins Réunis"},
                "title": "Unknown account",
            }
        },
    )

    results = payload["results"]
    assert payload["errors"] == []
    assert ended(payload) == [("DONE", [])] * 5
    assert [result["action"]["type"] for result in results] == [
        "COMMENT",
        "REQUEST_OVERRIDE",
        "CANCEL",
        "CLOSE",
        "OPEN",
    ]
    assert [result["action"]["seq"] for result in results] == [2, 3, 4, 2, 1]
    assert [result["case"] for result in results[:3]] == [{"id": case_id, "status": "IN_PROGRESS", "version": 4}] * 3
    assert {result["override"]["status"] for result in results[1:3]} == {"CANCELLED"}
    assert [result["comment"] and result["comment"]["body"] for result in results] == [
        "Called the supplier.",
        "The bank confirmed it.",
        None,
        "A duplicate.",
        None,
    ]


async def test_what_is_wrong_with_one_is_in_its_result_and_the_others_are_done(world: World, api: Api) -> None:
    one, other = await world.open_case(), await world.open_case()
    await world.do(world.ada, CloseCase(case_id=other.case.id))

    payload = await perform(
        api,
        world.ada.token,
        comment(one.case.id, " "),
        comment(other.case.id, "Too late."),
        comment("no id", "", expectedVersion=-1),
        comment(one.case.id, "Not what I read.", expectedVersion=7),
        {"acceptOverride": {"caseId": str(one.case.id), "overrideId": str(one.case.id), "expectedVersion": 1}},
        {"setLegalHold": {"caseId": str(one.case.id), "held": True, "reason": "A lawsuit."}},
        comment(one.case.id, "Done."),
    )

    assert ended(payload) == [
        ("REFUSED", ["REQUIRED"]),
        ("REFUSED", ["CASE_CLOSED"]),
        ("REFUSED", ["INVALID_INPUT", "INVALID_ID", "REQUIRED"]),
        ("REFUSED", ["VERSION_CONFLICT"]),
        ("REFUSED", ["ROLE_REQUIRED"]),
        ("REFUSED", ["ROLE_REQUIRED"]),
        ("DONE", []),
    ]
    errors = [result["errors"] for result in payload["results"]]
    assert errors[0][0]["path"] == ["input", "inputs", "0", "addComment", "body"]
    assert errors[1][0]["caseStatus"] == "CLOSED"
    assert [error["path"][2:] for error in errors[2]] == [
        ["2", "addComment", "expectedVersion"],
        ["2", "addComment", "caseId"],
        ["2", "addComment", "body"],
    ]
    assert errors[3][0]["actualVersion"] == 1
    assert errors[5][0]["path"] == ["input", "inputs", "5", "setLegalHold"]
    assert payload["results"][6]["case"]["version"] == 2


async def test_after_stop_nothing_is_attempted_and_each_says_so_in_the_language(world: World, api: Api) -> None:
    case = await world.open_case()
    inputs = [comment(case.case.id, "One."), comment(case.case.id, " "), *[comment(case.case.id, "Later.")] * 2]
    document = f"mutation($input: PerformActionsInput!) {{ performActions(input: $input) {{ {SHOWN} }} }}"

    sent = {"input": {"inputs": inputs, "onError": "STOP"}}
    payload = (await api.run(world.ada.token, document, sent, accept_language="fr"))["performActions"]

    assert ended(payload) == [
        ("DONE", []),
        ("REFUSED", ["REQUIRED"]),
        ("SKIPPED", ["NOT_ATTEMPTED"]),
        ("SKIPPED", ["NOT_ATTEMPTED"]),
    ]
    (error,) = payload["results"][3]["errors"]
    assert error == {
        "__typename": "RetryError",
        "code": "NOT_ATTEMPTED",
        "message": "Ceci n’a pas été tenté, car l’action 2 de la requête n’a pas été faite.",
        "path": ["input", "inputs", "3", "addComment"],
        "retryAfterSeconds": None,
    }
    assert payload["results"][0]["case"]["version"] == 2


async def test_each_key_does_its_action_once_however_often_it_is_sent(world: World, api: Api) -> None:
    case = await world.open_case()
    inputs = [comment(case.case.id, f"Number {n}.", idempotencyKey=f"key-{n}") for n in range(3)]

    once = await perform(api, world.ada.token, *inputs[:2])
    again = await perform(api, world.ada.token, *inputs, comment(case.case.id, "Other.", idempotencyKey="key-1"))
    twice_in_one = await perform(api, world.ada.token, inputs[2], inputs[2])

    assert [result["replayed"] for result in once["results"]] == [False, False]
    assert [result["replayed"] for result in again["results"]] == [True, True, False, False]
    assert ended(again)[3] == ("REFUSED", ["IDEMPOTENCY_KEY_REUSED"])
    assert [result["replayed"] for result in twice_in_one["results"]] == [True, True]
    assert [result["action"]["seq"] for result in again["results"][:3]] == [2, 3, 4]
    assert {result["case"]["version"] for result in twice_in_one["results"]} == {4}


async def test_a_dry_run_of_all_or_of_one_writes_nothing(world: World, api: Api) -> None:
    case = await world.open_case()
    before = await contents(world.database)
    close = {"closeCase": {"caseId": str(case.case.id)}}

    every = await perform(api, world.ada.token, comment(case.case.id, "A"), close, close, dryRun=True)
    by_themselves = await perform(api, world.ada.token, comment(case.case.id, "B", dryRun=True))

    assert ended(every) == [("DONE", [])] * 3
    assert [result["supposed"]["case"] for result in every["results"]] == [
        {"status": "IN_PROGRESS", "version": 2},
        {"status": "CLOSED", "version": 2},
        {"status": "CLOSED", "version": 2},
    ]
    assert by_themselves["results"][0]["supposed"]["action"] == {"seq": 2, "type": "COMMENT"}
    assert {result["case"] for result in every["results"] + by_themselves["results"]} == {None}
    assert differences(before, await contents(world.database)) == set()


async def test_a_dry_run_shows_the_documents_of_each(world: World, api: Api) -> None:
    case = await world.open_case()
    ids = [await uploaded(api, world.ada.token, filename=f"note-{n}.txt") for n in range(2)]
    document = """mutation($input: PerformActionsInput!) { performActions(input: $input) {
        results { supposed { comment { documents { filename } } } } } }"""

    inputs = [comment(case.case.id, "See it.", documentIds=[id]) for id in ids]
    data = await api.run(world.ada.token, document, {"input": {"inputs": inputs, "dryRun": True}})

    supposed = [result["supposed"]["comment"]["documents"] for result in data["performActions"]["results"]]
    assert supposed == [[{"filename": "note-0.txt"}], [{"filename": "note-1.txt"}]]


async def test_a_fault_in_telling_of_a_refusal_loses_no_result(
    world: World, api: Api, monkeypatch: pytest.MonkeyPatch
) -> None:
    one, closed = await world.open_case(), await world.open_case()
    await world.do(world.ada, CloseCase(case_id=closed.case.id))

    async def lost(refused: Any, *arguments: Any) -> Any:
        if isinstance(refused, StateRefused):
            raise ConnectionResetError
        return await user_errors(refused, *arguments)

    monkeypatch.setattr(bulk_mutation, "user_errors", lost)
    payload = await perform(
        api, world.ada.token, comment(one.case.id, "A"), comment(closed.case.id, "B"), comment(one.case.id, "C")
    )

    assert ended(payload) == [("DONE", []), ("FAILED", ["UNAVAILABLE"]), ("DONE", [])]
    assert [result["case"] and result["case"]["version"] for result in payload["results"]] == [3, None, 3]


async def test_none_and_too_many_are_refused_as_a_whole(world: World, api: Api) -> None:
    case = await world.open_case()
    before = await contents(world.database)

    none = await perform(api, world.ada.token)
    many = await perform(api, world.ada.token, *[comment(case.case.id, "x")] * (ACTIONS_MAX + 1))
    both = [comment(case.case.id, "x") | {"closeCase": {"caseId": str(case.case.id)}}]
    two = (await api.send(world.ada.token, _document(), {"input": {"inputs": both}})).json()
    empty = (await api.send(world.ada.token, _document(), {"input": {"inputs": [{}]}})).json()

    assert [(error["code"], error["path"]) for error in none["errors"]] == [("REQUIRED", ["input", "inputs"])]
    assert [(error["code"], error["path"]) for error in many["errors"]] == [("INVALID_INPUT", ["input", "inputs"])]
    assert (none["results"], many["results"]) == ([], [])
    assert "data" not in two and "data" not in empty
    assert differences(before, await contents(world.database)) == set()


def _document() -> str:
    return "mutation($input: PerformActionsInput!) { performActions(input: $input) { results { status } } }"


async def test_what_a_token_may_is_looked_at_for_each(world: World, api: Api) -> None:
    case = await world.open_case()
    reader = await person_of(world.database, world.ada.id, Scope.CASES_READ)
    writer = await person_of(world.database, world.ada.id, Scope.CASES_WRITE)

    payload = await api.act(reader.token, "performActions", {"inputs": [comment(case.case.id, "x")]}, SHOWN)
    written = await api.act(
        writer.token,
        "performActions",
        {"inputs": [comment(case.case.id, "x")]},
        "results { status case { id version } action { seq } }",
    )
    title = "mutation($input: PerformActionsInput!) { performActions(input: $input) { results { case { title } } } }"
    hidden = (await api.send(writer.token, title, {"input": {"inputs": [comment(case.case.id, "y")]}})).json()

    assert ended(payload) == [("REFUSED", ["INSUFFICIENT_SCOPE"])]
    assert written["results"][0]["status"] == "DONE"
    assert hidden["errors"][0]["extensions"]["code"] == "INSUFFICIENT_SCOPE"


async def test_a_right_that_goes_while_they_are_done_ends_what_comes_after(world: World, api: Api) -> None:
    case = await world.open_case()
    inputs = [comment(case.case.id, f"Number {n}.") for n in range(ACTIONS_MAX)]

    async def revoke_once_begun() -> None:
        while (await world.read(case.case.id))["expected_version"] < 3:  # noqa: ASYNC110  # no event tells of it
            await asyncio.sleep(0)
        await accounts.revoke_token(world.database, world.ada.actor.token_id)

    payload, _ = await asyncio.gather(perform(api, world.ada.token, *inputs), revoke_once_begun())

    states = ended(payload)
    done = states.count(("DONE", []))
    assert 2 <= done < ACTIONS_MAX
    assert states == [("DONE", [])] * done + [("REFUSED", ["UNAUTHENTICATED"])] * (ACTIONS_MAX - done)
    assert (await world.read(case.case.id))["expected_version"] == done + 1


async def test_another_accounts_case_is_not_found(world: World, api: Api) -> None:
    foreign = await (await make_world(world.database)).open_case()

    payload = await perform(api, world.ada.token, comment(foreign.case.id, "x"), comment(world.ada.id, "x"))

    messages = {error["message"] for result in payload["results"] for error in result["errors"]}
    assert ended(payload) == [("REFUSED", ["NOT_FOUND"])] * 2
    assert len(messages) == 1


async def test_each_counts_as_a_request_and_partial_results_are_kept(world: World, fresh_url: str) -> None:
    case = await world.open_case()
    async with Api.opened(fresh_url, rate_limit=3, rate_window=3600) as api:
        sent = {"inputs": [comment(case.case.id, f"Number {n}.") for n in range(5)]}
        document = f"mutation($input: PerformActionsInput!) {{ performActions(input: $input) {{ {SHOWN} }} }}"
        answer = await api.send(world.ada.token, document, {"input": sent})
        after = await api.send(world.ada.token, "{ __typename }")

    payload = answer.json()["data"]["performActions"]
    assert ended(payload) == [("DONE", [])] * 3 + [("REFUSED", ["RATE_LIMITED"])] * 2
    assert payload["results"][4]["errors"][0]["retryAfterSeconds"] > 0
    assert answer.headers["ratelimit"].startswith('"token";r=0;')
    assert after.status_code == 429


async def test_what_there_is_no_time_for_is_not_attempted_and_the_results_are_kept(
    world: World, fresh_url: str
) -> None:
    case = await world.open_case()
    inputs = [comment(case.case.id, f"Number {n}.", idempotencyKey=f"key-{n}") for n in range(3)]
    async with Api.opened(fresh_url, deadline=4) as api:
        async with world.database.write() as connection:  # nobody else can write to the case meanwhile
            await connection.execute(update(tables.cases).values(version=tables.cases.c.version))
            waited = await perform(api, world.ada.token, *inputs)
        again = await perform(api, world.ada.token, *inputs)

    late = "DEADLINE_EXCEEDED"
    assert ended(waited) == [("FAILED", [late]), ("SKIPPED", [late]), ("SKIPPED", [late])]
    assert waited["results"][0]["errors"][0]["retryAfterSeconds"] == 1
    assert ended(again) == [("DONE", [])] * 3
    assert again["results"][0]["case"]["version"] == 4


def test_every_action_on_a_case_can_be_one_of_many() -> None:
    fields = Mutation.__strawberry_definition__.fields  # type: ignore[attr-defined]
    own = {
        field.python_name for field in fields if any(isinstance(item, ActionPermission) for item in field.extensions)
    }

    assert {field.python_name for field in BulkActionInput.__strawberry_definition__.fields} == own  # type: ignore[attr-defined]
