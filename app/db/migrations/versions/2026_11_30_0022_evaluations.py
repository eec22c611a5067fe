"""Evaluations: a subject changes by a result of the check system too, where a row of a log says so.

While a case on it is open, that is the case's last row; else it is the last row of the account's own log. A subject
keeps which accepted override its result rests on. An idempotency key may stand for an evaluation that changed nothing.

Revision ID: 0022
Revises: 0021
"""

import sqlalchemy as sa
from alembic import op

revision = "0022"
down_revision = "0021"
branch_labels = None
depends_on = None

TRIGGER = "subjects_logged"
ASKED = "NEW.evaluation_status <> OLD.evaluation_status OR NEW.version <> OLD.version"

CHANGED_BY_ACTION = (
    "NEW.evaluation_status <> OLD.evaluation_status AND EXISTS ("
    "SELECT 1 FROM cases AS c JOIN case_actions AS a ON a.case_id = c.id AND a.seq = c.action_count"
    " LEFT JOIN overrides AS o ON o.id = a.override_id"
    " WHERE c.subject_id = NEW.id AND c.status <> 'CLOSED' AND c.account_id = NEW.account_id"
    " AND ((a.type = 'OPEN' AND c.subject_status_at_opening = NEW.evaluation_status)"
    " OR (a.type = 'ACCEPT' AND o.subject_id = NEW.id AND o.requested_status = NEW.evaluation_status)))"
)
OF_CASE = (
    "EXISTS (SELECT 1 FROM cases AS c JOIN case_actions AS a ON a.case_id = c.id AND a.seq = c.action_count"
    " WHERE c.subject_id = NEW.id AND c.status <> 'CLOSED' AND c.account_id = NEW.account_id"
    " AND a.type = 'EVALUATION' AND {status} = NEW.evaluation_status AND {version} = NEW.version)"
)
OF_ACCOUNT = (
    "(NOT EXISTS (SELECT 1 FROM cases AS c WHERE c.subject_id = NEW.id AND c.status <> 'CLOSED')"
    " AND EXISTS (SELECT 1 FROM accounts AS t JOIN account_actions AS r ON r.account_id = t.id"
    " AND r.seq = t.admin_action_count WHERE t.id = NEW.account_id AND r.type = 'EVALUATION'"
    " AND r.subject_id = NEW.id AND {subject} AND {status} = NEW.evaluation_status AND {version} = NEW.version))"
)
# What the rows say, as each engine reads it; ids are without dashes on SQLite.
SAID = {
    "sqlite": (
        {
            "status": "json_extract(a.details, '$.status_after')",
            "version": "json_extract(a.details, '$.subject_version')",
        },
        {
            "subject": "replace(json_extract(r.details, '$.subjectId[0]'), '-', '') = NEW.id",
            "status": "json_extract(r.details, '$.statusAfter[0]')",
            "version": "CAST(json_extract(r.details, '$.subjectVersion[0]') AS INTEGER)",
        },
    ),
    "postgresql": (
        {
            "status": "CAST(a.details AS json) ->> 'status_after'",
            "version": "CAST(CAST(a.details AS json) ->> 'subject_version' AS integer)",
        },
        {
            "subject": "CAST(r.details AS json) #>> '{subjectId,0}' = CAST(NEW.id AS text)",
            "status": "CAST(r.details AS json) #>> '{statusAfter,0}'",
            "version": "CAST(CAST(r.details AS json) #>> '{subjectVersion,0}' AS integer)",
        },
    ),
}

ONE_OUTCOME = (
    "(action_id IS NOT NULL AND account_action_id IS NULL AND subject_id IS NULL)"
    " OR (action_id IS NULL AND (account_action_id IS NULL) <> (subject_id IS NULL))"
)
EITHER_LOG = "(action_id IS NULL) <> (account_action_id IS NULL)"

# The override that was accepted last, unless a case was opened later with another result.
LAST_ACCEPTED = (
    "UPDATE subjects SET override_id = (SELECT o.id FROM overrides AS o JOIN cases AS c ON c.id = o.case_id"
    " JOIN case_actions AS a ON a.case_id = c.id AND a.override_id = o.id AND a.type = 'ACCEPT'"
    " WHERE o.subject_id = subjects.id AND o.status = 'ACCEPTED' ORDER BY c.number DESC, a.seq DESC LIMIT 1)"
)
SUPERSEDED = (
    "UPDATE subjects SET override_id = NULL WHERE override_id IS NOT NULL AND EXISTS (SELECT 1 FROM overrides AS o"
    " JOIN cases AS c ON c.id = o.case_id JOIN cases AS later ON later.subject_id = subjects.id"
    " AND later.number > c.number WHERE o.id = subjects.override_id"
    " AND later.subject_status_at_opening <> o.requested_status)"
)


def upgrade() -> None:
    dialect = op.get_bind().dialect.name
    op.add_column("subjects", sa.Column("override_id", sa.Uuid(), nullable=True))
    op.execute(LAST_ACCEPTED)
    op.execute(SUPERSEDED)
    op.add_column("account_actions", sa.Column("subject_id", sa.Uuid(), nullable=True))
    op.create_index("ix_account_actions_subject_id_seq", "account_actions", ["subject_id", "seq"], unique=False)
    _let_keys_stand_for_subjects(dialect)
    _demand(dialect, CHANGED_BY_ACTION, _evaluated(dialect))


