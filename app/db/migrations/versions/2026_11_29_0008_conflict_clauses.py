"""Conflict clauses: no new or changed row takes the place of a permanent one, by whichever of its unique keys.

SQLite's OR REPLACE deletes the row that is in the way, and fires no DELETE trigger for that unless `recursive_triggers`
is on. So each key of each permanent table is looked up before a row is inserted, and a row's place (its rowid) stays.
PostgreSQL has no such clause; there the triggers fire for replication's sessions too.

Revision ID: 0008
Revises: 0007
"""

from collections.abc import Iterator

import sqlalchemy as sa
from alembic import op

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None

# OR REPLACE also puts the default where there is none, and does so after the triggers.
KEY = "external_key = coalesce(NEW.external_key, '') AND twin = coalesce(NEW.twin, 0)"

KEYS = {
    "case_actions": ("id = NEW.id", "case_id = NEW.case_id AND seq = NEW.seq", "comment_id = NEW.comment_id"),
    "comments": ("id = NEW.id",),
    "override_reviewers": (
        "override_id = NEW.override_id AND position = NEW.position",
        "override_id = NEW.override_id AND reviewer_id = NEW.reviewer_id",
    ),
    "overrides": ("id = NEW.id",),
    "cases": ("id = NEW.id", "account_id = NEW.account_id AND number = NEW.number"),
    "documents": ("id = NEW.id", "comment_id = NEW.comment_id AND position = NEW.position"),
    "subjects": (
        "id = NEW.id",
        "account_id = NEW.account_id AND type = NEW.type AND external_ref = NEW.external_ref",
        f"account_id = NEW.account_id AND type = NEW.type AND {KEY}",
    ),
}
"""Of each table the keys by which a row of it is found."""

BEFORE = {
    "case_actions": "id = NEW.id OR (case_id = NEW.case_id AND seq = NEW.seq) OR comment_id = NEW.comment_id",
    "comments": "id = NEW.id",
    "override_reviewers": "override_id = NEW.override_id AND position = NEW.position"
    " OR override_id = NEW.override_id AND reviewer_id = NEW.reviewer_id",
    "overrides": "id = NEW.id",
    "cases": "id = NEW.id OR (account_id = NEW.account_id AND number = NEW.number)",
    "documents": "id = NEW.id OR (comment_id = NEW.comment_id AND position = NEW.position)",
}
"""What revisions 0001 and 0002 looked for."""

PENDING, ACTIVE = "status = 'PENDING'", "status <> 'CLOSED'"

ONE_AT_A_TIME = {
    "cases_active_subject": ("cases", "subject_id", ACTIVE, "NEW.status <> 'CLOSED'"),
    "overrides_pending_case": ("overrides", "case_id", PENDING, "NEW.status = 'PENDING'"),
    "overrides_pending_subject": ("overrides", "subject_id", PENDING, "NEW.status = 'PENDING'"),
}
"""Partial unique indexes: the table, the column, the rows that are meant, and whether a new row is one of them."""

ALWAYS = {
    **dict.fromkeys(BEFORE, ("update", "delete", "truncate")),
    "cases": ("update", "delete", "truncate", "description"),
}


def upgrade() -> None:
    if op.get_bind().dialect.name == "postgresql":
        _description_stays("IS DISTINCT FROM", "FOR EACH ROW ", "EXECUTE FUNCTION casegate_refuse()", brackets=True)
        _fire("ALWAYS")
        return
    for table in KEYS:
        if table in BEFORE:
            op.execute(f"DROP TRIGGER {table}_replace_refused")
        for statement in _guards(table):
            op.execute(sa.text(statement))
    for statement in _special_guards():
        op.execute(sa.text(statement))
    _description_stays("IS NOT", "", _refuse("cases"), brackets=False)


def downgrade() -> None:
    op.execute("DROP TRIGGER cases_description_refused" + _on_cases())
    if op.get_bind().dialect.name == "postgresql":
        _fire("TRIGGER")
        return
    for name in (*ONE_AT_A_TIME, "documents_place", "subjects_moved", "subjects_used"):
        op.execute(f"DROP TRIGGER {name}_refused")
    for table in KEYS:
        for name in (_taken(table), f"{table}_rowid_refused", f"{table}_negative_refused"):
            op.execute(f"DROP TRIGGER {name}")
        if table in BEFORE:
            taken = f"EXISTS (SELECT 1 FROM {table} WHERE {BEFORE[table]})"
            op.execute(f"CREATE TRIGGER {table}_replace_refused BEFORE INSERT ON {table} WHEN {taken} {_refuse(table)}")


