"""The cases' rows that anchors hold, so that one which none of them holds can be told, however many there are.

An account's own log needs none of this: its rows are numbered without a gap, and its order is that of the numbers.
"""

import sqlite3
from collections.abc import Sequence

from app.audit.anchors.checkpoint import Leaf


class AnchoredRows:
    """All cases' rows that anchors hold, in a temporary file, which SQLite keeps in memory while it is small."""

    def __init__(self) -> None:
        self._rows = sqlite3.connect("", isolation_level=None, check_same_thread=False)
        self._rows.execute("CREATE TABLE rows (case_id BLOB, seq INTEGER, PRIMARY KEY (case_id, seq)) WITHOUT ROWID")
        self._rows.execute("BEGIN")

    def add(self, leaves: Sequence[Leaf]) -> None:
        values = [(leaf.case_id.bytes, leaf.seq) for leaf in leaves if leaf.case_id is not None]
        self._rows.executemany("INSERT OR IGNORE INTO rows VALUES (?, ?)", values)

    def without(self, leaves: Sequence[Leaf]) -> list[Leaf]:
        """Return those of *leaves* that no anchor holds."""
        find = "SELECT 1 FROM rows WHERE case_id = ? AND seq = ?"
        return [
            leaf
            for leaf in leaves
            if leaf.case_id is not None and not self._rows.execute(find, (leaf.case_id.bytes, leaf.seq)).fetchone()
        ]

    def close(self) -> None:
        self._rows.close()
