"""Clients in TypeScript, typed by graphql-codegen, each through the whole workflow on a live gateway.

They are generated from the last release of the schema, as those that people have built are: what was added since, must
not break them.
"""

import json
import re
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from graphql import build_schema

from app.api.caching import possible_types, types_without_id
from app.api.contract.release import last_release
from tests.support.gateway import Server, casegate_json, serving
from tests.support.node import Package, installed
from tests.support.paths import ROOT

SOURCE = ROOT / "tests/clients/typed"


@pytest.fixture(scope="module")
def package(tmp_path_factory: pytest.TempPathFactory) -> Package:
    """The package with the schema, what its caches are told of it, its generated types, and its code compiled."""
    package = installed(SOURCE, tmp_path_factory.mktemp("typed"))
    sdl = last_release().sdl
    schema = build_schema(sdl)
    (package.folder / "schema.graphql").write_text(sdl, encoding="utf-8")
    (package.folder / "possible-types.json").write_text(json.dumps(possible_types(schema)), encoding="utf-8")
    (package.folder / "without-id.json").write_text(json.dumps(types_without_id(schema)), encoding="utf-8")
    for command in (["graphql-codegen"], ["tsc"]):
        done = package.run(*command)
        assert done.returncode == 0, done.stdout + done.stderr
    return package


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    with serving(tmp_path_factory.mktemp("gateway"), demo_seed="7") as running:
        yield running


@pytest.fixture(scope="module")
def settings(server: Server) -> str:
    """What the clients are told: the gateway's address, and the tokens of a contributor and of a reviewer."""
    listed = casegate_json("demo", "--seed", "7", data_dir=str(server.log.parent))["people"]
    tokens = {person["displayName"]: person["token"] for person in listed}
    return json.dumps(
        {"address": server.address, "contributor": tokens["Ada Okafor"], "reviewer": tokens["Rosa Bianchi"]}
    )


def result_of(package: Package, client: str, settings: str) -> Any:
    done = package.run("node", f"dist/{client}.js", settings)
    assert (done.returncode, done.stderr) == (0, ""), done.stdout + done.stderr
    return json.loads(done.stdout)


def assert_whole_workflow(workflow: Any) -> None:
    assert workflow["statuses"] == ["OPEN", "IN_PROGRESS", "PENDING_REVIEW", "RESOLVED", "CLOSED"]
    assert workflow["subject"] == "FAVORABLE"
    assert workflow["refusals"] == [
        "not allowed: REVIEWER",
        "somebody was faster: 1 is 3 now",
        "CASE_CLOSED while CLOSED",
    ]


def test_apollo_client_uploads_pages_and_shows_a_mutation_without_reading_again(
    package: Package, settings: str
) -> None:
    result = result_of(package, "apollo", settings)

    assert_whole_workflow(result["workflow"])
    document = result["workflow"]["document"]
    assert (document["filename"], document["contentType"], document["sizeBytes"]) == ("letter.txt", "text/plain", 24)
    assert len(set(result["pages"])) == len(result["pages"]) == 6  # three pages of two, as one list
    assert result["sent"] == ["AddComment"]
    version, rows = result["before"]
    assert result["after"] == [version + 1, rows + 1, "Called them."]


def test_urql_shows_what_was_written_offline_and_sends_it_once_when_it_is_back(package: Package, settings: str) -> None:
    result = result_of(package, "urql", settings)

    assert_whole_workflow(result["workflow"])
    assert result["offline"] == {"shown": "IN_PROGRESS", "waiting": 1, "sent": 0}
    assert result["online"]["status"] == "IN_PROGRESS"
    assert result["online"]["rows"].count("Written in a train.") == 1
    assert result["replayed"] is True


# --- What the compiler finds -----------------------------------------------------------------------------------------


@pytest.fixture
def changed(package: Package, tmp_path: Path) -> Package:
    """A copy of the sources and their generated types, with what was installed."""
    copy = tmp_path / "typed"
    shutil.copytree(package.folder, copy, ignore=shutil.ignore_patterns("node_modules", "dist"))
    (copy / "node_modules").symlink_to(package.folder / "node_modules")
    return Package(copy)


def change(package: Package, name: str, old: str, new: str) -> None:
    path = package.folder / "src" / name
    text = path.read_text(encoding="utf-8")
    assert old in text
    path.write_text(text.replace(old, new, 1), encoding="utf-8")


@pytest.mark.parametrize(
    ("name", "old", "new", "error"),
    [
        (
            "errors.ts",
            'case "StateError":\n      return `${refusal.code} while ${refusal.caseStatus ?? "unknown"}`;',
            "",
            "TS2345",
        ),
        ("errors.ts", 'case "StateError"', 'case "StatusError"', "TS2678"),
        ("errors.ts", "refusal.caseStatus", "refusal.status", "TS2"),
        ("workflow.ts", '"UNFAVORABLE",', '"UNFAVOURABLE",', "TS2"),
        ("workflow.ts", "caseId, overrideId, expectedVersion", "caseId, expectedVersion", "TS2"),
        ("workflow.ts", "eligibleReviewers?.nodes", "eligibleReviewers.nodes", "TS2531"),
    ],
    ids=["a member left out", "a member that is none", "another field", "another value", "no override", "may be null"],
)
def test_the_compiler_refuses_what_the_schema_does_not_have(
    changed: Package, name: str, old: str, new: str, error: str
) -> None:
    change(changed, name, old, new)

    done = changed.run("tsc", "--noEmit")

    assert done.returncode != 0
    assert f"error {error}" in done.stdout


def test_the_generator_refuses_a_field_that_there_is_not(changed: Package) -> None:
    change(changed, "documents.ts", "reference\n", "referral\n")

    done = changed.run("graphql-codegen")

    assert done.returncode != 0
    assert 'Cannot query field "referral" on type "Case"' in done.stdout + done.stderr


def switch_over(codes: list[str]) -> str:
    """Return a module with a switch over these codes that has to be exhaustive."""
    cases = "".join(f'    case "{code}":\n' for code in codes)
    return (
        'import type { ErrorCode } from "./gql/graphql.js";\n\n'
        "export function isKnown(code: ErrorCode): boolean {\n  switch (code) {\n"
        f"{cases}      return true;\n    default:\n      return missing(code);\n  }}\n}}\n\n"
        "function missing(code: never): boolean {\n  return Boolean(code);\n}\n"
    )


def test_a_switch_over_the_codes_has_to_name_each_of_them(changed: Package) -> None:
    schema = (changed.folder / "schema.graphql").read_text(encoding="utf-8")
    enum = re.search(r"^enum ErrorCode \{(.*?)^\}", schema, re.DOTALL | re.MULTILINE)
    assert enum is not None
    codes = re.findall(r"^  ([A-Z][A-Z_]+)$", enum[1], re.MULTILINE)
    module = changed.folder / "src/codes.ts"

    module.write_text(switch_over(codes), encoding="utf-8")
    whole = changed.run("tsc", "--noEmit")
    module.write_text(switch_over(codes[1:]), encoding="utf-8")
    without_one = changed.run("tsc", "--noEmit")

    assert len(codes) > 60
    assert whole.returncode == 0, whole.stdout
    assert without_one.returncode != 0
    assert f"Argument of type '\"{codes[0]}\"' is not assignable" in without_one.stdout
