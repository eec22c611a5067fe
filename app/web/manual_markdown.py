"""Markdown (CommonMark and tables) as the manual is written in it; loaded with the first page that is read."""

import re
from collections.abc import MutableMapping, Sequence
from html import escape

from markdown_it import MarkdownIt
from markdown_it.renderer import RendererHTML
from markdown_it.token import Token
from markdown_it.utils import OptionsDict

Environment = MutableMapping[str, object]

_PAGE_LINK = re.compile(r"(?:((?:\.\./)?\w[\w-]*)\.md)?(#.*)?")
_ARROW = re.compile(r"\s*(\S+) --> (\S+)(?:: (.+))?")
_CODE_NAME = re.compile(r"[A-Z][A-Z_]+")


class _Renderer(RendererHTML):
    """HTML with anchors on headings, tables and code that scroll by themselves, and links between pages."""

    def heading_open(self, tokens: Sequence[Token], index: int, options: OptionsDict, env: Environment) -> str:
        """Give the heading its anchor; one that is a code's name has that name too."""
        text = "".join(token.content for token in tokens[index + 1].children or ())
        anchor = _slug(text)
        named = f'<a id="{text}"></a>' if _CODE_NAME.fullmatch(text) and text != anchor else ""
        return f'<{tokens[index].tag} id="{escape(anchor)}">{named}'

    def link_open(self, tokens: Sequence[Token], index: int, options: OptionsDict, env: Environment) -> str:
        """Lead to another page by its address in place of its file's name."""
        target = str(tokens[index].attrs.get("href", ""))
        if (found := _PAGE_LINK.fullmatch(target)) and found[1]:
            name, fragment = found[1], found[2] or ""
            if name == "index":
                target = "docs" if env["is_start"] else "../docs"
            else:
                target = ("docs/" if env["is_start"] else "") + name
            target += fragment
        return f'<a href="{escape(target)}">'

    def table_open(self, tokens: Sequence[Token], index: int, options: OptionsDict, env: Environment) -> str:
        """Let a wide table scroll, with the keyboard too."""
        return '<div class="table" tabindex="0"><table>'

    def table_close(self, tokens: Sequence[Token], index: int, options: OptionsDict, env: Environment) -> str:
        """End what `table_open` began."""
        return "</table></div>"

    def fence(self, tokens: Sequence[Token], index: int, options: OptionsDict, env: Environment) -> str:
        """Show code as it is, and a state diagram as a table: there is no JavaScript to draw it."""
        token = tokens[index]
        if token.info.strip() == "mermaid":
            return _diagram(token.content)
        return f'<pre tabindex="0"><code>{escape(token.content)}</code></pre>\n'

    def html_block(self, tokens: Sequence[Token], index: int, options: OptionsDict, env: Environment) -> str:
        """Leave out comments, which mark what is written by programs."""
        return ""

    def html_inline(self, tokens: Sequence[Token], index: int, options: OptionsDict, env: Environment) -> str:
        """Show what looks like HTML as text."""
        return escape(tokens[index].content)


def _diagram(source: str) -> str:
    """Return the arrows of a state diagram as a table."""
    arrows = (found.groups() for line in source.splitlines() if (found := _ARROW.fullmatch(line)))
    rows = ["<tr>" + "".join(f"<td>{escape(cell)}</td>" for cell in arrow) + "</tr>" for arrow in arrows if all(arrow)]
    head = "<thead><tr><th>from</th><th>to</th><th>by</th></tr></thead>"
    return f'<div class="table" tabindex="0"><table>{head}<tbody>{"".join(rows)}</tbody></table></div>\n'


def _slug(heading: str) -> str:
    """Return the anchor of a heading, as GitHub makes it."""
    return re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-")


MARKDOWN = MarkdownIt("commonmark", renderer_cls=_Renderer).enable("table")
