"""The account's own log: who administered what, chained as a case's log is; and changes that wait for a second admin.

People and service accounts are told apart, a service account never decides, and since when somebody is a reviewer is
kept in their row. An idempotency key stands for a row of either log.

Revision ID: 0016
Revises: 0015
"""

from collections.abc import Iterator

import sqlalchemy as sa
from alembic import op

revision = "0016"
down_revision = "0015"
branch_labels = None
depends_on = None

LOG, CHANGES = "account_actions", "account_changes"
PERMANENT = f"casegate: rows of {LOG} are permanent"
DECIDED = "casegate: the change is decided"
NO_REVIEWER = "casegate: a service account has no role but CONTRIBUTOR"
KIND_STAYS = "casegate: the kind of a user stays"

KEYS = ("id = NEW.id", "account_id = NEW.account_id AND seq = NEW.seq")
NOT_FOR_SERVICES = "NEW.role <> 'CONTRIBUTOR' AND (SELECT kind FROM users WHERE id = NEW.user_id) = 'SERVICE'"
EITHER_LOG = "(action_id IS NULL) <> (account_action_id IS NULL)"

GENESIS = "0" * 64


def upgrade() -> None:
    is_postgresql = op.get_bind().dialect.name == "postgresql"
    op.add_column(
        "accounts", sa.Column("admin_action_count", sa.Integer(), server_default=sa.text("0"), nullable=False)
    )
    op.add_column(
        "accounts",
        sa.Column("admin_head_hash", sa.String(64), server_default=sa.text(f"'{GENESIS}'"), nullable=False),
    )
    op.add_column("users", sa.Column("kind", sa.String(40), server_default=sa.text("'PERSON'"), nullable=False))
    op.add_column("users", sa.Column("reviewer_since", sa.DateTime(timezone=True), nullable=True))
    op.execute(
        "UPDATE users SET reviewer_since = created_at"
        " WHERE id IN (SELECT user_id FROM user_roles WHERE role = 'REVIEWER')"
    )
    _create_log()
    _create_changes()
    _open_keys(is_postgresql=is_postgresql)
    for statement in _postgresql() if is_postgresql else _sqlite():
        op.execute(sa.text(statement))


def downgrade() -> None:
    is_postgresql = op.get_bind().dialect.name == "postgresql"
    names = ["user_roles_service_refused", "user_roles_reviewer_added", "user_roles_reviewer_gone"]
    for name in names if is_postgresql else [*names, "user_roles_changed_refused"]:
        op.execute(f"DROP TRIGGER {name}{' ON user_roles' if is_postgresql else ''}")
    op.execute(f"DROP TRIGGER users_kind_refused{' ON users' if is_postgresql else ''}")
    _close_keys(is_postgresql=is_postgresql)
    op.drop_table(CHANGES)
    op.drop_table(LOG)
    if is_postgresql:
        for name in ("refuse_decided", "refuse_service", "refuse_kind", "reviewer_since"):
            op.execute(f"DROP FUNCTION casegate_{name}()")
    op.drop_column("users", "reviewer_since")
    op.drop_column("users", "kind")
    op.drop_column("accounts", "admin_head_hash")
    op.drop_column("accounts", "admin_action_count")


