"""Warnings: what was found in a document when it came; null for what came before that was looked for.

Revision ID: 0009
Revises: 0008
"""

import sqlalchemy as sa
from alembic import op

revision = "0009"
down_revision = "0008"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("documents", sa.Column("warnings", sa.String(400), nullable=True))
    start = "CREATE TRIGGER documents_warnings_refused BEFORE UPDATE OF warnings ON documents"
    if op.get_bind().dialect.name == "postgresql":
        changed = "NEW.warnings IS DISTINCT FROM OLD.warnings"
        op.execute(f"{start} FOR EACH ROW WHEN ({changed}) EXECUTE FUNCTION casegate_refuse()")
        op.execute("ALTER TABLE documents ENABLE ALWAYS TRIGGER documents_warnings_refused")
        return
    refuse = "BEGIN SELECT RAISE(ABORT, 'casegate: rows of documents are permanent'); END"
    op.execute(f"{start} WHEN NEW.warnings IS NOT OLD.warnings {refuse}")


def downgrade() -> None:
    on = " ON documents" if op.get_bind().dialect.name == "postgresql" else ""
    op.execute(f"DROP TRIGGER documents_warnings_refused{on}")
    op.drop_column("documents", "warnings")
