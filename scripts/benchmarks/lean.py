"""The lean schema: what a specialist would keep for the measured operations, and no more, filled from the gateway's.

It has the tables, the hash chain of the log, and the keys that the operations need. It has no foreign keys, triggers,
search words, idempotency keys or log positions. On PostgreSQL it is the schema `lean` of the same database, on SQLite a
file beside the gateway's; both are as durable as the gateway's own tables.
"""

import sqlite3
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass

import asyncpg

SCHEMA = "lean"
SEARCH_PATH = {"search_path": SCHEMA}
PRAGMAS = ("busy_timeout = 10000", "journal_mode = WAL", "synchronous = FULL")


@dataclass(frozen=True, slots=True)
class Copied:
    """A table with its columns and key; it is filled by `SELECT` *source*, where {old} is the gateway's schema."""

    name: str
    columns: str
    source: str


_ROLES = "coalesce((SELECT {join}(role, ' ') FROM {old}.user_roles WHERE user_id = u.id), '')"

TABLES = (
    Copied(
        "accounts",
        "id {id} PRIMARY KEY, cases_enabled {flag} NOT NULL, overrides_enabled {flag} NOT NULL,"
        " restrict_to_assigned_reviewers {flag} NOT NULL",
        "SELECT id, cases_enabled, overrides_enabled, restrict_to_assigned_reviewers FROM {old}.accounts",
    ),
    Copied(
        "users",
        "id {id} PRIMARY KEY, display_name TEXT NOT NULL, active {flag} NOT NULL, roles TEXT NOT NULL",
        "SELECT u.id, u.display_name, u.active, {roles} FROM {old}.users u",
    ),
    Copied(
        "api_tokens",
        "secret_hash TEXT PRIMARY KEY, id {id} NOT NULL, account_id {id} NOT NULL, user_id {id} NOT NULL,"
        " scopes TEXT NOT NULL, expires_at {time}, revoked_at {time}",
        "SELECT secret_hash, id, account_id, user_id, scopes, expires_at, revoked_at FROM {old}.api_tokens",
    ),
    Copied(
        "subjects",
        "id {id} PRIMARY KEY, evaluation_status TEXT NOT NULL, version INTEGER NOT NULL",
        "SELECT id, evaluation_status, version FROM {old}.subjects",
    ),
    Copied(
        "cases",
        "id {id} PRIMARY KEY, account_id {id} NOT NULL, number INTEGER NOT NULL, title TEXT NOT NULL,"
        " status TEXT NOT NULL, subject_id {id} NOT NULL, version INTEGER NOT NULL, action_count INTEGER NOT NULL,"
        " head_hash TEXT NOT NULL, updated_at {time} NOT NULL, UNIQUE (account_id, number)",
        "SELECT id, account_id, number, title, status, subject_id, version, action_count, head_hash, updated_at"
        " FROM {old}.cases",
    ),
    Copied(
        "comments",
        "id {id} PRIMARY KEY, case_id {id} NOT NULL, author_id {id} NOT NULL, body TEXT NOT NULL,"
        " created_at {time} NOT NULL",
        "SELECT id, case_id, author_id, body, created_at FROM {old}.comments",
    ),
    Copied(
        "documents",
        "id {id} PRIMARY KEY, comment_id {id} NOT NULL, position INTEGER NOT NULL, filename TEXT NOT NULL,"
        " content_type TEXT NOT NULL, size_bytes INTEGER NOT NULL, UNIQUE (comment_id, position)",
        "SELECT id, comment_id, position, filename, content_type, size_bytes FROM {old}.documents"
        " WHERE comment_id IS NOT NULL",
    ),
    Copied(
        "overrides",
        "id {id} PRIMARY KEY, case_id {id} NOT NULL, subject_id {id} NOT NULL, created_by_id {id} NOT NULL,"
        " status TEXT NOT NULL, requested_status TEXT NOT NULL, subject_status_at_request TEXT NOT NULL,"
        " decided_by_id {id}, decided_at {time}, version INTEGER NOT NULL",
        "SELECT id, case_id, subject_id, created_by_id, status, requested_status, subject_status_at_request,"
        " decided_by_id, decided_at, version FROM {old}.overrides",
    ),
    Copied(
        "override_reviewers",
        "override_id {id}, position INTEGER, reviewer_id {id} NOT NULL, PRIMARY KEY (override_id, position)",
        "SELECT override_id, position, reviewer_id FROM {old}.override_reviewers",
    ),
    Copied(
        "case_actions",
        "case_id {id}, seq INTEGER, id {id} NOT NULL, type TEXT NOT NULL, user_id {id} NOT NULL, comment_id {id},"
        " override_id {id}, status_before TEXT, status_after TEXT NOT NULL, created_at {time} NOT NULL,"
        " request_id TEXT NOT NULL, prev_hash TEXT NOT NULL, hash TEXT NOT NULL, PRIMARY KEY (case_id, seq)",
        "SELECT case_id, seq, id, type, user_id, comment_id, override_id, status_before, status_after, created_at,"
        " request_id, prev_hash, hash FROM {old}.case_actions",
    ),
)


async def make_lean_copy(url: str) -> str:
    """Make the lean schema beside the tables of the database at *url*, and return the URL that a server of it gets."""
    if url.startswith("sqlite"):
        path = f"{url.removeprefix('sqlite:///')}.lean"
        with closing(sqlite3.connect(path, isolation_level=None)) as file:
            for pragma in PRAGMAS:
                file.execute(f"PRAGMA {pragma}")
            file.execute("ATTACH ? AS old", (url.removeprefix("sqlite:///"),))
            for statement in _statements("sqlite"):
                file.execute(statement)
            file.execute("ANALYZE main")
        return f"sqlite:///{path}"
    connection = await asyncpg.connect(url)
    try:
        await connection.execute(f"CREATE SCHEMA {SCHEMA}")
        for statement in _statements("postgresql"):
            await connection.execute(statement)
        for table in TABLES:
            await connection.execute(f"VACUUM ANALYZE {SCHEMA}.{table.name}")
    finally:
        await connection.close()
    return url


def _statements(engine: str) -> Iterator[str]:
    is_sqlite = engine == "sqlite"
    names = {"new": "main", "old": "old"} if is_sqlite else {"new": SCHEMA, "old": "public"}
    types = dict.fromkeys(("id", "time"), "TEXT") if is_sqlite else {"id": "uuid", "time": "timestamptz"}
    types["flag"] = "BOOLEAN"
    roles = _ROLES.format(join="group_concat" if is_sqlite else "string_agg", **names)
    for table in TABLES:
        yield f"CREATE TABLE {names['new']}.{table.name} ({table.columns.format(**types)})"
        yield f"INSERT INTO {names['new']}.{table.name} {table.source.format(roles=roles, **names)}"
    index, table_name = ("main.one_pending", "overrides") if is_sqlite else ("one_pending", f"{SCHEMA}.overrides")
    yield f"CREATE UNIQUE INDEX {index} ON {table_name} (case_id) WHERE status = 'PENDING'"
