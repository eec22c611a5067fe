"""Reminders and escalations: when an account's policies have the case's log say what is due soon, or late.

The indexes serve the housekeeping, which looks each minute for what is due and not said yet.

Revision ID: 0029
Revises: 0028
"""

import sqlalchemy as sa
from alembic import op

revision = "0029"
down_revision = "0028"
branch_labels = None
depends_on = None

phase = "contract"
oldest_program = "0029"  # an older one cannot read rows of the types REMIND and ESCALATE

CHANGES = (
    "DELETE OR UPDATE OF name, default_language, cases_enabled, overrides_enabled, restrict_to_assigned_reviewers,"
    " require_reviewed_version, retention_days, due_hours, override_expiry_hours"
)
POLICIES = ("reminder_hours", "escalation_hours")
OPEN_DUE = sa.text("status <> 'CLOSED' AND due_at IS NOT NULL")
REMINDERS = sa.text("type = 'REMIND' OR type = 'ESCALATE'")


def upgrade() -> None:
    for policy in POLICIES:
        op.add_column("accounts", sa.Column(policy, sa.Integer(), nullable=True))
    _tell_of(", ".join((CHANGES, *POLICIES)))
    due = ["account_id", "due_at", "id"]
    op.create_index("ix_cases_open_due", "cases", due, sqlite_where=OPEN_DUE, postgresql_where=OPEN_DUE)
    rows = ["case_id", "type"]
    op.create_index(
        "ix_case_actions_reminders", "case_actions", rows, sqlite_where=REMINDERS, postgresql_where=REMINDERS
    )


def downgrade() -> None:
    op.drop_index("ix_case_actions_reminders", "case_actions")
    op.drop_index("ix_cases_open_due", "cases")
    _tell_of(CHANGES)
    for policy in reversed(POLICIES):
        op.drop_column("accounts", policy)


def _tell_of(changes: str) -> None:
    """Have those who hold identities in memory told of these changes of an account."""
    if op.get_bind().dialect.name != "postgresql":
        return
    op.execute("DROP TRIGGER accounts_told ON accounts")
    run = "FOR EACH STATEMENT EXECUTE FUNCTION casegate_tell_identity()"
    op.execute(f"CREATE TRIGGER accounts_told AFTER {changes} ON accounts {run}")
