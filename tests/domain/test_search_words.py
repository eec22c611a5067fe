"""Search terms, and the snippet that shows where a text has them."""

import pytest

from app.domain.search_words import HIGHLIGHTS_MAX, Lexeme, Piece, Term, lexeme_count, snippet, terms

SENTENCE = "The supplier wrote from another address and asked for a refund. "


def marked(text: str, search: str, around: int = 60) -> str:
    """Return the snippet of *text* with what was found in brackets."""
    pieces = snippet(text, terms(search), around)
    assert all(piece.text for piece in pieces)
    return "".join(f"[{piece.text}]" if piece.highlighted else piece.text for piece in pieces)


# --- Terms -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("search", "expected"),
    [
        ("", []),
        ("?!", []),
        ("refund", [Term("refund", is_prefix=True)]),
        ("Refund INV", [Term("inv", is_prefix=True), Term("refund")]),
        ("a a b", [Term("a"), Term("b", is_prefix=True)]),
        ("手机 ab", [Term("ab", is_prefix=True), Term("手机", is_unspaced=True)]),
        ("ab 手机", [Term("ab"), Term("手机", is_unspaced=True)]),
        ("12345 x", [Term("12345"), Term("x", is_prefix=True)]),
        ("123456 x", [Term("123456", is_prefix=True), Term("x", is_prefix=True)]),
        ("abcdef x", [Term("abcdef"), Term("x", is_prefix=True)]),
        ("x" * 64 + " y", [Term("x" * 64), Term("y", is_prefix=True)]),
        ("x" * 65 + " y", [Term("x" * 64, is_prefix=True), Term("y", is_prefix=True)]),
        ("手" * 70, [Term("手" * 70, is_unspaced=True)]),
        ("FR76 30 a", [Term("30", number="fr7630"), Term("a", is_prefix=True), Term("fr76", number="fr7630")]),
        (
            "CASE-000123",
            [Term("000123", is_prefix=True, number="\u2116000123"), Term("case", number="\u2116000123")],
        ),
        ("case000123", [Term("case000123", is_prefix=True, number="\u2116000123")]),
    ],
)
def test_the_words_of_a_search_and_how_much_of_each_must_occur(search: str, expected: list[Term]) -> None:
    assert terms(search) == tuple(expected)


@pytest.mark.parametrize(
    ("term", "fitting", "others"),
    [
        (Term("refund"), ["refund"], ["refunds", "a refund", "refun"]),
        (Term("refund", is_prefix=True), ["refund", "refunds"], ["refun", "arefund"]),
        (Term("手机", is_unspaced=True), ["手机", "的手机壳"], ["手", "机手"]),
    ],
)
def test_a_term_fits_whole_words_beginnings_or_parts(term: Term, fitting: list[str], others: list[str]) -> None:
    assert all(term.fits(word) for word in fitting)
    assert not any(term.fits(word) for word in others)


def test_a_term_is_looked_for_by_its_word_its_pairs_or_its_number() -> None:
    wanted = terms("FR76 3000 手机壳手机 a")

    assert [term.options for term in wanted] == [
        ((Lexeme("3000"),), (Lexeme("fr763000", is_prefix=True),)),
        ((Lexeme("a", is_prefix=True),),),
        ((Lexeme("fr76"),), (Lexeme("fr763000", is_prefix=True),)),
        ((Lexeme("手机"), Lexeme("机壳"), Lexeme("壳手")),),
    ]
    assert lexeme_count(wanted) == 8


