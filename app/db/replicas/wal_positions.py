"""Positions in PostgreSQL's write-ahead log (WAL): how far a server has come, and what a caller has seen.

Two positions compare within one timeline alone: a standby that is promoted begins a new one, and what the old primary
had written beyond that point is in no server that follows the new one.
"""

import re
from collections import deque
from typing import NamedTuple

from sqlalchemy import String, literal_column, select, text

from app.db.prepared import Prepared

_FORM = re.compile(r"([0-9A-F]{1,8})-([0-9A-F]{1,16})")
_KEPT = 1_200


class WalPosition(NamedTuple):
    """A place in the WAL of one timeline. As text it is what clients are given, and send back."""

    timeline: int
    lsn: int

    def __str__(self) -> str:
        return f"{self.timeline:X}-{self.lsn:X}"


UNKNOWN = WalPosition(2**32, 0)
"""What no server has come to: the position of a caller who sent none that can be read."""


def sent_position(value: str | None) -> WalPosition | None:
    """Return the position that a client sent back, None where it sent none."""
    if value is None:
        return None
    found = _FORM.fullmatch(value)
    return UNKNOWN if found is None else WalPosition(int(found[1], 16), int(found[2], 16))


def lsn_of(written: str) -> int:
    """Return a position as PostgreSQL writes it, as in 16/B374D848, as a number."""
    high, low = written.split("/")
    return int(high, 16) << 32 | int(low, 16)


def position_of(file: str, lsn: str) -> WalPosition:
    """Return the position of the primary by the name of its WAL file, which begins with the timeline."""
    return WalPosition(int(file[:8], 16), lsn_of(lsn))


# What is acknowledged is flushed, unless commits do not wait for the disk, as they may not behind a pooler.
CURRENT = """
(SELECT CASE current_setting('synchronous_commit') WHEN 'off' THEN pg_current_wal_insert_lsn()
    ELSE pg_current_wal_flush_lsn() END AS lsn) AS place
"""

PRIMARY_POSITION = Prepared(
    select(literal_column("pg_walfile_name(lsn)", String), literal_column("CAST(lsn AS text)", String)).select_from(
        text(CURRENT)
    )
)
"""Reads a position on the primary that covers all that was acknowledged before."""


class PrimaryHistory:
    """How far the primary had come at which times, on the monotonic clock: so the age of a replica's data is known."""

    def __init__(self) -> None:
        self._known: deque[tuple[float, WalPosition]] = deque(maxlen=_KEPT)
        self._first: WalPosition | None = None

    @property
    def timeline(self) -> int | None:
        """The timeline that the primary writes, None where it was not looked at yet."""
        return None if self._first is None else self._first.timeline

    def note(self, when: float, position: WalPosition) -> None:
        """Take note that what was acknowledged by *when* is covered by *position*."""
        if self.timeline != position.timeline:
            self._known.clear()
            self._first = position
        self._known.append((when, position))

    def covered_until(self, replayed: WalPosition) -> float | None:
        """Return the last time by which all that was acknowledged is replayed there; None where none is known."""
        for when, position in reversed(self._known):
            if position.timeline == replayed.timeline and position.lsn <= replayed.lsn:
                return when
        return None

    def covers(self, replayed: WalPosition, seen: WalPosition) -> bool:
        """Tell whether a server that has *replayed* so much has what a caller has *seen*.

        Of an earlier timeline there is what had come to the new primary, all of which lies before its first position.
        """
        if seen.timeline < replayed.timeline:
            first = self._first
            return first is not None and first.timeline == replayed.timeline and first.lsn <= replayed.lsn
        return seen.timeline == replayed.timeline and seen.lsn <= replayed.lsn
