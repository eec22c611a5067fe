"""Streams: the results of one operation, sent one after the other, of a subscription for each of its events.

Who may have it is looked at anew for each event, and while none comes; every event is executed in a context of its own.
How results are sent is the transport's, which asks for the next one when the one before was sent.
"""

import asyncio
from collections import Counter
from collections.abc import AsyncGenerator, AsyncIterator, Iterator, Mapping, Sequence
from contextlib import aclosing, asynccontextmanager, contextmanager, suppress
from dataclasses import dataclass, field
from typing import Any, NamedTuple, Protocol
from uuid import UUID

from graphql import GraphQLError
from strawberry.types.graphql import OperationType

from app.api.execution.preparation import NoSuchOperationError, OperationRequest, Policy, may_write
from app.api.http.decoding import BadRequest, Parameters
from app.api.masking import cause_of
from app.api.operation_runner import ALL_TYPES, EndpointOptions, OperationCall, OperationResult, OperationRunner
from app.api.record import Record
from app.api.subscription_events import EventSource
from app.api.trusted_documents import TrustedDocuments
from app.auth.identity import Identity
from app.db.errors import unavailable_of
from app.domain.errors import InputRefused, Refusal, RetryLater, StreamLimit, Unauthenticated
from app.domain.model import Language
from app.observability import metrics, tracing
from app.web.admission import Admission
from app.web.concurrency import AdmittedOperation, ConcurrencyLimiter
from app.web.rate_limit import RateLimitStatus

EVENTS_AT_ONCE = 8
"""Events that are executed at the same time in a process; others wait, so that requests find their places."""


@dataclass(frozen=True, slots=True)
class StreamOptions:
    """Bounds of streams. `recheck_s`: how often rights are looked at while no event comes."""

    per_token: int = 20
    per_process: int = 1_000
    recheck_s: float = 4
    slow_s: float = 30
    comment_s: float = 12
    init_s: float = 10
    drain_s: float = 2


class Identify(Protocol):
    """Tells who has the stream; looked up now, where they are to be *fresh*. Raises: as `Authenticator`."""

    async def __call__(self, *, fresh: bool) -> tuple[Identity, bool]: ...


@dataclass(slots=True)
class StreamRequest:
    """An operation whose results are to be streamed, and who it is of.

    `cause` is what ended it, where the transport knows; `cursor` is where to go on from, of what was sent last. While
    it may write it `is_uninterruptible`: whoever gives it up then, by `is_given_up`, waits for its end.
    """

    parameters: Parameters
    identity: Identity
    standing: RateLimitStatus | None
    identify: Identify
    language: Language
    request_id: str
    base_url: str
    headers: Mapping[str, str]
    client: str | None
    transport: str
    allowed: frozenset[OperationType] = ALL_TYPES
    shows_cost: bool = False
    cause: str | None = None
    cursor: str | None = None
    is_uninterruptible: bool = False
    is_given_up: bool = False

    async def authenticate(self, *, fresh: bool) -> Admission:
        """Return who sends the operation. Raises: as `identify`."""
        identity, is_fresh = (self.identity, False) if not fresh else await self.identify(fresh=True)
        return Admission(identity, self.standing, is_fresh)


class StreamedResult(NamedTuple):
    """One result. `cursor`: where to come back, None where there is none."""

    body: dict[str, Any]
    content: bytes | memoryview
    has_begun: bool
    cursor: str | None = None


class StreamRegistry:
    """Counts the streams of a process, each of which is of one token."""

    def __init__(self, options: StreamOptions) -> None:
        self._options = options
        self._of_token: Counter[UUID] = Counter()
        self.open = 0

    @contextmanager
    def counting(self, request: StreamRequest) -> Iterator[None]:
        """Count a stream while it is open. Raises: StreamLimit."""
        token_id, options = request.identity.actor.token_id, self._options
        if self._of_token[token_id] >= options.per_token:
            raise StreamLimit(max=options.per_token)
        if self.open >= options.per_process:
            raise StreamLimit(max=options.per_process)
        self._count(token_id, request.transport, 1)
        cause = "client"
        try:
            yield
            cause = "completed"
        except Unauthenticated:
            cause = "unauthenticated"
            raise
        except Exception as raised:
            cause = _cause(raised, request.request_id)
            raise
        finally:
            self._count(token_id, request.transport, -1)
            metrics.child(metrics.streams_ended, request.transport, request.cause or cause).inc()

    def _count(self, token_id: UUID, transport: str, more: int) -> None:
        self.open += more
        self._of_token[token_id] += more
        if not self._of_token[token_id]:
            del self._of_token[token_id]
        metrics.child(metrics.streams, transport).inc(more)


