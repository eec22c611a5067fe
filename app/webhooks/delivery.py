"""Delivers to one endpoint: a ping first, then the rows of the log from its place on, each case in order.

A row that is not taken parks its case: it is tried again later, and then the case's rows after it, while other cases go
on. Whoever runs it has the endpoint's lease. How far it came is written now and then: after a crash the last rows are
sent again, with the same ids and bytes.
"""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial
from typing import NoReturn
from uuid import UUID

import structlog
from sqlalchemy.exc import SQLAlchemyError

from app.auth.identity import Identity, authenticate_holder
from app.db.engines import Database
from app.db.repository.log import LogKey, LogPlace
from app.db.repository.webhooks import case_places, retries_of
from app.db.webhook_rows import RetryRow, WebhookRow
from app.domain.errors import Refusal, RetryLater
from app.domain.webhooks import DeliveryFailure, WebhookState
from app.live.feed import Feed
from app.live.listener import BATCH, Listener
from app.webhooks.endpoint_state import Blocked, Disabled, EndpointState
from app.webhooks.pacing import Pace
from app.webhooks.progress import LeaseLost, begin_delivery
from app.webhooks.rendering import Renderer, RenderingFailed, WantedRows
from app.webhooks.sending import Sender, SendResult, not_rendered
from app.webhooks.timing import Timing

AT_ONCE = 4
"""Requests that are under way at once to an endpoint; one, while it fails."""
AUTHORITY = timedelta(seconds=2)
"""For so long an endpoint may read what it could before, while many rows are sent one after the other."""
BLOCKED = timedelta(seconds=30)
"""After it an endpoint goes on that may not read, or while the database is away."""

log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class DeliveryTools:
    """What all deliveries of a process share; *holder* is the name that it has leases by."""

    database: Database
    feed: Feed
    renderer: Renderer
    sender: Sender
    timing: Timing
    holder: str
    pace: Pace


