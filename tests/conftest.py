"""Fixtures: every test that touches a database gets a fresh, migrated one, on SQLite and on a real PostgreSQL.

Migrations run once an engine and session, and so is the world made: a test gets a copy of the file, or a clone of the
template database.
"""

import asyncio
import gc
import os
import re
import shutil
import sys
import uuid
from collections import Counter
from collections.abc import AsyncIterator, Callable, Iterator
from contextvars import ContextVar
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import settings
from sqlalchemy import Engine, event

from app.db.engines import Database, Timeouts, open_database
from app.db.migrate import migrate
from app.documents.store import DocumentStore, open_store
from app.observability.deferred import clear_all
from tests.support.anchored_cases import scene as scene  # a fixture
from tests.support.api import Api
from tests.support.compiled_statements import share
from tests.support.databases import Administrator, Server, create_database, drop_database
from tests.support.memory import roomy_folder
from tests.support.postgresql import PostgresqlMissing, postgresql_server
from tests.support.s3 import s3 as s3  # a fixture
from tests.support.world import World, make_world

# Hypothesis fails an example that takes 0.2 s, and this may be a busy machine.
settings.register_profile("casegate", deadline=None)
settings.register_profile("quick", deadline=None, max_examples=10)
settings.load_profile("casegate")

FILES_BYTES = 4 << 30
"""Room that the files of a whole run may need at one time."""

PROCESSES = re.compile(r"^from tests\.support\.(browser|commands|gateway|node) import", re.MULTILINE)
"""What starts server processes, browsers and Node: `--in-process` leaves out the modules that import from these."""

OTHERS = ("attacks", "faults", "scripts")
"""Folders whose tests start processes as well."""

_is_counted: ContextVar[bool] = ContextVar("_is_counted", default=False)
"""Whether statements count: in the context of a test that counts them, and of what it does."""


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--in-process", action="store_true", help="leave out what starts servers, browsers and Node")
    parser.addoption("--quick", action="store_true", help="the same on SQLite alone, without what is marked long")


def pytest_configure(config: pytest.Config) -> None:
    # To walk all that is imported takes a second, and the collector would do it often, ten times at the end.
    gc.disable()
    share()
    if config.getoption("quick"):
        settings.load_profile("quick")
    # What commits to a disk waits for it, tens of thousands of times, and no test is about a power cut.
    memory = roomy_folder(FILES_BYTES)
    if memory is not None:
        os.environ.setdefault("PYTEST_DEBUG_TEMPROOT", str(memory))


def pytest_collection_finish() -> None:
    """Have the collector leave alone what there is before any test, as the server does."""
    gc.enable()
    gc.freeze()


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    if hasattr(config, "workerinput"):
        _put_long_files_first(items)
    if not config.getoption("quick"):
        return
    left_out = [item for item in items if not _is_quick(item)]
    config.hook.pytest_deselected(items=left_out)
    items[:] = [item for item in items if _is_quick(item)]


def _put_long_files_first(items: list[pytest.Item]) -> None:
    """Order the files so that processes that share them out end together: none has a long one left at the end.

    A file that starts processes takes some seconds a test, one of attacks or faults minutes; the others take about as
    long as they have tests. Within a file the order stays.
    """
    sizes = Counter(item.path for item in items)
    ranks = {path: _rank(path) for path in sizes}
    items.sort(key=lambda item: (ranks[item.path], -sizes[item.path], str(item.path)))


def _rank(path: Path) -> int:
    if path.parent.name in OTHERS:
        return 0
    return 1 if PROCESSES.search(path.read_text(encoding="utf-8")) else 2


def _is_quick(item: pytest.Item) -> bool:
    assert isinstance(item, pytest.Function)
    return not ("[postgresql" in item.name or "postgresql" in item.fixturenames or item.get_closest_marker("long"))


def pytest_ignore_collect(collection_path: Path, config: pytest.Config) -> bool | None:
    """Leave out what starts processes without importing it: importing takes as long as the tests."""
    if not config.getoption("in_process") and not config.getoption("quick"):
        return None
    if collection_path.is_dir():
        return collection_path.name in OTHERS or None
    return bool(PROCESSES.search(collection_path.read_text(encoding="utf-8"))) or None


@pytest.fixture(autouse=True)
def nothing_left() -> Iterator[None]:
    """Have what is put off done in the test that it is of."""
    yield
    clear_all()


@pytest.fixture(scope="session")
def anyio_backend() -> str:
    return "asyncio"


async def _migrate(url: str) -> None:
    database = open_database(url)
    try:
        await migrate(database)
    finally:
        await database.close()


async def _make_world(url: str) -> World:
    database = open_database(url)
    try:
        return await make_world(database)
    finally:
        await database.close()


