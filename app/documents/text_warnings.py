"""Warnings of texts: cells of a CSV that a spreadsheet would take for formulas, and what is attached to a message."""

import codecs
import re
from collections.abc import Iterator
from pathlib import Path

from app.domain.model import DocumentWarning as Found

PIECE = 65_536
_LINE_MAX = 65_536

# What a cell begins with, quoted or not, that could be a formula; some spreadsheets take full width for the same. What
# was matched is not given back, so that no line takes more than a look at each character.
_CELL = re.compile(
    r"""
    (?: ^ | [,;\t|\r\n] ) [ \xa0]*+ ["']?+ [ \xa0]*+
    (?: (?P<equals>[=＝]) (?= [ \xa0]*+ [^=＝\s,;|'] ) | [+\-@＋－＠] (?= [^,;\t\r\n(|]{0,500}+ [(|] ) )
    (?P<rest>[^,;\t\r\n]{0,500}+)
    """,
    re.VERBOSE,
)
# Negative amounts, telephone numbers and dashes begin with a sign too: a formula has a function or another program.
_CALL = re.compile(r"\w\(|\|[^!]*!|\|\s*[=＝]")
_CONSTANT = re.compile(r"""\s*"{1,2}[^"]*"{1,3}\s*""")
"""As in ="0012", which keeps the zeros of a number."""

_ATTACHED = re.compile(
    rb"^content-disposition[ \t]*:\s*attachment"
    rb"|^content-(?:type|disposition)[ \t]*:[^\r\n]*\b(?:file)?name(?:\*\d*\*?)?[ \t]*="
    rb"|^[ \t]{1,80}+(?:file)?name(?:\*\d*\*?)?[ \t]*="
    rb"|^begin(?:-base64)? [0-7]{3,4} \S"
    rb"|^content-type[ \t]*:\s*(?:message/|application/)",
    re.IGNORECASE | re.MULTILINE,
)


def warnings_of_csv(path: Path) -> Iterator[Found | None]:
    """Yield whether a cell would be a formula."""
    for text in _texts(path):
        yield None
        for cell in _CELL.finditer(text):
            if _is_formula(cell):
                yield Found.CSV_FORMULA
                return


def _is_formula(cell: re.Match[str]) -> bool:
    rest = cell["rest"]
    if cell["equals"] is None:
        return _CALL.search(rest) is not None
    return _CONSTANT.fullmatch(rest) is None


def warnings_of_mail(path: Path) -> Iterator[Found | None]:
    """Yield whether files are attached to the message: they are not examined."""
    rest = b""
    with path.open("rb") as file:
        while piece := file.read(PIECE):
            data = rest + piece
            yield None
            if _ATTACHED.search(data):
                yield Found.MAIL_ATTACHMENT
                return
            rest = b"\n" + data[-1024:].partition(b"\n")[2]


def _texts(path: Path) -> Iterator[str]:
    """Yield the text in pieces that begin where a line does, as far as lines are not too long."""
    with path.open("rb") as file:
        head = file.read(2)
        wide = {codecs.BOM_UTF16_LE: "utf-16-le", codecs.BOM_UTF16_BE: "utf-16-be"}.get(head)
        decoder = codecs.getincrementaldecoder(wide or "utf-8")("replace")
        rest = decoder.decode(b"" if wide else head)
        while piece := file.read(PIECE):
            text = (rest + decoder.decode(piece)).lstrip("\ufeff")
            yield text
            cut = max(text.rfind("\n"), text.rfind("\r"), len(text) - _LINE_MAX)
            rest = text[cut:]
        yield rest.lstrip("\ufeff")
