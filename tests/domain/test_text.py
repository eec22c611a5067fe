"""Rules of text: what is empty, what may stand in a line, a text and an identifier, and what becomes of the rest."""

import sys
import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.domain.text import (
    LONGER_BY,
    MARKS_MAX,
    Kind,
    Unacceptable,
    identifier,
    identity,
    is_empty,
    line,
    plain,
    text,
    unacceptable,
)

READERS = {Kind.LINE: line, Kind.TEXT: text, Kind.IDENTIFIER: identifier}
EVERY_CHARACTER = [chr(code) for code in range(sys.maxunicode + 1)]

FAMILY = "\U0001f468\u200d\U0001f469\u200d\U0001f467"
SCOTLAND = "\U0001f3f4\U000e0067\U000e0062\U000e0073\U000e0063\U000e0074\U000e007f"

# A part of each kind, from what is pasted and what is meant to deceive.
INVISIBLE = {
    "nothing": "",
    "blanks": " \t\n\u00a0\u2003\u3000\u1680\u202f",
    "line breaks of all kinds": "\r\n\u0085\u2028\u2029\v\f",
    "zero width": "\u200b\u200c\u200d\u2060\ufeff",
    "soft hyphens": "\u00ad",
    "directions": "\u200e\u200f\u061c",
    "embeddings, overrides, isolates": "\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069",
    "Braille's blank": "\u2800",
    "fillers of Hangul": "\u3164\u115f\u1160\uffa0",
    "vowels of Khmer that are not written": "\u17b4\u17b5",
    "selectors of Mongolian": "\u180b\u180e\u180f",
    "a lone combining mark": "\u0301",
    "marks on a blank": " \u0301\u20dd\u0903",
    "variation selectors": "\ufe0f\ufe00\U000e0100",
    "tags": "\U000e0001\U000e0041\U000e007f",
    "what joins nothing": "\u034f\u2061\u2064",
    "annotations": "\ufff9\ufffa\ufffb",
    "a missing object": "\ufffc",
    "a note without a head": "\U0001d159",
    "musical formats": "\U0001d173\U0001d17a",
    "unassigned and ignorable": "\u2065\ufff0\U000e0fff",
}


@pytest.mark.parametrize("value", INVISIBLE.values(), ids=INVISIBLE)
def test_invisible_text_is_empty(value: str) -> None:
    assert is_empty(value)
    assert not is_empty(f"{value}x{value}")


@pytest.mark.parametrize(
    "value", ["0", ".", "\x00", "\x9f", "é", "e\u0301", "한", "\u0903x", FAMILY, "⠁", "\u00b4", "\U0001f3fb", "\ufffd"]
)
def test_what_can_be_seen_is_not_empty(value: str) -> None:
    assert not is_empty(value)


def test_all_characters_of_the_categories_without_a_picture_are_empty_alone() -> None:
    invisible = ("Cf", "Zs", "Zl", "Zp", "Mn", "Mc", "Me")

    assert [ascii(c) for c in EVERY_CHARACTER if unicodedata.category(c) in invisible and not is_empty(c)] == []


def test_every_control_and_reordering_character_is_refused_in_a_line_and_in_an_identifier() -> None:
    refused = [*map(chr, [*range(0x20), *range(0x7F, 0xA0), 0x2028, 0x2029, *range(0x202A, 0x202F)])]
    refused += map(
        chr, [*range(0x2066, 0x2070), *range(0xD800, 0xE000), *range(0xFDD0, 0xFDF0), *range(0xFFF9, 0xFFFC)]
    )
    refused += [chr(plane * 0x10000 + last) for plane in range(17) for last in (0xFFFE, 0xFFFF)]

    for kind in (Kind.LINE, Kind.IDENTIFIER):
        assert [ascii(c) for c in refused if unacceptable(f"a{c}b", kind) is None] == []
    breaks = "\t\n\r\u2028\u2029"
    assert [c for c in refused if unacceptable(f"a{c}b", Kind.TEXT) is None] == sorted(breaks, key=refused.index)


@pytest.mark.parametrize(
    "value",
    [
        "\u0645\u06cc\u200c\u062e\u0648\u0627\u0647\u0645",  # Persian, which can't be written without U+200C
        "\u0915\u094d\u200d\u0937",  # an Indic conjunct
        "\u05e9\u05dc\u05d5\u05dd\u200f!",  # Hebrew with a mark for its punctuation
        "\u0e19\u0e49\u0e33",  # Thai
        "tie\u0302\u0301ng Vie\u0323\u0302t",
        f"{FAMILY} {SCOTLAND} \u2764\ufe0f 1\ufe0f\u20e3 \U0001f44d\U0001f3fd",
        "a\u00adb",
        "10\u202f000\u00a0€",
        "\u845b\U000e0100",  # a variant of an ideograph
    ],
    ids=ascii,
)
def test_what_languages_and_emoji_need_stays_in_lines_and_texts(value: str) -> None:
    assert line(value) == text(value) == unicodedata.normalize("NFC", value)


