"""graphql-ws and graphql-sse, as their makers ship them, against a real gateway, by the manual's own code."""

import json
import os
import queue
import subprocess
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from tests.support.gateway import Server, casegate_json, serving
from tests.support.manual import blocks, page
from tests.support.node import PATH, Package, installed
from tests.support.paths import ROOT

PATIENCE_S = 120
COMMENT = "mutation($i: AddCommentInput!) { addComment(input: $i) { action { type } errors { code } } }"


@pytest.fixture(scope="module")
def package(tmp_path_factory: pytest.TempPathFactory) -> Package:
    """The clients, with the manual's code as a module for each."""
    package = installed(ROOT / "tests/clients/streams", tmp_path_factory.mktemp("streams"))
    for name, block in zip(("ws", "sse"), blocks("js", page=page("streams.md")), strict=False):
        (package.folder / f"manual-{name}.js").write_text(block.text, encoding="utf-8")
    return package


@pytest.fixture(params=["ws", "sse"])
def transport(request: pytest.FixtureRequest) -> str:
    name: str = request.param
    return name


def url_of(transport: str, server: Server) -> str:
    address = server.address.replace("http", "ws") if transport == "ws" else server.address
    return f"{address}/graphql"


class Follower:
    """The manual's code in a process of Node's."""

    def __init__(self, process: "subprocess.Popen[str]") -> None:
        self.process = process
        self._lines: queue.Queue[str] = queue.Queue()
        threading.Thread(target=self._read, daemon=True).start()

    def next(self) -> Any:
        """Return the next event that it was given."""
        return json.loads(self._lines.get(timeout=PATIENCE_S))

    def next_row(self) -> Any:
        """Return the next event that has a row of the log: who has caught up is told so as well."""
        while (event := self.next())["action"] is None:
            pass
        return event

    def answer(self, token: str) -> None:
        """Give it the new token that it has asked for."""
        assert self.process.stdin is not None
        self.process.stdin.write(f"{token}\n")
        self.process.stdin.flush()

    def _read(self) -> None:
        assert self.process.stdout is not None
        for line in self.process.stdout:
            self._lines.put(line)


@contextmanager
def following(package: Package, transport: str, url: str, token: str, *after: str) -> Iterator[Follower]:
    process = subprocess.Popen(
        ["node", "follow.js", transport, url, token, *after],
        cwd=package.folder,
        env=os.environ | {"PATH": PATH},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    try:
        yield Follower(process)
    finally:
        process.kill()
        process.communicate()


def comment(server: Server, token: str, case_id: str, body: str = "Called.") -> None:
    payload = server.run(token, COMMENT, {"i": {"caseId": case_id, "body": body}})["addComment"]
    assert payload == {"action": {"type": "COMMENT"}, "errors": []}


def open_case(server: Server, token: str) -> str:
    """Return the id of a case that is neither closed nor waits for a review."""
    data = server.run(token, "{ cases(first: 1, filter: { status: { in: [OPEN, IN_PROGRESS] } }) { nodes { id } } }")
    id_: str = data["cases"]["nodes"][0]["id"]
    return id_


def test_a_follower_comes_back_by_its_cursor_after_a_deploy(
    package: Package, transport: str, fresh_url: str, tmp_path: Path
) -> None:
    people = casegate_json("demo", database_url=fresh_url)["people"]
    token = next(person["token"] for person in people if person["roles"] == ["CONTRIBUTOR"])
    settings: dict[str, Any] = {"database_url": fresh_url, "demo": "false"}
    with serving(tmp_path, **settings) as server:
        port = int(server.address.rpartition(":")[2])
        case_id = open_case(server, token)
        with following(package, transport, url_of(transport, server), token) as follower:
            first = follower.next()
            comment(server, token, case_id)
            second = follower.next_row()
            assert server.stop() == 0
            with serving(tmp_path, port=port, **settings):
                comment(server, token, case_id)
                comment(server, token, case_id)
                resumed = [follower.next_row() for _ in range(2)]

    assert (first["action"], first["caughtUp"]) == (None, True)
    rows = [second, *resumed]
    assert [row["action"]["type"] for row in rows] == ["COMMENT"] * 3
    assert len({row["cursor"] for row in rows}) == 3


def test_a_token_that_is_refused_is_replaced(package: Package, transport: str, fresh_url: str, tmp_path: Path) -> None:
    people = casegate_json("demo", database_url=fresh_url)["people"]
    person = next(person for person in people if person["roles"] == ["CONTRIBUTOR"])
    with serving(tmp_path, database_url=fresh_url, demo="false") as server:
        case_id = open_case(server, person["token"])
        with following(package, transport, url_of(transport, server), "cgt_refused") as follower:
            refused = follower.next()
            follower.answer(person["token"])
            first = follower.next()
            comment(server, person["token"], case_id)
            second = follower.next_row()

    assert "UNAUTHENTICATED" in refused["refused"] or refused["refused"] == "401"
    assert (first["caughtUp"], second["action"]["type"]) == (True, "COMMENT")


def test_queries_and_mutations_work_and_a_wrong_one_ends_nothing(
    package: Package, transport: str, fresh_url: str, tmp_path: Path
) -> None:
    people = casegate_json("demo", database_url=fresh_url)["people"]
    person = next(person for person in people if person["roles"] == ["CONTRIBUTOR"])
    with serving(tmp_path, database_url=fresh_url, demo="false") as server:
        variables = {"i": {"caseId": open_case(server, person["token"]), "body": "Called."}}
        url = url_of(transport, server)
        done = package.run("node", "operations.js", transport, url, person["token"], COMMENT, json.dumps(variables))

    assert done.returncode == 0, done.stderr
    query, wrong, mutation = json.loads(done.stdout)
    assert query[0]["data"]["viewer"]["user"]["displayName"]
    assert [error["extensions"]["code"] for error in wrong[0]["errors"]] == ["GRAPHQL_INVALID"]
    assert mutation == [{"data": {"addComment": {"action": {"type": "COMMENT"}, "errors": []}}}]
