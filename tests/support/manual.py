"""The README, what stands beside it, the pages of the manual and its examples, and the fenced blocks in them."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from markdown_it import MarkdownIt

from tests.support.paths import ROOT

TOP = [ROOT / name for name in ("README.md", "CONTRIBUTING.md", "SECURITY.md")]
PAGES = [*TOP, *sorted((ROOT / "app/docs").glob("*.md")), ROOT / "app/api/reference/examples.md"]


@dataclass(frozen=True, slots=True)
class Block:
    """A fenced code block: its language, what else its fence says, and its text."""

    page: str
    line: int
    language: str
    role: str
    text: str


def blocks(*languages: str, page: Path | None = None) -> Iterator[Block]:
    """Yield the fenced blocks of these languages, or of any."""
    for path in PAGES if page is None else [page]:
        for token in MarkdownIt("commonmark").parse(path.read_text(encoding="utf-8")):
            if token.type == "fence" and token.map:
                language, _, role = token.info.strip().partition(" ")
                if not languages or language in languages:
                    yield Block(path.name, token.map[0] + 1, language, role, token.content)


def pages_with(*languages: str) -> list[str]:
    """Return the names of the pages that have a block of one of these languages."""
    return [path.name for path in PAGES if any(blocks(*languages, page=path))]


def page(name: str) -> Path:
    """Return the path of a page."""
    return next(path for path in PAGES if path.name == name)
