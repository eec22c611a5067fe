"""Name keys: what people's names are sorted and searched by.

Revision ID: 0010
Revises: 0009
"""

import sqlalchemy as sa
from alembic import op

from app.domain.search_words import fold

revision = "0010"
down_revision = "0009"
branch_labels = None
depends_on = None

_ID = sa.column("id", sa.Uuid())
USERS = sa.table("users", _ID, sa.column("display_name"), sa.column("name_key"))


def upgrade() -> None:
    # By code points, as SQLite does.
    collation = "C" if op.get_bind().dialect.name == "postgresql" else None
    column = sa.Column("name_key", sa.Text(collation=collation), server_default=sa.text("''"), nullable=False)
    op.add_column("users", column)
    fill_keys(op.get_bind())
    op.create_index("ix_users_account_id_name_key_id", "users", ["account_id", "name_key", "id"], unique=False)


def downgrade() -> None:
    op.drop_index("ix_users_account_id_name_key_id", "users")
    op.drop_column("users", "name_key")


def fill_keys(connection: sa.Connection) -> None:
    """Give each person the key of their name, by the program's own rule: keys are compared with what that makes."""
    for id, name in connection.execute(sa.select(USERS.c.id, USERS.c.display_name)).all():
        connection.execute(sa.update(USERS).where(USERS.c.id == id).values(name_key=fold(name)))
