"""A gateway that can be killed and started again at the same address, as a supervisor of processes would do it."""

import signal
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import httpx2

from tests.faults.history import now
from tests.live import ROOT, START_S, environment
from tests.ports import free_port, is_listening, wait_until

STOP_S = 40


@dataclass(slots=True)
class Gateway:
    """One process of `casegate serve`, with settings and an address that outlive it."""

    log: Path
    settings: Mapping[str, str]
    port: int = field(default_factory=free_port)
    process: "subprocess.Popen[bytes] | None" = None

    @property
    def address(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def launch(self) -> None:
        """Start it, and wait for nothing."""
        with self.log.open("ab") as output:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "app", "serve", "--port", str(self.port)],
                cwd=ROOT,
                env=environment(**self.settings),
                stdout=output,
                stderr=subprocess.STDOUT,
            )

    def start(self) -> float:
        """Start it, and return how many seconds it took until it was ready. Raises: TimeoutError."""
        began = now()
        self.launch()
        if not wait_until(lambda: self.is_ready() or not self.is_running(), START_S) or not self.is_running():
            raise TimeoutError(f"the gateway does not start; its log is {self.log}")
        return now() - began

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


@contextmanager
def gateway(folder: Path, **settings: str) -> Iterator[Gateway]:
    """Yield a running gateway that keeps what it writes in *folder*; it is gone afterwards."""
    unlimited = {"rate_limit": "0", "failed_auth_limit": "0", "demo": "false"}
    made = Gateway(folder / "gateway.log", {"data_dir": str(folder), **unlimited, **settings})
    try:
        made.start()
        yield made
    finally:
        made.stop()
