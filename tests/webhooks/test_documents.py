"""What a webhook's document may be: one subscription of the log that selects what a row fixes for good."""

import pytest

from app.api.limits.bounds import Limits
from app.api.schema import CORE
from app.api.webhook_documents import WebhookDocuments
from app.domain.model import ActionType
from app.domain.webhooks import DEFAULT_DOCUMENT, PERMANENT_FIELDS
from app.webhooks.rendering import RenderingFailed

CASE_ID = "0196a2d0-0000-7000-8000-000000000001"


async def fault(text: str, limits: Limits | None = None) -> str | None:
    detail = await WebhookDocuments(limits or Limits()).fault(text)
    return None if detail is None else detail.name


@pytest.mark.parametrize(
    "text",
    [
        DEFAULT_DOCUMENT,
        "subscription { actions { cursor } }",
        (
            "subscription Ledger { actions(types: [ACCEPT, REFUSE]) { __typename action { ...A } } }"
            " fragment A on CaseAction { id override { id requestedStatus createdBy { id } } }"
        ),
        (
            f'subscription {{ actions(caseId: "{CASE_ID}") {{ action {{ ... on Node {{ id }}'
            " comment { body documents { sha256 } } case { subject { externalRef } } } } }"
        ),
        "subscription { actions { action { aliased: seq more: type @include(if: true) } } }",
        "subscription { actions { action { authority { roles onBehalfOf { id } } } } }",
        "subscription { actions { action { evaluation { statusBefore statusAfter replacedOverride { id } } } } }",
    ],
)
async def test_a_document_of_what_a_row_fixes_can_be_registered(text: str) -> None:
    assert await fault(text) is None


@pytest.mark.parametrize(
    "text",
    [
        "query { viewer { user { id } } }",
        'mutation { pauseWebhook(input: {endpointId: "x"}) { errors { code } } }',
        "subscription { inboxChanged { viewer { user { id } } } }",
        f'subscription {{ caseChanged(id: "{CASE_ID}") {{ id }} }}',
        "subscription { x: actions { cursor } }",
        "subscription { actions { cursor } actions { action { id } } }",
        'subscription { actions(after: "x") { cursor } }',
        "subscription { actions(after: null) { cursor } }",
        "subscription($types: [ActionType!]) { actions(types: $types) { cursor } }",
        "subscription($x: Boolean = true) { actions { cursor @include(if: $x) } }",
        "subscription { ... on Subscription { actions { cursor } } }",
        "subscription { ...S } fragment S on Subscription { actions { cursor } }",
        "fragment S on Subscription { actions { cursor } }",
    ],
)
async def test_what_is_not_one_subscription_of_the_log_is_refused(text: str) -> None:
    assert await fault(text) == "webhook_document_shape"


@pytest.mark.parametrize(
    "text",
    [
        "",
        "{",
        "subscription { nothing }",
        "subscription { actions { nothing } }",
        "subscription { actions(types: [NOTHING]) { cursor } }",
        "subscription { actions(caseId: 1.5) { cursor } }",
        'subscription { actions(caseId: "x") { cursor } }',
        "subscription { actions { cursor @include(if: false) } actions { cursor } ",
        "subscription { actions @skip(if: true) { cursor } }",
        "subscription A { actions { cursor } } subscription B { actions { cursor } }",
        "subscription { actions { ...F } } fragment F on LogEvent { ...F }",
        "subscription { __schema { types { name } } }",
        "subscription { actions { cursor } }" + "#" * 1_000_000 + "\n{",
    ],
)
async def test_what_is_no_valid_operation_is_refused(text: str) -> None:
    assert await fault(text) in ("webhook_document_invalid", "webhook_document_shape")


@pytest.mark.parametrize(
    ("selection", "field"),
    [
        ("caughtUp", "LogEvent.caughtUp"),
        ("action { typeLabel }", "CaseAction.typeLabel"),
        ("action { case { status } }", "Case.status"),
        ("action { case { version } }", "Case.version"),
        ("action { case { actions(first: 5) { nodes { id } } } }", "Case.actions"),
        ("action { case { availableActions { action } } }", "Case.availableActions"),
        ("action { case { subject { evaluationStatus } } }", "Subject.evaluationStatus"),
        ("action { user { displayName } }", "User.displayName"),
        ("action { user { email } }", "User.email"),
        ("action { override { status } }", "Override.status"),
        ("action { override { assignedReviewers { id } } }", "Override.assignedReviewers"),
        ("action { comment { documents { url } } }", "Document.url"),
        ("action { ...F }", "User.roles"),
        ("action { user { aliased: active } }", "User.active"),
    ],
)
async def test_what_can_change_after_the_action_is_refused_wherever_it_stands(selection: str, field: str) -> None:
    fragment = "fragment F on CaseAction { user { roles } }" if "...F" in selection else ""

    detail = await WebhookDocuments(Limits()).fault(f"subscription {{ actions {{ {selection} }} }} {fragment}")

    assert detail is not None
    assert detail.params["field"] == field


@pytest.mark.parametrize("limits", [Limits(depth=2), Limits(cost=1), Limits(tokens=5), Limits(fragments=0)])
async def test_the_limits_of_documents_hold(limits: Limits) -> None:
    text = "subscription { actions { action { ...F } } } fragment F on CaseAction { case { createdBy { id } } }"

    assert await fault(text, limits) == "webhook_document_invalid"


async def test_a_document_says_which_rows_it_wants() -> None:
    documents = WebhookDocuments(Limits())
    all_rows = await documents.known("subscription { actions(types: null, caseId: null) { cursor } }")
    some = await documents.known(f'subscription {{ actions(types: [ACCEPT], caseId: "{CASE_ID}") {{ cursor }} }}')

    assert (all_rows.wanted.case_id, all_rows.wanted.types) == (None, None)
    assert (str(some.wanted.case_id), some.wanted.types) == (CASE_ID, frozenset({ActionType.ACCEPT}))


async def test_a_document_that_the_schema_has_no_more_is_not_executed() -> None:
    with pytest.raises(RenderingFailed):
        await WebhookDocuments(Limits()).known("subscription { actions { removed } }")


CHANGING = {
    "CaseAction": {"typeLabel"},
    "RecordedAssignment": set(),
    "RecordedEvaluation": {"statusBeforeLabel", "statusAfterLabel"},
    "RecordedReminder": {"occasionLabel"},
    "ActionAuthority": {"token"},
}
"""What rows of the log show that no row fixes: words, and what a token is called now."""


@pytest.mark.parametrize("type_name", CHANGING)
def test_all_else_that_a_row_says_can_be_selected(type_name: str) -> None:
    fields = getattr(CORE.type_map[type_name], "fields")  # noqa: B009  # of objects and interfaces alike

    assert fields.keys() - CHANGING[type_name] == PERMANENT_FIELDS[type_name]


def test_the_fields_that_are_permanent_are_fields_of_the_schema() -> None:
    for type_name, names in PERMANENT_FIELDS.items():
        fields = getattr(CORE.type_map[type_name], "fields")  # noqa: B009  # of objects and interfaces alike
        assert names <= fields.keys()
