"""Bodies are executed once for endpoints with equal documents, and no longer shared than for a moment."""

import asyncio

import pytest

from app.webhooks.sharing import KEPT, KEPT_S, SharedBodies
from tests.support.recorded_sql import recorded
from tests.support.webhook_endpoints import WebhookEndpoint, serving
from tests.support.webhooks import DeliveryNode, assert_verified, register, until
from tests.support.world import World, make_world


class Maker:
    """Counts how often a body is made, which takes until it is let go on."""

    def __init__(self) -> None:
        self.made = 0
        self.go_on = asyncio.Event()
        self.failure: Exception | None = None

    async def __call__(self) -> bytes:
        self.made += 1
        number = self.made
        await self.go_on.wait()
        if self.failure is not None:
            raise self.failure
        return f"body {number}".encode()


async def test_who_waits_for_the_same_gets_the_same_and_it_is_made_once() -> None:
    time, maker = [0.0], Maker()
    bodies = SharedBodies(lambda: time[0])
    waiting = [asyncio.create_task(bodies.get("key", maker)) for _ in range(3)]
    other = asyncio.create_task(bodies.get("other", maker))
    await asyncio.sleep(0)
    waiting[0].cancel()
    maker.go_on.set()

    assert [await task for task in waiting[1:]] == [b"body 1"] * 2
    assert await other == b"body 2"
    assert await bodies.get("key", maker) == b"body 1"
    time[0] = KEPT_S
    assert await bodies.get("key", maker) == b"body 3"


async def test_what_has_failed_is_made_again_and_the_number_is_bounded() -> None:
    bodies, maker = SharedBodies(lambda: 0.0), Maker()
    maker.go_on.set()
    maker.failure = OSError("away")
    for number in (1, 2):
        with pytest.raises(OSError, match="away"):
            await bodies.get("key", maker)
        assert maker.made == number
    maker.failure = None
    assert await bodies.get("key", maker) == b"body 3"
    for key in range(KEPT):
        await bodies.get(key, maker)
    assert await bodies.get("key", maker) == f"body {KEPT + 4}".encode()


async def test_endpoints_with_equal_documents_cost_the_statements_of_one_and_each_is_signed_for_itself(
    world: World, node: DeliveryNode, endpoint: WebhookEndpoint
) -> None:
    other = await make_world(world.database)
    async with serving(WebhookEndpoint()) as second, serving(WebhookEndpoint()) as of_other:
        hooks = [await register(world, endpoint), await register(world, second, name="Second")]
        theirs = await register(other, of_other)
        await until(lambda: endpoint.requests and second.requests and of_other.requests)
        node.time.move(seconds=3)
        with recorded() as statements:
            outcome = await world.open_case()
            await until(lambda: all(hook.deliveries for hook in hooks))
        their_outcome = await other.open_case()
        await until(lambda: theirs.deliveries)

    assert sum(sent.startswith("SELECT cases") for sent in statements) <= 2, statements
    assert hooks[0].deliveries[0].body == hooks[1].deliveries[0].body
    assert hooks[0].actions == hooks[1].actions == [str(outcome.action.id)]
    assert theirs.actions == [str(their_outcome.action.id)]
    for hook in hooks:
        assert_verified(await hook.secret(), hook.deliveries[0])
