"""Overrides: by id, by case, and the pending one."""

from collections.abc import Sequence
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncConnection

from app.db import models as tables
from app.db.among import among, of_account
from app.db.repository.window import first, grouped, in_order
from app.db.rows import OverrideRow, columns
from app.domain.model import OverrideStatus

_OVERRIDE = columns(OverrideRow, tables.overrides)


async def overrides_by_id(
    connection: AsyncConnection, account_id: UUID, ids: Sequence[UUID]
) -> list[OverrideRow | None]:
    statement = select(*_OVERRIDE).where(
        of_account(tables.overrides.c.account_id, account_id), among(tables.overrides.c.id, ids)
    )
    return in_order(ids, (OverrideRow(*record) for record in await connection.execute(statement)))


async def overrides_by_case(
    connection: AsyncConnection, account_id: UUID, case_ids: Sequence[UUID]
) -> list[list[OverrideRow]]:
    """Return for each case its tables.overrides, newest first."""
    statement = (
        select(*_OVERRIDE)
        .where(of_account(tables.overrides.c.account_id, account_id), among(tables.overrides.c.case_id, case_ids))
        .order_by(tables.overrides.c.created_at.desc(), tables.overrides.c.id.desc())
    )
    return grouped(case_ids, (OverrideRow(*record) for record in await connection.execute(statement)), "case_id")


async def override_statuses_by_case(
    connection: AsyncConnection, account_id: UUID, case_ids: Sequence[UUID]
) -> list[dict[UUID, OverrideStatus]]:
    """Return for each case how its overrides stand, by their ids."""
    column = tables.overrides.c
    statement = select(column.case_id, column.id, column.status).where(
        column.account_id == account_id, among(column.case_id, case_ids)
    )
    found: dict[UUID, dict[UUID, OverrideStatus]] = {id: {} for id in case_ids}
    for case_id, id, status in await connection.execute(statement):
        found[case_id][id] = status
    return [found[id] for id in case_ids]


async def pending_overrides_by_case(
    connection: AsyncConnection, account_id: UUID, case_ids: Sequence[UUID]
) -> list[OverrideRow | None]:
    statement = select(*_OVERRIDE).where(
        of_account(tables.overrides.c.account_id, account_id),
        among(tables.overrides.c.case_id, case_ids),
        tables.overrides.c.status == OverrideStatus.PENDING,
    )
    found = {row.case_id: row for row in (OverrideRow(*record) for record in await connection.execute(statement))}
    return [found.get(case_id) for case_id in case_ids]


async def reviewer_ids(connection: AsyncConnection, override_id: UUID) -> tuple[UUID, ...]:
    """Return who is asked to decide on the override, in the order in which they were named."""
    link = tables.override_reviewers.c
    statement = select(link.reviewer_id).where(link.override_id == override_id).order_by(link.position)
    return tuple(await connection.scalars(statement))


async def override_of_case(
    connection: AsyncConnection, account_id: UUID, case_id: UUID, override_id: UUID | None
) -> OverrideRow | None:
    """Return the named override of the case, or its pending one where none is named."""
    which = (
        tables.overrides.c.status == OverrideStatus.PENDING
        if override_id is None
        else tables.overrides.c.id == override_id
    )
    statement = select(*_OVERRIDE).where(
        tables.overrides.c.account_id == account_id, tables.overrides.c.case_id == case_id, which
    )
    return await first(connection, statement, OverrideRow)


async def has_accepted_override(connection: AsyncConnection, case_id: UUID) -> bool:
    statement = select(
        select(tables.overrides.c.id)
        .where(tables.overrides.c.case_id == case_id, tables.overrides.c.status == OverrideStatus.ACCEPTED)
        .exists()
    )
    return bool(await connection.scalar(statement))
