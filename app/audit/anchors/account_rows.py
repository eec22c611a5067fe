"""The rows of the accounts' own logs that come after those which the heads know.

Each account's row says how many rows its log has, so that an account without anything new costs one short row.
"""

import asyncio
from collections.abc import AsyncGenerator
from contextlib import aclosing

from sqlalchemy.ext.asyncio import AsyncConnection

from app.audit.anchors.checkpoint import GONE, AnchorError, Leaf
from app.audit.anchors.heads import Heads, LogEnd
from app.db.repository import anchored
from app.db.repository.administration import AccountHead
from app.db.repository.anchored import LoggedAccountRow

ACCOUNTS = 1_000
"""How many accounts are looked at together."""

LOGS = 100
"""The logs of how many accounts one statement reads: each makes its text longer."""


def leaf_of(row: LoggedAccountRow) -> Leaf:
    return Leaf(row.account_id, None, row.seq, row.hash)


async def new_account_rows(
    connection: AsyncConnection, heads: Heads, *, strict: bool = False
) -> AsyncGenerator[LoggedAccountRow, None]:
    """Yield the rows that the heads do not know yet.

    *strict*: refuse to go on where a log does not go on from its last known row. Raises: AnchorError.
    """
    after, seen = None, 0
    while True:
        page = await anchored.account_heads(connection, after, ACCOUNTS)
        ends = await asyncio.to_thread(heads.account_ends, [head.account_id for head in page])
        known = {head: ends.get(head.account_id) for head in page}
        if strict:
            _demand_ends(known)
        async with aclosing(_rows_of(connection, known, strict=strict)) as rows:
            async for row in rows:
                yield row
        seen += len(ends)
        if len(page) < ACCOUNTS:
            break
        after = page[-1].account_id
    if strict and seen < heads.account_count:
        raise AnchorError("an account whose log is anchored is gone: `casegate log verify --anchors` tells which")


def _demand_ends(known: dict[AccountHead, LogEnd | None]) -> None:
    for head, end in known.items():
        is_another = end is not None and head.count == end.seq and head.hash != end.hash
        if end is not None and (head.count < end.seq or is_another):
            raise _gone(head, end)


async def _rows_of(
    connection: AsyncConnection, known: dict[AccountHead, LogEnd | None], *, strict: bool
) -> AsyncGenerator[LoggedAccountRow, None]:
    grown = [(head, end) for head, end in known.items() if head.count > (end.seq if end else 0)]
    for start in range(0, len(grown), LOGS):
        part = grown[start : start + LOGS]
        last = {head.account_id: end for head, end in part}
        since = [(head.account_id, end.seq if end else 0) for head, end in part]
        async with aclosing(anchored.account_rows_after(connection, since)) as rows:
            async for row in rows:
                end = last.pop(row.account_id, None)
                if strict and end is not None and (row.seq, row.prev_hash) != (end.seq + 1, end.hash):
                    raise _gone(row, end)
                yield row


def _gone(of: AccountHead | LoggedAccountRow, end: LogEnd) -> AnchorError:
    return AnchorError(f"row {end.seq} of account {of.account_id}'s own log, the last that was anchored, {GONE}")
