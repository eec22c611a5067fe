"""The shape of one field: what is taken, to the character, and what is refused and how.

Which fields an input has, and that its faults come together, is in test_inputs.
"""

import unicodedata
from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta, timezone
from uuid import UUID, uuid4

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.domain.errors import Detail, InputRefused, InvalidInput, Refusal, Required, TooLong
from app.domain.text import Kind
from app.domain.validation import (
    InputValidator,
    in_utc,
    parse_id,
    parse_reference,
    read_country_code,
    read_text,
)

ID = "01900000-0000-7000-8000-000000000001"
LONE_SURROGATE = "\ud83d"


def refusals_of(shape: InputValidator) -> list[Refusal]:
    try:
        shape.finish()
    except InputRefused as refused:
        return list(refused.refusals)
    return []


# --- Text ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("value", "taken", "code"),
    [
        (None, "", "REQUIRED"),
        ("", "", "REQUIRED"),
        (" \t\r\n\u00a0\u2003 ", "", "REQUIRED"),
        ("a", "a", None),
        ("  a b  ", "a b", None),
        ("12345", "12345", None),
        (" 12345\n", "12345", None),
        ("123456", "123456", "TOO_LONG"),
        ("é€😀ab", "é€😀ab", None),
        ("e\u0301e\u0301e\u0301xx", "éééxx", None),
        ("e\u0301" * 6, "e\u0301" * 6, "TOO_LONG"),
        ("a\nb\tc", "a\nb\tc", None),
        ("a\r\nb\u2028", "a\nb", None),
        ("a\0b", "a\0b", "INVALID_INPUT"),
        ("\0", "\0", "INVALID_INPUT"),
        (LONE_SURROGATE, LONE_SURROGATE, "INVALID_INPUT"),
        ("\udfff", "\udfff", "INVALID_INPUT"),
        ("\u202e", "\u202e", "REQUIRED"),
        ("a\u202e", "a\u202e", "INVALID_INPUT"),
    ],
    ids=ascii,
)
def test_a_text_is_trimmed_and_measured_in_characters(value: str | None, taken: str, code: str | None) -> None:
    shape = InputValidator("input")

    assert shape.text(value, "title", maximum=5) == taken

    refusals = [(refusal.code, refusal.path) for refusal in refusals_of(shape)]
    assert refusals == ([(code, ("input", "title"))] if code else [])


@pytest.mark.parametrize("value", [None, "", "  \n", "\u200b", "\u2800\u3164"], ids=ascii)
def test_an_optional_text_that_is_blank_is_none(value: str | None) -> None:
    shape = InputValidator("input")

    assert shape.optional_text(value, "comment", maximum=5) is None
    assert refusals_of(shape) == []


def test_an_optional_text_that_is_given_is_read_as_a_text() -> None:
    shape = InputValidator("input")

    assert shape.optional_text(" a\r\nb ", "comment", maximum=5) == "a\nb"
    assert shape.optional_text("123456", "override", "reason", maximum=5) == "123456"
    assert [(item.code, item.path) for item in refusals_of(shape)] == [("TOO_LONG", ("input", "override", "reason"))]


@pytest.mark.parametrize("value", ["\0", "\u202e", "\u200b\ud800"], ids=ascii)
def test_an_optional_text_is_not_dropped_for_what_may_not_stand_in_it(value: str) -> None:
    shape = InputValidator("input")
    shape.optional_text(value, "comment", maximum=5)

    assert [refusal.code for refusal in refusals_of(shape)] in (["INVALID_INPUT"], ["REQUIRED"])


@given(st.text(st.characters(), max_size=12) | st.text(" \0\ud800a", max_size=12))
def test_what_passes_as_text_can_be_stored(value: str) -> None:
    shape = InputValidator("input")

    taken = shape.text(value, "title", maximum=8)

    if not refusals_of(shape):
        assert 1 <= len(taken) <= 8
        assert taken == taken.strip() == unicodedata.normalize("NFC", taken)
        assert "\0" not in taken
        assert taken.encode()


