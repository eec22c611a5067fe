"""Lines that can't be written: no answer waits for them or fails by them, no action is lost, and no process ends."""

import asyncio
import fcntl
import json
import logging
import os
import signal
import socket
import subprocess
import sys
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import asynccontextmanager, contextmanager
from functools import partial
from io import FileIO
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import httpx2
import pytest
import structlog
from sqlalchemy import text

from app.db.engines import Database
from app.observability import logging as logs
from app.observability.log_output import LineQueue
from app.observability.metrics import REGISTRY
from tests.faults.client import NO_TLS
from tests.support.database_contents import without
from tests.support.gateway import ROOT, START_S, environment
from tests.support.ports import free_port, wait_until
from tests.support.world import World

LINE = b'{"event":"x"}\n'
NOT_OPEN = 1_000_000


def dropped() -> int:
    return int(REGISTRY.get_sample_value("casegate_log_lines_dropped_total") or 0)


@contextmanager
def pipe(size: int = 4096) -> Iterator[tuple[FileIO, FileIO]]:
    """Yield the ends of a pipe that holds *size* bytes."""
    reader, writer = os.pipe()
    with FileIO(reader) as read_end, FileIO(writer, "w") as write_end:
        fcntl.fcntl(writer, fcntl.F_SETPIPE_SZ, size)
        yield read_end, write_end


def fill(writer: FileIO) -> None:
    """Write until the pipe takes no more."""
    os.set_blocking(writer.fileno(), False)
    while writer.write(b"x" * 4096) is not None:
        pass
    os.set_blocking(writer.fileno(), True)


def read(reader: FileIO, *until: bytes) -> bytes:
    """Read until all of these have come."""
    found = b""
    while not all(text in found for text in until):
        found += reader.read(65_536) or b""
    return found


# --- The queue -------------------------------------------------------------------------------------------------------


def test_lines_are_written_whole_and_in_order_however_slowly_they_are_read() -> None:
    lines = [b'{"number":%d}\n' % number for number in range(5_000)]
    with pipe() as (reader, writer):
        queue = LineQueue(writer.fileno())
        for line in lines:
            queue.put(line)
        found = read(reader, lines[-1])

        assert queue.flush(60)
    assert found == b"".join(lines)


def test_unread_lines_are_queued_to_a_bound_then_dropped_counted_and_reported_on_recovery() -> None:
    before = dropped()
    with pipe() as (reader, writer):
        fill(writer)
        queue = LineQueue(writer.fileno(), most_bytes=100 * len(LINE))
        for _ in range(1_000):  # nobody reads: to wait for room would be to wait for ever
            queue.put(LINE)
        is_written = queue.flush(0.05)
        lost = dropped() - before
        queue.put(LINE)  # it has no room either
        found = read(reader, LINE)
        assert queue.flush(60)
        os.set_blocking(reader.fileno(), False)
        found += reader.read(1 << 20) or b""

    reported = [json.loads(line) for line in found.lstrip(b"x").splitlines()]
    assert not is_written
    assert lost == 900
    assert sum(line["lines"] for line in reported if line["event"] == "log_lines_dropped") == 901
    assert sum(line["event"] == "x" for line in reported) == 100


def test_a_descriptor_that_takes_nothing_costs_lines_and_nothing_else() -> None:
    before = dropped()
    with pipe() as (reader, gone), FileIO("/dev/full", "w") as full:
        reader.close()
        for descriptor in (full.fileno(), gone.fileno(), NOT_OPEN):
            queue = LineQueue(descriptor)
            for _ in range(10):
                queue.put(LINE)
            assert queue.flush(60)

    assert dropped() - before == 30


def test_a_line_that_was_cut_is_ended_before_the_next(tmp_path: Path) -> None:
    program = """
import os, resource, sys
from app.observability.log_output import LineQueue
file = os.open(sys.argv[1], os.O_WRONLY | os.O_CREAT)
queue = LineQueue(file)
resource.setrlimit(resource.RLIMIT_FSIZE, (20, resource.RLIM_INFINITY))
queue.put(b"first line\\n"); queue.flush(60)
queue.put(b"second line\\nthird\\n"); queue.flush(60)
resource.setrlimit(resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
queue.put(b"fourth\\n"); queue.flush(60)
"""
    file = tmp_path / "log"

    subprocess.run([sys.executable, "-c", program, str(file)], check=True, cwd=ROOT)

    first, cut, reported, fourth = file.read_text().splitlines()
    assert (first, cut, fourth) == ("first line", "second li", "fourth")
    assert json.loads(reported)["lines"] == 2


