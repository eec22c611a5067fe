"""Clients with a cache, as their makers ship them, against a real gateway: what is past or supposed never gets in."""

import json
import re
import shutil
from collections.abc import Iterator
from typing import Any

import pytest

from tests.support.gateway import Server, casegate_json, demo_in, serving
from tests.support.node import Package, installed
from tests.support.paths import ROOT

CLIENTS = ["apollo", "urql", "relay"]


@pytest.fixture(scope="module")
def package(tmp_path_factory: pytest.TempPathFactory) -> Package:
    package = installed(ROOT / "tests/clients", tmp_path_factory.mktemp("clients"))
    shutil.copyfile(ROOT / "schema.graphql", package.folder / "schema.graphql")
    (package.folder / "artifacts").mkdir()
    compiled = package.run("relay-compiler")
    assert compiled.returncode == 0, compiled.stdout + compiled.stderr
    return package


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    folder = tmp_path_factory.mktemp("gateway")
    demo_in(folder)
    with serving(folder) as running:
        yield running


@pytest.fixture(scope="module")
def people(server: Server) -> dict[str, str]:
    """The tokens of somebody who contributes, and of somebody who reviews and does not."""
    listed = casegate_json("demo", data_dir=str(server.log.parent))["people"]
    roles = {tuple(person["roles"]): person["token"] for person in listed}
    return {"contributor": roles["CONTRIBUTOR",], "reviewer": roles["REVIEWER",]}


def run(package: Package, *arguments: str) -> Any:
    done = package.run("node", *arguments)
    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stderr == ""
    return json.loads(done.stdout)


def act(server: Server, token: str, mutation: str, input: dict[str, Any], selection: str) -> dict[str, Any]:
    kind = f"{mutation[0].upper()}{mutation[1:]}Input!"
    document = f"mutation($input: {kind}) {{ {mutation}(input: $input) {{ errors {{ code }} {selection} }} }}"
    payload: dict[str, Any] = server.run(token, document, {"input": input})[mutation]
    assert payload["errors"] == []
    return payload


def case_with_a_past(server: Server, people: dict[str, str], name: str) -> str:
    """Open a case and let an override of it be requested and taken back; it is IN_PROGRESS, and was OPEN at first."""
    subject = {
        "type": "COMPANY_ACCOUNT_CHECK",
        "externalRef": f"check of {name}",
        "label": "Moulins",
        "evaluationStatus": "ANOMALY",
    }
    opening = {"subject": subject, "title": "A changed IBAN"}
    case_id: str = act(server, people["contributor"], "openCase", opening, "case { id }")["case"]["id"]
    reviewer = server.run(people["reviewer"], "{ viewer { user { id } } }")["viewer"]["user"]["id"]
    request = {"caseId": case_id, "requestedStatus": "FAVORABLE", "reviewerIds": [reviewer], "reason": "Confirmed."}
    act(server, people["contributor"], "requestOverride", request, "case { id }")
    act(server, people["contributor"], "cancelOverride", {"caseId": case_id}, "case { id }")
    return case_id


@pytest.mark.parametrize("name", CLIENTS)
def test_what_is_past_or_supposed_leaves_the_live_case_as_it_is(
    package: Package, server: Server, people: dict[str, str], name: str
) -> None:
    case_id = case_with_a_past(server, people, name)
    settings = {"address": server.address, "token": people["contributor"], "id": case_id}

    steps = run(package, "src/snapshots.js", name, json.dumps(settings))

    assert steps["past"]["answer"]["status"] == "OPEN"
    assert steps["supposed"]["answer"]["errors"] == []
    assert steps["supposed"]["answer"]["case"] is None
    assert steps["supposed"]["answer"]["supposed"]["case"]["status"] == "CLOSED"
    shown = steps["shown"]["kept"]
    assert (shown["status"], shown["version"]) == ("IN_PROGRESS", 3)
    assert [edge["node"]["status"] for edge in shown["overrides"]["edges"]] == ["CANCELLED"]
    for step in ("past", "supposed"):
        assert steps[step]["kept"] == shown
        assert set(steps[step]["seen"]) == {"IN_PROGRESS"}
    assert steps["closed"]["answer"]["errors"] == []
    assert (steps["closed"]["kept"]["status"], steps["closed"]["kept"]["version"]) == ("CLOSED", 4)
    assert steps["closed"]["seen"][-1] == "CLOSED"


