"""Documents over real sockets: sizes, memory, bad lines, and a server that is killed at any moment."""

import hashlib
import json
import os
import random
import signal
import socket
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import httpx2
import pytest

from app.documents.receive import SIZE_MAX
from tests.support.documents import files_in
from tests.support.gateway import Server, casegate, casegate_json, serving

OPEN = """mutation($ref: String!) {
  openCase(input: {title: "T", subject: {type: COMPANY_ACCOUNT_CHECK, externalRef: $ref, label: "A"}}) {
    case { id } } }"""
COMMENT = """mutation($case: ID!, $documents: [ID!]) {
  addComment(input: {caseId: $case, body: "See the files.", documentIds: $documents}) {
    errors { code } comment { documents { id sha256 url } } } }"""
LISTED = """query($case: ID!, $after: String) { case(id: $case) { documents(first: 100, after: $after) {
  nodes { id sha256 sizeBytes url } pageInfo { hasNextPage endCursor } } } }"""
MIB = 1024 * 1024


@pytest.fixture
def token(tmp_path: Path) -> str:
    place = {"data_dir": str(tmp_path)}
    account = casegate_json("account", "create", "--name", "Acme", **place)["id"]
    user = casegate_json(
        *("user", "create", "--account", account, "--email", "a@b.example", "--name", "Ada", "--role", "CONTRIBUTOR"),
        **place,
    )
    scopes = ("cases_read", "cases_write", "documents_read", "documents_write")
    options = [word for scope in scopes for word in ("--scope", scope)]
    secret: str = casegate_json("token", "create", "--user", user["id"], *options, **place)["token"]
    return secret


@pytest.fixture
def server(tmp_path: Path, token: str) -> Iterator[Server]:
    with serving(tmp_path, demo="false") as running:
        yield running


def send(server: Server, token: str, content: Any, **headers: str) -> httpx2.Response:
    sent = {"Authorization": f"Bearer {token}"} | {name.replace("_", "-"): value for name, value in headers.items()}
    return httpx2.post(
        f"{server.address}/documents", params={"filename": "a.txt"}, content=content, headers=sent, timeout=60
    )


def resident(server: Server) -> int:
    """Return the process's resident memory, in bytes."""
    pages = Path(f"/proc/{server.process.pid}/statm").read_text().split()[1]
    return int(pages) * os.sysconf("SC_PAGE_SIZE")


