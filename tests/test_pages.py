"""The answers that carry the GraphiQL page, from a small page made as the build makes one.

It deliberately runs no browser and needs no build: tests/test_graphiql.py does.
"""

import json
import re
from pathlib import Path

import pytest
from starlette.applications import Starlette
from starlette.testclient import TestClient

from app.pages import DemoPerson, graphiql_routes

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


def test_the_top_leads_to_the_page(dist: Path) -> None:
    answer = client(dist).get("/")

    assert (answer.status_code, answer.headers["location"]) == (307, "/graphiql")


def test_no_name_can_end_the_data_block(dist: Path) -> None:
    page = client(dist, SLY).get("/graphiql").text

    before, block, after = re.split(r'<script type="application/json" id="casegate-config">|</script>', page)
    assert (before, after) == ("<title>Casegate</title>", "<div></div>")
    assert not set("<>&\u2028\u2029") & set(block)
    assert json.loads(block)["people"] == [
        {"id": "1", "display_name": SLY.display_name, "email": SLY.email, "roles": ["REVIEWER"], "token": SLY.token}
    ]


def test_with_nobody_handed_in_nobody_is_on_the_page(dist: Path) -> None:
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
