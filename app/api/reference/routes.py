"""Serves the reference at `/docs/reference`, with a search that needs neither JavaScript nor another server."""

import asyncio
from functools import cache
from html import escape

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import Route

from app.api.reference.pages import OVERVIEW, found_by, pages, summary
from app.web.manual import CONTENT_SECURITY_POLICY, HTML, Content, manual_answer, manual_document
from app.web.manual_html import Article, render

POLICY = CONTENT_SECURITY_POLICY.replace("form-action 'none'", "form-action 'self'")
WORDS_MAX = 100
FOUND_MAX = 50
NOT_FOUND = "# There is no such page\n\nThe [overview](overview.md) lists all pages.\n"


def reference_routes() -> list[Route]:
    """Return the routes of the reference; they come before those of the manual, whose pages have one name alone."""
    return [
        Route("/docs/reference", _start),
        Route("/docs/reference/search", _search),
        Route("/docs/reference/{name}", _respond),
    ]


async def _start(_: Request) -> Response:
    return RedirectResponse(f"reference/{OVERVIEW}", 307)


async def _respond(request: Request) -> Response:
    """Answer with the page of that name, or with one that says that there is none."""
    content = await asyncio.to_thread(_found, request.path_params["name"])
    if content is None:
        return manual_answer(request, await asyncio.to_thread(_page, NOT_FOUND), 404, POLICY)
    return manual_answer(request, content, policy=POLICY)


async def _search(request: Request) -> Response:
    """Answer with links to the pages that have all of the words in `q`."""
    words = request.query_params.get("q", "")[:WORDS_MAX]
    names = (await asyncio.to_thread(found_by, words))[: FOUND_MAX + 1]
    lines = ["# Search", "", *(f"- [{name}]({name}.md): {summary(name)}" for name in names[:FOUND_MAX])]
    if len(names) > FOUND_MAX:
        lines.append(f"\nMore than {FOUND_MAX} pages have these words: add another word.")
    elif not names:
        lines.append("No page has all of these words.")
    content = await asyncio.to_thread(_page, "\n".join(lines) + "\n", words)
    return manual_answer(request, content, policy=POLICY)


def _found(name: str) -> Content | None:
    """Return the page of that name; a name that there is not leaves nothing in memory."""
    return _content(name) if name in pages() else None


@cache
def _content(name: str) -> Content:
    return _page(pages()[name])


def _page(text: str, words: str = "") -> Content:
    article = render(text, is_start=False)
    form = (
        '<form action="search" role="search"><label>Search the reference'
        f' <input type="search" name="q" maxlength="{WORDS_MAX}" value="{escape(words)}"></label>'
        ' <button>Search</button></form>\n<p><a href="overview">All pages of the reference</a></p>\n'
    )
    return Content.of(manual_document(Article(article.title, form + article.html), "", to_docs="../"), HTML)
