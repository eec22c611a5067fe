"""The index of the rows RECORD_STEP: of each step and state, the last row of a case, whatever the number of rows.

Revision ID: 0031
Revises: 0030
"""

import sqlalchemy as sa
from alembic import op

revision = "0031"
down_revision = "0030"
branch_labels = None
depends_on = None

phase = "expand"

NAME = "ix_case_actions_steps"
STEPS = sa.text("type = 'RECORD_STEP'")


def upgrade() -> None:
    rows = ["case_id", "details", "seq"]
    op.create_index(NAME, "case_actions", rows, sqlite_where=STEPS, postgresql_where=STEPS)


def downgrade() -> None:
    op.drop_index(NAME, "case_actions")
