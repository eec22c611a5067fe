"""The network of webhooks: connections to addresses outside alone, kept for the next delivery to the same endpoint.

It is loaded with the first delivery: with the certificates that are trusted it takes 4 MiB.
"""

import asyncio
import ssl
from collections.abc import Iterable, Sequence
from ipaddress import ip_address

import httpcore2

from app.domain.webhooks import DeliveryFailure
from app.webhooks.addresses import AddressPolicy, IPAddress, demand_all_outside
from app.webhooks.failures import SendFailed
from app.webhooks.resolver import Resolver

CONNECT_S = 5.0
"""Seconds for one of several addresses to be connected to."""
ADDRESSES_MAX = 4
KEPT_CONNECTIONS = 32
KEPT_S = 30.0


def connection_pool(
    policy: AddressPolicy, resolver: Resolver, tls: ssl.SSLContext | None
) -> httpcore2.AsyncConnectionPool:
    """Return the connections of a client, none of which is made yet."""
    return httpcore2.AsyncConnectionPool(
        ssl_context=tls or httpcore2.default_ssl_context(),
        max_connections=None,  # how much is under way is bounded by who sends
        max_keepalive_connections=KEPT_CONNECTIONS,
        keepalive_expiry=KEPT_S,
        http1=True,
        http2=False,
        network_backend=_CheckedBackend(policy, resolver),
    )


class _CheckedBackend(httpcore2.AsyncNetworkBackend):
    """Opens the client's connections, and is its only way to the network."""

    def __init__(self, policy: AddressPolicy, resolver: Resolver) -> None:
        self._policy = policy
        self._resolver = resolver
        self._network = httpcore2.AnyIOBackend()

    async def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,  # noqa: ASYNC109  # the library's signature
        local_address: str | None = None,
        socket_options: Iterable[httpcore2.SOCKET_OPTION] | None = None,
    ) -> httpcore2.AsyncNetworkStream:
        """Connect to the first address of *host* that answers, if all of them are outside."""
        addresses = await self._addresses(host, port)
        failure: Exception | None = None
        for address in addresses[:ADDRESSES_MAX]:
            limit = None if len(addresses) == 1 else CONNECT_S
            try:
                return await self._network.connect_tcp(str(address), port, limit, local_address, socket_options)
            except (httpcore2.ConnectError, httpcore2.ConnectTimeout) as error:
                failure = error
        raise failure or SendFailed(DeliveryFailure.RESOLUTION, host)

    async def _addresses(self, host: str, port: int) -> tuple[IPAddress, ...]:
        """Return the checked addresses. Raises: UrlRefused, SendFailed."""
        try:
            ip_address(host)
        except ValueError:
            return demand_all_outside(host, await self._resolved(host, port), self._policy)
        return demand_all_outside(host, (host,), self._policy)

    async def _resolved(self, host: str, port: int) -> Sequence[str]:
        try:
            return await self._resolver(host, port)
        except OSError as error:
            raise SendFailed(DeliveryFailure.RESOLUTION, host) from error

    async def connect_unix_socket(
        self,
        path: str,
        timeout: float | None = None,  # noqa: ASYNC109  # the library's signature
        socket_options: Iterable[httpcore2.SOCKET_OPTION] | None = None,
    ) -> httpcore2.AsyncNetworkStream:
        """Refuse it: no webhook goes to a socket of this machine."""
        raise SendFailed(DeliveryFailure.REFUSED, path)

    async def sleep(self, seconds: float) -> None:
        """Wait."""
        await asyncio.sleep(seconds)
