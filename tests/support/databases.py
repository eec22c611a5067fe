"""Make and drop databases on a PostgreSQL server of the tests.

It deliberately knows nothing of Casegate's tables: a migrated database is a clone of a template that its user migrated.
"""

import asyncio
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from urllib.parse import quote, urlsplit, urlunsplit

import asyncpg


@dataclass(frozen=True, slots=True)
class Server:
    """A real PostgreSQL, and the migrated database that tests clone."""

    admin_url: str
    template: str
    administrator: "Administrator"

    def clone(self, name: str) -> str:
        """Make the database *name* as a copy of the template, and return its URL."""
        self.administrator.run(lambda admin: add_database(admin, name, self.template))
        return database_url(self.admin_url, name)

    def drop(self, name: str) -> None:
        """Drop the database *name*."""
        self.administrator.run(lambda admin: remove_database(admin, name))


class Administrator:
    """A connection to a server that is kept, for code without an event loop: making one takes as long as its work."""

    def __init__(self, url: str, runner: asyncio.Runner) -> None:
        self._url = url
        self._runner = runner
        self._connection: asyncpg.Connection | None = None

    @classmethod
    @contextmanager
    def connected(cls, url: str) -> "Iterator[Administrator]":
        # A loop of its own that is nobody's current one: tests run theirs in the same thread.
        with asyncio.Runner(loop_factory=asyncio.new_event_loop) as runner:
            opened = cls(url, runner)
            try:
                yield opened
            finally:
                if opened._connection is not None:
                    runner.run(opened._connection.close())

    def run(self, work: Callable[[asyncpg.Connection], Awaitable[None]]) -> None:
        """Do *work* with the connection, on a new one where a test has ended it."""
        self._runner.run(self._work(work))

    async def _work(self, work: Callable[[asyncpg.Connection], Awaitable[None]]) -> None:
        await asyncio.sleep(0)  # so that a connection that has ended is found out
        if self._connection is None or self._connection.is_closed():
            self._connection = await asyncpg.connect(self._url)
        await work(self._connection)


async def add_database(admin: asyncpg.Connection, name: str, template: str | None = None) -> None:
    """Create the database *name*, as a copy of *template* if given: nobody may be connected to that one."""
    # Copying the files takes half the time of writing each page to the log, without fsync even less.
    source = f" TEMPLATE {quoted(template)} STRATEGY FILE_COPY" if template else ""
    await admin.execute(f"CREATE DATABASE {quoted(name)}{source}")


async def remove_database(admin: asyncpg.Connection, name: str) -> None:
    """Drop the database *name* if it exists, ending whatever is still connected to it."""
    await admin.execute(f"DROP DATABASE IF EXISTS {quoted(name)} WITH (FORCE)")


def create_database(admin_url: str, name: str, template: str | None = None) -> str:
    """Do `add_database` from code without an event loop, and return the new database's URL."""
    run_on(admin_url, lambda admin: add_database(admin, name, template))
    return database_url(admin_url, name)


def drop_database(admin_url: str, name: str) -> None:
    """Do `remove_database` from code without an event loop."""
    run_on(admin_url, lambda admin: remove_database(admin, name))


def database_url(admin_url: str, name: str) -> str:
    """Return the URL of the database *name* on the server of *admin_url*."""
    return urlunsplit(urlsplit(admin_url)._replace(path="/" + quote(name)))


def quoted(identifier: str) -> str:
    return '"' + identifier.replace('"', '""') + '"'


def run_on(admin_url: str, work: Callable[[asyncpg.Connection], Awaitable[None]]) -> None:
    async def connect_and_work() -> None:
        connection = await asyncpg.connect(admin_url)
        try:
            await work(connection)
        finally:
            await connection.close()

    asyncio.run(connect_and_work())
