"""The HTTP client of webhooks: one POST, to an address outside that is checked and then connected to.

A name is resolved once for a connection, and the connection goes to the addresses that were checked. No redirect is
followed, no proxy is used, and no cookie kept. When to try again is decided by `delivery`.
"""

import asyncio
import hashlib
import ssl
import time
from collections.abc import Iterable, Mapping
from contextlib import aclosing
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Self

from app.domain.webhooks import DeliveryFailure
from app.webhooks.addresses import AddressPolicy, EndpointUrl, UrlRefused, parse_endpoint_url
from app.webhooks.failures import SendFailed
from app.webhooks.resolver import Resolver, SystemResolver

if TYPE_CHECKING:
    import httpcore2

ANSWER_S = 15.0
"""Seconds from the resolution of the name to the end of the answer."""
ANSWER_BYTES = 1024
"""Bytes of an answer's body that are read; what follows them is not."""
BODY_MAX = 256 * 1024
USER_AGENT = "Casegate-Webhooks"
_RETRY_AFTER_MAX = 64


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
        self._resolver = resolver or SystemResolver(is_absolute=not policy.allow_private)
        self._tls = tls

    @cached_property
    def _pool(self) -> "httpcore2.AsyncConnectionPool":
        from app.webhooks.checked_network import connection_pool  # which a gateway without webhooks does not need

        return connection_pool(self._policy, self._resolver, self._tls)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.aclose()

    async def aclose(self) -> None:
        """End all connections."""
        if "_pool" in self.__dict__:
            await self._pool.aclose()

    async def post(self, url: str, headers: Mapping[str, str], body: bytes) -> WebhookAnswer:
        """Send *body*, JSON, with *headers*, and return what was answered. Raises: SendFailed."""
        import httpcore2

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
        import httpcore2

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


async def _digest(response: "httpcore2.Response") -> str:
    """Return the SHA-256 of the first bytes of the body; a connection with more of it is closed."""
    digest, left = hashlib.sha256(), ANSWER_BYTES
    async with aclosing(response.aiter_stream()) as chunks:
        async for chunk in chunks:
            digest.update(chunk[:left])
            left -= len(chunk)
            if left <= 0:
                break
    return digest.hexdigest()