def test_a_refused_text_says_what_was_found_and_where() -> None:
    shape = InputValidator("input")
    shape.line("a\nb", "subject", "label", maximum=5)
    shape.text("ab\x00", "comment", maximum=5)
    shape.identifier(" \u202ea", "externalRef", maximum=5)
    shape.text("x" + "\u0301" * 31, "comment", maximum=40)
    shape.line("123456", "title", maximum=5)

    assert [(refusal.path, refusal.params) for refusal in refusals_of(shape)] == [
        (("input", "subject", "label"), {"detail": Detail("line", {"character": "U+000A", "position": 2})}),
        (("input", "comment"), {"detail": Detail("text", {"character": "U+0000", "position": 3})}),
        (("input", "externalRef"), {"detail": Detail("identifier", {"character": "U+202E", "position": 2})}),
        (
            ("input", "comment"),
            {"detail": Detail("marks", {"character": "U+0301", "position": 32, "maximum": 30})},
        ),
        (("input", "title"), {"max": 5, "unit": Detail("characters")}),
    ]


def test_each_kind_of_text_is_read_by_its_own_rules() -> None:
    shape = InputValidator("input")

    assert shape.line(" a \u200bb ", "title", maximum=5) == "a \u200bb"
    assert shape.text("a\r\nb", "comment", maximum=5) == "a\nb"
    assert shape.identifier("a \u200b b", "externalRef", maximum=5) == "a b"
    assert refusals_of(shape) == []


@pytest.mark.parametrize(
    ("length", "refused"), [(5, None), (6, TooLong), (20, TooLong), (21, TooLong), (100_000, TooLong), (0, Required)]
)
def test_a_text_is_measured_however_long_it_is(length: int, refused: type[Refusal] | None) -> None:
    if refused is None:
        assert read_text("a" * length, Kind.LINE, "title", maximum=5) == "a" * length
        return
    with pytest.raises(refused) as found:
        read_text("a" * length, Kind.LINE, "title", maximum=5)
    assert found.value.path == ("title",)


# --- Times and references --------------------------------------------------------------------------------------------


def test_a_time_is_read_in_utc() -> None:
    paris = datetime(2026, 7, 1, 12, tzinfo=timezone(timedelta(hours=2)))

    read = in_utc(paris, "asOf")

    assert (read, read.tzinfo) == (datetime(2026, 7, 1, 10, tzinfo=UTC), UTC)


@pytest.mark.parametrize(
    ("value", "detail"),
    [
        (datetime(2026, 7, 1, 12), "offset"),  # noqa: DTZ001  # what is refused
        (datetime(1, 1, 1, tzinfo=timezone(timedelta(hours=1))), "years"),
        (datetime(9999, 12, 31, 23, 59, tzinfo=timezone(-timedelta(hours=1))), "years"),
    ],
    ids=["without an offset", "before the first year", "after the last year"],
)
def test_a_time_that_could_be_any_or_that_utc_has_no_year_for_is_refused(value: datetime, detail: str) -> None:
    with pytest.raises(InvalidInput) as refused:
        in_utc(value, "filter", "openedAfter")

    assert (refused.value.path, refused.value.params) == (("filter", "openedAfter"), {"detail": Detail(detail)})


@pytest.mark.parametrize(
    ("value", "number"),
    [
        ("CASE-000123", 123),
        ("case-000123", 123),
        (" ＣＡＳＥ－０００１２３\u200b", 123),
        ("CASE\u2011999999999", 999_999_999),
        ("CASE-00123", None),
        ("CASE-1234567890", None),
        ("CASE-000123x", None),
        ("000123", None),
        ("", None),
        ("CASE-000123" + "\u200b" * 89, 123),
        ("CASE-000123" + "\u200b" * 90, None),
    ],
    ids=ascii,
)
def test_a_reference_is_case_and_six_to_nine_digits_in_any_form(value: str, number: int | None) -> None:
    assert parse_reference(value) == number


