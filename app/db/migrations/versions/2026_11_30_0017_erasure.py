"""Erasure: texts of the log may go, with their salts, together with the row of the log that says so; and legal holds.

What a row commits to may become null once, by a row REDACT that is the last of its case and names it. A closed case
changes by REDACT and HOLD alone. All else stays refused.

Revision ID: 0017
Revises: 0016
"""

from collections.abc import Iterator

import sqlalchemy as sa
from alembic import op

revision = "0017"
down_revision = "0016"
branch_labels = None
depends_on = None

NULLABLE = {
    "comments": {"body": "TEXT"},
    "cases": {"title": "VARCHAR(200)"},
    "documents": {"filename": "VARCHAR(255)", "sha256": "VARCHAR(64)"},
}
"""What may be erased, and its type on SQLite."""

ERASED = {
    "comments": ("body", "salt"),
    "cases": ("title", "description", "title_salt", "description_salt"),
    "documents": ("filename", "sha256", "filename_salt", "content_salt"),
}
"""What becomes null together."""

KEPT = {
    "comments": ("id", "account_id", "case_id", "author_id", "created_at"),
    "cases": (
        *("id", "account_id", "number", "subject_id", "subject_status_at_opening", "created_by_id", "created_at"),
        *("status", "resolution", "closed_by_id", "closed_at"),
    ),
    "documents": (
        *("id", "account_id", "uploader_id", "content_type", "size_bytes", "created_at", "comment_id", "case_id"),
        *("position", "warnings"),
    ),
}
"""What stays as it is while something is erased."""

OPENED = ("id", "account_id", "number", "subject_id", "subject_status_at_opening", "created_by_id", "created_at")
UPLOADED = ("account_id", "uploader_id", "filename", "content_type", "size_bytes", "sha256", "created_at")
"""What never changes of a case, and of a document that is not attached yet."""

OLD_CASES = (
    "OLD.status = 'CLOSED' OR NEW.id <> OLD.id OR NEW.account_id <> OLD.account_id OR NEW.number <> OLD.number"
    " OR NEW.subject_id <> OLD.subject_id OR NEW.subject_status_at_opening <> OLD.subject_status_at_opening"
    " OR NEW.title <> OLD.title OR coalesce(NEW.description, '') <> coalesce(OLD.description, '')"
    " OR NEW.created_by_id <> OLD.created_by_id OR NEW.created_at <> OLD.created_at"
)
OLD_DOCUMENTS = "OLD.comment_id IS NOT NULL OR " + " OR ".join(
    f"NEW.{name} <> OLD.{name}"
    for name in ("id", "account_id", "uploader_id", "filename", "content_type", "size_bytes", "sha256", "created_at")
)
OLD_SALTS = ("title_salt", "description_salt")

DASHED = {
    "postgresql": "CAST(NEW.id AS text)",
    "sqlite": "(substr(NEW.id, 1, 8) || '-' || substr(NEW.id, 9, 4) || '-' || substr(NEW.id, 13, 4)"
    " || '-' || substr(NEW.id, 17, 4) || '-' || substr(NEW.id, 21))",
}
POSITION = {"postgresql": "position({0} IN a.details) > 0", "sqlite": "instr(a.details, {0}) > 0"}


