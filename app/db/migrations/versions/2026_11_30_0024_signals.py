"""Signals: which bank account a case is about, and the indexes by which files, suppliers and pairs meet again.

Revision ID: 0024
Revises: 0023
"""

import sqlalchemy as sa
from alembic import op

revision = "0024"
down_revision = "0023"
branch_labels = None
depends_on = None

ATTACHED = sa.text("case_id IS NOT NULL AND sha256 IS NOT NULL")
DECIDED = sa.text("decided_by_id IS NOT NULL")


def upgrade() -> None:
    op.create_table(
        "case_bank_accounts",
        sa.Column("case_id", sa.Uuid(), nullable=False),
        sa.Column("account_id", sa.Uuid(), nullable=False),
        sa.Column("account_key", sa.String(64), nullable=False),
        sa.ForeignKeyConstraint(["account_id"], ["accounts.id"], name="fk_case_bank_accounts_account_id"),
        sa.ForeignKeyConstraint(["case_id"], ["cases.id"], name="fk_case_bank_accounts_case_id"),
        sa.PrimaryKeyConstraint("case_id", name="pk_case_bank_accounts"),
    )
    key = ["account_id", "account_key", "case_id"]
    op.create_index("ix_case_bank_accounts_account_id_account_key_case_id", "case_bank_accounts", key)
    same = ["account_id", "sha256", "case_id"]
    op.create_index("ix_documents_same", "documents", same, sqlite_where=ATTACHED, postgresql_where=ATTACHED)
    op.create_index("ix_overrides_subject_id_created_at_id", "overrides", ["subject_id", "created_at", "id"])
    pair = ["account_id", "created_by_id", "decided_by_id", "decided_at"]
    op.create_index("ix_overrides_pair", "overrides", pair, sqlite_where=DECIDED, postgresql_where=DECIDED)


def downgrade() -> None:
    op.drop_index("ix_overrides_pair", "overrides")
    op.drop_index("ix_overrides_subject_id_created_at_id", "overrides")
    op.drop_index("ix_documents_same", "documents")
    op.drop_table("case_bank_accounts")
