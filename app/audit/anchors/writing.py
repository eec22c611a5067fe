"""Anchoring: what the logs have grown by since the last anchor is read from one snapshot, hashed, signed and written.

It costs what is new, whatever is there already, and one short row for each account: see `heads` for what is kept for
that beside the anchors. It deliberately verifies no log: it only refuses to go on where the last case's row that it
anchored, or the last one of an account's own log, is gone or is another, so that a rewritten log is told within a
minute.
"""

import asyncio
import os
import sqlite3
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import aclosing
from pathlib import Path
from typing import TYPE_CHECKING
from uuid import UUID

import structlog
from sqlalchemy.ext.asyncio import AsyncConnection

from app import clock
from app.audit.anchors.account_rows import leaf_of, new_account_rows
from app.audit.anchors.checking import new_cases
from app.audit.anchors.checkpoint import (
    FORMAT,
    GONE,
    NO_ACTION,
    NOTHING,
    Anchor,
    AnchorConflict,
    AnchorError,
    AnchorsUnusable,
    Checkpoint,
    Leaf,
    public_key,
    sign,
)
from app.audit.anchors.heads import Heads
from app.audit.anchors.keeping_heads import HeadsTaken, current_heads, reached_by
from app.audit.anchors.keys import read_key, read_or_make_key
from app.audit.anchors.places import AnchorStore
from app.db.engines import Database
from app.db.repository import anchored
from app.db.repository.anchored import LoggedAccountRow, LoggedRow
from app.domain.merkle import Tree

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

LEAVES = 5_000
"""The most leaves of one anchor, so that its line stays under a megabyte."""


log = structlog.get_logger()


class Anchorer:
    """Anchors one database's logs in one place."""

    def __init__(self, database: Database, place: AnchorStore, key_path: Path, heads_path: Path | None = None) -> None:
        """*heads_path*: where the heads of all cases are kept; without, they are made anew by each process."""
        self.database = database
        self.place = place
        self._key_path = key_path
        self._heads_path = heads_path
        self._heads: Heads | None = None

    async def anchor(self, now: clock.Clock = clock.now) -> list[Checkpoint] | None:
        """Anchor what is new, in as many anchors as it takes; None where somebody else is at it.

        Raises: AnchorError.
        """
        async with self.place.held() as is_held:
            if not is_held:
                return None
            last = await self.place.last()
            async with self.database.snapshot() as connection:
                if not await anchored.is_first_to_anchor(connection):
                    return None
                # Another node may have written one before it let go of the lock, of rows that this snapshot lacks.
                if await self._number_of_last() != (last.checkpoint.number if last else 0):
                    return None
                try:
                    return await self._write(connection, last, now)
                except (AnchorConflict, HeadsTaken):  # by another process, in a bucket, which nobody can hold
                    return None

    async def _number_of_last(self) -> int:
        last = await self.place.last()
        return last.checkpoint.number if last else 0

    async def _write(self, connection: AsyncConnection, last: Anchor | None, now: clock.Clock) -> list[Checkpoint]:
        key: Ed25519PrivateKey | None = None
        written: list[Checkpoint] = []
        if last is not None:
            key = read_key(self._key_path)
            await _check(connection, last, public_key(key))
        async with (
            current_heads(self._opened_heads(), connection, self.place, last) as heads,
            aclosing(_batches(connection, self.place.anchors(), last, heads)) as batches,
        ):
            async for rows in batches:
                key = key or self.key()
                last = await asyncio.to_thread(grown, last, rows, heads, key, now)
                await self.place.append(last)
                await asyncio.to_thread(heads.commit, reached_by(last))
                heads.begin()
                written.append(last.checkpoint)
        return written

    def _opened_heads(self) -> Heads:
        try:
            self._heads = self._heads or Heads(self._heads_path)
        except (OSError, sqlite3.Error) as error:
            reason = "Permission denied" if _is_forbidden(self._heads_path) else error
            raise AnchorsUnusable(
                f"the file of the cases' last rows {self._heads_path} can't be used: {reason}"
            ) from None
        return self._heads

    def key(self) -> "Ed25519PrivateKey":
        """Return the key, which is made where there is none yet. Raises: AnchorError."""
        key, is_new = read_or_make_key(self._key_path)
        if is_new:
            log.info("anchors_key_made", path=str(self._key_path), key=public_key(key))
        return key


def _is_forbidden(path: Path | None) -> bool:
    """Tell whether the file is there and may not be written, which SQLite does not say."""
    return path is not None and os.access(path, os.F_OK) and not os.access(path, os.R_OK | os.W_OK)


