"""Deliveries: each action at least once and in order per case, with the same bytes at each try."""

import asyncio
import json
from collections.abc import Awaitable, Callable
from dataclasses import asdict, replace
from datetime import UTC, datetime, timedelta
from functools import partial
from uuid import UUID

import pytest
from sqlalchemy import func, insert, select, update

from app import clock
from app.actions.reminders import write_reminders
from app.audit.account_logs import verify_account_logs
from app.db import tables
from app.db.database_clock import shared_time
from app.db.repository.webhooks import deliverable, delivery_counts
from app.documents.store import DocumentStore
from app.domain.account_log import AdminActionType
from app.domain.commands import AddComment, SetDueDate
from app.domain.webhook_commands import PauseWebhook, ReplayWebhook, ResumeWebhook, RotateWebhookSecret
from app.domain.webhooks import TRY_OFFSETS, WEBHOOKS_MAX, DeliveryFailure, SignatureScheme, WebhookState
from app.live.cursors import log_cursors
from app.webhooks.progress import LEASE, forget_old_deliveries, take_leases
from app.webhooks.sending import not_rendered
from app.webhooks.worker import ENDPOINTS_MAX, LOOK
from tests.support.account_logs import logged
from tests.support.database_contents import set_by_hand
from tests.support.webhook_endpoints import OK, ReceivedRequest, WebhookEndpoint, serving
from tests.support.webhooks import (
    NO,
    DeliveryNode,
    MovedTime,
    Registered,
    assert_same_bytes,
    assert_verified,
    delivering,
    kind,
    register,
    until,
)
from tests.support.world import World, make_world

WITH_WORDS = """subscription { actions(types: [COMMENT]) { cursor action {
    id seq type createdAt hash case { id reference title createdBy { id } } comment { body author { id kind } } } } }"""


async def comments(world: World, case_id: UUID, *texts: str) -> list[str]:
    """Comment on a case, and return the ids of the actions."""
    done = [await world.do(world.carl, AddComment(case_id=case_id, comment=text)) for text in texts]
    return [str(outcome.action.id) for outcome in done]


async def opened(world: World) -> tuple[UUID, str]:
    """Open a case, and return its id and the action's."""
    outcome = await world.open_case()
    return outcome.case.id, str(outcome.action.id)


async def recorded(hook: Registered, state: WebhookState) -> None:
    """Wait until the endpoint's row has this state."""

    async def has_state() -> bool:
        return (await hook.row()).state is state

    await until(has_state)


def of_action(request: ReceivedRequest) -> str:
    return request.headers["webhook-id"]


async def test_after_a_ping_each_action_is_sent_in_order_and_verified_by_the_public_library(
    world: World, node: DeliveryNode, endpoint: WebhookEndpoint
) -> None:
    hook = await register(world, endpoint)
    await recorded(hook, WebhookState.ACTIVE)
    case_id, first = await opened(world)
    more = await comments(world, case_id, "one", "two")
    await until(lambda: len(hook.deliveries) >= 3)

    assert hook.actions == [first, *more]
    assert kind(endpoint.requests[0]) == "ping"
    assert [kind(request) for request in hook.deliveries] == ["case.open", "case.comment", "case.comment"]
    for request in endpoint.requests:
        assert_verified(await hook.secret(), request)
    body = json.loads(hook.deliveries[0].body)
    assert body["data"]["actions"]["action"]["case"] == {"id": str(case_id), "reference": "CASE-000001"}
    assert body["data"]["actions"]["action"]["statusAfter"] == "OPEN"

    await until(lambda: _is_at(hook, body_cursor(hook.deliveries[-1])))
    assert (await hook.row()).last_success_at is not None


def body_cursor(request: ReceivedRequest) -> str:
    cursor: str = json.loads(request.body)["data"]["actions"]["cursor"]
    return cursor


async def _is_at(hook: Registered, cursor: str) -> bool:
    row = await hook.row()
    return log_cursors(row.account_id).encode(row.key) == cursor


