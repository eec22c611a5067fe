"""Rules of text after Unicode's properties: what is empty, and what may stand in a line, a text and an identifier.

Python knows each character's general category; the other properties are written out here, after Unicode 17's PropList
(White_Space, Noncharacter_Code_Point) and DerivedCoreProperties (Default_Ignorable_Code_Point). How long a text may
be, and of which argument it is, is not decided here.
"""

import re
import unicodedata
from collections.abc import Iterable, Iterator
from enum import StrEnum

MARKS_MAX = 30
"""Combining marks in a row: those of Unicode's stream-safe text (UAX #15, section 13). More are no writing, and Python
takes time that grows with the square of their number to put them in order."""

LONGER_BY = 4
"""How many times as long a text may be before it is normalised: no NFC is decomposed into more characters than that."""

WHITE_SPACE = "\t\n\v\f\r \x85\xa0\u1680\u2000-\u200a\u2028\u2029\u202f\u205f\u3000"

# What is shown as nothing unless a font has a mind to; unassigned ones among them.
IGNORABLE = (
    "\xad\u034f\u061c\u115f\u1160\u17b4\u17b5\u180b-\u180f\u200b-\u200f\u202a-\u202e\u2060-\u206f\u3164\ufe00-\ufe0f"
    "\ufeff\uffa0\ufff0-\ufff8\U0001bca0-\U0001bca3\U0001d173-\U0001d17a\U000e0000-\U000e0fff"
)

# Symbols and letters that are blank by their design: Braille's, hieroglyphs', a note without a head, a missing object.
_BLANK_SYMBOLS = "\u2800\ufffc\U00013441\U00013442\U0001d159"

# Those invisible ones that say nothing at the edge of a text. Joiners, variation selectors, tags and fillers of
# syllables are not among them: they belong to the letter or the emoji beside them.
_EDGES = "\xad\u061c\u180e\u200b\u200e\u200f\u2060-\u2065\u2800\u3164\ufeff\uffa0\ufffc"

_TAGS = "\U000e0020-\U000e007e"
_END_OF_TAGS = "\U000e007f"

# They change the order of what stands around them (UAX #9): embeddings, overrides and isolates.
_REORDERING = "\u202a-\u202e\u2066-\u2069"

_NONCHARACTERS = "\ufdd0-\ufdef" + "".join(
    f"{chr(plane + 0xFFFE)}{chr(plane + 0xFFFF)}" for plane in range(0, 0x110000, 0x10000)
)
_CONTROLS = "\x00-\x1f\x7f-\x9f"
_SURROGATES = "\ud800-\udfff"

# Deprecated formats and annotations between lines (Unicode's core specification, section 23.3 and 23.8).
_OBSOLETE = "\u206a-\u206f\ufff9-\ufffb\U000e0001"


class Kind(StrEnum):
    """What a text is, which says what may stand in it."""

    LINE = "line"
    """A title, a label, a name: one line."""
    TEXT = "text"
    """A comment, a reason, a description: line breaks and tabs are part of it."""
    IDENTIFIER = "identifier"
    """A name that another system has given and that is compared: invisible characters are not part of it."""


class Unacceptable(ValueError):
    """A character that may not stand where it does; `position` counts characters from 1, as they were sent.

    `is_mark`: it is one combining mark too many.
    """

    def __init__(self, character: str, position: int, kind: Kind, *, is_mark: bool) -> None:
        super().__init__(f"{shown(character)} at position {position}")
        self.character = character
        self.position = position
        self.kind = kind
        self.is_mark = is_mark


def shown(character: str) -> str:
    """Return *character* as Unicode writes it, as in U+202E."""
    return f"U+{ord(character):04X}"


def is_empty(value: str) -> bool:
    """Tell whether nothing of *value* can be seen: it is blank, invisible, or marks without a letter to stand on.

    Controls are not empty: they are refused wherever they stand.
    """
    return _EMPTY.fullmatch(value) is not None


def trimmed(value: str) -> str:
    """Return *value* without white space, and what can't be seen, at its edges."""
    return value.strip(_TRIMMED)


def line(value: str) -> str:
    """Return *value* trimmed and in NFC. Raises: Unacceptable."""
    return _stored(value, Kind.LINE)


def text(value: str) -> str:
    """Return *value* trimmed and in NFC, each line break as a line feed. Raises: Unacceptable."""
    stored = _stored(value, Kind.TEXT)
    for line_break in ("\r\n", "\r", "\u2028", "\u2029"):
        stored = stored.replace(line_break, "\n")
    return stored


def identifier(value: str) -> str:
    """Return *value* as it is stored and compared. Raises: Unacceptable."""
    _check(value, Kind.IDENTIFIER)
    return identity(value)


def identity(value: str) -> str:
    """Return what *value* is compared by as an identifier, whatever stands in it: equal ones name the same thing.

    It is in NFC, without what can't be seen, and with one plain blank for each stretch of white space. Case counts.
    """
    if value.isascii() and value.isprintable():
        return " ".join(value.split())
    visible = _INVISIBLE.sub("", _BLANKS.sub(" ", value))
    # Not by `split()`: to Python four of the controls, U+001C to U+001F, are white space too.
    return " ".join(filter(None, unicodedata.normalize("NFC", visible).split(" ")))


