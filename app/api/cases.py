"""One case: as it is, with the columns that are selected and no more, or as it stood."""

from datetime import datetime
from uuid import UUID

import strawberry

from app.api.context import Info
from app.api.loaders import CaseKey
from app.api.selection import Nodes, attributes, known_of, mentioned, selected
from app.api.types import Case
from app.db.repository.cases import cases_with
from app.db.repository.history import case_as_of
from app.db.rows import CaseRow, every
from app.domain.errors import InvalidInput, Required

EVERY_COLUMN = every(CaseRow)


@strawberry.input(description="A moment in the life of a case: one of the two.")
class AsOf:
    seq: int | None = strawberry.field(default=None, description="After this row of its log, from 1.")
    time: datetime | None = strawberry.field(default=None, description="At this time, with its offset from UTC.")


def case_columns(nodes: Nodes, info: Info) -> frozenset[str]:
    """Return the columns that the selected fields of a case need: all, if what belongs to it is asked for its case."""
    if mentioned("case", nodes, info):
        return EVERY_COLUMN
    return (attributes(Case, nodes) or EVERY_COLUMN) | {"id"}


async def one_case(info: Info, which: UUID | int, as_of: AsOf | None) -> CaseRow | None:
    """Return the case with this id or number. Raises: InvalidInput, Required, about *as_of*."""
    context = info.context
    if as_of is not None:
        return await _past(info, which, as_of)
    names = known_of(info, "columns", lambda: case_columns(selected(info), info))
    key = CaseKey(which, names)
    row: CaseRow | None = (await context.loaders.cases_with.collect([key]))[key]
    if row is not None and names == EVERY_COLUMN:
        context.loaders.cases.prime(row.id, row)
    return row


async def _past(info: Info, which: UUID | int, as_of: AsOf) -> CaseRow | None:
    if (as_of.seq is None) == (as_of.time is None):
        raise Required("asOf") if as_of.seq is None else InvalidInput("asOf")
    if as_of.seq is not None and as_of.seq < 1:
        raise InvalidInput("asOf", "seq")
    if as_of.time is not None and as_of.time.tzinfo is None:
        raise InvalidInput("asOf", "time")
    account_id = info.context.actor.account_id
    async with info.context.database.snapshot() as connection:
        (row,) = await cases_with(connection, account_id, [which], frozenset({"id"}))
        return None if row is None else await case_as_of(connection, account_id, row.id, as_of.seq, as_of.time)
