"""What comes in between while webhooks are delivered: an endpoint that can't be read, rights that end, a deletion."""

from sqlalchemy import text, update
from structlog.testing import capture_logs

from app.db import tables
from app.db.repository.webhooks import delivery_counts
from app.domain.commands import AddComment
from app.domain.webhook_commands import DeleteWebhook, PauseWebhook, ResumeWebhook
from app.domain.webhooks import DeliveryFailure, WebhookState
from tests.support.recorded_sql import recorded
from tests.support.webhook_endpoints import ReceivedRequest, WebhookEndpoint
from tests.support.webhooks import DeliveryNode, Registered, kind, register, until
from tests.support.world import World


async def verified(hook: Registered) -> None:
    """Wait until an endpoint was verified."""

    async def is_active() -> bool:
        return (await hook.row()).state is WebhookState.ACTIVE

    await until(is_active)


async def test_an_endpoint_that_can_t_be_read_ends_no_delivery_for_good(
    world: World, node: DeliveryNode, endpoint: WebhookEndpoint
) -> None:
    await verified(await register(world, endpoint))
    with capture_logs() as lines:
        async with world.database.write() as connection:
            await connection.execute(text("UPDATE webhooks SET last_failure = 'OF_ANOTHER_VERSION'"))
        node.time.move(seconds=3)
        await until(lambda: node.task.done() or any(line["event"] == "webhooks_not_read" for line in lines))
    assert not node.task.done()

    async with world.database.write() as connection:
        await connection.execute(text("UPDATE webhooks SET last_failure = NULL"))
    later = await register(world, endpoint, name="Later")
    node.time.move(seconds=3)
    await verified(later)


async def test_rights_that_end_while_rows_are_sent_end_that(
    world: World, node: DeliveryNode, endpoint: WebhookEndpoint
) -> None:
    hook = await register(world, endpoint)
    await verified(hook)
    user_id = (await hook.row()).user_id
    await hook.act(PauseWebhook)
    node.time.move(seconds=3)
    await until(lambda: not node.tools.feed._tails)
    opening = await world.open_case()
    for words in ("one", "two"):
        await world.do(world.carl, AddComment(case_id=opening.case.id, comment=words))

    async def deactivate(request: ReceivedRequest) -> None:
        if kind(request) == "ping":
            return
        async with world.database.write() as connection:
            await connection.execute(update(tables.users).where(tables.users.c.id == user_id).values(active=False))
        node.time.move(seconds=3)

    endpoint.before = deactivate
    await hook.act(ResumeWebhook)
    node.time.move(seconds=3)

    async def is_over() -> bool:
        return len(hook.actions) > 1 or (await hook.row()).last_failure is DeliveryFailure.FORBIDDEN

    await until(is_over)
    assert hook.actions == [str(opening.action.id)]


async def test_an_endpoint_is_locked_before_what_was_sent_to_it_is_deleted(world: World) -> None:
    hook = await register(world, WebhookEndpoint())
    with recorded() as statements:
        await hook.act(DeleteWebhook)
    written = [sent for sent in statements if "webhook" in sent and not sent.startswith("SELECT")]

    assert written == [
        "UPDATE webhooks",
        "DELETE webhook_deliveries",
        "DELETE webhook_retries",
        "DELETE webhooks",
    ]


async def test_a_delivery_that_waits_for_the_database_says_so(
    world: World, node: DeliveryNode, endpoint: WebhookEndpoint
) -> None:
    hook = await register(world, endpoint)
    await verified(hook)
    with capture_logs() as lines:
        async with world.database.write() as connection:
            await connection.execute(text("ALTER TABLE webhook_deliveries RENAME TO away"))
        opening = await world.open_case()
        await until(lambda: hook.deliveries)
        node.time.move(seconds=3)
        await until(lambda: any(line["event"] == "webhook_delivery_waits" for line in lines))
    waits = next(line for line in lines if line["event"] == "webhook_delivery_waits")
    assert (waits["webhook"], waits["log_level"]) == (str(hook.id), "warning")
    assert waits["reason"] in ("OperationalError", "ProgrammingError")

    async with world.database.write() as connection:
        await connection.execute(text("ALTER TABLE away RENAME TO webhook_deliveries"))
    node.time.move(seconds=31)

    async def is_recorded() -> bool:
        async with world.database.read() as connection:
            return await delivery_counts(connection, world.account_id, [hook.id]) == [2]

    await until(is_recorded)
    assert hook.actions == [str(opening.action.id)]
