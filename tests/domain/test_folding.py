"""Folding: which texts are alike, the words of a text, its numbers, and what each is found by.

That both engines find by the same is in tests of the API.
"""

import pytest

from app.domain.folding import (
    NUMBERS_MAX,
    WORD_MAX,
    Word,
    as_written,
    fold,
    joined,
    lexemes,
    numbers,
    pairs,
    reference_lexeme,
    reference_lexemes,
    words_of,
)

# By what they fold to: texts that are alike.
ALIKE = {
    "strasse": ["Straße", "STRASSE", "stra\u1e9ee", "ｓｔｒａｓｓｅ", "stra\u00adsse", "st\u200brasse"],
    "ete": ["été", "ÉTÉ", "e\u0301te\u0301", "Ete"],
    "oeuvre d'ete": ["Œuvre d’été", "OEUVRE D'ÉTÉ"],
    "isik": ["IŞIK", "ışık", "İşik"],
    "lodz": ["Łódź", "ŁÓDŹ"],
    "thor dor": ["Þór Đor", "þor ðor"],
    "fi 1\u20442 kg": ["ﬁ ½ ㎏"],
    "\u0435\u043b\u043a\u0430": ["Ёлка", "елка"],
    "\u0447\u0430\u0439": ["Чай", "чай"],
    "\u03b1\u03c3": ["ΑΣ", "άς", "Ας"],
    "\u05e9\u05dc\u05d5\u05dd": ["שָׁלוֹם", "שלום"],
    "\u0645\u062d\u0645\u062f \u0627\u062d\u0645\u062f": ["مُحَمَّد أحمد", "محمد احمد"],
    "\u30ac\u30b9": ["ガス", "ｶﾞｽ"],
    "\"a\" - 'b'": ["«a» – ‘b’", "“a” — 'b'"],
}


@pytest.mark.parametrize(("folded", "text"), [(folded, text) for folded, texts in ALIKE.items() for text in texts])
def test_texts_that_are_alike_fold_to_the_same(folded: str, text: str) -> None:
    assert fold(text) == fold(folded) == folded


@pytest.mark.parametrize(("one", "other"), [("чай", "чаи"), ("ガス", "カス"), ("ete", "eta"), ("กำ", "กา")], ids=ascii)
def test_marks_that_make_another_letter_are_kept(one: str, other: str) -> None:
    assert fold(one) != fold(other)


@pytest.mark.parametrize("text", ["手\u0345\u0301", "ǰ", "ŉ", "ẛ\u0323", "ᾳ", "İ\u0301", "ﷺ"], ids=ascii)
def test_folding_what_was_folded_changes_nothing(text: str) -> None:
    assert fold(fold(text)) == fold(text)


# --- Words -----------------------------------------------------------------------------------------------------------


def test_words_are_letters_and_digits_with_their_places() -> None:
    assert words_of("a_b c1 -x") == [Word("a", 0, 1), Word("b", 2, 3), Word("c1", 4, 6), Word("x", 8, 9)]
    assert words_of("\u00e9t\u00e9_l\u00e0 x") == [Word("\u00e9t\u00e9", 0, 3), Word("l\u00e0", 4, 6), Word("x", 7, 8)]
    assert words_of("-") == words_of("\u00b7") == []


def test_a_stretch_of_a_script_without_blanks_is_a_part_of_its_own() -> None:
    assert words_of("iphone手机壳x abc กำ") == [
        Word("iphone", 0, 6, is_unspaced=False),
        Word("手机壳", 6, 9, is_unspaced=True),
        Word("x", 9, 10, is_unspaced=False),
        Word("abc", 11, 14, is_unspaced=False),
        Word("กำ", 15, 17, is_unspaced=True),
    ]


def test_a_stretch_has_the_pairs_of_its_neighbours_or_its_one_character() -> None:
    assert pairs("手机壳") == ["手机", "机壳"]
    assert pairs("手") == ["手"]


# --- Numbers ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "groups"),
    [
        ("FR76 3000 6000, paid", [["fr76", "3000", "6000"]]),
        ("tel. +33 6 12-34", [["33", "6", "12", "34"]]),
        ("12.345.678/0001-95", [["12", "345", "678", "0001", "95"]]),
        ("GB29 NWBK 6016", [["gb29", "nwbk", "6016"]]),
        ("CASE-000123 is", [["case", "000123"]]),
        ("12 34; 56 78", [["12", "34"], ["56", "78"]]),
        ("12  34", []),
        ("12345678", []),
        ("12 abcde 34", []),
        ("a b", []),
        ("x12 34 y", [["x12", "34"]]),
    ],
)
def test_a_number_is_in_groups_with_one_separator_between_two(text: str, groups: list[list[str]]) -> None:
    assert [[group.text for group in number] for number in numbers(text)] == groups


def test_groups_have_their_places_in_the_text() -> None:
    (number,) = numbers("to: FR76 3000")

    assert number == [Word("fr76", 4, 8), Word("3000", 9, 13)]
    assert joined(number) == "fr763000"
    assert joined([Word("1" * WORD_MAX, 0, 1), Word("2", 2, 3)]) == "1" * WORD_MAX


# --- What a text is found by -----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "found_by"),
    [
        ("A Refund", {"a", "refund"}),
        ("Été", {"ete"}),
        ("Чай", {"чай"}),
        ("手机壳 été", {"手", "机", "壳", "手机", "机壳", "ete"}),
        ("手", {"手"}),
        ("FR76 3000 6000 012", {"fr76", "3000", "6000", "012", "fr7630006000012", "30006000012", "6000012"}),
        ("12 345", {"12", "345"}),  # five digits are too few
        ("12 3456", {"12", "3456", "123456"}),
        ("12 3456 чай", {"12", "3456", "123456", "чай"}),
        ("x" * 70, {"x" * WORD_MAX}),
        ("ж" * 70, {"ж" * WORD_MAX}),
        ("", set()),
    ],
)
def test_a_text_is_found_by_its_words_pairs_and_numbers(text: str, found_by: set[str]) -> None:
    assert lexemes(text) == found_by


def test_a_number_of_many_groups_is_found_by_sixteen_of_them_from_each_on() -> None:
    groups = [f"{number:02}" for number in range(10, 30)]

    found = {lexeme for lexeme in lexemes(" ".join(groups)) if len(lexeme) > 2}

    assert found == {"".join(groups[start : start + 16]) for start in range(18)}


def test_only_so_many_numbers_of_a_text_are_found() -> None:
    text = "; ".join(f"{number} {number}" for number in range(1000, 1000 + 2 * NUMBERS_MAX))

    assert len([lexeme for lexeme in lexemes(text) if len(lexeme) == 8]) == NUMBERS_MAX == 200


# --- References ------------------------------------------------------------------------------------------------------


def test_a_case_is_found_by_its_reference_with_and_without_zeros() -> None:
    assert reference_lexemes("CASE-000120") == {"000120", "120", "\u2116000120", "\u2116120"}


@pytest.mark.parametrize(
    ("number", "lexeme"),
    [("case000120", "\u2116000120"), ("case1", "\u21161"), ("case", ""), ("xcase1", ""), ("case1x", ""), ("120", "")],
)
def test_the_beginning_of_a_reference_finds_its_case(number: str, lexeme: str) -> None:
    assert reference_lexeme(number) == lexeme


def test_the_number_of_a_reference_is_shown_as_it_is_written() -> None:
    assert as_written("\u211612") == "case12"
    assert as_written("fr7630") == "fr7630"
