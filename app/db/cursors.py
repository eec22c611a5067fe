"""Cursors after Relay's specification: a row's sort key in one list of one account, sealed to the list.

A cursor reveals nothing and is of no use in another list. It is not signed with a secret: a forged one would only reach
rows that its forger may read anyway.
"""

import base64
import binascii
import hashlib
from collections.abc import Callable, Sequence
from datetime import datetime
from types import UnionType
from typing import Any, NamedTuple

import orjson

from app.domain.errors import InvalidCursor, InvalidInput
from app.domain.validation import in_utc

CURSOR_MAX = 1000  # in characters; ours have three hundred at most
_SEAL = 8


class CursorKind(NamedTuple):
    """One list: cursors of another one are refused. It is made of the list, its owner, its order and its filter.

    `parts`: what belongs in the braces of `text`, put there when a cursor is made.
    """

    text: str
    parts: tuple[object, ...] = ()

    def encode(self, key: Sequence[object]) -> str:
        """Return the cursor of the row with this sort key."""
        payload = orjson.dumps(list(key), default=str)  # asyncpg's UUIDs are of a class of their own
        return base64.urlsafe_b64encode(self._seal(payload) + payload).decode().rstrip("=")

    def decode(self, cursor: str, argument: str) -> tuple[object, ...]:
        """Return the sort key of *cursor*. Raises: InvalidCursor, about *argument*."""
        if len(cursor) > CURSOR_MAX:
            raise InvalidCursor(argument)
        try:
            raw = base64.b64decode(cursor + "=" * (-len(cursor) % 4), altchars=b"-_", validate=True)
            seal, payload = raw[:_SEAL], raw[_SEAL:]
            # Several spellings decode to the same bytes; only ours is accepted.
            if seal != self._seal(payload) or base64.urlsafe_b64encode(raw).decode().rstrip("=") != cursor:
                raise InvalidCursor(argument)
            return tuple(orjson.loads(payload))
        except (binascii.Error, ValueError, TypeError):
            raise InvalidCursor(argument) from None

    def _seal(self, payload: bytes) -> bytes:
        name = self.text.format(*self.parts) if self.parts else self.text
        key = hashlib.sha256(name.encode()).digest()
        return hashlib.blake2b(payload, key=key, digest_size=_SEAL).digest()


def read_cursor(
    kind: CursorKind, cursor: str, argument: str, key: Callable[[tuple[Any, ...]], tuple[Any, ...]]
) -> tuple[object, ...]:
    """Return the sort key of *cursor*; *key* makes its JSON values what the database compares with.

    Raises: InvalidCursor, about *argument*.
    """
    try:
        return key(kind.decode(cursor, argument))
    except InvalidInput:
        raise InvalidCursor(argument) from None
    except (ValueError, TypeError, AttributeError, OverflowError):  # sealed as ours are, and yet none of ours
        raise InvalidCursor(argument) from None


class Position(int):
    """A place in an account's whole log: a number of 64 bits, where others have 32."""


def of_types(types: Sequence[type[object] | UnionType]) -> Callable[[tuple[object, ...]], tuple[object, ...]]:
    """Return what makes a cursor's JSON values a key of these *types* again; `X | None` may be null, others not."""

    def restore(values: tuple[object, ...]) -> tuple[object, ...]:
        return tuple(_restored(value, type_) for value, type_ in zip(values, types, strict=True))

    return restore


def _restored(value: Any, type_: type[Any] | UnionType) -> Any:
    if isinstance(type_, UnionType):
        return None if value is None else _restored(value, type_.__args__[0])
    if type_ is datetime:
        return in_utc(datetime.fromisoformat(value))
    if issubclass(type_, int):
        return _whole(value, 2**63 if type_ is Position else 2**31)
    return type_(value)


def _whole(value: object, bound: int) -> int:
    """Return *value*, a number as a column of the database can have. Raises: ValueError."""
    if type(value) is not int or not -bound <= value < bound:
        raise ValueError(value)
    return value
