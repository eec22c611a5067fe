"""What is always true (DOMAIN.md, section 5), whatever history a case has: random histories on both databases.

What availableActions promises is in test_available_actions, what the database itself refuses in test_immutability,
what the verifier makes of tampering in test_log_chain, and that codes have their messages in test_messages.
"""

from collections import defaultdict
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID, uuid4

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from app.db import tables
from app.db.engines import Database
from app.domain.commands import (
    AcceptOverride,
    AddComment,
    CancelOverride,
    CloseCase,
    Command,
    OpenCase,
    RefuseOverride,
    RequestOverride,
    SubjectDetails,
)
from app.domain.errors import InputRefused, Refusal
from app.domain.model import EvaluationStatus, RequestedStatus, Resolution, SubjectType
from tests.support.database_contents import Contents, contents, differences, set_by_hand
from tests.support.invariants import assert_invariants, unforeseen_faults
from tests.support.world import World, make_world

PEOPLE = ("ada", "carl", "rosa", "rolf", "bea", "aldo")
KINDS = ("open", "request", "accept", "refuse", "cancel", "comment", "close", "recheck")
NEXT = {
    "OPEN": ("request", "request", "comment"),
    "IN_PROGRESS": ("request", "request", "close"),
    "PENDING_REVIEW": ("accept", "refuse", "cancel"),
    "RESOLVED": ("request", "close", "recheck"),
    "CLOSED": ("open",),
}
LIKELY = {"request": "ada", "accept": "rosa", "refuse": "bea", "cancel": "ada"}


@dataclass(frozen=True, slots=True)
class Step:
    """Something that somebody tries, sensible or not."""

    kind: str | None
    choice: int
    person: str | None
    subject: int
    result: EvaluationStatus
    requested: RequestedStatus
    reviewers: tuple[str, ...]
    named: int | None
    comment: str | None
    version: int | None
    key: str | None


def mostly(usual: Any, *others: Any) -> st.SearchStrategy[Any]:
    """Return *usual* nine times out of ten, so that more is done than refused."""
    return st.sampled_from([usual] * 9 * len(others) + list(others))


STEPS = st.builds(
    Step,
    kind=st.none() | st.sampled_from(KINDS),
    choice=st.integers(0, 2),
    person=mostly(None, *PEOPLE),
    subject=st.integers(0, 1),
    result=mostly(EvaluationStatus.UNFAVORABLE, *EvaluationStatus),
    requested=st.sampled_from(RequestedStatus),
    reviewers=st.lists(st.sampled_from(PEOPLE[2:5]), min_size=1, max_size=3, unique=True).map(tuple),
    named=mostly(None, *range(4)),
    comment=st.none() | st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\x00"), min_size=1),
    version=mostly(None, *range(10)),
    key=st.none() | st.sampled_from("abcdefghijkl"),
)


@dataclass(slots=True)
class History:
    """A history as it is played in an account of its own."""

    world: World
    cases: dict[int, UUID] = field(default_factory=dict)
    overrides: dict[UUID, list[UUID]] = field(default_factory=lambda: defaultdict(list))
    rechecked: set[UUID] = field(default_factory=set)
    """Subjects whose results were changed by hand, as no row of the log says."""

    def command(self, step: Step, kind: str, version: int) -> Command:
        """Return what *step* asks for, on the latest case of its subject, which has this *version*."""
        case_id = self.cases[step.subject]
        known = self.overrides[case_id]
        named = known[step.named % len(known)] if known and step.named is not None else None
        more: dict[str, Any] = {"expected_version": step.version, "idempotency_key": step.key}
        decision = {"case_id": case_id, "override_id": named, "comment": step.comment, **more}
        read = decision | {"override_id": named or (known or [uuid4()])[-1]}
        read |= {"expected_version": version if step.version is None else step.version}
        subject = SubjectDetails(
            type=SubjectType.COMPANY_ACCOUNT_CHECK,
            external_ref=f"{step.subject}",
            label="Moulins",
            evaluation_status=step.result,
        )
        reviewers = tuple(getattr(self.world, name).id for name in step.reviewers)
        request = RequestOverride(
            case_id=case_id,
            requested_status=step.requested,
            reviewer_ids=reviewers,
            comment=step.comment or "-",
            **more,
        )
        return {
            "open": OpenCase(subject=subject, title="A changed IBAN", comment=step.comment, **more),
            "comment": AddComment(case_id=case_id, comment=step.comment or "-", **more),
            "request": request,
            "accept": AcceptOverride(**read),
            "refuse": RefuseOverride(**read),
            "cancel": CancelOverride(**decision),
            "close": CloseCase(case_id=case_id, resolution=Resolution.DUPLICATE if step.named else None, **more),
        }[kind]

    async def play(self, step: Step, before: Contents) -> Contents:
        """Do *step*, see to it that it wrote one row of the log or nothing at all, and return what there is now."""
        case = before["cases"][(self.cases[step.subject],)]
        likely = NEXT[case["status"]]
        kind = step.kind or likely[step.choice % len(likely)]
        if kind == "recheck":
            result = {"evaluation_status": step.result}
            self.rechecked.add(case["subject_id"])
            await set_by_hand(self.world.database, tables.subjects, case["subject_id"], **result)
            return await contents(self.world.database)
        person = getattr(self.world, step.person or LIKELY.get(kind, "carl"))
        command = self.command(step, kind, case["version"])
        try:
            outcome = await self.world.do(person, command)
        except (Refusal, InputRefused):
            assert await contents(self.world.database) == before
            return before
        after = await contents(self.world.database)
        if (outcome.action.id,) in before["case_actions"]:  # by chance the same request again, as a second opening is
            assert step.key is not None and after == before
            return after
        assert "+1 case_actions" in differences(before, after)
        if step.key is not None:
            assert (await self.world.do(person, command)).action == outcome.action
            assert await contents(self.world.database) == after
        self.cases[step.subject] = outcome.case.id
        if kind == "request" and outcome.override is not None:
            self.overrides[outcome.case.id].append(outcome.override.id)
        return after


# Shrinking takes minutes with a database behind it: add Phase.shrink to look into a failure.
@pytest.mark.long
@settings(
    max_examples=6,
    deadline=None,
    phases=[Phase.reuse, Phase.generate],
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(history=st.lists(STEPS, min_size=15, max_size=30))
async def test_whatever_people_try_in_whatever_order_the_invariants_hold(
    database: Database, history: list[Step]
) -> None:
    played = History(await make_world(database))
    for subject in (0, 1):
        played.cases[subject] = (await played.world.open_case()).case.id
    before = await contents(database)

    for step in history:
        after = await played.play(step, before)
        assert_invariants(before, after)
        before = after

    assert await unforeseen_faults(database, played.world.account_id, played.rechecked) == []
