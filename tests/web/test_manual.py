"""The manual as the gateway serves it: pages, links, anchors, headers, and how it looks without JavaScript."""

import gzip
import re
import subprocess
import sys
import zipfile
from collections.abc import Iterator
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import urljoin, urlsplit

import pytest
from playwright.sync_api import Browser, Page
from starlette.applications import Starlette
from starlette.routing import Mount
from starlette.testclient import TestClient

from app.api.schema import CORE
from app.domain.errors import ErrorCode
from app.web.manual import FILES, manual_routes, names
from app.web.middleware.compression import CODINGS
from tests.support.browser import opened_browser
from tests.support.gateway import ROOT, serving

pytestmark = pytest.mark.filterwarnings("default:no Chromium")
PAGES = sorted(f"/docs/{name}".removesuffix("/") for name in names() - FILES.keys())
POLICY = (
    "default-src 'none'; style-src 'self'; img-src 'self'; frame-ancestors 'none'; base-uri 'none'; form-action 'none'"
)


class Parsed(HTMLParser):
    """The links, anchors and elements of a page."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.links: list[str] = []
        self.anchors: list[str] = []
        self.elements: set[str] = set()
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        found = dict(attrs)
        self.elements.add(tag)
        self.links += [found[name] or "" for name in ("href", "src") if name in found]
        self.anchors += [found["id"] or ""] if "id" in found else []
        assert not any(name.startswith("on") or name == "style" for name in found), attrs


@pytest.fixture(scope="module")
def client() -> TestClient:
    return TestClient(Starlette(routes=manual_routes(has_graphiql=True, has_desk=True)))


def test_there_is_a_page_for_each_file_and_the_start_lists_them_all(client: TestClient) -> None:
    stems = {path.stem for path in (ROOT / "app/docs").glob("*.md")} - {"index"}

    assert set(PAGES) == {"/docs", *(f"/docs/{stem}" for stem in stems)}
    start = (ROOT / "app/docs/index.md").read_text(encoding="utf-8")
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    for stem in stems:
        assert f"]({stem}.md)" in start
        assert f"](app/docs/{stem}.md)" in readme


@pytest.mark.parametrize("path", PAGES)
def test_a_page_is_plain_html_and_its_links_lead_somewhere(client: TestClient, path: str) -> None:
    answer = client.get(path)

    assert (answer.status_code, answer.headers["content-type"]) == (200, "text/html; charset=utf-8")
    assert (answer.headers["content-language"], answer.headers["content-security-policy"]) == ("en", POLICY)
    parsed = Parsed(answer.text)
    assert '<html lang="en">' in answer.text
    assert parsed.elements & {"script", "iframe", "form", "style"} == set()
    assert len(parsed.anchors) == len(set(parsed.anchors))
    for link in parsed.links:
        target = urlsplit(urljoin(f"http://testserver{path}", link))
        if target.netloc != "testserver":
            continue
        assert target.path.startswith("/docs"), link
        there = client.get(target.path)
        assert there.status_code == 200, link
        assert not target.fragment or target.fragment in Parsed(there.text).anchors, link


def test_each_error_code_has_an_entry_by_its_name(client: TestClient) -> None:
    anchors = Parsed(client.get("/docs/errors").text).anchors

    assert [code for code in ErrorCode if code not in anchors] == []
    assert [code for code in ErrorCode if code.lower() not in anchors] == []


def test_the_schema_says_where_the_entry_of_a_code_is(client: TestClient) -> None:
    described = CORE.type_map["ErrorCode"].description or ""
    (place,) = re.findall(r"`(/docs/errors)#`", described)

    assert set(ErrorCode) <= set(Parsed(client.get(place).text).anchors)


def test_the_first_page_links_the_pages_that_there_are_and_the_manual(client: TestClient) -> None:
    without = TestClient(Starlette(routes=manual_routes(has_graphiql=False, has_desk=False))).get("/")

    assert {"desk", "graphiql", "docs"} <= set(Parsed(client.get("/").text).links)
    assert {"desk", "graphiql", "docs"} & set(Parsed(without.text).links) == {"docs"}


def test_the_links_hold_where_the_gateway_is_mounted_below_a_path() -> None:
    below = TestClient(Starlette(routes=[Mount("/casegate", routes=manual_routes(has_graphiql=False, has_desk=False))]))

    for path in ("/casegate/docs", "/casegate/docs/errors", "/casegate/docs/nowhere"):
        for link in Parsed(below.get(path).text).links:
            if not urlsplit(link).netloc and not link.startswith("#"):
                target = urlsplit(urljoin(f"http://testserver{path}", link)).path
                assert below.get(target).status_code == 200, (path, link)


@pytest.mark.parametrize("path", ["/docs/nowhere", "/docs/index", "/docs/errors.md", "/docs/%00"])
def test_what_is_no_page_is_404_with_a_way_back(client: TestClient, path: str) -> None:
    answer = client.get(path)

    assert (answer.status_code, answer.headers["content-type"]) == (404, "text/html; charset=utf-8")
    assert "../docs" in Parsed(answer.text).links
    assert "etag" not in answer.headers


@pytest.mark.parametrize("path", ["/docs/..%2f..%2fmain.py", "/docs/a/b", "/docs/errors/"])
def test_nothing_below_a_page_is_served(client: TestClient, path: str) -> None:
    assert client.get(path, follow_redirects=False).status_code in (404, 307)


@pytest.mark.parametrize(
    "path", ["/", "/docs", "/docs/errors", "/docs/manual.css", "/docs/icon.svg", "/docs/graphiql.png"]
)
def test_who_has_a_page_already_is_not_sent_it_again(client: TestClient, path: str) -> None:
    first = client.get(path)

    again = client.get(path, headers={"If-None-Match": first.headers["etag"]})

    assert (again.status_code, again.content, again.headers["etag"]) == (304, b"", first.headers["etag"])
    assert again.headers["content-security-policy"] == POLICY
    assert client.get(path, headers={"If-None-Match": '"other"'}).content == first.content


def test_head_answers_the_head_alone(client: TestClient) -> None:
    got, head = client.get("/docs/errors"), client.head("/docs/errors")

    assert (head.status_code, head.content) == (200, b"")
    assert head.headers == got.headers
    assert client.post("/docs/errors").status_code == 405


def test_pages_are_compressed_for_who_takes_it(client: TestClient) -> None:
    plain = client.get("/docs/errors", headers={"Accept-Encoding": "identity"})

    for coding in CODINGS:
        sent = client.get("/docs/errors", headers={"Accept-Encoding": coding})
        assert (sent.headers["content-encoding"], sent.headers["vary"]) == (coding, "Accept-Encoding")
        assert int(sent.headers["content-length"]) < len(plain.content) / 3
        assert sent.headers["etag"] == plain.headers["etag"]
    with client.stream("GET", "/docs/errors", headers={"Accept-Encoding": "gzip"}) as raw:
        assert gzip.decompress(b"".join(raw.iter_raw())) == plain.content
    assert plain.headers.get("content-encoding") is None


def test_the_wheel_has_the_manual(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(tmp_path)]
    subprocess.run(command, cwd=ROOT, check=True, capture_output=True, timeout=120)

    (wheel,) = tmp_path.glob("*.whl")
    packed = set(zipfile.ZipFile(wheel).namelist())
    expected = [*(ROOT / "app/docs").iterdir(), *(ROOT / "app/web/static").iterdir()]
    assert {str(path.relative_to(ROOT)) for path in expected} <= packed


# --- In a browser ----------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def chromium() -> Iterator[Browser]:
    with opened_browser() as browser:
        yield browser


@pytest.fixture(scope="module")
def address(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with serving(tmp_path_factory.mktemp("manual"), demo="false", graphiql="true") as server:
        yield server.address


@pytest.fixture(params=[(1280, 900), (390, 844)], ids=["desktop", "phone"])
def page(chromium: Browser, request: pytest.FixtureRequest) -> Iterator[Page]:
    width, height = request.param
    context = chromium.new_context(viewport={"width": width, "height": height}, java_script_enabled=False)
    yield context.new_page()
    context.close()


def test_pages_are_read_without_javascript_at_any_width(address: str, page: Page) -> None:
    requested: list[str] = []
    complaints: list[str] = []
    page.on("request", lambda request: requested.append(request.url))
    page.on("console", lambda line: complaints.append(line.text))

    for path in (
        "/",
        "/docs",
        "/docs/errors",
        "/docs/configuration",
        "/docs/workflow",
        "/docs/clients",
        "/docs/reference",
    ):
        page.goto(address + path)

        assert page.locator("h1").is_visible()
        body, window = page.locator("html").bounding_box(), page.viewport_size
        assert body and window and body["width"] <= window["width"], path
        assert page.locator("main").bounding_box()["width"] <= window["width"], path  # type: ignore[index]

    assert complaints == []
    assert all(url.startswith(address) for url in requested)


def test_a_page_without_the_list_of_pages_begins_where_its_header_does(address: str, page: Page) -> None:
    for path in ("/docs/reference/overview", "/docs/reference/none"):
        page.goto(address + path)

        header, main = page.locator("header").bounding_box(), page.locator("main").bounding_box()
        assert header and main and main["x"] == header["x"], path
        assert page.locator("nav").count() == 0


def test_an_error_code_s_address_leads_to_its_entry(address: str, page: Page) -> None:
    page.goto(f"{address}/docs/errors#CASE_CLOSED")

    heading = page.get_by_role("heading", name="CASE_CLOSED", exact=True).bounding_box()
    assert heading and 0 <= heading["y"] < 100


def test_links_lead_from_page_to_page_and_from_graphiql(address: str, chromium: Browser) -> None:
    context = chromium.new_context(locale="en-GB")
    page = context.new_page()
    page.goto(address)
    page.get_by_role("link", name="GraphiQL").click()
    page.get_by_role("link", name="Manual").click()
    page.get_by_role("navigation").get_by_role("link", name="Writing safely").click()
    page.get_by_role("main").get_by_role("link", name="Overrides").click()

    assert page.url == f"{address}/docs/overrides"
    assert page.title() == "Overrides and their reviewers · Casegate"
    context.close()
