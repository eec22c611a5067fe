"""Resolves names without blocking: in threads of its own, so that no slow name server takes those of others."""

import asyncio
import contextlib
import socket
import threading
from collections.abc import Awaitable, Callable, Sequence

Resolver = Callable[[str, int], Awaitable[Sequence[str]]]
"""Returns the numeric addresses of a host. Raises: OSError."""

THREADS = 8


class SystemResolver:
    """The system's resolver. `is_absolute`: leave the domains out that the system would search for a name in."""

    def __init__(self, is_absolute: bool = True, threads: int = THREADS) -> None:
        self._is_absolute = is_absolute
        self._slots = asyncio.Semaphore(threads)

    async def __call__(self, host: str, port: int) -> Sequence[str]:
        """Return the addresses of *host*. Raises: OSError."""
        await self._slots.acquire()
        loop = asyncio.get_running_loop()
        answer: asyncio.Future[Sequence[str]] = loop.create_future()
        name = f"{host}." if self._is_absolute else host

        def settle(found: Sequence[str], error: OSError | None) -> None:
            # The slot is the thread's: who was given up goes on to hold it for as long as the lookup takes.
            self._slots.release()
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
