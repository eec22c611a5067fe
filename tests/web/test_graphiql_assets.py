"""The answers that carry the GraphiQL page, from a small page made as the build makes one.

It deliberately runs no browser and needs no build: tests/web/test_graphiql.py does.
"""

import gzip
import json
import re
from pathlib import Path

import pytest
from starlette.applications import Starlette
from starlette.testclient import TestClient

from app.web.built_pages import DemoPerson
from app.web.graphiql import graphiql_routes

SLY = DemoPerson("1", "</script><script>alert(1)</script>", "a&b@example.com", ("REVIEWER",), "t\u2028\u2029<!--")


@pytest.fixture
def dist(tmp_path: Path) -> Path:
    """Return a page as the build leaves one, only smaller."""
    (tmp_path / "assets").mkdir()
    (tmp_path / "assets" / "index-1a2b.js").write_text("run()")
    (tmp_path / "index.html").write_text("<title>Casegate</title><!-- casegate-config --><div></div>")
    return tmp_path


def client(dist: Path, *people: DemoPerson) -> TestClient:
    return TestClient(Starlette(routes=graphiql_routes(people, dist)), follow_redirects=False)


def test_the_page_may_run_and_reach_nothing_but_this_server(dist: Path) -> None:
    answer = client(dist).get("/graphiql")

    policy = dict(part.split(" ", 1) for part in answer.headers["content-security-policy"].split("; "))
    assert policy == {
        "default-src": "'none'",
        "script-src": "'self'",
        "style-src": "'self' 'unsafe-inline'",
        "connect-src": "'self'",
        "worker-src": "'self'",
        "img-src": "'self' data:",
        "font-src": "'self' data:",
        "frame-ancestors": "'none'",
        "base-uri": "'none'",
        "form-action": "'none'",
    }
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert answer.headers["referrer-policy"] == "no-referrer"
    assert answer.headers["cache-control"] == "no-store"


def test_an_asset_is_kept_for_a_year_and_obeys_the_same_policy(dist: Path) -> None:
    page, asset = (client(dist).get(path) for path in ("/graphiql", "/graphiql/assets/index-1a2b.js"))

    assert asset.text == "run()"
    assert asset.headers["cache-control"] == "public, max-age=31536000, immutable"
    assert asset.headers["content-security-policy"] == page.headers["content-security-policy"]
    assert asset.headers["x-content-type-options"] == "nosniff"


@pytest.mark.parametrize("path", ["assets/other.js", "assets/..%2findex.html", "assets/", "index.html"])
def test_nothing_but_the_page_and_its_assets_is_sent(dist: Path, path: str) -> None:
    assert client(dist).get(f"/graphiql/{path}").status_code == 404


@pytest.mark.parametrize(
    ("accept", "coding"),
    [
        ("gzip, deflate, br, zstd", "br"),
        ("gzip", "gzip"),
        ("br;q=0.1, gzip", "gzip"),
        ("identity", None),
        ("", None),
        ("zstd", None),
        ("br;q=0, gzip;q=0", None),
    ],
)
def test_an_asset_is_sent_as_the_build_has_compressed_it(dist: Path, accept: str, coding: str | None) -> None:
    asset = dist / "assets" / "index-1a2b.js"
    (dist / "assets" / "index-1a2b.js.br").write_bytes(b"by brotli")
    (dist / "assets" / "index-1a2b.js.gz").write_bytes(gzip.compress(b"by gzip", mtime=0))
    opened = client(dist)

    with opened.stream("GET", "/graphiql/assets/index-1a2b.js", headers={"Accept-Encoding": accept}) as sent:
        body = b"".join(sent.iter_raw())
    head = opened.head("/graphiql/assets/index-1a2b.js", headers={"Accept-Encoding": accept})
    known = opened.get(
        "/graphiql/assets/index-1a2b.js", headers={"Accept-Encoding": accept, "If-None-Match": sent.headers["etag"]}
    )

    assert sent.headers.get("content-encoding") == coding
    suffix = {"br": ".br", "gzip": ".gz", None: ""}[coding]
    assert body == asset.with_name(f"{asset.name}{suffix}").read_bytes()
    assert sent.headers["content-type"] == "text/javascript; charset=utf-8"
    assert sent.headers["cache-control"] == "public, max-age=31536000, immutable"
    assert dict(head.headers) == dict(sent.headers)
    assert (known.status_code, known.headers["vary"]) == (304, "Accept-Encoding")
    assert "content-security-policy" in sent.headers
    assert opened.get("/graphiql/assets/index-1a2b.js.gz").status_code == 404


def test_codings_of_an_asset_have_tags_of_their_own(dist: Path) -> None:
    (dist / "assets" / "index-1a2b.js.br").write_bytes(b"by brotli")
    opened = client(dist)

    plain, encoded = (
        opened.head("/graphiql/assets/index-1a2b.js", headers={"Accept-Encoding": accept}) for accept in ("", "br")
    )

    assert plain.headers["vary"] == encoded.headers["vary"] == "Accept-Encoding"
    assert plain.headers["etag"] != encoded.headers["etag"]


def test_no_name_can_end_the_data_block(dist: Path) -> None:
    page = client(dist, SLY).get("/graphiql").text

    before, block, after = re.split(r'<script type="application/json" id="casegate-config">|</script>', page)
    assert (before, after) == ("<title>Casegate</title>", "<div></div>")
    assert not set("<>&\u2028\u2029") & set(block)
    assert json.loads(block)["people"] == [
        {"id": "1", "display_name": SLY.display_name, "email": SLY.email, "roles": ["REVIEWER"], "token": SLY.token}
    ]


def test_without_demo_people_the_page_has_none(dist: Path) -> None:
    assert '{"endpoint": "/graphql", "people": []}' in client(dist).get("/graphiql").text


def test_the_page_is_read_once(dist: Path) -> None:
    opened = client(dist)
    (dist / "index.html").write_text("changed")

    assert "<title>Casegate</title>" in opened.get("/graphiql").text


def test_a_page_that_is_not_built_says_how_to_build_it(tmp_path: Path) -> None:
    answer = client(tmp_path / "nowhere", SLY).get("/graphiql")

    assert answer.status_code == 503
    assert answer.headers["content-type"] == "text/plain; charset=utf-8"
    assert "not built: run scripts/setup" in answer.text
    assert SLY.token not in answer.text


def test_a_page_without_a_place_for_the_data_is_refused_at_the_start(dist: Path) -> None:
    (dist / "index.html").write_text("<title>Another</title>")

    with pytest.raises(ValueError, match="run scripts/setup"):
        client(dist)