async def test_what_was_done_before_an_endpoint_was_registered_is_not_sent(
    world: World, node: DeliveryNode, endpoint: WebhookEndpoint
) -> None:
    case_id, _ = await opened(world)
    hook = await register(world, endpoint)
    ids = await comments(world, case_id, "later")
    await until(lambda: hook.deliveries)

    assert hook.actions == ids


async def test_nothing_but_pings_is_sent_before_one_was_answered(
    world: World, node: DeliveryNode, endpoint: WebhookEndpoint
) -> None:
    endpoint.answer = lambda _: NO
    hook = await register(world, endpoint)
    await until(lambda: hook.pings >= 1)
    _, first = await opened(world)
    await until(lambda: _failures(hook, 1))
    node.time.move(seconds=5)
    await until(lambda: hook.pings >= 2)
    assert hook.deliveries == []
    assert (await hook.row()).state is WebhookState.UNVERIFIED

    endpoint.answer = lambda _: OK
    await until(lambda: _failures(hook, 2))
    node.time.move(minutes=5)
    await until(lambda: hook.deliveries)
    assert (hook.pings, hook.actions) == (3, [first])


async def _failures(hook: Registered, number: int) -> bool:
    return (await hook.row()).ping_failures >= number


async def test_what_fails_parks_its_case_and_others_go_on_and_each_try_sends_the_same(
    world: World, node: DeliveryNode, endpoint: WebhookEndpoint
) -> None:
    hook = await register(world, endpoint, WITH_WORDS)
    await recorded(hook, WebhookState.ACTIVE)
    (first, _), (second, _) = await opened(world), await opened(world)
    refused = set[str]()
    endpoint.answer = lambda request: NO if of_action(request) in refused else OK
    bad = await world.do(world.carl, AddComment(case_id=first, comment="não — “é”"))
    refused.add(str(bad.action.id))
    await until(lambda: str(bad.action.id) in hook.actions)
    await recorded(hook, WebhookState.FAILING)
    waiting = await comments(world, first, "waits", "waits too")
    others = await comments(world, second, "goes on", "and on")
    await until(lambda: others[-1] in hook.actions)
    assert not set(waiting) & set(hook.actions)

    node.time.move(seconds=5)
    await until(lambda: hook.actions.count(str(bad.action.id)) == 2)
    refused.clear()
    await until(lambda: _has_failed(hook, 2))
    node.time.move(minutes=5)
    await until(lambda: waiting[-1] in hook.actions)
    await recorded(hook, WebhookState.ACTIVE)

    own = [id for id in hook.actions if id not in others]
    assert own == [str(bad.action.id)] * 3 + waiting
    assert [id for id in hook.actions if id in others] == others
    assert_same_bytes(hook.deliveries)
    assert await hook.retries() == []


async def _has_failed(hook: Registered, number: int) -> bool:
    return [row.failures >= number for row in await hook.retries()] == [True]


async def test_the_last_try_disables_and_resuming_loses_nothing(
    world: World, node: DeliveryNode, endpoint: WebhookEndpoint
) -> None:
    hook = await register(world, endpoint)
    await recorded(hook, WebhookState.ACTIVE)
    start = len(await logged(world.database, world.account_id))
    endpoint.answer = lambda _: NO
    case_id, first = await opened(world)
    failures = 0
    while failures < len(TRY_OFFSETS) - 1:
        await until(partial(_has_failed, hook, failures + 1))
        (retry,) = await hook.retries()
        failures = retry.failures
        assert retry.next_at - retry.first_at == TRY_OFFSETS[failures]
        node.time.move(seconds=(retry.next_at - node.time.now()).total_seconds() + 0.001)
    await recorded(hook, WebhookState.DISABLED)
    later = await comments(world, case_id, "meanwhile")
    assert hook.actions == [first] * len(TRY_OFFSETS)

    rows = (await logged(world.database, world.account_id))[start:]
    assert [(row[0], row[1]) for row in rows] == [("DISABLE_WEBHOOK", "SYSTEM")]
    assert rows[0][3] == {"webhook": [str(hook.id)], "failure": ["STATUS"], "status": ["500"]}
    endpoint.answer = lambda _: OK
    await hook.act(ResumeWebhook)
    node.time.move(seconds=3)
    await until(lambda: later[0] in hook.actions)
    assert hook.actions[len(TRY_OFFSETS) :] == [first, *later]
    await recorded(hook, WebhookState.ACTIVE)


