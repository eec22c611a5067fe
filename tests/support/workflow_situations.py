"""Actors, overrides and situations for tests of the workflow, and its table of next statuses, written by hand."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime
from itertools import product
from uuid import UUID

from app.domain.errors import Refusal
from app.domain.facts import Actor, CaseFacts, OverrideFacts
from app.domain.model import (
    ActionType,
    CaseStatus,
    EvaluationStatus,
    Feature,
    OverrideStatus,
    RequestedStatus,
    Role,
    Scope,
)
from app.domain.workflow import available

ACCOUNT, ACTOR, ANOTHER_PERSON, TOKEN, OVERRIDE = (UUID(int=number) for number in range(1, 6))
THEN = datetime(2026, 1, 1, tzinfo=UTC)
ROLES = {"C": Role.CONTRIBUTOR, "R": Role.REVIEWER, "A": Role.ADMIN}
ROLE_SETS = ["-", "C", "R", "A", "CR", "CA", "RA", "CRA"]
RELATIONS = [
    "none",
    "creator",
    "assigned",
    "other",
    "restricted-creator",
    "restricted-assigned",
    "restricted-other",
]
"""What an actor is to the override that a decision is about; "restricted" in an account where only the asked decide."""

# When: the next status, or the code; with the pending override, or none where there is none.
WHEN = """
action            OPEN                 IN_PROGRESS          PENDING_REVIEW           RESOLVED             CLOSED
COMMENT           IN_PROGRESS          IN_PROGRESS          PENDING_REVIEW           RESOLVED             CASE_CLOSED
REQUEST_OVERRIDE  PENDING_REVIEW       PENDING_REVIEW       OVERRIDE_ALREADY_ACTIVE  PENDING_REVIEW       CASE_CLOSED
ACCEPT            NO_PENDING_OVERRIDE  NO_PENDING_OVERRIDE  RESOLVED                 NO_PENDING_OVERRIDE  CASE_CLOSED
REFUSE            NO_PENDING_OVERRIDE  NO_PENDING_OVERRIDE  IN_PROGRESS              NO_PENDING_OVERRIDE  CASE_CLOSED
CANCEL            NO_PENDING_OVERRIDE  NO_PENDING_OVERRIDE  IN_PROGRESS              NO_PENDING_OVERRIDE  CASE_CLOSED
CLOSE             CLOSED               CLOSED               OVERRIDE_PENDING         CLOSED               CASE_CLOSED
REASSIGN          NO_PENDING_OVERRIDE  NO_PENDING_OVERRIDE  PENDING_REVIEW           NO_PENDING_OVERRIDE  CASE_CLOSED
REDACT            OPEN                 IN_PROGRESS          PENDING_REVIEW           RESOLVED             CLOSED
HOLD              OPEN                 IN_PROGRESS          PENDING_REVIEW           RESOLVED             CLOSED
ASSIGN            OPEN                 IN_PROGRESS          PENDING_REVIEW           RESOLVED             CASE_CLOSED
SET_DUE_DATE      OPEN                 IN_PROGRESS          PENDING_REVIEW           RESOLVED             CASE_CLOSED
RECORD_STEP       IN_PROGRESS          IN_PROGRESS          PENDING_REVIEW           RESOLVED             CASE_CLOSED
"""


def cells(text: str) -> Iterator[tuple[tuple[str, ...], str]]:
    """Yield each cell of a table: the words that head its line and its column, and its own."""
    head, *lines = (line.split() for line in text.strip().splitlines())
    for line in lines:
        width = head.index("relation") + 1 if "relation" in head else 1
        for column, cell in zip(head[width:], line[width:], strict=True):
            yield (*line[:width], column), cell


def actor_of(roles: str, *, restricted: bool = False) -> Actor:
    """Return somebody with all of an account's features; *roles* are letters of ROLES."""
    return Actor(
        account_id=ACCOUNT,
        user_id=ACTOR,
        token_id=TOKEN,
        active=True,
        roles=frozenset(ROLES[letter] for letter in roles.strip("-")),
        scopes=frozenset({Scope.CASES_WRITE, Scope.ADMIN_WRITE, Scope.SUBJECTS_WRITE}),
        features=frozenset(Feature),
        restrict_to_assigned_reviewers=restricted,
        reviewer_since=THEN if "R" in roles else None,
    )


def override_of(relation: str, status: OverrideStatus = OverrideStatus.PENDING) -> OverrideFacts | None:
    """Return an override to which the actor stands in *relation*."""
    kind = relation.removeprefix("restricted-")
    if kind == "none":
        return None
    return OverrideFacts(
        id=OVERRIDE,
        creator_id=ACTOR if kind == "creator" else ANOTHER_PERSON,
        status=status,
        requested_status=RequestedStatus.FAVORABLE,
        subject_status_at_request=EvaluationStatus.UNFAVORABLE,
        reviewer_ids=frozenset({ACTOR} if kind == "assigned" else {ANOTHER_PERSON}),
        created_at=THEN,
        has_able_reviewer=False,
    )


Situation = tuple[str, str, OverrideStatus | None]
"""Roles, relation, and the status of the override that a decision is about."""


def situations(status: CaseStatus) -> Iterator[tuple[Situation, Actor, CaseFacts]]:
    """Yield everybody who could act on a case in *status*, with what there is to be known of the case."""
    is_pending = status is CaseStatus.PENDING_REVIEW
    known = CaseFacts(status, EvaluationStatus.UNFAVORABLE, has_checklist=True)
    overrides = [override for override in OverrideStatus if is_pending or override is not OverrideStatus.PENDING]
    for roles, relation in product(ROLE_SETS, RELATIONS):
        actor = actor_of(roles, restricted=relation.startswith("restricted"))
        if relation != "none":
            for override in overrides:
                yield (roles, relation, override), actor, replace(known, override=override_of(relation, override))
        elif not is_pending:  # where one is pending, a decision is always about one
            yield (roles, relation, None), actor, known


def offered(actor: Actor, facts: CaseFacts) -> dict[ActionType, Refusal | None]:
    """Return of each action why it is not available, None where it is."""
    return {item.action: item.refusal for item in available(actor, facts)}


def code_of(refusal: Refusal | None) -> str | None:
    return refusal.code if refusal else None