class EndpointDelivery:
    """Delivers to one endpoint, as it is in its row, until cancelled, disabled, or without its lease."""

    def __init__(self, webhook: WebhookRow, tools: DeliveryTools) -> None:
        self._tools = tools
        self._timing = tools.timing
        self._state = EndpointState(webhook, tools.database, tools.holder, tools.timing)
        self._taken: set[UUID] = set()
        self._identity: tuple[Identity, datetime] | None = None

    @property
    def _webhook(self) -> WebhookRow:
        return self._state.webhook

    async def run(self) -> None:
        """Deliver."""
        database, webhook_id = self._tools.database, self._webhook.id
        try:
            await begin_delivery(database, self._tools.holder, self._webhook)
            async with database.read() as connection:
                self._state.retries = {row.case_id: row for row in await retries_of(connection, webhook_id)}
            await self._deliver_all()
        except Disabled:
            self._state.disable()
            await self._record_last()
        except LeaseLost:
            log.info("webhook_lease_lost", webhook=str(webhook_id))
        except asyncio.CancelledError:
            await self._record_last()
            raise

    async def _deliver_all(self) -> NoReturn:
        """Deliver whatever comes. Raises: Disabled, LeaseLost."""
        while True:
            try:
                await self._ping()
                await self._follow()
            except Blocked as blocked:
                moment = self._timing.now() + BLOCKED
                reason = blocked.failure or type(blocked.__cause__).__name__
                log.warning("webhook_delivery_waits", webhook=str(self._webhook.id), reason=str(reason))
                if blocked.failure is not None:
                    self._state.note_failure(blocked.failure)
                    await self._try_to_record()
                await self._timing.until(moment)

    async def _ping(self) -> None:
        """Send the ping that is due, if one is; an endpoint that is not verified is sent nothing before it answers."""
        while self._webhook.ping_at is not None:
            await self._timing.until(self._webhook.ping_at)
            self._state.note_ping(await self._tools.sender.ping(self._webhook))
            await self._state.record()

    # --- The log -----------------------------------------------------------------------------------------------------

    async def _follow(self) -> NoReturn:
        """Deliver the rows of the log from the endpoint's place on. Raises: Blocked, Disabled, LeaseLost."""
        wanted, state = await self._wanted(), self._state
        async with self._tools.feed.listening(self._webhook.account_id, self._webhook.key) as listener:
            while True:
                await self._try_again(wanted)
                is_last = True
                if state.has_room:
                    places, is_last, _ = await listener.take()
                    await self._deliver(places, wanted)
                await state.record_if_due()
                if is_last:
                    await self._wait(listener)

    async def _wanted(self) -> WantedRows:
        try:
            return await self._tools.renderer.wanted(self._webhook.document)
        except RenderingFailed as failed:
            log.error("webhook_document_invalid", webhook=str(self._webhook.id), reason=str(failed))
            raise Blocked(DeliveryFailure.RENDERING) from failed

    async def _wait(self, listener: Listener) -> None:
        """Wait for rows, for the next try of what was not taken, or until something is to be written."""
        moment = self._state.next_moment()
        waits: list[Awaitable[object]] = [] if moment is None else [self._timing.until(moment)]
        if self._state.has_room:
            waits.append(listener.wait())
        tasks = [asyncio.ensure_future(wait) for wait in waits]
        try:
            await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)

    async def _deliver(self, places: Sequence[LogPlace], wanted: WantedRows) -> None:
        """Deliver rows that were not there before; those of a case that waits are found when it is tried again."""
        cases: dict[UUID, list[LogPlace]] = {}
        for place in places:
            if wanted.has(place.action) and place.action.case_id not in self._state.retries:
                cases.setdefault(place.action.case_id, []).append(place)
        if cases:
            await self._renew_identity()
            await self._at_once([partial(self._deliver_case, its) for its in cases.values()])
        if places:
            self._state.move(places[-1].key)
            self._taken.clear()

    async def _deliver_case(self, places: Sequence[LogPlace]) -> None:
        """Deliver rows of one case in order, and park it at the first that is not taken."""
        for place in places:
            if place.action.id in self._taken:  # before something kept others of the same read from being sent
                continue
            result = await self._send(place, 1)
            if not result.is_taken:
                self._state.park(place, 1, self._timing.now(), result)
                return
            self._taken.add(place.action.id)

    # --- What was not taken ------------------------------------------------------------------------------------------

    async def _try_again(self, wanted: WantedRows) -> None:
        """Try what is due, a few cases at a time."""
        now = self._timing.now()
        due = sorted((row for row in self._state.retries.values() if row.next_at <= now), key=lambda row: row.next_at)
        if due:
            await self._renew_identity()
            await self._at_once([partial(self._try_case, row, wanted) for row in due[:AT_ONCE]])
            await self._state.record()

    async def _try_case(self, retry: RetryRow, wanted: WantedRows) -> None:
        """Send the row that was not taken, and then those of its case that came after it."""
        first, last, failures, first_at = retry.key, self._webhook.key, retry.failures, retry.first_at
        while places := await self._case_places(retry.case_id, first, last):
            for place in places:
                if place.key == first and first != retry.key:  # the page before ended with it
                    continue
                if place.key == retry.key or wanted.has(place.action):
                    result = await self._send(place, failures + 1)
                    if not result.is_taken:
                        self._state.park(place, failures + 1, first_at, result)
                        return
                failures, first_at = 0, self._timing.now()
            if len(places) < BATCH:
                break
            first = places[-1].key
        self._state.settle(retry.case_id)

    async def _case_places(self, case_id: UUID, first: LogKey, last: LogKey) -> Sequence[LogPlace]:
        try:
            async with self._tools.database.read() as connection:
                return await case_places(connection, self._webhook.account_id, case_id, first, last, BATCH)
        except (SQLAlchemyError, OSError) as error:
            raise Blocked from error

    # --- Requests ----------------------------------------------------------------------------------------------------

    async def _send(self, place: LogPlace, attempt: int) -> SendResult:
        """Send one row. Raises: Blocked."""
        webhook, action_id = self._webhook, place.action.id
        await self._tools.pace.turn()
        identity, since = self._identity or await self._renew_identity()
        if self._timing.now() >= since + AUTHORITY:
            identity, _ = await self._renew_identity()
        render = partial(self._tools.renderer.render, webhook.document, identity, place)
        try:
            result = await self._tools.sender.send(webhook, place.action, attempt, render)
        except RenderingFailed as failed:
            log.error("webhook_not_rendered", webhook=str(webhook.id), action=str(action_id), reason=str(failed))
            result = not_rendered(webhook, action_id, attempt, self._timing.now())
        except Refusal as refusal:
            _block(refusal)
        except (SQLAlchemyError, OSError) as error:
            raise Blocked from error
        self._state.note(result)
        return result

    async def _renew_identity(self) -> tuple[Identity, datetime]:
        """Return whom the endpoint acts as, as they are now, and when that is. Raises: Blocked."""
        now = self._timing.now()
        try:
            found = await authenticate_holder(self._tools.database, self._webhook.token_id, now)
            self._identity = found, now
            return self._identity
        except Refusal as refusal:
            _block(refusal)
        except (SQLAlchemyError, OSError) as error:
            raise Blocked from error

    async def _at_once(self, works: Sequence[Callable[[], Awaitable[None]]]) -> None:
        """Do these, and wait for all of them. Raises: what one of them raised."""
        turns = asyncio.Semaphore(1 if self._webhook.state is WebhookState.FAILING else AT_ONCE)

        async def in_turn(work: Callable[[], Awaitable[None]]) -> None:
            async with turns:
                await work()

        ends = await asyncio.gather(*map(in_turn, works), return_exceptions=True)
        raised = [end for end in ends if isinstance(end, BaseException)]
        if raised:
            raise next((end for end in raised if isinstance(end, Disabled)), raised[0])

    async def _record_last(self) -> None:
        """Write how far it came as it ends; what can't be written is sent again by who is next."""
        try:
            await self._try_to_record()
        except LeaseLost:
            log.info("webhook_lease_lost", webhook=str(self._webhook.id))

    async def _try_to_record(self) -> None:
        try:
            await self._state.record()
        except Blocked:
            log.info("webhook_progress_not_recorded", webhook=str(self._webhook.id))


def _block(refusal: Refusal) -> NoReturn:
    """Have nothing sent for now. Raises: Blocked."""
    raise Blocked(None if isinstance(refusal, RetryLater) else DeliveryFailure.FORBIDDEN) from refusal
