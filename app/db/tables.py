"""The tables: columns, named constraints and indexes, the same on SQLite and PostgreSQL.

What a table cannot say (rows that never change) the triggers of the migrations say. Enums are stored as strings without
a list of members, so that a new member needs no migration.
"""

from typing import Any

from sqlalchemy import (
    BigInteger,
    Boolean,
    CheckConstraint,
    Column,
    ForeignKey,
    ForeignKeyConstraint,
    Index,
    Integer,
    SmallInteger,
    String,
    Table,
    Text,
    UniqueConstraint,
    Uuid,
    text,
    true,
)

from app.db.columns import EnumString, Warnings, account_column, id_column, reference, time
from app.db.columns import metadata as metadata  # which the migrations read whole from here
from app.db.indexed import WordsColumn
from app.db.log_position import NextPosition
from app.db.webhook_tables import webhook_deliveries as webhook_deliveries
from app.db.webhook_tables import webhook_retries as webhook_retries
from app.db.webhook_tables import webhooks as webhooks
from app.domain.account_log import AdminActionType, Approval, ChangeStatus, Source
from app.domain.action_log import GENESIS
from app.domain.addresses import parse_address
from app.domain.model import (
    ActionType,
    CaseStatus,
    EvaluationStatus,
    IdentityOrigin,
    Language,
    OverrideStatus,
    RequestedStatus,
    Resolution,
    Role,
    SearchField,
    SubjectType,
    UserKind,
)
from app.domain.search_words import fold

accounts = Table(
    "accounts",
    metadata,
    id_column(),
    Column("name", String(200), nullable=False),
    Column("default_language", EnumString(Language), nullable=False),
    Column("cases_enabled", Boolean(), nullable=False),
    Column("overrides_enabled", Boolean(), nullable=False),
    Column("restrict_to_assigned_reviewers", Boolean(), nullable=False),
    Column("require_reviewed_version", Boolean(), nullable=False, server_default=true()),
    # How long the content of closed cases is kept; null: until somebody erases it.
    Column("retention_days", Integer()),
    # For how many hours an override can be decided; null: for ever.
    Column("override_expiry_hours", Integer()),
    # Within how many hours a new case is due, by its subject's result: see `app.domain.due_dates`.
    Column("due_hours", String(200)),
    # For how many hours before, or after, what is due people are told of it; null: they are not.
    Column("reminder_hours", Integer()),
    Column("escalation_hours", Integer()),
    # What is to be done on each case: see `app.domain.checklist`.
    Column("checklist", Text()),
    Column("case_count", Integer(), nullable=False, server_default=text("0")),
    time("created_at"),
    # The head of the account's own log: how many rows it has, and the last one's hash.
    Column("admin_action_count", Integer(), nullable=False, server_default=text("0")),
    Column("admin_head_hash", String(64), nullable=False, server_default=text(f"'{GENESIS}'")),
)


NAME_KEY = Text().with_variant(Text(collation="C"), "postgresql")


def _key_of_email(context: Any) -> str | None:
    address = parse_address(context.get_current_parameters()["email"])
    return None if address is None else address.key


def _key_of_name(context: Any) -> str | None:
    name = context.get_current_parameters()["display_name"]
    return None if name is None else fold(name)


users = Table(
    "users",
    metadata,
    id_column(),
    account_column(),
    Column("email", String(320), nullable=False),
    # What addresses are compared by, made of the address here, so that no code that adds a person can forget it. The
    # server's default is for the migration alone: SQLite adds no other column that must not be null.
    Column("email_key", String(320), nullable=False, default=_key_of_email, server_default=text("''")),
    # The salt that the account's log commits to the address with; null where it is older than that.
    Column("email_salt", String(64)),
    Column("display_name", String(200), nullable=False),
    # What names are sorted and searched by, made of the name in the same way; who changes a name has to change it too.
    # Its order is that of code points, on both engines.
    Column("name_key", NAME_KEY, nullable=False, default=_key_of_name, server_default=text("''")),
    Column("active", Boolean(), nullable=False),
    # Counts the changes of what the person may do: of their roles, of their being active, of their tokens, of the
    # account's features and policies. Triggers keep it.
    Column("authority_version", Integer(), nullable=False, server_default=text("0")),
    Column("language", EnumString(Language)),
    time("created_at"),
    Column("kind", EnumString(UserKind), nullable=False, default=UserKind.PERSON, server_default=text("'PERSON'")),
    # Null for who is no reviewer. Triggers set the time where a role is given by hand.
    time("reviewer_since", nullable=True),
    UniqueConstraint("account_id", "email"),
    Index("uq_users_account_id_email_key", "account_id", "email_key", unique=True),
    Index(None, "account_id", "name_key", "id"),
    Index(None, "account_id", "created_at", "id"),
    Index(
        "uq_users_system",
        "account_id",
        unique=True,
        sqlite_where=text("kind = 'SYSTEM'"),
        postgresql_where=text("kind = 'SYSTEM'"),
    ),
)

