"""Keyset connections after Relay's cursor specification: arguments in, a page of rows out, never an OFFSET.

A cursor is a position in one list of one account, sealed to both: it tells nothing and opens nothing elsewhere. It is
not signed with a secret, because whoever could forge one would only reach rows that they may read anyway.
"""

import base64
import binascii
import hashlib
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from types import UnionType
from typing import Annotated, Any, Generic, NamedTuple, TypeVar

import orjson
import strawberry

from app.api.fields import described
from app.db.repository.window import Window
from app.domain.errors import Detail, InvalidCursor, InvalidInput
from app.domain.validation import in_utc

PAGE_DEFAULT = 25
PAGE_MAX = 100
CURSOR_MAX = 1000  # in characters; ours have three hundred at most
_SEAL = 8

T = TypeVar("T")

First = Annotated[
    int | None,
    strawberry.argument(
        description=f"How many from the start: 1 to {PAGE_MAX}, {PAGE_DEFAULT} where nothing is asked."
    ),
]
Last = Annotated[int | None, strawberry.argument(description=f"How many from the end: 1 to {PAGE_MAX}.")]
After = Annotated[str | None, strawberry.argument(description="Only what comes after this cursor.")]
Before = Annotated[str | None, strawberry.argument(description="Only what comes before this cursor.")]


@strawberry.type(description="Where a page lies in its list.")
class PageInfo:
    has_next_page: bool = described("Whether there is more after this page.")
    has_previous_page: bool = described("Whether there is more before this page.")
    start_cursor: str | None = described("The cursor of the first item, null on an empty page.")
    end_cursor: str | None = described("The cursor of the last item, null on an empty page.")


@strawberry.type(description="An item of a list with its place in it.")
class Edge(Generic[T]):
    node: T = described("The item.")
    cursor: str = described("Its place in the list, for `after` and `before`.")


@strawberry.type(description="A page of a list.")
class Connection(Generic[T]):
    edges: list[Edge[T]] = described("The items with their cursors.")
    nodes: list[T] = described("The items.")
    page_info: PageInfo = described("Where this page lies in the list.")
    total_count: int = described("How long the whole list is; counted only when asked for.", awaited=True)


class CursorKind(NamedTuple):
    """One list: cursors of another one are refused. It is told which list, whose, in which order, how filtered.

    `parts`: what belongs in the braces of `text`, put there where somebody asks for a cursor.
    """

    text: str
    parts: tuple[Any, ...] = ()

    def encode(self, key: Sequence[Any]) -> str:
        """Return the cursor of the row with this sort key."""
        payload = orjson.dumps(list(key), default=str)  # asyncpg's UUIDs are of a class of their own
        return base64.urlsafe_b64encode(self._seal(payload) + payload).decode().rstrip("=")

    def decode(self, cursor: str, argument: str) -> tuple[Any, ...]:
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


@dataclass(frozen=True, slots=True)
class PageArguments:
    """The arguments of a connection."""

    first: int | None = None
    after: str | None = None
    last: int | None = None
    before: str | None = None

    def window(self, kind: CursorKind, key: Callable[[tuple[Any, ...]], tuple[Any, ...]] = tuple) -> Window:
        """Return the rows to read: one more than asked for, which tells whether there are more.

        *key* makes a cursor's JSON values what the database compares with.

        Raises: InvalidInput, InvalidCursor.
        """
        for name, size in (("first", self.first), ("last", self.last)):
            if size is not None and not 1 <= size <= PAGE_MAX:
                raise InvalidInput(name, detail=Detail.of_range(1, PAGE_MAX))
        return Window(
            limit=self.size + 1,
            after=_edge(kind, self.after, "after", key),
            before=_edge(kind, self.before, "before", key),
            backward=self.backward,
        )

    def windows(
        self, kinds: Sequence[CursorKind], key: Callable[[tuple[Any, ...]], tuple[Any, ...]] = tuple
    ) -> list[Window]:
        """Return the rows to read of each of several lists; without a cursor they are the same part of each.

        Raises: InvalidInput, InvalidCursor.
        """
        if self.after is not None or self.before is not None:
            return [self.window(kind, key) for kind in kinds]
        return [self.window(kinds[0], key)] * len(kinds)

    @property
    def backward(self) -> bool:
        return self.first is None and self.last is not None

    @property
    def size(self) -> int:
        return self.first or self.last or PAGE_DEFAULT


def _edge(
    kind: CursorKind, cursor: str | None, argument: str, key: Callable[[tuple[Any, ...]], tuple[Any, ...]]
) -> tuple[Any, ...] | None:
    if cursor is None:
        return None
    try:
        return key(kind.decode(cursor, argument))
    except InvalidInput:
        raise InvalidCursor(argument) from None
    except (ValueError, TypeError, AttributeError, OverflowError):  # sealed as ours are, and yet none of ours
        raise InvalidCursor(argument) from None


class Position(int):
    """A place in an account's whole log: a number of 64 bits, where others have 32."""


def of_types(types: Sequence[type[Any] | UnionType]) -> Callable[[tuple[Any, ...]], tuple[Any, ...]]:
    """Return what makes a cursor's JSON values a key of these *types* again; `X | None` may be null, others not."""

    def restore(values: tuple[Any, ...]) -> tuple[Any, ...]:
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


def _whole(value: Any, bound: int) -> int:
    """Return *value*, a number as a column of the database can have. Raises: ValueError."""
    if type(value) is not int or not -bound <= value < bound:
        raise ValueError(value)
    return value


class Page(Generic[T]):
    """A page as the API shows it; stands for a `Connection`.

    A list whose edges say more than the node has its own: it overrides `node` and `edge`.
    """

    def __init__(
        self,
        rows: Sequence[T],
        arguments: PageArguments,
        kind: CursorKind,
        key: Callable[[T], Sequence[Any]],
        count: Callable[[], Awaitable[int]],
    ) -> None:
        """Cut *rows*, read by `PageArguments.window`, to the page.

        A cursor is a row that exists, so where one was given there is something on its other side.
        """
        size, backward = arguments.size, arguments.backward
        more = len(rows) > size
        self.items = list(rows[-size:] if backward else rows[:size])
        self._has_next = arguments.before is not None if backward else more
        self._has_previous = more if backward else arguments.after is not None
        if arguments.first is not None and arguments.last is not None:  # the specification: first, then last of it
            self._has_previous = self._has_previous or len(self.items) > arguments.last
            self.items = self.items[-arguments.last :]
        self._kind = kind
        self._key = key
        self._count = count

    def node(self, item: T) -> Any:
        """Return what *item* is in the API."""
        return item

    def edge(self, item: T) -> Any:
        """Return *item* with its place."""
        return Edge(node=self.node(item), cursor=self.cursor(item))

    def cursor(self, item: T) -> str:
        return self._kind.encode(self._key(item))

    @property
    def nodes(self) -> list[Any]:
        return [self.node(item) for item in self.items]

    @property
    def edges(self) -> list[Any]:
        return [self.edge(item) for item in self.items]

    @property
    def page_info(self) -> PageInfo:
        return PageInfo(
            has_next_page=self._has_next,
            has_previous_page=self._has_previous,
            start_cursor=self.cursor(self.items[0]) if self.items else None,
            end_cursor=self.cursor(self.items[-1]) if self.items else None,
        )

    @property
    def total_count(self) -> Awaitable[int]:
        return self._count()
