"""Pages of other origins: what they may send and read, and what a browser's console says where they may not."""

from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any, NamedTuple

import httpx2
import pytest
from playwright.sync_api import Page

from app.config.settings import SettingsError, load_settings
from tests.support.api import Api
from tests.support.browser import empty_page, opened_browser
from tests.support.gateway import demo_in, serving
from tests.support.world import World

APP = "https://app.example"
USUAL = [
    "authorization",
    "content-type",
    "apollographql-client-name",
    "apollographql-client-version",
    "apollo-require-preflight",
    "x-apollo-operation-name",
    "x-apollo-operation-id",
    "x-graphql-cost",
    "x-graphql-client-name",
    "graphql-preflight",
    "traceparent",
    "tracestate",
    "baggage",
    "sentry-trace",
    "x-datadog-trace-id",
    "x-datadog-origin",
    "newrelic",
    "repr-digest",
    "content-digest",
    "content-disposition",
    "range",
    "if-range",
    "if-none-match",
    "if-match",
    "prefer",
    "x-requested-with",
    "idempotency-key",
    "x-request-id",
    "cache-control",
]
CALL = """async ([url, options]) => {
  const answer = await fetch(url, options);
  const names = ['etag', 'content-language', 'retry-after', 'x-request-id', 'ratelimit', 'ratelimit-policy',
                 'content-disposition', 'accept-ranges', 'www-authenticate'];
  const read = Object.fromEntries(names.map(name => [name, answer.headers.get(name)]));
  return {status: answer.status, text: await answer.text(), read};
}"""

pytestmark = pytest.mark.filterwarnings("default:no Chromium")


async def preflight(api: Api, origin: str, method: str, *names: str, **more: str) -> httpx2.Response:
    headers = {
        "Origin": origin,
        "Access-Control-Request-Method": method,
        "Access-Control-Request-Headers": ",".join(names),
    }
    return await api.client.options("/graphql", headers=headers | {k.replace("_", "-"): v for k, v in more.items()})


async def test_a_listed_page_may_send_whatever_header_fields_its_client_sends(fresh_url: str) -> None:
    async with Api.opened(fresh_url, cors_origins=(APP,)) as api:
        answer = await preflight(api, APP, "POST", *USUAL)
        none = await preflight(api, APP, "GET")

    assert answer.status_code == 200
    assert answer.headers["access-control-allow-headers"].split(", ") == USUAL
    assert answer.headers["access-control-allow-methods"] == "GET, HEAD, POST"
    assert answer.headers["access-control-max-age"] == "7200"
    assert "access-control-allow-credentials" not in answer.headers
    assert {"Origin", "Access-Control-Request-Headers"} <= set(answer.headers["vary"].split(", "))
    assert (none.status_code, none.headers["access-control-allow-headers"]) == (200, "")


async def test_what_a_preflight_refuses_is_said_in_its_body_too(fresh_url: str) -> None:
    async with Api.opened(fresh_url, cors_origins=(APP,)) as api:
        origin = await preflight(api, "https://other.example", "POST")
        method = await preflight(api, APP, "DELETE")
        field = await preflight(api, APP, "POST", "authorization", "two words")
        many = await preflight(api, APP, "POST", *[f"x-{number}" for number in range(101)])

    assert (origin.status_code, "access-control-allow-origin" in origin.headers) == (200, False)
    assert "https://other.example" in origin.text and "CASEGATE_CORS_ORIGINS" in origin.text
    assert (method.status_code, method.headers["access-control-allow-origin"]) == (200, APP)
    assert method.text == "The method DELETE is not allowed: GET, HEAD, POST are.\n"
    assert field.headers["access-control-allow-headers"] == "authorization"
    assert "two words" in field.text
    assert "x-100" in many.text and "x-100" not in many.headers["access-control-allow-headers"]


async def test_a_page_is_let_into_a_private_network_where_it_is_listed_and_asks(fresh_url: str) -> None:
    wanted = {"Access_Control_Request_Private_Network": "true"}
    async with Api.opened(fresh_url, cors_origins=(APP,)) as api:
        requested = await preflight(api, APP, "POST", **wanted)
        not_requested = await preflight(api, APP, "POST")
        theirs = await preflight(api, "https://other.example", "POST", **wanted)

    assert requested.headers["access-control-allow-private-network"] == "true"
    assert "access-control-allow-private-network" not in not_requested.headers
    assert "access-control-allow-private-network" not in theirs.headers


async def test_a_listed_page_can_read_refusals_of_every_kind(fresh_url: str, world: World) -> None:
    async with Api.opened(fresh_url, cors_origins=(APP,), rate_limit=1, rate_window=60) as api:
        headers = {"Origin": APP}
        answers = [
            await api.client.post("/graphql", headers=headers),
            await api.client.post("/documents", headers=headers),
            await api.client.get("/nowhere", headers=headers),
            await api.client.delete("/graphql", headers=headers),
            await api.send(world.ada.token, "{ __typename }", origin=APP),
            await api.send(world.ada.token, "{ __typename }", origin=APP),
        ]

    assert [answer.status_code for answer in answers] == [401, 401, 404, 405, 200, 429]
    assert {answer.headers["access-control-allow-origin"] for answer in answers} == {APP}
    assert all("Retry-After" in answer.headers["access-control-expose-headers"] for answer in answers)