user_roles = Table(
    "user_roles",
    metadata,
    Column("user_id", Uuid(), ForeignKey("users.id"), primary_key=True),
    Column("role", EnumString(Role), primary_key=True),
)

api_tokens = Table(
    "api_tokens",
    metadata,
    id_column(),
    account_column(),
    reference("user_id", "users.id", index=True),
    Column("name", String(200), nullable=False),
    Column("scopes", String(400), nullable=False),  # space-separated, as in RFC 6749, section 3.3
    Column("prefix", String(20), nullable=False),
    Column("secret_hash", String(64), nullable=False, unique=True),
    time("created_at"),
    time("expires_at", nullable=True),
    time("revoked_at", nullable=True),
    time("last_used_at", nullable=True),
)

_LINKED = text("unlinked_at IS NULL")

# Whom a subject of an identity provider stands for. A row stays when it is unlinked: then it stands for no person.
user_identities = Table(
    "user_identities",
    metadata,
    Column("account_id", Uuid(), ForeignKey("accounts.id"), primary_key=True),
    Column("issuer", String(500), primary_key=True),
    Column("subject", String(255), primary_key=True),
    reference("user_id", "users.id"),
    reference("token_id", "api_tokens.id"),  # the row that stands for all tokens of this subject
    Column("origin", EnumString(IdentityOrigin), nullable=False),
    Column("email", String(320)),  # the address that linked it
    time("created_at"),
    time("unlinked_at", nullable=True),
    Index(
        "uq_user_identities_linked",
        "user_id",
        "issuer",
        unique=True,
        sqlite_where=_LINKED,
        postgresql_where=_LINKED,
    ),
    Index(None, "user_id"),
)

subjects = Table(
    "subjects",
    metadata,
    id_column(),
    account_column(),
    Column("type", EnumString(SubjectType), nullable=False),
    Column("external_ref", String(200), nullable=False),
    Column("label", String(200), nullable=False),
    Column("country_code", String(2)),
    Column("evaluation_status", EnumString(EvaluationStatus), nullable=False),
    Column("version", Integer(), nullable=False),
    # What the reference is compared by (`app.domain.text.identity`); the log's hashes cover it as it was written.
    Column("external_key", Text(), nullable=False, server_default=text("''")),
    # 0 for whom openings meet; more for others of the same key, which are from before there were keys.
    Column("twin", Integer(), nullable=False, server_default=text("0")),
    # The accepted override that its result rests on. No foreign key: overrides refer to subjects.
    Column("override_id", Uuid()),
    UniqueConstraint("account_id", "type", "external_ref"),
    Index("uq_subjects_external_key", "account_id", "type", "external_key", "twin", unique=True),
)