async def _check(connection: AsyncConnection, last: Anchor, key: str) -> None:
    """Refuse to go on from an anchor that is not ours, or whose last row does not stand any more."""
    number = last.checkpoint.number
    if not last.is_signed_by(key):
        raise AnchorError(f"anchor {number} is not signed by this key, {key}: with another key, begin another place")
    for leaf in reversed(last.leaves):
        if leaf.case_id is None:
            continue
        if await anchored.hash_of(connection, leaf.case_id, leaf.seq) != leaf.hash:
            raise AnchorError(f"row {leaf.seq} of case {leaf.case_id}, the last of anchor {number}, {GONE}")
        return


async def _check_older(connection: AsyncConnection, last: Anchor | None, heads: Heads) -> None:
    """Refuse to go on where an older anchor holds the last case's row, and that does not stand any more."""
    if last is None or _has_no_case(last) or any(leaf.case_id is not None for leaf in last.leaves):
        return
    row = await anchored.row_of(connection, UUID(last.checkpoint.action_id))
    head = None if row is None else await asyncio.to_thread(heads.head_of, row.case_id)
    if row is None or head is None or (row.seq, row.hash) != (head.seq, head.hash):
        raise AnchorError(f"the last case's row that was anchored before anchor {last.checkpoint.number} {GONE}")


def _has_no_case(anchor: Anchor) -> bool:
    return anchor.checkpoint.action_id == str(NO_ACTION)


NewRow = LoggedAccountRow | LoggedRow


async def _batches(
    connection: AsyncConnection, anchors: AsyncIterator[Anchor], last: Anchor | None, heads: Heads
) -> AsyncGenerator[list[NewRow], None]:
    rows: list[NewRow] = []
    async with aclosing(_new_rows(connection, anchors, last, heads)) as new:
        async for row in new:
            rows.append(row)
            if len(rows) == LEAVES:
                yield rows
                rows = []
    if rows:
        yield rows


async def _new_rows(
    connection: AsyncConnection, anchors: AsyncIterator[Anchor], last: Anchor | None, heads: Heads
) -> AsyncGenerator[NewRow, None]:
    """Yield what is new: the rows of the accounts' own logs, and then the cases'."""
    async with aclosing(new_account_rows(connection, heads, strict=True)) as of_accounts:
        async for row in of_accounts:
            yield row
    await _check_older(connection, last, heads)
    place = await _place_of(connection, anchors, last)
    async with aclosing(anchored.rows_after(connection, place)) as of_cases:
        async for case_row in of_cases:
            yield case_row


async def _place_of(
    connection: AsyncConnection, anchors: AsyncIterator[Anchor], last: Anchor | None
) -> anchored.RowPosition | None:
    """Return where to go on: after the last row that is anchored, of those whose place can be.

    A row with a made-up place, which comes after all others, would otherwise be the last one that is ever anchored.
    """
    if last is None or _has_no_case(last):
        return None
    place = reached_by(last)[1:]
    if not await anchored.is_to_come(connection, place[0]):
        return place
    log.error("anchored_place_is_to_come", number=last.checkpoint.number, position=place[0])
    found: anchored.RowPosition | None = None
    async for anchor in anchors:
        known = [(leaf.case_id, leaf.seq) for leaf in anchor.leaves if leaf.case_id is not None]
        places = await anchored.places_of(connection, known)
        found = max([*places, *([] if found is None else [found])], default=None)
    return found


def grown(last: Anchor | None, rows: list[NewRow], heads: Heads, key: "Ed25519PrivateKey", now: clock.Clock) -> Anchor:
    """Return the anchor that comes after *last* and adds *rows*, also to *heads*."""
    of_cases = [row for row in rows if isinstance(row, LoggedRow)]
    leaves = [leaf_of(row) if isinstance(row, LoggedAccountRow) else Leaf(*row[:4]) for row in rows]
    tree = Tree(last.checkpoint.size, last.peaks) if last else Tree()
    for leaf in leaves:
        tree.add(leaf.hashed())
    heads.apply(leaves)
    accounts = heads.account_tree()
    position, action_id = reached_by(last)[1:] if last else (0, NO_ACTION)
    if of_cases:
        position, action_id = of_cases[-1].position, of_cases[-1].id
    checkpoint = Checkpoint(
        format=FORMAT,
        number=last.checkpoint.number + 1 if last else 1,
        time=now().strftime("%Y-%m-%dT%H:%M:%S.%fZ"),
        previous=last.checkpoint.digest() if last else NOTHING,
        size=tree.size,
        cases=(last.checkpoint.cases if last else 0) + new_cases(leaves),
        root=tree.root.hex(),
        position=position,
        action_id=str(action_id),
        key=public_key(key),
        head_count=heads.count,
        head_root=heads.root().hex(),
        account_count=accounts.size,
        account_root=accounts.root.hex(),
    )
    return Anchor(checkpoint, sign(checkpoint, key), leaves, tree.peaks)