def _create_log() -> None:
    op.create_table(
        LOG,
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("account_id", sa.Uuid(), nullable=False),
        sa.Column("seq", sa.Integer(), nullable=False),
        sa.Column("type", sa.String(40), nullable=False),
        sa.Column("source", sa.String(40), nullable=False),
        sa.Column("user_id", sa.Uuid(), nullable=True),
        sa.Column("token_id", sa.Uuid(), nullable=True),
        sa.Column("roles", sa.String(200), nullable=False),
        sa.Column("approval", sa.String(40), nullable=False),
        sa.Column("target_user_id", sa.Uuid(), nullable=True),
        sa.Column("target_token_id", sa.Uuid(), nullable=True),
        sa.Column("change_id", sa.Uuid(), nullable=True),
        sa.Column("details", sa.Text(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("request_id", sa.String(64), nullable=False),
        sa.Column("prev_hash", sa.String(64), nullable=False),
        sa.Column("hash", sa.String(64), nullable=False),
        sa.CheckConstraint("seq >= 1", name=op.f("ck_account_actions_seq_from_one")),
        sa.ForeignKeyConstraint(["account_id"], ["accounts.id"], name="fk_account_actions_account_id"),
        sa.ForeignKeyConstraint(["target_token_id"], ["api_tokens.id"], name="fk_account_actions_target_token_id"),
        sa.ForeignKeyConstraint(["target_user_id"], ["users.id"], name="fk_account_actions_target_user_id"),
        sa.ForeignKeyConstraint(["token_id"], ["api_tokens.id"], name="fk_account_actions_token_id"),
        sa.ForeignKeyConstraint(["user_id"], ["users.id"], name="fk_account_actions_user_id"),
        sa.PrimaryKeyConstraint("id", name="pk_account_actions"),
        sa.UniqueConstraint("account_id", "seq", name="uq_account_actions_account_id_seq"),
    )
    op.create_index("ix_account_actions_target_user_id_seq", LOG, ["target_user_id", "seq"], unique=False)


def _create_changes() -> None:
    op.create_table(
        CHANGES,
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("account_id", sa.Uuid(), nullable=False),
        sa.Column("type", sa.String(40), nullable=False),
        sa.Column("status", sa.String(40), nullable=False),
        sa.Column("requested_by_id", sa.Uuid(), nullable=False),
        sa.Column("target_user_id", sa.Uuid(), nullable=True),
        sa.Column("pending_key", sa.String(400), nullable=True),
        sa.Column("payload", sa.Text(), nullable=True),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("decided_by_id", sa.Uuid(), nullable=True),
        sa.Column("decided_at", sa.DateTime(timezone=True), nullable=True),
        sa.CheckConstraint(
            "(status = 'PENDING') = (pending_key IS NOT NULL) AND (status = 'PENDING') = (payload IS NOT NULL)"
            " AND (status = 'PENDING') = (decided_at IS NULL)",
            name=op.f("ck_account_changes_pending_whole"),
        ),
        sa.CheckConstraint(
            "status <> 'APPROVED' OR decided_by_id <> requested_by_id",
            name=op.f("ck_account_changes_approver_is_another"),
        ),
        sa.ForeignKeyConstraint(["account_id"], ["accounts.id"], name="fk_account_changes_account_id"),
        sa.ForeignKeyConstraint(["decided_by_id"], ["users.id"], name="fk_account_changes_decided_by_id"),
        sa.ForeignKeyConstraint(["requested_by_id"], ["users.id"], name="fk_account_changes_requested_by_id"),
        sa.ForeignKeyConstraint(["target_user_id"], ["users.id"], name="fk_account_changes_target_user_id"),
        sa.PrimaryKeyConstraint("id", name="pk_account_changes"),
        sa.UniqueConstraint("account_id", "pending_key", name="uq_account_changes_account_id_pending_key"),
    )
    op.create_index("ix_account_changes_account_id_created_at_id", CHANGES, ["account_id", "created_at", "id"])


# --- Idempotency keys ------------------------------------------------------------------------------------------------


def _open_keys(*, is_postgresql: bool) -> None:
    """Let a key stand for a row of the account's log too."""
    if is_postgresql:
        op.alter_column("idempotency_records", "action_id", nullable=True)
        op.add_column("idempotency_records", sa.Column("account_action_id", sa.Uuid(), nullable=True))
        op.create_foreign_key(
            "fk_idempotency_records_account_action_id",
            "idempotency_records",
            LOG,
            ["account_action_id"],
            ["id"],
            initially="DEFERRED",
            deferrable=True,
        )
        op.create_check_constraint(op.f("ck_idempotency_records_either_log"), "idempotency_records", EITHER_LOG)
        return
    more = (
        sa.Column("account_action_id", sa.Uuid(), nullable=True),
        sa.CheckConstraint(EITHER_LOG, name=op.f("ck_idempotency_records_either_log")),
        _key_to("account_action_id", LOG),
    )
    _make_keys_anew(*more, nullable=True)


def _close_keys(*, is_postgresql: bool) -> None:
    if is_postgresql:
        op.execute("DELETE FROM idempotency_records WHERE action_id IS NULL")
        op.drop_constraint(op.f("ck_idempotency_records_either_log"), "idempotency_records")
        op.drop_column("idempotency_records", "account_action_id")
        op.alter_column("idempotency_records", "action_id", nullable=False)
        return
    _make_keys_anew(nullable=False)


def _key_to(column: str, table: str) -> sa.ForeignKeyConstraint:
    name = f"fk_idempotency_records_{column}"
    return sa.ForeignKeyConstraint([column], [f"{table}.id"], name=name, initially="DEFERRED", deferrable=True)


def _make_keys_anew(*more: sa.schema.SchemaItem, nullable: bool) -> None:
    """Make the table of keys anew, since SQLite changes no column, with the keys that are there."""
    op.drop_index("ix_idempotency_records_created_at", "idempotency_records")
    op.rename_table("idempotency_records", "idempotency_records_before")
    op.create_table(
        "idempotency_records",
        sa.Column("token_id", sa.Uuid(), nullable=False),
        sa.Column("key", sa.String(128), nullable=False),
        sa.Column("fingerprint", sa.String(64), nullable=False),
        sa.Column("action_id", sa.Uuid(), nullable=nullable),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        _key_to("action_id", "case_actions"),
        sa.ForeignKeyConstraint(["token_id"], ["api_tokens.id"], name="fk_idempotency_records_token_id"),
        sa.PrimaryKeyConstraint("token_id", "key", name="pk_idempotency_records"),
        *more,
    )
    op.execute(
        "INSERT INTO idempotency_records (token_id, key, fingerprint, action_id, created_at)"
        " SELECT token_id, key, fingerprint, action_id, created_at FROM idempotency_records_before"
        " WHERE action_id IS NOT NULL"
    )
    op.drop_table("idempotency_records_before")
    op.create_index("ix_idempotency_records_created_at", "idempotency_records", ["created_at"], unique=False)


# --- Triggers --------------------------------------------------------------------------------------------------------


def _sqlite() -> Iterator[str]:
    def refusing(name: str, event: str, table: str, message: str, when: str = "") -> str:
        condition = f"WHEN {when} " if when else ""
        return f"CREATE TRIGGER {name} {event} ON {table} {condition}BEGIN SELECT RAISE(ABORT, '{message}'); END"

    taken = " OR ".join(f"EXISTS (SELECT 1 FROM {LOG} WHERE {key})" for key in ("rowid = NEW.rowid", *KEYS))
    yield refusing(f"{LOG}_update_refused", "BEFORE UPDATE", LOG, PERMANENT)
    yield refusing(f"{LOG}_rowid_refused", "BEFORE UPDATE OF rowid, _rowid_, oid", LOG, PERMANENT)
    yield refusing(f"{LOG}_delete_refused", "BEFORE DELETE", LOG, PERMANENT)
    yield refusing(f"{LOG}_replace_refused", "BEFORE INSERT", LOG, PERMANENT, taken)
    yield refusing(f"{LOG}_negative_refused", "AFTER INSERT", LOG, PERMANENT, "NEW.rowid < 1")
    yield refusing(f"{CHANGES}_decided_refused", "BEFORE UPDATE", CHANGES, DECIDED, "OLD.status <> 'PENDING'")
    yield refusing(f"{CHANGES}_gone_refused", "BEFORE DELETE", CHANGES, DECIDED)
    there = f"EXISTS (SELECT 1 FROM {CHANGES} WHERE rowid = NEW.rowid OR id = NEW.id)"
    yield refusing(f"{CHANGES}_replace_refused", "BEFORE INSERT", CHANGES, DECIDED, there)
    yield refusing("user_roles_service_refused", "BEFORE INSERT", "user_roles", NO_REVIEWER, NOT_FOR_SERVICES)
    yield refusing("user_roles_changed_refused", "BEFORE UPDATE", "user_roles", NO_REVIEWER, NOT_FOR_SERVICES)
    yield refusing("users_kind_refused", "BEFORE UPDATE OF kind", "users", KIND_STAYS, "NEW.kind <> OLD.kind")
    now = "strftime('%Y-%m-%d %H:%M:%f000', 'now')"
    yield (
        "CREATE TRIGGER user_roles_reviewer_added AFTER INSERT ON user_roles WHEN NEW.role = 'REVIEWER' BEGIN"
        f" UPDATE users SET reviewer_since = coalesce(reviewer_since, {now}) WHERE id = NEW.user_id; END"
    )
    yield (
        "CREATE TRIGGER user_roles_reviewer_gone AFTER DELETE ON user_roles WHEN OLD.role = 'REVIEWER' BEGIN"
        " UPDATE users SET reviewer_since = NULL WHERE id = OLD.user_id; END"
    )


def _postgresql() -> Iterator[str]:
    def refusing(name: str, condition: str, message: str) -> str:
        return (
            f"CREATE FUNCTION casegate_{name}() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN IF {condition} THEN"
            f" RAISE EXCEPTION '{message}' USING ERRCODE = 'restrict_violation'; END IF; RETURN NEW; END $$"
        )

    def trigger(name: str, moment: str, table: str, run: str, *, each: str = "ROW", when: str = "") -> Iterator[str]:
        yield f"CREATE TRIGGER {name} {moment} ON {table} FOR EACH {each} {when} EXECUTE FUNCTION {run}()"
        # In a session that feeds a replica too.
        yield f"ALTER TABLE {table} ENABLE ALWAYS TRIGGER {name}"

    yield refusing("refuse_decided", "TG_OP = 'DELETE' OR OLD.status <> 'PENDING'", DECIDED)
    yield refusing("refuse_service", NOT_FOR_SERVICES, NO_REVIEWER)
    yield refusing("refuse_kind", "NEW.kind <> OLD.kind", KIND_STAYS)
    yield (
        "CREATE FUNCTION casegate_reviewer_since() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN"
        " IF TG_OP = 'INSERT' THEN UPDATE users SET reviewer_since = coalesce(reviewer_since, clock_timestamp())"
        " WHERE id = NEW.user_id; ELSE UPDATE users SET reviewer_since = NULL WHERE id = OLD.user_id; END IF;"
        " RETURN NULL; END $$"
    )
    yield from trigger(f"{LOG}_update_refused", "BEFORE UPDATE", LOG, "casegate_refuse")
    yield from trigger(f"{LOG}_delete_refused", "BEFORE DELETE", LOG, "casegate_refuse")
    yield from trigger(f"{LOG}_truncate_refused", "BEFORE TRUNCATE", LOG, "casegate_refuse", each="STATEMENT")
    yield from trigger(f"{CHANGES}_decided_refused", "BEFORE UPDATE", CHANGES, "casegate_refuse_decided")
    yield from trigger(f"{CHANGES}_gone_refused", "BEFORE DELETE", CHANGES, "casegate_refuse_decided")
    yield from trigger("user_roles_service_refused", "BEFORE INSERT OR UPDATE", "user_roles", "casegate_refuse_service")
    yield from trigger("users_kind_refused", "BEFORE UPDATE OF kind", "users", "casegate_refuse_kind")
    yield (
        "CREATE TRIGGER user_roles_reviewer_added AFTER INSERT ON user_roles FOR EACH ROW"
        " WHEN (NEW.role = 'REVIEWER') EXECUTE FUNCTION casegate_reviewer_since()"
    )
    yield (
        "CREATE TRIGGER user_roles_reviewer_gone AFTER DELETE ON user_roles FOR EACH ROW"
        " WHEN (OLD.role = 'REVIEWER') EXECUTE FUNCTION casegate_reviewer_since()"
    )
