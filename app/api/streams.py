"""Streams: the results of one operation, sent one after the other, of a subscription for each of its events.

Who may have it is looked at anew for each event, and while none comes; every event is executed in a context of its own.
How results are sent is the transport's, which asks for the next one when the one before was sent.
"""

import asyncio
import time
from collections.abc import AsyncGenerator, AsyncIterator, Iterator, Sequence
from contextlib import aclosing, asynccontextmanager, contextmanager
from dataclasses import dataclass, field
from uuid import UUID
from weakref import WeakValueDictionary

from graphql import GraphQLError

from app.api.event_turns import EventTurns
from app.api.execution.preparation import NoSuchOperationError, OperationRequest, Policy, may_write
from app.api.http.decoding import BadRequest
from app.api.masking import format_errors, refusal_error, request_error
from app.api.operation_runner import EndpointOptions, OperationCall, OperationResult, OperationRunner
from app.api.recheck import Recheck
from app.api.record import Record
from app.api.shared_results import Key, SharedResult, SharedResults, key_of
from app.api.stream_registry import StreamedResult, StreamOptions, StreamRegistry, StreamRequest
from app.api.subscription_events import EventSource
from app.api.subscriptions import SourceEvent
from app.api.trusted_documents import TrustedDocuments
from app.auth.shared_lookups import MOMENT_S
from app.domain.errors import ErrorCode, Refusal, RetryLater
from app.observability import metrics, tracing
from app.web.concurrency import AdmittedOperation, ConcurrencyLimiter
from app.web.faults import Formatted, fault_error

EVENTS_AT_ONCE = 8
"""Events that are executed at the same time in a process; others wait, so that requests find their places."""
EVENTS_OF_ACCOUNT = 6
"""Of them, of one account: its events may be long, and others' do not wait for that."""

PHASES = 4_096
"""Moments between two looks, of which each token has one."""