# --- Ids, keys, codes, versions --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "value",
    [
        "",
        "1",
        ID[:-1],
        ID + "0",
        f" {ID}",
        f"{ID}\n",
        f"{{{ID}}}",
        f"urn:uuid:{ID}",
        ID.replace("-", ""),
        ID.replace("0", "g"),
        ID.replace("1", "١"),  # an Arabic digit, which int() takes for one
        "0190-00000000-7000-8000-000000000001",
        "Q2FzZTox",
    ],
    ids=ascii,
)
def test_what_is_no_uuid_in_its_canonical_form_is_no_id(value: str) -> None:
    shape = InputValidator("input")
    shape.id(value, "caseId")

    assert parse_id(value) is None
    assert [(refusal.code, refusal.path) for refusal in refusals_of(shape)] == [("INVALID_ID", ("input", "caseId"))]


@given(st.uuids(version=None), st.booleans())
def test_any_uuid_is_an_id_whatever_its_version_and_case(value: UUID, capital: bool) -> None:
    assert parse_id(str(value).upper() if capital else str(value)) == value


@pytest.mark.parametrize("key", ["a", "A-Z_09", "x" * 128, "-", "_"])
def test_a_decent_idempotency_key_is_taken(key: str) -> None:
    shape = InputValidator("input")

    assert shape.idempotency_key(key, "idempotencyKey") == key
    assert shape.idempotency_key(None, "idempotencyKey") is None
    assert refusals_of(shape) == []


@pytest.mark.parametrize("key", ["", "x" * 129, "a b", "a\n", "é", "a.b", "a/b", "a\0"], ids=ascii)
def test_another_idempotency_key_is_refused(key: str) -> None:
    shape = InputValidator("input")
    shape.idempotency_key(key, "idempotencyKey")

    assert [refusal.code for refusal in refusals_of(shape)] == ["INVALID_INPUT"]


@pytest.mark.parametrize(
    ("code", "is_taken"),
    [
        ("FR", True),
        ("ZZ", True),
        (None, True),
        ("fr", False),
        ("FRA", False),
        ("F", False),
        ("", False),
        ("FR\n", False),
    ],
    ids=ascii,
)
def test_a_country_is_two_capital_letters(code: str | None, is_taken: bool) -> None:
    shape = InputValidator("input")

    assert shape.country_code(code, "countryCode") == code
    assert [refusal.code for refusal in refusals_of(shape)] == ([] if is_taken else ["INVALID_INPUT"])


def test_a_country_that_is_read_by_itself_is_refused_by_its_path() -> None:
    assert read_country_code("FR", "filter", "countries", "0") == "FR"
    with pytest.raises(InvalidInput) as refused:
        read_country_code("fr", "filter", "countries", "0")

    assert refused.value.path == ("filter", "countries", "0")
    assert refused.value.params == {"detail": Detail("country_code")}


@pytest.mark.parametrize(
    ("note", "detail"),
    [
        (lambda shape: shape.country_code("fr", "a", "b"), Detail("country_code")),
        (lambda shape: shape.idempotency_key("", "a", "b"), Detail("idempotency_key")),
        (lambda shape: shape.version(-1, "a", "b"), Detail("range", {"minimum": 0, "maximum": 2_147_483_647})),
    ],
    ids=["country", "key", "version"],
)
def test_a_refused_value_says_what_would_be_accepted(note: Callable[[InputValidator], None], detail: Detail) -> None:
    shape = InputValidator("input")
    note(shape)

    assert [(item.path, item.params) for item in refusals_of(shape)] == [(("input", "a", "b"), {"detail": detail})]


