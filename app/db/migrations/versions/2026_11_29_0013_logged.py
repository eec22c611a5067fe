"""Logged: the database takes no comment, attached document, override or result of a subject that the log does not have.

On SQLite the log row comes first, and what hangs on it asks for it. On PostgreSQL it is asked for as the transaction
ends. A result can only be what the last row of the subject's active case says, whoever changes it. A row's place in the
whole log must be the next one, so that nothing is anchored out of turn.

Revision ID: 0013
Revises: 0012
"""

from collections.abc import Iterator

import sqlalchemy as sa
from alembic import op

revision = "0013"
down_revision = "0012"
branch_labels = None
depends_on = None

KEYS = {
    "fk_case_actions_comment_id": ("comment_id", "comments"),
    "fk_case_actions_override_id": ("override_id", "overrides"),
}
"""What a log row refers to, and what need not be there before the transaction ends."""

MISPLACED = "casegate: a row of case_actions has another place than the next one"

# By the comment alone, which is unique: left to itself, PostgreSQL may go through all that the author did in the case.
COMMENT = (
    "coalesce((NEW.case_id, NEW.account_id, NEW.author_id)"
    " = (SELECT a.case_id, a.account_id, a.user_id FROM case_actions AS a WHERE a.comment_id = NEW.id), false)"
)
DOCUMENT = (
    "coalesce((SELECT a.case_id = NEW.case_id AND a.account_id = NEW.account_id AND a.document_count > NEW.position"
    " FROM case_actions AS a WHERE a.comment_id = NEW.comment_id), false)"
)
OVERRIDE = (
    "EXISTS (SELECT 1 FROM cases AS c JOIN case_actions AS a ON a.case_id = c.id AND a.seq = c.action_count"
    " WHERE c.id = NEW.case_id AND c.account_id = NEW.account_id AND c.subject_id = NEW.subject_id"
    " AND a.override_id = NEW.id AND a.user_id = coalesce(NEW.decided_by_id, NEW.created_by_id)"
    " AND a.type = CASE NEW.status WHEN 'PENDING' THEN 'REQUEST_OVERRIDE' WHEN 'ACCEPTED' THEN 'ACCEPT'"
    " WHEN 'REFUSED' THEN 'REFUSE' ELSE 'CANCEL' END)"
)
SUBJECT = (
    "NEW.version = OLD.version + 1 AND NEW.evaluation_status <> OLD.evaluation_status AND EXISTS ("
    "SELECT 1 FROM cases AS c JOIN case_actions AS a ON a.case_id = c.id AND a.seq = c.action_count"
    " LEFT JOIN overrides AS o ON o.id = a.override_id"
    " WHERE c.subject_id = NEW.id AND c.status <> 'CLOSED' AND c.account_id = NEW.account_id"
    " AND ((a.type = 'OPEN' AND c.subject_status_at_opening = NEW.evaluation_status)"
    " OR (a.type = 'ACCEPT' AND o.subject_id = NEW.id AND o.requested_status = NEW.evaluation_status)))"
)

# The trigger's name; the table, the event, when it is asked, and what must be there.
DEMANDS = {
    "comments_logged": ("comments", "INSERT", "", COMMENT),
    "documents_logged": ("documents", "INSERT", "NEW.comment_id IS NOT NULL", DOCUMENT),
    "documents_attached_logged": ("documents", "UPDATE OF comment_id", "NEW.comment_id IS NOT NULL", DOCUMENT),
    "overrides_logged": ("overrides", "INSERT", "", OVERRIDE),
    "overrides_status_logged": ("overrides", "UPDATE OF status", "NEW.status <> OLD.status", OVERRIDE),
    "subjects_logged": (
        "subjects",
        "UPDATE OF evaluation_status, version",
        "NEW.evaluation_status <> OLD.evaluation_status OR NEW.version <> OLD.version",
        SUBJECT,
    ),
}


def upgrade() -> None:
    op.add_column(
        "case_actions", sa.Column("document_count", sa.Integer(), server_default=sa.text("0"), nullable=False)
    )
    _count_documents()
    if op.get_bind().dialect.name == "postgresql":
        for name in KEYS:
            op.execute(f"ALTER TABLE case_actions ALTER CONSTRAINT {name} DEFERRABLE INITIALLY DEFERRED")
        statements = _postgresql_triggers()
    else:
        _defer_keys("", " DEFERRABLE INITIALLY DEFERRED")
        statements = _sqlite_triggers()
    for statement in statements:
        op.execute(statement)


def downgrade() -> None:
    is_postgresql = op.get_bind().dialect.name == "postgresql"
    for name, (table, *_) in DEMANDS.items():
        op.execute(f"DROP TRIGGER {name} ON {table}" if is_postgresql else f"DROP TRIGGER {name}")
    if is_postgresql:
        for name in DEMANDS:
            op.execute(f"DROP FUNCTION casegate_{name}()")
        op.execute("DROP TRIGGER case_actions_position_refused ON case_actions")
        op.execute("DROP FUNCTION casegate_refuse_position()")
        for name in KEYS:
            op.execute(f"ALTER TABLE case_actions ALTER CONSTRAINT {name} NOT DEFERRABLE")
    else:
        op.execute("DROP TRIGGER case_actions_position_refused")
        _defer_keys(" DEFERRABLE INITIALLY DEFERRED", "")
    op.drop_column("case_actions", "document_count")