cases = Table(
    "cases",
    metadata,
    id_column(),
    account_column(),
    Column("number", Integer(), nullable=False),
    reference("subject_id", "subjects.id"),
    Column("subject_status_at_opening", EnumString(EvaluationStatus), nullable=False),
    Column("title", String(200)),  # null once it is erased
    Column("description", Text()),
    Column("status", EnumString(CaseStatus), nullable=False),
    Column("resolution", EnumString(Resolution)),
    reference("created_by_id", "users.id"),
    time("created_at"),
    time("updated_at"),
    reference("closed_by_id", "users.id", nullable=True),
    time("closed_at", nullable=True),
    Column("version", Integer(), nullable=False),
    Column("action_count", Integer(), nullable=False),
    Column("head_hash", String(64), nullable=False),
    # What the log's commitments are made with (`app.domain.commitments`); texts that older rows cover have none.
    Column("title_salt", String(64)),
    Column("description_salt", String(64)),
    # The rows of the log by which texts were erased, and by which it is held; triggers demand that they are there.
    Column("erased_by_id", Uuid()),
    Column("held_by_id", Uuid()),
    # Who works on it. Triggers demand that the log's last row names them where it changes.
    Column("owner_id", Uuid()),
    # Until when it is to be finished; triggers demand the same of it.
    time("due_at", nullable=True),
    UniqueConstraint("account_id", "number"),
    Index(None, "subject_id"),
    Index(None, "account_id", "status", "number", postgresql_include=["subject_id"]),
    Index(None, "account_id", "created_by_id", "number"),
    Index(None, "account_id", "owner_id", "number"),
    Index(None, "account_id", "created_at", "id"),
    Index(None, "account_id", "updated_at", "id"),
    CheckConstraint(
        "(status = 'CLOSED') = (resolution IS NOT NULL)"
        " AND (status = 'CLOSED') = (closed_by_id IS NOT NULL)"
        " AND (status = 'CLOSED') = (closed_at IS NOT NULL)",
        name="closed_whole",
    ),
    Index(
        "uq_cases_active_subject",
        "subject_id",
        unique=True,
        sqlite_where=text("status <> 'CLOSED'"),
        postgresql_where=text("status <> 'CLOSED'"),
    ),
    Index(
        "ix_cases_open_due",
        "account_id",
        "due_at",
        "id",
        sqlite_where=text("status <> 'CLOSED' AND due_at IS NOT NULL"),
        postgresql_where=text("status <> 'CLOSED' AND due_at IS NOT NULL"),
    ),
    Index(
        "ix_cases_not_erased",
        "account_id",
        "closed_at",
        "id",
        sqlite_where=text("status = 'CLOSED' AND erased_by_id IS NULL"),
        postgresql_where=text("status = 'CLOSED' AND erased_by_id IS NULL"),
    ),
)

# What has no time is the least on both engines, so that one index serves the ascending and the descending order.
_closed = cases.c.closed_at.desc().nulls_last(), cases.c.id.desc()
Index("ix_cases_account_id_closed_at_id", cases.c.account_id, *_closed).ddl_if(dialect="postgresql")
Index("ix_cases_account_id_closed_at_id", cases.c.account_id, cases.c.closed_at, cases.c.id).ddl_if(dialect="sqlite")

_due = cases.c.due_at.desc().nulls_last(), cases.c.id.desc()
Index("ix_cases_account_id_due_at_id", cases.c.account_id, *_due).ddl_if(dialect="postgresql")
Index("ix_cases_account_id_due_at_id", cases.c.account_id, cases.c.due_at, cases.c.id).ddl_if(dialect="sqlite")

comments = Table(
    "comments",
    metadata,
    id_column(),
    account_column(),
    reference("case_id", "cases.id", index=True),
    reference("author_id", "users.id"),
    Column("body", Text()),  # null once it is erased
    time("created_at"),
    Column("salt", String(64)),
    Column("erased_by_id", Uuid()),
)

documents = Table(
    "documents",
    metadata,
    id_column(),
    account_column(),
    reference("uploader_id", "users.id"),
    Column("filename", String(255)),  # null once it is erased, as its digest
    Column("content_type", String(100), nullable=False),
    Column("size_bytes", Integer(), nullable=False),
    Column("sha256", String(64)),
    time("created_at"),
    reference("comment_id", "comments.id", nullable=True),
    # The comment's case stands here too, so that a case's documents are read without its comments.
    reference("case_id", "cases.id", nullable=True),
    Column("position", Integer()),
    Column("warnings", Warnings()),
    Column("filename_salt", String(64)),
    Column("content_salt", String(64)),
    Column("erased_by_id", Uuid()),
    UniqueConstraint("comment_id", "position"),
    CheckConstraint("size_bytes > 0", name="size_is_positive"),
    CheckConstraint(
        "(comment_id IS NULL) = (case_id IS NULL) AND (comment_id IS NULL) = (position IS NULL)", name="attached_whole"
    ),
    CheckConstraint("position BETWEEN 0 AND 9", name="position_range"),
    Index(None, "case_id", "id"),
    # Where the same file is, of those that are attached and not erased.
    Index(
        "ix_documents_same",
        "account_id",
        "sha256",
        "case_id",
        sqlite_where=text("case_id IS NOT NULL AND sha256 IS NOT NULL"),
        postgresql_where=text("case_id IS NOT NULL AND sha256 IS NOT NULL"),
    ),
    Index(
        "ix_documents_unattached",
        "created_at",
        "uploader_id",
        sqlite_where=text("comment_id IS NULL"),
        postgresql_where=text("comment_id IS NULL"),
    ),
)

