"""Decodes a request into an operation to execute; whatever was sent, the worst is a `BadRequest`.

The body is counted while it arrives, and read no further than it may be long or may take.
"""

import asyncio
from codecs import BOM_UTF8
from collections.abc import Coroutine, Generator, Mapping
from types import coroutine
from typing import Any, NamedTuple

import orjson
from starlette.requests import Request
from starlette.types import Receive

from app.api.http.repetition import RepeatedName, demand_distinct
from app.web.negotiation import JSON

NAME_MAX = 40
"""Characters of a client's name that a message shows."""


PARAMETERS = ("query", "variables", "operationName", "extensions", "documentId")


class BadRequest(Exception):
    """The request can't become an operation: an HTTP status and words for the developer of the client."""

    def __init__(self, status: int, words: str, headers: Mapping[str, str] | None = None) -> None:
        super().__init__(words)
        self.status = status
        self.words = words
        self.headers = dict(headers or {})


class RepeatedMember(BadRequest):
    """A *name* is given twice, of which a proxy may have read another one than the gateway."""

    def __init__(self, what: str, name: str) -> None:
        shown = name if len(name) <= NAME_MAX else name[:NAME_MAX] + "…"
        super().__init__(400, f"The {what} has the name “{shown}” twice in one object: give it once.")
        self.name = name


class Parameters(NamedTuple):
    """What the client asks for, as the specification's request parameters."""

    query: str | None
    variables: dict[str, object] | None
    operation: str | None
    extensions: dict[str, object]
    document_id: str | None


async def read_parameters(request: Request, *, max_bytes: int, receive_s: float) -> Parameters:
    """Return the parameters of a GET's address or of a POST's body. Raises: BadRequest."""
    if request.method != "POST":
        given = request.query_params
        for name in PARAMETERS:
            if len(given.getlist(name)) > 1:
                raise BadRequest(400, f"The address has {name} twice: give it once.")
        found: Any = dict(given)
        for name in ("variables", "extensions"):
            if name in found:
                found[name] = decoded(found[name].encode("utf-8", "surrogateescape"), name)
        return checked(found)
    demand_json(request)
    return checked(decoded(await read_body(request, max_bytes, receive_s), "body"))


def demand_json(request: Request) -> None:
    """Refuse bodies that are no plain JSON, among them all that a page of another origin can send unasked."""
    content_type = request.headers.get("content-type", "")
    if content_type != JSON:  # as nearly every client writes it
        _demand_json_type(content_type)
    if request.headers.get("content-encoding", "identity").strip().lower() != "identity":
        raise BadRequest(415, "Send the request uncompressed.", {"Accept-Encoding": "identity"})


def _demand_json_type(content_type: str) -> None:
    kind, *parameters = content_type.split(";")
    if kind.strip().lower() != JSON:
        raise BadRequest(415, f"Send the request as {JSON}.", {"Accept-Post": JSON})
    for parameter in parameters:
        name, _, value = parameter.partition("=")
        if name.strip().lower() == "charset" and value.strip().strip('"').lower() not in ("utf-8", "utf8"):
            raise BadRequest(415, "Send the request in UTF-8.", {"Accept-Post": JSON})


async def read_body(request: Request, max_bytes: int, receive_s: float) -> bytearray:
    """Return the body. Raises: BadRequest for one that is too long, too slow, or cut off."""
    declared = request.headers.get("content-length", "")
    if declared.isdecimal() and (len(declared) > 18 or int(declared) > max_bytes):
        raise _too_long(max_bytes)
    gathering = _gathered(request.receive, max_bytes)
    try:
        awaited = gathering.send(None)
    except StopIteration as done:  # all of it is here, as nearly always: a timer would cost more than the reading
        body: bytearray = done.value
        return body
    try:
        async with asyncio.timeout(receive_s):
            return await _resumed(gathering, awaited)
    except TimeoutError:
        words = f"The request did not arrive within {receive_s:g} s."
        raise BadRequest(408, words, {"Connection": "close"}) from None


async def _gathered(receive: Receive, max_bytes: int) -> bytearray:
    body = bytearray()
    more = True
    while more:
        message = await receive()
        if message["type"] == "http.disconnect":
            raise BadRequest(400, "The request was cut off.")
        body += message.get("body", b"")
        if len(body) > max_bytes:
            raise _too_long(max_bytes)
        more = message.get("more_body", False)
    return body


@coroutine
def _resumed(begun: Coroutine[Any, Any, bytearray], awaited: Any) -> Generator[Any, Any, bytearray]:
    """Go on with what was begun by hand and now waits for *awaited*, as `await` does with what it has begun."""
    while True:
        try:
            try:
                yield awaited
            except BaseException as raised:  # as a cancellation is, which has its say inside
                awaited = begun.throw(raised)
            else:
                awaited = begun.send(None)
        except StopIteration as done:
            body: bytearray = done.value
            return body


def _too_long(max_bytes: int) -> BadRequest:
    return BadRequest(413, f"A request can be {max_bytes} bytes at most.", {"Connection": "close"})


def decoded(raw: bytes | bytearray, what: str) -> Any:
    """Return *raw* as the JSON that it is. Raises: BadRequest; RepeatedMember, where an object has a name twice.

    A byte order mark before it is passed over, which RFC 8259, section 8.1, allows.
    """
    raw = raw.removeprefix(BOM_UTF8)
    try:
        found = orjson.loads(raw)
        demand_distinct(raw, found)
    except (orjson.JSONDecodeError, RecursionError):
        raise BadRequest(400, f"The {what} is not valid JSON in UTF-8.") from None
    except RepeatedName as repeated:
        raise RepeatedMember(what, str(repeated)) from None
    return found


def checked(found: object) -> Parameters:
    """Return *found* as parameters. Raises: BadRequest for one of the wrong type."""
    if isinstance(found, list):
        raise BadRequest(400, "Send one operation a request: batches are not taken.")
    if not isinstance(found, dict):
        raise BadRequest(400, "The request must be a JSON object with a query.")
    variables, extensions = found.get("variables"), found.get("extensions")
    if variables is not None and not isinstance(variables, dict):
        raise BadRequest(400, "The variables must be an object.")
    if extensions is not None and not isinstance(extensions, dict):
        raise BadRequest(400, "The extensions must be an object.")
    query, operation = _text(found, "query"), _text(found, "operationName")
    return Parameters(query, variables, operation, extensions or {}, _text(found, "documentId"))


def _text(found: dict[str, object], name: str) -> str | None:
    value = found.get(name)
    if value is not None and not isinstance(value, str):
        raise BadRequest(400, f"The {name} must be a string.")
    return value or None
