"""Compresses answers for clients that take it, by zstd (RFC 8878) or gzip.

What is made anew for each request is compressed: answers to operations, metrics. Files are not: a document's digest and
ranges are of its bytes as they are, and GraphiQL's assets are compressed when the page is built.
"""

import asyncio
import sys
import zlib
from collections.abc import Awaitable, Callable, Mapping
from contextlib import suppress

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from app.web.content_coding import wanted

with suppress(ImportError):  # Python may have been built without it (PEP 784); then there is gzip
    if sys.version_info >= (3, 14):
        from compression import zstd
    else:
        from backports import zstd

SMALL_BYTES = 128 * 1024
"""Up to here an answer is compressed at once, which takes some two milliseconds at most; a larger one in a thread."""
_TYPES = (
    b"application/json",
    b"application/graphql-response+json",
    b"application/vnd.api+json",
    b"application/scim+json",
    b"text/plain",
)
_LEVEL = 1
_GZIP = 16 + zlib.MAX_WBITS


def _gzipped(body: bytes) -> bytes:
    compressor = zlib.compressobj(_LEVEL, zlib.DEFLATED, _GZIP)
    return compressor.compress(body) + compressor.flush()


def _zstandard(body: bytes) -> bytes:
    return zstd.compress(body, _LEVEL)


CODINGS: Mapping[str, Callable[[bytes], bytes]] = {
    **({"zstd": _zstandard} if "zstd" in globals() else {}),
    "gzip": _gzipped,
}
"""What answers can be compressed by, the one that takes the least time first."""


class Compression:
    """ASGI middleware: compresses answers of *min_bytes* or more, where the client takes that and says so.

    An answer in several pieces stays as it is, and one that may not be transformed or is encoded already.
    """

    def __init__(self, app: ASGIApp, min_bytes: int) -> None:
        self.app = app
        self._min_bytes = min_bytes
        self._offered = tuple(CODINGS)

    def __call__(self, scope: Scope, receive: Receive, send: Send) -> Awaitable[None]:
        found = wanted(scope, self._offered) if scope["type"] == "http" else None
        if found is None or found.coding is None:
            return self.app(scope, receive, send)
        least = 1 if found.demanded else self._min_bytes
        return self.app(scope, receive, _Compressing(send, found.coding, least))


class _Compressing:
    """What an answer is sent by: its head waits for its body."""

    __slots__ = ("_coding", "_least", "_send", "_start")

    def __init__(self, send: Send, coding: str, least: int) -> None:
        self._send = send
        self._coding = coding
        self._least = least
        self._start: Message | None = None

    async def __call__(self, message: Message) -> None:
        if message["type"] == "http.response.start" and _may_be_encoded(message):
            self._start = message
            return
        start, self._start = self._start, None
        if start is not None:
            body = message.get("body", b"")
            if not message.get("more_body") and len(body) >= self._least:
                start, message = await _encoded(start, message, self._coding)
            await self._send(start)
        await self._send(message)


def _may_be_encoded(start: Message) -> bool:
    headers = dict(start["headers"])
    return (
        headers.get(b"content-type", b"").startswith(_TYPES)
        and b"content-encoding" not in headers
        and b"no-transform" not in headers.get(b"cache-control", b"")
    )


async def _encoded(start: Message, message: Message, coding: str) -> tuple[Message, Message]:
    body, compress = message["body"], CODINGS[coding]
    encoded = compress(body) if len(body) <= SMALL_BYTES else await asyncio.to_thread(compress, body)
    headers = [_weak(pair) for pair in start["headers"] if pair[0] != b"content-length"]
    headers += [(b"content-encoding", coding.encode()), (b"content-length", str(len(encoded)).encode())]
    return {**start, "headers": _varied(headers)}, {**message, "body": encoded}


def _weak(pair: tuple[bytes, bytes]) -> tuple[bytes, bytes]:
    """Return a header; an entity tag as a weak one, since other codings have it too (RFC 9110, section 8.8.1)."""
    name, value = pair
    return (name, b"W/" + value) if name == b"etag" and value.startswith(b'"') else pair


def _varied(headers: list[tuple[bytes, bytes]]) -> list[tuple[bytes, bytes]]:
    """Return *headers*, saying that a client with other codings would be answered otherwise."""
    vary = dict(headers).get(b"vary", b"")
    if b"accept-encoding" in vary.lower():
        return headers
    return [
        *(pair for pair in headers if pair[0] != b"vary"),
        (b"vary", b"Accept-Encoding" + (b", " + vary if vary else b"")),
    ]
