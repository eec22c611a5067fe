"""How many statements a request sends, as the database itself tells: PostgreSQL by its log, SQLite by its trace.

BEGIN and COMMIT count; so does a driver's question whether a connection still lives, which PostgreSQL sees as an empty
statement. What triggers do is not sent. Nothing is measured meanwhile.
"""

import asyncio
import re
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import asyncpg

from scripts.benchmarks.driver import Load, Shot, shoot

REQUESTS = 10
OWN = "casegate-bench-own"
_LINE = re.compile(rf"^(?!{OWN} )\S* LOG:  duration: [\d.]+ ms  (?:statement|execute [^:]*):", re.MULTILINE)

Count = Callable[[int, Sequence[Shot]], float]


@contextmanager
def postgresql_statements(admin_url: str) -> Iterator[Count]:
    """Yield a function that tells how many statements a request of *shots* to a port sends."""

    def on_server(*statements: str) -> Any:
        return asyncio.run(_run(admin_url, statements))

    on_server(
        "ALTER SYSTEM SET log_line_prefix = '%a '",
        "ALTER SYSTEM SET log_min_duration_statement = 0",
        "SELECT pg_reload_conf()",
    )

    def log() -> str:
        time.sleep(0.3)  # the collector of the log is another process
        return str(on_server("SELECT pg_read_file(pg_current_logfile())"))

    try:
        yield lambda port, shots: _count(port, shots, lambda: len(_LINE.findall(log())))
    finally:
        on_server(
            "ALTER SYSTEM RESET log_line_prefix",
            "ALTER SYSTEM RESET log_min_duration_statement",
            "SELECT pg_reload_conf()",
        )


async def _run(url: str, statements: Sequence[str]) -> Any:
    connection = await asyncpg.connect(url, server_settings={"application_name": OWN})
    try:
        return [await connection.fetchval(statement) for statement in statements][-1]
    finally:
        await connection.close()


def sqlite_statements(traces: Path) -> Count:
    """Return the same for a server that runs under `traced` and writes into *traces*."""
    return lambda port, shots: _count(port, shots, lambda: traces.read_text().count("\n"))


def _count(port: int, shots: Sequence[Shot], statements: Callable[[], int]) -> float:
    """Return the difference, when the connections that requests need are there and prepared."""
    shoot(Load(port, shots[:REQUESTS], 1, 30, once=True))
    before = statements()
    shoot(Load(port, shots[REQUESTS : 2 * REQUESTS] or shots[:REQUESTS], 1, 30, once=True))
    sent = len(shots[REQUESTS : 2 * REQUESTS] or shots[:REQUESTS])
    return (statements() - before) / sent