@pytest.mark.parametrize(
    ("given", "kept"),
    [
        ("https://app.example/", ("https://app.example",)),
        ("HTTPS://App.Example:443 http://localhost:3000", ("https://app.example", "http://localhost:3000")),
        ("http://[::1]:80", ("http://[::1]",)),
        ("capacitor://localhost,*", ("capacitor://localhost", "*")),
    ],
)
def test_an_origin_is_kept_as_browsers_write_it(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, given: str, kept: tuple[str, ...]
) -> None:
    monkeypatch.setenv("CASEGATE_DATA_DIR", str(tmp_path))
    monkeypatch.setenv("CASEGATE_CORS_ORIGINS", given)

    assert load_settings().cors_origins == kept


@pytest.mark.parametrize(
    "given", ["app.example", "https://app.example/path", "https://*.example", "null", "https://a@b"]
)
def test_what_is_no_origin_is_refused_at_the_start(monkeypatch: pytest.MonkeyPatch, given: str) -> None:
    monkeypatch.setenv("CASEGATE_CORS_ORIGINS", given)

    with pytest.raises(SettingsError, match="is not an origin, as in"):
        load_settings()


async def test_any_origin_can_be_let_in(fresh_url: str) -> None:
    async with Api.opened(fresh_url, cors_origins=("*",)) as api:
        answer = await preflight(api, "https://other.example", "POST", "authorization")

    assert (answer.status_code, answer.headers["access-control-allow-origin"]) == (200, "https://other.example")


# --- In a browser ----------------------------------------------------------------------------------------------------


class Site(NamedTuple):
    """A page of another origin that is listed, one that is not, and what the page's console has said."""

    page: Page
    other: str
    address: str
    token: str
    console: list[str]

    def call(self, path: str, **options: Any) -> Any:
        return self.page.evaluate(CALL, [self.address + path, options])

    def fails(self, path: str, **options: Any) -> str:
        """Return what the console says of a call that the browser does not let through."""
        self.console.clear()
        outcome = self.page.evaluate(
            "([url, options]) => fetch(url, options).then(() => 'sent', error => error.name)",
            [self.address + path, options],
        )
        assert outcome == "TypeError"
        self.page.wait_for_timeout(100)
        return " ".join(self.console)


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    folder = tmp_path_factory.mktemp("origins")
    with ExitStack() as stack:
        browser = stack.enter_context(opened_browser())
        listed, other = stack.enter_context(empty_page()), stack.enter_context(empty_page())
        token = demo_in(folder)["people"][0]["token"]
        server = stack.enter_context(serving(folder, cors_origins=f"{listed}/", rate_limit="1000"))
        page = browser.new_page()
        console: list[str] = []
        page.on("console", lambda message: console.append(message.text))
        page.goto(listed)
        yield Site(page, other, server.address, token, console)


def test_a_page_sends_what_usual_clients_send_and_reads_what_the_manual_promises(site: Site) -> None:
    theirs = {name: "1" for name in USUAL if name not in ("authorization", "content-type", "range", "cache-control")}
    headers = {"Authorization": f"Bearer {site.token}", "Content-Type": "application/json"} | theirs
    called = site.call("/graphql", method="POST", headers=headers, body='{"query": "{ __typename }"}')
    refused = site.call("/graphql", method="POST", headers={"Content-Type": "application/json"}, body="{}")

    assert called["status"] == 200 and '"Query"' in called["text"]
    assert None not in [called["read"][name] for name in ("content-language", "x-request-id", "ratelimit")]
    assert (refused["status"], refused["read"]["www-authenticate"]) == (401, 'Bearer realm="casegate"')


def test_a_page_sends_a_document_with_its_digest_and_name_and_reads_a_part_of_it(site: Site) -> None:
    headers = {
        "Authorization": f"Bearer {site.token}",
        "Content-Disposition": 'attachment; filename="note.txt"',
        "Repr-Digest": "sha-256=:LPJNul+wow4m6DsqxbninhsWHlwfp0JecwQzYpOLmCQ=:",
        "traceparent": "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
    }
    sent = site.call("/documents", method="POST", headers=headers, body="hello")

    assert (sent["status"], '"note.txt"' in sent["text"]) == (201, True)


def test_the_console_says_which_method_field_or_origin_is_not_allowed(site: Site) -> None:
    many = {f"x-field-{number:03}": "1" for number in range(101)}

    method = site.fails("/graphql", method="PUT")
    field = site.fails("/graphql", method="POST", headers=many)
    site.page.goto(site.other)
    origin = site.fails("/graphql", method="POST", headers={"Content-Type": "application/json"})

    assert "Method PUT is not allowed by Access-Control-Allow-Methods" in method
    assert "x-field-100 is not allowed by Access-Control-Allow-Headers" in field
    assert f"from origin '{site.other}' has been blocked" in origin
    assert "No 'Access-Control-Allow-Origin' header is present" in origin
