"""Answers that come before all of a request has: usual clients get them, however much they still send."""

import http.client
import shutil
import subprocess
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack
from typing import NamedTuple
from urllib.parse import urlsplit

import httpx2
import pytest

from tests.support.browser import empty_page, opened_browser
from tests.support.gateway import demo_in, serving
from tests.support.node import PATH

MIB = 1024 * 1024
LARGE, HUGE = 10 * MIB + 1, 100 * MIB
FETCH = """
const [url, size, token] = process.argv.slice(1);
const headers = {authorization: `Bearer ${token}`, 'content-type': 'application/json'};
fetch(url, {method: 'POST', headers, body: new Uint8Array(Number(size))})
  .then(answer => answer.text().then(() => console.log(answer.status)), error => console.log(error.cause ?? error));
"""
# A blob: what tells of an array's bytes to the test can't hold 100 MiB.
BROWSE = """([url, size, token]) =>
  fetch(url, {method: 'POST', headers: {authorization: `Bearer ${token}`}, body: new Blob([new Uint8Array(size)])})
    .then(async answer => { await answer.text(); return answer.status; }, error => String(error))"""

pytestmark = pytest.mark.filterwarnings("default:no Chromium")


class Place(NamedTuple):
    """Where a server is, a token that it knows, and an origin whose pages may call."""

    address: str
    token: str
    origin: str


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Place]:
    folder = tmp_path_factory.mktemp("early")
    with ExitStack() as stack:
        origin = stack.enter_context(empty_page())
        person = demo_in(folder)["people"][0]
        server = stack.enter_context(serving(folder, cors_origins=origin))
        yield Place(server.address, person["token"], origin)


def headers(token: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {token}", "Content-Type": "application/json"}


def by_urllib(url: str, size: int, token: str) -> str:
    request = urllib.request.Request(url, bytes(size), headers(token), method="POST")  # noqa: S310  # it is http
    try:
        with urllib.request.urlopen(request, timeout=60) as answer:  # noqa: S310
            return str(answer.status)
    except urllib.error.HTTPError as error:
        error.read()
        return str(error.code)


def by_http_client(url: str, size: int, token: str) -> str:
    connection = http.client.HTTPConnection(urlsplit(url).netloc, timeout=60)
    connection.request("POST", urlsplit(url).path, bytes(size), headers(token))
    answer = connection.getresponse()
    answer.read()
    connection.close()
    return str(answer.status)


def by_httpx2(url: str, size: int, token: str) -> str:
    return str(httpx2.post(url, content=bytes(size), headers=headers(token), timeout=60).status_code)


def by_httpx2_in_chunks(url: str, size: int, token: str) -> str:
    pieces = (bytes(min(MIB, size - at)) for at in range(0, size, MIB))
    return str(httpx2.post(url, content=pieces, headers=headers(token), timeout=60).status_code)


def _curl(url: str, size: int, token: str, *more: str) -> str:
    program = shutil.which("curl")
    if program is None:
        pytest.skip("no curl")
    requested = [part for pair in headers(token).items() for part in ("-H", ": ".join(pair))]
    done = subprocess.run(
        [program, "-s", "-o", "/dev/null", "-w", "%{http_code}", "--data-binary", "@-", *requested, *more, url],
        input=bytes(size),
        capture_output=True,
        check=False,
        timeout=120,
    )
    return done.stdout.decode() if done.returncode == 0 else f"curl ended with {done.returncode}"


def by_curl(url: str, size: int, token: str) -> str:
    return _curl(url, size, token)


def by_curl_without_expect(url: str, size: int, token: str) -> str:
    return _curl(url, size, token, "-H", "Expect:")


def by_node(url: str, size: int, token: str) -> str:
    program = shutil.which("node", path=PATH)
    if program is None:
        pytest.skip("no Node.js")
    command = [program, "-e", FETCH, url, str(size), token]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)
    return done.stdout.strip()


CLIENTS: Mapping[str, Callable[[str, int, str], str]] = {
    "urllib": by_urllib,
    "http.client": by_http_client,
    "httpx2": by_httpx2,
    "httpx2 in chunks": by_httpx2_in_chunks,
    "curl": by_curl,
    "curl without Expect": by_curl_without_expect,
    "Node's fetch": by_node,
}


@pytest.mark.parametrize("size", [LARGE, HUGE], ids=["10 MiB + 1", "100 MiB"])
@pytest.mark.parametrize("client", CLIENTS.values(), ids=CLIENTS)
def test_each_client_gets_the_answer_that_comes_early(
    place: Place, client: Callable[[str, int, str], str], size: int
) -> None:
    paths = {"/documents": place.token, "/graphql": place.token, "/graphql?": "none", "/nowhere": place.token}

    statuses = {path: client(place.address + path, size, token) for path, token in paths.items()}
    unauthenticated = client(f"{place.address}/documents", size, "none")

    assert statuses == {"/documents": "413", "/graphql": "413", "/graphql?": "401", "/nowhere": "404"}
    assert unauthenticated == "401"


def test_a_page_gets_the_answer_that_comes_early(place: Place) -> None:
    with opened_browser() as browser:
        page = browser.new_page()
        page.goto(place.origin)
        statuses = [
            page.evaluate(BROWSE, [f"{place.address}{path}", size, token])
            for size in (LARGE, HUGE)
            for path, token in (("/documents", place.token), ("/documents", "none"), ("/graphql", "none"))
        ]

    assert statuses == [413, 401, 401] * 2
