"""Folding: what a search takes as equal, and the words that a text is found by.

What is stored and what is asked for are folded here, for both engines. Letters are alike whatever their form in
Unicode, their case, their width and, in Latin, Greek, Hebrew and Arabic, their accents or points. Scripts without
blanks between words are found by each pair of characters. A number that is written in groups is found as one, too.
"""

import re
import unicodedata
from collections.abc import Iterator, Sequence
from itertools import islice, pairwise
from typing import NamedTuple

from app.domain.text import IGNORABLE, MARKS

WORD_MAX = 64
"""Characters of a word that are looked at; one that is longer is found by these."""

NUMBER_MIN = 6
"""Characters from which on a number that is written in groups is found as one."""

NUMBERS_MAX = 200
"""How many such numbers of one text are found so."""

GROUPS_MAX = 16
"""How many groups of such a number are looked at."""

# Accents of Latin, Greek and Armenian letters, and points of Hebrew and Arabic ones, are passed over; what belongs to
# letters of other scripts makes other letters.
_ACCENTS = re.compile("(?<=[A-Za-z\u00df-\u024f\u0370-\u03ff\u0531-\u0587])[\u0300-\u036f\u1ab0-\u1aff\u1dc0-\u1dff]+")
_POINTS = re.compile("[\u0591-\u05c7\u064b-\u065f\u0670\u06d6-\u06ed\u0640]+")
_ALIKE = str.maketrans(
    {
        letter: target
        for letters, target in {
            "æǽǣ": "ae",
            "œ": "oe",
            "þ": "th",
            "øǿ": "o",
            "ł": "l",
            "đð": "d",
            "ħ": "h",
            "ŧ": "t",
            "ꜳ": "a",
            "ı": "i",
            "ёѐ": "е",
            "أإآٱ": "ا",
            "ى": "ي",
            "\u2018\u2019": "'",
            "\u201c\u201d\xab\xbb": '"',
            "\u2010\u2011\u2012\u2013\u2014": "-",
        }.items()
        for letter in letters
    }
)
_IGNORED = re.compile(f"[{IGNORABLE}]+")
_INSIDE = f"{MARKS}{IGNORABLE}"
WORD = re.compile(f"[^\\W_](?:[^\\W_]|[{_INSIDE}])*")
"""A word of any text: letters and digits, and the marks and invisible characters within."""
_PLAIN_WORD = re.compile("[0-9a-z]+")

_UNSPACED = (
    "\u0e00-\u0eff\u1000-\u109f\u1100-\u11ff\u1780-\u17ff\u3005-\u3007\u3040-\u30ff\u3131-\u318e\u31f0-\u31ff\u3400-\u4dbf"
    "\u4e00-\u9fff\ua960-\ua97f\uac00-\ud7ff\uf900-\ufaff\U00020000-\U0003ffff"
)
_PART = re.compile(f"([{_UNSPACED}][{_UNSPACED}{MARKS}]*)|[^{_UNSPACED}]+")
_MAY_BE_UNSPACED = re.compile(f"[{_UNSPACED}]")

# What may part the groups of a number, once: a blank of any width, a dot, a comma, a dash, a slash, an apostrophe.
_BETWEEN = "[ \u00a0\u2009\u202f.,\u2010-\u2013/'\u2019_-]"
# A group has a digit, and may have up to four letters before it as a group of their own: FR 76, GB29 NWBK 6016.
_LETTERS, _DIGITS = r"[^\W\d_]{1,4}", r"[^\W\d_]*\d[^\W_]*"
_GROUP = f"(?:{_LETTERS}{_BETWEEN})?{_DIGITS}"
_NUMBER = re.compile(f"(?<![^\\W_])(?:{_GROUP}(?:{_BETWEEN}{_GROUP})+|{_LETTERS}{_BETWEEN}{_DIGITS})")
_LETTERS_BEFORE = re.compile(f"(?<![^\\W_]){_LETTERS}{_BETWEEN}\\Z")
_BEFORE_MAX = 5
"""Characters of the letters, and of what parts them from the digits."""
_DIGIT = re.compile(r"\d")
_ALNUM = re.compile(r"[^\W_]+")


class Word(NamedTuple):
    """A folded word of a text, or a stretch of a script without blanks, and where it stands in the text."""

    text: str
    start: int
    end: int
    is_unspaced: bool = False


