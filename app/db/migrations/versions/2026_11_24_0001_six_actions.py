"""The six actions: accounts, people, subjects, cases, and the log that nobody can rewrite.

Revision ID: 0001
Revises: nothing; this is the first.
"""

from collections.abc import Iterator

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None

TABLES = (
    "accounts",
    "subjects",
    "users",
    "api_tokens",
    "cases",
    "user_roles",
    "comments",
    "overrides",
    "case_actions",
    "override_reviewers",
    "idempotency_records",
)

FROZEN = {
    "case_actions": None,
    "comments": None,
    "override_reviewers": None,
    "overrides": (
        "OLD.status <> 'PENDING' OR NEW.id <> OLD.id OR NEW.account_id <> OLD.account_id OR NEW.case_id <> OLD.case_id"
        " OR NEW.subject_id <> OLD.subject_id OR NEW.created_by_id <> OLD.created_by_id"
        " OR NEW.requested_status <> OLD.requested_status OR NEW.created_at <> OLD.created_at"
        " OR NEW.subject_status_at_request <> OLD.subject_status_at_request"
    ),
    "cases": (
        "OLD.status = 'CLOSED' OR NEW.id <> OLD.id OR NEW.account_id <> OLD.account_id OR NEW.number <> OLD.number"
        " OR NEW.subject_id <> OLD.subject_id OR NEW.subject_status_at_opening <> OLD.subject_status_at_opening"
        " OR NEW.title <> OLD.title OR coalesce(NEW.description, '') <> coalesce(OLD.description, '')"
        " OR NEW.created_by_id <> OLD.created_by_id OR NEW.created_at <> OLD.created_at"
    ),
}
"""For each table whose rows are never deleted: when an update is refused, None for always."""

KEYS = {
    "case_actions": "id = NEW.id OR (case_id = NEW.case_id AND seq = NEW.seq) OR comment_id = NEW.comment_id",
    "comments": "id = NEW.id",
    "override_reviewers": "override_id = NEW.override_id AND position = NEW.position"
    " OR override_id = NEW.override_id AND reviewer_id = NEW.reviewer_id",
    "overrides": "id = NEW.id",
    "cases": "id = NEW.id OR (account_id = NEW.account_id AND number = NEW.number)",
}
"""Which permanent row a new one would take the place of. SQLite's INSERT OR REPLACE deletes it and fires no trigger."""


def upgrade() -> None:
    create_accounts()
    create_subjects()
    create_users()
    create_api_tokens()
    create_cases()
    create_user_roles()
    create_comments()
    create_overrides()
    create_case_actions()
    create_override_reviewers()
    create_idempotency_records()
    for statement in _triggers():
        op.execute(statement)


def downgrade() -> None:
    if op.get_bind().dialect.name == "postgresql":
        for table in FROZEN:
            for event in ("update", "delete", "truncate"):
                op.execute(f"DROP TRIGGER {table}_{event}_refused ON {table}")
        op.execute("DROP TRIGGER override_reviewers_insert_refused ON override_reviewers")
        op.execute("DROP FUNCTION casegate_refuse()")
        op.execute("DROP FUNCTION casegate_refuse_late_reviewer()")
    for table in reversed(TABLES):
        op.drop_table(table)


def _triggers() -> Iterator[str]:
    """Yield the statements that make the log append only, on the engine at hand."""
    return _postgresql_triggers() if op.get_bind().dialect.name == "postgresql" else _sqlite_triggers()


def _sqlite_triggers() -> Iterator[str]:
    for table, condition in FROZEN.items():
        when = f"WHEN {condition} " if condition else ""
        refuse = f"BEGIN SELECT RAISE(ABORT, 'casegate: rows of {table} are permanent'); END"
        yield f"CREATE TRIGGER {table}_update_refused BEFORE UPDATE ON {table} {when}{refuse}"
        yield f"CREATE TRIGGER {table}_delete_refused BEFORE DELETE ON {table} {refuse}"
        taken = f"EXISTS (SELECT 1 FROM {table} WHERE {KEYS[table]})"
        yield f"CREATE TRIGGER {table}_replace_refused BEFORE INSERT ON {table} WHEN {taken} {refuse}"
    yield (
        "CREATE TRIGGER override_reviewers_insert_refused BEFORE INSERT ON override_reviewers"
        " WHEN (SELECT status FROM overrides WHERE id = NEW.override_id) <> 'PENDING'"
        " BEGIN SELECT RAISE(ABORT, 'casegate: the override is finished'); END"
    )


