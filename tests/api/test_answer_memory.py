"""What answers in hand take: bounded for a process, with a part for each token and account, and bounded in fields by
what is really built.
"""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any
from uuid import uuid4

import pytest
from starlette.types import ASGIApp, Message

from app.api.execution.budget import FIELD_BYTES, STEP, Budget
from app.api.execution.slices import Slices
from app.api.limits import prices
from app.api.limits.answer_memory import AnswerMemory, Share
from app.domain.commands import AddComment
from app.domain.errors import Overloaded, QueryTooComplex, Refusal
from tests.support.api import Api
from tests.support.bulk import filled
from tests.support.world import World, make_world

KIB = 1024


def taken(share: Share, *, step: int) -> int:
    """Take as much as there is room for, and return how much that is."""
    while True:
        try:
            share.take(step)
        except Overloaded:
            return share.held


def test_a_token_has_half_of_the_memory_and_an_account_two_thirds() -> None:
    memory, account, others = AnswerMemory(600), uuid4(), uuid4()
    beside = memory.share(others, uuid4())
    beside.take(10)

    first, second = uuid4(), uuid4()
    assert taken(memory.share(account, first), step=10) == 300
    assert taken(memory.share(account, first), step=10) == 0
    assert taken(memory.share(account, second), step=10) == 100
    assert taken(beside, step=10) == 200
    assert memory.taken == 600


def test_who_is_alone_may_have_more_and_what_is_given_back_is_free_again() -> None:
    memory, account, token = AnswerMemory(100), uuid4(), uuid4()
    alone, another = memory.share(account, token), memory.share(account, token)
    for _ in range(5):
        alone.take(100)
    with pytest.raises(Overloaded) as refused:
        another.take(1)
    assert refused.value.seconds >= 1

    alone.release()
    alone.release()
    assert memory.taken == 0
    another.take(30)
    assert memory.taken == 30


