"""Checklists: the steps that an account wants taken on each case. Where they stand is in the cases' logs alone.

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


def upgrade() -> None:
    op.add_column("accounts", sa.Column("checklist", sa.Text(), nullable=True))
    _tell_of(f"{CHANGES}, checklist")


def downgrade() -> None:
    _tell_of(CHANGES)
    op.drop_column("accounts", "checklist")


def _tell_of(changes: str) -> None:
    """Have those who hold identities in memory told of these changes of an account."""
    if op.get_bind().dialect.name != "postgresql":
        return
    op.execute("DROP TRIGGER accounts_told ON accounts")
    run = "FOR EACH STATEMENT EXECUTE FUNCTION casegate_tell_identity()"
    op.execute(f"CREATE TRIGGER accounts_told AFTER {changes} ON accounts {run}")