# --- Snippets --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "search", "expected"),
    [
        ("A refund of an invoice", "refund inv", "A [refund] of an [invoice]"),
        ("A refund", "x", "A refund"),
        ("a a_b b", "b", "a a_[b] [b]"),
        ("Straße STRASSE strasse", "strasse", "[Straße] [STRASSE] [strasse]"),
        ("e\u0301te\u0301 ete eta", "été", "[e\u0301te\u0301] [ete] eta"),
        ("co\u00adop coop", "coop", "[co\u00adop] [coop]"),
        ("été refund", "ref été", "[été] refund"),
        ("été refund", "été ref", "[été] [refund]"),
        # Numbers in groups, as far as they are wanted.
        ("IBAN FR76 3000 6000 and fr76", "FR763000", "IBAN [FR76 3000] 6000 and fr76"),
        ("FR76 3000 6000", "3000", "FR76 [3000] 6000"),
        ("FR76 3000 6000", "FR7630006", "[FR76 3000 6000]"),
        ("FR763000", "FR76 3000", "[FR763000]"),
        ("12 34 56", "1234", "[12 34] 56"),
        ("12 34 56", "3456", "12 [34 56]"),
        ("12 34 56", "12345", "[12 34 56]"),
        ("12 34 56", "1234, 123456", "[12 34 56]"),
        ("12 34 and 12 34", "1234", "[12 34] and [12 34]"),
        ("CASE-000123", "CASE-000123", "[CASE-000123]"),
        ("see case 12 and 12", "case 12", "see [case 12] and [12]"),
        # Scripts without blanks: the part alone, whatever its form.
        ("东京电力株式会社", "电力 株式", "东京[电力][株式]会社"),
        ("东京电力", "京电 电力", "东[京电]力"),
        ("iPhone手机壳", "壳 iph", "[iPhone]手机[壳]"),
        ("x手机手机 y", "手机", "x[手机][手机] y"),
        ("한국은행 계좌", "국은", "한[국은]행 계좌"),
        ("a \u1112\u1161\u11ab\u1100\u116e\u11a8 b", "국", "a \u1112\u1161\u11ab[\u1100\u116e\u11a8] b"),
        ("ｶﾞｽ会社", "ガス", "[ｶﾞｽ]会社"),
        ("㍿手机", "手机", "㍿[手机]"),
        ("ﷺ手机", "手机", "ﷺ[手机]"),
        ("ß手机", "手机", "ß[手机]"),
        ("ﬁ手e\u0301机", "手", "ﬁ[手]e\u0301机"),
        # A syllable that is half composed: which of its characters a letter stands for can't be said.
        ("한가\u11ab 은", "한", "[한가\u11ab] 은"),
    ],
)
def test_a_snippet_marks_what_was_found_as_it_was_written(text: str, search: str, expected: str) -> None:
    assert marked(text, search) == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (SENTENCE * 4, "…and asked for a [refund]. The supplier wrote from another…"),
        ("refund" + " word" * 10, "[refund] word word word word word word…"),
        ("ab " * 30 + "refund" + " cd" * 30, "…ab ab ab ab ab ab [refund] cd cd cd cd cd cd cd cd cd cd cd…"),
        ("a" * 100 + " refund", "…[refund]"),
        ("a" * 100 + "-refund", "…aaaaaaaaaaaaaaaaaaa-[refund]"),
        ("refund " + "a" * 100, "[refund] " + "a" * 33 + "…"),
        ("refund" + "x" * 100, "refund" + "x" * 34 + "…"),  # a word that is longer than what is shown
        ("word " * 40, "word word word word word word word word…"),
        ("x" * 200, "x" * 40 + "…"),
        ("a" * 30 + " refund yy", "a" * 30 + " [refund] yy"),  # 40 characters are shown whole
        ("a" * 20 + " refund", "a" * 20 + " [refund]"),
    ],
)
def test_a_long_text_is_cut_between_words_around_the_first_that_was_found(text: str, expected: str) -> None:
    assert marked(text, "refund", 20) == expected


def test_only_so_many_words_are_marked_and_the_rest_is_left_as_it_is() -> None:
    words = ["word"] * 15

    assert marked(" ".join(words), "word") == " ".join([*["[word]"] * HIGHLIGHTS_MAX, *["word"] * 5])


def test_what_was_found_beyond_the_cut_is_not_shown() -> None:
    pieces = snippet("refund " + "word " * 20 + "refund", terms("refund"), 20)

    assert pieces == [Piece("refund", True), Piece(" word word word word word word…", False)]


def test_a_snippet_is_pieces_of_the_text_and_what_was_left_out() -> None:
    assert snippet("word " * 10 + "refund inv " + "word " * 10, terms("refund inv"), 20) == [
        Piece("…", False),
        Piece("word word word ", False),
        Piece("refund", True),
        Piece(" ", False),
        Piece("inv", True),
        Piece(" word word word word word…", False),
    ]
