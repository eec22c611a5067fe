"""Reading: indexes for the worklist, places in the account's whole log, and what can be searched.

Revision ID: 0003
Revises: 0002
"""

from collections.abc import Iterator

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import TSVECTOR

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None

INDEXES = {
    "ix_cases_subject_id": ("cases", ["subject_id"]),
    "ix_cases_account_id_status_number": ("cases", ["account_id", "status", "number"]),
    "ix_cases_account_id_created_by_id_number": ("cases", ["account_id", "created_by_id", "number"]),
    "ix_cases_account_id_created_at_id": ("cases", ["account_id", "created_at", "id"]),
    "ix_cases_account_id_updated_at_id": ("cases", ["account_id", "updated_at", "id"]),
    "ix_override_reviewers_reviewer_id_override_id": ("override_reviewers", ["reviewer_id", "override_id"]),
    "ix_case_actions_account_id_position_id": ("case_actions", ["account_id", "position", "id"]),
    "ix_case_actions_user_id_case_id": ("case_actions", ["user_id", "case_id"]),
}

# Facets count cases by their subject's status too, without a look at the cases themselves.
INCLUDED = {"ix_cases_account_id_status_number": ["subject_id"]}

EXPANDED = {
    "Œœ": "oe",
    "ÆæǼǽǢǣ": "ae",
    "ẞß": "ss",
    "Þþ": "th",
}
ALIKE = {
    "ØøǾǿ": "o",
    "Łł": "l",
    "ĐđÐð": "d",
    "Ħħ": "h",
    "Ŧŧ": "t",
    "ſẛ": "s",
    "ǠǡꜲ": "a",
    "Ǯǯ": "ʒ",
    "ıİ": "i",
    "µ": "μ",
    "¹": "1",
    "²": "2",
    "³": "3",
    "¼½¾": " ",
    "ΆάᾺὰ": "α",
    "ΈέῈὲ": "ε",
    "ΉήῊὴ": "η",
    "ΊίΪϊΐ": "ι",
    "ΌόῸὸ": "ο",
    "ΎύΫϋΰ": "υ",
    "ΏώῺὼ": "ω",
    "ς": "σ",
    "ЁёЀѐ": "е",
}
"""Letters that are searched as others, and that neither engine folds by itself or both alike."""

TEXTS = {
    "cases": (
        ("REFERENCE", "NEW.id", "NEW.id", "{reference}"),
        ("TITLE", "NEW.id", "NEW.id", "NEW.title"),
        ("SUBJECT", "NEW.id", "NEW.subject_id", "(SELECT label FROM subjects WHERE id = NEW.subject_id)"),
    ),
    "comments": (("COMMENT", "NEW.case_id", "NEW.id", "NEW.body"),),
    "documents": (("DOCUMENT", "NEW.case_id", "NEW.id", "NEW.filename"),),
}
"""Of each table the texts of a new row: where it is found, the case, the source, the text."""


def upgrade() -> None:
    is_postgresql = op.get_bind().dialect.name == "postgresql"
    op.add_column("case_actions", sa.Column("position", sa.BigInteger(), server_default=sa.text("0"), nullable=False))
    for name, (table, columns) in INDEXES.items():
        op.create_index(name, table, columns, unique=False, postgresql_include=INCLUDED.get(name))
    closed = "closed_at DESC NULLS LAST, id DESC" if is_postgresql else "closed_at, id"
    op.execute(f"CREATE INDEX ix_cases_account_id_closed_at_id ON cases (account_id, {closed})")
    op.create_table(
        "case_texts",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("account_id", sa.Uuid(), nullable=False),
        sa.Column("case_id", sa.Uuid(), nullable=False),
        sa.Column("field", sa.String(40), nullable=False),
        sa.Column("source_id", sa.Uuid(), nullable=False),
        sa.Column("words", sa.Text().with_variant(TSVECTOR(), "postgresql"), nullable=False),
        sa.ForeignKeyConstraint(["account_id"], ["accounts.id"], name="fk_case_texts_account_id"),
        sa.ForeignKeyConstraint(["case_id"], ["cases.id"], name="fk_case_texts_case_id"),
        sa.PrimaryKeyConstraint("id", name="pk_case_texts"),
    )
    op.create_index("ix_case_texts_case_id", "case_texts", ["case_id"], unique=False)
    for statement in _postgresql_search() if is_postgresql else _sqlite_search():
        op.execute(sa.text(statement.replace(":", "\\:")))


