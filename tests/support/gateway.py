"""The gateway as its users have it: the real command line and a real server process, spoken to over real sockets."""

import atexit
import json
import multiprocessing
import os
import runpy
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from multiprocessing.reduction import DupFd
from pathlib import Path
from typing import IO, Any

import httpx2

from tests.support.ports import free_port, is_listening, wait_until

ROOT = Path(__file__).resolve().parents[2]
START_S = 60
COMMAND_S = 120


def environment(**settings: str) -> dict[str, str]:
    """Return the environment of a process that knows these CASEGATE settings and no others."""
    own = {name: value for name, value in os.environ.items() if not name.startswith("CASEGATE_")}
    return own | {f"CASEGATE_{name.upper()}": value for name, value in settings.items()}


# Importing the gateway takes two seconds of a slow core. The commands' processes are forked from one that has done it.
FORKS = multiprocessing.get_context("forkserver")
FORKS.set_forkserver_preload(["tests.support.preloaded"])


def casegate(*arguments: str, **settings: str) -> "subprocess.CompletedProcess[str]":
    """Run one command to its end, in a process of its own."""
    with tempfile.TemporaryFile("w+") as output, tempfile.TemporaryFile("w+") as errors:
        handed = (arguments, environment(**settings), DupFd(output.fileno()), DupFd(errors.fileno()))
        process = FORKS.Process(target=_command, args=handed)
        process.start()
        process.join(COMMAND_S)
        if process.exitcode is None:
            process.kill()
            raise TimeoutError(f"casegate {arguments[0]} does not end")
        output.seek(0)
        errors.seek(0)
        return subprocess.CompletedProcess(arguments, process.exitcode, output.read(), errors.read())


def _command(arguments: Sequence[str], environ: Mapping[str, str], output: Any, errors: Any) -> None:
    """Become `python -m app` with these arguments."""
    os.environ.clear()
    os.environ.update(environ)
    os.dup2(output.detach(), 1)
    os.dup2(errors.detach(), 2)
    sys.argv[1:] = arguments
    try:
        runpy.run_module("app", run_name="__main__", alter_sys=True)
    finally:
        atexit._run_exitfuncs()  # a process that was forked ends without


class ForkedProcess:
    """A command that runs on, in a process of its own, with what a test does to a `subprocess.Popen`."""

    def __init__(self, arguments: Sequence[str], environ: Mapping[str, str], output: IO[bytes]) -> None:
        ends = DupFd(output.fileno()), DupFd(output.fileno())
        self._process = FORKS.Process(target=_command, args=(arguments, environ, *ends))
        self._process.start()

    @property
    def pid(self) -> int:
        assert self._process.pid is not None
        return self._process.pid

    def poll(self) -> int | None:
        return self._process.exitcode

    def wait(self, timeout: float | None = None) -> int:
        """Return how it ended. Raises: subprocess.TimeoutExpired."""
        self._process.join(timeout)
        code = self._process.exitcode
        if code is None:
            raise subprocess.TimeoutExpired("casegate", timeout or 0)
        return code

    def send_signal(self, number: int) -> None:
        if self.poll() is None:
            os.kill(self.pid, number)

    def terminate(self) -> None:
        self._process.terminate()

    def kill(self) -> None:
        self._process.kill()


Started = subprocess.Popen[bytes] | ForkedProcess
Start = Callable[[Sequence[str], Mapping[str, str], IO[bytes]], Started]


def casegate_json(*arguments: str, **settings: str) -> Any:
    """Run one command that must succeed, and return what it prints as JSON."""
    done = casegate(*arguments, "--json", **settings)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


@cache
def _demo() -> tuple[Path, str]:
    """Return a data folder with the demo, and what the command printed that made it."""
    folder = Path(tempfile.mkdtemp(prefix="casegate-demo-"))
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    done = casegate("demo", "--json", data_dir=str(folder))
    assert done.returncode == 0, done.stderr
    return folder, done.stdout


def demo_in(folder: Path) -> Any:
    """Have the demo in a data folder, and return what `casegate demo --json` prints of it.

    It is made once a process, and copied: to migrate a database and to fill it takes a second of CPU.
    """
    source, printed = _demo()
    shutil.copytree(source, folder, dirs_exist_ok=True)
    return json.loads(printed)


@dataclass(frozen=True, slots=True)
class Server:
    """A running server; `output` is what it has printed, on both streams."""

    address: str
    log: Path
    process: Started

    @property
    def output(self) -> str:
        return self.log.read_text()

    def stop(self) -> int:
        """End it as an operator would, and return its exit code."""
        self.process.send_signal(signal.SIGTERM)
        return self.process.wait(timeout=30)

    def send(self, token: str | None, query: str, variables: Mapping[str, Any] | None = None) -> httpx2.Response:
        """Send a document by a connection of its own."""
        headers = {} if token is None else {"Authorization": f"Bearer {token}"}
        body = {"query": query, "variables": variables}
        return httpx2.post(f"{self.address}/graphql", json=body, headers=headers, timeout=30)

    def run(self, token: str, query: str, variables: Mapping[str, Any] | None = None) -> dict[str, Any]:
        """Send a document that must succeed, and return its data."""
        body = self.send(token, query, variables).json()
        assert "errors" not in body, body
        data: dict[str, Any] = body["data"]
        return data


@contextmanager
def serving(
    folder: Path, *arguments: str, port: int | None = None, is_forked: bool = True, **settings: str
) -> Iterator[Server]:
    """Yield a server that keeps what it writes in *folder*; it is gone afterwards. *port*: of one that has ended.

    *is_forked*: from a process that has imported all of it. It is not for tests of how a server starts, or of what it
    takes; nor for one of several processes, which import all anew in any case.
    """
    port = port or free_port()
    log = folder / f"server-{port}.log"
    usual = {"data_dir": str(folder), "rate_limit": "0", "failed_auth_limit": "0"}
    with log.open("wb") as output:
        start: Start = ForkedProcess if is_forked and "--workers" not in arguments else _started
        process = start(["serve", "--port", str(port), *arguments], environment(**usual | settings), output)
    server = Server(f"http://127.0.0.1:{port}", log, process)
    try:
        wait_until(lambda: is_listening(port) or process.poll() is not None, START_S)
        assert process.poll() is None, server.output
        assert wait_until(lambda: _answers(server.address), START_S), server.output
        yield server
    finally:
        process.terminate()
        try:
            process.wait(timeout=30)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def _started(arguments: Sequence[str], environ: Mapping[str, str], output: IO[bytes]) -> "subprocess.Popen[bytes]":
    command = [sys.executable, "-m", "app", *arguments]
    return subprocess.Popen(command, cwd=ROOT, env=environ, stdout=output, stderr=subprocess.STDOUT)


def _answers(address: str) -> bool:
    try:
        return httpx2.get(f"{address}/live", timeout=5).status_code == 200
    except httpx2.HTTPError:
        return False
