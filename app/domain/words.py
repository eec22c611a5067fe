"""Words of a search: how a text is taken apart, which words are alike, and where they occur, for snippets.

The databases find; their migration folds letters by the same rules. Here they are for what is asked and what is shown.
"""

import re
import unicodedata
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import islice

TERMS_MAX = 8
"""How many different words a search can have."""

WORD_MAX = 64
"""Characters of a word that are looked at; one that is longer is found by these."""

HIGHLIGHTS_MAX = 10
"""How many words of a snippet are shown as found; others in it are left as they are."""

PIECES_MAX = 2 * HIGHLIGHTS_MAX + 2
"""How many pieces a snippet has at most: each word that was found, what is around them, and an ellipsis."""

_WORD = re.compile("(?:[^\\W_]|[\u0300-\u036f])+")
_MARKS = re.compile("([A-Za-z\u0370-\u03ff])[\u0300-\u036f]+")
_EXPANDED = {"Œœ": "oe", "ÆæǼǽǢǣ": "ae", "ẞß": "ss", "Þþ": "th"}
_ALIKE = {
    "ØøǾǿ": "o",
    "Łł": "l",
    "ĐđÐð": "d",
    "Ħħ": "h",
    "Ŧŧ": "t",
    "ſẛ": "s",
    "ǠǡꜲ": "a",
    "Ǯǯ": "ʒ",
    "ıİ": "i",
    "µ": "μ",
    "¹": "1",
    "²": "2",
    "³": "3",
    "¼½¾": " ",
    "ΆάᾺὰ": "α",
    "ΈέῈὲ": "ε",
    "ΉήῊὴ": "η",
    "ΊίΪϊΐ": "ι",
    "ΌόῸὸ": "ο",
    "ΎύΫϋΰ": "υ",
    "ΏώῺὼ": "ω",
    "ς": "σ",
    "ЁёЀѐ": "е",
}
_TABLE = str.maketrans(
    {letter: target for table in (_EXPANDED, _ALIKE) for letters, target in table.items() for letter in letters}
)


@dataclass(frozen=True, slots=True, order=True)
class Term:
    """A folded word that must occur, or the start of one."""

    text: str
    is_prefix: bool = False

    def fits(self, word: str) -> bool:
        """Tell whether the folded *word* is meant."""
        return word.startswith(self.text) if self.is_prefix else word == self.text


@dataclass(frozen=True, slots=True)
class Piece:
    """A part of a text, and whether it is what was searched for."""

    text: str
    highlighted: bool


def fold(text: str) -> str:
    """Return *text* in lower case, without the accents of Latin and Greek letters, ligatures apart."""
    bare = _MARKS.sub(r"\1", unicodedata.normalize("NFD", text))
    # Python's lower case makes a capital sigma at the end of a word a final one, PostgreSQL's does not.
    return unicodedata.normalize("NFC", bare).translate(_TABLE).lower().replace("ς", "σ")


def terms(search: str) -> tuple[Term, ...]:
    """Return the words of *search*, of which the last may be only begun."""
    words = _WORD.findall(fold(search))
    found = {Term(word[:WORD_MAX], len(word) > WORD_MAX or index == len(words) - 1) for index, word in enumerate(words)}
    return tuple(sorted(found))


def snippet(text: str, wanted: Sequence[Term], around: int = 60) -> list[Piece]:
    """Return *text* in pieces, shortened to what lies *around* the first word that is wanted."""
    spans = list(islice(_hits(text, wanted), HIGHLIGHTS_MAX))  # as lazily as it goes: a comment has thousands of words
    start, end = 0, len(text)
    if len(text) > 2 * around:
        first = spans[0][0] if spans else 0
        start, end = _cut(text, max(0, first - around), min(len(text), first + 2 * around))
    pieces = [Piece("…", False)] if start else []
    at = start
    for left, right in spans:
        if left < start or right > end:
            continue
        pieces += [Piece(text[at:left], False), Piece(text[left:right], True)]
        at = right
    pieces.append(Piece(text[at:end] + ("…" if end < len(text) else ""), False))
    return [piece for piece in pieces if piece.text]


def _hits(text: str, wanted: Sequence[Term]) -> Iterator[tuple[int, int]]:
    for match in _WORD.finditer(text):
        if any(term.fits(word) for word in _WORD.findall(fold(match[0])) for term in wanted):
            yield match.span()


def _cut(text: str, start: int, end: int) -> tuple[int, int]:
    """Return bounds that cut no word in two, where one ends nearby."""
    before = text.find(" ", start) + 1 if start else 0
    after = text.rfind(" ", start, end) if end < len(text) else len(text)
    return (before if start <= before <= start + 20 else start), (after if end - 20 <= after else end)
