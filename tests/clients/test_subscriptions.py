"""Apollo Client, urql and Relay, by the manual's own code: a subscription changes what a query shows."""

import json
import os
import queue
import shutil
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

CLIENTS = ("apollo", "urql", "relay")
PATIENCE_S = 120
CASES = "{ cases(first: 1, filter: { status: { in: [OPEN, IN_PROGRESS] } }) { nodes { id version } } }"
COMMENT = "mutation($i: AddCommentInput!) { addComment(input: $i) { case { version } errors { code } } }"


@pytest.fixture(scope="module")
def package(tmp_path_factory: pytest.TempPathFactory) -> Package:
    """The clients, with the manual's code as a module for each."""
    package = installed(ROOT / "tests/clients", tmp_path_factory.mktemp("subscriptions"))
    shutil.copyfile(ROOT / "schema.graphql", package.folder / "schema.graphql")
    codes = [block.text for block in blocks("js", page=page("streams.md"))][-len(CLIENTS) :]
    for client, code in zip(CLIENTS, codes, strict=True):
        (package.folder / f"live-{client}.js").write_text(code, encoding="utf-8")
    (package.folder / "artifacts").mkdir()
    compiled = package.run("relay-compiler")
    assert compiled.returncode == 0, compiled.stdout + compiled.stderr
    return package


@contextmanager
def screen(package: Package, client: str, *arguments: str) -> Iterator["queue.Queue[str]"]:
    """Yield what a client shows, line by line."""
    process = subprocess.Popen(
        ["node", f"subscriptions/{client}.js", *arguments],
        cwd=package.folder,
        env=os.environ | {"PATH": PATH},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    lines: queue.Queue[str] = queue.Queue()

    def read() -> None:
        assert process.stdout is not None
        for line in process.stdout:
            lines.put(line)

    threading.Thread(target=read, daemon=True).start()
    try:
        yield lines
    finally:
        process.kill()
        process.communicate()


def shown(lines: "queue.Queue[str]", version: int) -> Any:
    """Return what is shown as soon as it is this version of the case."""
    while (found := json.loads(lines.get(timeout=PATIENCE_S)))["version"] < version:
        pass
    return found


def comment(server: Server, token: str, case_id: str) -> int:
    """Comment on a case, and return its version by then."""
    payload = server.run(token, COMMENT, {"i": {"caseId": case_id, "body": "Called."}})["addComment"]
    assert payload["errors"] == []
    version: int = payload["case"]["version"]
    return version


def test_a_subscription_changes_what_a_query_shows(package: Package, fresh_url: str, tmp_path: Path) -> None:
    people = casegate_json("demo", database_url=fresh_url)["people"]
    token = next(person["token"] for person in people if person["roles"] == ["CONTRIBUTOR"])
    found = {}
    with serving(tmp_path, database_url=fresh_url, demo="false") as server:
        (case,) = server.run(token, CASES)["cases"]["nodes"]
        version = case["version"]
        for client in CLIENTS:
            with screen(package, client, f"{server.address}/graphql", token, case["id"]) as lines:
                before = shown(lines, version)["version"]
                version = comment(server, token, case["id"])
                found[client] = (version - before, shown(lines, version))

    expected = {"version": version, "status": "IN_PROGRESS"}
    assert {client: steps for client, (steps, _) in found.items()} == dict.fromkeys(CLIENTS, 1)
    assert [found[client][1]["status"] for client in CLIENTS] == ["IN_PROGRESS"] * 3
    assert found[CLIENTS[-1]][1] == expected
