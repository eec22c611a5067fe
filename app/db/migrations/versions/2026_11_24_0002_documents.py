"""Documents: evidence that is attached once and stays as it was, and the keys that download links are signed with.

Revision ID: 0002
Revises: 0001
"""

from collections.abc import Iterator

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None

COLUMNS = ("id", "account_id", "uploader_id", "filename", "content_type", "size_bytes", "sha256", "created_at")

CHANGED = " OR ".join(f"NEW.{column} <> OLD.{column}" for column in COLUMNS)
"""A document that is not attached yet changes by being attached, and in nothing else."""


def upgrade() -> None:
    op.create_table(
        "server_keys",
        sa.Column("name", sa.String(40), nullable=False),
        sa.Column("value", sa.String(64), nullable=False),
        sa.PrimaryKeyConstraint("name", name="pk_server_keys"),
    )
    create_documents()
    for statement in _triggers():
        op.execute(statement)


def create_documents() -> None:
    op.create_table(
        "documents",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("account_id", sa.Uuid(), nullable=False),
        sa.Column("uploader_id", sa.Uuid(), nullable=False),
        sa.Column("filename", sa.String(255), nullable=False),
        sa.Column("content_type", sa.String(100), nullable=False),
        sa.Column("size_bytes", sa.Integer(), nullable=False),
        sa.Column("sha256", sa.String(64), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("comment_id", sa.Uuid(), nullable=True),
        sa.Column("case_id", sa.Uuid(), nullable=True),
        sa.Column("position", sa.Integer(), nullable=True),
        sa.CheckConstraint(
            "(comment_id IS NULL) = (case_id IS NULL) AND (comment_id IS NULL) = (position IS NULL)",
            name=op.f("ck_documents_attached_whole"),
        ),
        sa.CheckConstraint("position BETWEEN 0 AND 9", name=op.f("ck_documents_position_range")),
        sa.CheckConstraint("size_bytes > 0", name=op.f("ck_documents_size_is_positive")),
        sa.ForeignKeyConstraint(["account_id"], ["accounts.id"], name="fk_documents_account_id"),
        sa.ForeignKeyConstraint(["case_id"], ["cases.id"], name="fk_documents_case_id"),
        sa.ForeignKeyConstraint(["comment_id"], ["comments.id"], name="fk_documents_comment_id"),
        sa.ForeignKeyConstraint(["uploader_id"], ["users.id"], name="fk_documents_uploader_id"),
        sa.PrimaryKeyConstraint("id", name="pk_documents"),
        sa.UniqueConstraint("comment_id", "position", name="uq_documents_comment_id_position"),
    )
    op.create_index("ix_documents_case_id_id", "documents", ["case_id", "id"], unique=False)
    op.create_index(
        "ix_documents_unattached",
        "documents",
        ["created_at", "uploader_id"],
        unique=False,
        sqlite_where=sa.text("comment_id IS NULL"),
        postgresql_where=sa.text("comment_id IS NULL"),
    )


def downgrade() -> None:
    if op.get_bind().dialect.name == "postgresql":
        for event in ("update", "delete", "truncate"):
            op.execute(f"DROP TRIGGER documents_{event}_refused ON documents")
    op.drop_table("documents")
    op.drop_table("server_keys")


def _triggers() -> Iterator[str]:
    """Yield the statements that freeze attached documents, on the engine at hand."""
    attached = "OLD.comment_id IS NOT NULL"
    if op.get_bind().dialect.name == "postgresql":
        run, start = "EXECUTE FUNCTION casegate_refuse()", "CREATE TRIGGER documents"
        yield f"{start}_update_refused BEFORE UPDATE ON documents FOR EACH ROW WHEN ({attached} OR {CHANGED}) {run}"
        yield f"{start}_delete_refused BEFORE DELETE ON documents FOR EACH ROW WHEN ({attached}) {run}"
        yield f"{start}_truncate_refused BEFORE TRUNCATE ON documents FOR EACH STATEMENT {run}"
        return
    refuse = "BEGIN SELECT RAISE(ABORT, 'casegate: rows of documents are permanent'); END"
    yield f"CREATE TRIGGER documents_update_refused BEFORE UPDATE ON documents WHEN {attached} OR {CHANGED} {refuse}"
    yield f"CREATE TRIGGER documents_delete_refused BEFORE DELETE ON documents WHEN {attached} {refuse}"
    # INSERT OR REPLACE deletes the row in whose place it puts another, and fires no trigger for that.
    place = "id = NEW.id OR (comment_id = NEW.comment_id AND position = NEW.position)"
    taken = f"EXISTS (SELECT 1 FROM documents WHERE {place})"
    yield f"CREATE TRIGGER documents_replace_refused BEFORE INSERT ON documents WHEN {taken} {refuse}"
