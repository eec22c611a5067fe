"""The ends of accounts' logs: what has come after a place, for many accounts at once, and how far that is safe."""

from collections.abc import Sequence
from typing import NamedTuple
from uuid import UUID

from sqlalchemy import ColumnElement, bindparam, select, true, tuple_

from app.db import tables
from app.db.id_sets import among
from app.db.log_position import SafePosition
from app.db.prepared import ACCOUNT, IDS, LIMIT, Prepared
from app.db.reader import Reader
from app.db.repository.log import LogKey, LogPlace
from app.db.row_makers import columns as row_columns
from app.db.rows import ActionRow
from app.domain.workflow import TRANSITIONS

FIRST_ID = UUID(int=0)
"""Comes before every id: a key with it is the beginning of its position."""

BEGINNING: LogKey = (-1, FIRST_ID)
"""Comes before every row of a log: rows from before there were positions have 0."""

_ACTION = row_columns(ActionRow, tables.case_actions)


class AccountPlace(NamedTuple):
    """A row of some account's log with its place there."""

    account_id: UUID
    place: LogPlace


class LogTail(NamedTuple):
    """Rows, the oldest first, and the first position that was not yet safe as they were read: see `log_position`."""

    safe: int
    rows: Sequence[AccountPlace]


async def safe_position(connection: Reader) -> int:
    """Return the first position that is not yet safe to be shown."""
    position: int = await connection.scalar(select(SafePosition()))
    return position


def _log_tail(whose: ColumnElement[bool]) -> Prepared:
    column = tables.case_actions.c
    # Computed once: where it is looked at twice, who has ended meanwhile may count differently.
    safe = select(SafePosition().label("position")).cte("safe").prefix_with("MATERIALIZED", dialect="postgresql")
    after = tuple_(bindparam("after_position", type_=column.position.type), bindparam("after_id", type_=column.id.type))
    part = (
        select(column.account_id, column.position, *_ACTION)
        .where(whose, column.position < select(safe.c.position).scalar_subquery())
        .where(tuple_(column.position, column.id) > after)
        .order_by(column.position, column.id)
        .limit(LIMIT)
        .subquery()
    )
    statement = select(safe.c.position, *part.c).select_from(safe.outerjoin(part, true()))
    return Prepared(statement.order_by(part.c.position, part.c.id))


# Of one account alone PostgreSQL finds rows in order in an index, and need not sort all that come after the key.
_OF_ONE = _log_tail(tables.case_actions.c.account_id == ACCOUNT)
_OF_MANY = _log_tail(among(tables.case_actions.c.account_id, IDS))


async def log_tail(connection: Reader, account_ids: Sequence[UUID], after: LogKey, limit: int) -> LogTail:
    """Return the first *limit* rows of these accounts' logs that come after a key and are safe, by one statement."""
    whose = {"account_id": account_ids[0]} if len(account_ids) == 1 else {"ids": account_ids}
    prepared = _OF_ONE if len(account_ids) == 1 else _OF_MANY
    safe, ids, positions, *columns = await prepared.columns(
        connection, **whose, after_position=after[0], after_id=after[1], limit=limit
    )
    owners = list(ids)
    if owners[0] is None:  # the row that says how far it is safe stands by itself
        return LogTail(next(iter(safe)), ())
    places = [
        LogPlace(action, (position, action.id))
        for position, action in zip(positions, map(ActionRow, *columns), strict=True)
    ]
    return LogTail(next(iter(safe)), list(map(AccountPlace, owners, places)))


async def last_key(connection: Reader, account_id: UUID, before: int) -> LogKey:
    """Return the key of the account's last row with a position below *before*; the log's beginning without one."""
    column = tables.case_actions.c
    statement = (
        select(column.position, column.id)
        .where(column.account_id == account_id, column.position < before)
        .order_by(column.position.desc(), column.id.desc())
        .limit(1)
    )
    record = (await connection.execute(statement)).first()
    return BEGINNING if record is None else (record[0], record[1])


async def namings_of(connection: Reader, case_ids: Sequence[UUID]) -> dict[UUID, list[int]]:
    """Return for each override of these cases the numbers of the rows that named its reviewers, in order."""
    column = tables.case_actions.c
    names = [type_ for type_, transition in TRANSITIONS.items() if transition.names_reviewers]
    statement = (
        select(column.override_id, column.seq)
        .where(among(column.case_id, case_ids), column.type.in_(names))
        .order_by(column.case_id, column.seq)
    )
    found: dict[UUID, list[int]] = {}
    for override_id, seq in await connection.execute(statement):
        found.setdefault(override_id, []).append(seq)
    return found
