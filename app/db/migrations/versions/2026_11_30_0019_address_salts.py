"""The salt of a person's address, which stands beside it: the row of the account's log that gave it commits to both.

Revision ID: 0019
Revises: 0018
"""

import sqlalchemy as sa
from alembic import op

revision = "0019"
down_revision = "0018"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("users", sa.Column("email_salt", sa.String(64), nullable=True))


def downgrade() -> None:
    op.drop_column("users", "email_salt")
