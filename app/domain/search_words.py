"""Search terms, and where they occur in a text that is shown."""

import re
import unicodedata
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import NamedTuple

from app.domain.folding import (
    GROUPS_MAX,
    NUMBER_MIN,
    WORD,
    WORD_MAX,
    Word,
    as_written,
    joined,
    numbers,
    pairs,
    reference_lexeme,
    words_of,
)
from app.domain.folding import fold as fold  # part of this module's interface
from app.domain.text import IGNORABLE, MARKS

TERMS_MAX = 8
"""How many different words a search can have."""

LEXEMES_MAX = 40
"""How many words and pairs of characters are looked for at most."""

HIGHLIGHTS_MAX = 10
"""How many words of a snippet are shown as found; others in it are left as they are."""

PIECES_MAX = 2 * HIGHLIGHTS_MAX + 2
"""How many pieces a snippet has at most: each word that was found, what is around them, and an ellipsis."""

Span = tuple[int, int]


class Lexeme(NamedTuple):
    """What a text must be found by, whole or as the beginning."""

    text: str
    is_prefix: bool = False


@dataclass(frozen=True, slots=True, order=True)
class Term:
    """A folded word that must occur, or the start of one.

    `is_unspaced`: it is of a script without blanks, and may be anywhere inside. `number`: what it is a group of, which
    would do in its place.
    """

    text: str
    is_prefix: bool = False
    is_unspaced: bool = False
    number: str = ""

    def fits(self, word: str) -> bool:
        """Tell whether the folded *word* is meant."""
        if self.is_unspaced:
            return self.text in word
        return word.startswith(self.text) if self.is_prefix else word == self.text

    @property
    def options(self) -> tuple[tuple[Lexeme, ...], ...]:
        """What it is looked for by: all of any of these, in one text."""
        if self.is_unspaced:
            return (tuple(Lexeme(pair) for pair in dict.fromkeys(pairs(self.text))),)
        own = (Lexeme(self.text, self.is_prefix),)
        return (own, (Lexeme(self.number, is_prefix=True),)) if self.number else (own,)


@dataclass(frozen=True, slots=True)
class Piece:
    """A part of a text, and whether it is what was searched for."""

    text: str
    highlighted: bool


def terms(search: str) -> tuple[Term, ...]:
    """Return the words of *search*, of which the last may be only begun, as may long numbers."""
    folded = fold(search)
    words = words_of(folded)
    groups = {group.start: joined(number) for number in numbers(folded) for group in number}
    found = set()
    for index, word in enumerate(words):
        text = word.text if word.is_unspaced else word.text[:WORD_MAX]
        is_number = len(text) >= NUMBER_MIN and any(map(str.isdigit, text))
        is_prefix = not word.is_unspaced and (is_number or len(word.text) > WORD_MAX or index == len(words) - 1)
        number = groups.get(word.start, "")
        found.add(Term(text, is_prefix, word.is_unspaced, reference_lexeme(number or text) or number))
    return tuple(sorted(found))


def lexeme_count(wanted: Sequence[Term]) -> int:
    """Return how many words and pairs of characters are looked for."""
    return sum(len(option) for term in wanted for option in term.options)


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


def _cut(text: str, start: int, end: int) -> Span:
    """Return bounds that cut no word in two, where one ends nearby."""
    before = text.find(" ", start) + 1 if start else 0
    after = text.rfind(" ", start, end) if end < len(text) else len(text)
    return (before if start <= before <= start + 20 else start), (after if end - 20 <= after else end)


# --- Where they occur ------------------------------------------------------------------------------------------------


def _hits(text: str, wanted: Sequence[Term]) -> Iterator[Span]:
    """Yield where *text*, as it was written, has what is *wanted*, from left to right and none within another."""
    spelled = [term for term in wanted if not term.is_unspaced]
    unspaced = [term.text for term in wanted if term.is_unspaced]
    whole = dict(_of_numbers(text, {as_written(term.number) or term.text for term in spelled}))
    end = 0
    for found in WORD.finditer(text):
        start = found.start()
        if start < end:
            continue
        if start in whole:
            end = whole[start]
            yield start, end
        elif found[0].isascii():
            if _is_any(found[0].lower(), spelled):
                yield found.span()
        else:
            yield from _in_word(found[0], start, spelled, unspaced)


def _is_any(word: str, wanted: Sequence[Term]) -> bool:
    return any(term.fits(word) or (term.number and word.startswith(term.number)) for term in wanted)


def _of_numbers(text: str, targets: set[str]) -> Iterator[Span]:
    """Yield where a number that is written in groups begins as one that is wanted."""
    if not any(any(map(str.isdigit, target)) for target in targets):
        return
    for number in numbers(text):
        for start in range(len(number) - 1):
            whole = joined(number[start : start + GROUPS_MAX])
            target = max((item for item in targets if whole.startswith(item)), key=len, default="")
            if len(target) <= len(number[start].text):
                continue  # it is within the first group, which is a word
            yield number[start].start, _end_of(number[start:], len(target))


def _end_of(groups: Sequence[Word], length: int) -> int:
    """Return where the group ends with which there are so many characters."""
    for group in groups:
        length -= len(group.text)
        if length <= 0:
            break
    return group.end


_CLUSTER = re.compile(
    f"(?:[\u1100-\u115f\ua960-\ua97c]+[\u1160-\u11a7\ud7b0-\ud7c6]*[\u11a8-\u11ff\ud7cb-\ud7fb]*|.)"
    f"[{MARKS}{IGNORABLE}\uff9e\uff9f]*",
    re.DOTALL,
)
"""A letter as people see one, with its marks: a syllable of Hangul may be three characters."""


def _in_word(word: str, start: int, spelled: Sequence[Term], unspaced: Sequence[str]) -> Iterator[Span]:
    """Yield where a *word* has what is wanted: all of it, or the part that is of a script without blanks."""
    folded = fold(word)
    parts = words_of(folded)
    if not any(part.is_unspaced for part in parts):
        if any(_is_any(part.text, spelled) for part in parts):
            yield start, start + len(word)
        return
    places = _places(word, folded)
    spans = [found.span() for text in unspaced for found in re.finditer(re.escape(text), folded)]
    spans += [(part.start, part.end) for part in parts if not part.is_unspaced and _is_any(part.text, spelled)]
    end = 0
    for left, right in sorted((places[left][0], places[right - 1][1]) for left, right in spans):
        if left >= end:
            yield start + left, start + right
            end = right


def _places(word: str, folded: str) -> Sequence[Span]:
    """Return of each character of the *folded* word where its letter is in the *word* as it was written."""
    if len(folded) == len(word) and unicodedata.is_normalized("NFKC", word):
        return [(index, index + 1) for index in range(len(word))]
    known: dict[str, int] = {}
    places: list[Span] = []
    for cluster in _CLUSTER.finditer(word):
        letter = cluster[0]
        if letter not in known:
            known[letter] = len(fold(letter))
        places += [cluster.span()] * known[letter]
    return places if len(places) == len(folded) else [(0, len(word))] * len(folded)
