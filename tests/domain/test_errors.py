"""Refusals: what each carries for its message."""

import pytest

from app.domain.errors import (
    DeadlineExceeded,
    Detail,
    DocumentTypeUnsupported,
    InvalidId,
    InvalidInput,
    Refusal,
    Required,
    TooLong,
    TooManyDocuments,
)


def test_a_refusal_has_its_code_its_path_and_the_values_of_its_message() -> None:
    refusal = InvalidId("input", "caseId")

    assert (refusal.code, refusal.path) == ("INVALID_ID", ("input", "caseId"))
    assert refusal.params == {"expected": "uuid_form"}
    assert str(refusal) == "INVALID_ID"


@pytest.mark.parametrize("params", [{}, {"max": 1}, {"max": 1, "seconds": 1}], ids=str)
def test_a_refusal_takes_just_the_values_that_its_message_names(params: dict[str, object]) -> None:
    with pytest.raises(TypeError, match=r"DeadlineExceeded takes \['seconds'\]"):
        DeadlineExceeded(**params)
    assert Required("input", "title").params == {}


def test_what_is_not_said_has_the_usual_sentence() -> None:
    assert InvalidInput("first").params == {"detail": Detail("description")}
    assert TooLong("title", max=5).params == {"max": 5, "unit": Detail("characters")}
    assert TooLong("name", max=5, unit=Detail("bytes")).params == {"max": 5, "unit": Detail("bytes")}
    assert DocumentTypeUnsupported("file", type="text/html").params == {
        "type": "text/html",
        "problem": Detail("type_not_accepted"),
    }
    assert InvalidId("case", expected="reference_form").params == {"expected": "reference_form"}
    refusals = [InvalidInput("a", "b"), TooLong("a", "b", max=5), DocumentTypeUnsupported("a", "b", type="text/html")]
    assert {refusal.path for refusal in refusals} == {("a", "b")}


def test_too_many_documents_says_of_which_and_when_there_may_be_more() -> None:
    of_action = TooManyDocuments("input", "documentIds", max=10)
    unattached = TooManyDocuments(max=100, which=Detail("documents_unattached"), seconds=60)

    assert (of_action.path, of_action.seconds) == (("input", "documentIds"), None)
    assert of_action.params == {"max": 10, "which": Detail("documents_of_action")}
    assert (unattached.params, unattached.seconds) == ({"max": 100, "which": Detail("documents_unattached")}, 60)


def test_a_detail_of_a_range_or_a_length_names_its_bounds() -> None:
    assert Detail.of_range(1, 100) == Detail("range", {"minimum": 1, "maximum": 100})
    assert Detail.of_length(201, 200) == Detail("length", {"actual": 201, "maximum": 200})


def test_a_refusal_that_passes_with_time_says_after_how_many_seconds() -> None:
    refusal: Refusal = DeadlineExceeded(seconds=10)

    assert isinstance(refusal, DeadlineExceeded) and refusal.seconds == 10
