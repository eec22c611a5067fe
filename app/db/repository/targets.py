"""Where an evaluation goes to: the subject that a check system names, and the case that is open on it."""

from collections.abc import Sequence
from typing import NamedTuple
from uuid import UUID

from sqlalchemy import select

from app.db import tables
from app.db.reader import Reader
from app.db.rows import SubjectRow
from app.domain.model import CaseStatus, SubjectType
from app.domain.text import identity


class SubjectName(NamedTuple):
    """What a check system names a subject by."""

    type: SubjectType
    external_ref: str


class Target(NamedTuple):
    """A subject that is there, and the case that is open on it, if any."""

    subject_id: UUID
    case_id: UUID | None


async def targets_of(connection: Reader, account_id: UUID, names: Sequence[SubjectName]) -> list[Target | None]:
    """Return for each name the subject that it means, None where there is none.

    Of several that one name means, which are from before there were keys, it is the one with an open case.
    """
    subject, case = tables.subjects.c, tables.cases.c
    keys = {identity(name.external_ref) for name in names}
    refs = {name.external_ref for name in names}
    kinds = [subject.account_id == account_id, subject.type.in_(sorted({name.type for name in names}))]
    # Each half finds its subjects by an index.
    by_key = select(subject.id).where(*kinds, subject.external_key.in_(sorted(keys)))
    by_ref = select(subject.id).where(*kinds, subject.external_ref.in_(sorted(refs)))
    statement = (
        select(subject.id, case.id, subject.type, subject.external_key, subject.external_ref)
        .select_from(
            tables.subjects.outerjoin(
                tables.cases, (case.subject_id == subject.id) & (case.status != CaseStatus.CLOSED)
            )
        )
        .where(subject.id.in_(by_key.union(by_ref)))
        .order_by(case.id.is_(None), subject.twin)
    )
    found = (await connection.execute(statement)).all()

    def target(name: SubjectName) -> Target | None:
        key = identity(name.external_ref)
        for subject_id, case_id, type, external_key, external_ref in found:
            if type is name.type and (external_key == key or external_ref == name.external_ref):
                return Target(subject_id, case_id)
        return None

    return [target(name) for name in names]


def named_among(alike: Sequence[SubjectRow], external_ref: str) -> SubjectRow | None:
    """Return of several subjects that a name means the one that has it as it was written, else the first."""
    exact = (subject for subject in alike if subject.external_ref == external_ref)
    return next(exact, alike[0] if alike else None)
