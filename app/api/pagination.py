"""Keyset connections after Relay's cursor specification: arguments in, a page of rows out, never an OFFSET.

What cursors are made of is in `app.db.cursors`.
"""

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Annotated, Any, Generic, TypeVar

import strawberry

from app.api.fields import described
from app.db.cursors import CURSOR_MAX as CURSOR_MAX
from app.db.cursors import CursorKind as CursorKind
from app.db.cursors import Position as Position
from app.db.cursors import of_types as of_types
from app.db.cursors import read_cursor
from app.db.repository.window import Window
from app.domain.errors import Detail, InvalidInput

PAGE_DEFAULT = 25
PAGE_MAX = 100

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
        self, kinds: Sequence[CursorKind], key: Callable[[tuple[object, ...]], tuple[object, ...]] = tuple
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
) -> tuple[object, ...] | None:
    return None if cursor is None else read_cursor(kind, cursor, argument, key)


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
    def nodes(self) -> Sequence[object]:
        if type(self).node is Page.node:  # as of most lists, of which an answer may have a hundred
            return self.items
        return [self.node(item) for item in self.items]

    @property
    def edges(self) -> list[object]:
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