def text_of(size: int, seed: int) -> bytes:
    return (hashlib.sha256(str(seed).encode()).hexdigest().encode() * (size // 64 + 1))[:size]


def in_pieces(content: bytes) -> Iterator[bytes]:
    """Yield *content* as a body without a length."""
    for at in range(0, len(content), 65_536):
        yield content[at : at + 65_536]


def test_twenty_large_files_go_up_and_down_at_once_in_little_memory(server: Server, token: str) -> None:
    contents = [text_of(SIZE_MAX, seed) for seed in range(20)]
    case = server.run(token, OPEN, {"ref": "large"})["openCase"]["case"]["id"]
    # What the first file loads and keeps is no growth.
    first = send(server, token, in_pieces(contents[0])).json()["id"]
    payload = server.run(token, COMMENT, {"case": case, "documents": [first]})["addComment"]
    _digest(payload["comment"]["documents"][0]["url"])
    before, peak, done = resident(server), 0, threading.Event()

    def watch() -> None:
        nonlocal peak
        while not done.wait(0.02):
            peak = max(peak, resident(server))

    watcher = threading.Thread(target=watch)
    watcher.start()
    try:
        with ThreadPoolExecutor(20) as threads:
            answers = list(threads.map(lambda content: send(server, token, in_pieces(content)), contents))
            ids = [answer.json()["id"] for answer in answers]
            payloads = [server.run(token, COMMENT, {"case": case, "documents": ids[at : at + 10]}) for at in (0, 10)]
            documents = [row for payload in payloads for row in payload["addComment"]["comment"]["documents"]]
            downs = list(threads.map(lambda row: _digest(row["url"]), documents))
    finally:
        done.set()
        watcher.join()

    assert [answer.status_code for answer in answers] == [201] * 20
    assert downs == [hashlib.sha256(content).hexdigest() for content in contents]
    assert downs == [row["sha256"] for row in documents]
    assert peak - before < 30 * MIB  # of 200 that go up and down


def _digest(url: str) -> str:
    digest = hashlib.sha256()
    with httpx2.stream("GET", url, timeout=60) as answer:
        for piece in answer.iter_bytes():
            digest.update(piece)
    return digest.hexdigest()


def pour(connection: socket.socket, piece: bytes, limit: int) -> tuple[bytes, int]:
    """Send *piece* over and over until there is an answer or *limit* is reached; return both."""
    answer, sent, rest, until = b"", 0, memoryview(piece), time.monotonic() + 30
    connection.setblocking(False)
    while b"\r\n\r\n" not in answer and sent < limit and time.monotonic() < until:
        try:
            answer += connection.recv(65_536)
        except BlockingIOError:
            try:
                count = connection.send(rest)
                sent, rest = sent + count, rest[count:] or memoryview(piece)
            except BlockingIOError:
                time.sleep(0.001)
    return answer, sent


@pytest.mark.parametrize("has_length", [True, False], ids=["by-length", "by-count"])
def test_one_byte_too_many_is_refused_before_it_is_all_read(
    server: Server, token: str, tmp_path: Path, has_length: bool
) -> None:
    """The client announces or sends far more than it may, and is answered while most of it is still to come."""
    whole = 500 * MIB
    address = urlsplit(server.address)
    head = f"POST /documents?filename=a.txt HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {token}\r\n"
    head += f"Content-Length: {whole}\r\n\r\n" if has_length else "Transfer-Encoding: chunked\r\n\r\n"
    piece = b"a" * 65_536 if has_length else b"10000\r\n" + b"a" * 65_536 + b"\r\n"

    with socket.create_connection((address.hostname, address.port), timeout=30) as connection:
        connection.sendall(head.encode())
        answer, sent = pour(connection, piece, whole)

    assert answer.startswith(b"HTTP/1.1 413"), answer[:100]
    assert sent < whole // 4
    assert files_in(tmp_path) == []


def test_a_connection_that_is_cut_half_way_leaves_nothing(server: Server, token: str, tmp_path: Path) -> None:
    address = urlsplit(server.address)
    head = f"POST /documents?filename=a.txt HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {token}\r\n"
    head += f"Content-Length: {MIB}\r\n\r\n"
    with socket.create_connection((address.hostname, address.port), timeout=30) as connection:
        connection.sendall(head.encode() + b"a" * (MIB // 2))
        deadline = time.monotonic() + 20
        while not files_in(tmp_path) and time.monotonic() < deadline:
            time.sleep(0.01)
        assert files_in(tmp_path) != []

    deadline = time.monotonic() + 20
    while files_in(tmp_path) and time.monotonic() < deadline:
        time.sleep(0.05)
    assert files_in(tmp_path) == []
    assert "fault" not in server.output


def _assert_survives_kill(tmp_path: Path, token: str, rounds: int, uploads: int) -> None:
    """Kill the server while uploads and comments are under way; hold what it acknowledged against what is there."""
    acknowledged: dict[str, str] = {}
    attached: set[str] = set()
    with serving(tmp_path, demo="false") as server:
        case = server.run(token, OPEN, {"ref": "killed"})["openCase"]["case"]["id"]
    for round_number in range(rounds):
        with serving(tmp_path, demo="false") as server:
            moment = random.Random(round_number).uniform(0, 0.6)
            killer = threading.Timer(moment, lambda at=server: at.process.send_signal(signal.SIGKILL))
            for number in range(uploads):
                content = text_of(200_000, round_number * 1000 + number)
                try:
                    answer = send(server, token, content).json()
                    acknowledged[answer["id"]] = hashlib.sha256(content).hexdigest()
                    payload = server.run(token, COMMENT, {"case": case, "documents": [answer["id"]]})["addComment"]
                    assert payload["errors"] == []
                    attached.add(answer["id"])
                    if number == 0:
                        killer.start()  # how long the first one takes is the machine's
                except (httpx2.HTTPError, json.JSONDecodeError):
                    break
            killer.join()
    with serving(tmp_path, demo="false") as server:
        _assert_whole(server, token, case, acknowledged, attached)
    place = {"data_dir": str(tmp_path)}
    assert casegate("documents", "verify", **place).returncode == 0
    assert casegate("log", "verify", **place).returncode == 0
    casegate_json("documents", "sweep", "--grace", "0", **place)
    assert casegate_json("documents", "verify", **place)["orphans"] == []
    assert list((tmp_path / "documents" / "incoming").iterdir()) == []


def _assert_whole(server: Server, token: str, case: str, acknowledged: dict[str, str], attached: set[str]) -> None:
    """Every listed document downloads with its SHA-256, and every acknowledged one is listed."""
    rows, after = [], None
    while True:
        page = server.run(token, LISTED, {"case": case, "after": after})["case"]["documents"]
        rows += page["nodes"]
        if not page["pageInfo"]["hasNextPage"]:
            break
        after = page["pageInfo"]["endCursor"]
    assert attached <= {row["id"] for row in rows}
    assert attached
    for row in rows:
        assert _digest(row["url"]) == row["sha256"] == acknowledged.get(row["id"], row["sha256"])


def test_a_server_that_is_killed_loses_nothing_that_it_acknowledged(tmp_path: Path, token: str) -> None:
    _assert_survives_kill(tmp_path, token, rounds=2, uploads=50)


@pytest.mark.soak
def test_a_server_that_is_killed_often_loses_nothing_that_it_acknowledged(tmp_path: Path, token: str) -> None:
    _assert_survives_kill(tmp_path, token, rounds=50, uploads=50)
