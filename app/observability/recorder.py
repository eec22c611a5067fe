"""The recorder of a traced operation: what was done in it, within what, from when to when, and whether it failed.

They know nothing of OpenTelemetry, whose spans are made of them once the operation is over: to make those meanwhile
would take the operation longer than to be looked at is worth.
"""

import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextvars import Context, ContextVar, Token
from types import TracebackType
from typing import Any


class Trace:
    """What was done for one operation: all parts that have ended by the time it is over, itself the last of them.

    `origin` is the maker's own: what trace it belongs to. What still goes on when it is over is not recorded.
    """

    __slots__ = ("is_over", "origin", "parts")

    def __init__(self, origin: Any) -> None:
        self.origin = origin
        self.parts: list[Part] = []
        self.is_over = False


class Part:
    """Something that is done within something else, while it is entered. Times are nanoseconds since the epoch.

    `error` is the type of what it failed by: its message may quote a person's words.
    """

    __slots__ = ("_token", "attributes", "end", "error", "name", "start", "trace", "within")

    def __init__(self, name: str, attributes: Mapping[str, str], within: "Part | None", trace: Trace) -> None:
        self.name = name
        self.attributes = attributes
        self.within = within
        self.trace = trace
        self.start = time.time_ns()
        self.end = 0
        self.error: str | None = None

    def __enter__(self) -> None:
        self._token: Token[Enclosing | None] = AROUND.set(self)

    def __exit__(
        self, _kind: type[BaseException] | None, error: BaseException | None, _at: TracebackType | None
    ) -> None:
        AROUND.reset(self._token)
        self.ended(error)

    def ended(self, error: BaseException | None) -> None:
        """Note that it is done; a cancellation is no fault."""
        self.end = time.time_ns()
        if isinstance(error, Exception):
            self.error = type(error).__name__
        if not self.trace.is_over:
            self.trace.parts.append(self)

    def statements(self, texts: Sequence[str]) -> "Statements":
        """Return what is to be entered while these statements are executed."""
        return Statements([self], texts)


class TracedOperation(Part):
    """An operation, and all that is done for it. When it is over, *tell* is called."""

    __slots__ = ("_on_end",)

    def __init__(self, name: str, origin: Any, on_end: Callable[[Trace], None]) -> None:
        super().__init__(name, {}, None, Trace(origin))
        self._on_end = on_end

    def __exit__(self, *raised: Any) -> None:
        super().__exit__(*raised)
        self.trace.is_over = True
        self._on_end(self.trace)
        self.trace.parts.clear()  # they know their trace: nothing would go before the collector finds them


class Statement(Part):
    """A statement that is sent to the database: its name is the verb, and its text has parameters, never values."""

    __slots__ = ()


class Statements:
    """Statements that are executed at once, for one or several operations."""

    __slots__ = ("_notes", "_texts", "_within")

    def __init__(self, within: Sequence[Part], texts: Sequence[str]) -> None:
        self._within = within
        self._texts = texts

    def __enter__(self) -> None:
        self._notes = [
            Statement(text.split(None, 1)[0].upper(), {"db.query.text": text}, part, part.trace)
            for part in self._within
            for text in self._texts
            if not part.trace.is_over
        ]

    def __exit__(
        self, _kind: type[BaseException] | None, error: BaseException | None, _at: TracebackType | None
    ) -> None:
        for note in self._notes:
            note.ended(error)


class Shared:
    """What is done for several operations at once."""

    __slots__ = ("_parts",)

    def __init__(self, parts: Sequence[Part]) -> None:
        self._parts = parts

    def statements(self, texts: Sequence[str]) -> Statements:
        """Return what is to be entered while these statements are executed."""
        return Statements(self._parts, texts)


Enclosing = Part | Shared
AROUND: ContextVar[Enclosing | None] = ContextVar("around", default=None)
"""What is done just now for an operation that is traced."""


def under_way() -> Part | None:
    """Return what is done just now, if it is for one operation, which is traced and not over."""
    around = AROUND.get()
    return around if isinstance(around, Part) and not around.trace.is_over else None


def part(name: str, attributes: Mapping[str, str]) -> Part | None:
    """Return a new part of what is done just now; None where nothing is recorded."""
    within = under_way()
    return None if within is None else Part(name, attributes, within, within.trace)


def share(contexts: Iterable[Context]) -> None:
    """Have what follows be noted for each of those that are traced in *contexts*."""
    parts = [around for context in contexts if isinstance(around := context.get(AROUND), Part)]
    AROUND.set(Shared(parts) if parts else None)