@pytest.mark.parametrize("answered", ["ping", "delivery"])
async def test_an_endpoint_that_is_gone_is_disabled_at_once(
    world: World, node: DeliveryNode, endpoint: WebhookEndpoint, answered: str
) -> None:
    gone = b"HTTP/1.1 410 Gone\r\nContent-Length: 0\r\n\r\n"
    if answered == "ping":
        endpoint.answer = lambda _: gone
    hook = await register(world, endpoint)
    if answered == "delivery":
        await recorded(hook, WebhookState.ACTIVE)
        endpoint.answer = lambda _: gone
        await opened(world)
    await recorded(hook, WebhookState.DISABLED)

    row = await hook.row()
    assert (row.last_failure, row.last_failure_status) == (DeliveryFailure.STATUS, 410)
    assert len(endpoint.requests) == (1 if answered == "ping" else 2)


async def test_an_endpoint_that_asks_for_time_gets_it(
    world: World, node: DeliveryNode, endpoint: WebhookEndpoint
) -> None:
    hook = await register(world, endpoint)
    await recorded(hook, WebhookState.ACTIVE)
    endpoint.answer = lambda _: b"HTTP/1.1 429 Busy\r\nRetry-After: 600\r\nContent-Length: 0\r\n\r\n"
    await opened(world)
    await until(lambda: _has_failed(hook, 1))

    (retry,) = await hook.retries()
    assert timedelta(seconds=600) <= retry.next_at - retry.first_at < timedelta(seconds=660)


async def test_a_redirect_is_a_failure_and_not_followed(
    world: World, node: DeliveryNode, endpoint: WebhookEndpoint
) -> None:
    async with serving(WebhookEndpoint()) as other:
        hook = await register(world, endpoint)
        await recorded(hook, WebhookState.ACTIVE)
        location = f"http://127.0.0.1:{other.port}/"
        endpoint.answer = lambda _: f"HTTP/1.1 307 M\r\nLocation: {location}\r\nContent-Length: 0\r\n\r\n".encode()
        await opened(world)
        await until(lambda: _has_failed(hook, 1))

        assert other.connections == 0


async def test_a_document_chooses_the_rows(world: World, node: DeliveryNode, endpoint: WebhookEndpoint) -> None:
    case_id, _ = await opened(world)
    document = f'subscription {{ actions(types: [COMMENT], caseId: "{case_id}") {{ action {{ type }} }} }}'
    hook = await register(world, endpoint, document)
    other, _ = await opened(world)
    await comments(world, other, "of another case")
    await world.request_override(case_id)
    ids = await comments(world, case_id, "of this one")
    await until(lambda: hook.deliveries)

    assert hook.actions == ids
    assert json.loads(hook.deliveries[0].body)["data"] == {"actions": {"action": {"type": "COMMENT"}}}


async def test_nothing_of_another_account_is_sent(world: World, node: DeliveryNode, endpoint: WebhookEndpoint) -> None:
    other = await make_world(world.database)
    async with serving(WebhookEndpoint()) as of_other:
        hook, their_hook = await register(world, endpoint), await register(other, of_other)
        (case_id, first), (their_case, theirs) = await opened(world), await opened(other)
        ids, their_ids = await comments(world, case_id, "ours"), await comments(other, their_case, "theirs")
        await until(lambda: len(hook.deliveries) >= 2 and len(their_hook.deliveries) >= 2)

        assert hook.actions == [first, *ids]
        assert their_hook.actions == [theirs, *their_ids]


