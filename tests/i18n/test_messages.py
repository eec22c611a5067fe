"""The words: every code in both languages, with the same placeholders, and the language that a request wants."""

import string
from collections.abc import Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.domain.errors import (
    Detail,
    ErrorCode,
    InvalidId,
    InvalidInput,
    MessageWord,
    NotFound,
    Refusal,
    RoleRequired,
    VersionConflict,
)
from app.domain.model import EvaluationStatus, Feature, Language, OverrideStatus, Role
from app.domain.text import Kind
from app.i18n import WORDS, message, negotiate, text


def kinds_of_refusal(kind: type[Refusal] = Refusal) -> Iterator[type[Refusal]]:
    for below in kind.__subclasses__():
        if hasattr(below, "code"):
            yield below
        yield from kinds_of_refusal(below)


KINDS = {kind.code: kind for kind in kinds_of_refusal()}
# A fault is no refusal: it has a request id instead. What can't be read is told in words of who has tried.
UNREAD = (ErrorCode.BAD_REQUEST, ErrorCode.GRAPHQL_INVALID, ErrorCode.BAD_USER_INPUT)
PLACEHOLDERS = {code: kind.names for code, kind in KINDS.items()}
PLACEHOLDERS |= {ErrorCode.INTERNAL_ERROR: frozenset({"requestId"})} | dict.fromkeys(UNREAD, frozenset({"problem"}))


def placeholders(sentence: str) -> set[str]:
    return {name for _, name, _, _ in string.Formatter().parse(sentence) if name is not None}


# --- Messages --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("language", Language)
def test_each_code_has_a_message_and_there_is_no_other(language: Language) -> None:
    messages = WORDS[language]["messages"]

    assert messages.keys() == set(ErrorCode)
    assert {code for code, sentence in messages.items() if not sentence.strip()} == set()
    own = [sentence for sentence in messages.values() if sentence != "{problem}"]
    assert len(set(own)) == len(own)


def test_a_text_of_a_client_in_a_detail_is_no_word_of_the_language() -> None:
    accepted = InvalidInput("x", detail=Detail("one_of", {"found": "ADMIN", "accepted": "case"}))
    found = InvalidInput(
        "x", detail=Detail("json_type", {"found": MessageWord("json_null"), "expected": MessageWord("json_array")})
    )

    assert message(accepted, Language.FR).endswith("elle vaut ADMIN ; valeurs acceptées : case.")
    assert message(found, Language.EN).endswith("it is null, and must be an array.")


def test_each_code_belongs_to_one_kind_of_refusal() -> None:
    assert len(list(kinds_of_refusal())) == len(KINDS)
    assert PLACEHOLDERS.keys() == set(ErrorCode)


@pytest.mark.parametrize("code", ErrorCode)
def test_a_message_names_the_same_values_in_every_language(code: ErrorCode) -> None:
    named = {language: placeholders(WORDS[language]["messages"][code]) for language in Language}

    assert named == dict.fromkeys(Language, PLACEHOLDERS[code])


def test_the_languages_know_the_same_words() -> None:
    english, french = WORDS[Language.EN]["words"], WORDS[Language.FR]["words"]

    assert english.keys() == french.keys()
    # The value of a placeholder is named in the language wherever it is one of these.
    reported = {*Role, *OverrideStatus, *Feature, EvaluationStatus.UNEVALUATED, "case", "override"}
    assert reported - english.keys() == set()
    assert {word for word in reported if not french[word].strip() or french[word] == word} == set()


def test_the_languages_know_the_same_details_with_the_same_values() -> None:
    named = {
        language: {name: placeholders(sentence) for name, sentence in WORDS[language]["details"].items()}
        for language in Language
    }

    assert named[Language.EN] == named[Language.FR]
    assert {kind.value for kind in Kind} <= named[Language.EN].keys()


def test_a_refused_value_s_message_says_what_was_found_and_what_is_accepted() -> None:
    size = InvalidInput("first", detail=Detail.of_range(1, 100))
    reference = InvalidId("reference", expected="reference_form")

    assert message(size, Language.EN) == "This value can't be accepted: it must be from 1 to 100."
    assert message(size, Language.FR) == (
        "Cette valeur ne peut pas être acceptée : elle doit être comprise entre 1 et 100."
    )
    assert message(reference, Language.EN) == "This is not a valid id: it must be a reference, as in CASE-000123."


@pytest.mark.parametrize("code", ErrorCode)
def test_no_message_shows_a_placeholder_or_a_name_of_ours(code: ErrorCode) -> None:
    values = dict.fromkeys(PLACEHOLDERS[code], "XYZZY")

    for language in Language:
        said = text(code, language, **values)
        assert "{" not in said and "}" not in said
        assert code not in said
        assert said.count("XYZZY") == len(values)


