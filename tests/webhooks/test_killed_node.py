"""Two nodes of which one is killed under load: every living endpoint gets every action, in order per case."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, ExitStack, asynccontextmanager
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest

from app.domain.commands import AddComment
from tests.support.gateway import serving as served
from tests.support.webhook_endpoints import OK, ReceivedRequest, WebhookEndpoint, serving
from tests.support.webhooks import NO, Registered, assert_same_bytes, assert_verified, kind, register, until
from tests.support.world import World, make_world

CUT = b"Connection: close"
WRITERS, COMMENTS = 8, 12
PATIENCE_S = 180

Fault = Callable[[ReceivedRequest], bytes | None]


def failing_once(every: int, answer: bytes) -> Fault:
    """Return what answers badly to the first try of one of so many deliveries."""
    seen: set[str] = set()

    def fault(request: ReceivedRequest) -> bytes | None:
        id = request.headers["webhook-id"]
        is_new = id not in seen
        seen.add(id)
        return answer if is_new and UUID(id).int % every == 0 else None

    return fault


def dead_for(requests: int) -> Fault:
    """Return what answers badly to so many deliveries, and is well from then on."""
    left = [requests]

    def fault(_: ReceivedRequest) -> bytes | None:
        left[0] -= 1
        return NO if left[0] >= 0 else None

    return fault


FAULTS: dict[str, Callable[[], Fault]] = {
    "quick": lambda: lambda _: None,
    "slow": lambda: lambda _: None,
    "500 now and then": lambda: failing_once(5, NO),
    "cutting": lambda: failing_once(7, CUT),
    "dead for a while": lambda: dead_for(3),
    "refusing": lambda: lambda _: NO,
}


@asynccontextmanager
async def endpoints(world: World) -> AsyncIterator[tuple[dict[str, Registered], dict[str, list[ReceivedRequest]]]]:
    """Yield an endpoint of each kind, and what each has taken."""
    hooks, taken = dict[str, Registered](), dict[str, list[ReceivedRequest]]()
    async with AsyncExitStack() as stack:
        for name, make in FAULTS.items():
            endpoint, fault, its = WebhookEndpoint(), make(), taken.setdefault(name, [])

            def answer(
                request: ReceivedRequest, fault: Fault = fault, its: list[ReceivedRequest] = its
            ) -> bytes | None:
                if kind(request) == "ping":
                    return OK
                bad = fault(request)
                if bad is None:
                    its.append(request)
                return bad or OK

            endpoint.answer, endpoint.seconds = answer, 0.03 if name == "slow" else 0
            hooks[name] = await register(world, await stack.enter_async_context(serving(endpoint)), name=name)
        yield hooks, taken


async def write(world: World, number: int = COMMENTS) -> list[str]:
    """Open a case and comment on it, and return the ids of the actions in order."""
    outcome = await world.open_case()
    ids = [str(outcome.action.id)]
    for index in range(number):
        done = await world.do(world.carl, AddComment(case_id=outcome.case.id, comment=f"comment {index}"))
        ids.append(str(done.action.id))
    return ids


def ids_of(requests: list[ReceivedRequest]) -> set[str]:
    return {request.headers["webhook-id"] for request in requests}


@pytest.mark.soak
async def test_after_a_node_was_killed_each_living_endpoint_has_got_every_action_in_order(
    world: World, fresh_url: str, tmp_path: Path
) -> None:
    other = await make_world(world.database)
    settings: dict[str, Any] = {
        "database_url": fresh_url,
        "demo": "false",
        "webhooks_allow_private": "true",
        "log_level": "warning",
    }
    async with endpoints(world) as (hooks, taken):
        with ExitStack() as stack:
            first = await asyncio.to_thread(stack.enter_context, served(tmp_path, **settings))
            await asyncio.to_thread(stack.enter_context, served(tmp_path, **settings))
            writing = [asyncio.create_task(write(who)) for who in [*[world] * WRITERS, other]]
            await until(lambda: len(taken["quick"]) >= WRITERS * COMMENTS / 3)
            first.process.kill()
            *cases, _theirs = await asyncio.gather(*writing)
            expected = {id for ids in cases for id in ids}
            living = [name for name in taken if name != "refusing"]
            await until(lambda: all(expected <= ids_of(taken[name]) for name in living), PATIENCE_S)

        secrets = {name: await hook.secret() for name, hook in hooks.items()}
        for name in living:
            order = list(dict.fromkeys(request.headers["webhook-id"] for request in taken[name]))
            assert set(order) == expected, name
            for ids in cases:
                assert [id for id in order if id in ids] == ids, name
            for request in taken[name]:
                assert_verified(secrets[name], request)
        for hook in hooks.values():
            assert_same_bytes(hook.deliveries)
        assert taken["refusing"] == []
