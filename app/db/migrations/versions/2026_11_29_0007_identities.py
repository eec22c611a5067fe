"""Identities: people are known by their provider's issuer and subject, and addresses are compared by a key.

Whose subject somebody is was not written down before. Those who were known by their address alone are linked when a
token with that address, verified, is next seen; the row that stood for their tokens stays theirs.

Revision ID: 0007
Revises: 0006
"""

import sqlalchemy as sa
from alembic import op

from app.domain.addresses import parse_address

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None

TELL = "FOR EACH STATEMENT EXECUTE FUNCTION casegate_tell_identity()"

_ID, _ACCOUNT = sa.column("id", sa.Uuid()), sa.column("account_id", sa.Uuid())
USERS = sa.table("users", _ID, _ACCOUNT, *(sa.column(name) for name in ("email", "email_key", "created_at")))


def upgrade() -> None:
    op.add_column("users", sa.Column("email_key", sa.String(320), server_default=sa.text("''"), nullable=False))
    fill_keys(op.get_bind())
    op.create_index("uq_users_account_id_email_key", "users", ["account_id", "email_key"], unique=True)
    op.create_table(
        "user_identities",
        sa.Column("account_id", sa.Uuid(), nullable=False),
        sa.Column("issuer", sa.String(500), nullable=False),
        sa.Column("subject", sa.String(255), nullable=False),
        sa.Column("user_id", sa.Uuid(), nullable=False),
        sa.Column("token_id", sa.Uuid(), nullable=False),
        sa.Column("origin", sa.String(40), nullable=False),
        sa.Column("email", sa.String(320), nullable=True),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("unlinked_at", sa.DateTime(timezone=True), nullable=True),
        sa.ForeignKeyConstraint(["account_id"], ["accounts.id"], name="fk_user_identities_account_id"),
        sa.ForeignKeyConstraint(["token_id"], ["api_tokens.id"], name="fk_user_identities_token_id"),
        sa.ForeignKeyConstraint(["user_id"], ["users.id"], name="fk_user_identities_user_id"),
        sa.PrimaryKeyConstraint("account_id", "issuer", "subject", name="pk_user_identities"),
    )
    linked = sa.text("unlinked_at IS NULL")
    op.create_index(
        "uq_user_identities_linked",
        "user_identities",
        ["user_id", "issuer"],
        unique=True,
        sqlite_where=linked,
        postgresql_where=linked,
    )
    op.create_index("ix_user_identities_user_id", "user_identities", ["user_id"], unique=False)
    if op.get_bind().dialect.name == "postgresql":
        op.execute(f"CREATE TRIGGER user_identities_told AFTER INSERT OR DELETE OR UPDATE ON user_identities {TELL}")
        op.execute(f"CREATE TRIGGER user_identities_truncate_told AFTER TRUNCATE ON user_identities {TELL}")


def downgrade() -> None:
    op.drop_table("user_identities")
    op.drop_index("uq_users_account_id_email_key", "users")
    op.drop_column("users", "email_key")


def fill_keys(connection: sa.Connection) -> None:
    """Give each person the key of their address; of several with one address, it is the first one's.

    The others' keys are no address's, and begin with that one and a blank, by which they are found: nobody is linked by
    an address that several have. `casegate user email` parts them. The keys are made by the program's own rule, not by
    a copy: they are compared with what that makes.
    """
    taken: set[tuple[object, str]] = set()
    statement = sa.select(USERS.c.id, USERS.c.account_id, USERS.c.email).order_by(USERS.c.created_at, USERS.c.id)
    for id, account_id, email in connection.execute(statement).all():
        address = parse_address(email)
        key = email[:250] if address is None else address.key
        if address is None or (account_id, key) in taken:
            key = f"{key[:250]} {id}"
        taken.add((account_id, key))
        connection.execute(sa.update(USERS).where(USERS.c.id == id).values(email_key=key))
