"""The cycle of one request of an API: it is admitted, answered within the process' bounds, recorded and sent.

How requests are read and answers are written is each API's own.
"""

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Protocol, TypeVar

from starlette.responses import Response

from app.api.operation_runner import OperationCall, OperationResult, OperationRunner
from app.api.record import CLIENT_HEADERS, Record
from app.domain.facts import Actor
from app.observability import tracing
from app.web.admission import Admission, AdmissionController, demand_rate
from app.web.concurrency import AdmittedOperation, ConcurrencyLimiter
from app.web.requests import POSITION_HEADER, HttpRequest


class ApiExchange(Protocol):
    """One request and its response, as an API knows them."""

    request: HttpRequest
    request_id: str
    codes: list[str]

    def admitted(self, admission: Admission) -> None: ...

    def refuse(self, refused: Exception) -> Response: ...


E = TypeVar("E", bound="ApiExchange")


class RequestCycle:
    """Admits requests, and runs their operations, within the bounds of one process."""

    def __init__(self, admission: AdmissionController, limiter: ConcurrencyLimiter, runner: OperationRunner) -> None:
        self.admission = admission
        self._limiter = limiter
        self._runner = runner

    async def serve(
        self,
        exchange: E,
        respond: Callable[[E, Record], Awaitable[Response]],
        send: Callable[[Response], Awaitable[None]],
    ) -> None:
        """Answer one request, record it, and give back the memory of its answer once that is sent."""
        slices = self._runner.arrive()
        record = Record(slices)
        with tracing.operation(exchange.request.headers):
            try:
                response = await respond(exchange, record)
            except Exception as refused:
                response = exchange.refuse(refused)
            finally:
                slices.end()
        client = exchange.request.headers.first(CLIENT_HEADERS)
        record.finish(exchange.request_id, response.status_code, client, exchange.codes)
        if record.position is not None:
            response.headers[POSITION_HEADER] = str(record.position)
        try:
            await send(response)
        finally:
            if record.budget is not None:
                record.budget.release()

    async def admit(self, exchange: ApiExchange) -> Admission:
        """Look whether there is room, and return who sent the request.

        Raises: Overloaded, RateLimited, and as `AdmissionController.authenticate`.
        """
        self._limiter.look()
        admission = await self.admission.authenticate(exchange.request, fresh=False)
        exchange.admitted(admission)
        demand_rate(admission.standing)
        return admission

    async def run(self, call: OperationCall, actor: Actor, *, writes: bool) -> OperationResult:
        """Run an operation. It goes in last: a body that dribbles in takes nobody's place.

        Raises: Overloaded, and as `OperationRunner.start`.
        """
        entrant = AdmittedOperation(actor.account_id, actor.token_id, writes)
        await self._limiter.enter(entrant)
        try:
            return await self._runner.run(call, actor)
        finally:
            self._limiter.leave(entrant)

    async def note_write(self, actor: Actor, record: Record) -> None:
        """Take note of what *actor* has just written that was no operation of GraphQL."""
        await self._runner.routing.note_write(actor, record)

    @asynccontextmanager
    async def occupied(self, actor: Actor, *, writes: bool) -> AsyncIterator[None]:
        """Have a place for what is no operation of GraphQL. Raises: Overloaded."""
        entrant = AdmittedOperation(actor.account_id, actor.token_id, writes)
        await self._limiter.enter(entrant)
        try:
            yield
        finally:
            self._limiter.leave(entrant)
