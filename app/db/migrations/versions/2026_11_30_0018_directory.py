"""What a company's directory says of people by SCIM, and its groups. Neither gives anybody a right by itself.

Revision ID: 0018
Revises: 0017
"""

import sqlalchemy as sa
from alembic import op

revision = "0018"
down_revision = "0017"
branch_labels = None
depends_on = None

ENTRIES, GROUPS = "directory_entries", "directory_groups"


def upgrade() -> None:
    op.create_table(
        ENTRIES,
        sa.Column("user_id", sa.Uuid(), nullable=False),
        sa.Column("account_id", sa.Uuid(), nullable=False),
        sa.Column("user_name", sa.String(320), nullable=True),
        sa.Column("user_name_key", sa.String(320), nullable=True),
        sa.Column("external_id", sa.String(255), nullable=True),
        sa.Column("given_name", sa.String(200), nullable=True),
        sa.Column("family_name", sa.String(200), nullable=True),
        sa.Column("deleted", sa.Boolean(), nullable=False),
        sa.ForeignKeyConstraint(["account_id"], ["accounts.id"], name="fk_directory_entries_account_id"),
        sa.ForeignKeyConstraint(["user_id"], ["users.id"], name="fk_directory_entries_user_id"),
        sa.PrimaryKeyConstraint("user_id", name="pk_directory_entries"),
        sa.UniqueConstraint("account_id", "user_name_key", name="uq_directory_entries_account_id_user_name_key"),
    )
    op.create_index("ix_directory_entries_account_id_external_id", ENTRIES, ["account_id", "external_id"])
    op.create_table(
        GROUPS,
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("account_id", sa.Uuid(), nullable=False),
        sa.Column("name", sa.String(200), nullable=False),
        sa.Column("name_key", sa.String(200), nullable=False),
        sa.Column("external_id", sa.String(255), nullable=True),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("updated_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(["account_id"], ["accounts.id"], name="fk_directory_groups_account_id"),
        sa.PrimaryKeyConstraint("id", name="pk_directory_groups"),
        sa.UniqueConstraint("account_id", "name_key", name="uq_directory_groups_account_id_name_key"),
    )


def downgrade() -> None:
    op.drop_table(GROUPS)
    op.drop_table(ENTRIES)
