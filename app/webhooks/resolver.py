"""Resolves names without blocking: in threads of its own, so that no slow name server takes those of others."""

import asyncio
import contextlib
import socket
import threading
from collections.abc import Awaitable, Callable, Sequence

from app.db import background

Resolver = Callable[[str, int], Awaitable[Sequence[str]]]
"""Returns the numeric addresses of a host. Raises: OSError."""

THREADS = 64
"""Names that are looked up at once in a process; those of one account's endpoints take no more than a part of them."""


class SystemResolver:
    """The system's resolver. `is_absolute`: leave the domains out that the system would search for a name in.

    Who looks for a name that is being looked up shares the answer, so that a slow name server takes one thread only.
    """

    def __init__(self, is_absolute: bool = True, threads: int = THREADS) -> None:
        self._is_absolute = is_absolute
        self._slots = asyncio.Semaphore(threads)
        self._running: dict[tuple[str, int], asyncio.Task[Sequence[str]]] = {}

    async def __call__(self, host: str, port: int) -> Sequence[str]:
        """Return the addresses of *host*. Raises: OSError."""
        lookup = self._running.get((host, port))
        if lookup is None:
            lookup = self._running[host, port] = background.start(self._look_up(host, port))
            lookup.add_done_callback(background.mark_seen)
        # A lookup can't be ended: who is given up leaves it, and its slot, to those who come meanwhile.
        return await asyncio.shield(lookup)

    async def _look_up(self, host: str, port: int) -> Sequence[str]:
        try:
            async with self._slots:
                return await _in_thread(f"{host}." if self._is_absolute else host, port)
        finally:
            del self._running[host, port]


async def _in_thread(name: str, port: int) -> Sequence[str]:
    loop = asyncio.get_running_loop()
    answer: asyncio.Future[Sequence[str]] = loop.create_future()

    def settle(found: Sequence[str], error: OSError | None) -> None:
        if answer.done():
            return
        if error is None:
            answer.set_result(found)
        else:
            answer.set_exception(error)

    def resolve() -> None:
        found, error = _addresses(name, port)
        with contextlib.suppress(RuntimeError):  # the loop has ended meanwhile
            loop.call_soon_threadsafe(settle, found, error)

    # A daemon, so that the process ends without waiting for a name server.
    threading.Thread(target=resolve, name="resolver", daemon=True).start()
    return await answer


def _addresses(host: str, port: int) -> tuple[Sequence[str], OSError | None]:
    try:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError) as error:
        return (), error if isinstance(error, OSError) else OSError(str(error))
    # An address of IPv6 may have a zone as a part of its own, which makes it one of a link.
    return list(dict.fromkeys(str(entry[4][0]) for entry in found)), None
