"""Oversight, for admins: who decides on whose overrides, and what other policies would have refused."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime
from typing import Annotated, Any, cast
from uuid import UUID

import strawberry

from app.api.context import Context
from app.api.enums import ErrorCode, Feature, Scope
from app.api.fields import described, object_type, related
from app.api.pagination import CursorKind, Page, PageArguments, PageInfo, of_types
from app.api.types.log import CaseAction
from app.api.types.people import User
from app.db.repository import oversight as reading
from app.db.repository.oversight import DecisionPlace, Period, ReviewStatisticRow
from app.domain.access import permit_reading
from app.domain.checklist import STEPS_MAX, checklist_of, requires_steps
from app.domain.errors import Detail, InvalidInput, Refusal
from app.domain.facts import ChecklistStep
from app.domain.model import ActionType
from app.domain.policy_replay import ReviewPolicy, refusal_under
from app.domain.validation import demand_step_key, in_utc

EXAMINED_MAX = 1_000
"""How many decisions a page of a replay looks through."""

Since = Annotated[
    datetime | None, strawberry.argument(description="Only decisions of this time or later, with its offset from UTC.")
]
Until = Annotated[
    datetime | None, strawberry.argument(description="Only decisions before this time, with its offset from UTC.")
]
ReplaySince = Annotated[
    datetime, strawberry.argument(description="Only decisions of this time or later, with its offset from UTC.")
]


@object_type(ReviewStatisticRow, "How one reviewer decided on one creator's overrides.")
class ReviewStatistic:
    creator: User | None = related("users", "creator_id", "Who asked.")
    reviewer: User | None = related("users", "reviewer_id", "Who decided.")
    decision_count: int = described("How many overrides the reviewer decided.")
    accepted_count: int = described("How many of them were accepted.")
    refused_count: int = described("How many of them were refused.")
    accepted_percent: int = described("How many of a hundred were accepted, rounded.")
    median_seconds: int = described(
        "The median of the time from the request to the decision, in whole seconds; of an even number, the mean of the"
        " two in the middle."
    )


@strawberry.input(description="Policies that an account could have; what is left out is as the account has it now.")
class PolicyInput:
    restrict_to_assigned_reviewers: bool | None = strawberry.field(
        default=None, description="Whether only the reviewers who were asked may decide."
    )
    require_reviewed_version: bool | None = strawberry.field(
        default=None, description="Whether a decision has to name the version that was read, in every API."
    )
    required_steps: list[str] | None = strawberry.field(
        default=None,
        description="The steps of the checklist, by their keys, that have to be taken before an override is accepted,"
        f" {STEPS_MAX} at most; empty for none.",
    )


class RefusedPlace:
    """A decision that the policies would have refused, in the words of the API."""

    __slots__ = ("_context", "_refusal", "action", "key")

    def __init__(self, context: Context, place: DecisionPlace, refusal: Refusal) -> None:
        self.action = place.action
        self.key = place.key
        self._context = context
        self._refusal = refusal

    @property
    def code(self) -> Any:
        return self._refusal.code

    @property
    def message(self) -> str:
        return self._context.request.message(self._refusal)


@object_type(RefusedPlace, "A decision that was taken, and that other policies would have refused.")
class RefusedDecision:
    action: CaseAction = described("The row of the log.")
    code: ErrorCode = described("What the mutation would have answered.")
    message: str = described("The same for people, in the language of the request.")


@strawberry.type(description="A refused decision with its place among all decisions.")
class PolicyReplayEdge:
    node: RefusedDecision = described("The decision.")
    cursor: str = described("Its place, for `after` and `before`.")


@strawberry.type(
    description=f"A page of a replay. It looks through {EXAMINED_MAX} decisions at most, so that it can be short, or"
    " empty, and still have a next one."
)
class PolicyReplayConnection:
    edges: list[PolicyReplayEdge] = described("The decisions with their cursors.")
    nodes: list[RefusedDecision] = described("The decisions, the oldest first.")
    page_info: PageInfo = described(
        "Where this page lies; its cursors are those of the first and the last decision that it has looked at."
    )
    examined_count: int = described("How many decisions this page has looked at.")
    undetermined_count: int = described(
        "On how many of them the log's row does not tell what was read, since it is of format 1: no such row is refused"
        " for that."
    )


async def review_statistics(
    context: Context, since: datetime | None, until: datetime | None, arguments: PageArguments
) -> Page[ReviewStatisticRow]:
    """Return a page of who decided on whose overrides. Raises: InvalidInput."""
    period = Period(
        None if since is None else in_utc(since, "since"), None if until is None else in_utc(until, "until")
    )
    if period.since is not None and period.until is not None and period.until <= period.since:
        raise InvalidInput("until", detail=Detail("period"))
    account_id = context.actor.account_id
    kind = CursorKind(f"reviews of {account_id}: {period}")
    window = arguments.window(kind, of_types([int, UUID, UUID]))

    async def read() -> list[ReviewStatisticRow]:
        async with context.reads.long_read() as connection:
            return await reading.review_statistics_page(connection, account_id, period, window)

    async def read_count() -> int:
        async with context.reads.long_read() as connection:
            return await reading.review_statistics_count(connection, account_id, period)

    async def count() -> int:
        return await context.reads.shared(("reviews", period), read_count)

    rows = await context.reads.shared(("reviews page", period, window), read)
    return Page(rows, arguments, kind, _statistic_key, count)


def _statistic_key(row: ReviewStatisticRow) -> tuple[int, str, str]:
    return row.decision_count, str(row.creator_id), str(row.reviewer_id)


async def policy_replay(
    context: Context, policy: PolicyInput, since: datetime, arguments: PageArguments
) -> PolicyReplayConnection:
    """Return a page of the decisions that *policy* would have refused; they are rows of cases' logs.

    Raises: FeatureDisabled, InsufficientScope, InvalidInput, InvalidCursor.
    """
    permit_reading(context.actor, Scope.CASES_READ, Feature.CASES)
    account_id, since = context.actor.account_id, in_utc(since, "since")
    tried = _policy(context, policy)
    kind = CursorKind(f"replay of {account_id}: {tried}, {since}")
    window = arguments.window(kind, of_types([int, UUID]))._replace(limit=EXAMINED_MAX + 1)

    async def read() -> list[DecisionPlace]:
        async with context.reads.long_read() as connection:
            return await reading.decisions(
                connection, account_id, since, window, with_steps=requires_steps(tried.checklist)
            )

    found = await context.reads.shared(("replay", since, window, requires_steps(tried.checklist)), read)
    return _page(context, tried, found, arguments, kind)


def _cursor(kind: CursorKind, key: tuple[int, UUID]) -> str:
    return kind.encode((key[0], str(key[1])))


def _policy(context: Context, given: PolicyInput) -> ReviewPolicy:
    account = context.request.identity.account
    restrict, require = given.restrict_to_assigned_reviewers, given.require_reviewed_version
    return ReviewPolicy(
        account.restrict_to_assigned_reviewers if restrict is None else restrict,
        account.require_reviewed_version if require is None else require,
        _required(checklist_of(account.checklist), given.required_steps),
    )


def _required(checklist: Sequence[ChecklistStep], given: Sequence[str] | None) -> tuple[ChecklistStep, ...]:
    """Return the steps that are to be required to accept: those that are given by their keys, else the account's.

    Raises: InvalidInput.
    """
    if given is None:
        return tuple(step for step in checklist if ActionType.ACCEPT in step.required_for)
    if len(given) > STEPS_MAX:
        raise InvalidInput("policy", "requiredSteps", detail=Detail.of_length(len(given), STEPS_MAX))
    for index, key in enumerate(given):
        demand_step_key(key, "policy", "requiredSteps", str(index))
    known = {step.key: step for step in checklist}
    steps = (known.get(key) or ChecklistStep(key, key, key) for key in dict.fromkeys(given))
    return tuple(replace(step, required_for=frozenset({ActionType.ACCEPT})) for step in steps)


def _page(
    context: Context, policy: ReviewPolicy, found: list[DecisionPlace], arguments: PageArguments, kind: CursorKind
) -> PolicyReplayConnection:
    """Look through *found*, which backward begins with the last, until the page is full."""
    refused, examined = list[RefusedPlace](), list[DecisionPlace]()
    for place in found[:EXAMINED_MAX]:
        if len(refused) == arguments.size:
            break
        examined.append(place)
        refusal = refusal_under(policy, place.decision)
        if refusal is not None:
            refused.append(RefusedPlace(context, place, refusal))
    has_more, backward = len(found) > len(examined), arguments.backward
    is_cut = arguments.first is not None and arguments.last is not None and len(refused) > arguments.last
    if is_cut:
        refused = refused[-(arguments.last or 0) :]
    ends = [_cursor(kind, place.key) for place in (*examined[:1], *examined[-1:])]
    if backward:
        refused.reverse()
        ends.reverse()
    return PolicyReplayConnection(
        edges=[PolicyReplayEdge(node=cast(Any, item), cursor=_cursor(kind, item.key)) for item in refused],
        nodes=cast(Any, refused),
        page_info=PageInfo(
            has_next_page=arguments.before is not None if backward else has_more,
            has_previous_page=has_more if backward else is_cut or arguments.after is not None,
            start_cursor=ends[0] if ends else None,
            end_cursor=ends[-1] if ends else None,
        ),
        examined_count=len(examined),
        undetermined_count=sum(not place.decision.is_determined_by(policy) for place in examined),
    )
