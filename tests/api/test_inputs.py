"""The inputs of the mutations: all that is wrong with one comes together, and a good one becomes its command.

No database: the checks that need one come later, and are in test_guards.
"""

from collections.abc import Callable
from uuid import UUID

import pytest
from strawberry import ID

from app.api.inputs.action_input import ActionInput
from app.api.inputs.actions import (
    AcceptOverrideInput,
    AddCommentInput,
    CancelOverrideInput,
    CloseCaseInput,
    OpenCaseInput,
    RefuseOverrideInput,
    RequestOverrideInput,
    SubjectInput,
)
from app.domain.commands import CloseCase, OpenCase, RequestOverride
from app.domain.errors import InputRefused
from app.domain.model import ActionType, RequestedStatus, SubjectType

SOME_ID = ID("01900000-0000-7000-8000-000000000001")


def faults_of(given: ActionInput) -> list[tuple[str, str]]:
    """Return the code of each fault with the field that it is about."""
    with pytest.raises(InputRefused) as refused:
        _ = given.command
    return [(refusal.code, ".".join(refusal.path)) for refusal in refused.value.refusals]


def subject(external_ref: str = "CHK-1", label: str = "Moulins") -> SubjectInput:
    return SubjectInput(type=SubjectType.COMPANY_ACCOUNT_CHECK, external_ref=external_ref, label=label)


SUBJECT = SubjectInput(type=SubjectType.COMPANY_ACCOUNT_CHECK, external_ref="CHK-1", label="Moulins", country_code="FR")


def test_all_faults_of_an_opening_come_together_in_the_order_of_its_fields() -> None:
    given = OpenCaseInput(
        subject=SubjectInput(
            type=SubjectType.COMPANY_ACCOUNT_CHECK, external_ref=" ", label="x" * 201, country_code="fr"
        ),
        title="a\0b",
        description="y" * 10_001,
        expected_version=-1,
        idempotency_key="no spaces",
    )

    assert faults_of(given) == [
        ("INVALID_INPUT", "input.expectedVersion"),
        ("INVALID_INPUT", "input.idempotencyKey"),
        ("REQUIRED", "input.subject.externalRef"),
        ("TOO_LONG", "input.subject.label"),
        ("INVALID_INPUT", "input.subject.countryCode"),
        ("INVALID_INPUT", "input.title"),
        ("TOO_LONG", "input.description"),
    ]


def test_all_faults_of_a_request_come_together() -> None:
    given = RequestOverrideInput(
        case_id=ID("1"),
        requested_status=RequestedStatus.FAVORABLE,
        reviewer_ids=[ID("2"), SOME_ID, SOME_ID],
        reason="  ",
    )

    assert faults_of(given) == [
        ("INVALID_ID", "input.caseId"),
        ("INVALID_ID", "input.reviewerIds.0"),
        ("INVALID_INPUT", "input.reviewerIds.2"),
        ("REQUIRED", "input.reason"),
    ]


@pytest.mark.parametrize("kind", [AcceptOverrideInput, RefuseOverrideInput, CancelOverrideInput])
def test_all_faults_of_a_decision_come_together(
    kind: type[AcceptOverrideInput | RefuseOverrideInput | CancelOverrideInput],
) -> None:
    given = kind(case_id=ID("1"), override_id=ID("2"), comment="x" * 10_001, expected_version=-1, idempotency_key="")

    assert set(faults_of(given)) == {
        ("INVALID_ID", "input.caseId"),
        ("INVALID_ID", "input.overrideId"),
        ("TOO_LONG", "input.comment"),
        ("INVALID_INPUT", "input.expectedVersion"),
        ("INVALID_INPUT", "input.idempotencyKey"),
    }


# Each text field: the most that it takes, and an input in which it has a certain value.
LONGEST: dict[str, tuple[int, Callable[[str], ActionInput]]] = {
    "input.subject.externalRef": (200, lambda text: OpenCaseInput(subject=subject(external_ref=text), title="T")),
    "input.subject.label": (200, lambda text: OpenCaseInput(subject=subject(label=text), title="T")),
    "input.title": (200, lambda text: OpenCaseInput(subject=SUBJECT, title=text)),
    "input.description": (10_000, lambda text: OpenCaseInput(subject=SUBJECT, title="T", description=text)),
    "input.body": (10_000, lambda text: AddCommentInput(case_id=SOME_ID, body=text)),
    "input.comment": (10_000, lambda text: CloseCaseInput(case_id=SOME_ID, comment=text)),
    "input.reason": (
        10_000,
        lambda text: RequestOverrideInput(
            case_id=SOME_ID, requested_status=RequestedStatus.FAVORABLE, reviewer_ids=[SOME_ID], reason=text
        ),
    ),
}


@pytest.mark.parametrize("path", LONGEST)
def test_each_text_takes_as_much_as_the_domain_says_and_no_more(path: str) -> None:
    longest, input_with = LONGEST[path]

    assert input_with("😀" * longest).command.action in ActionType
    assert input_with(f" {'x' * longest}\n").command.action in ActionType
    assert faults_of(input_with("x" * (longest + 1))) == [("TOO_LONG", path)]


def test_a_good_input_becomes_its_command() -> None:
    opened = OpenCaseInput(subject=SUBJECT, title=" A changed IBAN ", description=" ", idempotency_key="k").command
    requested = RequestOverrideInput(
        case_id=ID(SOME_ID.upper()),
        requested_status=RequestedStatus.UNFAVORABLE,
        reviewer_ids=[SOME_ID],
        reason=" Why ",
    ).command
    closed = CloseCaseInput(case_id=SOME_ID, comment=" ").command

    assert isinstance(opened, OpenCase) and isinstance(requested, RequestOverride) and isinstance(closed, CloseCase)
    assert (opened.title, opened.description, opened.idempotency_key) == ("A changed IBAN", None, "k")
    assert (opened.subject.external_ref, opened.subject.country_code) == ("CHK-1", "FR")
    assert (requested.case_id, requested.reviewer_ids, requested.comment) == (UUID(SOME_ID), (UUID(SOME_ID),), "Why")
    assert (closed.case_id, closed.comment, closed.expected_version) == (UUID(SOME_ID), None, None)
