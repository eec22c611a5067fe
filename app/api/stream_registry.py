"""What is streamed of a process: requests for streams, their results, and how many there may be."""

import time
from collections import Counter
from collections.abc import Awaitable, Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, NamedTuple
from uuid import UUID

from graphql import GraphQLError
from strawberry.types.graphql import OperationType

from app.api.http.decoding import Parameters
from app.api.masking import cause_of
from app.api.operation_runner import ALL_TYPES
from app.auth.identity import Identity
from app.db.errors import unavailable_of
from app.domain.errors import InputRefused, Refusal, RetryLater, StreamLimit, Unauthenticated
from app.domain.model import Language
from app.observability import metrics
from app.web.admission import Admission
from app.web.rate_limit import RateLimitStatus
from app.web.requests import POSITION_HEADER


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


@dataclass(slots=True)
class StreamRequest:
    """An operation whose results are to be streamed, and who it is of.

    `cause` is what ended it, where the transport knows; `cursor` is where to go on from, of what was sent last.
    `resume_from` is the cursor that a reconnecting client names beside the operation. `identify` looks at who it is of,
    since a time on the monotonic clock; `count_start` counts that a stream begins, or refuses it. While it may write it
    `is_uninterruptible`: whoever gives it up then, by `is_given_up`, waits for its end. `is_recorded`: it was written
    down, as it has begun or was refused. `is_refused_by_status`: a refusal is the response, not what it has in it.
    """

    parameters: Parameters
    identity: Identity
    standing: RateLimitStatus | None
    identify: Callable[[float], Awaitable[Identity]]
    count_start: Callable[[Identity], Awaitable[None]]
    language: Language
    request_id: str
    base_url: str
    headers: Mapping[str, str]
    client: str | None
    transport: str
    allowed: frozenset[OperationType] = ALL_TYPES
    shows_cost: bool = False
    resume_from: str | None = None
    takes_trusted_alone: bool = False
    cause: str | None = None
    cursor: str | None = None
    is_uninterruptible: bool = False
    is_given_up: bool = False
    is_recorded: bool = False
    is_refused_by_status: bool = False

    def position(self) -> str | None:
        """Return the position that is sent back, if any: a message over WebSocket has no headers."""
        sent = self.parameters.extensions.get("position")
        return sent if isinstance(sent, str) else self.headers.get(POSITION_HEADER)

    async def authenticate(self, *, fresh: bool) -> Admission:
        """Return who sends the operation. Raises: Unauthenticated, IdentityUnavailable, DeadlineExceeded."""
        return Admission(await self.identify(time.monotonic()) if fresh else self.identity, self.standing, fresh)


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

    def demand_room(self, request: StreamRequest) -> None:
        """Let there be one stream more of this token, or refuse. Raises: StreamLimit."""
        options = self._options
        if self._of_token[request.identity.actor.token_id] >= options.per_token:
            raise StreamLimit(max=options.per_token)
        if self.open >= options.per_process:
            raise StreamLimit(max=options.per_process)

    @contextmanager
    def counting(self, request: StreamRequest) -> Iterator[None]:
        """Count a stream while it is open. Raises: StreamLimit."""
        self.demand_room(request)
        token_id = request.identity.actor.token_id
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


def retry_of(raised: Exception, request_id: str) -> RetryLater | None:
    """Return what says to come back later, where that is what *raised* comes from."""
    cause = cause_of(raised) if isinstance(raised, GraphQLError) else raised
    return cause if isinstance(cause, RetryLater) else unavailable_of(cause, request_id)


def _cause(raised: Exception, request_id: str) -> str:
    if retry_of(raised, request_id) is not None:
        return "unavailable"
    is_refused = isinstance(cause_of(raised) if isinstance(raised, GraphQLError) else raised, Refusal | InputRefused)
    return "refused" if is_refused else "fault"
