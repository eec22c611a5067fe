"""Webhooks: whether deliveries are CloudEvents, and by which version of an endpoint they are made.

Revision ID: 0023
Revises: 0022
"""

import sqlalchemy as sa
from alembic import op

revision = "0023"
down_revision = "0022"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("webhooks", sa.Column("cloud_events", sa.Boolean(), server_default=sa.false(), nullable=False))
    op.add_column("webhooks", sa.Column("delivered_version", sa.Integer(), nullable=True))


def downgrade() -> None:
    op.drop_column("webhooks", "delivered_version")
    op.drop_column("webhooks", "cloud_events")
