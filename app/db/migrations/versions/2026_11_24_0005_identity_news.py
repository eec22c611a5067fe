"""News of identities: PostgreSQL tells whoever listens that a token, a person, a role or an account has changed.

What changes with every request, when a token was last used and how many cases there are, is no news.

Revision ID: 0005
Revises: 0004
"""

from alembic import op

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None

CHANNEL = "casegate_identity"
NEWS = {
    "api_tokens": "INSERT OR DELETE OR UPDATE OF user_id, account_id, scopes, secret_hash, expires_at, revoked_at",
    "users": "INSERT OR DELETE OR UPDATE",
    "user_roles": "INSERT OR DELETE OR UPDATE",
    "accounts": "DELETE OR UPDATE OF name, default_language, cases_enabled, overrides_enabled,"
    " restrict_to_assigned_reviewers",
}


def upgrade() -> None:
    if op.get_bind().dialect.name != "postgresql":
        return
    op.execute(
        "CREATE FUNCTION casegate_tell_identity() RETURNS trigger LANGUAGE plpgsql AS"
        f" $$ BEGIN PERFORM pg_notify('{CHANNEL}', ''); RETURN NULL; END $$"
    )
    for table, events in NEWS.items():
        run = "FOR EACH STATEMENT EXECUTE FUNCTION casegate_tell_identity()"
        op.execute(f"CREATE TRIGGER {table}_told AFTER {events} ON {table} {run}")
        op.execute(f"CREATE TRIGGER {table}_truncate_told AFTER TRUNCATE ON {table} {run}")


def downgrade() -> None:
    if op.get_bind().dialect.name != "postgresql":
        return
    for table in NEWS:
        op.execute(f"DROP TRIGGER {table}_told ON {table}")
        op.execute(f"DROP TRIGGER {table}_truncate_told ON {table}")
    op.execute("DROP FUNCTION casegate_tell_identity()")
