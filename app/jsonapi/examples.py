"""Examples of requests, as the OpenAPI document shows them and tests send them."""

from collections.abc import Mapping
from typing import Any

REVIEWER = "01900000-0000-7000-8000-000000000001"
OVERRIDE = "01900000-0000-7000-8000-000000000002"
"""Ids that stand for those of an account's own."""

VERSION = 3

CASE_EXAMPLE: Mapping[str, Any] = {
    "data": {
        "type": "case",
        "attributes": {
            "title": "A changed IBAN",
            "description": "They wrote that their bank has changed.",
            "subject": {
                "subject_type": "COMPANY_ACCOUNT_CHECK",
                "external_ref": "check-4711",
                "label": "Moulins Réunis",
                "country_code": "FR",
                "evaluation_status": "UNFAVORABLE",
            },
        },
    }
}


RESULT_EXAMPLE: Mapping[str, Any] = {
    "data": {
        "type": "evaluation",
        "attributes": {
            "subject_type": "COMPANY_ACCOUNT_CHECK",
            "external_ref": "check-4711",
            "label": "Moulins Réunis",
            "country_code": "FR",
            "evaluation_status": "ANOMALY",
        },
    }
}


def _action(action_type: str, relationships: Mapping[str, Any] | None = None, **attributes: Any) -> Mapping[str, Any]:
    data = {"type": "case_action", "attributes": {"action_type": action_type, **attributes}}
    return {"data": data | ({} if relationships is None else {"relationships": relationships})}


EXAMPLES: Mapping[str, Mapping[str, Any]] = {
    "comment": _action("comment", comment="I called them: they know of no change."),
    "override_request": _action(
        "override_request",
        {"assigned_reviewers": {"data": [{"type": "user", "id": REVIEWER}]}},
        comment="The bank has confirmed it.",
        requested_status="FAVORABLE",
    ),
    "accept": _action(
        "accept",
        {"override": {"data": {"type": "override", "id": OVERRIDE}}},
        comment="I have read the letter.",
        expected_version=VERSION,
    ),
    "refuse": _action("refuse", override_id=OVERRIDE, expected_version=VERSION, comment="The letter is not signed."),
    "cancel": _action("cancel", comment="It was the wrong supplier."),
    "close": _action("close", resolution="RESULT_CONFIRMED"),
    "assign": _action("assign", {"assignee": {"data": {"type": "user", "id": REVIEWER}}}, comment="You know them."),
    "set_due_date": _action("set_due_date", due_at="2026-12-24T17:00:00+01:00"),
    "record_step": _action(
        "record_step", step="CALL_BACK", state="DONE", comment="Reached the treasurer by the number of the contract."
    ),
}
"""Of each type of action, one."""
