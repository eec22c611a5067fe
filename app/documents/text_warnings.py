"""Warnings of texts: cells of a CSV that a spreadsheet would take for formulas, and what is attached to a message."""

import codecs
import re
from collections.abc import Iterator
from pathlib import Path

from app.domain.model import DocumentWarning as Found

PIECE = 65_536
_LINE_MAX = 65_536

# At the start of a cell, quoted or not. What begins with a sign is a formula only with a function or another program
# in it: negative amounts, telephone numbers and dashes begin so too. Some spreadsheets take full width for the same.
_FORMULA = re.compile(
    r"""
    (?: ^ | [,;\t|\r\n] ) [\t \xa0]* ["']? [\t \xa0]*
    (?:
        [=＝] (?! [=＝] )
        (?! "{1,2} [^"\r\n]{0,500} "{1,3} \s* (?: [,;\t|\r\n] | $ ) )  # as in ="0012", a text
        [\t ]* [^\s,;|]
    |
        [+\-@＋－＠] [^,;\t\r\n]{0,500}? (?: \w \( | \| [^!\r\n]{0,500} ! )
    )
    """,
    re.VERBOSE,
)

_ATTACHED = re.compile(
    rb"^content-disposition[ \t]*:\s*attachment"
    rb"|^content-(?:type|disposition)[ \t]*:[^\r\n]*\b(?:file)?name(?:\*\d*\*?)?[ \t]*="
    rb"|^[ \t]+(?:file)?name(?:\*\d*\*?)?[ \t]*="
    rb"|^begin(?:-base64)? [0-7]{3,4} \S"
    rb"|^content-type[ \t]*:\s*(?:message/|application/)",
    re.IGNORECASE | re.MULTILINE,
)


def warnings_of_csv(path: Path) -> set[Found]:
    """Return whether a cell would be a formula."""
    return {Found.CSV_FORMULA} if any(map(_FORMULA.search, _texts(path))) else set()


def warnings_of_mail(path: Path) -> set[Found]:
    """Return whether files are attached to the message: they are not examined."""
    rest = b""
    with path.open("rb") as file:
        while piece := file.read(PIECE):
            data = rest + piece
            if _ATTACHED.search(data):
                return {Found.MAIL_ATTACHMENT}
            rest = b"\n" + data[-1024:].partition(b"\n")[2]
    return set()


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
