"""What is known of documents that are valid: parsed, measured, and planned once. It is bounded by the bytes it takes.

A document takes a hundred times its length once it is parsed, and a plan of it nearly as much again. What is refused is
not kept, so that nobody drives out what others send by documents that are wrong.
"""

from collections import OrderedDict
from collections.abc import Hashable
from dataclasses import dataclass, field
from typing import Any

from graphql import DocumentNode

BYTES_MAX = 32 * 1024 * 1024
LENGTH_MAX = 8_192
"""In characters, of a document that is kept."""

# Measured: a parsed document takes 80 to 200 bytes a character, a plan 60, and each 2 KiB at least.
_TREE, _PLAN, _LEAST = 200, 60, 2_048
_MEASURES = 512


@dataclass(slots=True)
class Document:
    """A valid document. `scanned`: its tokens and nesting; `valid_by`: the sets of rules that it was held against."""

    tree: DocumentNode
    scanned: tuple[int, int]
    valid_by: set[Hashable] = field(default_factory=set)
    measures: dict[Hashable, Any] = field(default_factory=dict)
    operations: dict[Hashable, Any] = field(default_factory=dict)
    bytes: int = 0


class Documents:
    """The documents that were sent last, by their text."""

    def __init__(self, bytes_max: int = BYTES_MAX) -> None:
        self._bytes_max = bytes_max
        self._known: OrderedDict[str, Document] = OrderedDict()
        self.bytes = 0

    def get(self, query: str) -> Document | None:
        """Return what is known of a document, None where it is nothing."""
        found = self._known.get(query)
        if found is not None:
            self._known.move_to_end(query)
        return found

    def keep(self, query: str, document: Document) -> None:
        """Keep a valid document, unless it is so long that to keep it would cost more than to parse it again."""
        if len(query) <= LENGTH_MAX and query not in self._known:
            self._known[query] = document
            self._grow(document, _LEAST + _TREE * len(query))

    def note_plan(self, query: str, document: Document) -> None:
        """Take note that *document* has one plan more."""
        self._grow(document, _LEAST + _PLAN * len(query))

    def note_measures(self, document: Document) -> None:
        """Take note that *document* was measured for other variables."""
        self._grow(document, _MEASURES)

    def _grow(self, document: Document, more: int) -> None:
        document.bytes += more
        self.bytes += more
        while self.bytes > self._bytes_max and self._known:
            _, dropped = self._known.popitem(last=False)
            self.bytes -= dropped.bytes