def _guards(table: str) -> Iterator[str]:
    """Yield the triggers that keep each row of a table in its place, on SQLite."""
    # Before an insertion, NEW.rowid is -1 where none is given; such a row must not exist, or nothing could be inserted.
    refuse = _refuse(table)
    yield f"CREATE TRIGGER {_taken(table)} BEFORE INSERT ON {table} WHEN {_found(table, 'rowid = NEW.rowid')} {refuse}"
    yield f"CREATE TRIGGER {table}_negative_refused AFTER INSERT ON {table} WHEN NEW.rowid < 1 {refuse}"
    yield f"CREATE TRIGGER {table}_rowid_refused BEFORE UPDATE OF rowid, _rowid_, oid ON {table} {refuse}"


def _taken(table: str) -> str:
    return f"{table}_replace_refused" if table in BEFORE else f"{table}_taken_refused"


def _found(table: str, *more: str, but: str = "") -> str:
    """Return the condition that a row is there by one of its keys."""
    return " OR ".join(f"EXISTS (SELECT 1 FROM {table} WHERE {key}{but})" for key in (*more, *KEYS[table]))


def _special_guards() -> Iterator[str]:
    for name, (table, column, rows, is_new) in ONE_AT_A_TIME.items():
        # In SQLite's own words, by which the constraint is known that was violated.
        refuse = f"BEGIN SELECT RAISE(ABORT, 'UNIQUE constraint failed: {table}.{column}'); END"
        taken = f"EXISTS (SELECT 1 FROM {table} WHERE {column} = NEW.{column} AND {rows})"
        yield f"CREATE TRIGGER {name}_refused BEFORE INSERT ON {table} WHEN {is_new} AND {taken} {refuse}"
    place = "comment_id = NEW.comment_id AND position = NEW.position AND id <> OLD.id"
    yield (
        "CREATE TRIGGER documents_place_refused BEFORE UPDATE OF comment_id, position ON documents"
        f" WHEN EXISTS (SELECT 1 FROM documents WHERE {place}) {_refuse('documents')}"
    )
    columns = "id, account_id, type, external_ref, external_key, twin"
    yield (
        f"CREATE TRIGGER subjects_moved_refused BEFORE UPDATE OF {columns} ON subjects"
        f" WHEN NEW.id <> OLD.id OR {_found('subjects', but=' AND id <> OLD.id')} {_refuse('subjects')}"
    )
    yield (
        "CREATE TRIGGER subjects_used_refused BEFORE DELETE ON subjects"
        f" WHEN EXISTS (SELECT 1 FROM cases WHERE subject_id = OLD.id) {_refuse('subjects')}"
    )


def _refuse(table: str) -> str:
    return f"BEGIN SELECT RAISE(ABORT, 'casegate: rows of {table} are permanent'); END"


def _description_stays(differs: str, each: str, refuse: str, *, brackets: bool) -> None:
    """Refuse to make a description of none, which revision 0001 takes for the same as an empty one."""
    condition = f"NEW.description {differs} OLD.description"
    condition = f"({condition})" if brackets else condition
    event = "BEFORE UPDATE OF description ON cases"
    op.execute(f"CREATE TRIGGER cases_description_refused {event} {each}WHEN {condition} {refuse}")


def _fire(when: str) -> None:
    """Have PostgreSQL's triggers fire ALWAYS, or again as an ordinary TRIGGER does: not where a replica is fed."""
    enable = "ENABLE TRIGGER" if when == "TRIGGER" else "ENABLE ALWAYS TRIGGER"
    for table, kinds in ALWAYS.items():
        for kind in kinds:
            if when == "ALWAYS" or kind != "description":
                op.execute(f"ALTER TABLE {table} {enable} {table}_{kind}_refused")


def _on_cases() -> str:
    return " ON cases" if op.get_bind().dialect.name == "postgresql" else ""
