"""Pages of a case file: fonts, colours, headings, tables. What stands on them is `rendering`'s affair.

The fonts are DejaVu, which have the letters of all European languages. A character that they lack is written as U+ and
its number, so that nothing disappears.
"""

import io
import re
from collections.abc import Callable, Iterator, Sequence
from datetime import datetime
from pathlib import Path
from typing import cast

import segno
from fpdf import FPDF
from fpdf.enums import XPos, YPos
from fpdf.fonts import TTFFont

FONTS = Path(__file__).parents[1] / "fonts"
TEXT, MONO = "DejaVuSansCondensed", "DejaVuSansMono"
INK, MUTED, ACCENT, RULE = (30, 34, 42), (104, 112, 124), (24, 74, 120), (208, 213, 220)
MARGIN, BOTTOM = 20, 22
LINE = 1.45
"""The height of a line, in that of its letters."""

TITLE_MM = 16
"""What the title of a section takes."""
_MM = 25.4 / 72
_PAGES = "\x00nb"
"""What the library replaces by the number of pages, in as much room; `known` takes its control out of texts."""
_CONTROLS = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u200b-\u200f\u202a-\u202e\u2060-\u2069\ufeff]")


class Sheet(FPDF):
    """An A4 document with a heading and a number on each page."""

    def __init__(self, heading: str, numbered: Callable[[int, str], str], made_at: datetime) -> None:
        super().__init__(format="A4")
        self._heading, self._numbered = heading, numbered
        for style, name in (("", TEXT), ("B", f"{TEXT}-Bold")):
            self.add_font(TEXT, style, FONTS / f"{name}.ttf")
        self.add_font(MONO, "", FONTS / f"{MONO}.ttf")
        self.alias_nb_pages(_PAGES)
        self.set_margins(MARGIN, MARGIN)
        self.set_auto_page_break(auto=True, margin=BOTTOM)
        self.set_creation_date(made_at)
        self.set_title(heading)
        self.set_creator("Casegate")

    def header(self) -> None:
        """Print the heading, but on the cover."""
        if self.page_no() == 1:
            return
        self.write_line(self._heading, size=8, color=MUTED)
        self.rule()
        self.ln(4)

    def footer(self) -> None:
        self.set_y(-14)
        self.set_font(TEXT, "", 8)
        self.set_text_color(*MUTED)
        self.cell(0, 5, self._numbered(self.page_no(), _PAGES), align="R")

    def known(self, text: str, family: str = TEXT) -> str:
        """Return *text* with what the font lacks as numbers, and without what would reorder it or can't be seen."""
        cmap = cast(TTFFont, self.fonts[family.lower()]).cmap
        visible = _CONTROLS.sub("", text.replace("\t", "    "))
        return "".join(c if c == "\n" or ord(c) in cmap else f"[U+{ord(c):04X}]" for c in visible)

    def write_line(
        self,
        text: str,
        *,
        size: float = 9.5,
        bold: bool = False,
        mono: bool = False,
        color: tuple[int, int, int] = INK,
        indent: float = 0,
    ) -> None:
        """Write a paragraph over the whole width; words that are too long for a line are broken."""
        family = MONO if mono else TEXT
        self.set_font(family, "B" if bold else "", size)
        self.set_text_color(*color)
        for line in self._lines(self.known(text, family), self.epw - indent):
            self.set_x(self.l_margin + indent)
            self.cell(0, size * _MM * LINE, line, new_x=XPos.LMARGIN, new_y=YPos.NEXT)

    def _lines(self, text: str, width: float) -> Iterator[str]:
        """Yield the lines of a text in the present font; the library's own way takes a square of a line's length."""
        width -= 2 * self.c_margin
        blank = self.get_string_width(" ")
        for paragraph in text.split("\n"):
            line, used = list[str](), 0.0
            for word in paragraph.split(" "):
                for part in self._parts(word, width):
                    needed = self.get_string_width(part)
                    if line and used + blank + needed > width:
                        yield " ".join(line)
                        line, used = [], 0.0
                    used += needed + (blank if line else 0)
                    line.append(part)
            yield " ".join(line)

    def _parts(self, word: str, width: float) -> Iterator[str]:
        """Yield a word, or the pieces of one that is too long for a line."""
        if self.get_string_width(word) <= width:
            yield word
            return
        start, used = 0, 0.0
        for index, character in enumerate(word):
            needed = self.get_string_width(character)
            if used + needed > width:
                yield word[start:index]
                start, used = index, 0.0
            used += needed
        yield word[start:]

    def rule(self) -> None:
        self.set_draw_color(*RULE)
        self.set_line_width(0.2)
        y = self.get_y() + 1
        self.line(self.l_margin, y, self.w - self.r_margin, y)
        self.set_y(y + 1)

    def section(self, title: str, below: float = 24) -> None:
        """Begin a section: its title, on the page that has room for as much *below* it as is kept together there."""
        self.room(TITLE_MM + below)
        self.ln(5)
        self.write_line(title, size=14, bold=True, color=ACCENT)
        self.start_section(self.known(title))
        self.rule()
        self.ln(1.5)

    def room(self, height: float) -> None:
        """Begin another page, where there is not so much room left on this one."""
        if self.will_page_break(height):
            self.add_page()

    def pairs(self, pairs: Sequence[tuple[str, str, bool]], width: float = 42) -> None:
        """Write labels and values, the values of identifiers in letters of one width."""
        for label, value, mono in pairs:
            self.room(10)
            top = self.get_y()
            self.write_line(label, size=9, color=MUTED)
            below = self.get_y()
            self.set_y(top)
            self.write_line(value, size=8.2 if mono else 9.5, mono=mono, indent=width)
            self.set_y(max(self.get_y(), below) + 1)

    def rows(
        self, head: Sequence[str], rows: Sequence[Sequence[str]], widths: Sequence[float], mono: frozenset[int]
    ) -> None:
        """Write a table whose rows stay whole, and whose head stands again on each page."""
        self.set_font(TEXT, "", 8.5)
        self.set_text_color(*INK)
        self.set_draw_color(*RULE)
        with self.table(
            col_widths=tuple(widths), text_align="LEFT", borders_layout="HORIZONTAL_LINES", line_height=4.6, padding=1
        ) as table:
            table.row([self.known(cell) for cell in head])
            for cells in rows:
                row = table.row()
                for index, cell in enumerate(cells):
                    self.set_font(MONO if index in mono else TEXT, "", 6.4 if index in mono else 8.5)
                    row.cell(self.known(cell, MONO if index in mono else TEXT))
            self.set_font(TEXT, "", 8.5)  # of the head

    def code(self, text: str, size: float) -> None:
        """Draw *text* as a QR code at the left margin."""
        self.room(size + 4)
        drawn = io.BytesIO()
        segno.make(text, error="m", micro=False).save(drawn, kind="png", scale=8, border=2)
        self.image(drawn, x=self.l_margin, w=size, h=size, alt_text=text)


def in_words(time: object) -> str:
    """Return a time as the file writes it."""
    found = time if isinstance(time, datetime) else datetime.fromisoformat(str(time))
    return f"{found:%Y-%m-%d %H:%M:%S} UTC"