def _postgresql_triggers() -> Iterator[str]:
    yield (
        "CREATE FUNCTION casegate_refuse() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN"
        " RAISE EXCEPTION 'casegate: rows of % are permanent', TG_TABLE_NAME USING ERRCODE = 'restrict_violation';"
        " END $$"
    )
    yield (
        "CREATE FUNCTION casegate_refuse_late_reviewer() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN"
        " IF (SELECT status FROM overrides WHERE id = NEW.override_id) <> 'PENDING' THEN"
        " RAISE EXCEPTION 'casegate: the override is finished' USING ERRCODE = 'restrict_violation'; END IF;"
        " RETURN NEW; END $$"
    )
    for table, condition in FROZEN.items():
        when = f"WHEN ({condition}) " if condition else ""
        run = "EXECUTE FUNCTION casegate_refuse()"
        yield f"CREATE TRIGGER {table}_update_refused BEFORE UPDATE ON {table} FOR EACH ROW {when}{run}"
        yield f"CREATE TRIGGER {table}_delete_refused BEFORE DELETE ON {table} FOR EACH ROW {run}"
        yield f"CREATE TRIGGER {table}_truncate_refused BEFORE TRUNCATE ON {table} FOR EACH STATEMENT {run}"
    yield (
        "CREATE TRIGGER override_reviewers_insert_refused BEFORE INSERT ON override_reviewers"
        " FOR EACH ROW EXECUTE FUNCTION casegate_refuse_late_reviewer()"
    )