@pytest.mark.parametrize(
    ("value", "character", "position"),
    [
        ("a\u202eb", "\u202e", 2),
        ("  a\u202eb", "\u202e", 4),
        ("\ufeff\u200bab\x1b[2J", "\x1b", 5),
        (f"{SCOTLAND}\U000e0067", "\U000e0067", 8),  # tags that make no flag hide a text
        ("ab\ud83d", "\ud83d", 3),
        ("x" + "\u0301" * 31, "\u0301", 32),
        ("😀\x00", "\x00", 2),
    ],
    ids=ascii,
)
def test_a_refusal_names_the_character_and_its_place_in_what_was_sent(
    value: str, character: str, position: int
) -> None:
    for kind in (Kind.LINE, Kind.TEXT):
        with pytest.raises(Unacceptable) as refused:
            READERS[kind](value)

        found = refused.value
        assert (found.character, found.position, found.kind) == (character, position, kind)
        assert found.is_mark == (character == "\u0301")
        assert str(found) == f"U+{ord(character):04X} at position {position}"


def test_a_text_keeps_its_lines_and_a_line_has_none() -> None:
    assert text(" a\r\nb\rc\u2028d\u2029e\n\tf ") == "a\nb\nc\nd\ne\n\tf"
    for line_break in "\n\r\t\u2028\u2029\x85\v\f":
        with pytest.raises(Unacceptable):
            line(f"a{line_break}b")
        assert line(f"a{line_break}") == "a"


@pytest.mark.parametrize(
    "value",
    [
        "CHK-é 1",
        "CHK-e\u0301 1",
        " CHK-é 1\n",
        "\ufeffCHK-é 1\u200e",
        "C\u200bH\u00adK\u2060-\u200cé\u200d 1",
        "CHK-e\u034f\u0301 1",
        "CHK-é\u00a01",
        "CHK-é \u2003 1",
        "CHK-é\u28001",
        "CHK-é\ufe0f 1\U000e0041\U000e007f",
        "\u3164CHK-é 1\u180e",
        "CHK-é\u206a 1",
    ],
    ids=ascii,
)
def test_an_identifier_is_what_can_be_seen_of_it(value: str) -> None:
    assert identity(value) == "CHK-é 1"


@pytest.mark.parametrize("separator", "\x1c\x1d\x1e\x1f", ids=ascii)
def test_a_control_is_no_white_space_of_an_identifier(separator: str) -> None:
    for beginning in ("CHK", "CHÉ"):
        assert identity(f"{beginning}{separator}1") == f"{beginning}{separator}1"
        assert identity(f" {separator}\t") == separator


@pytest.mark.parametrize("value", ["chk-é 1", "CHK-e 1", "CHK-é1", "СHK-é 1", "CHK-é 1.", "CHK-é １"])
def test_what_looks_otherwise_is_another_identifier(value: str) -> None:
    assert identity(value) != "CHK-é 1"


@given(st.text(max_size=20))
def test_reading_what_was_read_changes_nothing(value: str) -> None:
    for read in (*READERS.values(), identity):
        try:
            once = read(value)
        except Unacceptable:
            continue
        assert read(once) == once == unicodedata.normalize("NFC", once)
        if read is identity or read is identifier:
            assert (once == "") <= is_empty(value)


@given(st.text(st.sampled_from("ae\u0301\u0327\u1100\u1161\u200d\u00ad \u00a0"), max_size=12))
def test_one_identifier_in_any_form_of_unicode_is_one(value: str) -> None:
    for form in ("NFC", "NFD"):
        assert identity(unicodedata.normalize(form, value)) == identity(value)


def test_no_text_is_so_much_longer_decomposed_that_it_would_be_refused_before_it_is_normalised() -> None:
    longest = max(len(unicodedata.normalize("NFD", c)) for c in EVERY_CHARACTER if not 0xD800 <= ord(c) <= 0xDFFF)

    assert longest <= LONGER_BY
    assert text("a" + "\u0301" * MARKS_MAX)


@pytest.mark.parametrize("value", ["CASE-000123", "ＣＡＳＥ－０００１２３", " CASE\u2011000123\u200b", "CASE–000123"])
def test_a_reference_of_ours_is_known_in_any_width_and_with_any_dash(value: str) -> None:
    assert plain(value) == "CASE-000123"
