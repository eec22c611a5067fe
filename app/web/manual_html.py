"""Makes HTML of a page of the manual, which is Markdown (CommonMark and tables)."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Article:
    """A page's title, and its HTML."""

    title: str
    html: str


def render(text: str, *, is_start: bool) -> Article:
    """Return *text* as HTML. Links lead from `/docs/{name}`, or from `/docs` where it *is_start*."""
    from app.web.manual_markdown import MARKDOWN  # a MiB that few processes need

    return Article(title_of(text), MARKDOWN.render(text, {"is_start": is_start}))


def title_of(text: str) -> str:
    """Return the first heading."""
    return text.partition("\n")[0].removeprefix("# ")