def test_a_small_answer_takes_nothing_and_a_large_one_what_it_has_and_a_step_more() -> None:
    memory = AnswerMemory(1 << 30)
    share = memory.share(uuid4(), uuid4())
    budget = Budget(Slices(), 1 << 20, share)

    budget.count(STEP // FIELD_BYTES, STEP)
    assert share.held == 0
    budget.count(1_000, 100_000)
    needed = STEP // FIELD_BYTES * FIELD_BYTES + 1_000 * FIELD_BYTES + STEP + 100_000
    assert needed <= share.held <= needed + 2 * STEP
    budget.count_written(900_000)
    assert share.held >= needed + 900_000
    budget.release()
    assert memory.taken == 0


@pytest.mark.parametrize(("fields", "size", "what"), [(1, 0, "cost"), (0, 1, "bytes")])
def test_bounds_are_held_to_the_field_and_to_the_character(fields: int, size: int, what: str) -> None:
    stopped: list[Refusal] = []
    budget = Budget(Slices(), 400_000)
    budget.stop = stopped.append
    budget.bound_fields(7_000)
    for _ in range(1_000):
        budget.count(7, 400)

    with pytest.raises(QueryTooComplex) as refused:
        budget.count(fields, size)
    assert refused.value.params["what"] == what
    assert stopped == [refused.value]


# --- Through the door ------------------------------------------------------------------------------------------------

LARGE = (
    "query($id: ID!) { case(id: $id) { "
    + " ".join(f"a{n}: actions(last: 4) {{ nodes {{ comment {{ body }} }} }}" for n in range(10))
    + " } }"
)


async def discussed(world: World) -> str:
    """Return a case with long comments."""
    case_id = (await world.open_case()).case.id
    for number in range(4):
        await world.do(world.ada, AddComment(case_id=case_id, comment=f"{number} {'x' * 9_900}"))
    return str(case_id)


@asynccontextmanager
async def unread(app: ASGIApp, token: str, query: str, variables: dict[str, Any]) -> AsyncIterator[int]:
    """Have an operation answered, and its client not take the answer until the end; yield the status."""
    body = json.dumps({"query": query, "variables": variables}).encode()
    headers = [(b"authorization", f"Bearer {token}".encode()), (b"content-type", b"application/json")]
    scope = {
        "type": "http", "method": "POST", "path": "/graphql", "raw_path": b"/graphql", "query_string": b"",
        "headers": headers, "scheme": "http", "server": ("test", 80), "client": ("here", 1), "http_version": "1.1",
        "asgi": {"version": "3.0"},
    }  # fmt: skip
    status: asyncio.Future[int] = asyncio.get_running_loop().create_future()
    read = asyncio.Event()
    messages: list[Message] = [{"type": "http.request", "body": body, "more_body": False}]

    async def receive() -> Message:
        return messages.pop() if messages else {"type": "http.disconnect"}

    async def send(message: Message) -> None:
        if message["type"] == "http.response.start":
            status.set_result(message["status"])
        else:
            await read.wait()

    answering: asyncio.Task[None] = asyncio.create_task(app(scope, receive, send))  # type: ignore[arg-type]  # it is a coroutine
    try:
        yield await asyncio.wait_for(status, 30)
    finally:
        read.set()
        await answering


async def test_a_token_with_large_answers_gets_retry_after_and_others_do_not(world: World, fresh_url: str) -> None:
    case_id = await discussed(world)
    beside = await make_world(world.database)
    theirs = await discussed(beside)
    async with Api.opened(fresh_url, answer_memory=4 * KIB * KIB) as api:
        app: ASGIApp = api.client._transport.app  # type: ignore[attr-defined]  # an ASGITransport
        for _ in range(2):  # without a plan, and with one
            async with unread(app, world.bea.token, LARGE, {"id": case_id}) as status:
                assert status == 200
                async with unread(app, world.bea.token, LARGE, {"id": case_id}) as again:
                    refused = await api.send(world.bea.token, LARGE, {"id": case_id})
                    other = await api.send(beside.bea.token, LARGE, {"id": theirs})
                    small = await api.send(world.bea.token, "{ viewer { language } }")
            assert (again, refused.status_code) in ((503, 503), (200, 503))
            assert int(refused.headers["retry-after"]) >= 1
            (error,) = refused.json()["errors"]
            assert error["extensions"]["code"] == "OVERLOADED" and error["extensions"]["retryable"] is True
            assert (other.status_code, small.status_code) == (200, 200)
            assert len((await api.send(world.bea.token, LARGE, {"id": case_id})).content) > 250_000


async def test_what_is_given_up_keeps_no_memory(world: World, fresh_url: str) -> None:
    case_id = await discussed(world)
    async with Api.opened(fresh_url, answer_memory=2 * KIB * KIB, max_answer_bytes=200_000) as api:
        for _ in range(20):
            (error,) = (await api.send(world.bea.token, LARGE, {"id": case_id})).json()["errors"]
            assert error["extensions"]["what"] == "bytes"
    async with Api.opened(fresh_url, answer_memory=2 * KIB * KIB) as api:
        for _ in range(10):
            assert (await api.send(world.bea.token, LARGE, {"id": case_id})).status_code == 200


ACTIONS = "{ cases(first: 40) { nodes { id availableActions { action allowed } } } }"


@pytest.mark.parametrize("plans", [True, False])
async def test_an_answer_has_no_more_fields_than_it_may_whatever_was_measured(
    world: World, fresh_url: str, monkeypatch: pytest.MonkeyPatch, plans: bool
) -> None:
    """Measure lists as empty, as if their lengths were wrong: what is built is counted all the same."""
    await filled(world, cases=40, actions=80)
    monkeypatch.setitem(prices.LIST_SIZES, "Case.availableActions", 0)
    async with Api.opened(fresh_url, plans=plans, max_cost=400) as api:
        for _ in range(3):
            answer = (await api.send(world.bea.token, ACTIONS)).json()
            (error,) = answer["errors"]
            assert error["extensions"] == {
                "code": "QUERY_TOO_COMPLEX", "what": "cost", "limit": 400, "actual": error["extensions"]["actual"]
            }  # fmt: skip
            assert 400 < error["extensions"]["actual"] <= 1_000
            assert "data" not in answer


async def test_introspection_is_bounded_by_what_it_builds(world: World, fresh_url: str) -> None:
    """A type has more fields than is usual, which is what was measured."""
    query = '{ __type(name: "Case") { fields { name description isDeprecated } } }'
    async with Api.opened(fresh_url, introspection=True, max_introspection=32, max_cost=1) as api:
        (error,) = (await api.send(world.bea.token, query)).json()["errors"]
        assert (error["extensions"]["what"], error["extensions"]["limit"]) == ("cost", 33)
    async with Api.opened(fresh_url, introspection=True) as api:
        assert len((await api.run(world.bea.token, query))["__type"]["fields"]) > 15


async def test_a_limit_that_only_warns_stops_nothing_that_is_built(world: World, fresh_url: str) -> None:
    await filled(world, cases=40, actions=80)
    async with Api.opened(fresh_url, max_cost=10, warn_only=("cost",)) as api:
        for _ in range(2):
            assert len((await api.run(world.bea.token, ACTIONS))["cases"]["nodes"]) == 40
