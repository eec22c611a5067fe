"""External keys: what a subject's reference is compared by, so that one subject can't be opened as two.

References stay as they were written, since the log's hashes cover them. Where several subjects have one key, all stay,
and openings meet the one with a case that is not closed, else the one with the newest case; they are named in the log.

Revision ID: 0006
Revises: 0005
"""

from collections.abc import Iterator, Sequence
from typing import Any

import sqlalchemy as sa
import structlog
from alembic import op

from app.domain.text import identity

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None

log = structlog.get_logger()

SUBJECTS = sa.table(
    "subjects",
    sa.column("id", sa.Uuid()),
    sa.column("account_id", sa.Uuid()),
    sa.column("type", sa.String()),
    sa.column("external_ref", sa.String()),
    sa.column("external_key", sa.Text()),
    sa.column("twin", sa.Integer()),
)
CASES = sa.table(
    "cases", sa.column("subject_id", sa.Uuid()), sa.column("status", sa.String()), sa.column("number", sa.Integer())
)
AT_ONCE = 1000

PLAIN = {"postgresql": "external_ref ~ '^[!-~]+$'", "sqlite": "external_ref <> '' AND external_ref NOT GLOB '*[^!-~]*'"}
"""References that are their own keys: visible ASCII without a blank."""


def upgrade() -> None:
    op.add_column("subjects", sa.Column("external_key", sa.Text(), server_default=sa.text("''"), nullable=False))
    op.add_column("subjects", sa.Column("twin", sa.Integer(), server_default=sa.text("0"), nullable=False))
    connection = op.get_bind()
    plain = PLAIN[connection.dialect.name]
    connection.exec_driver_sql(f"UPDATE subjects SET external_key = external_ref WHERE {plain}")
    for rows in _others(connection, plain):
        keys = [{"subject": row.id, "key": identity(row.external_ref)} for row in rows]
        connection.execute(
            sa.update(SUBJECTS)
            .where(SUBJECTS.c.id == sa.bindparam("subject"))
            .values(external_key=sa.bindparam("key")),
            keys,
        )
    _number_twins(connection)
    op.create_index("uq_subjects_external_key", "subjects", ["account_id", "type", "external_key", "twin"], unique=True)


def downgrade() -> None:
    op.drop_index("uq_subjects_external_key", "subjects")
    op.drop_column("subjects", "twin")
    op.drop_column("subjects", "external_key")


def _others(connection: sa.Connection, plain: str) -> Iterator[Sequence[Any]]:
    """Yield the subjects whose keys have to be made, some at a time."""
    subject = SUBJECTS.c
    statement = sa.select(subject.id, subject.external_ref).where(sa.text(f"NOT ({plain})")).order_by(subject.id)
    last = None
    while rows := connection.execute(
        (statement if last is None else statement.where(subject.id > last)).limit(AT_ONCE)
    ).all():
        yield rows
        last = rows[-1].id


def _number_twins(connection: sa.Connection) -> None:
    subject, case = SUBJECTS.c, CASES.c
    key = (subject.account_id, subject.type, subject.external_key)
    shared = connection.execute(sa.select(*key).group_by(*key).having(sa.func.count() > 1)).all()
    is_active = sa.func.coalesce(sa.func.max(sa.case((case.status != "CLOSED", 1), else_=0)), 0)
    newest = sa.func.coalesce(sa.func.max(case.number), 0)
    for account_id, type_, external_key in shared:
        statement = (
            sa.select(subject.id, subject.external_ref)
            .select_from(SUBJECTS.outerjoin(CASES, case.subject_id == subject.id))
            .where(subject.account_id == account_id, subject.type == type_, subject.external_key == external_key)
            .group_by(subject.id, subject.external_ref)
            .order_by(is_active.desc(), newest.desc(), subject.id.desc())
        )
        alike = connection.execute(statement).all()
        for twin, row in enumerate(alike[1:], start=1):
            connection.execute(sa.update(SUBJECTS).where(subject.id == row.id).values(twin=twin))
        told = [{"id": str(row.id), "externalRef": ascii(row.external_ref)} for row in alike]
        log.warning("subjects_alike", account=str(account_id), type=type_, opened=told[0], others=told[1:])
