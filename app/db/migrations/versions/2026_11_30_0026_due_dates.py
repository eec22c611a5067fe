"""Due dates of cases: until when a case is to be finished, as the last row of its log that says so.

The log has the row before the case gets the date, and nothing else changes it. An account's policy says when new cases
are due, by the result of their subjects; then the first row has it.

Revision ID: 0026
Revises: 0025
"""

from collections.abc import Iterator

import sqlalchemy as sa
from alembic import op

revision = "0026"
down_revision = "0025"
branch_labels = None
depends_on = None

phase = "contract"
oldest_program = "0026"  # an older one cannot read rows of the type SET_DUE_DATE

CHANGES = (
    "DELETE OR UPDATE OF name, default_language, cases_enabled, overrides_enabled, restrict_to_assigned_reviewers,"
    " require_reviewed_version, retention_days"
)
INDEX = "ix_cases_account_id_due_at_id"
TRIGGER = "cases_due_date_logged"
FIRST = "cases_first_due_date_logged"
MESSAGE = "casegate: the log does not have this change of cases"

LOGGED = (
    "EXISTS (SELECT 1 FROM case_actions AS a WHERE a.case_id = NEW.id AND a.account_id = NEW.account_id"
    " AND a.seq = NEW.action_count AND a.hash = NEW.head_hash AND a.type IN ('SET_DUE_DATE', 'OPEN') AND {said})"
)
# What the row says, as each engine reads it; SQLite has times without a T and a Z.
SAID = {
    "sqlite": "NEW.due_at IS replace(replace(json_extract(a.details, '$.due_at'), 'T', ' '), 'Z', '')",
    "postgresql": "NEW.due_at IS NOT DISTINCT FROM CAST(CAST(a.details AS json) ->> 'due_at' AS timestamptz)",
}


def upgrade() -> None:
    is_postgresql = op.get_bind().dialect.name == "postgresql"
    op.add_column("accounts", sa.Column("due_hours", sa.String(200), nullable=True))
    _tell_of(f"{CHANGES}, due_hours")
    op.add_column("cases", sa.Column("due_at", sa.DateTime(timezone=True), nullable=True))
    due = "due_at DESC NULLS LAST, id DESC" if is_postgresql else "due_at, id"
    op.execute(f"CREATE INDEX {INDEX} ON cases (account_id, {due})")
    logged = LOGGED.format(said=SAID["postgresql" if is_postgresql else "sqlite"])
    for statement in _postgresql(logged) if is_postgresql else _sqlite(logged):
        op.execute(sa.text(statement))


def downgrade() -> None:
    if op.get_bind().dialect.name == "postgresql":
        op.execute(f"DROP TRIGGER {TRIGGER} ON cases")
        op.execute(f"DROP TRIGGER {FIRST} ON cases")
        op.execute(f"DROP FUNCTION casegate_{TRIGGER}()")
    else:
        op.execute(f"DROP TRIGGER {TRIGGER}")
        op.execute(f"DROP TRIGGER {FIRST}")
    op.drop_index(INDEX, "cases")
    op.drop_column("cases", "due_at")
    _tell_of(CHANGES)
    op.drop_column("accounts", "due_hours")


def _sqlite(logged: str) -> Iterator[str]:
    refuse = f"BEGIN SELECT RAISE(ABORT, '{MESSAGE}'); END"
    changed = f"NEW.due_at IS NOT OLD.due_at AND NOT ({logged})"
    yield f"CREATE TRIGGER {TRIGGER} AFTER UPDATE ON cases WHEN {changed} {refuse}"
    # A case comes before its first row, and nothing waits here for the transaction's end.
    said = SAID["sqlite"].replace("NEW.due_at", "c.due_at").replace("a.details", "NEW.details")
    first = f"NEW.type = 'OPEN' AND NOT EXISTS (SELECT 1 FROM cases AS c WHERE c.id = NEW.case_id AND {said})"
    yield f"CREATE TRIGGER {FIRST} AFTER INSERT ON case_actions WHEN {first} {refuse}"


def _postgresql(logged: str) -> Iterator[str]:
    refuse = f"RAISE EXCEPTION '{MESSAGE}' USING ERRCODE = 'restrict_violation'"
    yield (
        f"CREATE FUNCTION casegate_{TRIGGER}() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN"
        f" IF NOT ({logged}) THEN {refuse}; END IF; RETURN NULL; END $$"
    )
    for name, event, changed in (
        (TRIGGER, "UPDATE", "NEW.due_at IS DISTINCT FROM OLD.due_at"),
        (FIRST, "INSERT", "NEW.due_at IS NOT NULL"),
    ):
        yield (
            f"CREATE CONSTRAINT TRIGGER {name} AFTER {event} ON cases DEFERRABLE INITIALLY DEFERRED FOR EACH ROW"
            f" WHEN ({changed}) EXECUTE FUNCTION casegate_{TRIGGER}()"
        )
        yield f"ALTER TABLE cases ENABLE ALWAYS TRIGGER {name}"


def _tell_of(changes: str) -> None:
    """Have those who hold identities in memory told of these changes of an account."""
    if op.get_bind().dialect.name != "postgresql":
        return
    op.execute("DROP TRIGGER accounts_told ON accounts")
    run = "FOR EACH STATEMENT EXECUTE FUNCTION casegate_tell_identity()"
    op.execute(f"CREATE TRIGGER accounts_told AFTER {changes} ON accounts {run}")
