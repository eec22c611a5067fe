"""Delegations: who decides in the place of a reviewer who is away. A row is ended once at most, and else permanent.

Revision ID: 0028
Revises: 0027
"""

from collections.abc import Iterator

import sqlalchemy as sa
from alembic import op

revision = "0028"
down_revision = "0027"
branch_labels = None
depends_on = None
phase = "expand"

TABLE = "review_delegations"
PERMANENT = f"casegate: rows of {TABLE} are permanent"
KEPT = ("id", "account_id", "delegator_id", "delegate_id", "starts_at", "ends_at", "created_at")


def upgrade() -> None:
    op.create_table(
        TABLE,
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("account_id", sa.Uuid(), nullable=False),
        sa.Column("delegator_id", sa.Uuid(), nullable=False),
        sa.Column("delegate_id", sa.Uuid(), nullable=False),
        sa.Column("starts_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("ends_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("ended_at", sa.DateTime(timezone=True), nullable=True),
        sa.CheckConstraint("delegator_id <> delegate_id", name=op.f("ck_review_delegations_delegate_is_another")),
        sa.CheckConstraint("starts_at < ends_at", name=op.f("ck_review_delegations_lasts")),
        sa.ForeignKeyConstraint(["account_id"], ["accounts.id"], name="fk_review_delegations_account_id"),
        sa.ForeignKeyConstraint(["delegate_id"], ["users.id"], name="fk_review_delegations_delegate_id"),
        sa.ForeignKeyConstraint(["delegator_id"], ["users.id"], name="fk_review_delegations_delegator_id"),
        sa.PrimaryKeyConstraint("id", name="pk_review_delegations"),
    )
    for person in ("delegate_id", "delegator_id"):
        op.create_index(f"ix_{TABLE}_{person}_ends_at", TABLE, [person, "ends_at"], unique=False)
    for statement in _postgresql() if op.get_bind().dialect.name == "postgresql" else _sqlite():
        op.execute(sa.text(statement))


def downgrade() -> None:
    op.drop_table(TABLE)


def _changed(differs: str) -> str:
    """Return the condition that a row changes in more than that it is ended."""
    kept = " OR ".join(f"NEW.{column} {differs} OLD.{column}" for column in KEPT)
    return f"OLD.ended_at IS NOT NULL OR NEW.ended_at IS NULL OR {kept}"


def _sqlite() -> Iterator[str]:
    def trigger(name: str, event: str, when: str = "") -> str:
        condition = f"WHEN {when} " if when else ""
        return (
            f"CREATE TRIGGER {TABLE}_{name}_refused {event} ON {TABLE} {condition}"
            f"BEGIN SELECT RAISE(ABORT, '{PERMANENT}'); END"
        )

    taken = f"EXISTS (SELECT 1 FROM {TABLE} WHERE id = NEW.id OR rowid = NEW.rowid)"
    yield trigger("update", "BEFORE UPDATE", _changed("IS NOT"))
    yield trigger("rowid", "BEFORE UPDATE OF rowid, _rowid_, oid")
    yield trigger("delete", "BEFORE DELETE")
    yield trigger("replace", "BEFORE INSERT", taken)
    yield trigger("negative", "AFTER INSERT", "NEW.rowid < 1")


def _postgresql() -> Iterator[str]:
    def trigger(name: str, *, each: str = "ROW", when: str = "") -> Iterator[str]:
        full = f"{TABLE}_{name}_refused"
        moment = f"BEFORE {name.upper()} ON {TABLE} FOR EACH {each}"
        yield f"CREATE TRIGGER {full} {moment} {when} EXECUTE FUNCTION casegate_refuse()"
        # In a session that feeds a replica too.
        yield f"ALTER TABLE {TABLE} ENABLE ALWAYS TRIGGER {full}"

    yield from trigger("update", when=f"WHEN ({_changed('IS DISTINCT FROM')})")
    yield from trigger("delete")
    yield from trigger("truncate", each="STATEMENT")
