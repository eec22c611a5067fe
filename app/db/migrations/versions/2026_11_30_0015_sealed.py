"""Sealed: rows of the log say by what authority, and commit to texts instead of covering them.

Each text that may be erased gets a salt beside it. Rows that are there already have format 1, and cover their texts.

Revision ID: 0015
Revises: 0014
"""

import sqlalchemy as sa
from alembic import op

revision = "0015"
down_revision = "0014"
branch_labels = None
depends_on = None

SALTS = {
    "comments": ("salt",),
    "cases": ("title_salt", "description_salt"),
    "documents": ("filename_salt", "content_salt"),
}
SEAL = ("authority", "commitments", "details")

CHANGED = {"sqlite": "NEW.{0} IS NOT OLD.{0}", "postgresql": "NEW.{0} IS DISTINCT FROM OLD.{0}"}
# As a comment's, which never changes, and a document's, which changes by being attached alone.
TRIGGER = "cases_salts_refused"
EVENT = f"BEFORE UPDATE OF {', '.join(SALTS['cases'])} ON cases"


def upgrade() -> None:
    op.add_column("case_actions", sa.Column("format", sa.SmallInteger(), server_default=sa.text("1"), nullable=False))
    for name in SEAL:
        op.add_column("case_actions", sa.Column(name, sa.Text(), nullable=True))
    for table, names in SALTS.items():
        for name in names:
            op.add_column(table, sa.Column(name, sa.String(64), nullable=True))
    dialect = op.get_bind().dialect.name
    changed = " OR ".join(CHANGED[dialect].format(name) for name in SALTS["cases"])
    if dialect == "postgresql":
        op.execute(f"CREATE TRIGGER {TRIGGER} {EVENT} FOR EACH ROW WHEN ({changed}) EXECUTE FUNCTION casegate_refuse()")
        op.execute(f"ALTER TABLE cases ENABLE ALWAYS TRIGGER {TRIGGER}")
        return
    refuse = "BEGIN SELECT RAISE(ABORT, 'casegate: rows of cases are permanent'); END"
    op.execute(f"CREATE TRIGGER {TRIGGER} {EVENT} WHEN {changed} {refuse}")


def downgrade() -> None:
    on_table = " ON cases" if op.get_bind().dialect.name == "postgresql" else ""
    op.execute(f"DROP TRIGGER {TRIGGER}{on_table}")
    for table, names in SALTS.items():
        for name in names:
            op.drop_column(table, name)
    for name in (*SEAL, "format"):
        op.drop_column("case_actions", name)
