"""The inputs of delegations."""

from datetime import datetime

import strawberry
from strawberry import ID

from app.api.inputs.administration import KEY, AdminFields, AdminInput
from app.api.inputs.fields import dry_run, given, optional
from app.domain.admin_commands import AdminCommand
from app.domain.delegations import DAYS_MAX, DelegateReviews, EndDelegation
from app.domain.errors import Refusal
from app.domain.validation import InputValidator, in_utc


@strawberry.input(description="Who decides in your place, and when.")
class DelegateReviewsInput(AdminInput):
    delegate_id: ID = given(
        "Another active reviewer, who has named nobody themselves, and stands in for fewer than 10 people."
    )
    starts_at: datetime | None = optional(
        "From when on, with the offset from UTC; from now on without it, or where it was in the last 5 minutes."
    )
    ends_at: datetime = given(
        f"Up to when, without this moment, with the offset from UTC: {DAYS_MAX} days after the start at most."
    )
    idempotency_key: str | None = optional(KEY)
    dry_run: bool | None = dry_run()

    def _command(self, shape: InputValidator, common: AdminFields) -> AdminCommand:
        return DelegateReviews(
            delegate_id=shape.id(self.delegate_id, "delegateId"),
            starts_at=None if self.starts_at is None else _utc(shape, self.starts_at, "startsAt"),
            ends_at=_utc(shape, self.ends_at, "endsAt"),
            **common,
        )


def _utc(shape: InputValidator, time: datetime, name: str) -> datetime:
    try:
        return in_utc(time, "input", name)
    except Refusal as refusal:
        shape.note(refusal, name)
        return time


@strawberry.input(description="Whose delegation ends.")
class EndDelegationInput(AdminInput):
    user_id: ID = given("Who has named somebody: you, or as an admin anybody.")
    idempotency_key: str | None = optional(KEY)
    dry_run: bool | None = dry_run()

    def _command(self, shape: InputValidator, common: AdminFields) -> AdminCommand:
        return EndDelegation(user_id=shape.id(self.user_id, "userId"), **common)
