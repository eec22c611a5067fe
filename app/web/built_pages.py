"""Serves pages that scripts/setup builds, with the demo people written into them.

It does not build the pages, and knows no tokens but the ones it is handed: outside demo mode nobody hands it any.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from os import PathLike, stat_result
from pathlib import Path

from starlette.responses import FileResponse, HTMLResponse, PlainTextResponse, Response
from starlette.routing import BaseRoute, Mount, Route
from starlette.staticfiles import StaticFiles
from starlette.types import Scope

from app.web.content_coding import wanted

CONFIG_PLACE = "<!-- casegate-config -->"
SUFFIXES = {"br": ".br", "gzip": ".gz"}
"""What the builds compress the assets by (compress.js), the smallest first."""
# Only "<" can end a script element early; the others are escaped so that the text is safe wherever it is put in a page.
HTML_ESCAPES = {ord(sign): f"\\u{ord(sign):04x}" for sign in "<>&\u2028\u2029"}


@dataclass(frozen=True, slots=True)
class DemoPerson:
    """A person of the demo account, with a token that a page may show to everyone who can open it."""

    id: str
    display_name: str
    email: str
    roles: tuple[str, ...]
    token: str


@dataclass(frozen=True, slots=True)
class BuiltPage:
    """A page: its name for people, the path it is served at, where its build lies, what it may do, and what its script
    is told beside the API's address and the people.
    """

    name: str
    path: str
    dist: Path
    policy: Mapping[str, str]
    config: Mapping[str, bool] = field(default_factory=dict)

    @property
    def headers(self) -> dict[str, str]:
        """The headers of the page and its assets: a worker obeys the policy of its own script, not that of the page."""
        return {
            "Content-Security-Policy": "; ".join(f"{name} {value}" for name, value in self.policy.items()),
            "X-Content-Type-Options": "nosniff",
            "Referrer-Policy": "no-referrer",
        }

    @property
    def not_built(self) -> str:
        """What is answered where there is no build."""
        return f"The {self.name} page is not built: run scripts/setup, then start the server again.\n"


class HashedFiles(StaticFiles):
    """Files whose names change with their content, so that a browser never needs to ask for one twice.

    Beside them lies what the build has compressed of them, which is sent to who takes it.
    """

    def __init__(self, directory: Path, headers: Mapping[str, str]) -> None:
        super().__init__(directory=directory)
        self._headers = headers
        self._compressed = frozenset(path.name for path in directory.glob("*.*") if path.suffix in SUFFIXES.values())

    def lookup_path(self, path: str) -> tuple[str, stat_result | None]:
        return ("", None) if path in self._compressed else super().lookup_path(path)

    def file_response(
        self, full_path: str | PathLike[str], stat_result: stat_result, scope: Scope, status_code: int = 200
    ) -> Response:
        name = Path(full_path).name
        offered = tuple(coding for coding, suffix in SUFFIXES.items() if f"{name}{suffix}" in self._compressed)
        found = wanted(scope, offered) if offered else None
        coding = None if found is None else found.coding
        if coding is not None:
            full_path = f"{full_path}{SUFFIXES[coding]}"
            stat_result = Path(full_path).stat()
        response = super().file_response(full_path, stat_result, scope, status_code)
        response.headers.update(self._headers)
        response.headers["Cache-Control"] = "public, max-age=31536000, immutable"
        if offered:
            response.headers["Vary"] = "Accept-Encoding"
        if coding is not None and isinstance(response, FileResponse):
            response.headers["Content-Encoding"] = coding
            response.headers["Content-Type"] = FileResponse(name).headers["content-type"]
        return response


def page_routes(page: BuiltPage, people: Sequence[DemoPerson], *, has_views: bool = False) -> list[BaseRoute]:
    """Return the routes of a page and its assets; *people* is empty outside demo mode.

    The page is read here, once. Where it is not built, its path answers 503 and says what to do. A page that
    *has_views* answers below its path too, and shows there what the path names.
    """
    # The page may hold tokens.
    headers = {**page.headers, "Cache-Control": "no-store"}
    file = page.dist / "index.html"
    if not file.is_file():
        return [_fixed(page.path, PlainTextResponse(page.not_built, status_code=503, headers=headers))]
    filled = HTMLResponse(_fill(page, file.read_text(encoding="utf-8"), people), headers=headers)
    routes: list[BaseRoute] = [
        _fixed(page.path, filled),
        Mount(f"{page.path}/assets", HashedFiles(page.dist / "assets", page.headers)),
    ]
    if has_views:
        routes.append(_fixed(f"{page.path}/{{view:path}}", filled))
    return routes


def _fill(page: BuiltPage, template: str, people: Sequence[DemoPerson]) -> str:
    """Return *template* with the data block that the page's script reads.

    Raises:
        ValueError: *template* has no place for it, so it was built from other sources than these.
    """
    if CONFIG_PLACE not in template:
        raise ValueError(f"the {page.name} page has no {CONFIG_PLACE}: run scripts/setup")
    config = {"endpoint": "/graphql", "people": [asdict(person) for person in people], **page.config}
    written = json.dumps(config, ensure_ascii=False).translate(HTML_ESCAPES)
    block = f'<script type="application/json" id="casegate-config">{written}</script>'
    return template.replace(CONFIG_PLACE, block, 1)


def _fixed(path: str, response: Response) -> Route:
    return Route(path, response, methods=["GET"])
