"""GraphQL over HTTP: the 61 audits of graphql-http, which is the reference implementation's own suite."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.live import casegate_json, serving

AUDIT = Path(__file__).parent / "graphql_http"
ENVIRONMENT = Path(sys.executable).parent  # where scripts/setup puts Node.js if the system has none


@pytest.fixture(scope="module")
def node(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the audits installed. Without Node.js they are skipped, loudly, or fail where CI demands it."""
    path = os.pathsep.join((os.environ.get("PATH", ""), str(ENVIRONMENT)))
    npm = shutil.which("npm", path=path)
    if npm is None or shutil.which("node", path=path) is None:
        if os.environ.get("CASEGATE_REQUIRE_NODE") == "1":
            pytest.fail("there is no Node.js here")
        sys.stderr.write("\nNOT AUDITED: there is no Node.js here\n")
        pytest.skip("no Node.js")
    folder = tmp_path_factory.mktemp("audit")
    for name in ("package.json", "package-lock.json", ".npmrc", "audit.js"):
        shutil.copyfile(AUDIT / name, folder / name)
    quiet = ["--no-audit", "--no-fund", "--loglevel=error"]
    subprocess.run([npm, "ci", *quiet], cwd=folder, env=os.environ | {"PATH": path}, check=True, timeout=120)
    return folder


def test_it_passes_each_of_the_61_audits(node: Path, fresh_url: str, tmp_path: Path) -> None:
    token = casegate_json("demo", database_url=fresh_url)["people"][0]["token"]
    path = os.pathsep.join((os.environ.get("PATH", ""), str(ENVIRONMENT)))
    program = shutil.which("node", path=path)
    assert program is not None

    with serving(tmp_path, database_url=fresh_url, demo="false", introspection="true") as server:
        done = subprocess.run(
            [program, "audit.js", f"{server.address}/graphql", token],
            cwd=node,
            capture_output=True,
            text=True,
            timeout=120,
            check=True,
        )

    audits = [json.loads(line) for line in done.stdout.splitlines()]
    assert [audit for audit in audits if audit["status"] != "ok"] == []
    assert len(audits) == 61