def _count_documents() -> None:
    """Count the documents of rows that are there already, which may be changed for as long as this statement takes."""
    connection = op.get_bind()
    count = (
        "UPDATE case_actions SET document_count = (SELECT count(*) FROM documents AS d"
        " WHERE d.comment_id = case_actions.comment_id)"
        " WHERE comment_id IN (SELECT comment_id FROM documents WHERE comment_id IS NOT NULL)"
    )
    if connection.dialect.name == "postgresql":
        trigger = "TRIGGER case_actions_update_refused"
        op.execute(f"ALTER TABLE case_actions DISABLE {trigger}")
        op.execute(count)
        op.execute(f"ALTER TABLE case_actions ENABLE ALWAYS {trigger}")
        return
    made = connection.scalar(sa.text("SELECT sql FROM sqlite_master WHERE name = 'case_actions_update_refused'"))
    op.execute("DROP TRIGGER case_actions_update_refused")
    op.execute(count)
    connection.exec_driver_sql(made)


def _defer_keys(before: str, after: str) -> None:
    """Change when SQLite asks for what a log row refers to, without copying the table.

    A foreign key changes nothing in what is stored, so that its text may be changed in place:
    https://www.sqlite.org/lang_altertable.html, section 7, "removing or adding ... FOREIGN KEY constraints".
    """
    connection = op.get_bind()
    version = connection.scalar(sa.text("PRAGMA schema_version"))
    made = connection.scalar(sa.text("SELECT sql FROM sqlite_master WHERE type = 'table' AND name = 'case_actions'"))
    changed = made
    for name, (column, table) in KEYS.items():
        key = f"CONSTRAINT {name} FOREIGN KEY({column}) REFERENCES {table} (id)"
        assert changed.count(f"{key}{before}") == 1, name
        changed = changed.replace(f"{key}{before}", f"{key}{after}")
    connection.exec_driver_sql("PRAGMA writable_schema = ON")
    connection.exec_driver_sql(
        "UPDATE sqlite_master SET sql = ? WHERE type = 'table' AND name = 'case_actions'", (changed,)
    )
    connection.exec_driver_sql(f"PRAGMA schema_version = {version + 1}")
    connection.exec_driver_sql("PRAGMA writable_schema = RESET")


def _sqlite_triggers() -> Iterator[str]:
    for name, (table, event, asked, demand) in DEMANDS.items():
        when = f"({asked}) AND NOT ({demand})" if asked else f"NOT ({demand})"
        refuse = f"BEGIN SELECT RAISE(ABORT, 'casegate: the log does not have this change of {table}'); END"
        yield f"CREATE TRIGGER {name} AFTER {event} ON {table} WHEN {when} {refuse}"
    next_ = "NEW.rowid = 1 OR EXISTS (SELECT 1 FROM case_actions WHERE rowid = NEW.rowid - 1)"
    yield (
        "CREATE TRIGGER case_actions_position_refused AFTER INSERT ON case_actions"
        f" WHEN NEW.position <> NEW.rowid OR NOT ({next_})"
        f" BEGIN SELECT RAISE(ABORT, '{MISPLACED}'); END"
    )


def _postgresql_triggers() -> Iterator[str]:
    own = "CAST(CAST(pg_current_xact_id() AS text) AS bigint)"
    yield (
        "CREATE FUNCTION casegate_refuse_position() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN IF NEW.position <>"
        f" {own} + coalesce((SELECT CAST(value AS bigint) FROM server_keys WHERE name = 'log_offset'), 0) THEN"
        f" RAISE EXCEPTION '{MISPLACED}' USING ERRCODE = 'restrict_violation'; END IF; RETURN NULL; END $$"
    )
    # Only where a dump was restored is there an offset, and only then is the function called.
    yield (
        "CREATE TRIGGER case_actions_position_refused AFTER INSERT ON case_actions"
        f" FOR EACH ROW WHEN (NEW.position <> {own}) EXECUTE FUNCTION casegate_refuse_position()"
    )
    yield "ALTER TABLE case_actions ENABLE ALWAYS TRIGGER case_actions_position_refused"
    for name, (table, event, asked, demand) in DEMANDS.items():
        yield (
            f"CREATE FUNCTION casegate_{name}() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN IF NOT ({demand}) THEN"
            f" RAISE EXCEPTION 'casegate: the log does not have this change of {table}'"
            " USING ERRCODE = 'restrict_violation'; END IF; RETURN NULL; END $$"
        )
        when = f"WHEN ({asked}) " if asked else ""
        yield (
            f"CREATE CONSTRAINT TRIGGER {name} AFTER {event} ON {table} DEFERRABLE INITIALLY DEFERRED"
            f" FOR EACH ROW {when}EXECUTE FUNCTION casegate_{name}()"
        )
        yield f"ALTER TABLE {table} ENABLE ALWAYS TRIGGER {name}"
