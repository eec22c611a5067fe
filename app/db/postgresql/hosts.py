"""Connects to PostgreSQL: of several hosts to the first that answers and, where that is demanded, takes writes.

Which host that is may change at any time: each connection looks for it anew, first where the last one found it.
"""

import socket
from collections.abc import Iterator
from typing import Any

import asyncpg

# After this many seconds a peer that has vanished without a word is known to be gone, also where nothing is being sent.
_IDLE_S, _INTERVAL_S, _PROBES = 5, 2, 3
GONE_S = _IDLE_S + _INTERVAL_S * _PROBES
_PROBING = {
    "TCP_KEEPIDLE": _IDLE_S,
    "TCP_KEEPINTVL": _INTERVAL_S,
    "TCP_KEEPCNT": _PROBES,
    "TCP_USER_TIMEOUT": GONE_S * 1000,
}


class HostUnavailable(ConnectionError):
    """No host can be had now that will do; the message says of each why not, and nothing of passwords."""


# What another host, or the same one a moment later, may do better: no connection, one that ends at once, a server that
# is starting or full. What else a server says is a fault of the settings, unless another host knows better: a standby
# that is behind may not have the database or the role yet.
_PASSING = (
    OSError,
    asyncpg.TargetServerAttributeNotMatched,
    asyncpg.PostgresConnectionError,
    asyncpg.CannotConnectNowError,
    asyncpg.TooManyConnectionsError,
    asyncpg.AdminShutdownError,
    asyncpg.CrashShutdownError,
)


class HostConnector:
    """Connects with the *arguments* of asyncpg, of which it takes the hosts and ports."""

    def __init__(self, arguments: dict[str, Any]) -> None:
        hosts, ports = arguments.pop("host", None), arguments.pop("port", None)
        self._places: list[dict[str, Any]] = (
            [{"host": host, "port": port} for host, port in zip(hosts, ports, strict=True)]
            if hosts
            else [{} if ports is None else {"port": ports}]
        )

    async def connect(self, **arguments: object) -> Any:
        """Return a connection to the first host that will do. Raises: HostUnavailable, or what a host says."""
        failures: list[tuple[dict[str, object], Exception]] = []
        for place in list(self._places):
            try:
                connection = await asyncpg.connect(**arguments, **place)
            except (*_PASSING, asyncpg.PostgresError) as error:
                failures.append((place, error))
                continue
            if place is not self._places[0]:
                self._places = [place, *(other for other in self._places if other is not place)]
            _probe_regularly(connection)
            return connection
        lasting = next((error for _, error in failures if not isinstance(error, _PASSING)), None)
        if lasting is not None and not any(_may_come_back(error) for _, error in failures):
            raise lasting
        last = failures[-1][1]
        if len(failures) == 1 and isinstance(last, asyncpg.PostgresError | ConnectionError):
            raise last
        raise HostUnavailable("; ".join(_described(failures))) from last


def _may_come_back(error: Exception) -> bool:
    """Tell whether it is only for now that a host can't be had; a standby that answers is none that is awaited."""
    return isinstance(error, _PASSING) and not isinstance(error, asyncpg.TargetServerAttributeNotMatched)


def _described(failures: list[tuple[dict[str, object], Exception]]) -> Iterator[str]:
    for place, error in failures:
        where = f"{place['host']}:{place['port']}" if "host" in place else "the server"
        if isinstance(error, asyncpg.TargetServerAttributeNotMatched):
            yield f"{where} is a standby, which takes no writes"
        elif isinstance(error, TimeoutError) and not error.args:
            yield f"{where} does not answer"
        else:
            yield f"{where}: {error}"


def _probe_regularly(connection: Any) -> None:
    """Have the system find out that the server's machine is gone: it would be waited for without an end.

    A listener says nothing itself, and the memory of identities relies on it.
    """
    peer: socket.socket | None = connection._transport.get_extra_info("socket")  # noqa: SLF001  # nothing else has it
    if peer is None or peer.family not in (socket.AF_INET, socket.AF_INET6):
        return
    peer.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
    for name, value in _PROBING.items():
        if hasattr(socket, name):  # each system has its own
            peer.setsockopt(socket.IPPROTO_TCP, getattr(socket, name), value)
