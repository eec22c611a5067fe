"""Words: what a text is found by is made by the program, the same for both engines, and comes with the row.

A row that comes without is still found, by words that the database makes as before, and is marked by `folding` 0, as
are all that are there: `app.db.reindex` makes theirs anew. The table is derived from others, so that its foreign keys,
two of each comment's, are spared. The keys of people's names are made anew by the same rules.

Revision ID: 0011
Revises: 0010
"""

from collections.abc import Iterator

import sqlalchemy as sa
from alembic import op

from app.domain.folding import fold

revision = "0011"
down_revision = "0010"
branch_labels = None
depends_on = None

FIELDS = {
    "cases": ("NEW.id", "TITLE"),
    "comments": ("NEW.case_id", "COMMENT"),
    "documents": ("NEW.case_id", "DOCUMENT"),
}
"""Of each table whose texts are found: the case of a new row, and the field whose words tell that it came with some."""

FOREIGN_KEYS = {"account_id": "accounts", "case_id": "cases"}
USERS = sa.table("users", sa.column("id", sa.Uuid()), sa.column("display_name"), sa.column("name_key"))

REHEARSED = "THEN RETURN NULL; END IF;"


def upgrade() -> None:
    if op.get_bind().dialect.name == "postgresql":
        _upgrade_postgresql()
    else:
        _rebuild_sqlite(foreign_keys=False, tokenizer="ascii", guarded=True)
    op.create_index("ix_case_texts_case_id_source_id", "case_texts", ["case_id", "source_id"], unique=False)
    where = sa.text("folding = 0")
    op.create_index(
        "ix_case_texts_stale", "case_texts", ["id"], unique=False, sqlite_where=where, postgresql_where=where
    )
    for user_id, name, key in op.get_bind().execute(sa.select(USERS)).all():
        if fold(name) != key:
            op.execute(sa.update(USERS).where(USERS.c.id == user_id).values(name_key=fold(name)))


def downgrade() -> None:
    op.drop_index("ix_case_texts_stale", "case_texts")
    op.drop_index("ix_case_texts_case_id_source_id", "case_texts")
    if op.get_bind().dialect.name == "postgresql":
        _downgrade_postgresql()
    else:
        _rebuild_sqlite(foreign_keys=True, tokenizer="unicode61 remove_diacritics 2", guarded=False)
    op.create_index("ix_case_texts_case_id", "case_texts", ["case_id"], unique=False)


def _exists(table: str) -> str:
    case_id, field = FIELDS[table]
    return f"EXISTS (SELECT 1 FROM case_texts WHERE case_id = {case_id} AND source_id = NEW.id AND field = '{field}')"


# --- PostgreSQL ------------------------------------------------------------------------------------------------------


def _upgrade_postgresql() -> None:
    op.add_column("case_texts", sa.Column("folding", sa.Integer(), server_default=sa.text("0"), nullable=False))
    for column in FOREIGN_KEYS:
        op.drop_constraint(f"fk_case_texts_{column}", "case_texts", type_="foreignkey")
    op.drop_index("ix_case_texts_case_id", "case_texts")
    for table in FIELDS:
        guard = f" IF {_exists(table)} THEN RETURN NULL; END IF;"
        _replace_function(f"casegate_{table}_searched", REHEARSED, f"{REHEARSED}{guard}")
    _replace_function("casegate_subjects_searched", "SET words =", "SET folding = 0, words =")


def _downgrade_postgresql() -> None:
    _replace_function("casegate_subjects_searched", "SET folding = 0, words =", "SET words =")
    for table in FIELDS:
        guard = f" IF {_exists(table)} THEN RETURN NULL; END IF;"
        _replace_function(f"casegate_{table}_searched", f"{REHEARSED}{guard}", REHEARSED)
    for column, table in FOREIGN_KEYS.items():
        op.create_foreign_key(f"fk_case_texts_{column}", "case_texts", table, [column], ["id"])
    op.drop_column("case_texts", "folding")


