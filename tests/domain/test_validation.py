"""The shape of one field: what is taken, to the character, and what is refused and how.

Which fields an input has, and that its faults come together, is in test_inputs.
"""

import unicodedata
from collections.abc import Sequence
from uuid import UUID, uuid4

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.domain.errors import Detail, InputRefused, Refusal
from app.domain.validation import InputValidator, parse_id

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
