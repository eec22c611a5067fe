"""An SPA on Relay: its compiler takes the schema and a sample, and graphql-eslint finds nothing in either."""

import json
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.node import Package, installed

ROOT = Path(__file__).resolve().parent.parent


@pytest.fixture(scope="module")
def package(tmp_path_factory: pytest.TempPathFactory) -> Package:
    return installed(ROOT / "tests/relay", tmp_path_factory.mktemp("relay"))


@pytest.fixture
def sample(package: Package) -> Iterator[Package]:
    """The sample with the schema, as they are in the repository."""
    shutil.copyfile(ROOT / "schema.graphql", package.folder / "schema.graphql")
    shutil.copytree(ROOT / "tests/relay/src", package.folder / "src", dirs_exist_ok=True)
    (package.folder / "artifacts").mkdir()
    yield package
    shutil.rmtree(package.folder / "artifacts")


def change(path: Path, old: str, new: str) -> None:
    text = path.read_text(encoding="utf-8")
    assert old in text
    path.write_text(text.replace(old, new, 1), encoding="utf-8")


def test_relay_s_compiler_takes_the_sample_with_its_pages_and_refetches(sample: Package) -> None:
    done = sample.run("relay-compiler")

    assert done.returncode == 0, done.stdout + done.stderr
    made = {path.name.removesuffix(".graphql.js") for path in (sample.folder / "artifacts").iterdir()}
    assert made == {
        *("WorklistQuery", "Worklist_query", "WorklistPageQuery", "CaseRow_case"),
        *("TimelineQuery", "Timeline_case", "TimelinePageQuery", "AddCommentMutation"),
    }
    # The timeline's pages are fetched from the case as a node.
    assert "node(id: $id)" in (sample.folder / "artifacts/TimelinePageQuery.graphql.js").read_text(encoding="utf-8")


def test_relay_s_compiler_refuses_a_field_that_there_is_not(sample: Package) -> None:
    change(sample.folder / "src/CaseRow.jsx", "statusLabel", "statusLapel")

    done = sample.run("relay-compiler")

    assert done.returncode != 0
    assert "statusLapel" in done.stdout + done.stderr


def findings(sample: Package) -> tuple[set[str], set[str]]:
    """Return the rules that something is found by, and the files that were looked at."""
    done = sample.run("eslint", "--format", "json", "src", "schema.graphql")
    assert done.returncode < 2, done.stderr
    files: list[dict[str, Any]] = json.loads(done.stdout)
    return {str(it["ruleId"]) for file in files for it in file["messages"]}, {Path(it["filePath"]).name for it in files}


def test_graphql_eslint_finds_nothing_by_its_recommended_rules_and_relay_s(sample: Package) -> None:
    found, files = findings(sample)

    assert found == set()
    assert files == {"schema.graphql", *(path.name for path in (ROOT / "tests/relay/src").iterdir())}
    assert {"Worklist.jsx", "main.jsx"} <= files


def test_graphql_eslint_finds_what_is_wrong_in_the_schema_and_in_an_operation(sample: Package) -> None:
    change(sample.folder / "schema.graphql", "type PageInfo {", "type PageInfo {\n  id: Int\n")
    change(sample.folder / "schema.graphql", "  hasNextPage: Boolean!", "  hasNextPage: Boolean")
    change(sample.folder / "src/CaseRow.jsx", "        id\n", "")

    found, _ = findings(sample)

    assert {"@graphql-eslint/relay-page-info", "@graphql-eslint/require-selections"} <= found
