"""A case as it stood: its row and its overrides, folded from the log up to some row of it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields, replace
from datetime import datetime
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncConnection

from app.db.chain import entry_of
from app.db.repository.cases import cases_by_id, subjects_by_id
from app.db.repository.log_parts import Rows, actions_by_case
from app.db.repository.overrides import overrides_of_case
from app.db.repository.window import Window
from app.db.rows import ActionRow, CaseRow, OverrideRow
from app.domain.log import fold
from app.domain.model import CaseStatus, OverrideStatus

_WHOLE = Window(limit=2**31 - 1)


@dataclass(frozen=True, slots=True)
class PastCaseRow(CaseRow):
    """A case as it was after `action_count` rows of its log."""

    overrides: tuple[OverrideRow, ...]

    @property
    def active_override(self) -> OverrideRow | None:
        return next((row for row in self.overrides if row.status is OverrideStatus.PENDING), None)


async def case_as_of(
    connection: AsyncConnection, account_id: UUID, case_id: UUID, seq: int | None, time: datetime | None
) -> PastCaseRow | None:
    """Return the case after row *seq*, or at *time*; None where there was no such row, or no case."""
    (case,) = await cases_by_id(connection, account_id, [case_id])
    if case is None or (seq is not None and seq > case.action_count):
        return None
    (logged,) = await actions_by_case(connection, account_id, [case_id], _WHOLE, Rows(until=seq))
    actions = [row for row in reversed(logged) if time is None or row.created_at <= time]
    if not actions:
        return None
    (subject,) = await subjects_by_id(connection, account_id, [case.subject_id])
    overrides = await overrides_of_case(connection, account_id, case_id)
    assert subject is not None
    known = {row.id: row for row in overrides}
    status, statuses = fold(
        entry_of(
            account_id,
            row,
            case,
            subject,
            None,
            known.get(row.override_id) if row.override_id is not None else None,
            (),
        )
        for row in actions
    )
    assert status is not None
    return _past(case, actions, status, [_then(row, statuses) for row in overrides if row.id in statuses])


def _then(override: OverrideRow, statuses: Mapping[UUID, OverrideStatus]) -> OverrideRow:
    status = statuses[override.id]
    if status is override.status:
        return override
    return replace(override, status=status, decided_by_id=None, decided_at=None, version=1)


def _past(
    case: CaseRow, actions: Sequence[ActionRow], status: CaseStatus, overrides: Sequence[OverrideRow]
) -> PastCaseRow:
    last = actions[-1]
    is_closed = status is CaseStatus.CLOSED
    then = replace(
        case,
        status=status,
        resolution=last.resolution,
        updated_at=last.created_at,
        closed_by_id=last.user_id if is_closed else None,
        closed_at=last.created_at if is_closed else None,
        version=last.seq,
        action_count=last.seq,
        head_hash=last.hash,
    )
    return PastCaseRow(
        **{field.name: getattr(then, field.name) for field in fields(CaseRow)}, overrides=tuple(overrides)
    )
