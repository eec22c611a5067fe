"""The HTTP client of webhooks: one POST, to an address outside that is checked and then connected to.

A name is resolved once for a connection, and the connection goes to the addresses that were checked. No redirect is
followed, no proxy is used, and no cookie kept. When to try again is decided by `delivery`.
"""

import asyncio
import hashlib
import ssl
import time
from collections.abc import Iterable, Mapping, Sequence
from contextlib import aclosing
from dataclasses import dataclass
from ipaddress import ip_address
from typing import Self

import httpcore2

from app.domain.webhooks import DeliveryFailure
from app.webhooks.addresses import (
    AddressPolicy,
    EndpointUrl,
    IPAddress,
    UrlRefused,
    demand_all_outside,
    parse_endpoint_url,
)
from app.webhooks.resolver import Resolver, SystemResolver

ANSWER_S = 15.0
"""Seconds from the resolution of the name to the end of the answer."""
CONNECT_S = 5.0
"""Seconds for one of several addresses to be connected to."""
ADDRESSES_MAX = 4
ANSWER_BYTES = 1024
"""Bytes of an answer's body that are read; what follows them is not."""
BODY_MAX = 256 * 1024
KEPT_CONNECTIONS = 32
KEPT_S = 30.0
USER_AGENT = "Casegate-Webhooks"
_RETRY_AFTER_MAX = 64


class SendFailed(Exception):
    """There was no answer. `found` says no more than the endpoint's own side shows to anybody."""

    def __init__(self, kind: DeliveryFailure, found: str = "") -> None:
        super().__init__(f"{kind}: {found}" if found else kind.value)
        self.kind = kind
        self.found = found


@dataclass(frozen=True, slots=True)
class WebhookAnswer:
    """What an endpoint answered; of the body no more than the digest of its first bytes."""

    status: int
    body_digest: str
    seconds: float
    retry_after: str | None = None

    @property
    def is_success(self) -> bool:
        """Tell whether it was taken. A redirect is not followed, and no success."""
        return 200 <= self.status < 300


class WebhookClient:
    """Sends webhooks. One is enough for a process; `aclose` ends its connections."""

    def __init__(
        self,
        policy: AddressPolicy,
        resolver: Resolver | None = None,
        tls: ssl.SSLContext | None = None,
        answer_s: float = ANSWER_S,
    ) -> None:
        self._policy = policy
        self._answer_s = answer_s
        resolver = resolver or SystemResolver(is_absolute=not policy.allow_private)
        self._pool = httpcore2.AsyncConnectionPool(
            ssl_context=tls or httpcore2.default_ssl_context(),
            max_connections=None,  # how much is under way is bounded by who sends
            max_keepalive_connections=KEPT_CONNECTIONS,
            keepalive_expiry=KEPT_S,
            http1=True,
            http2=False,
            network_backend=_CheckedBackend(policy, resolver),
        )

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.aclose()

    async def aclose(self) -> None:
        """End all connections."""
        await self._pool.aclose()

    async def post(self, url: str, headers: Mapping[str, str], body: bytes) -> WebhookAnswer:
        """Send *body*, JSON, with *headers*, and return what was answered. Raises: SendFailed."""
        if len(body) > BODY_MAX:
            raise SendFailed(DeliveryFailure.TOO_LARGE, str(len(body)))
        begun = time.monotonic()
        try:
            endpoint = parse_endpoint_url(url, self._policy)
            async with asyncio.timeout(self._answer_s):
                return await self._send(endpoint, headers, body, begun)
        except UrlRefused as refused:
            raise SendFailed(DeliveryFailure.REFUSED, f"{refused.fault}: {refused.found}") from refused
        except (TimeoutError, httpcore2.TimeoutException) as error:
            raise SendFailed(DeliveryFailure.TIMEOUT) from error
        except httpcore2.NetworkError as error:
            is_tls = isinstance(error.__cause__ or error.__context__, ssl.SSLError)
            raise SendFailed(DeliveryFailure.TLS if is_tls else DeliveryFailure.CONNECTION) from error
        except httpcore2.ProtocolError as error:
            raise SendFailed(DeliveryFailure.PROTOCOL) from error

    async def _send(
        self, endpoint: EndpointUrl, headers: Mapping[str, str], body: bytes, begun: float
    ) -> WebhookAnswer:
        host = endpoint.host.encode()
        target = httpcore2.URL(
            scheme=endpoint.scheme.encode(), host=host, port=endpoint.port, target=endpoint.target.encode()
        )
        sent = [(name.encode("ascii"), value.encode("ascii")) for name, value in _headers(endpoint, headers, body)]
        async with self._pool.stream("POST", target, headers=sent, content=body) as response:
            digest = await _digest(response)
            return WebhookAnswer(
                response.status, digest, time.monotonic() - begun, _header(response.headers, b"retry-after")
            )


def _headers(endpoint: EndpointUrl, headers: Mapping[str, str], body: bytes) -> Iterable[tuple[str, str]]:
    yield "Host", endpoint.authority
    yield "User-Agent", USER_AGENT
    yield "Accept", "*/*"
    yield "Accept-Encoding", "identity"
    yield "Content-Type", "application/json"
    yield "Content-Length", str(len(body))
    yield from headers.items()


def _header(headers: Iterable[tuple[bytes, bytes]], name: bytes) -> str | None:
    value = next((value for found, value in headers if found.lower() == name), None)
    return None if value is None or len(value) > _RETRY_AFTER_MAX else value.decode("latin-1")


async def _digest(response: httpcore2.Response) -> str:
    """Return the SHA-256 of the first bytes of the body; a connection with more of it is closed."""
    digest, left = hashlib.sha256(), ANSWER_BYTES
    async with aclosing(response.aiter_stream()) as chunks:
        async for chunk in chunks:
            digest.update(chunk[:left])
            left -= len(chunk)
            if left <= 0:
                break
    return digest.hexdigest()


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