# Which bank account a case is about: what a key of the account makes of its number, which is stored nowhere.
case_bank_accounts = Table(
    "case_bank_accounts",
    metadata,
    Column("case_id", Uuid(), ForeignKey("cases.id"), primary_key=True),
    account_column(),
    Column("account_key", String(64), nullable=False),
    Index(None, "account_id", "account_key", "case_id"),
)

# What of erasures is still to be done after their transactions: by the id of a document, whose bytes are to be deleted
# from the store, or by that of the row of the log, whose words are to leave SQLite's files.
unfinished_erasures = Table(
    "unfinished_erasures",
    metadata,
    Column("id", Uuid(), primary_key=True),
    Column("account_id", Uuid(), nullable=False),
)

server_keys = Table(
    "server_keys",
    metadata,
    Column("name", String(40), primary_key=True),
    Column("value", String(64), nullable=False),
)

_PENDING = text("status = 'PENDING'")
_DECIDED = text("decided_by_id IS NOT NULL")

overrides = Table(
    "overrides",
    metadata,
    id_column(),
    account_column(),
    reference("case_id", "cases.id", index=True),
    reference("subject_id", "subjects.id"),
    reference("created_by_id", "users.id"),
    Column("requested_status", EnumString(RequestedStatus), nullable=False),
    Column("status", EnumString(OverrideStatus), nullable=False),
    Column("subject_status_at_request", EnumString(EvaluationStatus), nullable=False),
    reference("decided_by_id", "users.id", nullable=True),
    time("decided_at", nullable=True),
    Column("version", Integer(), nullable=False),
    time("created_at"),
    # From when on nobody decides on it; null: never. It does not change.
    time("expires_at", nullable=True),
    UniqueConstraint("id", "created_by_id"),
    CheckConstraint("decided_by_id <> created_by_id", name="decider_is_not_creator"),
    CheckConstraint(
        "(status IN ('ACCEPTED', 'REFUSED')) = (decided_by_id IS NOT NULL)"
        " AND (status IN ('ACCEPTED', 'REFUSED')) = (decided_at IS NOT NULL)",
        name="decided_whole",
    ),
    Index(None, "subject_id", "created_at", "id"),
    Index(
        "ix_overrides_pair",
        "account_id",
        "created_by_id",
        "decided_by_id",
        "decided_at",
        sqlite_where=_DECIDED,
        postgresql_where=_DECIDED,
    ),
    Index(
        "ix_overrides_expiring",
        "expires_at",
        "id",
        sqlite_where=text("status = 'PENDING' AND expires_at IS NOT NULL"),
        postgresql_where=text("status = 'PENDING' AND expires_at IS NOT NULL"),
    ),
    Index("uq_overrides_pending_case", "case_id", unique=True, sqlite_where=_PENDING, postgresql_where=_PENDING),
    Index("uq_overrides_pending_subject", "subject_id", unique=True, sqlite_where=_PENDING, postgresql_where=_PENDING),
)

override_reviewers = Table(
    "override_reviewers",
    metadata,
    Column("override_id", Uuid(), primary_key=True),
    reference("reviewer_id", "users.id"),
    Column("position", Integer(), primary_key=True),
    # The creator stands here too, so that the table itself can refuse a creator who reviews.
    Column("created_by_id", Uuid(), nullable=False),
    UniqueConstraint("override_id", "reviewer_id"),
    Index(None, "reviewer_id", "override_id"),
    ForeignKeyConstraint(["override_id", "created_by_id"], ["overrides.id", "overrides.created_by_id"]),
    CheckConstraint("reviewer_id <> created_by_id", name="reviewer_is_not_creator"),
    CheckConstraint("position BETWEEN 0 AND 9", name="position_range"),
)

# Who was asked instead, later: `version` is the override's from then on.
reassigned_reviewers = Table(
    "reassigned_reviewers",
    metadata,
    Column("override_id", Uuid(), primary_key=True),
    Column("version", Integer(), primary_key=True),
    Column("position", Integer(), primary_key=True),
    reference("reviewer_id", "users.id"),
    Column("created_by_id", Uuid(), nullable=False),
    UniqueConstraint("override_id", "version", "reviewer_id"),
    Index(None, "reviewer_id", "override_id"),
    ForeignKeyConstraint(["override_id", "created_by_id"], ["overrides.id", "overrides.created_by_id"]),
    CheckConstraint("version >= 2", name="version_is_later"),
    CheckConstraint("reviewer_id <> created_by_id", name="reviewer_is_not_creator"),
    CheckConstraint("position BETWEEN 0 AND 9", name="position_range"),
)

