"""Authority: each person's row counts the changes of what they may do, wherever these are made.

Their roles, tokens and account are rows of other tables. Whoever changes one of those changes the person's row too, by
these triggers, and so waits for an action that has locked it, or is waited for.

Revision ID: 0012
Revises: 0011
"""

from collections.abc import Iterator, Sequence

import sqlalchemy as sa
from alembic import op

revision = "0012"
down_revision = "0011"
branch_labels = None
depends_on = None

TOKEN = ("user_id", "scopes", "expires_at", "revoked_at")
ACCOUNT = ("cases_enabled", "overrides_enabled", "restrict_to_assigned_reviewers")

COUNT = "UPDATE users SET authority_version = authority_version + 1 WHERE"
TRIGGERS = {
    "users_authority": "users",
    "user_roles_added_authority": "user_roles",
    "user_roles_changed_authority": "user_roles",
    "user_roles_gone_authority": "user_roles",
    "user_roles_truncated_authority": "user_roles",
    "api_tokens_changed_authority": "api_tokens",
    "api_tokens_gone_authority": "api_tokens",
    "accounts_authority": "accounts",
}
FUNCTIONS = ("person", "rows", "account", "all")


def upgrade() -> None:
    op.add_column("users", sa.Column("authority_version", sa.Integer(), server_default=sa.text("0"), nullable=False))
    # As if the roles that they have were given now: each one that is given later counts too.
    op.execute("UPDATE users SET authority_version = (SELECT count(*) FROM user_roles WHERE user_id = users.id)")
    for statement in _postgresql() if op.get_bind().dialect.name == "postgresql" else _sqlite():
        op.execute(statement)


def downgrade() -> None:
    is_postgresql = op.get_bind().dialect.name == "postgresql"
    for name, table in TRIGGERS.items():
        if is_postgresql:
            op.execute(f"DROP TRIGGER {name} ON {table}")
        elif not name.startswith("user_roles_truncated"):
            op.execute(f"DROP TRIGGER {name}")
    if is_postgresql:
        for name in FUNCTIONS:
            op.execute(f"DROP FUNCTION casegate_authority_of_{name}()")
    op.drop_column("users", "authority_version")


def _changed(columns: Sequence[str], differs: str) -> str:
    return " OR ".join(f"NEW.{column} {differs} OLD.{column}" for column in columns)


def _sqlite() -> Iterator[str]:
    def trigger(name: str, event: str, *conditions: str, when: str = "") -> str:
        counts = " ".join(f"{COUNT} {condition};" for condition in conditions)
        return f"CREATE TRIGGER {name} AFTER {event} ON {TRIGGERS[name]} {when} BEGIN {counts} END"

    new, old, both = "id = NEW.user_id", "id = OLD.user_id", "id IN (NEW.user_id, OLD.user_id)"
    yield trigger("users_authority", "UPDATE OF active", "id = NEW.id", when="WHEN NEW.active IS NOT OLD.active")
    yield trigger("user_roles_added_authority", "INSERT", new)
    yield trigger("user_roles_changed_authority", "UPDATE", both)
    yield trigger("user_roles_gone_authority", "DELETE", old)
    token = f"WHEN {_changed(TOKEN, 'IS NOT')}"
    yield trigger("api_tokens_changed_authority", f"UPDATE OF {', '.join(TOKEN)}", both, when=token)
    yield trigger("api_tokens_gone_authority", "DELETE", old)
    account = f"WHEN {_changed(ACCOUNT, 'IS NOT')}"
    yield trigger("accounts_authority", f"UPDATE OF {', '.join(ACCOUNT)}", "account_id = NEW.id", when=account)


def _postgresql() -> Iterator[str]:
    def function(name: str, body: str) -> str:
        head = f"CREATE FUNCTION casegate_authority_of_{name}() RETURNS trigger LANGUAGE plpgsql AS"
        return f"{head} $$ BEGIN {body} END $$"

    def trigger(name: str, moment: str, of: str, *, each: str = "ROW", when: str = "") -> str:
        run = f"EXECUTE FUNCTION casegate_authority_of_{of}()"
        return f"CREATE TRIGGER {name} {moment} ON {TRIGGERS[name]} FOR EACH {each} {when} {run}"

    yield function("person", "NEW.authority_version := OLD.authority_version + 1; RETURN NEW;")
    yield function(
        "rows",
        f"IF TG_OP <> 'INSERT' THEN {COUNT} id = OLD.user_id; END IF;"
        " IF TG_OP = 'INSERT' OR (TG_OP = 'UPDATE' AND NEW.user_id IS DISTINCT FROM OLD.user_id)"
        f" THEN {COUNT} id = NEW.user_id; END IF; RETURN NULL;",
    )
    # In one order, in which others lock people too, so that nobody waits in a circle.
    in_order = "PERFORM 1 FROM users WHERE account_id = NEW.id ORDER BY id FOR NO KEY UPDATE;"
    yield function("account", f"{in_order} {COUNT} account_id = NEW.id; RETURN NULL;")
    yield function("all", f"{COUNT} true; RETURN NULL;")
    differs = "IS DISTINCT FROM"
    when = "WHEN (NEW.active IS DISTINCT FROM OLD.active)"
    yield trigger("users_authority", "BEFORE UPDATE OF active", "person", when=when)
    yield trigger("user_roles_added_authority", "AFTER INSERT", "rows")
    yield trigger("user_roles_changed_authority", "AFTER UPDATE", "rows")
    yield trigger("user_roles_gone_authority", "AFTER DELETE", "rows")
    yield trigger("user_roles_truncated_authority", "AFTER TRUNCATE", "all", each="STATEMENT")
    token = f"WHEN ({_changed(TOKEN, differs)})"
    yield trigger("api_tokens_changed_authority", f"AFTER UPDATE OF {', '.join(TOKEN)}", "rows", when=token)
    yield trigger("api_tokens_gone_authority", "AFTER DELETE", "rows")
    account = f"WHEN ({_changed(ACCOUNT, differs)})"
    yield trigger("accounts_authority", f"AFTER UPDATE OF {', '.join(ACCOUNT)}", "account", when=account)