def test_a_descriptor_that_does_not_block_is_waited_for() -> None:
    with pipe() as (reader, writer):
        fill(writer)
        os.set_blocking(writer.fileno(), False)
        queue = LineQueue(writer.fileno())
        queue.put(LINE)
        is_written = queue.flush(0.1)
        found = read(reader, LINE)

        assert queue.flush(60)
    assert not is_written
    assert found.endswith(LINE)


# --- What is logged --------------------------------------------------------------------------------------------------


class Mute:
    """Something without a representation."""

    def __repr__(self) -> str:
        raise ValueError

    __str__ = __repr__


@pytest.mark.parametrize(
    "value",
    ["\udcff", 2**70, {"a": "\ud800"}, Mute(), b"\xff", {1: 2}, float("nan"), [Mute()]],
    ids=["surrogate", "large", "nested surrogate", "mute", "bytes", "key", "nan", "nested mute"],
)
def test_whatever_is_logged_is_a_line(value: object, capsys: pytest.CaptureFixture[str]) -> None:
    logs.configure("info")

    structlog.get_logger().warning("odd", value=value)
    logs.write([{"event": "odd", "value": value}])

    assert [json.loads(line)["event"] for line in capsys.readouterr().err.splitlines()] == ["odd", "odd"]


@pytest.mark.parametrize("message", ["", "\n", ValueError(), Mute(), "a\nb", None])
@pytest.mark.parametrize("level", [logging.WARNING, 35, 60])
def test_whatever_a_library_logs_it_does_not_fail_by_it(
    message: object, level: int, capsys: pytest.CaptureFixture[str]
) -> None:
    logs.configure("info")

    logs.Forward().handle(logging.LogRecord("library", level, "a.py", 1, message, (), None))

    assert all(json.loads(line) for line in capsys.readouterr().err.splitlines())


@pytest.mark.parametrize("broken", ["full", "closed", "none"])
def test_a_command_goes_on_where_standard_error_takes_nothing(broken: str, monkeypatch: pytest.MonkeyPatch) -> None:
    logs.configure("info")
    before = dropped()
    with FileIO("/dev/full", "w") as full:
        if broken == "closed":
            full.close()
        monkeypatch.setattr(sys, "stderr", None if broken == "none" else SimpleNamespace(buffer=full))

        structlog.get_logger().warning("lost")
        logs.Forward().handle(logging.LogRecord("library", logging.ERROR, "a.py", 1, "lost", (), None))
        logs.write([{"event": "lost"}])
        monkeypatch.undo()

    assert dropped() - before == 3


# --- A real server ---------------------------------------------------------------------------------------------------


@contextmanager
def outputs(kind: str) -> Iterator[dict[str, Any]]:
    """Yield what a process is started with so that what it prints goes nowhere."""
    with pipe() as (reader, writer):
        if kind == "unread":
            fill(writer)
        elif kind == "reader gone":
            reader.close()
        if kind == "full":
            with Path("/dev/full").open("wb") as full:
                yield {"stdout": full, "stderr": full}
        else:
            yield {"stdout": writer, "stderr": writer}


COMMANDS = {"closed": ["sh", "-c", 'exec "$@" >&- 2>&-', "sh"]}


def start(port: int, streams: dict[str, Any], *arguments: str, **settings: str) -> "subprocess.Popen[bytes]":
    command = [sys.executable, "-m", "app", "serve", "--port", str(port), *arguments]
    return subprocess.Popen(command, cwd=ROOT, env=environment(**settings), **streams)


@contextmanager
def muted(kind: str, *arguments: str, **settings: str) -> Iterator[tuple[str, "subprocess.Popen[bytes]"]]:
    """Yield the address and the process of a server whose lines nobody gets."""
    port = free_port()
    command = [*COMMANDS.get(kind, ()), sys.executable, "-m", "app", "serve", "--port", str(port), *arguments]
    unlimited = {"rate_limit": "0", "failed_auth_limit": "0", "demo": "false", "metrics": "true"}
    with outputs(kind) as streams:
        process = subprocess.Popen(command, cwd=ROOT, env=environment(**unlimited | settings), **streams)
        address = f"http://127.0.0.1:{port}"
        try:
            assert wait_until(lambda: is_live(address), START_S)
            yield address, process
        finally:
            process.kill()
            process.wait()


def is_live(address: str) -> bool:
    try:
        return httpx2.get(f"{address}/live", timeout=5).status_code == 200
    except httpx2.HTTPError:
        return False


NAME = "{ viewer { language } }"
COMMENTS = "query($id: ID!) { case(id: $id) { actions(first: 9) { nodes { comment { body } } } } }"
COMMENT = "mutation($id: ID!, $body: String!) { addComment(input: {caseId: $id, body: $body}) { errors { code } } }"