def test_values_are_said_in_the_language_and_unknown_ones_as_they_are() -> None:
    roles = RoleRequired(roles=(Role.CONTRIBUTOR, Role.REVIEWER))
    conflict = VersionConflict("input", "expectedVersion", expected=3, actual=4)

    assert message(roles, Language.EN) == "Only a contributor or reviewer may do this."
    assert message(roles, Language.FR) == "Seul un contributeur ou valideur peut faire cela."
    assert "dossier" in message(NotFound("input", "caseId", resource="case"), Language.FR)
    assert "la version 3 était attendue, c’est maintenant la 4." in message(conflict, Language.FR)


def test_a_value_that_looks_like_a_placeholder_is_only_a_value() -> None:
    said = text(ErrorCode.INVALID_REVIEWER, Language.EN, id="{0.__class__} {max}")

    assert "{0.__class__} {max}" in said


def test_a_refusal_takes_just_the_values_that_its_message_names() -> None:
    for params in ({}, {"max": 10}, {"resource": "case", "max": 10}):
        with pytest.raises(TypeError, match="NotFound takes"):
            NotFound("input", **params)


def test_the_french_terms_are_the_ones_that_were_agreed_on() -> None:
    words = WORDS[Language.FR]["words"]

    terms = [words["case"], words["override"], words["REVIEWER"], words["CONTRIBUTOR"]]
    assert terms == ["dossier", "dérogation", "valideur", "contributeur"]


# --- The language of a request ---------------------------------------------------------------------------------------

EN, FR = Language.EN, Language.FR


@pytest.mark.parametrize(
    ("header", "expected"),
    [
        # One tag, in all its spellings.
        ("fr", FR),
        ("FR", FR),
        ("fr-CA", FR),
        ("fr-Latn-CA", FR),
        ("en-GB", EN),
        # Several, by quality; among equals the first.
        ("fr, en", FR),
        ("en, fr", EN),
        ("en;q=0.8, fr;q=0.9", FR),
        ("en;q=0.9, fr;q=0.8", EN),
        ("fr;q=0.999, en", EN),
        ("de, fr;q=0.1", FR),
        ("de-CH, es;q=0.9, en;q=0.2, fr;q=0.3", FR),
        ("fr-CH;q=0.4, en;q=0.6, fr;q=0.8", FR),
        ("fr ; q = 0.9 , en ; q = 0.1", FR),
        ("fr;Q=0.9, en;q=0.1", FR),
        # Not acceptable.
        ("fr;q=0, en;q=0.1", EN),
        ("fr;q=0", EN),
        ("en;q=0", FR),
        ("fr;q=0.000, *", EN),
        ("en;q=0, *;q=0.5", FR),
        ("fr-CA;q=0, fr;q=0.5", FR),
        ("fr;q=0.5, fr-CA;q=0", FR),
        # Every other language: as if nothing had been said of them.
        ("*, en;q=0.1", FR),
        ("*;q=0.1, en;q=0.2", EN),
        ("en, *", EN),
        ("fr;q=0.5, *;q=0.9", EN),
    ],
)
def test_the_header_says_which_language_is_wanted(header: str, expected: Language) -> None:
    other = FR if expected is EN else EN

    assert negotiate(header, other) is expected


@pytest.mark.parametrize(
    "header", [None, "", " ", ",", "de", "de, es;q=0.5", "*", "*;q=0", "de, *;q=0.1", "en;q=0,fr;q=0"]
)
def test_where_the_header_does_not_choose_the_person_does_then_the_account_then_english(header: str | None) -> None:
    assert negotiate(header, FR, EN) is FR
    assert negotiate(header, EN, FR) is EN
    assert negotiate(header, None, FR) is FR
    assert negotiate(header, None, None) is EN
    assert negotiate(header) is EN


@pytest.mark.parametrize(
    "header",
    [
        *("fr;q=2", "fr;q=-1", "fr;q=abc", "fr;q=", "fr;q", "fr;q=nan", "fr;q=inf", "fr;q=1;q=0"),
        *(
            "fr_CA",
            "french",
            "f",
            "-",
            "-fr",
            ";",
            ";q=1",
            ";;;",
            "=",
            "q=1",
            "\x00",
            "fr\x00",
            "é",
            "中文",
            "{}",
            "%s",
        ),
    ],
    ids=ascii,
)
def test_what_cannot_be_read_is_passed_over(header: str) -> None:
    assert negotiate(f"{header}, en;q=0.1", FR) is EN
    assert negotiate(header, FR) is FR


@given(st.lists(st.text(max_size=8) | st.sampled_from(["fr", "en", "*", ";q=0", ";q=.5", "-"]), max_size=20))
def test_no_header_is_an_error(parts: list[str]) -> None:
    assert negotiate(",".join(parts)) in Language
    assert negotiate("".join(parts), FR) in Language


def test_a_header_of_any_length_is_read_no_further_than_any_person_would_write() -> None:
    assert negotiate(", ".join(["de"] * 49 + ["fr"])) is FR
    assert negotiate(", ".join(["de"] * 100_000 + ["fr"])) is EN
