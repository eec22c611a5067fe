"""Comparators of filters: what a member of a filter is compared with, by the kind of its value."""

from datetime import datetime
from typing import Any

import strawberry
from strawberry import ID, UNSET

from app.api.enums import CaseStatus, EvaluationStatus, RequestedStatus, Resolution, SignalKind, SubjectType

VALUES_MAX = 100

EQ = "Equal to this."
NE = "Not equal to this, or null."
IN = f"One of these, {VALUES_MAX} at most."
NOT_IN = f"None of these, {VALUES_MAX} at most, or null."
IS_NULL = "Whether there is none."


def comparator(description: str, name: str | None = None) -> Any:
    """Return a field of a filter that may be left out."""
    return strawberry.field(default=UNSET, description=description, name=name)


@strawberry.input(description="A comparison of a case's status. All that is given must hold.")
class CaseStatusFilter:
    eq: CaseStatus | None = comparator(EQ)
    ne: CaseStatus | None = comparator(NE)
    in_: list[CaseStatus] | None = comparator(IN, "in")
    not_in: list[CaseStatus] | None = comparator(NOT_IN)


@strawberry.input(description="A comparison of a resolution. All that is given must hold.")
class ResolutionFilter:
    eq: Resolution | None = comparator(EQ)
    ne: Resolution | None = comparator(NE)
    in_: list[Resolution] | None = comparator(IN, "in")
    not_in: list[Resolution] | None = comparator(NOT_IN)
    is_null: bool | None = comparator(IS_NULL)


@strawberry.input(description="A comparison of what an override asks for. All that is given must hold.")
class RequestedStatusFilter:
    eq: RequestedStatus | None = comparator(EQ)
    in_: list[RequestedStatus] | None = comparator(IN, "in")


@strawberry.input(description="A comparison of a check's result. All that is given must hold.")
class EvaluationStatusFilter:
    eq: EvaluationStatus | None = comparator(EQ)
    ne: EvaluationStatus | None = comparator(NE)
    in_: list[EvaluationStatus] | None = comparator(IN, "in")
    not_in: list[EvaluationStatus] | None = comparator(NOT_IN)


@strawberry.input(description="A comparison of a kind of check. All that is given must hold.")
class SubjectTypeFilter:
    eq: SubjectType | None = comparator(EQ)
    in_: list[SubjectType] | None = comparator(IN, "in")


@strawberry.input(description="A comparison of a text, letter by letter, capital or not. All that is given must hold.")
class TextFilter:
    eq: str | None = comparator(EQ)
    ne: str | None = comparator(NE)
    in_: list[str] | None = comparator(IN, "in")
    not_in: list[str] | None = comparator(NOT_IN)


@strawberry.input(description="A comparison of an id. All that is given must hold.")
class IdFilter:
    eq: ID | None = comparator(EQ)
    ne: ID | None = comparator(NE)
    in_: list[ID] | None = comparator(IN, "in")
    not_in: list[ID] | None = comparator(NOT_IN)


@strawberry.input(description="A comparison of an id that may be none. All that is given must hold.")
class OptionalIdFilter:
    eq: ID | None = comparator(EQ)
    ne: ID | None = comparator(NE)
    in_: list[ID] | None = comparator(IN, "in")
    not_in: list[ID] | None = comparator(NOT_IN)
    is_null: bool | None = comparator(IS_NULL)


@strawberry.input(description="A comparison of a case's reference. All that is given must hold.")
class ReferenceFilter:
    eq: str | None = comparator(EQ)
    in_: list[str] | None = comparator(IN, "in")


@strawberry.input(description="A range of times, each with its offset from UTC. All that is given must hold.")
class TimeFilter:
    gt: datetime | None = comparator("After this.")
    gte: datetime | None = comparator("At this time or after.")
    lt: datetime | None = comparator("Before this.")
    lte: datetime | None = comparator("At this time or before.")


@strawberry.input(
    description="A range of times that may be none, each with its offset from UTC. All that is given must hold."
)
class OptionalTimeFilter:
    gt: datetime | None = comparator("After this.")
    gte: datetime | None = comparator("At this time or after.")
    lt: datetime | None = comparator("Before this.")
    lte: datetime | None = comparator("At this time or before.")
    is_null: bool | None = comparator(IS_NULL)


@strawberry.input(description="A comparison of the kinds of signals that a case has. All that is given must hold.")
class SignalFilter:
    eq: SignalKind | None = comparator("It has a signal of this kind.")
    in_: list[SignalKind] | None = comparator(f"It has a signal of any of these kinds, {VALUES_MAX} at most.", "in")


@strawberry.input(description="What a case's subject must be. All that is given must hold.")
class SubjectFilter:
    type: SubjectTypeFilter | None = comparator("Its kind.")
    external_ref: TextFilter | None = comparator(
        "Its reference in the system that made the check; what can't be seen of one does not count."
    )
    country_code: TextFilter | None = comparator("Its country, by ISO 3166-1 alpha-2, as in FR.")
    evaluation_status: EvaluationStatusFilter | None = comparator("Its result as it is now.")