@dataclass(slots=True)
class Streams:
    """Runs operations whose results are streamed."""

    runner: OperationRunner
    gate: ConcurrencyLimiter
    trusted: TrustedDocuments
    endpoint: EndpointOptions
    options: StreamOptions
    registry: StreamRegistry = field(init=False)
    _turns: asyncio.Semaphore = field(init=False)

    def __post_init__(self) -> None:
        self.registry = StreamRegistry(self.options)
        self._turns = asyncio.Semaphore(EVENTS_AT_ONCE)

    async def results(self, request: StreamRequest) -> AsyncGenerator[StreamedResult, None]:
        """Yield the results. Whoever takes them is to close this.

        Raises: BadRequest, OperationNotAllowedError, Refusal of the operation as a whole, GraphQLError for an event
        source that fails.
        """
        parameters = request.parameters
        text, _ = self.trusted.find(parameters.query, parameters.document_id, parameters.extensions)
        if text is None:
            raise BadRequest(400, "The operation has no query.")
        sent = OperationRequest(text, parameters.variables, parameters.operation, request.request_id)
        call = self._call(request, sent)
        try:
            started = await self._start(call, request)
        except Refusal as refusal:
            _finish(call.record, request, [refusal.code])
            raise
        except BaseException:
            _finish(call.record, request)
            raise
        if isinstance(started, OperationResult):
            async with self._sent(started, call, request) as result:
                yield result
            return
        _finish(call.record, request)
        if request.is_given_up:
            return
        with self.registry.counting(request):
            async with aclosing(started.events), aclosing(self._events(started, call, request)) as events:
                async for result in events:
                    yield result

    def _call(self, request: StreamRequest, sent: OperationRequest) -> OperationCall:
        return OperationCall(
            sent,
            Policy(self.endpoint.limits, request.allowed, self.endpoint.development),
            request.authenticate,
            request.language,
            lambda: request.base_url,
            Record(),
            request.shows_cost,
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
        async with aclosing(self._source_events(source, request)) as events:
            async for event in events:
                of_event = self._call(request, call.sent)
                result = await self._run_event(of_event, source, event, request)
                async with self._sent(result, of_event, request, getattr(event, "cursor", None)) as sent:
                    yield sent

    async def _run_event(
        self, call: OperationCall, source: EventSource, event: object, request: StreamRequest
    ) -> OperationResult:
        try:
            async with self._turns:
                await self._permit(source, request)
                with tracing.operation(request.headers):
                    return await self.runner.run_event(call, source, event, request.identity)
        except Refusal as refusal:
            _finish(call.record, request, [refusal.code])
            raise
        except BaseException:
            _finish(call.record, request)
            raise

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

    async def _source_events(self, source: EventSource, request: StreamRequest) -> AsyncGenerator[Any, None]:
        """Yield the source's events; while none comes, look now and then whether it may go on."""
        while True:
            coming = asyncio.create_task(source.next())
            try:
                while not (await asyncio.wait({coming}, timeout=self.options.recheck_s))[0]:
                    with suppress(RetryLater):  # nothing is shown meanwhile, and the next event looks again
                        await self._permit(source, request)
                if (event := coming.result()) is None:
                    return
            finally:
                if coming.cancel():
                    await asyncio.gather(coming, return_exceptions=True)
            yield event

    async def _permit(self, source: EventSource, request: StreamRequest) -> None:
        request.identity, _ = await request.identify(fresh=True)
        source.permit(request.identity.actor)


def retry_of(raised: Exception, request_id: str) -> RetryLater | None:
    """Return what says to come back later, where that is what *raised* comes from."""
    cause = cause_of(raised) if isinstance(raised, GraphQLError) else raised
    return cause if isinstance(cause, RetryLater) else unavailable_of(cause, request_id)


def _cause(raised: Exception, request_id: str) -> str:
    if retry_of(raised, request_id) is not None:
        return "unavailable"
    is_refused = isinstance(cause_of(raised) if isinstance(raised, GraphQLError) else raised, Refusal | InputRefused)
    return "refused" if is_refused else "fault"


def _finish(record: Record, request: StreamRequest, codes: Sequence[str] = ()) -> None:
    """Have an operation, or an event, written down, and give its memory back: it was sent, or given up."""
    if record.budget is not None:
        record.budget.release()
    record.finish(request.request_id, request.transport, request.client, codes)
