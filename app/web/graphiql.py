"""Serves the GraphiQL page and its assets, with the demo people written into it.

It does not build the page (scripts/setup does) and knows nothing of tokens but the ones it is handed: outside demo mode
nobody hands it any.
"""

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from os import PathLike, stat_result
from pathlib import Path

from starlette.responses import FileResponse, HTMLResponse, PlainTextResponse, Response
from starlette.routing import Mount, Route
from starlette.staticfiles import StaticFiles
from starlette.types import Scope

from app.web.content_coding import wanted

DIST = Path(__file__).parent.parent / "graphiql" / "dist"
CONFIG_PLACE = "<!-- casegate-config -->"
NOT_BUILT = "The GraphiQL page is not built: run scripts/setup, then start the server again.\n"

CONTENT_SECURITY_POLICY = {
    "default-src": "'none'",
    "script-src": "'self'",
    # The code editor writes each line's place and colour into style attributes, and makes style elements as it runs.
    "style-src": "'self' 'unsafe-inline'",
    "connect-src": "'self'",
    "worker-src": "'self'",
    "img-src": "'self' data:",
    "font-src": "'self' data:",
    "frame-ancestors": "'none'",
    "base-uri": "'none'",
    "form-action": "'none'",
}
# Assets carry them too: a worker obeys the policy of its own script's answer, not that of the page.
SECURITY_HEADERS = {
    "Content-Security-Policy": "; ".join(f"{name} {value}" for name, value in CONTENT_SECURITY_POLICY.items()),
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
}
# The page may hold tokens.
PAGE_HEADERS = {**SECURITY_HEADERS, "Cache-Control": "no-store"}
SUFFIXES = {"br": ".br", "gzip": ".gz"}
"""What the build compresses the assets by (app/graphiql/compress.js), the smallest first."""
# Only "<" can end a script element early; the others are escaped so that the text is safe wherever it is put in a page.
HTML_ESCAPES = {ord(sign): f"\\u{ord(sign):04x}" for sign in "<>&\u2028\u2029"}


@dataclass(frozen=True, slots=True)
class DemoPerson:
    """A person of the demo account, with a token that the page may show to everyone who can open it."""

    id: str
    display_name: str
    email: str
    roles: tuple[str, ...]
    token: str


class HashedFiles(StaticFiles):
    """Files whose names change with their content, so that a browser never needs to ask for one twice.

    Beside them lies what the build has compressed of them, which is sent to who takes it.
    """

    def __init__(self, directory: Path) -> None:
        super().__init__(directory=directory)
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
        response.headers.update(SECURITY_HEADERS)
        response.headers["Cache-Control"] = "public, max-age=31536000, immutable"
        if offered:
            response.headers["Vary"] = "Accept-Encoding"
        if coding is not None and isinstance(response, FileResponse):
            response.headers["Content-Encoding"] = coding
            response.headers["Content-Type"] = FileResponse(name).headers["content-type"]
        return response


def graphiql_routes(people: Sequence[DemoPerson], dist: Path = DIST) -> list[Route | Mount]:
    """Return the routes of `/graphiql` and its assets; *people* is empty outside demo mode.

    The page is read here, once. Where it is not built, `/graphiql` answers 503 and says what to do.
    """
    page = dist / "index.html"
    if not page.is_file():
        return [_fixed("/graphiql", PlainTextResponse(NOT_BUILT, status_code=503, headers=PAGE_HEADERS))]
    filled = fill_page(page.read_text(encoding="utf-8"), people)
    return [
        _fixed("/graphiql", HTMLResponse(filled, headers=PAGE_HEADERS)),
        Mount("/graphiql/assets", HashedFiles(directory=dist / "assets")),
    ]


def fill_page(template: str, people: Sequence[DemoPerson]) -> str:
    """Return *template* with the data block that the page's script reads.

    Raises:
        ValueError: *template* has no place for it, so it was built from other sources than these.
    """
    if CONFIG_PLACE not in template:
        raise ValueError(f"the GraphiQL page has no {CONFIG_PLACE}: run scripts/setup")
    config = json.dumps({"endpoint": "/graphql", "people": [asdict(person) for person in people]}, ensure_ascii=False)
    block = f'<script type="application/json" id="casegate-config">{config.translate(HTML_ESCAPES)}</script>'
    return template.replace(CONFIG_PLACE, block, 1)


def _fixed(path: str, response: Response) -> Route:
    return Route(path, response, methods=["GET"])