async def test_an_endpoint_that_may_not_read_is_sent_nothing_and_loses_nothing(
    world: World, node: DeliveryNode, endpoint: WebhookEndpoint
) -> None:
    hook = await register(world, endpoint)
    await recorded(hook, WebhookState.ACTIVE)
    user_id = (await hook.row()).user_id
    users = tables.users
    async with world.database.write() as connection:
        await connection.execute(update(users).where(users.c.id == user_id).values(active=False))
    _, first = await opened(world)

    async def is_forbidden() -> bool:
        return (await hook.row()).last_failure is DeliveryFailure.FORBIDDEN

    await until(is_forbidden)
    assert hook.deliveries == []
    async with world.database.write() as connection:
        await connection.execute(update(users).where(users.c.id == user_id).values(active=True))
    node.time.move(seconds=31)
    await until(lambda: hook.deliveries)
    assert hook.actions == [first]


async def test_a_pause_keeps_the_place(world: World, node: DeliveryNode, endpoint: WebhookEndpoint) -> None:
    hook = await register(world, endpoint)
    case_id, first = await opened(world)
    await until(lambda: hook.deliveries)
    await hook.act(PauseWebhook)
    node.time.move(seconds=3)

    async def is_released() -> bool:
        return not node.tools.feed._tails

    await until(is_released)
    ids = await comments(world, case_id, "meanwhile")
    await hook.act(ResumeWebhook)
    node.time.move(seconds=3)
    await until(lambda: ids[0] in hook.actions)

    assert set(hook.actions) == {first, *ids}
    assert_same_bytes(hook.deliveries)


async def test_a_replay_sends_the_same_ids_and_the_same_bytes(
    world: World, node: DeliveryNode, endpoint: WebhookEndpoint
) -> None:
    hook = await register(world, endpoint, WITH_WORDS)
    await recorded(hook, WebhookState.ACTIVE)
    start = await hook.row()
    case_id, _ = await opened(world)
    ids = await comments(world, case_id, *map(str, range(5)))
    await until(lambda: len(hook.deliveries) >= 5)
    await until(lambda: _is_at(hook, body_cursor(hook.deliveries[-1])))
    await world.request_override(case_id)  # what comes later changes nothing of what was
    await hook.act(ReplayWebhook, position=start.position, position_id=start.position_id)
    node.time.move(seconds=3)
    await until(lambda: len(hook.deliveries) >= 10)

    assert hook.actions == [*ids, *ids]
    assert_same_bytes(hook.deliveries)


async def test_while_a_secret_is_rotated_both_verify_and_afterwards_the_new_one_alone(
    world: World, node: DeliveryNode, endpoint: WebhookEndpoint
) -> None:
    hook = await register(world, endpoint)
    await recorded(hook, WebhookState.ACTIVE)
    case_id, _ = await opened(world)
    writing = asyncio.create_task(comments(world, case_id, *map(str, range(12))))
    await until(lambda: len(hook.deliveries) >= 3)
    await hook.act(RotateWebhookSecret, grace_hours=1)
    node.time.move(seconds=3)
    ids = await writing
    await until(lambda: ids[-1] in hook.actions)
    (last,) = await comments(world, case_id, "with both")
    await until(lambda: last in hook.actions)

    old, new = await hook.secret(1), await hook.secret(2)
    for request in endpoint.requests:
        signatures = request.headers["webhook-signature"].split(" ")
        assert len(signatures) in (1, 2)
        assert_verified(old, request)
    assert len(hook.deliveries[-1].headers["webhook-signature"].split(" ")) == 2
    assert_verified(new, hook.deliveries[-1])


async def test_deliveries_can_be_signed_by_a_key_pair(
    world: World, node: DeliveryNode, endpoint: WebhookEndpoint
) -> None:
    hook = await register(world, endpoint, scheme=SignatureScheme.ED25519)
    await recorded(hook, WebhookState.ACTIVE)

    assert endpoint.requests[0].headers["webhook-signature"].startswith("v1a,")
    assert (await hook.secret()).startswith("whpk_")


