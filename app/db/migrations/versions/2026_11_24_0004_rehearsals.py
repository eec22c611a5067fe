"""Rehearsals: what is going to be undone takes no numbers of the index of what can be searched.

PostgreSQL's sequences do not roll back; SQLite counts rows.

Revision ID: 0004
Revises: 0003
"""

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None

FUNCTIONS = tuple(f"casegate_{table}_searched" for table in ("cases", "comments", "documents"))
BEGIN = " BEGIN INSERT"
GUARDED = " BEGIN IF current_setting('casegate.rehearsal', true) = 'on' THEN RETURN NULL; END IF; INSERT"


def upgrade() -> None:
    _replace(BEGIN, GUARDED)


def downgrade() -> None:
    _replace(GUARDED, BEGIN)


def _replace(before: str, after: str) -> None:
    """Replace how each function of a trigger begins, on PostgreSQL."""
    connection = op.get_bind()
    if connection.dialect.name != "postgresql":
        return
    for name in FUNCTIONS:
        body = connection.scalar(sa.text("SELECT prosrc FROM pg_proc WHERE proname = :name"), {"name": name})
        assert body.startswith(before), name
        replaced = f"CREATE OR REPLACE FUNCTION {name}() RETURNS trigger LANGUAGE plpgsql AS $${after}{{}}$$"
        connection.exec_driver_sql(replaced.format(body.removeprefix(before)))
