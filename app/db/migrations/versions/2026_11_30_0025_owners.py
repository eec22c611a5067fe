"""Owners of cases: who works on a case, as the last row ASSIGN of its log says.

The log has the row before the case names them, and nothing else changes whose a case is.

Revision ID: 0025
Revises: 0024
"""

from collections.abc import Iterator

import sqlalchemy as sa
from alembic import op

revision = "0025"
down_revision = "0024"
branch_labels = None
depends_on = None

phase = "contract"
oldest_program = "0025"  # an older one cannot read rows of the type ASSIGN

INDEX = "ix_cases_account_id_owner_id_number"
TRIGGER = "cases_owner_logged"
FIRST = "cases_first_owner_refused"
MESSAGE = "casegate: the log does not have this change of cases"

LOGGED = (
    "EXISTS (SELECT 1 FROM case_actions AS a WHERE a.case_id = NEW.id AND a.account_id = NEW.account_id"
    " AND a.seq = NEW.action_count AND a.hash = NEW.head_hash AND a.type = 'ASSIGN' AND {said})"
    " AND (NEW.owner_id IS NULL OR EXISTS (SELECT 1 FROM users AS u WHERE u.id = NEW.owner_id"
    " AND u.account_id = NEW.account_id))"
)
# What the row says, as each engine reads it; ids are without dashes on SQLite.
SAID = {
    "sqlite": "NEW.owner_id IS replace(json_extract(a.details, '$.assignee_id'), '-', '')",
    "postgresql": "NEW.owner_id IS NOT DISTINCT FROM CAST(CAST(a.details AS json) ->> 'assignee_id' AS uuid)",
}


def upgrade() -> None:
    dialect = op.get_bind().dialect.name
    op.add_column("cases", sa.Column("owner_id", sa.Uuid(), nullable=True))
    op.create_index(INDEX, "cases", ["account_id", "owner_id", "number"], unique=False)
    logged = LOGGED.format(said=SAID[dialect])
    for statement in _postgresql(logged) if dialect == "postgresql" else _sqlite(logged):
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
    op.drop_column("cases", "owner_id")


def _sqlite(logged: str) -> Iterator[str]:
    refuse = f"BEGIN SELECT RAISE(ABORT, '{MESSAGE}'); END"
    changed = f"NEW.owner_id IS NOT OLD.owner_id AND NOT ({logged})"
    yield f"CREATE TRIGGER {TRIGGER} AFTER UPDATE ON cases WHEN {changed} {refuse}"
    yield f"CREATE TRIGGER {FIRST} BEFORE INSERT ON cases WHEN NEW.owner_id IS NOT NULL {refuse}"


def _postgresql(logged: str) -> Iterator[str]:
    refuse = f"RAISE EXCEPTION '{MESSAGE}' USING ERRCODE = 'restrict_violation'"
    yield (
        f"CREATE FUNCTION casegate_{TRIGGER}() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN"
        f" IF NOT ({logged}) THEN {refuse}; END IF; RETURN NULL; END $$"
    )
    yield (
        f"CREATE CONSTRAINT TRIGGER {TRIGGER} AFTER UPDATE ON cases DEFERRABLE INITIALLY DEFERRED FOR EACH ROW"
        f" WHEN (NEW.owner_id IS DISTINCT FROM OLD.owner_id) EXECUTE FUNCTION casegate_{TRIGGER}()"
    )
    yield (
        f"CREATE TRIGGER {FIRST} BEFORE INSERT ON cases FOR EACH ROW WHEN (NEW.owner_id IS NOT NULL)"
        " EXECUTE FUNCTION casegate_refuse()"
    )
    for name in (TRIGGER, FIRST):
        yield f"ALTER TABLE cases ENABLE ALWAYS TRIGGER {name}"
