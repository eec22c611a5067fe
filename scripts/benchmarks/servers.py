"""The servers that are compared, each a process of its own: the gateway by its command line, the yardsticks by uvicorn.

It starts and stops them, and tells what they have used; it sends nothing but the question whether they are there.
"""

import os
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

import psutil

from tests.support.ports import free_port, is_listening, wait_until

ROOT = Path(__file__).resolve().parent.parent.parent
START_S = 60
STOP_S = 30


class ServerFailed(Exception):
    """A server did not start; the message is what it printed."""


@dataclass(frozen=True, slots=True)
class Server:
    """A running server. It `speaks` "graphql", "numbers", which is GraphQL with those as cursors, or "plain"."""

    name: str
    speaks: str
    port: int
    process: "subprocess.Popen[bytes]"
    log: Path
    graphql_path: str = "/graphql"

    def _all(self) -> list[psutil.Process]:
        own = psutil.Process(self.process.pid)
        return [own, *own.children(recursive=True)]

    def cpu_seconds(self) -> float:
        """Return the time on a core that it has used so far, its workers included."""
        return sum(self.cpu_seconds_each().values())

    def cpu_seconds_each(self) -> dict[int, float]:
        """Return the same of each of its processes, by its number."""
        times = {process.pid: process.cpu_times() for process in self._all()}
        return {pid: float(time.user + time.system) for pid, time in times.items()}

    def peak_mib(self) -> float:
        """Return the most memory that it has ever had, in MiB; of several workers the sum."""
        return sum(_peak_kib(process.pid) for process in self._all()) / 1024

    def present_mib(self) -> float:
        """Return the memory that it has, in MiB."""
        return float(sum(process.memory_info().rss for process in self._all())) / 2**20


def _peak_kib(pid: int) -> int:
    status = Path(f"/proc/{pid}/status")
    if not status.exists():  # not Linux: what it has now is the next best
        return int(psutil.Process(pid).memory_info().rss / 1024)
    line = next(line for line in status.read_text().splitlines() if line.startswith("VmHWM"))
    return int(line.split()[1])


# As in production: all is counted and logged, nothing is shown. The limits are on, and so wide that a slow machine's
# answers are measured, and not refused. The window is short: what is counted of a token is kept for as long, and in
# production that are a hundred requests, not those of ten seconds of load.
PRODUCTION = {
    "demo": "false",
    "graphiql": "false",
    "introspection": "false",
    "metrics": "true",
    "rate_limit": "100000000",
    "rate_streams": "0",
    "rate_window": "1",
    "deadline": "120",
    "database_pool_timeout": "60",
    "log_level": "info",
}


def casegate_environment(url: str, folder: Path, settings: Mapping[str, str]) -> dict[str, str]:
    """Return the environment of a command of the gateway."""
    known = PRODUCTION | {"database_url": url, "data_dir": str(folder)} | dict(settings)
    return _own_environment() | {f"CASEGATE_{key.upper()}": value for key, value in known.items()}


@contextmanager
def gateway(
    folder: Path,
    url: str,
    *,
    workers: int = 1,
    name: str = "casegate",
    traces: Path | None = None,
    settings: Mapping[str, str] | None = None,
    environment: Mapping[str, str] | None = None,
    switch: int | None = None,
) -> Iterator[Server]:
    """Serve the gateway on the database at *url*; what it sends to SQLite is written into *traces*.

    Where *switch* is a port, it listens there for how much it is to tell.
    """
    port = free_port()
    module = ["app"] if switch is None else ["scripts.benchmarks.switched", str(switch)]
    command = _command(traces, *module, "serve", "--port", str(port), "--workers", str(workers))
    whole = casegate_environment(url, folder, settings or {}) | dict(environment or {})
    with _serving(name, "graphql", port, command, folder, whole) as server:
        yield server


def _command(traces: Path | None, *arguments: str) -> list[str]:
    return [sys.executable, "-m", *(() if traces is None else ("scripts.benchmarks.traced", str(traces))), *arguments]


@contextmanager
def yardstick(folder: Path, url: str, module: str, *, traces: Path | None = None) -> Iterator[Server]:
    """Serve one of the yardsticks, "handwritten" or "naive", on the database at *url*."""
    port = free_port()
    options = ["--loop", "uvloop", "--http", "httptools", "--no-access-log", "--log-level", "warning"]
    application = f"scripts.benchmarks.{module}:application"
    command = _command(traces, "uvicorn", "--factory", application, "--port", str(port), *options)
    speaks = "plain" if module == "handwritten" else "numbers"
    environment = _own_environment() | {"BENCH_DATABASE_URL": url}
    with _serving(module, speaks, port, command, folder, environment) as server:
        yield replace(server, graphql_path="/graphql/") if module == "naive" else server  # a Mount redirects otherwise


@contextmanager
def node_server(name: str, script: Path, folder: Path, environment: Mapping[str, str]) -> Iterator[Server]:
    """Serve what *script* makes on Node.js; it gets its port as its argument."""
    port = free_port()
    with _serving(name, "numbers", port, ["node", str(script), str(port)], folder, environment) as server:
        yield server


def _own_environment() -> dict[str, str]:
    return {key: value for key, value in os.environ.items() if not key.startswith(("CASEGATE_", "BENCH_"))}


@contextmanager
def _serving(
    name: str, speaks: str, port: int, command: Sequence[str], folder: Path, environment: Mapping[str, str]
) -> Iterator[Server]:
    log = folder / f"{name}-{port}.log"
    with log.open("wb") as output:
        process = subprocess.Popen(command, cwd=ROOT, env=dict(environment), stdout=output, stderr=subprocess.STDOUT)
    try:
        if not wait_until(lambda: is_listening(port) or process.poll() is not None, START_S) or process.poll():
            raise ServerFailed(f"{name} did not start:\n{log.read_text()[-4000:]}")
        yield Server(name, speaks, port, process, log)
    finally:
        process.terminate()
        try:
            process.wait(STOP_S)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