async def test_another_node_goes_on_once_the_lease_of_a_dead_one_has_ended(
    world: World, store: DocumentStore, endpoint: WebhookEndpoint
) -> None:
    hook = await register(world, endpoint)
    _, first = await opened(world)

    async def held_for(seconds: float) -> None:
        """Leave it as a node leaves it that was killed."""
        until = clock.now() + timedelta(seconds=seconds)
        column = tables.webhooks.c
        async with world.database.write() as connection:
            held = {"lease_holder": "dead", "lease_until": until}
            await connection.execute(update(tables.webhooks).where(column.id == hook.id).values(held))

    await held_for(3600)
    async with delivering(world.database, store) as node:
        for _ in range(3):
            node.time.move(seconds=3)
            await asyncio.sleep(0.1)
        assert endpoint.requests == []
        await held_for(-1)
        node.time.move(seconds=3)
        await until(lambda: hook.deliveries)

        assert hook.actions == [first]


@pytest.mark.parametrize("ahead", [-600, 600], ids=["behind", "ahead"])
async def test_a_node_whose_clock_is_wrong_takes_no_lease_of_another_on_postgresql(world: World, ahead: float) -> None:
    if world.database.is_sqlite:
        pytest.skip("nodes of one file share the clock of their machine")
    hook = await register(world, WebhookEndpoint())
    now, ids = clock.now(), {hook.id}
    assert await take_leases(world.database, "first", ids, now + timedelta(seconds=ahead)) == ids

    for wrong in (-ahead, ahead, 0):
        assert await take_leases(world.database, "second", ids, now + timedelta(seconds=wrong)) == set()
    async with world.database.read() as connection:
        column = tables.webhooks.c
        is_near = column.lease_until.between(func.now(), func.now() + timedelta(seconds=LEASE.total_seconds()))
        assert await connection.scalar(select(column.id).where(is_near)) == hook.id


async def test_of_two_nodes_one_delivers_and_the_other_goes_on_where_it_ends(
    world: World, store: DocumentStore, endpoint: WebhookEndpoint
) -> None:
    time = MovedTime()
    async with (
        delivering(world.database, store, time, "first") as first,
        delivering(world.database, store, time, "second") as second,
    ):
        hook = await register(world, endpoint)
        time.move(seconds=3)
        case_id, opening = await opened(world)
        ids = await comments(world, case_id, *map(str, range(5)))
        await until(lambda: len(hook.deliveries) >= 6)
        assert hook.actions == [opening, *ids]
        async with world.database.read() as connection:
            holder = await connection.scalar(tables.webhooks.select().with_only_columns(tables.webhooks.c.lease_holder))
        await (first if holder == "first" else second).stop()
        more = await comments(world, case_id, "with the other node")
        time.move(seconds=3)
        await until(lambda: more[0] in hook.actions)

        assert list(dict.fromkeys(hook.actions)) == [opening, *ids, *more]


async def test_who_has_lost_the_lease_writes_nothing(
    world: World, store: DocumentStore, endpoint: WebhookEndpoint
) -> None:
    hook = await register(world, endpoint)
    webhooks = tables.webhooks
    async with delivering(world.database, store, look=LOOK) as node:
        await recorded(hook, WebhookState.ACTIVE)
        before = await hook.row()
        async with world.database.write() as connection:
            held = {"lease_holder": "other", "lease_until": node.time.now() + timedelta(hours=1)}
            await connection.execute(update(webhooks).where(webhooks.c.id == hook.id).values(held))
        await opened(world)
        await until(lambda: hook.deliveries)
        node.time.move(seconds=3)

        async def is_released() -> bool:
            return not node.tools.feed._tails

        await until(is_released)
    assert (await hook.row()).key == before.key


async def test_an_endpoint_that_hangs_makes_no_other_wait(
    world: World, store: DocumentStore, endpoint: WebhookEndpoint
) -> None:
    async with serving(WebhookEndpoint()) as hanging, delivering(world.database, store, answer_s=3600):
        stuck = await register(world, hanging, name="Stuck")
        hook = await register(world, endpoint)
        await recorded(stuck, WebhookState.ACTIVE)
        await recorded(hook, WebhookState.ACTIVE)
        hanging.answer = lambda _: None
        cases = [await opened(world) for _ in range(6)]
        for case_id, _ in cases:
            await comments(world, case_id, "x")
        await until(lambda: len(hook.deliveries) >= 12)

        assert len(stuck.deliveries) <= 4  # so many at once, and none of them answered
        assert (await stuck.row()).state is WebhookState.ACTIVE


