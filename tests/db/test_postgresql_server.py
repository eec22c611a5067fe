"""The server of tests/support/postgresql.py: it starts, explains why not, makes databases, and leaves nothing behind.

It deliberately says nothing of Casegate's own tables.
"""

import asyncio
import os
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

import asyncpg
import pytest

from tests.support import memory, postgresql
from tests.support.databases import create_database, drop_database, run_on
from tests.support.paths import ROOT
from tests.support.ports import is_listening, wait_until

pytestmark = pytest.mark.long

SERVER_IN_ANOTHER_PROCESS = """
import signal
import time
from tests.support.databases import create_database
from tests.support.postgresql import postgresql_server

signal.signal(signal.SIGINT, signal.default_int_handler)  # a run in the background has its children ignore it

with postgresql_server() as url:
    print(create_database(url, "one"), flush=True)
    time.sleep(60)
"""


@pytest.fixture
def open_folder() -> Iterator[Path]:
    """Yield a folder that is open to every user like /tmp: PostgreSQL may have to run, and clean up, as nobody."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        folder.chmod(0o1777)
        yield folder


@pytest.fixture
def own_server(monkeypatch: pytest.MonkeyPatch, open_folder: Path) -> Path:
    """Return the temporary folder in which a server of our own will be started, or skip where there is none."""
    monkeypatch.delenv("TEST_DATABASE_URL", raising=False)
    monkeypatch.setenv("TMPDIR", str(open_folder))
    monkeypatch.setattr(tempfile, "tempdir", None)
    probe = open_folder / "probe"
    probe.mkdir()
    try:
        postgresql.find_binaries(probe, postgresql.Account.needed())
    except postgresql.PostgresqlMissing as missing:
        (pytest.fail if os.environ.get("CASEGATE_REQUIRE_POSTGRESQL") == "1" else pytest.skip)(str(missing))
    shutil.rmtree(probe)
    return open_folder


@pytest.mark.parametrize("end", [signal.SIGINT, signal.SIGTERM, signal.SIGKILL])
def test_a_database_server_and_its_folder_do_not_outlive_the_tests(own_server: Path, end: signal.Signals) -> None:
    command = [sys.executable, "-c", SERVER_IN_ANOTHER_PROCESS]
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True) as process:
        assert process.stdout
        port = urlsplit(process.stdout.readline()).port
        assert port
        assert is_listening(port)
        (data,) = [path.resolve() for path in own_server.glob("*/data")]
        assert (data / "postmaster.pid").exists()
        process.send_signal(end)

    assert wait_until(lambda: not is_listening(port) and not any(own_server.iterdir()) and not data.exists(), 60)


def test_a_database_server_that_does_not_start_shows_its_log(own_server: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(postgresql.SERVER_OPTIONS, "max_connections", "many")

    with pytest.raises(postgresql.PostgresqlFailed, match='invalid value for parameter "max_connections": "many"'):
        postgresql.postgresql_server().__enter__()

    assert list(own_server.iterdir()) == []


@pytest.mark.parametrize("is_roomy", [True, False])
@pytest.mark.usefixtures("own_server")
def test_its_data_are_in_memory_where_there_is_room(monkeypatch: pytest.MonkeyPatch, is_roomy: bool) -> None:
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        folder.chmod(0o1777)
        monkeypatch.setattr(memory, "MEMORY", folder)
        monkeypatch.setattr(postgresql, "ROOM_BYTES", 0 if is_roomy else 1 << 62)

        with postgresql.postgresql_server() as url:
            assert len(list(folder.iterdir())) == is_roomy
            create_database(url, "one")

        assert list(folder.iterdir()) == []


def test_where_there_is_no_postgresql_everything_that_was_tried_is_named(
    own_server: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(postgresql, "OLDEST", 999)

    with pytest.raises(postgresql.PostgresqlMissing, match="TEST_DATABASE_URL: not set") as missing:
        postgresql.postgresql_server().__enter__()

    assert "older than 999" in str(missing.value)
    assert list(own_server.iterdir()) == []


def test_a_server_that_is_named_is_used_as_it_is(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TEST_DATABASE_URL", "postgresql://someone@elsewhere/postgres")

    with postgresql.postgresql_server() as url:
        assert url == "postgresql://someone@elsewhere/postgres"


def test_a_database_is_cloned_from_a_template_and_dropped(own_server: Path) -> None:
    async def columns(url: str) -> list[str]:
        connection = await asyncpg.connect(url)
        try:
            statement = "SELECT attname FROM pg_attribute WHERE attrelid = 'seen'::regclass AND attnum > 0"
            return [row["attname"] for row in await connection.fetch(statement)]
        finally:
            await connection.close()

    with postgresql.postgresql_server() as admin_url:
        template_url = create_database(admin_url, "template of ours")
        run_on(template_url, lambda connection: connection.execute("CREATE TABLE seen (a_column int)"))

        clone_url = create_database(admin_url, "clone", template="template of ours")

        assert asyncio.run(columns(clone_url)) == ["a_column"]
        drop_database(admin_url, "clone")
        with pytest.raises(asyncpg.InvalidCatalogNameError):
            asyncio.run(columns(clone_url))
