"""Checklists: the steps that an account wants taken on each case. Where they stand is in the cases' logs alone.

What accepting and closing wait for, and what requests and cases begin with, is part of what people may do (0012): who
is under way as that changes is looked up again.

Revision ID: 0030
Revises: 0029
"""

import sqlalchemy as sa
from alembic import op

revision = "0030"
down_revision = "0029"
branch_labels = None
depends_on = None

phase = "contract"
oldest_program = "0030"  # an older one cannot read rows of the type RECORD_STEP

CHANGES = (
    "DELETE OR UPDATE OF name, default_language, cases_enabled, overrides_enabled, restrict_to_assigned_reviewers,"
    " require_reviewed_version, retention_days, due_hours, override_expiry_hours, reminder_hours,"
    " escalation_hours"
)
AUTHORITY = ("cases_enabled", "overrides_enabled", "restrict_to_assigned_reviewers")
COUNT = "BEGIN UPDATE users SET authority_version = authority_version + 1 WHERE account_id = NEW.id; END"


def upgrade() -> None:
    op.add_column("accounts", sa.Column("checklist", sa.Text(), nullable=True))
    _tell_of(f"{CHANGES}, checklist")
    _count(*AUTHORITY, "override_expiry_hours", "due_hours", "checklist")


def downgrade() -> None:
    _count(*AUTHORITY)
    _tell_of(CHANGES)
    op.drop_column("accounts", "checklist")


def _tell_of(changes: str) -> None:
    """Have those who hold identities in memory told of these changes of an account."""
    if op.get_bind().dialect.name != "postgresql":
        return
    op.execute("DROP TRIGGER accounts_told ON accounts")
    run = "FOR EACH STATEMENT EXECUTE FUNCTION casegate_tell_identity()"
    op.execute(f"CREATE TRIGGER accounts_told AFTER {changes} ON accounts {run}")


def _count(*columns: str) -> None:
    """Have a change of these columns counted as one of what each person of the account may do."""
    head = f"CREATE TRIGGER accounts_authority AFTER UPDATE OF {', '.join(columns)} ON accounts"
    if op.get_bind().dialect.name == "postgresql":
        differs = " OR ".join(f"NEW.{column} IS DISTINCT FROM OLD.{column}" for column in columns)
        op.execute("DROP TRIGGER accounts_authority ON accounts")
        op.execute(f"{head} FOR EACH ROW WHEN ({differs}) EXECUTE FUNCTION casegate_authority_of_account()")
        return
    differs = " OR ".join(f"NEW.{column} IS NOT OLD.{column}" for column in columns)
    op.execute("DROP TRIGGER accounts_authority")
    op.execute(f"{head} WHEN {differs} {COUNT}")