async def test_what_was_sent_is_kept_for_a_week(world: World, node: DeliveryNode, endpoint: WebhookEndpoint) -> None:
    hook = await register(world, endpoint)
    await recorded(hook, WebhookState.ACTIVE)

    async def kept() -> int:
        async with world.database.read() as connection:
            (found,) = await delivery_counts(connection, world.account_id, [hook.id])
            return found

    assert await kept() == 1
    node.time.move(days=6)
    await opened(world)
    await until(lambda: _holds(kept, 2))
    node.time.move(days=1, minutes=1)
    await until(lambda: _holds(kept, 1))


async def _holds(count: Callable[[], Awaitable[int]], number: int) -> bool:
    return await count() == number


async def test_what_was_sent_long_ago_is_deleted_a_part_at_a_time(world: World) -> None:
    hook = await register(world, WebhookEndpoint())
    now = datetime(2026, 1, 1, tzinfo=UTC)
    ages = [timedelta(days=days) for days in (6, 8, 9, 10)]
    rows = [not_rendered(await hook.row(), UUID(int=1), 1, now - age).delivery for age in ages]
    async with world.database.write() as connection:
        await connection.execute(insert(tables.webhook_deliveries), [asdict(row) for row in rows])

    assert [await forget_old_deliveries(world.database, [hook.id], now, 2) for _ in range(2)] == [False, True]
    async with world.database.read() as connection:
        assert await delivery_counts(connection, world.account_id, [hook.id]) == [1]


async def test_a_process_delivers_to_the_endpoints_of_many_accounts(world: World) -> None:
    row = await (await register(world, WebhookEndpoint())).row()
    more = [asdict(replace(row, id=clock.new_id())) for _ in range(20 * WEBHOOKS_MAX - 1)]
    async with world.database.write() as connection:
        await connection.execute(insert(tables.webhooks), more)
    async with world.database.read() as connection:
        time = shared_time(world.database, clock.now())
        found = await deliverable(connection, "node", time, ENDPOINTS_MAX)

    assert len(found) == 20 * WEBHOOKS_MAX


async def test_the_account_s_log_stays_whole(world: World, node: DeliveryNode, endpoint: WebhookEndpoint) -> None:
    endpoint.answer = lambda _: b"HTTP/1.1 410 Gone\r\nContent-Length: 0\r\n\r\n"
    hook = await register(world, endpoint)
    await recorded(hook, WebhookState.DISABLED)

    (verdict,) = [verdict async for verdict in verify_account_logs(world.database, world.account_id)]
    assert verdict.fault is None
    rows = await logged(world.database, world.account_id)
    assert rows[-1][0] == AdminActionType.DISABLE_WEBHOOK


async def test_a_reminder_is_delivered_as_any_row(world: World, node: DeliveryNode, endpoint: WebhookEndpoint) -> None:
    wanted = "subscription { actions(types: [REMIND]) { cursor action { id reminder { occasion at } case { id } } } }"
    hook = await register(world, endpoint, wanted)
    await recorded(hook, WebhookState.ACTIVE)
    await set_by_hand(world.database, tables.accounts, world.account_id, reminder_hours=1)
    case_id, due_at = (await world.open_case()).case.id, clock.now()
    await world.do(world.ada, SetDueDate(case_id=case_id, due_at=due_at + timedelta(hours=1)))

    steps = [step.is_written async for step in write_reminders(world.database)]
    await until(lambda: hook.deliveries)

    assert steps == [True]
    (delivered,) = hook.deliveries
    assert kind(delivered) == "case.remind"
    action = json.loads(delivered.body)["data"]["actions"]["action"]
    due_text = (due_at + timedelta(hours=1)).isoformat()
    assert action["reminder"] == {"occasion": "DUE_DATE", "at": due_text}
    assert action["case"] == {"id": str(case_id)}