def fold(text: str) -> str:
    """Return *text* as it is compared: two texts that are alike give the same."""
    if text.isascii():
        return text.lower()
    folded = _bare(unicodedata.normalize("NFKD", _IGNORED.sub("", text))).casefold().translate(_ALIKE)
    # To fold the case may bring accents to light, and what is made of a sign may be a letter with one.
    return folded if folded.isascii() else _bare(unicodedata.normalize("NFD", folded))


def _bare(decomposed: str) -> str:
    return unicodedata.normalize("NFC", _POINTS.sub("", _ACCENTS.sub("", decomposed)))


def words_of(folded: str) -> list[Word]:
    """Return the words of a text that is *folded* already."""
    if folded.isascii():
        return [Word(found[0], *found.span()) for found in _PLAIN_WORD.finditer(folded)]
    if _MAY_BE_UNSPACED.search(folded) is None:
        return [Word(found[0], *found.span()) for found in WORD.finditer(folded)]
    return list(_parts(folded))


def _parts(folded: str) -> Iterator[Word]:
    for found in WORD.finditer(folded):
        for part in _PART.finditer(found[0]):
            start = found.start() + part.start()
            yield Word(part[0], start, start + len(part[0]), part[1] is not None)


def pairs(stretch: str) -> Sequence[str]:
    """Return the pairs of neighbours in a *stretch* without blanks, or its one character."""
    return [first + second for first, second in pairwise(stretch)] or [stretch]


def numbers(text: str) -> Iterator[Sequence[Word]]:
    """Yield the groups of each number that *text* has in several, as of an account or a telephone, folded.

    `_NUMBER` is tried where there are digits, with the letters before them, and not at each character of the text.
    """
    end = 0
    while (digit := _DIGIT.search(text, end)) is not None:
        start = digit.start()
        while start > end and text[start - 1].isalnum():
            start -= 1
        letters = _LETTERS_BEFORE.search(text, max(end, start - _BEFORE_MAX), start)
        number = _NUMBER.match(text, letters.start() if letters else start)
        if number is not None:
            end = number.end()
            yield [Word(fold(found[0]), *found.span()) for found in _ALNUM.finditer(text, *number.span())]
            continue
        word = _ALNUM.match(text, start)
        assert word is not None
        end = word.end()


def joined(groups: Sequence[Word]) -> str:
    """Return the number that is written in *groups*."""
    return "".join(group.text for group in groups)[:WORD_MAX]


def lexemes(text: str) -> set[str]:
    """Return what *text* is found by."""
    folded = fold(text)
    if folded.isascii():
        found = {word[:WORD_MAX] for word in _PLAIN_WORD.findall(folded)}
    else:
        found = set(_of_words(words_of(folded)))
    if _DIGIT.search(folded):
        found.update(islice(_of_numbers(folded), NUMBERS_MAX))
    return found


def _of_words(words: Sequence[Word]) -> Iterator[str]:
    for word in words:
        if word.is_unspaced:
            yield from pairs(word.text)
            yield from word.text
        else:
            yield word.text[:WORD_MAX]


def _of_numbers(folded: str) -> Iterator[str]:
    """Yield each number in groups, from its first group on, from its second, and so on."""
    for groups in numbers(folded):
        for start in range(len(groups) - 1):
            number = joined(groups[start : start + GROUPS_MAX])
            if len(number) >= NUMBER_MIN:
                yield number


# In front of the number of a case's reference. No folded word has it, so that `case` alone does not find all of them.
_OF_CASE = "\u2116"
_REFERENCE = re.compile(r"case(\d+)")


def reference_lexemes(reference: str) -> set[str]:
    """Return what a case is found by as CASE-000123."""
    digits = reference.partition("-")[2]
    number = digits.lstrip("0")
    return {digits, number, _OF_CASE + digits, _OF_CASE + number}


def reference_lexeme(number: str) -> str:
    """Return what the case is found by whose reference *number* is the beginning of, empty for another number."""
    found = _REFERENCE.fullmatch(number)
    return _OF_CASE + found[1] if found else ""


def as_written(number: str) -> str:
    """Return *number* as a text has it, that of a reference too."""
    return number.replace(_OF_CASE, "case")