# Who decides in the place of a reviewer who is away. A row is ended once at most, and changes in nothing else.
review_delegations = Table(
    "review_delegations",
    metadata,
    id_column(),
    account_column(),
    reference("delegator_id", "users.id"),
    reference("delegate_id", "users.id"),
    time("starts_at"),
    time("ends_at"),
    time("created_at"),
    time("ended_at", nullable=True),
    CheckConstraint("delegator_id <> delegate_id", name="delegate_is_another"),
    CheckConstraint("starts_at < ends_at", name="lasts"),
    Index(None, "delegator_id", "ends_at"),
    Index(None, "delegate_id", "ends_at"),
)

case_actions = Table(
    "case_actions",
    metadata,
    id_column(),
    account_column(),
    reference("case_id", "cases.id"),
    Column("seq", Integer(), nullable=False),
    Column("type", EnumString(ActionType), nullable=False),
    reference("user_id", "users.id"),
    # The log row is written first: the database takes no comment and no override that the log does not have.
    reference("comment_id", "comments.id", nullable=True, by_commit=True),
    reference("override_id", "overrides.id", nullable=True, by_commit=True),
    # How many documents came with the comment, so that none is attached to it later.
    Column("document_count", Integer(), nullable=False, server_default=text("0")),
    Column("status_before", EnumString(CaseStatus)),
    Column("status_after", EnumString(CaseStatus), nullable=False),
    Column("resolution", EnumString(Resolution)),
    time("created_at"),
    Column("request_id", String(64), nullable=False),
    Column("prev_hash", String(64), nullable=False),
    Column("hash", String(64), nullable=False),
    # Its place in the account's whole log: see `app.db.log_position`. Rows from before there were places have 0.
    Column("position", BigInteger(), nullable=False, default=NextPosition(), server_default=text("0")),
    # How the hash is made: 2 with what comes next, all of it canonical JSON; 1 for rows from before.
    Column("format", SmallInteger(), nullable=False, server_default=text("1")),
    Column("authority", Text()),
    Column("commitments", Text()),
    Column("details", Text()),
    UniqueConstraint("case_id", "seq"),
    Index(None, "account_id", "position", "id"),
    Index(None, "user_id", "case_id"),
    Index(
        "ix_case_actions_reminders",
        "case_id",
        "type",
        sqlite_where=text("type = 'REMIND' OR type = 'ESCALATE'"),
        postgresql_where=text("type = 'REMIND' OR type = 'ESCALATE'"),
    ),
    # Of each step and state, the last row of a case.
    Index(
        "ix_case_actions_steps",
        "case_id",
        "details",
        "seq",
        sqlite_where=text("type = 'RECORD_STEP'"),
        postgresql_where=text("type = 'RECORD_STEP'"),
    ),
    UniqueConstraint("comment_id"),
    CheckConstraint("seq >= 1", name="seq_from_one"),
    CheckConstraint("(seq = 1) = (type = 'OPEN') AND (seq = 1) = (status_before IS NULL)", name="first_opens"),
)

idempotency_records = Table(
    "idempotency_records",
    metadata,
    Column("token_id", Uuid(), ForeignKey("api_tokens.id"), primary_key=True),
    Column("key", String(128), primary_key=True),
    Column("fingerprint", String(64), nullable=False),
    # The record is written first, so that a twin waits for it; its action exists by the commit. It is of either log.
    # An evaluation that changed nothing has none: then it is the subject.
    reference("action_id", "case_actions.id", nullable=True, by_commit=True),
    time("created_at"),
    reference("account_action_id", "account_actions.id", nullable=True, by_commit=True),
    reference("subject_id", "subjects.id", nullable=True),
    CheckConstraint(
        "(action_id IS NOT NULL AND account_action_id IS NULL AND subject_id IS NULL)"
        " OR (action_id IS NULL AND (account_action_id IS NULL) <> (subject_id IS NULL))",
        name="one_outcome",
    ),
    Index(None, "created_at"),
)

