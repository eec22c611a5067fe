"""Cases and their subjects: by id, by the page, and by what the command line knows of them."""

from collections.abc import Sequence
from uuid import UUID

from sqlalchemy import or_, select

from app.db import tables
from app.db.id_sets import among
from app.db.reader import Reader
from app.db.repository.placed import one_each, rows_by_id
from app.db.repository.window import count, first
from app.db.row_makers import columns, every, partial
from app.db.rows import CaseRow, SubjectRow

EVERY_CASE_COLUMN = every(CaseRow)
EVERY_SUBJECT_COLUMN = every(SubjectRow)

_CASE = columns(CaseRow, tables.cases)
_SUBJECT = columns(SubjectRow, tables.subjects)


async def subjects_by_id(
    connection: Reader, account_id: UUID, ids: Sequence[UUID], names: frozenset[str] = EVERY_SUBJECT_COLUMN
) -> list[SubjectRow | None]:
    places, *found = await rows_by_id(tables.subjects, names).columns(connection, account_id=account_id, ids=ids)
    return one_each(ids, places, map(partial(SubjectRow, names), *found))


async def cases_by_id(connection: Reader, account_id: UUID, ids: Sequence[UUID]) -> list[CaseRow | None]:
    return await cases_with(connection, account_id, ids, EVERY_CASE_COLUMN)


async def cases_with(
    connection: Reader, account_id: UUID, which: Sequence[UUID | int], names: frozenset[str]
) -> list[CaseRow | None]:
    """Return for each id or number its case, with the columns of *names* alone."""
    ids = [item for item in which if isinstance(item, UUID)]
    if len(ids) == len(which):
        places, *found = await rows_by_id(tables.cases, names).columns(connection, account_id=account_id, ids=ids)
        return one_each(ids, places, map(partial(CaseRow, names), *found))
    numbers = [item for item in which if isinstance(item, int)]
    names |= {"id", "number"}
    make = partial(CaseRow, names)
    case = tables.cases.c
    statement = select(*(case[name] for name in sorted(names))).where(
        case.account_id == account_id, or_(among(case.id, ids), case.number.in_(numbers))
    )
    rows = [make(*record) for record in await connection.execute(statement)]
    by_id, by_number = {row.id: row for row in rows}, {row.number: row for row in rows}
    return [by_id.get(item) if isinstance(item, UUID) else by_number.get(item) for item in which]


async def active_case_of(connection: Reader, subject_ids: Sequence[UUID]) -> CaseRow | None:
    """Return the first case that is not closed on any of these subjects."""
    case = tables.cases.c
    statement = select(*_CASE).where(case.subject_id.in_(subject_ids), case.status != "CLOSED").order_by(case.number)
    return await first(connection, statement.limit(1), CaseRow)


async def first_case_by_ref(connection: Reader, account_id: UUID, external_refs: Sequence[str]) -> dict[str, CaseRow]:
    """Return by its subject's reference the first case that was opened on each; a subject without one is left out."""
    statement = (
        select(tables.subjects.c.external_ref, *_CASE)
        .join(tables.subjects, tables.subjects.c.id == tables.cases.c.subject_id)
        .where(tables.cases.c.account_id == account_id, tables.subjects.c.external_ref.in_(external_refs))
        .order_by(tables.cases.c.number.desc())
    )
    return {ref: CaseRow(*record) for ref, *record in await connection.execute(statement)}


async def case_count(connection: Reader, account_id: UUID | None) -> int:
    """Return how many cases there are, of one account or of all: for the command line."""
    mine = [] if account_id is None else [tables.cases.c.account_id == account_id]
    return await count(connection, tables.cases, mine)


async def cases_named(connection: Reader, which: UUID | int, account_id: UUID | None) -> list[tuple[UUID, UUID]]:
    """Return account and id of each case with this id or number: for the command line, which stands above accounts.

    A case that only its log's rows know has no number, and is known by its id.
    """
    case, action = tables.cases.c, tables.case_actions.c
    known = select(case.account_id, case.id).where(
        case.id == which if isinstance(which, UUID) else case.number == which
    )
    logged = select(action.account_id, action.case_id).where(action.case_id == which)
    named = (known.union(logged) if isinstance(which, UUID) else known).subquery()
    statement = select(named).order_by(named.c.account_id)
    if account_id is not None:
        statement = statement.where(named.c.account_id == account_id)
    return [(record[0], record[1]) for record in await connection.execute(statement)]
