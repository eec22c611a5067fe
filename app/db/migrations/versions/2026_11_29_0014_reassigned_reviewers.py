"""Reassigned reviewers: who is asked to decide on a pending override once none of those asked before can.

Nobody's name goes: those who were asked first stay in `override_reviewers`, others come here, with the override's
version from then on. So that version goes up by one at most.

Revision ID: 0014
Revises: 0013
"""

from collections.abc import Iterator

import sqlalchemy as sa
from alembic import op

revision = "0014"
down_revision = "0013"
branch_labels = None
depends_on = None

TABLE = "reassigned_reviewers"
PERMANENT = f"casegate: rows of {TABLE} are permanent"
FINISHED = "casegate: the override is finished"
STEPS = "casegate: the version of an override goes up by one"

KEYS = (
    "override_id = NEW.override_id AND version = NEW.version AND position = NEW.position",
    "override_id = NEW.override_id AND version = NEW.version AND reviewer_id = NEW.reviewer_id",
)
# The override may get its new version before the people or after them.
IS_NEXT = (
    "EXISTS (SELECT 1 FROM overrides WHERE id = NEW.override_id AND status = 'PENDING'"
    " AND NEW.version IN (version, version + 1))"
)
JUMPS = "NEW.version NOT IN (OLD.version, OLD.version + 1)"


def upgrade() -> None:
    op.create_table(
        TABLE,
        sa.Column("override_id", sa.Uuid(), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("position", sa.Integer(), nullable=False),
        sa.Column("reviewer_id", sa.Uuid(), nullable=False),
        sa.Column("created_by_id", sa.Uuid(), nullable=False),
        sa.CheckConstraint("version >= 2", name=op.f("ck_reassigned_reviewers_version_is_later")),
        sa.CheckConstraint("position BETWEEN 0 AND 9", name=op.f("ck_reassigned_reviewers_position_range")),
        sa.CheckConstraint(
            "reviewer_id <> created_by_id", name=op.f("ck_reassigned_reviewers_reviewer_is_not_creator")
        ),
        sa.ForeignKeyConstraint(
            ["override_id", "created_by_id"],
            ["overrides.id", "overrides.created_by_id"],
            name="fk_reassigned_reviewers_override_id_created_by_id",
        ),
        sa.ForeignKeyConstraint(["reviewer_id"], ["users.id"], name="fk_reassigned_reviewers_reviewer_id"),
        sa.PrimaryKeyConstraint("override_id", "version", "position", name="pk_reassigned_reviewers"),
        sa.UniqueConstraint(
            "override_id", "version", "reviewer_id", name="uq_reassigned_reviewers_override_id_version_reviewer_id"
        ),
    )
    op.create_index(
        "ix_reassigned_reviewers_reviewer_id_override_id", TABLE, ["reviewer_id", "override_id"], unique=False
    )
    for statement in _postgresql() if op.get_bind().dialect.name == "postgresql" else _sqlite():
        op.execute(sa.text(statement))


def downgrade() -> None:
    if op.get_bind().dialect.name == "postgresql":
        op.execute("DROP TRIGGER overrides_version_refused ON overrides")
        op.drop_table(TABLE)
        op.execute("DROP FUNCTION casegate_refuse_reassigned()")
        op.execute("DROP FUNCTION casegate_refuse_version()")
    else:
        op.execute("DROP TRIGGER overrides_version_refused")
        op.drop_table(TABLE)


def _sqlite() -> Iterator[str]:
    def trigger(name: str, event: str, table: str, message: str, when: str = "") -> str:
        condition = f"WHEN {when} " if when else ""
        return f"CREATE TRIGGER {name} {event} ON {table} {condition}BEGIN SELECT RAISE(ABORT, '{message}'); END"

    taken = " OR ".join(f"EXISTS (SELECT 1 FROM {TABLE} WHERE {key})" for key in ("rowid = NEW.rowid", *KEYS))
    yield trigger(f"{TABLE}_update_refused", "BEFORE UPDATE", TABLE, PERMANENT)
    yield trigger(f"{TABLE}_rowid_refused", "BEFORE UPDATE OF rowid, _rowid_, oid", TABLE, PERMANENT)
    yield trigger(f"{TABLE}_delete_refused", "BEFORE DELETE", TABLE, PERMANENT)
    yield trigger(f"{TABLE}_replace_refused", "BEFORE INSERT", TABLE, PERMANENT, taken)
    yield trigger(f"{TABLE}_negative_refused", "AFTER INSERT", TABLE, PERMANENT, "NEW.rowid < 1")
    yield trigger(f"{TABLE}_insert_refused", "BEFORE INSERT", TABLE, FINISHED, f"NOT {IS_NEXT}")
    yield trigger("overrides_version_refused", "BEFORE UPDATE OF version", "overrides", STEPS, JUMPS)


def _postgresql() -> Iterator[str]:
    def function(name: str, condition: str, message: str) -> str:
        return (
            f"CREATE FUNCTION casegate_refuse_{name}() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN IF {condition} THEN"
            f" RAISE EXCEPTION '{message}' USING ERRCODE = 'restrict_violation'; END IF; RETURN NEW; END $$"
        )

    def trigger(
        name: str, event: str, run: str, *, table: str = TABLE, each: str = "ROW", when: str = ""
    ) -> Iterator[str]:
        yield f"CREATE TRIGGER {name} BEFORE {event} ON {table} FOR EACH {each} {when} EXECUTE FUNCTION {run}()"
        # In a session that feeds a replica too.
        yield f"ALTER TABLE {table} ENABLE ALWAYS TRIGGER {name}"

    yield function("reassigned", f"NOT {IS_NEXT}", FINISHED)
    yield function("version", "true", STEPS)
    yield from trigger(f"{TABLE}_update_refused", "UPDATE", "casegate_refuse")
    yield from trigger(f"{TABLE}_delete_refused", "DELETE", "casegate_refuse")
    yield from trigger(f"{TABLE}_truncate_refused", "TRUNCATE", "casegate_refuse", each="STATEMENT")
    yield from trigger(f"{TABLE}_insert_refused", "INSERT", "casegate_refuse_reassigned")
    yield from trigger(
        "overrides_version_refused",
        "UPDATE OF version",
        "casegate_refuse_version",
        table="overrides",
        when=f"WHEN ({JUMPS})",
    )