class Client:
    """Somebody with a token and a connection."""

    def __init__(self, address: str, token: str) -> None:
        self._http = httpx2.Client(base_url=address, headers={"Authorization": f"Bearer {token}"}, verify=NO_TLS)

    def __enter__(self) -> "Client":
        return self

    def __exit__(self, *_: object) -> None:
        self._http.close()

    async def ask(self, query: str, **variables: object) -> tuple[int, str]:
        return await asyncio.to_thread(partial(self._ask, query, variables))

    def _ask(self, query: str, variables: Mapping[str, object]) -> tuple[int, str]:
        """Return the status of an answer, and the code of its first error or that it has data."""
        answer = self._http.post("/graphql", json={"query": query, "variables": variables}, timeout=60)
        body = answer.json()
        return answer.status_code, body["errors"][0]["extensions"]["code"] if "errors" in body else "data"


@asynccontextmanager
async def locked(database: Database) -> AsyncIterator[None]:
    """Have nobody else write."""
    async with database.write() as connection:
        await connection.execute(
            text("SELECT 1" if database.is_sqlite else "LOCK TABLE case_actions IN EXCLUSIVE MODE")
        )
        yield


@pytest.mark.parametrize(
    ("kind", "workers"),
    [
        ("full", "1"),
        ("unread", "1"),
        pytest.param("closed", "1", marks=pytest.mark.soak),
        pytest.param("reader gone", "1", marks=pytest.mark.soak),
        pytest.param("full", "2", marks=pytest.mark.soak),
        pytest.param("unread", "2", marks=pytest.mark.soak),
    ],
)
async def test_a_server_whose_log_is_not_read_answers_and_shuts_down_in_order(
    kind: str, workers: str, fresh_url: str, tmp_path: Path, world: World
) -> None:
    case_id, token = str((await world.open_case()).case.id), world.ada.token
    place = {"database_url": fresh_url, "data_dir": str(tmp_path), "database_lock_timeout": "0.2"}
    with muted(kind, "--workers", workers, **place) as (address, process), Client(address, token) as client:
        names = [await client.ask(NAME) for _ in range(100)]
        acted = await client.ask(COMMENT, id=case_id, body="Seen.")
        async with locked(world.database):
            away = await client.ask(COMMENT, id=case_id, body="Not now.")
        async with without(world.database, "comments"):
            fault = await client.ask(COMMENTS, id=case_id)
        garbage = await asyncio.to_thread(raw, address, b"NO HTTP\r\n\r\n")
        shown = await client.ask(COMMENTS, id=case_id)
        process.send_signal(signal.SIGTERM)
        code = await asyncio.to_thread(process.wait, 60)

    assert names == [(200, "data")] * 100
    assert (acted, shown) == ((200, "data"), (200, "data"))
    assert away == (503, "UNAVAILABLE")
    assert fault == (200, "INTERNAL_ERROR")
    assert garbage.startswith(b"HTTP/1.1 400 ")
    assert code == 0
    async with world.database.read() as connection:
        assert await connection.scalar(text("SELECT count(*) FROM comments WHERE body = 'Seen.'")) == 1


def raw(address: str, data: bytes) -> bytes:
    host, _, port = address.removeprefix("http://").partition(":")
    with socket.create_connection((host, int(port)), timeout=10) as connection:
        connection.sendall(data)
        return connection.recv(65_536)


async def test_queued_lines_are_written_when_the_reader_resumes_and_dropped_ones_are_counted(
    fresh_url: str, tmp_path: Path, world: World
) -> None:
    with pipe() as (reader, writer):
        fill(writer)
        port, settings = free_port(), {"database_url": fresh_url, "data_dir": str(tmp_path), "metrics": "true"}
        process = start(port, {"stdout": writer, "stderr": writer}, demo="false", **settings)
        writer.close()
        address = f"http://127.0.0.1:{port}"
        try:
            assert wait_until(lambda: is_live(address), START_S)
            with Client(address, world.ada.token) as client:
                await client.ask("query Held { viewer { language } }")
            metrics = await asyncio.to_thread(httpx2.get, f"{address}/metrics")
            # Standard output and standard error have a thread each.
            await asyncio.to_thread(read, reader, b'"operation":"Held"', b"API:      http")
            process.send_signal(signal.SIGTERM)
            code = await asyncio.to_thread(process.wait, 60)
        finally:
            process.kill()
            process.wait()

    assert code == 0
    assert "casegate_log_lines_dropped_total 0.0" in metrics.text
