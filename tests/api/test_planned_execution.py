"""A plan gives the answer that graphql-core gives, byte for byte, errors with their paths too, and is really used."""

import random
from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Any
from uuid import UUID

import httpx2
import orjson
import pytest
from sqlalchemy import update

from app.api.dataloaders.loaders import Loaders, by_group, by_id
from app.audit.verification import verify_log
from app.db import tables
from app.domain.commands import AddComment
from app.domain.model import CaseStatus, Scope
from app.observability import metrics
from tests.support.api import Api
from tests.support.argument_values import values_of
from tests.support.bulk import archive, filled
from tests.support.documents import uploaded
from tests.support.random_operations import Author, Operation
from tests.support.tampering import tamper
from tests.support.world import Person, World, make_world, person_of


def outcomes() -> dict[str, float]:
    """Return how many operations followed their plan, how many declined it, and of how many it failed."""
    return {name: metrics.plans.labels(name)._value.get() for name in ("followed", "declined", "failed")}


@dataclass(frozen=True, slots=True)
class Both:
    """The same gateway with plans and without."""

    planned: Api
    plain: Api

    async def ask(self, token: str, operation: Operation) -> tuple[httpx2.Response, httpx2.Response]:
        """Return what a plan gives and what graphql-core gives, to a document that both know."""
        sent = (token, operation.document, dict(operation.variables))
        plain = await self.plain.send(*sent, x_request_id="the-same")  # from which there is a plan
        return await self.planned.send(*sent, x_request_id="the-same"), plain


@pytest.fixture
async def both(fresh_url: str, api: Api) -> AsyncIterator[Both]:
    async with Api.opened(fresh_url, plans=False) as plain:
        yield Both(api, plain)


def seen(response: httpx2.Response) -> tuple[int, Any]:
    """Return what the client sees; of several errors, graphql-core itself does not always find the same one first."""
    body = orjson.loads(response.content)
    if "errors" not in body:
        return response.status_code, response.content
    body["errors"].sort(key=orjson.dumps)
    return response.status_code, orjson.dumps(body)


async def viewers(world: World) -> list[Person]:
    database = world.database
    return [
        *(world.ada, world.rosa, world.bea, world.aldo),
        await person_of(database, world.bea.id, Scope.CASES_READ),
        await person_of(database, world.bea.id, Scope.USERS_READ),
        (await make_world(database)).ada,
    ]


async def assert_plans_answer_alike(world: World, both: Both, seed: int, number: int) -> None:
    """Hold *number* random queries to each other, of which many must have followed a plan."""
    dice = random.Random(seed)
    await filled(world, cases=12, actions=80, seed=seed)
    case_id = str((await world.case_in(CaseStatus.PENDING_REVIEW)).case.id)
    document = await uploaded(both.planned, world.ada.token)
    comment = {"caseId": case_id, "body": "See.", "documentIds": [document]}
    assert (await both.planned.act(world.ada.token, "addComment", comment))["errors"] == []
    values, people, before = await values_of(world, both.planned), await viewers(world), outcomes()
    whole = 0

    for _ in range(number):
        operation = Author(dice, values, coerced=dice.random() < 0.3).query()
        planned, plain = await both.ask(dice.choice(people).token, operation)
        assert seen(planned) == seen(plain), operation
        whole += "errors" not in plain.json()

    after = outcomes()
    followed = after["followed"] - before["followed"]
    # Whatever has no error has followed a plan. Most have one: what only admins may see is much of the schema, and is
    # refused to the others.
    assert followed >= whole > 0.1 * number, (followed, whole, number)


@pytest.mark.long
async def test_random_queries_are_answered_as_graphql_core_does(world: World, both: Both) -> None:
    await assert_plans_answer_alike(world, both, seed=7, number=150)


# What breaks, and a query of what hangs on it.
FAULTS = ("users", "reviewers_by_override", "documents_by_comment", "overrides_by_case")
GROUPED = {"overrides_by_case"}
EVERYTHING = """query($id: ID!) { case(id: $id) { reference createdBy { displayName }
    overrides { nodes { status assignedReviewers { displayName } } }
    actions(first: 5) { nodes { seq user { displayName roles } override { status createdBy { email } }
        comment { body author { displayName } documents { filename uploader { displayName } } } } } } }"""


def broken(fail: Any, name: str) -> Any:
    """Return a loader whose batch function fails."""
    loader = by_group(fail) if name in GROUPED else by_id(fail)
    loader.__set_name__(Loaders, name)
    return loader