# The account's own log: what was administered. Its rows are permanent, as a case's are.
account_actions = Table(
    "account_actions",
    metadata,
    id_column(),
    account_column(),
    Column("seq", Integer(), nullable=False),
    Column("type", EnumString(AdminActionType), nullable=False),
    Column("source", EnumString(Source), nullable=False),
    reference("user_id", "users.id", nullable=True),
    reference("token_id", "api_tokens.id", nullable=True),
    Column("roles", String(200), nullable=False),
    Column("approval", EnumString(Approval), nullable=False),
    reference("target_user_id", "users.id", nullable=True),
    reference("target_token_id", "api_tokens.id", nullable=True),
    Column("change_id", Uuid()),
    Column("details", Text(), nullable=False),
    time("created_at"),
    Column("request_id", String(64), nullable=False),
    Column("prev_hash", String(64), nullable=False),
    Column("hash", String(64), nullable=False),
    # Which subject it evaluated, as its details say too.
    Column("subject_id", Uuid()),
    UniqueConstraint("account_id", "seq"),
    Index(None, "target_user_id", "seq"),
    Index(None, "subject_id", "seq"),
    CheckConstraint("seq >= 1", name="seq_from_one"),
)

# What needs a second admin. What it asks for may hold names and addresses, and goes once it is decided.
account_changes = Table(
    "account_changes",
    metadata,
    id_column(),
    account_column(),
    Column("type", EnumString(AdminActionType), nullable=False),
    Column("status", EnumString(ChangeStatus), nullable=False),
    reference("requested_by_id", "users.id"),
    reference("target_user_id", "users.id", nullable=True),
    # What it is about, while it waits, so that nobody asks twice.
    Column("pending_key", String(400)),
    Column("payload", Text()),
    time("created_at"),
    reference("decided_by_id", "users.id", nullable=True),
    time("decided_at", nullable=True),
    UniqueConstraint("account_id", "pending_key"),
    Index(None, "account_id", "created_at", "id"),
    CheckConstraint(
        "(status = 'PENDING') = (pending_key IS NOT NULL) AND (status = 'PENDING') = (payload IS NOT NULL)"
        " AND (status = 'PENDING') = (decided_at IS NULL)",
        name="pending_whole",
    ),
    CheckConstraint("status <> 'APPROVED' OR decided_by_id <> requested_by_id", name="approver_is_another"),
)

# What a company's directory says of people, by SCIM: names and ids that give nobody a right.
directory_entries = Table(
    "directory_entries",
    metadata,
    Column("user_id", Uuid(), ForeignKey("users.id"), primary_key=True),
    account_column(),
    # Null where the directory's name for the person is their e-mail address; the key is what it is compared by.
    Column("user_name", String(320)),
    Column("user_name_key", String(320)),
    Column("external_id", String(255)),
    Column("given_name", String(200)),
    Column("family_name", String(200)),
    Column("deleted", Boolean(), nullable=False),
    UniqueConstraint("account_id", "user_name_key"),
    Index(None, "account_id", "external_id"),
)

# The directory's groups; which role a group gives is a setting of the gateway's, by its name.
directory_groups = Table(
    "directory_groups",
    metadata,
    id_column(),
    account_column(),
    Column("name", String(200), nullable=False),
    Column("name_key", String(200), nullable=False),
    Column("external_id", String(255)),
    time("created_at"),
    time("updated_at"),
    UniqueConstraint("account_id", "name_key"),
)

# What can be searched: the words of each text, beside whose and which it is. All of it can be made anew from the texts
# (`app.db.reindex`), so that it has no foreign keys, which would be two of each comment's.
case_texts = Table(
    "case_texts",
    metadata,
    Column("id", BigInteger().with_variant(Integer(), "sqlite"), primary_key=True),
    Column("account_id", Uuid(), nullable=False),
    Column("case_id", Uuid(), nullable=False),
    Column("field", EnumString(SearchField), nullable=False),
    Column("source_id", Uuid(), nullable=False),
    Column("words", WordsColumn(), nullable=False),
    # By which rules the words were made; 0 for those that the database has made by itself.
    Column("folding", Integer(), nullable=False, server_default=text("0")),
    Index(None, "case_id", "source_id"),
    Index("ix_case_texts_stale", "id", sqlite_where=text("folding = 0"), postgresql_where=text("folding = 0")),
)
Index("ix_case_texts_words", case_texts.c.words, postgresql_using="gin").ddl_if(dialect="postgresql")