@pytest.fixture(scope="session")
def sqlite_template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A migrated SQLite file."""
    path = tmp_path_factory.mktemp("template") / "casegate.sqlite"
    asyncio.run(_migrate(f"sqlite:///{path}"))
    return path


@pytest.fixture(scope="session")
def sqlite_world(sqlite_template: Path) -> tuple[Path, World]:
    """A migrated SQLite file with the world in it."""
    path = sqlite_template.with_name("world.sqlite")
    shutil.copyfile(sqlite_template, path)
    return path, asyncio.run(_make_world(f"sqlite:///{path}"))


@pytest.fixture(scope="session")
def postgresql() -> Iterator[Server]:
    """A real PostgreSQL. Where there is none the tests on it are skipped, loudly, or fail where CI demands it."""
    if "TEST_DATABASE_URL" not in os.environ:
        # Ours has no TLS. A driver that is cancelled while it asks for that leaves an exception which nothing fetches.
        os.environ.setdefault("PGSSLMODE", "disable")
    try:
        with postgresql_server() as admin_url:
            template = f"template_{uuid.uuid4().hex}"
            asyncio.run(_migrate(create_database(admin_url, template)))
            with Administrator.connected(admin_url) as administrator:
                yield Server(admin_url, template, administrator)
            drop_database(admin_url, template)
    except PostgresqlMissing as missing:
        if os.environ.get("CASEGATE_REQUIRE_POSTGRESQL") == "1":
            raise
        sys.stderr.write(f"\nNOT TESTED ON POSTGRESQL: {missing}\n")
        pytest.skip(f"no PostgreSQL: {missing}")


@pytest.fixture(scope="session")
def postgresql_world(postgresql: Server) -> Iterator[tuple[Server, World]]:
    """The server, with a template that has the world in it."""
    server = replace(postgresql, template=f"world_{uuid.uuid4().hex}")
    world = asyncio.run(_make_world(create_database(server.admin_url, server.template, postgresql.template)))
    yield server, world
    drop_database(server.admin_url, server.template)


@pytest.fixture
def populated() -> None:
    """Have `fresh_url` come with the world in it; `origin` looks for this name."""


@pytest.fixture(params=["sqlite", "postgresql"])
def origin(request: pytest.FixtureRequest) -> Path | Server:
    """Where a fresh database comes from; whatever asks for it runs once on each engine."""
    if "populated" in request.fixturenames:
        populated: tuple[Path | Server, World] = request.getfixturevalue(f"{request.param}_world")
        return populated[0]
    found: Path | Server = request.getfixturevalue("sqlite_template" if request.param == "sqlite" else "postgresql")
    return found


@pytest.fixture
def fresh_url(origin: Path | Server, tmp_path: Path) -> Iterator[str]:
    """The URL of a fresh, migrated database, for tests with and without an event loop."""
    if isinstance(origin, Path):
        path = tmp_path / "casegate.sqlite"
        shutil.copyfile(origin, path)
        path.chmod(0o600)  # as the gateway makes it
        yield f"sqlite:///{path}"
        return
    name = f"test_{uuid.uuid4().hex}"
    yield origin.clone(name)
    origin.drop(name)


@pytest.fixture
async def database(fresh_url: str) -> AsyncIterator[Database]:
    # No gate stands before it, so that many wait for a connection at once.
    opened = open_database(fresh_url, patience=Timeouts(pool=15))
    yield opened
    await opened.close()


@pytest.fixture
def store(tmp_path: Path) -> DocumentStore:
    """A store in a local folder, which the app of the `api` fixture uses too."""
    return open_store("", tmp_path)


@pytest.fixture
def world(populated: None, request: pytest.FixtureRequest, origin: Path | Server, database: Database) -> World:
    """An account with the people that most stories need."""
    name = "sqlite_world" if isinstance(origin, Path) else "postgresql_world"
    made: World = request.getfixturevalue(name)[1]
    return replace(made, database=database)


@pytest.fixture
async def api(fresh_url: str, tmp_path: Path) -> AsyncIterator[Api]:
    """The gateway's app on the fresh database, called over ASGI."""
    async with Api.opened(fresh_url, data_dir=tmp_path) as opened:
        yield opened


@pytest.fixture
def statements() -> Iterator[Callable[[], list[str]]]:
    """A function that returns the SQL that the test has sent since it called this last, to any database.

    Nothing counts before the first call; nor do BEGIN, what a gateway's background tasks send that run by then, and
    what it asks once: whose documents it has.
    """
    sent: list[str] = []
    others = ("BEGIN", "SELECT server_keys.value", "INSERT INTO server_keys")

    def note(_connection: object, _cursor: object, statement: str, *_more: object) -> None:
        if _is_counted.get() and not statement.startswith(others):
            sent.append(statement)

    def since() -> list[str]:
        _is_counted.set(True)
        found = sent.copy()
        sent.clear()
        return found

    event.listen(Engine, "before_cursor_execute", note)
    yield since
    event.remove(Engine, "before_cursor_execute", note)
