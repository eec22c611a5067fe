"""The reference: a page for each mutation and each type, true by the tables that the gateway runs on, and a search."""

import re
from collections.abc import AsyncIterator
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import urljoin, urlsplit

import pytest
from graphql import GraphQLInputObjectType, GraphQLObjectType, build_schema, is_introspection_type
from starlette.applications import Starlette
from starlette.testclient import TestClient

from app.api.contract.release import last_release
from app.api.reference import routes
from app.api.reference.pages import OVERVIEW, examples, found_by, pages
from app.api.reference.routes import reference_routes
from app.api.schema import CORE
from app.domain.errors import ErrorCode
from app.domain.model import CaseStatus
from app.web.manual import manual_routes
from tests.support.api import Api
from tests.support.gateway import casegate

MUTATIONS = sorted(CORE.mutation_type.fields) if CORE.mutation_type else []
TYPES = sorted(name for name, type_ in CORE.type_map.items() if not is_introspection_type(type_))


class Links(HTMLParser):
    def __init__(self, text: str) -> None:
        super().__init__()
        self.targets: list[str] = []
        self.elements: set[str] = set()
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.add(tag)
        self.targets += [value or "" for name, value in attrs if name in ("href", "src")]


@pytest.fixture(scope="module")
def client() -> TestClient:
    return TestClient(Starlette(routes=[*reference_routes(), *manual_routes(has_graphiql=False, has_reference=True)]))


def section(name: str, heading: str) -> str:
    """Return a section of a page."""
    parts = re.split(r"^## (.+)$", pages()[name], flags=re.MULTILINE)
    found = dict(zip(parts[1::2], parts[2::2], strict=True))
    return found[heading]


def test_there_is_a_page_for_each_mutation_and_each_type_and_the_overview_lists_them() -> None:
    assert set(pages()) == {OVERVIEW, *MUTATIONS, *TYPES}
    listed = re.findall(r"^- \[(\w+)\]\((\w+)\.md\): \S", pages()[OVERVIEW], re.MULTILINE)
    assert sorted(listed) == sorted((name, name) for name in [*MUTATIONS, *TYPES])


def test_each_page_has_all_members_and_their_descriptions() -> None:
    for name in TYPES:
        type_ = CORE.type_map[name]
        for member, element in getattr(type_, "fields", getattr(type_, "values", {})).items():
            assert f"| `{member}` |" in pages()[name], (name, member)
            words = re.sub(r"\s+", " ", (element.description or "").strip()).replace("|", "\\|")
            assert words in pages()[name], (name, member)


def test_a_mutation_s_page_has_its_input_and_what_it_gives() -> None:
    for name in MUTATIONS:
        kind = name[0].upper() + name[1:]
        for type_name, heading in ((f"{kind}Input", "Input"), (f"{kind}Payload", "Payload")):
            type_ = CORE.type_map[type_name]
            assert isinstance(type_, GraphQLInputObjectType | GraphQLObjectType)
            text = section(name, heading)
            assert [member for member in type_.fields if f"| `{member}` |" not in text] == [], name


def test_each_mutation_of_the_last_release_says_who_when_and_why_not_and_has_an_example() -> None:
    released = build_schema(last_release().sdl).mutation_type
    assert released is not None
    for name in released.fields:
        assert section(name, "Who").strip() and section(name, "When").strip(), name
        codes = re.findall(r"\[([A-Z_]+)\]\(\.\./errors\.md#([a-z_]+)\)", section(name, "Refusals"))
        assert len(codes) > 4 and all(ErrorCode(code).lower() == anchor for code, anchor in codes), name
        assert f"{name}(input: $input)" in section(name, "Example"), name
    assert set(examples()) <= set(MUTATIONS)


def test_who_and_when_are_those_of_the_workflow() -> None:
    assert "Roles: `REVIEWER`" in section("acceptOverride", "Who")
    assert "Not the override's creator." in section("acceptOverride", "Who")
    assert "Only the override's creator." in section("cancelOverride", "Who")
    rows = dict(re.findall(r"^\| `(\w+)` \| (.+) \|$", section("closeCase", "When"), re.MULTILINE))
    assert {status: re.findall(r"[A-Z_]+", then)[0] for status, then in rows.items()} == {
        CaseStatus.OPEN: "CLOSED",
        CaseStatus.IN_PROGRESS: "CLOSED",
        CaseStatus.PENDING_REVIEW: "OVERRIDE_PENDING",
        CaseStatus.RESOLVED: "CLOSED",
        CaseStatus.CLOSED: "CASE_CLOSED",
    }
    assert "SELF_REVIEW_FORBIDDEN" in section("acceptOverride", "Refusals")
    assert "SELF_REVIEW_FORBIDDEN" not in section("addComment", "Refusals")
    assert "A second admin has to approve it where it changes the e-mail address." in section("updateUser", "When")
    assert "LAST_ADMIN" in section("changeRoles", "Refusals") and "LAST_ADMIN" not in section("inviteUser", "Refusals")


