"""Policies of an account: how long content is kept after closing, and what decisions name; who erases it is nobody.

What the account's own rules have done is done by its system identity, a user of the kind SYSTEM: one in an account at
most, made when it is needed. It has no role and no token, and can be given none.

Revision ID: 0021
Revises: 0020
"""

import sqlalchemy as sa
from alembic import op

revision = "0021"
down_revision = "0020"
branch_labels = None
depends_on = None

CHANGES = "DELETE OR UPDATE OF name, default_language, cases_enabled, overrides_enabled, restrict_to_assigned_reviewers"
POLICIES = "require_reviewed_version, retention_days"
IS_SYSTEM = "(SELECT kind FROM users WHERE id = NEW.user_id) = 'SYSTEM'"
REFUSED = "casegate: the system identity has no role and no token"
GUARDED = ("user_roles", "api_tokens", "user_identities")
CLOSED = sa.text("status = 'CLOSED' AND erased_by_id IS NULL")
INDEX = "ix_cases_not_erased"


def upgrade() -> None:
    is_postgresql = op.get_bind().dialect.name == "postgresql"
    op.add_column(
        "accounts", sa.Column("require_reviewed_version", sa.Boolean(), server_default=sa.true(), nullable=False)
    )
    op.add_column("accounts", sa.Column("retention_days", sa.Integer(), nullable=True))
    closed = ["account_id", "closed_at", "id"]
    op.create_index(INDEX, "cases", closed, sqlite_where=CLOSED, postgresql_where=CLOSED)
    system = sa.text("kind = 'SYSTEM'")
    op.create_index(
        "uq_users_system", "users", ["account_id"], unique=True, sqlite_where=system, postgresql_where=system
    )
    if is_postgresql:
        _tell_of(f"{CHANGES}, {POLICIES}")
        op.execute(
            "CREATE FUNCTION casegate_refuse_system() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN"
            f" IF {IS_SYSTEM} THEN RAISE EXCEPTION '{REFUSED}' USING ERRCODE = 'restrict_violation'; END IF;"
            " RETURN NEW; END $$"
        )
    for table in GUARDED:
        _guard(table, is_postgresql=is_postgresql)


def downgrade() -> None:
    is_postgresql = op.get_bind().dialect.name == "postgresql"
    for table in GUARDED:
        for name in _guards(table, is_postgresql=is_postgresql):
            op.execute(f"DROP TRIGGER {name}{f' ON {table}' if is_postgresql else ''}")
    if is_postgresql:
        op.execute("DROP FUNCTION casegate_refuse_system()")
        _tell_of(CHANGES)
    op.drop_index("uq_users_system", "users")
    op.drop_index(INDEX, "cases")
    op.drop_column("accounts", "retention_days")
    op.drop_column("accounts", "require_reviewed_version")


def _tell_of(changes: str) -> None:
    """Have those who hold identities in memory told of these changes of an account."""
    op.execute("DROP TRIGGER accounts_told ON accounts")
    run = "FOR EACH STATEMENT EXECUTE FUNCTION casegate_tell_identity()"
    op.execute(f"CREATE TRIGGER accounts_told AFTER {changes} ON accounts {run}")


def _guards(table: str, *, is_postgresql: bool) -> dict[str, str]:
    """Return the triggers that keep the system identity without rights, and on which events they are."""
    if is_postgresql:
        return {f"{table}_system_refused": "BEFORE INSERT OR UPDATE OF user_id"}
    return {
        f"{table}_system_refused": "BEFORE INSERT",
        f"{table}_system_changed_refused": "BEFORE UPDATE OF user_id",
    }


def _guard(table: str, *, is_postgresql: bool) -> None:
    for name, event in _guards(table, is_postgresql=is_postgresql).items():
        if is_postgresql:
            run = "FOR EACH ROW EXECUTE FUNCTION casegate_refuse_system()"
            op.execute(f"CREATE TRIGGER {name} {event} ON {table} {run}")
            op.execute(f"ALTER TABLE {table} ENABLE ALWAYS TRIGGER {name}")
            continue
        refuse = f"BEGIN SELECT RAISE(ABORT, '{REFUSED}'); END"
        op.execute(f"CREATE TRIGGER {name} {event} ON {table} WHEN {IS_SYSTEM} {refuse}")
