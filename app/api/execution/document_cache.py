"""The document cache: what is known of a valid document by its text, bounded by the bytes that it takes.

An entry has the document parsed, the rules that it is valid by, its measures, and its operations with their plans. A
document takes a hundred times its length once it is parsed, and a plan of it nearly as much again. What is refused is
not kept, so that nobody drives out what others send by documents that are wrong.
"""

import hashlib
from collections import OrderedDict
from collections.abc import Hashable
from dataclasses import dataclass, field
from typing import Any

from graphql import ASTValidationRule, DocumentNode

from app.api.contract.uses import DocumentUses

BYTES_MAX = 32 * 1024 * 1024
LENGTH_MAX = 8_192
"""In characters, of a document that is kept."""

# Measured: a parsed document takes 80 to 200 bytes a character, a plan 60, and each 2 KiB at least.
_TREE, _PLAN, _LEAST = 200, 60, 2_048
_MEASURES = 512


def hash_of(text: str) -> str:
    """Return what a document is called in the log and in traces."""
    return hashlib.sha256(text.encode()).hexdigest()


@dataclass(slots=True)
class CachedDocument:
    """A valid document. `scanned`: its tokens and nesting; `valid_by`: the rules that it was held against.

    By the names of its operations: `deprecated`, what they use of the deprecated; `log_order`, whether they read the
    account's log in its order.
    """

    tree: DocumentNode
    hash: str
    scanned: tuple[int, int]
    valid_by: set[type[ASTValidationRule]] = field(default_factory=set)
    measures: dict[Hashable, Any] = field(default_factory=dict)
    operations: dict[Hashable, Any] = field(default_factory=dict)
    deprecated: dict[str | None, DocumentUses] = field(default_factory=dict)
    log_order: dict[str | None, bool] = field(default_factory=dict)
    bytes: int = 0
    is_kept: bool = False


class DocumentCache:
    """The documents that were sent last, by their text."""

    def __init__(self, bytes_max: int = BYTES_MAX) -> None:
        self._bytes_max = bytes_max
        self._known: OrderedDict[str, CachedDocument] = OrderedDict()
        self.bytes = 0

    def get(self, text: str) -> CachedDocument | None:
        """Return what is known of a document, None where it is nothing."""
        found = self._known.get(text)
        if found is not None:
            self._known.move_to_end(text)
        return found

    def keep(self, text: str, document: CachedDocument) -> None:
        """Keep a valid document, unless it is so long that to keep it would cost more than to parse it again."""
        if len(text) <= LENGTH_MAX and text not in self._known:
            self._known[text] = document
            document.is_kept = True
            self._grow(document, _LEAST + _TREE * len(text))

    def note_plan(self, text: str, document: CachedDocument) -> None:
        """Take note that *document* has one plan more."""
        self._grow(document, _LEAST + _PLAN * len(text))

    def note_measures(self, document: CachedDocument) -> None:
        """Take note that *document* was measured for other variables."""
        self._grow(document, _MEASURES)

    def _grow(self, document: CachedDocument, more: int) -> None:
        if not document.is_kept:  # it was dropped while an operation still had it
            return
        document.bytes += more
        self.bytes += more
        while self.bytes > self._bytes_max and self._known:
            _, dropped = self._known.popitem(last=False)
            self.bytes -= dropped.bytes
            dropped.is_kept = False