@pytest.mark.parametrize("fault", FAULTS)
async def test_a_loader_that_fails_is_left_to_graphql_core(
    world: World, both: Both, monkeypatch: pytest.MonkeyPatch, fault: str
) -> None:
    case = (await world.case_in(CaseStatus.RESOLVED)).case
    await world.do(world.ada, AddComment(case_id=case.id, comment="See."))
    operation = Operation(EVERYTHING, {"id": str(case.id)})
    await both.ask(world.ada.token, operation)
    before = outcomes()

    async def fail(*_: object) -> None:
        raise OSError("the disk is gone")

    monkeypatch.setattr(Loaders, fault, broken(fail, fault))
    planned, plain = await both.ask(world.ada.token, operation)

    assert seen(planned) == seen(plain)
    assert {error["extensions"]["code"] for error in planned.json()["errors"]} == {"INTERNAL_ERROR"}
    assert outcomes() == {**before, "failed": before["failed"] + 1}


async def test_what_is_not_there_is_null_and_what_must_be_there_is_an_error(world: World, both: Both) -> None:
    """A row whose user is of another account is none that can be shown."""
    elsewhere = await make_world(world.database)
    case = (await world.case_in(CaseStatus.PENDING_REVIEW)).case
    taken = update(tables.cases).where(tables.cases.c.id == case.id).values(created_by_id=elsewhere.ada.id)
    await tamper(world.database, taken)
    operation = Operation(EVERYTHING, {"id": str(case.id)})

    planned, plain = [await both.ask(world.ada.token, operation) for _ in range(2)][1]

    assert planned.content == plain.content
    assert planned.json()["data"]["case"]["createdBy"] is None


MUTATIONS: list[tuple[str, dict[str, Any]]] = [
    ("addComment", {"body": "Noted."}),
    ("requestOverride", {"requestedStatus": "FAVORABLE", "reason": "Sure."}),
    ("cancelOverride", {}),
    ("acceptOverride", {}),
    ("closeCase", {"resolution": "DUPLICATE"}),
    ("closeCase", {}),
    ("addComment", {"body": ""}),
]


@pytest.mark.long
async def test_random_payloads_are_what_graphql_core_gives_and_nothing_is_done_twice(world: World, both: Both) -> None:
    dice = random.Random(11)
    await filled(world, cases=8, actions=40)
    values = await values_of(world, both.planned)
    case_id = str((await world.open_case()).case.id)
    before = outcomes()

    for round_ in range(5):
        for index, (name, more) in enumerate(MUTATIONS):
            input = {"caseId": case_id, "idempotencyKey": f"{round_} {index}", **more}
            if name == "requestOverride":
                input["reviewerIds"] = [str(world.rosa.id)]
            if name == "acceptOverride":
                input |= await world.decision(case_id)
            operation = Author(dice, values).mutation(name, input)
            # The first is done, and the second, which has a plan, is its replay, as the third is.
            await both.ask(world.ada.token, operation)
            planned, plain = await both.ask(world.ada.token, operation)
            assert seen(planned) == seen(plain), operation
        case_id = str((await world.open_case()).case.id)

    assert outcomes()["followed"] - before["followed"] > 30
    assert [verdict async for verdict in verify_log(world.database) if verdict.fault is not None] == []


async def test_an_action_whose_payload_fails_is_done_once(
    world: World, both: Both, monkeypatch: pytest.MonkeyPatch
) -> None:
    case_id = str((await world.open_case()).case.id)
    shown = "action { seq } case { createdBy { displayName } }"
    document = f"mutation($input: AddCommentInput!) {{ addComment(input: $input) {{ {shown} }} }}"
    operation = Operation(document, {"input": {"caseId": case_id, "body": "Noted."}})
    await both.ask(world.carl.token, operation)

    async def fail(*_: object) -> None:
        raise OSError("the disk is gone")

    monkeypatch.setattr(Loaders, "users", broken(fail, "users"))
    before = outcomes()
    planned = await both.planned.send(world.carl.token, operation.document, dict(operation.variables))

    assert outcomes()["failed"] == before["failed"] + 1
    assert planned.json()["data"] == {"addComment": {"action": {"seq": 4}, "case": {"createdBy": None}}}
    log = (await archive(world.database, world.account_id)).actions[UUID(case_id)]
    assert [row["seq"] for row in log] == [1, 2, 3, 4]


@pytest.mark.soak
@pytest.mark.parametrize("seed", range(5))
async def test_5_000_random_queries_are_answered_as_graphql_core_does(world: World, both: Both, seed: int) -> None:
    await assert_plans_answer_alike(world, both, seed=1000 + seed, number=1000)
