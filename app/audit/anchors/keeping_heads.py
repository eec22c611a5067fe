"""Keeping the heads beside the anchors: before new rows are added, they are as of the last anchor.

What another node has anchored meanwhile is read from the log. A file that is lost or belongs to another place is made
anew from the log, and from the anchors where the log does not give what was signed. Of the accounts' own logs, that is
what was written up to the anchor's time; a row whose transaction was still under way then is in the next anchor, and
makes this one's heads be read from the anchors.
"""

import asyncio
import sqlite3
from collections.abc import AsyncIterator
from contextlib import aclosing, asynccontextmanager
from datetime import datetime
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncConnection

from app.audit.anchors.account_rows import leaf_of, new_account_rows
from app.audit.anchors.checkpoint import Anchor, AnchorError, AnchorsUnusable, Leaf
from app.audit.anchors.heads import Heads, HeadsPosition, heads_fault
from app.audit.anchors.places import AnchorStore
from app.db.repository import anchored

BATCH = 1_000


class HeadsTaken(Exception):
    """Another process works with the heads."""


def reached_by(anchor: Anchor) -> HeadsPosition:
    """Return what the heads have reached with this anchor."""
    checkpoint = anchor.checkpoint
    return HeadsPosition(checkpoint.number, checkpoint.position, UUID(checkpoint.action_id))


@asynccontextmanager
async def current_heads(
    heads: Heads, connection: AsyncConnection, place: AnchorStore, last: Anchor | None
) -> AsyncIterator[Heads]:
    """Yield *heads* as of the anchor *last*; what is not committed is undone at the end.

    Raises: HeadsTaken, AnchorError.
    """
    try:
        if not await asyncio.to_thread(heads.begin):
            raise HeadsTaken
        try:
            await _bring_to(heads, connection, place, last)
            yield heads
        finally:
            await asyncio.to_thread(heads.roll_back)
    except sqlite3.Error as error:
        raise AnchorsUnusable(f"the file of the cases' last rows can't be used: {error}") from error


async def _bring_to(heads: Heads, connection: AsyncConnection, place: AnchorStore, last: Anchor | None) -> None:
    reached = heads.reached
    if last is None:
        heads.clear()
        return
    if reached == reached_by(last) and await asyncio.to_thread(heads_fault, heads, last.checkpoint) is None:
        return
    if reached is not None and reached.number < last.checkpoint.number:
        await _add_rows(heads, connection, reached, last)
        if await _keep_if_right(heads, last):
            return
    heads.clear()
    await _add_rows(heads, connection, None, last)
    if await _keep_if_right(heads, last):
        return
    heads.clear()
    async for anchor in place.anchors():
        await asyncio.to_thread(heads.apply, anchor.leaves)
    if not await _keep_if_right(heads, last):
        raise AnchorError(f"anchor {last.checkpoint.number}: neither the log nor the anchors give its heads")


async def _add_rows(heads: Heads, connection: AsyncConnection, reached: HeadsPosition | None, last: Anchor) -> None:
    """Add the rows of the log that come after what was *reached*, to the end of *last*."""
    since, end = reached and reached[1:], reached_by(last)[1:]
    leaves: list[Leaf] = []
    async with aclosing(anchored.rows_after(connection, since, end)) as rows:
        async for row in rows:
            leaves.append(Leaf(*row[:4]))
            if len(leaves) == BATCH:
                await asyncio.to_thread(heads.apply, leaves)
                leaves = []
    await asyncio.to_thread(heads.apply, leaves)
    if last.checkpoint.account_root is not None:
        await _add_account_rows(heads, connection, datetime.fromisoformat(last.checkpoint.time))


async def _add_account_rows(heads: Heads, connection: AsyncConnection, until: datetime) -> None:
    """Add the rows of the accounts' own logs that are not later than *until*."""
    leaves: list[Leaf] = []
    async with aclosing(new_account_rows(connection, heads)) as rows:
        async for row in rows:
            if row.created_at <= until:
                leaves.append(leaf_of(row))
            if len(leaves) == BATCH:
                await asyncio.to_thread(heads.apply, leaves)
                leaves = []
    await asyncio.to_thread(heads.apply, leaves)


async def _keep_if_right(heads: Heads, last: Anchor) -> bool:
    if await asyncio.to_thread(heads_fault, heads, last.checkpoint) is not None:
        return False
    await asyncio.to_thread(heads.commit, reached_by(last))
    heads.begin()
    return True
