"""The answers that carry the Desk, from a small page made as the build makes one. tests/desk runs the real one."""

from pathlib import Path

import pytest
from starlette.applications import Starlette
from starlette.testclient import TestClient

from app.web.desk import desk_routes


@pytest.fixture
def client(tmp_path: Path) -> TestClient:
    (tmp_path / "assets").mkdir()
    (tmp_path / "assets" / "index-1a2b.js").write_text("run()")
    (tmp_path / "index.html").write_text("<title>Desk</title><!-- casegate-config -->")
    return TestClient(Starlette(routes=desk_routes((), tmp_path)), follow_redirects=False)


@pytest.mark.parametrize("path", ["/desk", "/desk/", "/desk/cases/CASE-000001", "/desk/assets/index-1a2b.js"])
def test_the_desk_runs_and_reaches_nothing_but_this_server(client: TestClient, path: str) -> None:
    answer = client.get(path)

    assert answer.status_code == 200
    policy = dict(part.split(" ", 1) for part in answer.headers["content-security-policy"].split("; "))
    assert policy == {
        "default-src": "'none'",
        "script-src": "'self'",
        "style-src": "'self'",
        "connect-src": "'self'",
        "img-src": "'self' data:",
        "frame-src": "'self' blob:",
        "frame-ancestors": "'none'",
        "base-uri": "'none'",
        "form-action": "'none'",
    }


def test_each_address_below_the_desk_is_the_page_and_its_assets_are_files(client: TestClient) -> None:
    page, view, asset, none = (
        client.get(path)
        for path in ("/desk", "/desk/cases/CASE-000001?q=iban", "/desk/assets/index-1a2b.js", "/desk/assets/none.js")
    )

    assert '{"endpoint": "/graphql", "people": [], "hasCaseFiles": false}' in page.text
    assert view.text == page.text
    assert {page.headers["cache-control"], view.headers["cache-control"]} == {"no-store"}
    assert asset.headers["cache-control"] == "public, max-age=31536000, immutable"
    assert none.status_code == 404


def test_a_desk_that_is_not_built_says_how_to_build_it(tmp_path: Path) -> None:
    answer = TestClient(Starlette(routes=desk_routes((), tmp_path / "nowhere"))).get("/desk")

    assert (answer.status_code, "not built: run scripts/setup" in answer.text) == (503, True)
