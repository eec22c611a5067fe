"""Expiry of overrides: an account's policy says how long one can be decided, and a row EXPIRE ends it after that.

From when on nobody decides is frozen with the request, and covered by its row. The row EXPIRE is the account's own
rules': the database takes none before that time, and none of a person.

Revision ID: 0027
Revises: 0026
"""

import sqlalchemy as sa
from alembic import op

revision = "0027"
down_revision = "0026"
branch_labels = None
depends_on = None

phase = "contract"
oldest_program = "0027"  # an older one cannot read overrides that are EXPIRED

CHANGES = (
    "DELETE OR UPDATE OF name, default_language, cases_enabled, overrides_enabled, restrict_to_assigned_reviewers,"
    " require_reviewed_version, retention_days, due_hours"
)
INDEX = "ix_overrides_expiring"
EXPIRING = sa.text("status = 'PENDING' AND expires_at IS NOT NULL")
MESSAGE = "casegate: the log does not have this change of overrides"
STATUS = "overrides_status_logged"
EXPIRY = "overrides_expiry_logged"
FIXED = "overrides_expiry_refused"

LAST_ROW = (
    "EXISTS (SELECT 1 FROM cases AS c JOIN case_actions AS a ON a.case_id = c.id AND a.seq = c.action_count"
    " WHERE c.id = NEW.case_id AND c.account_id = NEW.account_id AND c.subject_id = NEW.subject_id"
    " AND a.override_id = NEW.id AND {said})"
)
BY_PEOPLE = LAST_ROW.format(
    said="a.user_id = coalesce(NEW.decided_by_id, NEW.created_by_id)"
    " AND a.type = CASE NEW.status WHEN 'PENDING' THEN 'REQUEST_OVERRIDE' WHEN 'ACCEPTED' THEN 'ACCEPT'"
    " WHEN 'REFUSED' THEN 'REFUSE' ELSE 'CANCEL' END"
)
EXPIRED = LAST_ROW.format(
    said="a.type = 'EXPIRE' AND NEW.expires_at <= a.created_at"
    " AND (SELECT u.kind FROM users AS u WHERE u.id = a.user_id) = 'SYSTEM'"
)
CHANGED = f"CASE NEW.status WHEN 'EXPIRED' THEN {EXPIRED} ELSE {BY_PEOPLE} END"
REQUESTED = LAST_ROW.format(said="{expiry}")
# What the row of the request says, as each engine reads it; SQLite has times without a T and a Z.
SAID = {
    "sqlite": "NEW.expires_at IS replace(replace(json_extract(a.details, '$.expires_at'), 'T', ' '), 'Z', '')",
    "postgresql": "NEW.expires_at IS NOT DISTINCT FROM CAST(CAST(a.details AS json) ->> 'expires_at' AS timestamptz)",
}


def upgrade() -> None:
    is_postgresql = op.get_bind().dialect.name == "postgresql"
    op.add_column("accounts", sa.Column("override_expiry_hours", sa.Integer(), nullable=True))
    op.add_column("overrides", sa.Column("expires_at", sa.DateTime(timezone=True), nullable=True))
    op.create_index(INDEX, "overrides", ["expires_at", "id"], sqlite_where=EXPIRING, postgresql_where=EXPIRING)
    _demand(CHANGED)
    requested = REQUESTED.format(expiry=SAID["postgresql" if is_postgresql else "sqlite"])
    if is_postgresql:
        _tell_of(f"{CHANGES}, override_expiry_hours")
        op.execute(_function(EXPIRY, requested))
        op.execute(
            f"CREATE CONSTRAINT TRIGGER {EXPIRY} AFTER INSERT ON overrides DEFERRABLE INITIALLY DEFERRED FOR EACH ROW"
            f" WHEN (NEW.expires_at IS NOT NULL) EXECUTE FUNCTION casegate_{EXPIRY}()"
        )
        op.execute(
            f"CREATE TRIGGER {FIXED} BEFORE UPDATE OF expires_at ON overrides FOR EACH ROW"
            " WHEN (NEW.expires_at IS DISTINCT FROM OLD.expires_at) EXECUTE FUNCTION casegate_refuse()"
        )
        for name in (EXPIRY, FIXED):
            op.execute(f"ALTER TABLE overrides ENABLE ALWAYS TRIGGER {name}")
        return
    refuse = f"BEGIN SELECT RAISE(ABORT, '{MESSAGE}'); END"
    asked = f"NEW.expires_at IS NOT NULL AND NOT ({requested})"
    op.execute(f"CREATE TRIGGER {EXPIRY} AFTER INSERT ON overrides WHEN {asked} {refuse}")
    refuse = "BEGIN SELECT RAISE(ABORT, 'casegate: rows of overrides are permanent'); END"
    changed = "NEW.expires_at IS NOT OLD.expires_at"
    op.execute(f"CREATE TRIGGER {FIXED} BEFORE UPDATE OF expires_at ON overrides WHEN {changed} {refuse}")


def downgrade() -> None:
    is_postgresql = op.get_bind().dialect.name == "postgresql"
    for name in (EXPIRY, FIXED):
        op.execute(f"DROP TRIGGER {name}{' ON overrides' if is_postgresql else ''}")
    if is_postgresql:
        op.execute(f"DROP FUNCTION casegate_{EXPIRY}()")
        _tell_of(CHANGES)
    _demand(BY_PEOPLE)
    op.drop_index(INDEX, "overrides")
    op.drop_column("overrides", "expires_at")
    op.drop_column("accounts", "override_expiry_hours")


def _demand(changed: str) -> None:
    """Have a change of an override's status demand this of the log."""
    if op.get_bind().dialect.name == "postgresql":
        op.execute(_function(STATUS, changed))
        return
    op.execute(f"DROP TRIGGER {STATUS}")
    when = f"(NEW.status <> OLD.status) AND NOT ({changed})"
    refuse = f"BEGIN SELECT RAISE(ABORT, '{MESSAGE}'); END"
    op.execute(f"CREATE TRIGGER {STATUS} AFTER UPDATE OF status ON overrides WHEN {when} {refuse}")


def _function(name: str, demand: str) -> str:
    return (
        f"CREATE OR REPLACE FUNCTION casegate_{name}() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN IF NOT ({demand})"
        f" THEN RAISE EXCEPTION '{MESSAGE}' USING ERRCODE = 'restrict_violation'; END IF; RETURN NULL; END $$"
    )


def _tell_of(changes: str) -> None:
    """Have those who hold identities in memory told of these changes of an account."""
    op.execute("DROP TRIGGER accounts_told ON accounts")
    run = "FOR EACH STATEMENT EXECUTE FUNCTION casegate_tell_identity()"
    op.execute(f"CREATE TRIGGER accounts_told AFTER {changes} ON accounts {run}")
