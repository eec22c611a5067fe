"""Erasures and legal holds: the row of the log that says so, as what it is about shows it."""

from datetime import datetime

import strawberry

from app.api.fields import computed, object_type, related
from app.api.types.people import User
from app.db.rows import ActionRow
from app.domain.canonical_json import parsed_json
from app.domain.erasure import sets_hold

ERASURE = "When it was erased, by whom and why; null where it was not."


def moment_of(parent: strawberry.Parent[ActionRow]) -> datetime:
    """Return when the row was written."""
    return parent.created_at


def reason_of(parent: strawberry.Parent[ActionRow]) -> str | None:
    """Return the reason that the row gives; None of rows that give none."""
    reason = (parsed_json(parent.details) or {}).get("reason")
    return reason if isinstance(reason, str) else None


def action_held(parent: strawberry.Parent[ActionRow]) -> bool | None:
    """Return whether the row set a legal hold; None where it neither set nor lifted one."""
    details = parsed_json(parent.details) or {}
    return sets_hold(details) if "hold" in details else None


@object_type(ActionRow, "That something was erased.")
class Erasure:
    at: datetime = computed(moment_of, "When.", ("created_at",), loads=())
    by: User | None = related("users", "user_id", "Who did it.")
    reason: str | None = computed(reason_of, "Why, as it stands in the log.", ("details",), loads=())


@object_type(ActionRow, "A legal hold, which keeps a case's content from being erased.", name="LegalHold")
class CaseLegalHold:
    at: datetime = computed(moment_of, "When it was set.", ("created_at",), loads=())
    by: User | None = related("users", "user_id", "Who set it.")
    reason: str | None = computed(reason_of, "Why, as it stands in the log.", ("details",), loads=())
