"""The messages of graphql-transport-ws: decoded and checked, or written.

After https://github.com/enisdenjo/graphql-ws/blob/master/PROTOCOL.md.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import IntEnum

import orjson

from app.api.http.decoding import BadRequest, Parameters, checked, decoded
from app.web.faults import Formatted

SUBPROTOCOL = "graphql-transport-ws"
LEGACY_SUBPROTOCOL = "graphql-ws"
ID_MAX = 256
"""Characters of an operation's id."""

Payload = dict[str, object] | None


class CloseCode(IntEnum):
    """Why the gateway closes a connection: the protocol's codes, and WebSocket's own."""

    RESTART = 1012
    TRY_AGAIN_LATER = 1013
    BAD_MESSAGE = 4400
    UNAUTHORIZED = 4401
    FORBIDDEN = 4403
    SUBPROTOCOL_NOT_ACCEPTABLE = 4406
    INITIALISATION_TIMEOUT = 4408
    SUBSCRIBER_EXISTS = 4409
    TOO_MANY_INITIALISATIONS = 4429


class BadMessage(Exception):
    """A message that is none of the protocol's; the words say why."""


@dataclass(frozen=True, slots=True)
class ConnectionInit:
    payload: Payload


@dataclass(frozen=True, slots=True)
class Ping:
    payload: Payload


@dataclass(frozen=True, slots=True)
class Pong:
    payload: Payload


@dataclass(frozen=True, slots=True)
class Subscribe:
    """An operation; `size` is the message's, in characters."""

    id: str
    parameters: Parameters
    size: int


@dataclass(frozen=True, slots=True)
class Complete:
    id: str


ClientMessage = ConnectionInit | Ping | Pong | Subscribe | Complete

_WITHOUT_ID: Mapping[str, Callable[[Payload], ClientMessage]] = {
    "connection_init": ConnectionInit,
    "ping": Ping,
    "pong": Pong,
}


def decode(text: str | None) -> ClientMessage:
    """Return the message that *text* is; None stands for a binary one. Raises: BadMessage."""
    if text is None:
        raise BadMessage("Send messages as text.")
    found = _object(text)
    type_ = found.get("type")
    if not isinstance(type_, str):
        raise BadMessage("A message has a type, which is a string.")
    if type_ in _WITHOUT_ID:
        return _WITHOUT_ID[type_](_payload(found, type_))
    match type_:
        case "subscribe":
            return Subscribe(_id(found), _parameters(found.get("payload")), len(text))
        case "complete":
            return Complete(_id(found))
    raise BadMessage(f"{type_[:40]!a} is no type of a client's message.")


def _object(text: str) -> dict[str, object]:
    try:
        found = decoded(text.encode("utf-8", "surrogatepass"), "message")
    except BadRequest:
        raise BadMessage("A message is one JSON object, no name in it twice.") from None
    if not isinstance(found, dict):
        raise BadMessage("A message is a JSON object.")
    return found


def _id(found: Mapping[str, object]) -> str:
    id_ = found.get("id")
    if not isinstance(id_, str) or not 0 < len(id_) <= ID_MAX:
        raise BadMessage(f"The id of an operation is a string of 1 to {ID_MAX} characters.")
    return id_


def _payload(found: Mapping[str, object], type_: str) -> Payload:
    payload = found.get("payload")
    if payload is not None and not isinstance(payload, dict):
        raise BadMessage(f"The payload of {type_} is an object or null.")
    return payload


def _parameters(payload: object) -> Parameters:
    if not isinstance(payload, dict):
        raise BadMessage("The payload of subscribe is an object with a query.")
    try:
        return checked(payload)
    except BadRequest as refused:
        raise BadMessage(refused.words) from None


def acknowledged() -> str:
    """Return `connection_ack`."""
    return '{"type":"connection_ack"}'


def pong(payload: Payload) -> str:
    """Return `pong` with the payload of the ping that it answers."""
    return _written({"type": "pong"} if payload is None else {"type": "pong", "payload": payload})


def next_result(id_: str, content: bytes | memoryview) -> str:
    """Return `next` with a result that is written already."""
    return f'{{"id":{_written(id_)},"type":"next","payload":{str(content, "utf-8")}}}'


def error(id_: str, errors: list[Formatted]) -> str:
    """Return `error`, which ends the operation."""
    return _written({"id": id_, "type": "error", "payload": errors})


def complete(id_: str) -> str:
    """Return `complete`."""
    return _written({"id": id_, "type": "complete"})


def _written(message: object) -> str:
    return orjson.dumps(message).decode()
