"""A gateway that can be killed and started again at the same address, as a supervisor of processes would do it."""

import os
import signal
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

import httpx2

from tests.faults.history import now
from tests.support.gateway import ROOT, START_S, ForkedProcess, Started, environment
from tests.support.ports import free_port, is_listening, wait_until

STOP_S = 40
WORKER = b"multiprocessing.spawn"  # beside them there is multiprocessing's own tracker of resources


@dataclass(slots=True)
class Gateway:
    """One process of `casegate serve`, with settings and an address that outlive it.

    `root`: the tree of the version that serves. `is_forked`: from a process that has imported all of it, if it can be;
    it is not for what measures a start.
    """

    log: Path
    settings: Mapping[str, str]
    port: int = field(default_factory=free_port)
    workers: int = 1
    root: Path = ROOT
    is_forked: bool = False
    process: Started | None = None

    @property
    def address(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def launch(self) -> None:
        """Start it, and wait for nothing."""
        arguments = ["serve", "--port", str(self.port), "--workers", str(self.workers)]
        with self.log.open("ab") as output:
            if self.is_forked and self.workers == 1 and self.root == ROOT:
                self.process = ForkedProcess(arguments, self._environment(), output)
                return
            self.process = subprocess.Popen(
                [sys.executable, "-m", "app", *arguments],
                cwd=self.root,
                env=self._environment(),
                stdout=output,
                stderr=subprocess.STDOUT,
            )

    def _environment(self) -> dict[str, str]:
        """Return its environment: modules are compiled once, as where it is installed, which is half of a start."""
        inherited = environment(**self.settings)
        inherited.pop("PYTHONDONTWRITEBYTECODE", None)
        return inherited

    def start(self) -> float:
        """Start it, and return how many seconds it took until it was ready. Raises: TimeoutError."""
        began = now()
        self.launch()
        if not wait_until(lambda: self.is_ready() or not self.is_running(), START_S) or not self.is_running():
            raise TimeoutError(f"the gateway does not start; its log is {self.log}")
        return now() - began

    def logged_about(self, request_id: str) -> str:
        """Return the last line of the log about a request, which says why it failed; empty where there is none."""
        lines = [line for line in self.log.read_text(errors="replace").splitlines() if f'"{request_id}"' in line]
        return lines[-1] if lines else ""

    def supervise(self) -> None:
        """Start it, again if it does not stay, until it is ready. Raises: TimeoutError."""
        deadline = now() + START_S
        while now() < deadline:
            with suppress(TimeoutError):
                self.start()
                return
        raise TimeoutError(f"the gateway does not start again; its log is {self.log}")

    def worker_ids(self) -> list[int]:
        """Return the processes that serve, by what Linux tells of the parent's children."""
        assert self.process is not None
        children = Path(f"/proc/{self.process.pid}/task/{self.process.pid}/children").read_text().split()
        return [int(child) for child in children if WORKER in _command_line(child)]

    def kill_worker(self, worker: int) -> None:
        os.kill(worker, signal.SIGKILL)

    def kill(self) -> None:
        """End it as a power cut would: it learns nothing of it."""
        assert self.process is not None
        self.process.send_signal(signal.SIGKILL)
        self.process.wait()

    def is_running(self) -> bool:
        return self.process is not None and self.process.poll() is None

    def is_ready(self) -> bool:
        if not is_listening(self.port):
            return False
        try:
            return httpx2.get(f"{self.address}/ready", timeout=5).status_code == 200
        except httpx2.HTTPError:
            return False

    def stop(self) -> None:
        if self.process is None or not self.is_running():
            return
        self.process.terminate()
        try:
            self.process.wait(STOP_S)
        except subprocess.TimeoutExpired:
            self.kill()


def _command_line(process: str) -> bytes:
    try:
        return Path(f"/proc/{process}/cmdline").read_bytes()
    except OSError:  # it has ended since it was listed
        return b""


@contextmanager
def gateway(
    folder: Path, root: Path = ROOT, workers: int = 1, is_forked: bool = False, /, **settings: str
) -> Iterator[Gateway]:
    """Yield a running gateway of so many *workers* that keeps what it writes in *folder*; it is gone afterwards."""
    unlimited = {"rate_limit": "0", "rate_streams": "0", "failed_auth_limit": "0", "demo": "false"}
    own = {"data_dir": str(folder), **unlimited, **settings}
    made = Gateway(folder / "gateway.log", own, workers=workers, root=root, is_forked=is_forked)
    try:
        made.start()
        yield made
    finally:
        made.stop()
