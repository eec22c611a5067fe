"""One browser and one demo gateway for the tests of the Desk."""

import json
import re
from collections.abc import Callable, Iterator
from pathlib import Path

import httpx2
import pytest
from playwright.sync_api import Browser

from tests.support.browser import opened_browser
from tests.support.desk import Window, require_build
from tests.support.gateway import Server, demo_in, serving

OpenWindow = Callable[..., Window]


@pytest.fixture(scope="module")
def chromium() -> Iterator[Browser]:
    require_build()
    with opened_browser() as browser:
        yield browser


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("desk")
    demo_in(folder)
    return folder


@pytest.fixture(scope="module")
def demo(chromium: Browser, folder: Path) -> Iterator[Server]:
    with serving(folder) as server:
        yield server


@pytest.fixture(scope="module")
def tokens(demo: Server) -> dict[str, str]:
    """The tokens of the demo's people by their names, as the page has them."""
    page = httpx2.get(f"{demo.address}/desk", timeout=30).text
    _, block, _ = re.split(r'<script type="application/json" id="casegate-config">|</script>', page, maxsplit=2)
    return {person["display_name"]: person["token"] for person in json.loads(block)["people"]}


@pytest.fixture
def open_window(chromium: Browser, demo: Server) -> Iterator[OpenWindow]:
    """Return what opens a window on the demo; all are closed afterwards."""
    windows: list[Window] = []

    def opened(**options: object) -> Window:
        windows.append(Window.opened(chromium, demo.address, **options))
        return windows[-1]

    yield opened
    for window in windows:
        window.context.close()
