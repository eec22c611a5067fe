"""An SPA on Relay: its compiler takes the schema and a sample, graphql-eslint finds nothing in either, and it runs."""

import json
import os
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import ConsoleMessage, Page, Request, expect

from tests.support.browser import opened_browser
from tests.support.gateway import Server, casegate_json, demo_in, serving
from tests.support.node import PATH, Package, installed
from tests.support.paths import ROOT
from tests.support.ports import free_port, is_listening, wait_until


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


# --- The page --------------------------------------------------------------------------------------------------------


@contextmanager
def previewed(package: Package, gateway: str) -> Iterator[str]:
    """Serve the built page, which calls *gateway*, and yield its address."""
    port = free_port()
    vite = [str(package.folder / "node_modules/.bin/vite"), "preview", "--host", "127.0.0.1", "--port", str(port)]
    process = subprocess.Popen(
        [*vite, "--strictPort"],
        cwd=package.folder,
        env=os.environ | {"PATH": PATH, "GATEWAY": gateway},
        stdout=subprocess.DEVNULL,
    )
    try:
        assert wait_until(lambda: is_listening(port) or process.poll() is not None, 60)
        assert process.poll() is None
        yield f"http://127.0.0.1:{port}"
    finally:
        process.terminate()
        process.wait(timeout=30)


def add_comment(server: Server, token: str, case_id: str, body: str) -> None:
    document = "mutation($input: AddCommentInput!) { addComment(input: $input) { errors { code } } }"
    payload = server.run(token, document, {"input": {"caseId": case_id, "body": body}})["addComment"]
    assert payload["errors"] == []


def open_case(server: Server, token: str) -> str:
    subject = {"type": "COMPANY_ACCOUNT_CHECK", "externalRef": "relay", "label": "Moulins"}
    document = "mutation($input: OpenCaseInput!) { openCase(input: $input) { case { id } } }"
    opened = server.run(token, document, {"input": {"subject": subject, "title": "Zephyr"}})
    case_id: str = opened["openCase"]["case"]["id"]
    return case_id


@pytest.fixture
def gateway(tmp_path: Path) -> Iterator[Server]:
    demo_in(tmp_path)
    with serving(tmp_path) as running:
        yield running


@pytest.fixture
def address(sample: Package, gateway: Server) -> Iterator[str]:
    """The address of the page as it is built."""
    for command in (["relay-compiler"], ["vite", "build"]):
        done = sample.run(*command)
        assert done.returncode == 0, done.stdout + done.stderr
    with previewed(sample, gateway.address) as found:
        yield found


@dataclass
class Visit:
    """A look at the page, the operations that it has sent, and what the browser has complained of."""

    page: Page
    operations: list[str] = field(default_factory=list)
    complaints: list[str] = field(default_factory=list)

    def note_request(self, request: Request) -> None:
        if request.method == "POST":
            sent: Any = request.post_data_json
            self.operations.append(sent["operationName"])

    def note_line(self, line: ConsoleMessage) -> None:
        if line.type == "error":
            self.complaints.append(line.text)

    def comment(self, text: str) -> None:
        self.page.get_by_role("textbox", name="Comment").fill(text)
        self.send()

    def send(self) -> None:
        self.page.locator("form button").click()

    def assert_fits(self) -> None:
        for width in (1440, 390):
            self.page.set_viewport_size({"width": width, "height": 900})
            assert self.page.evaluate("document.documentElement.scrollWidth") <= width


@pytest.fixture
def visit() -> Iterator[Visit]:
    with opened_browser() as browser:
        page = browser.new_page(locale="en-GB")
        page.set_default_timeout(30_000)
        expect.set_options(timeout=30_000)
        visit = Visit(page)
        page.on("pageerror", lambda error: visit.complaints.append(str(error)))
        page.on("console", visit.note_line)
        page.on("request", visit.note_request)
        yield visit


@pytest.mark.filterwarnings("default:no Chromium")
def test_the_page_shows_a_new_comment_at_once_and_after_a_conflict_the_new_version(
    gateway: Server, address: str, visit: Visit
) -> None:
    people = casegate_json("demo", data_dir=str(gateway.log.parent))["people"]
    mine, other = [person["token"] for person in people if "CONTRIBUTOR" in person["roles"]][:2]
    case_id = open_case(gateway, mine)
    page = visit.page
    rows, version, alert, cases = (page.locator(name) for name in (".row", "output", "[role=alert]", "article"))

    page.goto(address)
    expect(page.get_by_text("Open this page with a token")).to_be_visible()
    page.goto(f"{address}/?#{mine}")
    expect(cases).to_have_count(25)
    page.get_by_role("searchbox").fill("Zephyr")
    expect(cases).to_have_count(1)
    visit.assert_fits()
    page.get_by_role("button", name="Open", exact=True).click()
    expect(rows).to_have_count(1)

    visit.operations.clear()
    visit.comment("Called them back.")
    expect(rows.first).to_contain_text("Called them back.")
    expect(version).to_have_text("2")
    assert visit.operations == ["AddCommentMutation"]  # the list was not read again

    add_comment(gateway, other, case_id, "I was faster.")
    visit.comment("And wrote to them.")
    expect(alert).to_contain_text("version 2 was expected, it is 3 now")
    expect(alert).to_contain_text("I was faster.")
    expect(version).to_have_text("3")
    expect(page.get_by_role("textbox", name="Comment")).to_have_value("And wrote to them.")
    visit.assert_fits()

    visit.send()
    expect(rows.first).to_contain_text("And wrote to them.")
    expect(alert).to_have_count(0)
    assert visit.complaints == []