def downgrade() -> None:
    if op.get_bind().dialect.name == "postgresql":
        op.execute("DROP TRIGGER documents_attached_searched ON documents")
        for table in (*TEXTS, "subjects"):
            op.execute(f"DROP TRIGGER {table}_searched ON {table}")
            op.execute(f"DROP FUNCTION casegate_{table}_searched()")
    else:
        for name in (*(f"{table}_searched" for table in TEXTS), "documents_attached_searched", "subjects_searched"):
            op.execute(f"DROP TRIGGER {name}")
        op.execute("DROP TABLE case_words")
    op.drop_table("case_texts")
    if op.get_bind().dialect.name == "postgresql":
        op.execute("DROP FUNCTION casegate_words(uuid, text)")
    op.drop_index("ix_cases_account_id_closed_at_id", "cases")
    for name, (table, _) in reversed(INDEXES.items()):
        op.drop_index(name, table)
    op.drop_column("case_actions", "position")


def _sqlite_search() -> Iterator[str]:
    """Yield the index of words, which reads from case_texts, and the triggers that keep both."""
    yield (
        "CREATE VIRTUAL TABLE case_words USING fts5(account_id, words, content='case_texts', content_rowid='id',"
        " tokenize='unicode61 remove_diacritics 2', prefix='2 3', detail='column')"
    )
    add = "INSERT INTO case_words (rowid, account_id, words) VALUES (NEW.id, NEW.account_id, NEW.words);"
    drop = (
        "INSERT INTO case_words (case_words, rowid, account_id, words)"
        " VALUES ('delete', OLD.id, OLD.account_id, OLD.words);"
    )
    yield f"CREATE TRIGGER case_texts_added AFTER INSERT ON case_texts BEGIN {add} END"
    yield f"CREATE TRIGGER case_texts_changed AFTER UPDATE ON case_texts BEGIN {drop} {add} END"
    yield f"CREATE TRIGGER case_texts_dropped AFTER DELETE ON case_texts BEGIN {drop} END"
    for table in TEXTS:
        inserts = " ".join(f"{insert};" for insert in _inserts(table, "printf('CASE-%06d %d', NEW.number, NEW.number)"))
        when = "WHEN NEW.comment_id IS NOT NULL " if table == "documents" else ""
        yield f"CREATE TRIGGER {table}_searched AFTER INSERT ON {table} {when}BEGIN {inserts} END"
        if table == "documents":
            event = "AFTER UPDATE OF comment_id ON documents WHEN OLD.comment_id IS NULL AND NEW.comment_id IS NOT NULL"
            yield f"CREATE TRIGGER documents_attached_searched {event} BEGIN {inserts} END"
        yield _filling(table, "printf('CASE-%06d %d', NEW.number, NEW.number)")
    yield (
        "CREATE TRIGGER subjects_searched AFTER UPDATE OF label ON subjects"
        f" BEGIN UPDATE case_texts SET words = {_folded('NEW.label')} WHERE {_OF_SUBJECT}; END"
    )


_OF_SUBJECT = "field = 'SUBJECT' AND case_id IN (SELECT id FROM cases WHERE subject_id = NEW.id)"


