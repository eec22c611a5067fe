"""The caches of Apollo Client, urql and Relay, by the manual's own code, through a decision and a close.

A case is on the screen with its overrides and its log. Snapshots and dry runs come in, and neither the screen nor any
record of the cache changes; after a real action both are as the gateway has it, by the payload and its edge alone.
"""

import json
import shutil
from pathlib import Path
from typing import Any

import pytest

from app.domain.commands import AddComment
from tests.support.gateway import casegate, serving
from tests.support.manual import Block, blocks, page
from tests.support.node import Package, installed
from tests.support.paths import ROOT
from tests.support.world import World

CLIENTS = ("apollo", "urql", "relay")


@pytest.fixture(scope="module")
def package(tmp_path_factory: pytest.TempPathFactory) -> Package:
    """The clients, with the schema and what the command line prints for their caches."""
    package = installed(ROOT / "tests/clients", tmp_path_factory.mktemp("caches"))
    shutil.copyfile(ROOT / "schema.graphql", package.folder / "schema.graphql")
    for option in ("possible-types", "without-id"):
        (package.folder / f"{option}.json").write_text(casegate("schema", f"--{option}").stdout, encoding="utf-8")
    for client, code in modules_of_the_manual().items():
        (package.folder / f"manual-{client}.js").write_text(code, encoding="utf-8")
    (package.folder / "artifacts").mkdir()
    compiled = package.run("relay-compiler")
    assert compiled.returncode == 0, compiled.stdout + compiled.stderr
    return package


def modules_of_the_manual() -> dict[str, str]:
    """Return the manual's code for a cache and for a list that is current, as a module for each client that has any."""
    apollo, urql, update, updates = (
        block.text for block in blocks("js", page=page("clients.md")) if is_of_a_cache(block)
    )
    screen = 'import { documents } from "./caches/documents.js";\nconst CASE = documents.live;\n'
    return {
        "apollo": f"{apollo}{update}export {{ cache, update }};\n",
        "urql": f"{screen}{updates}{urql}export {{ cache }};\n",
    }


def is_of_a_cache(block: Block) -> bool:
    """Return whether the block is not one of the recipes for sending again, which tests/clients/src/retries.js has."""
    return block.text not in (ROOT / "tests/clients/src/retries.js").read_text(encoding="utf-8")


async def waiting_case(world: World) -> str:
    """Return the id of a case with a refused override and a pending one of Ada's, for Rosa to decide."""
    case_id = (await world.open_case()).case.id
    await world.do(world.carl, AddComment(case_id=case_id, comment="Called them."))
    await world.request_override(case_id)
    await world.refuse(case_id)
    await world.request_override(case_id)
    return str(case_id)


def played(package: Package, client: str, **story: str) -> Any:
    """Run the story with a client, and return what it saw."""
    done = package.run("env", f"STORY={json.dumps(story)}", "node", f"caches/{client}.js")
    assert done.returncode == 0, (client, done.stderr, done.stdout)
    return json.loads(done.stdout)


def bare(value: Any) -> Any:
    """Return *value* without what clients add to it."""
    if isinstance(value, dict):
        return {key: bare(item) for key, item in value.items() if not key.startswith("__")}
    return [bare(item) for item in value] if isinstance(value, list) else value


def things(stored: Any) -> dict[str, Any]:
    """Return what a cache keeps of things with an id, by the id."""
    if "case" in stored:  # urql's, which is a query's
        return {"screen": stored}
    return {item["id"]: item for item in stored.values() if isinstance(item, dict) and "id" in item}


def assert_nothing_has_changed(client: str, before: Any, after: Any) -> None:
    assert after["fresh"] == before["fresh"]
    assert bare(after["shown"]) == bare(before["shown"]) == before["fresh"], client
    known, now = things(before["stored"]), things(after["stored"])
    for id, record in known.items():
        for name, value in record.items():
            # What was asked for of a thing besides is kept beside what was known of it.
            assert now[id][name] == value, (client, id, name)
    assert now.keys() == known.keys(), client


def assert_is_current(client: str, state: Any) -> None:
    assert bare(state["shown"]) == state["fresh"], client


async def test_no_client_takes_what_is_past_or_supposed_for_what_is(
    world: World, package: Package, fresh_url: str, tmp_path: Path
) -> None:
    with serving(tmp_path, database_url=fresh_url, demo="false") as server:
        for client in CLIENTS:
            case_id = await waiting_case(world)
            saw = played(package, client, url=f"{server.address}/graphql", token=world.rosa.token, caseId=case_id)

            before = saw["before"]
            assert before["fresh"]["case"]["status"] == "PENDING_REVIEW"
            assert bare(before["shown"]) == before["fresh"], client
            assert [then["status"] for then in saw["snapshots"]] == ["OPEN", "IN_PROGRESS", "PENDING_REVIEW"]
            assert {then["caseId"] for then in saw["snapshots"]} == {case_id}
            dry = saw["dry"]
            assert dry["accept"]["supposed"]["case"]["status"] == "RESOLVED"
            assert dry["accept"]["supposed"]["case"]["subject"]["evaluationStatus"] == "FAVORABLE"
            assert dry["accept"]["supposed"]["override"]["status"] == "ACCEPTED"
            assert (dry["accept"]["case"], dry["comment"]["case"], dry["comment"]["comment"]) == (None, None, None)
            assert_nothing_has_changed(client, before, saw["after"])

            assert saw["accepted"]["errors"] == []
            accepted = saw["afterAccepting"]
            assert accepted["fresh"]["case"]["status"] == "RESOLVED"
            assert_is_current(client, accepted)
            assert dry["close"]["supposed"]["case"]["status"] == "CLOSED"
            assert_nothing_has_changed(client, accepted, saw["afterDryClosing"])

            assert saw["closed"]["errors"] == []
            closed = saw["afterClosing"]
            assert closed["fresh"]["case"]["status"] == "CLOSED"
            assert_is_current(client, closed)  # its list too, to which the edge was added
            assert len(closed["fresh"]["case"]["actions"]["edges"]) == 7
