"""GraphQL over HTTP: the 61 audits of graphql-http, which is the reference implementation's own suite."""

import json
from pathlib import Path

import pytest

from tests.support.gateway import casegate_json, serving
from tests.support.node import Package, installed
from tests.support.paths import ROOT


@pytest.fixture(scope="module")
def audit(tmp_path_factory: pytest.TempPathFactory) -> Package:
    return installed(ROOT / "tests" / "graphql_http", tmp_path_factory.mktemp("audit"))


def test_it_passes_each_of_the_61_audits(audit: Package, fresh_url: str, tmp_path: Path) -> None:
    token = casegate_json("demo", database_url=fresh_url)["people"][0]["token"]

    with serving(tmp_path, database_url=fresh_url, demo="false", introspection="true") as server:
        done = audit.run("node", "audit.js", f"{server.address}/graphql", token)

    assert done.returncode == 0, done.stderr
    audits = [json.loads(line) for line in done.stdout.splitlines()]
    assert [audit for audit in audits if audit["status"] != "ok"] == []
    assert len(audits) == 61