def _postgresql_search() -> Iterator[str]:
    """Yield the function that makes a text's words, the index of them, and the triggers that keep it."""
    yield (
        "CREATE FUNCTION casegate_words(account uuid, body text) RETURNS tsvector"
        " LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$"
        " SELECT array_to_tsvector(array_agg(DISTINCT left(word, 64)) || ('@' || replace(account::text, '-', '')))"
        f" FROM regexp_split_to_table({_folded('body')}, '[^[:alnum:]]+') AS word WHERE word <> '' $$"
    )
    yield "CREATE INDEX ix_case_texts_words ON case_texts USING gin (words)"
    reference = "'CASE-' || lpad(NEW.number::text, greatest(6, length(NEW.number::text)), '0') || ' ' || NEW.number"
    for table in (*TEXTS, "subjects"):
        inserts = " ".join(f"{insert};" for insert in _inserts(table, reference)) if table in TEXTS else ""
        if table == "subjects":
            words = "casegate_words(NEW.account_id, NEW.label)"
            inserts = f"UPDATE case_texts SET words = {words} WHERE {_OF_SUBJECT};"
        yield (
            f"CREATE FUNCTION casegate_{table}_searched() RETURNS trigger LANGUAGE plpgsql AS $$"
            f" BEGIN {inserts} RETURN NULL; END $$"
        )
        run = f"FOR EACH ROW {{}}EXECUTE FUNCTION casegate_{table}_searched()"
        attached = "WHEN (NEW.comment_id IS NOT NULL) " if table == "documents" else ""
        event = "UPDATE OF label" if table == "subjects" else "INSERT"
        yield f"CREATE TRIGGER {table}_searched AFTER {event} ON {table} {run.format(attached)}"
        if table == "documents":
            attached = "WHEN (OLD.comment_id IS NULL AND NEW.comment_id IS NOT NULL) "
            event = "AFTER UPDATE OF comment_id ON documents"
            yield f"CREATE TRIGGER documents_attached_searched {event} {run.format(attached)}"
        if table in TEXTS:
            yield _filling(table, reference)


def _inserts(table: str, reference: str) -> Iterator[str]:
    """Yield what a new row of *table* adds to case_texts."""
    for field, case_id, source_id, text in TEXTS[table]:
        words = _words(text.format(reference=reference))
        yield (
            "INSERT INTO case_texts (account_id, case_id, field, source_id, words)"
            f" VALUES (NEW.account_id, {case_id}, '{field}', {source_id}, {words})"
        )


def _filling(table: str, reference: str) -> str:
    """Return the statement that adds what was there before."""
    selects = [
        f"SELECT account_id, {case_id}, '{field}', {source_id}, {_words(text.format(reference=reference))} FROM {table}"
        + (" WHERE comment_id IS NOT NULL" if table == "documents" else "")
        for field, case_id, source_id, text in TEXTS[table]
    ]
    rows = (
        " UNION ALL ".join(selects)
        .replace("NEW.", f"{table}.")
        .replace("SELECT account_id", f"SELECT {table}.account_id")
    )
    return f"INSERT INTO case_texts (account_id, case_id, field, source_id, words) {rows}"


def _words(text: str) -> str:
    is_postgresql = op.get_bind().dialect.name == "postgresql"
    return f"casegate_words(NEW.account_id, {text})" if is_postgresql else _folded(text)


def _folded(text: str) -> str:
    """Return the expression that makes *text* what is searched: lower case, without accents, ligatures apart.

    SQLite's tokenizer does the first two for Latin letters; PostgreSQL's functions do the same, without extension.
    """
    pairs = [(letter, target) for letters, target in ALIKE.items() for letter in letters]
    expansions = [(letter, target) for letters, target in EXPANDED.items() for letter in letters]
    if op.get_bind().dialect.name == "sqlite":
        return _replaced(text, [*expansions, *pairs])
    marks = "([A-Za-z\\u0370-\\u03ff])[\\u0300-\\u036f]+"
    text = f"normalize(regexp_replace(normalize({text}, NFD), '{marks}', '\\1', 'g'), NFC)"
    for letter, target in expansions:
        text = f"replace({text}, '{letter}', '{target}')"
    old, new = ("".join(side) for side in zip(*pairs, strict=True))
    return f"lower(translate({text}, '{old}', '{new}') COLLATE {_unicode_collation()})"


def _replaced(text: str, pairs: list[tuple[str, str]]) -> str:
    """Return the query that does SQLite's replacements, a few at a time: its parser's stack is 100 deep."""
    source, few = f"(SELECT {text} AS t)", 20
    for start in range(0, len(pairs), few):
        replaced = "t"
        for letter, target in pairs[start : start + few]:
            replaced = f"replace({replaced}, '{letter}', '{target}')"
        source = f"(SELECT {replaced} AS t FROM {source})"
    return source


def _unicode_collation() -> str:
    """Return a collation that knows the letters of all scripts: the built-in one came with PostgreSQL 17."""
    known = set(op.get_bind().scalars(sa.text("SELECT collname FROM pg_collation WHERE collencoding IN (-1, 6)")))
    return next((f'"{name}"' for name in ("pg_c_utf8", "und-x-icu", "C.utf8", "C.UTF-8") if name in known), '"default"')
