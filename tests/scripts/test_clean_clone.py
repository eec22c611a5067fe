"""A clean clone, from nothing to answering a request and passing tests: what a newcomer does.

It deliberately runs for minutes and installs from an index, so it is marked soak.
"""

import http.client
import json
import os
import subprocess
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

import pytest

from tests.support.paths import ROOT
from tests.support.ports import free_port, is_listening, wait_until


def ask(port: int, token: str, query: str) -> Any:
    headers = {"Authorization": f"Bearer {token}", "Content-Type": "application/json"}
    with closing(http.client.HTTPConnection("127.0.0.1", port, timeout=10)) as connection:
        connection.request("POST", "/graphql", json.dumps({"query": query}), headers)
        return json.load(connection.getresponse())


@pytest.fixture
def clone(tmp_path: Path) -> Path:
    subprocess.run(["git", "clone", "--quiet", ROOT, tmp_path / "clean clone"], check=True)
    return tmp_path / "clean clone"


@contextmanager
def serving(clone: Path, port: int) -> Iterator[None]:
    """Run the clone's scripts/serve from somewhere else, from when it answers."""
    log = clone.parent / "log"
    with (
        log.open("wb") as output,
        subprocess.Popen(
            [clone / "scripts/serve", "--port", str(port)], cwd="/", stdout=output, stderr=output
        ) as server,
    ):
        try:
            assert wait_until(lambda: is_listening(port) or server.poll() is not None, 600)
            assert server.poll() is None, log.read_text()
            yield
        finally:
            server.terminate()


@pytest.mark.soak
def test_a_clean_clone_serves_and_tests(clone: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in [name for name in os.environ if name.startswith("CASEGATE_")]:
        monkeypatch.delenv(name)
    port = free_port()

    with serving(clone, port):
        command: list[str | Path] = [clone / ".venv/bin/casegate", "demo", "--json"]
        printed = subprocess.run(command, cwd=clone, stdout=subprocess.PIPE, check=True).stdout
        person = json.loads(printed)["people"][0]
        answered = ask(port, person["token"], "{ viewer { user { displayName } } }")

    assert answered == {"data": {"viewer": {"user": {"displayName": person["displayName"]}}}}
    subprocess.run([clone / "scripts/test", "-q", "tests/scripts/test_commands.py", "-k", "lock"], cwd="/", check=True)