@dataclass(slots=True)
class Streams:
    """Runs operations whose results are streamed."""

    runner: OperationRunner
    gate: ConcurrencyLimiter
    trusted: TrustedDocuments
    endpoint: EndpointOptions
    options: StreamOptions
    turns: EventTurns
    registry: StreamRegistry = field(init=False)
    _shared: SharedResults = field(init=False)
    _slots: asyncio.Semaphore = field(init=False)
    _slots_of_account: "WeakValueDictionary[UUID, asyncio.Semaphore]" = field(init=False)

    def __post_init__(self) -> None:
        self.registry = StreamRegistry(self.options)
        self._shared = SharedResults()
        self._slots = asyncio.Semaphore(EVENTS_AT_ONCE)
        self._slots_of_account = WeakValueDictionary()

    async def open(self, request: StreamRequest) -> AsyncGenerator[StreamedResult, None]:
        """Run a query or a mutation, or begin a subscription. Return the results, which are to be taken or closed.

        Raises: BadRequest, OperationNotAllowedError, Refusal of the operation as a whole. The results raise Refusal
        too, and GraphQLError for a source of events that fails.
        """
        parameters = request.parameters
        text, is_trusted = self.trusted.find(parameters.query, parameters.document_id, parameters.extensions)
        if text is None:
            raise BadRequest(400, "The operation has no query.")
        if request.takes_trusted_alone and not is_trusted:
            raise BadRequest(405, "Send the query by POST, or name a trusted document.", {"Allow": "POST"})
        sent = OperationRequest(text, parameters.variables, parameters.operation, request.request_id)
        call = self._call(request, sent)
        request.is_refused_by_status = request.transport == "sse"
        with _finished_on_failure(call.record, request):
            started = await self._start(call, request)
            if isinstance(started, EventSource):
                self.registry.demand_room(request)
                await request.count_start(request.identity)
        request.is_refused_by_status = False
        if isinstance(started, OperationResult):
            return self._single(started, call, request)
        call.record.has_begun = True
        _finish(call.record, request)
        return self._of_subscription(started, call, request)

    async def _single(
        self, result: OperationResult, call: OperationCall, request: StreamRequest
    ) -> AsyncGenerator[StreamedResult, None]:
        async with self._sent(result, call, request) as sent:
            yield sent

    async def _of_subscription(
        self, source: EventSource, call: OperationCall, request: StreamRequest
    ) -> AsyncGenerator[StreamedResult, None]:
        if request.is_given_up:
            return
        with self.registry.counting(request):
            async with aclosing(source.events), aclosing(self._events(source, call, request)) as events:
                async for result in events:
                    self.runner.routing.note_seen(request.identity.actor)
                    yield result
                    del result  # it would be kept until the next one comes

    def format_errors(self, raised: Exception, request: StreamRequest) -> list[Formatted]:
        """Return what a client is shown of what ended its operation; a fault is logged here.

        What was refused before it began is written down.
        """
        errors = self._formatted(raised, request)
        if not request.is_recorded:
            _finish(Record(), request, [error["extensions"]["code"] for error in errors])
        return errors

    def _formatted(self, raised: Exception, request: StreamRequest) -> list[Formatted]:
        language = request.language
        match raised:
            case BadRequest():
                return [request_error(ErrorCode.BAD_REQUEST, raised.words, language)]
            case Refusal():
                return [refusal_error(raised, language)]
            case GraphQLError():
                development = self.endpoint.development
                return format_errors([raised], language, request.request_id, suggestions=development)
        return [fault_error(raised, language, request.request_id)]

    def _call(self, request: StreamRequest, sent: OperationRequest) -> OperationCall:
        return OperationCall(
            sent,
            Policy(self.endpoint.limits, request.allowed, self.endpoint.development),
            request.authenticate,
            request.language,
            lambda: request.base_url,
            Record(),
            request.shows_cost,
            request.resume_from,
            position=request.position,
        )

    async def _start(self, call: OperationCall, request: StreamRequest) -> OperationResult | EventSource:
        """Run a query or a mutation, or begin a subscription."""
        actor = request.identity.actor
        entrant = AdmittedOperation(actor.account_id, actor.token_id, may_write(call.sent.text))
        await self.gate.enter(entrant)
        request.is_uninterruptible = entrant.writes
        try:
            with tracing.operation(request.headers):
                return await self.runner.start(call, actor)
        except NoSuchOperationError:
            return await self.runner.refused(call, GraphQLError("The document has no such operation."))
        finally:
            request.is_uninterruptible = False
            self.gate.leave(entrant)

    async def _events(
        self, source: EventSource, call: OperationCall, request: StreamRequest
    ) -> AsyncGenerator[StreamedResult, None]:
        key = key_of(request, call.sent)
        async with aclosing(self._source_events(source, request)) as events:
            async for event in events:
                of_event = self._call(request, call.sent)
                with _finished_on_failure(of_event.record, request):
                    result = await self._result_of_event(of_event, source, event, request, key)
                if not event.has_turn:  # else it counted as the stream was woken
                    self.turns.spend()
                async with self._sent(result, of_event, request, event.cursor) as sent:
                    yield sent
                del event, of_event, result, sent  # they would be kept until the next one comes

    async def _result_of_event(
        self, call: OperationCall, source: EventSource, event: SourceEvent, request: StreamRequest, key: Key
    ) -> OperationResult:
        """Return what *event* gives, by one execution for the streams of a token that ask for the same."""

        async def execute() -> SharedResult:
            result = await self._run_event(call, source, event, request)
            return SharedResult(result, request.identity)

        if event.sharing_key is None:
            return (await execute()).result
        key = (*key, *event.sharing_key)
        found = await self._shared.find(key)
        if found is not None:
            await self._permit(source, request, event.read_at)
            if found.identity == request.identity:
                call.record.operation, call.record.has_begun = source.prepared, True
                return found.result
        return await self._shared.share(key, execute)

    async def _run_event(
        self, call: OperationCall, source: EventSource, event: SourceEvent, request: StreamRequest
    ) -> OperationResult:
        if not event.has_turn:
            await self.turns.turn()
        async with self._slot_of(request.identity.actor.account_id), self._slots:
            await self._permit(source, request, event.read_at)
            with tracing.operation(request.headers):
                return await self.runner.run_event(call, source, event, request.identity)

    def _slot_of(self, account_id: UUID) -> asyncio.Semaphore:
        found = self._slots_of_account.get(account_id)
        if found is None:
            found = self._slots_of_account[account_id] = asyncio.Semaphore(EVENTS_OF_ACCOUNT)
        return found

    @asynccontextmanager
    async def _sent(
        self, result: OperationResult, call: OperationCall, request: StreamRequest, cursor: str | None = None
    ) -> AsyncIterator[StreamedResult]:
        """Yield a result to be sent, and have it written down when it was."""
        try:
            yield StreamedResult(*result, cursor)
            request.cursor = cursor or request.cursor
        finally:
            _finish(call.record, request, [error["extensions"]["code"] for error in result.body.get("errors", ())])

    async def _source_events(self, source: EventSource, request: StreamRequest) -> AsyncGenerator[SourceEvent, None]:
        """Yield the source's events; while none comes, look now and then whether it may go on."""

        async def look() -> None:
            try:
                await self._permit(source, request, time.monotonic() - MOMENT_S)
            except RetryLater:
                pass  # nothing is shown meanwhile, and the next event looks again
            except Refusal as refused:
                metrics.child(metrics.errors, refused.code).inc()
                raise

        # Streams of a token look in the same moment, by one look-up.
        phase = request.identity.actor.token_id.int % PHASES / PHASES
        while True:
            with Recheck(look, self.options.recheck_s, phase):
                event = await source.next()
            if event is None:
                return
            yield event
            del event

    async def _permit(self, source: EventSource, request: StreamRequest, since: float) -> None:
        """Look at who has the stream, since a time, and whether they may. Raises: Refusal."""
        request.identity = await request.identify(since)
        source.permit(request.identity.actor)


@contextmanager
def _finished_on_failure(record: Record, request: StreamRequest) -> Iterator[None]:
    """Have an operation, or an event, that fails inside written down, and give its memory back."""
    try:
        yield
    except Refusal as refusal:
        if not request.is_refused_by_status:
            _finish(record, request, [refusal.code])
        elif record.budget is not None:
            record.budget.release()  # the response has a line of its own
        raise
    except BaseException:
        _finish(record, request)
        raise


def _finish(record: Record, request: StreamRequest, codes: Sequence[str] = ()) -> None:
    """Have an operation, or an event, written down, and give its memory back: it was sent, or given up."""
    if record.budget is not None:
        record.budget.release()
    request.is_recorded = True
    record.finish(request.request_id, request.transport, request.client, codes)