@pytest.mark.parametrize(
    ("version", "is_taken"), [(None, True), (0, True), (1, True), (2**31 - 1, True), (2**31, False), (-1, False)]
)
def test_a_version_is_one_that_a_row_can_have(version: int | None, is_taken: bool) -> None:
    shape = InputValidator("input")

    assert shape.version(version, "expectedVersion") == version
    assert [refusal.code for refusal in refusals_of(shape)] == ([] if is_taken else ["INVALID_INPUT"])


# --- Reviewers -------------------------------------------------------------------------------------------------------


def reviewer_faults(values: Sequence[str]) -> list[tuple[str, str, dict[str, object]]]:
    shape = InputValidator("input")
    shape.reviewers(values, "reviewerIds")
    return [(refusal.code, ".".join(refusal.path), refusal.params) for refusal in refusals_of(shape)]


@pytest.mark.parametrize("count", [1, 2, 10])
def test_one_to_ten_reviewers_are_taken_in_their_order(count: int) -> None:
    ids = [uuid4() for _ in range(count)]
    shape = InputValidator("input")

    assert shape.reviewers([str(id) for id in ids], "reviewerIds") == tuple(ids)
    assert refusals_of(shape) == []


def test_no_reviewer_and_too_many_are_refused() -> None:
    eleven = [str(uuid4()) for _ in range(11)]

    assert reviewer_faults([]) == [("REVIEWER_REQUIRED", "input.reviewerIds", {})]
    assert reviewer_faults(eleven) == [("TOO_MANY_REVIEWERS", "input.reviewerIds", {"max": 10})]
    assert reviewer_faults([ID] * 10_000) == [("TOO_MANY_REVIEWERS", "input.reviewerIds", {"max": 10})]


def test_each_reviewer_that_is_no_id_or_comes_again_is_named() -> None:
    other = "01900000-0000-7000-8000-00000000000A"

    faults = reviewer_faults(["x", ID, other, ID, other.lower(), "y"])

    assert faults == [
        ("INVALID_ID", "input.reviewerIds.0", {"expected": "uuid_form"}),
        ("INVALID_INPUT", "input.reviewerIds.3", {"detail": Detail("twice")}),
        ("INVALID_INPUT", "input.reviewerIds.4", {"detail": Detail("twice")}),
        ("INVALID_ID", "input.reviewerIds.5", {"expected": "uuid_form"}),
    ]


# --- Documents -------------------------------------------------------------------------------------------------------


def document_faults(values: Sequence[str], others: int = 0) -> list[tuple[str, str, object]]:
    shape = InputValidator("input")
    shape.documents(values, "documentIds", others)
    return [(refusal.code, ".".join(refusal.path), refusal.params.get("detail")) for refusal in refusals_of(shape)]


@pytest.mark.parametrize(("count", "others"), [(0, 0), (10, 0), (9, 1), (0, 10)])
def test_up_to_ten_documents_are_taken_with_those_that_come_along(count: int, others: int) -> None:
    ids = [uuid4() for _ in range(count)]
    shape = InputValidator("input")

    assert shape.documents([str(id) for id in ids], "documentIds", others) == tuple(ids)
    assert refusals_of(shape) == []


@pytest.mark.parametrize(("count", "others"), [(11, 0), (10, 1), (0, 11)])
def test_an_eleventh_document_is_refused(count: int, others: int) -> None:
    assert document_faults([str(uuid4())] * count, others) == [("TOO_MANY_DOCUMENTS", "input.documentIds", None)]


def test_each_document_that_is_no_id_or_comes_again_is_named() -> None:
    assert document_faults(["x", ID, ID, "y"]) == [
        ("INVALID_ID", "input.documentIds.0", None),
        ("INVALID_INPUT", "input.documentIds.2", Detail("twice")),
        ("INVALID_ID", "input.documentIds.3", None),
    ]


def test_a_fault_that_was_found_before_is_noted_at_its_place() -> None:
    shape = InputValidator("input")
    refusal = TooLong("file", max=255)
    shape.note(refusal, "files", "0")

    assert refusals_of(shape) == [refusal]
    assert refusal.path == ("input", "files", "0")
