"""How soon an archive is served: the gateway started, started after SIGKILL, and after SIGKILL of its PostgreSQL."""

import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path

from scripts.benchmarks import calls as making
from scripts.benchmarks.archives import SizedArchive, SizedArchives, kill
from scripts.benchmarks.compare import Say
from scripts.benchmarks.driver import WrongAnswer
from scripts.benchmarks.operations import OPERATIONS
from scripts.benchmarks.servers import Server, gateway
from tests.support.ports import wait_until

WAIT_S = 120
COMMENTS = 200
"""How many were written before PostgreSQL is ended, at most."""


def restarts(archives: SizedArchives, folder: Path, rounds: int, say: Say) -> Iterator[str]:
    """Yield a line for each archive, and for the server of both."""
    turns = [(archive, _turn(archive, folder, say)) for _ in range(rounds) for archive in archives.both]
    for archive in archives.both:
        first, again = zip(*(times for of, times in turns if of is archive), strict=True)
        yield f"{archive.rows} rows: ready {_span(first)} after the gateway's start, {_span(again)} after kill -9"
    if archives.cluster is not None:
        yield _without_database(archives, folder, say)


def _span(times: tuple[float, ...]) -> str:
    return f"{min(times):.2f} to {max(times):.2f} s"


def _turn(archive: SizedArchive, folder: Path, say: Say) -> tuple[float, float]:
    """Return the seconds of the gateway's start, and of the next one, after SIGKILL."""
    say(f"starting with {archive.rows} rows")
    began = time.perf_counter()
    with gateway(archive.folder(folder), archive.data.url) as server:
        _await_ready(server)
        first = time.perf_counter() - began
        server.process.kill()
        server.process.wait()
    began = time.perf_counter()
    with gateway(archive.folder(folder), archive.data.url) as server:
        _await_ready(server)
        return first, time.perf_counter() - began


def _without_database(archives: SizedArchives, folder: Path, say: Say) -> str:
    """End PostgreSQL in the midst of its work by SIGKILL, and start it again."""
    cluster, data = archives.cluster, archives.large.data
    assert cluster is not None
    say("ending PostgreSQL")
    with gateway(archives.large.folder(folder), data.url) as server:
        _await_ready(server)
        for call in making.calls_of(OPERATIONS[2], data, server)[:COMMENTS]:
            path, body = making.body_of(server, OPERATIONS[2], call)
            making.ask(server, data.commenting, body, path)
        kill(cluster)
        assert not is_ready(server)
        began = time.perf_counter()
        cluster.start()
        started = time.perf_counter() - began
        _await_ready(server)
        ready = time.perf_counter() - began
    return f"kill -9 of PostgreSQL: it takes connections {started:.2f} s after its start, ready after {ready:.2f} s"


def _await_ready(server: Server) -> None:
    if not wait_until(lambda: is_ready(server), WAIT_S):
        raise WrongAnswer(f"{server.name} was not ready in {WAIT_S} s")


def is_ready(server: Server) -> bool:
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{server.port}/ready", timeout=10) as answer:
            return bool(answer.status == 200)
    except (urllib.error.URLError, OSError):
        return False
