"""Whether a database has all indexes and guards of its revision, on both engines."""

from collections.abc import Iterator

from sqlalchemy import Connection, UniqueConstraint, inspect, text
from sqlalchemy.ext.asyncio import AsyncConnection

from app.db import tables
from app.db.diagnosis.diagnosis import Diagnosis, fault, ok

_INVALID = text("""
SELECT class.relname FROM pg_index JOIN pg_class AS class ON class.oid = indexrelid
WHERE NOT (indisvalid AND indisready)
    AND class.relnamespace IN (SELECT oid FROM pg_namespace WHERE nspname = ANY (current_schemas(false)))
ORDER BY class.relname
""")
# Tables of which no row is changed or deleted, once it is final, and the events that a trigger refuses for each.
PERMANENT = (
    "account_actions",
    "case_actions",
    "cases",
    "comments",
    "documents",
    "override_reviewers",
    "overrides",
    "reassigned_reviewers",
    "review_delegations",
)
_REFUSED = {"postgresql": ("update", "delete", "truncate"), "sqlite": ("update", "delete", "replace")}
# On PostgreSQL an update of these is refused by two triggers each.
_BESIDE = {"postgresql": {"cases.cases_closed_refused", "overrides.overrides_request_refused"}, "sqlite": set[str]()}
_TRIGGERS = {
    "postgresql": text("""
SELECT class.relname || '.' || tgname FROM pg_trigger JOIN pg_class AS class ON class.oid = tgrelid
WHERE class.relnamespace IN (SELECT oid FROM pg_namespace WHERE nspname = ANY (current_schemas(false)))
"""),
    "sqlite": text("SELECT tbl_name || '.' || name FROM sqlite_master WHERE type = 'trigger'"),
}
_SWITCHED_OFF = text("""
SELECT class.relname || '.' || tgname FROM pg_trigger JOIN pg_class AS class ON class.oid = tgrelid
WHERE tgenabled IN ('D', 'R') AND NOT tgisinternal
    AND class.relnamespace IN (SELECT oid FROM pg_namespace WHERE nspname = ANY (current_schemas(false)))
ORDER BY 1
""")


async def schema_findings(connection: AsyncConnection) -> list[Diagnosis]:
    """Return what is missing of the indexes and the guards, and on PostgreSQL which guards are switched off."""
    engine = connection.dialect.name
    is_postgresql = engine == "postgresql"
    wanted = set(_wanted(with_words=is_postgresql))
    missing = await connection.run_sync(lambda sync: sorted(wanted - _present(sync)))
    invalid = list((await connection.execute(_INVALID)).scalars()) if is_postgresql else []
    guards = {f"{table}.{table}_{event}_refused" for table in PERMANENT for event in _REFUSED[engine]}
    guards |= _BESIDE[engine]
    absent = sorted(guards - set((await connection.execute(_TRIGGERS[engine])).scalars()))
    switched_off = list((await connection.execute(_SWITCHED_OFF)).scalars()) if is_postgresql else []
    return [_indexes(missing, invalid), _guards(absent, switched_off)]


def _indexes(missing: list[str], invalid: list[str]) -> Diagnosis:
    if missing:
        return fault(
            "indexes",
            f"missing: {', '.join(missing)}",
            "make them again as the migrations do, or restore the dump into an empty database; without them queries"
            " read whole tables, and two rows may be where one is allowed",
        )
    if invalid:
        names = ", ".join(invalid)
        return fault("indexes", f"invalid: {names}", "REINDEX INDEX CONCURRENTLY each of them")
    return ok("indexes", "all there, all valid")


def _guards(absent: list[str], switched_off: list[str]) -> Diagnosis:
    if absent:
        return fault(
            "guards",
            f"triggers that are missing: {', '.join(absent)}",
            "run `casegate log verify`: rows may have been changed. Make them again as the migrations do, or restore"
            " the dump into an empty database",
        )
    if switched_off:
        return fault(
            "guards",
            f"triggers that are switched off: {', '.join(switched_off)}",
            "ALTER TABLE … ENABLE TRIGGER each of them, and run `casegate log verify`: rows may have been changed",
        )
    return ok("guards", "all there, all switched on")


def _wanted(*, with_words: bool) -> Iterator[str]:
    """Yield the names of all indexes; *with_words*: also those of words, for which SQLite has a table of its own."""
    for table in tables.metadata.tables.values():
        for index in table.indexes:
            if with_words or index.dialect_kwargs.get("postgresql_using") != "gin":
                yield str(index.name)
        for constraint in table.constraints:
            if isinstance(constraint, UniqueConstraint) and constraint.name:
                yield str(constraint.name)


def _present(connection: Connection) -> set[str]:
    inspector = inspect(connection)
    names = inspector.get_table_names()
    found = {str(index["name"]) for name in names for index in inspector.get_indexes(name)}
    return found | {str(key["name"]) for name in names for key in inspector.get_unique_constraints(name)}