@pytest.mark.parametrize(
    "name", [OVERVIEW, "addComment", "Case", "CaseStatus", "UserError", "DateTime", "AsOf", "Query"]
)
def test_a_page_is_plain_html_and_its_links_lead_somewhere(client: TestClient, name: str) -> None:
    answer = client.get(f"/docs/reference/{name}")

    assert (answer.status_code, answer.headers["content-type"]) == (200, "text/html; charset=utf-8")
    assert "form-action 'self'" in answer.headers["content-security-policy"]
    links = Links(answer.text)
    assert not links.elements & {"script", "style", "iframe"}
    for target in links.targets:
        address = urlsplit(urljoin(f"http://testserver/docs/reference/{name}", target))
        if address.netloc == "testserver":
            assert client.get(address.path).status_code == 200, target


def test_the_address_of_the_reference_leads_to_the_overview(client: TestClient) -> None:
    assert client.get("/docs/reference").url.path == "/docs/reference/overview"
    assert 'href="docs/reference"' in client.get("/").text


@pytest.mark.parametrize("name", ["nowhere", "__Schema", "addcomment", "Case.md"])
def test_what_is_no_page_is_404(client: TestClient, name: str) -> None:
    assert client.get(f"/docs/reference/{name}").status_code == 404


def test_what_is_no_page_leaves_nothing_in_memory(client: TestClient) -> None:
    client.get(f"/docs/reference/{OVERVIEW}")
    kept = routes._content.cache_info().currsize  # nothing else tells

    for number in range(3):
        client.get(f"/docs/reference/nowhere-{number}")

    assert routes._content.cache_info().currsize == kept  # the same


def found(client: TestClient, words: str) -> list[str]:
    text = client.get("/docs/reference/search", params={"q": words}).text
    return re.findall(r'<li><a href="(\w+)">', text)


def test_a_search_finds_pages_that_have_all_words_those_with_a_fitting_name_first(client: TestClient) -> None:
    assert found(client, "acceptOverride")[0] == "acceptOverride"
    assert {"setLegalHold", "SetLegalHoldInput"} <= set(found(client, "LEGAL hold")[:5])
    assert "VersionConflictError" in found(client, "actionsSince")
    assert found(client, "there is no such word zzz") == found(client, "") == found(client, "   ") == []
    assert len(found(client, "the")) == 50
    for name in found(client, "webhook secret"):
        assert all(word in f"{name} {pages()[name]}".casefold() for word in ("webhook", "secret"))


@pytest.mark.parametrize("words", ['"><script>alert(1)</script>', "%", "\x00", "é" * 5_000, "[a](javascript:x)"])
def test_what_is_searched_for_stays_text(client: TestClient, words: str) -> None:
    answer = client.get("/docs/reference/search", params={"q": words})

    assert answer.status_code == 200
    assert "script" not in Links(answer.text).elements
    assert found_by(words) == []


@pytest.fixture(params=[True, False])
async def served(request: pytest.FixtureRequest, fresh_url: str) -> AsyncIterator[tuple[bool, Api]]:
    async with Api.opened(fresh_url, introspection=request.param) as api:
        yield request.param, api


async def test_it_is_served_where_introspection_is_answered(served: tuple[bool, Api]) -> None:
    is_open, api = served

    answer = await api.client.get("/docs/reference/Case")

    assert answer.status_code == (200 if is_open else 404)


def test_the_command_writes_all_pages_for_reading_offline(tmp_path: Path) -> None:
    done = casegate("schema", "--reference", str(tmp_path / "reference"))

    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    written = {path.stem: path.read_text(encoding="utf-8") for path in (tmp_path / "reference").iterdir()}
    assert written == dict(pages())


def test_the_command_says_where_it_can_t_write(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")

    done = casegate("schema", "--reference", str(tmp_path / "file"))

    assert done.returncode == 1
    assert done.stderr.startswith("casegate: can't write ") and done.stderr.count("\n") == 1