@pytest.mark.parametrize("name", CLIENTS)
def test_what_may_be_sent_again_is_sent_again_by_the_manual_s_recipe(
    package: Package, server: Server, people: dict[str, str], name: str
) -> None:
    with serving(server.log.parent, rate_limit="2", rate_window="1") as limited:
        settings = {"address": limited.address, "token": people["contributor"], "times": 5}

        done = run(package, "src/retries.js", name, json.dumps(settings))

    assert done["answered"] == 5
    assert done["requests"] > 5


# --- Automatic persisted queries -------------------------------------------------------------------------------------

PERSISTING = [(client, uses_get) for client in ("apollo", "urql") for uses_get in (False, True)]
Sent = tuple[bool, bool, str | None]
HASH: Sent = (True, False, None)
BOTH: Sent = (True, True, None)
TEXT: Sent = (False, True, None)
UNKNOWN: Sent = (True, False, "PersistedQueryNotFound")


@pytest.fixture(scope="module")
def remembering(server: Server) -> Iterator[Server]:
    """A gateway that remembers documents by their hashes."""
    with serving(server.log.parent, persisted_queries="100") as running:
        yield running


def persist(package: Package, server: Server, token: str, client: str, *, uses_get: bool, language: str) -> Any:
    """Have a new client ask for four operations, of which the first two are the same."""
    settings = {"address": server.address, "token": token, "language": language, "usesGet": uses_get}
    reported = run(package, "src/persisted.js", client, json.dumps(settings | {"run": "Get" if uses_get else "Post"}))
    assert reported["who"] == [language.upper()] * 2
    assert (reported["cases"], reported["opened"]) == (3, "OPEN")
    return reported["requests"]


def sent(requests: Any) -> list[Sent]:
    return [(request["hash"], request["text"], request["message"]) for request in requests]


@pytest.mark.parametrize(("client", "uses_get"), PERSISTING)
def test_a_document_is_sent_once_and_by_its_hash_from_then_on(
    package: Package, remembering: Server, people: dict[str, str], client: str, uses_get: bool
) -> None:
    first, second = (
        persist(package, remembering, people["contributor"], client, uses_get=uses_get, language=language)
        for language in ("fr", "en")
    )

    assert sent(first) == [UNKNOWN, BOTH, HASH, UNKNOWN, BOTH, UNKNOWN, BOTH]
    assert sent(second) == [HASH] * 4
    assert {request["code"] for request in first} == {"PERSISTED_QUERY_NOT_FOUND", None}
    assert [request["method"] for request in second] == ["GET" if uses_get else "POST"] * 3 + ["POST"]


@pytest.mark.parametrize("language", ["en", "fr"])
@pytest.mark.parametrize(("client", "uses_get"), PERSISTING)
def test_a_client_stops_sending_hashes_where_they_are_not_taken(
    package: Package, server: Server, people: dict[str, str], client: str, uses_get: bool, language: str
) -> None:
    requests = persist(package, server, people["contributor"], client, uses_get=uses_get, language=language)

    assert sent(requests) == [(True, False, "PersistedQueryNotSupported"), *[TEXT] * 4]
    assert requests[0]["code"] == "PERSISTED_QUERY_NOT_SUPPORTED"


# --- The manual ------------------------------------------------------------------------------------------------------


def test_the_manual_shows_the_recipes_as_they_are_tested() -> None:
    code = (ROOT / "tests/clients/src/retries.js").read_text()
    manual = (ROOT / "app/docs/clients.md").read_text()

    recipes = re.findall(r"^// -- recipe: [^\n]*\n(.*?)^// -- end$", code, re.DOTALL | re.MULTILINE)
    assert len(recipes) == 4
    for recipe in recipes:
        assert f"```js\n{recipe}```\n" in manual
