"""One case: as it is, with the columns that are selected and no more, or as it stood."""

from datetime import datetime
from uuid import UUID

import strawberry
from strawberry import UNSET

from app.api.context import Info
from app.api.dataloaders.loaders import CaseKey
from app.api.selection import Nodes, attributes, known_of, mentioned, selected
from app.api.types import Case
from app.db.repository.cases import cases_with
from app.db.repository.history import case_as_of
from app.db.repository.log_parts import SEQ_MAX
from app.db.row_makers import every
from app.db.rows import CaseRow
from app.db.snapshots import CaseSnapshotRow
from app.domain.errors import Detail, InvalidId, InvalidInput, Required
from app.domain.validation import in_utc, parse_id, parse_reference

EVERY_COLUMN = every(CaseRow)


@strawberry.input(description="A moment in the life of a case: one of the two.", one_of=True)
class AsOf:
    seq: int | None = strawberry.field(default=UNSET, description="After this row of its log, from 1.")
    time: datetime | None = strawberry.field(default=UNSET, description="At this time, with its offset from UTC.")


def which_case(id: str | None, reference: str | None) -> UUID | int:
    """Return the one of the two that is given. Raises: Required, InvalidInput, InvalidId."""
    if (id is None) == (reference is None):
        raise Required("id") if id is None else InvalidInput("reference", detail=Detail("one_of_both"))
    which = parse_id(id) if id is not None else parse_reference(reference or "")
    if which is None:
        raise InvalidId("id") if id is not None else InvalidId("reference", expected="reference_form")
    return which


def case_columns(nodes: Nodes, info: Info) -> frozenset[str]:
    """Return the columns that the selected fields of a case need: all, if what belongs to it is asked for its case."""
    if mentioned("case", nodes, info):
        return EVERY_COLUMN
    return (attributes(Case, nodes) or EVERY_COLUMN) | {"id"}


async def one_case(info: Info, which: UUID | int) -> CaseRow | None:
    """Return the case with this id or number."""
    context = info.context
    names = known_of(info, "columns", lambda: case_columns(selected(info), info))
    key = CaseKey(which, names)
    row: CaseRow | None = (await context.loaders.cases_with.collect([key]))[key]
    if row is not None and names == EVERY_COLUMN:
        context.loaders.cases.prime(row.id, row)
    return row


async def one_snapshot(info: Info, which: UUID | int, as_of: AsOf) -> CaseSnapshotRow | None:
    """Return the case with this id or number as it stood then. Raises: InvalidInput, about *as_of*."""
    seq, time = as_of.seq or None, as_of.time or None
    if time is not None:
        time = in_utc(time, "asOf", "time")
    elif seq is None or seq < 1:
        raise InvalidInput("asOf", "seq", detail=Detail.of_range(1, SEQ_MAX))
    context, actor = info.context, info.context.actor
    account_id = actor.account_id
    async with context.services.slots.one(account_id, actor.token_id), context.database.snapshot() as connection:
        (row,) = await cases_with(connection, account_id, [which], frozenset({"id"}))
        return None if row is None else await case_as_of(connection, account_id, row.id, seq, time)
