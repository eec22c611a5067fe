"""The logs as anchors read them: all cases' rows in the order of their places, and rows by their log and seq.

It stands above accounts: it serves the command line and the server's own upkeep, and never an operation.
"""

from collections.abc import AsyncGenerator, Sequence
from datetime import datetime
from typing import NamedTuple
from uuid import UUID

from sqlalchemy import Tuple, func, literal, literal_column, or_, select, text, tuple_
from sqlalchemy.ext.asyncio import AsyncConnection

from app.db import tables
from app.db.id_sets import among
from app.db.log_position import NextPossible, SafePosition
from app.db.repository.administration import AccountHead

ANCHORING = 0x43415345_47415445
"""The key of the advisory lock of anchoring: a number that no other program is likely to use."""

BATCH = 1_000

_COLUMN = tables.case_actions.c


class LoggedRow(NamedTuple):
    account_id: UUID
    case_id: UUID
    seq: int
    hash: str
    position: int
    id: UUID


async def is_first_to_anchor(connection: AsyncConnection) -> bool:
    """Say whether no other node is anchoring; until the transaction ends none can, and nothing times out.

    SQLite's file is locked by the process that writes the anchors, which is enough on the one machine that it is on.
    """
    if connection.dialect.name != "postgresql":
        return True
    statement = text("SELECT set_config('statement_timeout', '0', true), pg_try_advisory_xact_lock(:lock)")
    return bool((await connection.execute(statement, {"lock": ANCHORING})).one()[1])


RowPosition = tuple[int, UUID]
"""A row's place in the whole log, and its id, which orders rows of one place."""


async def rows_after(
    connection: AsyncConnection, place: RowPosition | None, until: RowPosition | None = None
) -> AsyncGenerator[LoggedRow, None]:
    """Yield the rows that come after *place*, as far as nothing can come in between any more, or to *until*."""
    # The accounts are named so that each one's part of the index is sought; there is none on places alone.
    statement = select(*(_COLUMN[name] for name in LoggedRow._fields)).where(
        _COLUMN.account_id.in_(select(tables.accounts.c.id)), _COLUMN.position < SafePosition()
    )
    key = tuple_(_COLUMN.position, _COLUMN.id)
    if place is not None:
        statement = statement.where(_COLUMN.position >= place[0], key > _literal(place))
    if until is not None:
        statement = statement.where(_COLUMN.position <= until[0], key <= _literal(until))
    ordered = statement.order_by(_COLUMN.position, _COLUMN.id)
    result = await connection.stream(ordered.execution_options(yield_per=BATCH))
    async for record in result:
        yield LoggedRow(*record)


def _literal(place: RowPosition) -> Tuple:
    return tuple_(literal(place[0], _COLUMN.position.type), literal(place[1], _COLUMN.id.type))


class LoggedAccountRow(NamedTuple):
    """A row of an account's own log."""

    account_id: UUID
    seq: int
    hash: str
    prev_hash: str
    created_at: datetime


async def account_heads(connection: AsyncConnection, after: UUID | None, limit: int) -> list[AccountHead]:
    """Return the next *limit* accounts' ends of their own logs, in the order of their ids."""
    account = tables.accounts.c
    statement = select(account.id, account.admin_action_count, account.admin_head_hash).order_by(account.id)
    if after is not None:
        statement = statement.where(account.id > after)
    return [AccountHead(*record) for record in await connection.execute(statement.limit(limit))]


async def account_rows_after(
    connection: AsyncConnection, since: Sequence[tuple[UUID, int]]
) -> AsyncGenerator[LoggedAccountRow, None]:
    """Yield the rows of these accounts' own logs that come after a seq, an account's in their order."""
    column = tables.account_actions.c
    later = or_(*((column.account_id == account_id) & (column.seq > seq) for account_id, seq in since))
    statement = select(*(column[name] for name in LoggedAccountRow._fields)).where(later)
    ordered = statement.order_by(column.account_id, column.seq)
    result = await connection.stream(ordered.execution_options(yield_per=BATCH))
    async for record in result:
        yield LoggedAccountRow(*record)


async def account_hashes(
    connection: AsyncConnection, account_ids: Sequence[UUID], seqs: range
) -> AsyncGenerator[tuple[UUID, int, str], None]:
    """Yield account, seq and hash of the rows of these accounts' own logs with these *seqs*."""
    column = tables.account_actions.c
    statement = select(column.account_id, column.seq, column.hash).where(
        among(column.account_id, account_ids), column.seq >= seqs.start, column.seq < seqs.stop
    )
    result = await connection.stream(statement.execution_options(yield_per=BATCH))
    async for record in result:
        yield record[0], record[1], record[2]