def create_accounts() -> None:
    op.create_table(
        "accounts",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("name", sa.String(200), nullable=False),
        sa.Column("default_language", sa.String(40), nullable=False),
        sa.Column("cases_enabled", sa.Boolean(), nullable=False),
        sa.Column("overrides_enabled", sa.Boolean(), nullable=False),
        sa.Column("restrict_to_assigned_reviewers", sa.Boolean(), nullable=False),
        sa.Column("case_count", sa.Integer(), server_default=sa.text("0"), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_accounts"),
    )


def create_subjects() -> None:
    op.create_table(
        "subjects",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("account_id", sa.Uuid(), nullable=False),
        sa.Column("type", sa.String(40), nullable=False),
        sa.Column("external_ref", sa.String(200), nullable=False),
        sa.Column("label", sa.String(200), nullable=False),
        sa.Column("country_code", sa.String(2), nullable=True),
        sa.Column("evaluation_status", sa.String(40), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(["account_id"], ["accounts.id"], name="fk_subjects_account_id"),
        sa.PrimaryKeyConstraint("id", name="pk_subjects"),
        sa.UniqueConstraint("account_id", "type", "external_ref", name="uq_subjects_account_id_type_external_ref"),
    )


def create_users() -> None:
    op.create_table(
        "users",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("account_id", sa.Uuid(), nullable=False),
        sa.Column("email", sa.String(320), nullable=False),
        sa.Column("display_name", sa.String(200), nullable=False),
        sa.Column("active", sa.Boolean(), nullable=False),
        sa.Column("language", sa.String(40), nullable=True),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(["account_id"], ["accounts.id"], name="fk_users_account_id"),
        sa.PrimaryKeyConstraint("id", name="pk_users"),
        sa.UniqueConstraint("account_id", "email", name="uq_users_account_id_email"),
    )
    op.create_index("ix_users_account_id_created_at_id", "users", ["account_id", "created_at", "id"], unique=False)


def create_api_tokens() -> None:
    op.create_table(
        "api_tokens",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("account_id", sa.Uuid(), nullable=False),
        sa.Column("user_id", sa.Uuid(), nullable=False),
        sa.Column("name", sa.String(200), nullable=False),
        sa.Column("scopes", sa.String(400), nullable=False),
        sa.Column("prefix", sa.String(20), nullable=False),
        sa.Column("secret_hash", sa.String(64), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("expires_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("revoked_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("last_used_at", sa.DateTime(timezone=True), nullable=True),
        sa.ForeignKeyConstraint(["account_id"], ["accounts.id"], name="fk_api_tokens_account_id"),
        sa.ForeignKeyConstraint(["user_id"], ["users.id"], name="fk_api_tokens_user_id"),
        sa.PrimaryKeyConstraint("id", name="pk_api_tokens"),
        sa.UniqueConstraint("secret_hash", name="uq_api_tokens_secret_hash"),
    )
    op.create_index("ix_api_tokens_user_id", "api_tokens", ["user_id"], unique=False)


def create_cases() -> None:
    op.create_table(
        "cases",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("account_id", sa.Uuid(), nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("subject_id", sa.Uuid(), nullable=False),
        sa.Column("subject_status_at_opening", sa.String(40), nullable=False),
        sa.Column("title", sa.String(200), nullable=False),
        sa.Column("description", sa.Text(), nullable=True),
        sa.Column("status", sa.String(40), nullable=False),
        sa.Column("resolution", sa.String(40), nullable=True),
        sa.Column("created_by_id", sa.Uuid(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("updated_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("closed_by_id", sa.Uuid(), nullable=True),
        sa.Column("closed_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("action_count", sa.Integer(), nullable=False),
        sa.Column("head_hash", sa.String(64), nullable=False),
        sa.CheckConstraint(
            "(status = 'CLOSED') = (resolution IS NOT NULL)"
            " AND (status = 'CLOSED') = (closed_by_id IS NOT NULL)"
            " AND (status = 'CLOSED') = (closed_at IS NOT NULL)",
            name=op.f("ck_cases_closed_whole"),
        ),
        sa.ForeignKeyConstraint(["account_id"], ["accounts.id"], name="fk_cases_account_id"),
        sa.ForeignKeyConstraint(["closed_by_id"], ["users.id"], name="fk_cases_closed_by_id"),
        sa.ForeignKeyConstraint(["created_by_id"], ["users.id"], name="fk_cases_created_by_id"),
        sa.ForeignKeyConstraint(["subject_id"], ["subjects.id"], name="fk_cases_subject_id"),
        sa.PrimaryKeyConstraint("id", name="pk_cases"),
        sa.UniqueConstraint("account_id", "number", name="uq_cases_account_id_number"),
    )
    op.create_index(
        "uq_cases_active_subject",
        "cases",
        ["subject_id"],
        unique=True,
        sqlite_where=sa.text("status <> 'CLOSED'"),
        postgresql_where=sa.text("status <> 'CLOSED'"),
    )


def create_user_roles() -> None:
    op.create_table(
        "user_roles",
        sa.Column("user_id", sa.Uuid(), nullable=False),
        sa.Column("role", sa.String(40), nullable=False),
        sa.ForeignKeyConstraint(["user_id"], ["users.id"], name="fk_user_roles_user_id"),
        sa.PrimaryKeyConstraint("user_id", "role", name="pk_user_roles"),
    )


def create_comments() -> None:
    op.create_table(
        "comments",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("account_id", sa.Uuid(), nullable=False),
        sa.Column("case_id", sa.Uuid(), nullable=False),
        sa.Column("author_id", sa.Uuid(), nullable=False),
        sa.Column("body", sa.Text(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(["account_id"], ["accounts.id"], name="fk_comments_account_id"),
        sa.ForeignKeyConstraint(["author_id"], ["users.id"], name="fk_comments_author_id"),
        sa.ForeignKeyConstraint(["case_id"], ["cases.id"], name="fk_comments_case_id"),
        sa.PrimaryKeyConstraint("id", name="pk_comments"),
    )
    op.create_index("ix_comments_case_id", "comments", ["case_id"], unique=False)


def create_overrides() -> None:
    op.create_table(
        "overrides",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("account_id", sa.Uuid(), nullable=False),
        sa.Column("case_id", sa.Uuid(), nullable=False),
        sa.Column("subject_id", sa.Uuid(), nullable=False),
        sa.Column("created_by_id", sa.Uuid(), nullable=False),
        sa.Column("requested_status", sa.String(40), nullable=False),
        sa.Column("status", sa.String(40), nullable=False),
        sa.Column("subject_status_at_request", sa.String(40), nullable=False),
        sa.Column("decided_by_id", sa.Uuid(), nullable=True),
        sa.Column("decided_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.CheckConstraint(
            "(status IN ('ACCEPTED', 'REFUSED')) = (decided_by_id IS NOT NULL)"
            " AND (status IN ('ACCEPTED', 'REFUSED')) = (decided_at IS NOT NULL)",
            name=op.f("ck_overrides_decided_whole"),
        ),
        sa.CheckConstraint("decided_by_id <> created_by_id", name=op.f("ck_overrides_decider_is_not_creator")),
        sa.ForeignKeyConstraint(["account_id"], ["accounts.id"], name="fk_overrides_account_id"),
        sa.ForeignKeyConstraint(["case_id"], ["cases.id"], name="fk_overrides_case_id"),
        sa.ForeignKeyConstraint(["created_by_id"], ["users.id"], name="fk_overrides_created_by_id"),
        sa.ForeignKeyConstraint(["decided_by_id"], ["users.id"], name="fk_overrides_decided_by_id"),
        sa.ForeignKeyConstraint(["subject_id"], ["subjects.id"], name="fk_overrides_subject_id"),
        sa.PrimaryKeyConstraint("id", name="pk_overrides"),
        sa.UniqueConstraint("id", "created_by_id", name="uq_overrides_id_created_by_id"),
    )
    op.create_index("ix_overrides_case_id", "overrides", ["case_id"], unique=False)
    op.create_index(
        "uq_overrides_pending_case",
        "overrides",
        ["case_id"],
        unique=True,
        sqlite_where=sa.text("status = 'PENDING'"),
        postgresql_where=sa.text("status = 'PENDING'"),
    )
    op.create_index(
        "uq_overrides_pending_subject",
        "overrides",
        ["subject_id"],
        unique=True,
        sqlite_where=sa.text("status = 'PENDING'"),
        postgresql_where=sa.text("status = 'PENDING'"),
    )


def create_case_actions() -> None:
    op.create_table(
        "case_actions",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("account_id", sa.Uuid(), nullable=False),
        sa.Column("case_id", sa.Uuid(), nullable=False),
        sa.Column("seq", sa.Integer(), nullable=False),
        sa.Column("type", sa.String(40), nullable=False),
        sa.Column("user_id", sa.Uuid(), nullable=False),
        sa.Column("comment_id", sa.Uuid(), nullable=True),
        sa.Column("override_id", sa.Uuid(), nullable=True),
        sa.Column("status_before", sa.String(40), nullable=True),
        sa.Column("status_after", sa.String(40), nullable=False),
        sa.Column("resolution", sa.String(40), nullable=True),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("request_id", sa.String(64), nullable=False),
        sa.Column("prev_hash", sa.String(64), nullable=False),
        sa.Column("hash", sa.String(64), nullable=False),
        sa.CheckConstraint(
            "(seq = 1) = (type = 'OPEN') AND (seq = 1) = (status_before IS NULL)",
            name=op.f("ck_case_actions_first_opens"),
        ),
        sa.CheckConstraint("seq >= 1", name=op.f("ck_case_actions_seq_from_one")),
        sa.ForeignKeyConstraint(["account_id"], ["accounts.id"], name="fk_case_actions_account_id"),
        sa.ForeignKeyConstraint(["case_id"], ["cases.id"], name="fk_case_actions_case_id"),
        sa.ForeignKeyConstraint(["comment_id"], ["comments.id"], name="fk_case_actions_comment_id"),
        sa.ForeignKeyConstraint(["override_id"], ["overrides.id"], name="fk_case_actions_override_id"),
        sa.ForeignKeyConstraint(["user_id"], ["users.id"], name="fk_case_actions_user_id"),
        sa.PrimaryKeyConstraint("id", name="pk_case_actions"),
        sa.UniqueConstraint("case_id", "seq", name="uq_case_actions_case_id_seq"),
        sa.UniqueConstraint("comment_id", name="uq_case_actions_comment_id"),
    )


def create_override_reviewers() -> None:
    op.create_table(
        "override_reviewers",
        sa.Column("override_id", sa.Uuid(), nullable=False),
        sa.Column("reviewer_id", sa.Uuid(), nullable=False),
        sa.Column("position", sa.Integer(), nullable=False),
        sa.Column("created_by_id", sa.Uuid(), nullable=False),
        sa.CheckConstraint("position BETWEEN 0 AND 9", name=op.f("ck_override_reviewers_position_range")),
        sa.CheckConstraint("reviewer_id <> created_by_id", name=op.f("ck_override_reviewers_reviewer_is_not_creator")),
        sa.ForeignKeyConstraint(
            ["override_id", "created_by_id"],
            ["overrides.id", "overrides.created_by_id"],
            name="fk_override_reviewers_override_id_created_by_id",
        ),
        sa.ForeignKeyConstraint(["reviewer_id"], ["users.id"], name="fk_override_reviewers_reviewer_id"),
        sa.PrimaryKeyConstraint("override_id", "position", name="pk_override_reviewers"),
        sa.UniqueConstraint("override_id", "reviewer_id", name="uq_override_reviewers_override_id_reviewer_id"),
    )


def create_idempotency_records() -> None:
    op.create_table(
        "idempotency_records",
        sa.Column("token_id", sa.Uuid(), nullable=False),
        sa.Column("key", sa.String(128), nullable=False),
        sa.Column("fingerprint", sa.String(64), nullable=False),
        sa.Column("action_id", sa.Uuid(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(
            ["action_id"],
            ["case_actions.id"],
            name="fk_idempotency_records_action_id",
            initially="DEFERRED",
            deferrable=True,
        ),
        sa.ForeignKeyConstraint(["token_id"], ["api_tokens.id"], name="fk_idempotency_records_token_id"),
        sa.PrimaryKeyConstraint("token_id", "key", name="pk_idempotency_records"),
    )
    op.create_index("ix_idempotency_records_created_at", "idempotency_records", ["created_at"], unique=False)