def downgrade() -> None:
    dialect = op.get_bind().dialect.name
    _demand(dialect, CHANGED_BY_ACTION)
    op.execute("DELETE FROM idempotency_records WHERE subject_id IS NOT NULL")
    if dialect == "postgresql":
        op.drop_constraint(op.f("ck_idempotency_records_one_outcome"), "idempotency_records")
        op.drop_column("idempotency_records", "subject_id")
        op.create_check_constraint(op.f("ck_idempotency_records_either_log"), "idempotency_records", EITHER_LOG)
    else:
        _make_keys_anew(sa.CheckConstraint(EITHER_LOG, name=op.f("ck_idempotency_records_either_log")))
    op.drop_index("ix_account_actions_subject_id_seq", "account_actions")
    op.drop_column("account_actions", "subject_id")
    op.drop_column("subjects", "override_id")


def _evaluated(dialect: str) -> str:
    of_case, of_account = SAID[dialect]
    return f"{OF_CASE.format(**of_case)} OR {OF_ACCOUNT.format(**of_account)}"


# --- What a change of a subject demands of the logs ------------------------------------------------------------------


def _demand(dialect: str, demand: str, otherwise: str = "false") -> None:
    """Have the trigger demand the next version of a change, and this, or *otherwise* something else.

    On PostgreSQL the latter is an expression of its own, so that most changes do not have to set it up.
    """
    step = "NEW.version = OLD.version + 1"
    message = "casegate: the log does not have this change of subjects"
    if dialect == "postgresql":
        op.execute(
            sa.text(
                f"CREATE OR REPLACE FUNCTION casegate_{TRIGGER}() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN"
                f" IF {step} AND {demand} THEN RETURN NULL; END IF;"
                f" IF {step} AND ({otherwise}) THEN RETURN NULL; END IF;"
                f" RAISE EXCEPTION '{message}' USING ERRCODE = 'restrict_violation'; END $$"
            )
        )
        return
    op.execute(f"DROP TRIGGER {TRIGGER}")
    op.execute(
        sa.text(
            f"CREATE TRIGGER {TRIGGER} AFTER UPDATE OF evaluation_status, version ON subjects WHEN ({ASKED})"
            f" AND NOT ({step} AND (({demand}) OR {otherwise})) BEGIN SELECT RAISE(ABORT, '{message}'); END"
        )
    )


# --- Idempotency keys ------------------------------------------------------------------------------------------------


def _let_keys_stand_for_subjects(dialect: str) -> None:
    name = "fk_idempotency_records_subject_id"
    if dialect == "postgresql":
        op.drop_constraint(op.f("ck_idempotency_records_either_log"), "idempotency_records")
        op.add_column("idempotency_records", sa.Column("subject_id", sa.Uuid(), nullable=True))
        op.create_foreign_key(name, "idempotency_records", "subjects", ["subject_id"], ["id"])
        op.create_check_constraint(op.f("ck_idempotency_records_one_outcome"), "idempotency_records", ONE_OUTCOME)
        return
    _make_keys_anew(
        sa.Column("subject_id", sa.Uuid(), nullable=True),
        sa.ForeignKeyConstraint(["subject_id"], ["subjects.id"], name=name),
        sa.CheckConstraint(ONE_OUTCOME, name=op.f("ck_idempotency_records_one_outcome")),
    )


def _make_keys_anew(*more: sa.schema.SchemaItem) -> None:
    """Make the table of keys anew, since SQLite changes no constraint, with the keys that are there."""

    def key_to(column: str, table: str) -> sa.ForeignKeyConstraint:
        name = f"fk_idempotency_records_{column}"
        return sa.ForeignKeyConstraint([column], [f"{table}.id"], name=name, initially="DEFERRED", deferrable=True)

    op.drop_index("ix_idempotency_records_created_at", "idempotency_records")
    op.rename_table("idempotency_records", "idempotency_records_before")
    op.create_table(
        "idempotency_records",
        sa.Column("token_id", sa.Uuid(), nullable=False),
        sa.Column("key", sa.String(128), nullable=False),
        sa.Column("fingerprint", sa.String(64), nullable=False),
        sa.Column("action_id", sa.Uuid(), nullable=True),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("account_action_id", sa.Uuid(), nullable=True),
        key_to("action_id", "case_actions"),
        key_to("account_action_id", "account_actions"),
        sa.ForeignKeyConstraint(["token_id"], ["api_tokens.id"], name="fk_idempotency_records_token_id"),
        sa.PrimaryKeyConstraint("token_id", "key", name="pk_idempotency_records"),
        *more,
    )
    names = "token_id, key, fingerprint, action_id, created_at, account_action_id"
    op.execute(f"INSERT INTO idempotency_records ({names}) SELECT {names} FROM idempotency_records_before")
    op.drop_table("idempotency_records_before")
    op.create_index("ix_idempotency_records_created_at", "idempotency_records", ["created_at"], unique=False)