def plain(value: str) -> str:
    """Return what *value* is compared by where it can be of ASCII alone, as our own references: width is nothing."""
    folded = unicodedata.normalize("NFKC", identity(value))
    return "".join("-" if unicodedata.category(character) == "Pd" else character for character in folded)


def unacceptable(value: str, kind: Kind) -> Unacceptable | None:
    """Return the first character of *value* that may not stand in a text of this *kind*, None where all may."""
    inner = trimmed(value)
    if _is_plain(inner, kind):
        return None
    start = len(value) - len(value.lstrip(_TRIMMED))
    for found in _FORBIDDEN[kind].finditer(inner):
        if found["bad"] is not None:
            last = found["bad"][-1]
            return Unacceptable(last, start + found.end(), kind, is_mark=len(found["bad"]) > 1)
    return None


def _is_plain(inner: str, kind: Kind) -> bool:
    """Tell whether there is nothing that could be forbidden: a close look takes fifty times as long.

    Python takes controls, formats and what has no character for unprintable (`str.isprintable`).
    """
    if kind is Kind.TEXT:
        inner = inner.replace("\n", " ").replace("\t", " ").replace("\r", " ")
    if inner.isascii():
        return inner.isprintable()
    for usual in _USUAL:
        inner = inner.replace(usual, " ")
    return inner.isprintable() and _MAY_BE_MARKED.search(inner) is None


def _stored(value: str, kind: Kind) -> str:
    _check(value, kind)
    inner = trimmed(value)
    return inner if inner.isascii() else unicodedata.normalize("NFC", inner)


def _check(value: str, kind: Kind) -> None:
    found = unacceptable(value, kind)
    if found is not None:
        raise found


# --- Classes of characters -------------------------------------------------------------------------------------------

# Where marks, separators and formats are: elsewhere are ideographs, syllables, emoji and private use.
_BLOCKS = (
    range(0x80, 0x3400),
    range(0xA000, 0xAC00),
    range(0xFB00, 0x12000),
    range(0x13400, 0x13500),
    range(0x16000, 0x17000),
    range(0x1B000, 0x1F000),
    range(0xE0000, 0xE0200),
)


def _of_categories(*wanted: str) -> str:
    """Return the members of a class of characters that has all of these general categories."""
    codes = (code for block in _BLOCKS for code in block if unicodedata.category(chr(code)) in wanted)
    return "".join(f"{chr(first)}-{chr(last)}" for first, last in _stretches(codes))


def _stretches(codes: Iterable[int]) -> Iterator[tuple[int, int]]:
    first = last = None
    for code in codes:
        if last is not None and code == last + 1:
            last = code
            continue
        if first is not None and last is not None:
            yield first, last
        first = last = code
    if first is not None and last is not None:
        yield first, last


def _members(of: str) -> str:
    """Return each character of a class that is written with ranges."""
    found = re.compile("(.)-(.)|(.)", re.DOTALL).finditer(of)
    ranges = ((ord(item[1] or item[3]), ord(item[2] or item[3])) for item in found)
    return "".join(chr(code) for first, last in ranges for code in range(first, last + 1))


MARKS = _of_categories("Mn", "Mc", "Me")
_EMPTY = re.compile(f"[{WHITE_SPACE}{IGNORABLE}{_BLANK_SYMBOLS}{MARKS}{_of_categories('Cf', 'Zs', 'Zl', 'Zp')}]*")
_TRIMMED = _members(WHITE_SPACE + _EDGES)
_BLANKS = re.compile(f"[{WHITE_SPACE}{_BLANK_SYMBOLS}]")
_INVISIBLE = re.compile(f"[{IGNORABLE}{_OBSOLETE}]")


_ANYWHERE = f"{_SURROGATES}{_NONCHARACTERS}{_REORDERING}{_OBSOLETE}"
_BAD = {
    Kind.LINE: f"{_CONTROLS}\u2028\u2029{_ANYWHERE}{_TAGS}{_END_OF_TAGS}",
    Kind.TEXT: f"\x00-\x08\v\f\x0e-\x1f\x7f-\x9f{_ANYWHERE}{_TAGS}{_END_OF_TAGS}",
    Kind.IDENTIFIER: f"{_CONTROLS}\u2028\u2029{_ANYWHERE}",
}
_FLAG = f"\U0001f3f4[{_TAGS}]+{_END_OF_TAGS}"
_FORBIDDEN = {kind: re.compile(f"{_FLAG}|(?P<bad>[{bad}]|[{MARKS}]{{{MARKS_MAX + 1}}})") for kind, bad in _BAD.items()}

# Unprintable to Python, and usual in French, Persian, Hebrew and among emoji.
_USUAL = "\xa0\u202f\u200c\u200d\u200e\u200f"
# What is not in blocks without marks: Latin, Greek, Cyrillic, punctuation, Kana, ideographs, Hangul.
_MAY_BE_MARKED = re.compile(
    "[^\x00-\u02ff\u0370-\u0482\u048a-\u0590\u1e00-\u20cf\u2100-\u2cee\u2e00-\u3029\u3030-\u3098\u309b-\ua66e\uac00-\ud7ff"
    "\uff00-\uffef]"
)