def upgrade() -> None:
    dialect = op.get_bind().dialect.name
    for table in NULLABLE:
        op.add_column(table, sa.Column("erased_by_id", sa.Uuid(), nullable=True))
    op.add_column("cases", sa.Column("held_by_id", sa.Uuid(), nullable=True))
    op.create_table(
        "unfinished_erasures",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("account_id", sa.Uuid(), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_unfinished_erasures"),
    )
    _set_nullable(nullable=True)
    for name, table in (*((f"{table}_update_refused", table) for table in NULLABLE), *OLD_TRIGGERS):
        op.execute(f"DROP TRIGGER {name}{f' ON {table}' if dialect == 'postgresql' else ''}")
    for statement in _postgresql() if dialect == "postgresql" else _sqlite():
        op.execute(sa.text(statement))


def downgrade() -> None:
    dialect = op.get_bind().dialect.name
    for name, table in NEW_TRIGGERS:
        op.execute(f"DROP TRIGGER {name}{f' ON {table}' if dialect == 'postgresql' else ''}")
        if dialect == "postgresql" and name in DEMANDING:
            op.execute(f"DROP FUNCTION casegate_{name}()")
    # Only where that was asked for by name: the census of a downgrade tells of it otherwise.
    for table, names in NULLABLE.items():
        for name in names:
            op.execute(f"UPDATE {table} SET {name} = '' WHERE {name} IS NULL")  # names of our own
    _set_nullable(nullable=False)
    op.drop_table("unfinished_erasures")
    op.drop_column("cases", "held_by_id")
    for table in NULLABLE:
        op.drop_column(table, "erased_by_id")
    for statement in _before(dialect):
        op.execute(sa.text(statement))


OLD_TRIGGERS = (("cases_description_refused", "cases"), ("cases_salts_refused", "cases"))
DEMANDING = ("comments_erased_logged", "documents_erased_logged", "cases_erased_logged")
NEW_TRIGGERS = (
    *((f"{table}_update_refused", table) for table in NULLABLE),
    *((f"{table}_text_refused", table) for table in NULLABLE),
    *zip(DEMANDING, ("comments", "documents", "cases"), strict=True),
)


def _same(dialect: str, names: tuple[str, ...]) -> str:
    """Return the condition that columns stay as they are."""
    same = "NEW.{0} IS NOT DISTINCT FROM OLD.{0}" if dialect == "postgresql" else "NEW.{0} IS OLD.{0}"
    return " AND ".join(same.format(name) for name in names)


def _erases(table: str) -> str:
    """Return the condition that an update erases a row's texts, whatever else it changes."""
    gone = " AND ".join(f"NEW.{name} IS NULL" for name in ERASED[table])
    return f"(OLD.erased_by_id IS NULL AND NEW.erased_by_id IS NOT NULL AND {gone})"


def _refused(dialect: str, table: str) -> str:
    """Return the condition that an update of a row is refused whatever the log says."""
    erases = _erases(table)
    if table == "comments":
        return f"NOT ({erases} AND {_same(dialect, KEPT[table])})"
    if table == "documents":
        attached = f"OLD.comment_id IS NOT NULL AND NOT ({erases} AND {_same(dialect, KEPT[table])})"
        changed = f"NOT ({_same(dialect, ('id', *UPLOADED, 'erased_by_id', 'warnings'))})"
        return f"({attached}) OR (OLD.comment_id IS NULL AND {changed})"
    texts = _same(dialect, (*ERASED[table], "erased_by_id"))
    steps = "NEW.version = OLD.version + 1 AND NEW.action_count = OLD.action_count + 1"
    closed = f"OLD.status = 'CLOSED' AND NOT ({_same(dialect, KEPT[table])} AND {steps})"
    return (
        f"NOT ({_same(dialect, OPENED)}) OR ({closed}) OR NOT ({texts} OR (OLD.status = 'CLOSED' AND {erases}))"
        f" OR (NOT ({_same(dialect, ('held_by_id',))}) AND NOT ({steps}))"
    )


def _demand(dialect: str, table: str) -> str:
    """Return what the log must have for a change that `_asked` is true of: its case's last row, which says so."""
    if table == "cases":
        erased = f"(a.type = 'REDACT' AND NEW.erased_by_id = a.id AND {_everything(dialect)})"
        same_texts, same_hold = _same(dialect, ("erased_by_id",)), _same(dialect, ("held_by_id",))
        held = "(a.type = 'HOLD' AND (NEW.held_by_id IS NULL OR NEW.held_by_id = a.id))"
        return (
            "EXISTS (SELECT 1 FROM case_actions AS a WHERE a.case_id = NEW.id AND a.account_id = NEW.account_id"
            " AND a.seq = NEW.action_count AND a.hash = NEW.head_hash AND a.type IN ('REDACT', 'HOLD')"
            f" AND ({same_texts} OR {erased}) AND ({same_hold} OR {held}))"
        )
    dashed = f"""'"' || {DASHED[dialect]} || '"'"""
    named = POSITION[dialect].format(f"({dashed})")
    return (
        "EXISTS (SELECT 1 FROM cases AS c JOIN case_actions AS a ON a.case_id = c.id AND a.seq = c.action_count"
        " WHERE c.id = NEW.case_id AND a.account_id = NEW.account_id AND a.id = NEW.erased_by_id"
        f" AND a.type = 'REDACT' AND ({named} OR {_everything(dialect)}))"
    )


def _everything(dialect: str) -> str:
    return POSITION[dialect].format("""'"scope":"EVERYTHING"'""")


def _asked(dialect: str, table: str) -> str:
    if table != "cases":
        return f"NOT ({_same(dialect, ('erased_by_id',))})"
    return f"OLD.status = 'CLOSED' OR NOT ({_same(dialect, ('erased_by_id', 'held_by_id'))})"


def _sqlite() -> Iterator[str]:
    for table in NULLABLE:
        refuse = f"BEGIN SELECT RAISE(ABORT, 'casegate: rows of {table} are permanent'); END"
        refused = _refused("sqlite", table)
        yield f"CREATE TRIGGER {table}_update_refused BEFORE UPDATE ON {table} WHEN {refused} {refuse}"
        yield f"CREATE TRIGGER {table}_text_refused BEFORE INSERT ON {table} WHEN {_textless(table)} {refuse}"
        unlogged = f"({_asked('sqlite', table)}) AND NOT ({_demand('sqlite', table)})"
        refuse = f"BEGIN SELECT RAISE(ABORT, 'casegate: the log does not have this change of {table}'); END"
        yield f"CREATE TRIGGER {table}_erased_logged AFTER UPDATE ON {table} WHEN {unlogged} {refuse}"


def _textless(table: str) -> str:
    texts = " OR ".join(f"NEW.{name} IS NULL" for name in NULLABLE[table])
    return f"{texts} OR NEW.erased_by_id IS NOT NULL"


def _postgresql() -> Iterator[str]:
    for table in NULLABLE:
        for name, event, condition in (
            (f"{table}_update_refused", "BEFORE UPDATE", _refused("postgresql", table)),
            (f"{table}_text_refused", "BEFORE INSERT", _textless(table)),
        ):
            when = f"FOR EACH ROW WHEN ({condition}) EXECUTE FUNCTION casegate_refuse()"
            yield f"CREATE TRIGGER {name} {event} ON {table} {when}"
            yield f"ALTER TABLE {table} ENABLE ALWAYS TRIGGER {name}"
        name = f"{table}_erased_logged"
        yield (
            f"CREATE FUNCTION casegate_{name}() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN IF NOT"
            f" ({_demand('postgresql', table)}) THEN RAISE EXCEPTION 'casegate: the log does not have this change of"
            f" {table}' USING ERRCODE = 'restrict_violation'; END IF; RETURN NULL; END $$"
        )
        yield (
            f"CREATE CONSTRAINT TRIGGER {name} AFTER UPDATE ON {table} DEFERRABLE INITIALLY DEFERRED FOR EACH ROW"
            f" WHEN ({_asked('postgresql', table)}) EXECUTE FUNCTION casegate_{name}()"
        )
        yield f"ALTER TABLE {table} ENABLE ALWAYS TRIGGER {name}"


def _before(dialect: str) -> Iterator[str]:
    """Yield the triggers of the revision before."""
    conditions = {"comments": "", "cases": OLD_CASES, "documents": OLD_DOCUMENTS}
    differs = "NEW.{0} IS DISTINCT FROM OLD.{0}" if dialect == "postgresql" else "NEW.{0} IS NOT OLD.{0}"
    description = differs.format("description")
    salts = " OR ".join(differs.format(name) for name in OLD_SALTS)
    triggers = [(f"{table}_update_refused", table, "", condition) for table, condition in conditions.items()]
    triggers += [
        ("cases_description_refused", "cases", " OF description", description),
        ("cases_salts_refused", "cases", " OF title_salt, description_salt", salts),
    ]
    for name, table, of, condition in triggers:
        if dialect == "postgresql":
            when = f"WHEN ({condition}) " if condition else ""
            yield (
                f"CREATE TRIGGER {name} BEFORE UPDATE{of} ON {table} FOR EACH ROW {when}"
                "EXECUTE FUNCTION casegate_refuse()"
            )
            yield f"ALTER TABLE {table} ENABLE ALWAYS TRIGGER {name}"
            continue
        when = f"WHEN {condition} " if condition else ""
        refuse = f"BEGIN SELECT RAISE(ABORT, 'casegate: rows of {table} are permanent'); END"
        yield f"CREATE TRIGGER {name} BEFORE UPDATE{of} ON {table} {when}{refuse}"


def _set_nullable(*, nullable: bool) -> None:
    """Say whether texts must be there; on SQLite without copying the tables.

    What is stored stays the same, so that the text of the table may be changed in place:
    https://www.sqlite.org/lang_altertable.html, section 7, "removing ... NOT NULL constraints". Back again is the same
    where nothing is null, which the census of a downgrade sees to.
    """
    connection = op.get_bind()
    if connection.dialect.name == "postgresql":
        for table, names in NULLABLE.items():
            for name in names:
                op.alter_column(table, name, nullable=nullable)
        return
    version = connection.scalar(sa.text("PRAGMA schema_version"))
    connection.exec_driver_sql("PRAGMA writable_schema = ON")
    for table, names in NULLABLE.items():
        made = connection.scalar(
            sa.text("SELECT sql FROM sqlite_master WHERE type = 'table' AND name = :name"), {"name": table}
        )
        for name, type_ in names.items():
            free, bound = f"{name} {type_}", f"{name} {type_} NOT NULL"
            before, after = (bound, free) if nullable else (free, bound)
            assert made.count(f"\t{before},") == 1, (table, name)
            made = made.replace(f"\t{before},", f"\t{after},")
        connection.exec_driver_sql("UPDATE sqlite_master SET sql = ? WHERE type = 'table' AND name = ?", (made, table))
    connection.exec_driver_sql(f"PRAGMA schema_version = {version + 1}")
    connection.exec_driver_sql("PRAGMA writable_schema = RESET")
