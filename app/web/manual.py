"""Serves the manual, `app/docs/*.md`, as plain HTML at `/docs`, and a start page with links at `/`.

Pages are made at their first use, need no JavaScript and load nothing from elsewhere.
"""

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cache
from html import escape
from pathlib import Path

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from app.web.content_coding import wanted
from app.web.etag import revalidated
from app.web.manual_html import Article, render, title_of
from app.web.middleware.compression import CODINGS

DOCS = Path(__file__).parent.parent / "docs"
STATIC = Path(__file__).parent / "static"
FILES = {
    "manual.css": (STATIC / "manual.css", "text/css; charset=utf-8"),
    "icon.svg": (STATIC / "icon.svg", "image/svg+xml"),
    "graphiql.png": (DOCS / "graphiql.png", "image/png"),
}
HTML = "text/html; charset=utf-8"
COMPRESS_MIN_BYTES = 1024
CONTENT_SECURITY_POLICY = (
    "default-src 'none'; style-src 'self'; img-src 'self'; frame-ancestors 'none'; base-uri 'none'; form-action 'none'"
)
NOT_FOUND = "# There is no such page\n\n[The manual's start](index.md) lists all pages.\n"


@dataclass(frozen=True, slots=True)
class Content:
    """A body as it is, and by each coding that makes it smaller."""

    body: bytes
    media_type: str
    encoded: Mapping[str, bytes] = field(default_factory=dict)

    @classmethod
    def of(cls, body: bytes, media_type: str) -> "Content":
        """Compress *body*, where it is a text and worth it."""
        if len(body) < COMPRESS_MIN_BYTES or media_type == "image/png":
            return cls(body, media_type)
        return cls(body, media_type, {coding: compress(body) for coding, compress in CODINGS.items()})


def manual_routes(*, has_graphiql: bool, has_desk: bool = False, has_reference: bool = False) -> list[Route]:
    """Return the routes of `/`, `/docs` and `/docs/{name}`."""

    async def home(request: Request) -> Response:
        return manual_answer(request, await asyncio.to_thread(_home, has_graphiql, has_desk, has_reference))

    return [Route("/", home), Route("/docs", _respond), Route("/docs/{name}", _respond)]


async def _respond(request: Request) -> Response:
    """Answer with the page or file of that name, or with a page that says that there is none."""
    name = request.path_params.get("name", "")
    content = await asyncio.to_thread(_content, name) if name in names() else None
    if content is None:
        return manual_answer(request, await asyncio.to_thread(_missing), status=404)
    return manual_answer(request, content)


def names() -> frozenset[str]:
    """Return the last parts of all addresses below `/docs`; that of the start is empty."""
    return frozenset(["", *_titles()]) - {"index"} | FILES.keys()


def manual_answer(
    request: Request, content: Content, status: int = 200, policy: str = CONTENT_SECURITY_POLICY
) -> Response:
    """Answer with a page, compressed where the client takes that. *policy*: its Content-Security-Policy."""
    found = wanted(request.scope, tuple(content.encoded)) if content.encoded else None
    coding = None if found is None else found.coding
    response = Response(content.body, status, media_type=None, headers={"Content-Type": content.media_type})
    if content.media_type == HTML:
        response.headers["Content-Language"] = "en"
    if content.encoded:
        response.headers["Vary"] = "Accept-Encoding"
    if status == 200:
        response = revalidated(request, response)  # its tag is that of the body as it is
    response.headers["Content-Security-Policy"] = policy
    if coding is not None and response.status_code != 304:
        response.body = content.encoded[coding]
        response.headers["Content-Encoding"] = coding
        response.headers["Content-Length"] = str(len(response.body))
    return response


@cache
def _content(name: str) -> Content | None:
    if name in FILES:
        path, media_type = FILES[name]
        return Content.of(path.read_bytes(), media_type) if path.is_file() else None
    text = (DOCS / f"{name or 'index'}.md").read_text(encoding="utf-8")
    return Content.of(_page(render(text, is_start=not name), current=name or "index"), HTML)


@cache
def _missing() -> Content:
    return Content.of(_page(render(NOT_FOUND, is_start=False), current=""), HTML)


@cache
def _titles() -> Mapping[str, str]:
    """Return the titles of all pages by their names, in the order in which the start lists them."""
    start = (DOCS / "index.md").read_text(encoding="utf-8")
    paths = sorted(DOCS.glob("*.md"), key=lambda path: (start.find(f"]({path.name})"), path.name))
    return {path.stem: title_of(path.read_text(encoding="utf-8")) for path in paths}


@cache
def _home(has_graphiql: bool, has_desk: bool, has_reference: bool) -> Content:
    desk = "- [The Desk](desk): look at cases and work on them\n" if has_desk else ""
    links = desk + ("- [GraphiQL](graphiql): try the API\n" if has_graphiql else "")
    reference = "- [The reference of the API](docs/reference)\n" if has_reference else ""
    text = f"# Casegate\n\n{links}- [The manual](docs)\n{reference}- The API is at `/graphql`\n"
    return Content.of(manual_document(render(text, is_start=False), "", to_docs="docs/"), HTML)


def _page(article: Article, current: str) -> bytes:
    """Return a page of the manual: the article, and links to all pages."""
    prefix = "docs/" if current == "index" else ""
    links = []
    for name, title in _titles().items():
        target = prefix + name if name != "index" else "docs" if prefix else "../docs"
        mark = ' aria-current="page"' if name == current else ""
        links.append(f'<li><a href="{target}"{mark}>{escape(title)}</a></li>')
    navigation = f'<nav id="pages" aria-label="Manual"><ul>{"".join(links)}</ul></nav>'
    return manual_document(article, navigation, to_docs=prefix)


def manual_document(article: Article, navigation: str, to_docs: str) -> bytes:
    """Return a whole document. *to_docs* leads from its address to `/docs/`."""
    title = article.title if article.title == "Casegate" else f"{article.title} · Casegate"
    start = "docs" if to_docs == "docs/" else f"{to_docs}../docs"
    pages = '<a href="#pages">All pages</a>' if navigation else ""
    return f"""<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<title>{escape(title)}</title>
<link rel="icon" type="image/svg+xml" href="{to_docs}icon.svg">
<link rel="stylesheet" href="{to_docs}manual.css">
</head>
<body>
<header><a href="{start}">Casegate manual</a>{pages}</header>
<main>
{article.html}
</main>
{navigation}
</body>
</html>
""".encode()
