"""E-mail addresses: one key that all spellings of an address share, and what makes one look like another.

The key is compared, the address as it was written is shown. Nothing here knows whose an address is.
"""

import re
import unicodedata
from collections.abc import Iterable
from dataclasses import dataclass

from app.domain.text import IGNORABLE, LONGER_BY, trimmed

ADDRESS_MAX = 320
"""Characters of an address, as written and as compared."""

_SPECIALS = frozenset('"(),:;<>[\\]@')
_FULL_STOPS = str.maketrans("\u3002\uff61", "..")  # RFC 3490, section 3.1; NFKC has done the full-width one
_PREFIX = "xn--"  # of a label in ASCII form (RFC 5890, section 2.3.2.1)
_IN_LABELS = frozenset("-_\u00b7\u30fb")

_INVISIBLE = re.compile(f"[{IGNORABLE}\u2800]")

_ALIKE = {
    "a": "\u0430\u03b1\u0251",
    "b": "\u0185\u044c\u0432",
    "c": "\u0441\u03f2\u1d04\u2ca5",
    "d": "\u0501\u0257\u056a",
    "e": "\u0435\u04bd\u0454\u03b5\u025b",
    "f": "\u0192\u1e9d\u0584",
    "g": "\u0261\u0581\u0262",
    "h": "\u04bb\u0570",
    "i": "\u0456\u03b9\u0131\u0269",
    "j": "\u0458\u03f3\u0575",
    "k": "\u043a\u03ba\u1d0b",
    "l": "1|\u04cf\u01c0\u05c0",
    "m": "\u043c\u1d0d",
    "n": "\u043f\u03b7\u0578\u057c",
    "o": "0\u043e\u03bf\u0585\u1d0f\u0275",
    "p": "\u0440\u03c1",
    "q": "\u051b\u0563",
    "r": "\u0433\u1d26",
    "s": "\u0455\ua731",
    "t": "\u0442\u03c4",
    "u": "\u03c5\u057d\u028b\u1d1c",
    "v": "\u0475\u03bd\u1d20",
    "w": "\u051d\u0461\u0561\u03c9\u1d21",
    "x": "\u0445\u03c7\u00d7",
    "y": "\u0443\u03b3\u10e7",
    "z": "\u1d22",
    "-": "\u2010\u2012\u2013\u2014\u2212",
}
"""Letters that are taken for others, after Unicode's confusables (UTS 39), as far as small Latin letters go."""

_TABLE = str.maketrans({other: letter for letter, others in _ALIKE.items() for other in others})
_PAIRS = (("rn", "m"), ("vv", "w"))
_EUROPEAN = frozenset({"LATIN", "CYRILLIC", "GREEK", "COPTIC", "ARMENIAN", "GEORGIAN", "CHEROKEE"})
"""Scripts whose letters look like each other's; no word is written in two of them."""


@dataclass(frozen=True, slots=True)
class Address:
    """An address; two that have one `key` are the same."""

    written: str
    key: str


def parse_address(text: str) -> Address | None:
    """Return *text* as an address, or None. It may have blanks around it and invisible characters in it."""
    if len(text) > LONGER_BY * ADDRESS_MAX:
        return None
    written = unicodedata.normalize("NFKC", _visible(trimmed(text))).lower()
    local, at, domain = _folded(written).rpartition("@")
    labels = domain.translate(_FULL_STOPS).split(".")
    if not (local and at) or not _is_local(local) or not all(map(_is_label, labels)):
        return None
    key = f"{local}@{'.'.join(map(_in_unicode, labels))}"
    return Address(written, key) if max(len(key), len(written)) <= ADDRESS_MAX else None


def _visible(text: str) -> str:
    return text if text.isascii() else _INVISIBLE.sub("", text)


def _folded(text: str) -> str:
    """Return NFKC_Casefold of *text* (Unicode, section 3.13): folding can undo the normalisation, and the reverse."""
    before = None
    while text != before:
        before, text = text, unicodedata.normalize("NFKC", _visible(unicodedata.normalize("NFKC", text).casefold()))
    return text


def _is_local(local: str) -> bool:
    return not any(item in _SPECIALS or unicodedata.category(item)[0] in "CZ" for item in local)


def _is_label(label: str) -> bool:
    return bool(label) and all(item in _IN_LABELS or unicodedata.category(item)[0] in "LMN" for item in label)


def _in_unicode(label: str) -> str:
    """Return what a label in ASCII form stands for, where it is the form of just that."""
    if not label.startswith(_PREFIX):
        return label
    try:
        meant = label.removeprefix(_PREFIX).encode("ascii").decode("punycode")
        is_form = _PREFIX + meant.encode("punycode").decode("ascii") == label
    except UnicodeError:
        return label
    return meant if is_form and _folded(meant) == meant and _is_label(meant) else label


# --- What looks like another -----------------------------------------------------------------------------------------


def in_ascii(address: str) -> str:
    """Return *address* with any character beyond ASCII as its number, so that nothing looks like anything else."""
    return address.encode("ascii", "backslashreplace").decode("ascii")


def skeleton(address: str) -> str:
    """Return what people see in *address*: those with one skeleton look alike. It is not to be shown."""
    parsed = parse_address(address)
    key = address if parsed is None else parsed.key
    bare = "".join(
        item for item in unicodedata.normalize("NFD", key.translate(_TABLE)) if unicodedata.category(item) != "Mn"
    ).translate(_TABLE)
    for pair, letter in _PAIRS:
        bare = bare.replace(pair, letter)
    return bare


def mixed_scripts(address: str) -> tuple[str, ...]:
    """Return the scripts of a part of *address* that has letters of several that are easily confused, else none."""
    for part in address.replace("@", ".").split("."):
        scripts = {unicodedata.name(item, "").partition(" ")[0] for item in part if item.isalpha()} & _EUROPEAN
        if len(scripts) > 1:
            return tuple(sorted(scripts))
    return ()


def look_alikes(addresses: Iterable[str]) -> dict[str, tuple[str, ...]]:
    """Return for each of *addresses* that looks like others of them those others."""
    groups: dict[str, list[str]] = {}
    for address in dict.fromkeys(addresses):
        groups.setdefault(skeleton(address), []).append(address)
    return {
        address: tuple(other for other in group if other != address)
        for group in groups.values()
        if len(group) > 1
        for address in group
    }
