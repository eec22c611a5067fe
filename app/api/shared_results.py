"""Results of events, shared by the streams of one token that ask for the same at the same time.

An event of the log is executed once for them. Nothing is kept: who comes when a result is there executes anew.
"""

import asyncio
from collections.abc import Awaitable, Callable
from typing import NamedTuple

from app.api.execution.preparation import OperationRequest
from app.api.operation_runner import OperationResult
from app.api.stream_registry import StreamRequest
from app.auth.identity import Identity

Key = tuple[object, ...]


class SharedResult(NamedTuple):
    """A result, and who it was executed for."""

    result: OperationResult
    identity: Identity


class SharedResults:
    """The executions of a process that are under way."""

    def __init__(self) -> None:
        self._under_way: dict[Key, asyncio.Future[SharedResult | None]] = {}

    async def find(self, key: Key) -> SharedResult | None:
        """Return what the execution under way gives, None where there is none or it fails."""
        found = self._under_way.get(key)
        return None if found is None else await asyncio.shield(found)

    async def share(self, key: Key, execute: Callable[[], Awaitable[SharedResult]]) -> OperationResult:
        """Return what *execute* gives, and give it to who looks for it meanwhile. Raises: as *execute* does."""
        if key in self._under_way:
            return (await execute()).result
        shared = self._under_way[key] = asyncio.get_running_loop().create_future()
        given = None
        try:
            given = await execute()
            return given.result
        finally:
            del self._under_way[key]
            # An error names its request, so it is not another's.
            shared.set_result(None if given is None or "errors" in given.result.body else given)


def key_of(request: StreamRequest, sent: OperationRequest) -> Key:
    """Return what the results of an operation hang on, beside the event and what the person may see."""
    return (
        request.identity.actor.token_id,
        sent.text,
        sent.operation_name,
        repr(sent.variables),  # tells 1 from 1.0 and from true
        request.language,
        request.base_url,
        request.shows_cost,
    )
