"""What keeps the tables of an archive: how large they are, and how long it takes to vacuum and to index the log."""

import asyncio
from collections.abc import Iterator

import asyncpg

from scripts.benchmarks.archives import SizedArchive, SizedArchives
from scripts.benchmarks.compare import Say
from scripts.benchmarks.large import SIZES, timed

INDEX = "case_actions (account_id, created_at)"
STATEMENTS = {
    "VACUUM (FREEZE) case_actions": "VACUUM (FREEZE) case_actions",
    "an index on case_actions": f"CREATE INDEX made_anew ON {INDEX}",
    "the same, CONCURRENTLY": f"CREATE INDEX CONCURRENTLY made_again ON {INDEX}",
}
AFTERWARDS = ("DROP INDEX made_anew", "DROP INDEX made_again")


def upkeep(archives: SizedArchives, say: Say) -> Iterator[str]:
    """Yield a line for each statement and archive, and one for each large table of the large archive."""
    for archive in archives.both:
        say(f"upkeep of {archive.rows} rows")
        found = asyncio.run(_taken(archive))
        yield f"{archive.rows} rows: {', '.join(f'{name} {seconds:.2f} s' for name, seconds in found.items())}"
    yield from asyncio.run(_tables(archives.large))


async def _taken(archive: SizedArchive) -> dict[str, float]:
    connection = await asyncpg.connect(archive.data.url)
    try:
        taken = {name: await timed(connection, statement) for name, statement in STATEMENTS.items()}
        for statement in AFTERWARDS:
            await connection.execute(statement)
    finally:
        await connection.close()
    return taken


async def _tables(archive: SizedArchive) -> list[str]:
    connection = await asyncpg.connect(archive.data.url)
    try:
        tables = await connection.fetch(SIZES)
        whole = await connection.fetchval("SELECT pg_database_size(current_database())")
    finally:
        await connection.close()
    return [
        *(
            f"{table['relname']}: {table['n_live_tup']} rows, {_gib(table['heap'])} of rows,"
            f" {_gib(table['indexes'])} of indexes, {_gib(table['others'])} of others"
            for table in tables
        ),
        f"{archive.rows} rows: {_gib(whole)} in all, {whole / archive.rows:.0f} bytes a row",
    ]


def _gib(size: int) -> str:
    return f"{size / 2**30:.2f} GiB"