async def hashes(
    connection: AsyncConnection, case_ids: Sequence[UUID], seqs: range
) -> AsyncGenerator[tuple[UUID, UUID, int, str], None]:
    """Yield account, case, seq and hash of the rows of these cases with these *seqs*."""
    statement = select(_COLUMN.account_id, _COLUMN.case_id, _COLUMN.seq, _COLUMN.hash).where(
        among(_COLUMN.case_id, case_ids), _COLUMN.seq >= seqs.start, _COLUMN.seq < seqs.stop
    )
    result = await connection.stream(statement.execution_options(yield_per=BATCH))
    async for record in result:
        yield record[0], record[1], record[2], record[3]


async def hash_of(connection: AsyncConnection, case_id: UUID, seq: int) -> str | None:
    """Return the hash of a case's row, None where there is no such row."""
    statement = select(_COLUMN.hash).where(_COLUMN.case_id == case_id, _COLUMN.seq == seq)
    found: str | None = await connection.scalar(statement)
    return found


async def row_of(connection: AsyncConnection, id: UUID) -> LoggedRow | None:
    """Return a case's row by its id, None where there is none."""
    statement = select(*(_COLUMN[name] for name in LoggedRow._fields)).where(_COLUMN.id == id)
    record = (await connection.execute(statement)).first()
    return None if record is None else LoggedRow(*record)


async def rows_until(
    connection: AsyncConnection, end: RowPosition
) -> AsyncGenerator[tuple[UUID, UUID, int, str], None]:
    """Yield account, case, seq and hash of all rows up to a place, whatever place they have, in no order."""
    key = tuple_(_COLUMN.position, _COLUMN.id)
    statement = select(_COLUMN.account_id, _COLUMN.case_id, _COLUMN.seq, _COLUMN.hash).where(key <= _literal(end))
    result = await connection.stream(statement.execution_options(yield_per=BATCH))
    async for record in result:
        yield record[0], record[1], record[2], record[3]


class Misplaced(NamedTuple):
    """A row whose place in the whole log can't be."""

    account_id: UUID
    case_id: UUID
    seq: int
    position: int


async def misplaced(connection: AsyncConnection) -> list[Misplaced]:
    """Return the rows of all accounts whose place is negative or still to come; on SQLite, any but the row's own.

    Rows of before there were places have 0, all of them before the first that has one; on PostgreSQL, of each case.
    """
    rowid = literal_column("case_actions.rowid", _COLUMN.position.type)
    first = select(func.min(rowid)).where(_COLUMN.position > 0).scalar_subquery()
    if connection.dialect.name == "sqlite":
        other = (_COLUMN.position != 0) & (_COLUMN.position != rowid)
        strange = or_(other, (_COLUMN.position == 0) & (rowid > func.coalesce(first, rowid)))
    else:
        earlier = tables.case_actions.alias().c
        after_places = select(earlier.id).where(
            earlier.case_id == _COLUMN.case_id, earlier.seq < _COLUMN.seq, earlier.position > 0
        )
        late = (_COLUMN.position == 0) & after_places.exists()
        strange = or_(_COLUMN.position < 0, late, _COLUMN.position >= NextPossible())
    statement = select(*(_COLUMN[name] for name in Misplaced._fields)).where(strange).order_by(_COLUMN.seq)
    return [Misplaced(*record) for record in await connection.execute(statement)]


async def is_to_come(connection: AsyncConnection, position: int) -> bool:
    """Say whether no row can have this place yet, on SQLite, where places are counted."""
    if connection.dialect.name != "sqlite":
        return False
    return position >= (await connection.scalar(select(SafePosition())) or 0)


async def places_of(connection: AsyncConnection, rows: Sequence[tuple[UUID, int]]) -> list[RowPosition]:
    """Return the places of rows by case and seq, of those that can be."""
    case_ids, wanted = list({case_id for case_id, _ in rows}), set(rows)
    statement = select(_COLUMN.case_id, _COLUMN.seq, _COLUMN.position, _COLUMN.id).where(
        among(_COLUMN.case_id, case_ids), _COLUMN.position < SafePosition()
    )
    found = (await connection.execute(statement)).all()
    return [(position, id) for case_id, seq, position, id in found if (case_id, seq) in wanted]