def _replace_function(name: str, old: str, new: str) -> None:
    connection = op.get_bind()
    body = connection.scalar(sa.text("SELECT prosrc FROM pg_proc WHERE proname = :name"), {"name": name})
    assert old in body, name
    text = body.replace(old, new, 1)
    connection.exec_driver_sql(f"CREATE OR REPLACE FUNCTION {name}() RETURNS trigger LANGUAGE plpgsql AS $${text}$$")


# --- SQLite ----------------------------------------------------------------------------------------------------------


def _rebuild_sqlite(*, foreign_keys: bool, tokenizer: str, guarded: bool) -> None:
    """Make the table and its index anew, empty of words, and the triggers that look at it as they are to be."""
    connection = op.get_bind()
    searched = "SELECT name, sql FROM sqlite_master WHERE type = 'trigger' AND name LIKE '%\\_searched' ESCAPE '\\'"
    triggers = {name: _trigger(name, sql, guarded=guarded) for name, sql in connection.exec_driver_sql(searched)}
    for name in triggers:
        op.execute(f"DROP TRIGGER {name}")
    op.execute("CREATE TEMP TABLE texts_before AS SELECT id, account_id, case_id, field, source_id FROM case_texts")
    op.execute("DROP TABLE case_words")
    op.drop_table("case_texts")
    keys = [
        sa.ForeignKeyConstraint([column], [f"{table}.id"], name=f"fk_case_texts_{column}")
        for column, table in FOREIGN_KEYS.items()
    ]
    op.create_table(
        "case_texts",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("account_id", sa.Uuid(), nullable=False),
        sa.Column("case_id", sa.Uuid(), nullable=False),
        sa.Column("field", sa.String(40), nullable=False),
        sa.Column("source_id", sa.Uuid(), nullable=False),
        sa.Column("words", sa.Text(), nullable=False),
        *([] if foreign_keys else [sa.Column("folding", sa.Integer(), server_default=sa.text("0"), nullable=False)]),
        *(keys if foreign_keys else []),
        sa.PrimaryKeyConstraint("id", name="pk_case_texts"),
    )
    for statement in _index_sqlite(tokenizer):
        op.execute(statement)
    op.execute(
        "INSERT INTO case_texts (id, account_id, case_id, field, source_id, words)"
        " SELECT id, account_id, case_id, field, source_id, '' FROM texts_before"
    )
    op.execute("DROP TABLE texts_before")
    for sql in triggers.values():
        connection.exec_driver_sql(sql)


def _index_sqlite(tokenizer: str) -> Iterator[str]:
    yield (
        "CREATE VIRTUAL TABLE case_words USING fts5(account_id, words, content='case_texts', content_rowid='id',"
        f" tokenize='{tokenizer}', prefix='2 3', detail='column')"
    )
    add = "INSERT INTO case_words (rowid, account_id, words) VALUES (NEW.id, NEW.account_id, NEW.words);"
    drop = (
        "INSERT INTO case_words (case_words, rowid, account_id, words)"
        " VALUES ('delete', OLD.id, OLD.account_id, OLD.words);"
    )
    yield f"CREATE TRIGGER case_texts_added AFTER INSERT ON case_texts BEGIN {add} END"
    yield f"CREATE TRIGGER case_texts_changed AFTER UPDATE ON case_texts BEGIN {drop} {add} END"
    yield f"CREATE TRIGGER case_texts_dropped AFTER DELETE ON case_texts BEGIN {drop} END"


def _trigger(name: str, sql: str, *, guarded: bool) -> str:
    """Return the trigger's definition, with what keeps it from doing again what came with the row, or without."""
    table = next((table for table in FIELDS if name.startswith(table)), None)
    if table is None:
        plain, marked = "SET words =", "SET folding = 0, words ="
        return sql.replace(plain, marked, 1) if guarded else sql.replace(marked, plain, 1)
    if not guarded:
        return sql.replace(f" AND NOT {_exists(table)}", "", 1).replace(f" WHEN NOT {_exists(table)}", "", 1)
    head, begin, body = sql.partition(" BEGIN ")
    more = f" AND NOT {_exists(table)}" if " WHEN " in head else f" WHEN NOT {_exists(table)}"
    return f"{head}{more}{begin}{body}"
