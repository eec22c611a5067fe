"""A live server under attack: raw requests to it by sockets, and another client who waits for answers meanwhile."""

import http.client
import json
import re
import socket
import threading
import time
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlsplit

import psutil

HEARTBEAT_S = 0.02
RUNNING, READY = 0, 1
"""Columns of a thread's `schedstat`: the time on a processor, and on the queue for one."""


@dataclass(frozen=True, slots=True)
class Got:
    """What an attack was answered: a status, 0 for a connection that was closed without one, and the body."""

    status: int
    body: bytes

    @property
    def code(self) -> str:
        """The code of the first error, in the payload too."""
        try:
            body = json.loads(self.body)
        except ValueError:
            return "-"
        for error in body.get("errors") or []:
            return str(error.get("extensions", error)["code"])  # JSON:API has it in the error itself
        data = body.get("data")
        for payload in data.values() if isinstance(data, dict) else ():
            for error in (payload.get("errors") or []) if isinstance(payload, dict) else []:
                return str(error["code"])
        return "-"


@dataclass(frozen=True, slots=True)
class Target:
    """Where the server is, a token that it knows, and its process.

    `others`: a token of another account, by which another client asks `requested` meanwhile; without it the same one.
    """

    address: str
    token: str
    pid: int
    others: str = ""
    requested: str = "{ __typename }"

    @property
    def largest_mib(self) -> int:
        """The most memory that the server has had since it was asked to forget."""
        status = Path(f"/proc/{self.pid}/status").read_text()
        found = re.search(r"VmHWM:\s+(\d+) kB", status)
        assert found is not None
        return int(found[1]) // 1024

    def forget_largest(self) -> None:
        """Let the largest memory be that of now (Linux, proc(5), `clear_refs`)."""
        Path(f"/proc/{self.pid}/clear_refs").write_text("5")

    def kept_waiting(self) -> float:
        """Return for how many seconds so far its event loop and this thread could go on, and had no processor."""
        server = Path(f"/proc/{self.pid}/task/{self.pid}/schedstat")
        client = Path(f"/proc/self/task/{threading.get_native_id()}/schedstat")
        return sum(_schedstat_s(path, READY) for path in (server, client))

    def worked(self) -> float:
        """Return for how many seconds so far its event loop has had a processor."""
        return _schedstat_s(Path(f"/proc/{self.pid}/task/{self.pid}/schedstat"), RUNNING)

    def used(self) -> float:
        """Return for how many seconds so far any of its threads has had a processor."""
        times = psutil.Process(self.pid).cpu_times()
        return float(times.user + times.system)

    @property
    def place(self) -> tuple[str, int]:
        parts = urlsplit(self.address)
        assert parts.hostname is not None and parts.port is not None
        return parts.hostname, parts.port

    def send(self, method: str, path: str, body: bytes = b"", **headers: str) -> Got:
        """Send one request by a connection of its own; a header's underscores become hyphens."""
        connection = http.client.HTTPConnection(*self.place, timeout=30)
        sent = {name.replace("_", "-"): value for name, value in headers.items()}
        try:
            connection.request(method, path, body or None, {"Authorization": f"Bearer {self.token}"} | sent)
            answer = connection.getresponse()
            return Got(answer.status, answer.read())
        except (ConnectionError, http.client.HTTPException):
            return Got(0, b"")
        finally:
            connection.close()

    def post(self, body: bytes, **headers: str) -> Got:
        return self.send("POST", "/graphql", body, **{"Content_Type": "application/json"} | headers)

    def ask(self, query: str, **variables: object) -> Got:
        return self.post(json.dumps({"query": query, "variables": variables}).encode())

    def raw(self, *pieces: bytes) -> Got:
        """Send bytes as they are, in pieces, and read what comes; the server may close before all is sent."""
        with socket.create_connection(self.place, timeout=30) as connection:
            try:
                for piece in pieces:
                    connection.sendall(piece)
            except ConnectionError:
                pass
            return _read(connection)

    def head(self, *lines: str) -> bytes:
        """Return the head of a POST with these header lines besides."""
        host, port = self.place
        standard = ["POST /graphql HTTP/1.1", f"Host: {host}:{port}", f"Authorization: Bearer {self.token}"]
        return "\r\n".join([*standard, "Content-Type: application/json", *lines, "", ""]).encode()


def _read(connection: socket.socket) -> Got:
    answer = http.client.HTTPResponse(connection)
    try:
        answer.begin()
        return Got(answer.status, answer.read())
    except (OSError, http.client.HTTPException):
        return Got(0, b"")
    finally:
        answer.close()


@dataclass(slots=True)
class Heartbeat:
    """Another client, who asks the same again and again, and whether the server is ready.

    `longest` is how long it waited at most, and `by_server` the same without the time for which the server's event loop
    and this client could have gone on, and the machine's processors were others'.
    """

    target: Target
    longest: float = 0.0
    by_server: float = 0.0
    beats: int = 0
    failures: list[int] = field(default_factory=list)
    _stop: threading.Event = field(default_factory=threading.Event)
    _thread: threading.Thread | None = None

    def __enter__(self) -> "Heartbeat":
        self._thread = threading.Thread(target=self._beat)
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        assert self._thread is not None
        self._thread.join()

    def _beat(self) -> None:
        connection = http.client.HTTPConnection(*self.target.place, timeout=30)
        token = self.target.others or self.target.token
        headers = {"Authorization": f"Bearer {token}", "Content-Type": "application/json"}
        body = json.dumps({"query": self.target.requested}).encode()
        while not self._stop.is_set():
            self._one(connection, "POST", "/graphql", body, headers)
            if self.beats % 5 == 0:
                self._one(connection, "GET", "/ready", b"", {})
            self._stop.wait(HEARTBEAT_S)
        connection.close()

    def _one(
        self, connection: http.client.HTTPConnection, method: str, path: str, body: bytes, headers: dict[str, str]
    ) -> None:
        started, busy = time.monotonic(), self.target.kept_waiting()
        answer = _answer(connection, method, path, body, headers)
        content = answer.read()
        waited, busy = time.monotonic() - started, self.target.kept_waiting() - busy
        self.longest = max(self.longest, waited)
        self.by_server = max(self.by_server, waited - busy)
        self.beats += 1
        if answer.status != 200 or (path == "/graphql" and b'"errors"' in content):
            self.failures.append(answer.status)


def _answer(
    connection: http.client.HTTPConnection, method: str, path: str, body: bytes, headers: dict[str, str]
) -> http.client.HTTPResponse:
    """Send a request, anew where the server has closed the idle connection meanwhile (RFC 9112, section 9.3.1)."""
    with suppress(BrokenPipeError, ConnectionResetError):  # before any byte of an answer
        connection.request(method, path, body or None, headers)
        return connection.getresponse()
    connection.close()
    connection.request(method, path, body or None, headers)
    return connection.getresponse()


def _schedstat_s(schedstat: Path, column: int) -> float:
    """Return a time of a thread (Linux, scheduler statistics); 0 where the system does not count it."""
    try:
        return int(schedstat.read_text().split()[column]) / 1e9
    except (OSError, IndexError):
        return 0.0
