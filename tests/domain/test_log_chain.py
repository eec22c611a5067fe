"""The chain of a case's log: what the verifier says of it whole, changed, cut, shuffled and moved.

No database: what the verifier finds in real tables is in test_verification.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.domain.action_log import GENESIS, CommentContent, Entry, Opening, OverrideContent, chain_hash
from app.domain.log_chain import ChainedEntry, Head, fold, verify
from app.domain.model import (
    ActionType,
    CaseStatus,
    EvaluationStatus,
    OverrideStatus,
    RequestedStatus,
    Resolution,
    SubjectType,
)

ADA, ROSA, ACCOUNT, CASE, OTHER_CASE, SUBJECT = (UUID(int=number) for number in range(0xA0, 0xA6))
MORNING = datetime(2026, 11, 24, 8, tzinfo=UTC)

# From each status: the actions that lead on, and where to.
STEPS = {
    "OPEN": {"COMMENT": "IN_PROGRESS", "REQUEST_OVERRIDE": "PENDING_REVIEW", "CLOSE": "CLOSED"},
    "IN_PROGRESS": {"COMMENT": "IN_PROGRESS", "REQUEST_OVERRIDE": "PENDING_REVIEW", "CLOSE": "CLOSED"},
    "PENDING_REVIEW": {"COMMENT": "PENDING_REVIEW", "ACCEPT": "RESOLVED"}
    | dict.fromkeys(("REFUSE", "CANCEL"), "IN_PROGRESS"),
    "RESOLVED": {"COMMENT": "RESOLVED", "REQUEST_OVERRIDE": "PENDING_REVIEW", "CLOSE": "CLOSED"},
    "CLOSED": {},
}
DECIDED = {"ACCEPT": "ACCEPTED", "REFUSE": "REFUSED", "CANCEL": "CANCELLED"}


@dataclass(frozen=True, slots=True)
class Story:
    """A case's log as it was written, and what its other rows say."""

    links: tuple[ChainedEntry, ...]
    head: Head


def story(actions: Sequence[str], case_id: UUID = CASE) -> Story:
    """Return the log of a case that was opened and then saw *actions*."""
    links: list[ChainedEntry] = []
    status: CaseStatus | None = None
    overrides: list[OverrideContent] = []
    for seq, action in enumerate(["OPEN", *actions], 1):
        after = CaseStatus(STEPS[status][action]) if status else CaseStatus.OPEN
        if action == "REQUEST_OVERRIDE":
            overrides.append(override_of(seq))
        elif action in DECIDED:
            decider = None if action == "CANCEL" else ROSA
            overrides[-1] = replace(overrides[-1], status=OverrideStatus(DECIDED[action]), decided_by=decider)
        entry = Entry(
            account_id=ACCOUNT,
            case_id=case_id,
            seq=seq,
            type=ActionType(action),
            user_id=ROSA if action in ("ACCEPT", "REFUSE") else ADA,
            status_before=status,
            status_after=after,
            created_at=MORNING + timedelta(minutes=seq),
            request_id=f"request-{seq}",
            prev_hash=links[-1].hash if links else GENESIS,
            opening=None if status else OPENING,
            comment=comment_of(seq) if action in ("COMMENT", "REQUEST_OVERRIDE") else None,
            override=overrides[-1] if action == "REQUEST_OVERRIDE" or action in DECIDED else None,
            resolution=Resolution.DUPLICATE if action == "CLOSE" else None,
        )
        links.append(ChainedEntry(entry, chain_hash(entry)))
        status = after
    assert status is not None
    resolution = links[-1].entry.resolution
    head = Head(len(links), links[-1].hash, status, resolution, {made.id: made.status for made in overrides})
    return Story(tuple(links), head)


OPENING = Opening(
    number=1,
    title="A changed IBAN",
    description=None,
    subject_id=SUBJECT,
    subject_type=SubjectType.COMPANY_ACCOUNT_CHECK,
    external_ref="CHK-1",
    subject_status=EvaluationStatus.UNFAVORABLE,
)


def comment_of(seq: int) -> CommentContent:
    return CommentContent(UUID(int=0xC00 + seq), ADA, f"Comment {seq}", MORNING + timedelta(minutes=seq))


def override_of(seq: int) -> OverrideContent:
    return OverrideContent(
        id=UUID(int=0xF00 + seq),
        creator_id=ADA,
        subject_id=SUBJECT,
        requested_status=RequestedStatus.FAVORABLE,
        subject_status_at_request=EvaluationStatus.UNFAVORABLE,
        reviewer_ids=(ROSA,),
        status=OverrideStatus.PENDING,
    )


@st.composite
def stories(draw: st.DrawFn, min_actions: int = 0) -> Story:
    """Draw a log that the workflow could have written."""
    status, actions = "OPEN", list[str]()
    wanted = draw(st.integers(min_actions, 12))
    while len(actions) < wanted and STEPS[status]:
        steps = sorted(STEPS[status])
        if len(actions) < min_actions:  # closing would end it too soon
            steps = [step for step in steps if step != "CLOSE"]
        action = draw(st.sampled_from(steps))
        actions.append(action)
        status = STEPS[status][action]
    return story(actions)


def bad_row(links: Sequence[ChainedEntry], head: Head) -> int | None:
    fault = verify(links, head)
    return None if fault is None else fault.seq


@given(stories())
def test_a_log_as_it_was_written_is_whole(written: Story) -> None:
    assert verify(iter(written.links), written.head) is None


CHANGES: dict[str, Callable[[Entry], Entry]] = {
    "account_id": lambda entry: replace(entry, account_id=ROSA),
    "case_id": lambda entry: replace(entry, case_id=OTHER_CASE),
    "type": lambda entry: replace(entry, type=ActionType("OPEN" if entry.type == "COMMENT" else "COMMENT")),
    "user_id": lambda entry: replace(entry, user_id=ROSA if entry.user_id == ADA else ADA),
    "status_before": lambda entry: replace(entry, status_before=None if entry.status_before else CaseStatus.OPEN),
    "status_after": lambda entry: replace(
        entry, status_after=CaseStatus("OPEN" if entry.status_after == "RESOLVED" else "RESOLVED")
    ),
    "created_at": lambda entry: replace(entry, created_at=entry.created_at + timedelta(microseconds=1)),
    "request_id": lambda entry: replace(entry, request_id=entry.request_id + " "),
    "prev_hash": lambda entry: replace(entry, prev_hash="f" * 64),
    "opening": lambda entry: replace(entry, opening=None if entry.opening else OPENING),
    "comment": lambda entry: replace(entry, comment=None if entry.comment else comment_of(99)),
    "override": lambda entry: replace(entry, override=None if entry.override else override_of(99)),
    "resolution": lambda entry: replace(entry, resolution=None if entry.resolution else Resolution.DUPLICATE),
}


@pytest.mark.parametrize("field", CHANGES)
@given(stories(), st.data())
def test_the_verifier_names_the_row_in_which_a_field_was_changed(
    field: str, written: Story, data: st.DataObject
) -> None:
    index = data.draw(st.integers(0, written.head.action_count - 1))
    links = list(written.links)
    links[index] = replace(links[index], entry=CHANGES[field](links[index].entry))

    assert bad_row(links, written.head) == index + 1


@given(stories(), st.data())
def test_the_verifier_names_the_row_whose_hash_was_changed(written: Story, data: st.DataObject) -> None:
    index = data.draw(st.integers(0, written.head.action_count - 1))
    links = list(written.links)
    links[index] = replace(links[index], hash="0" * 64)

    assert bad_row(links, written.head) == index + 1


@given(stories(), st.data())
def test_a_row_that_was_rewritten_with_its_hash_is_found_where_the_next_one_should_follow(
    written: Story, data: st.DataObject
) -> None:
    index = data.draw(st.integers(0, written.head.action_count - 1))
    links = list(written.links)
    forged = replace(links[index].entry, request_id="forged")
    links[index] = ChainedEntry(forged, chain_hash(forged))

    # Behind the last row comes the case's own, which holds its hash.
    assert bad_row(links, written.head) == min(index + 2, written.head.action_count)


@given(stories(), st.data())
def test_the_verifier_names_the_first_row_that_is_missing(written: Story, data: st.DataObject) -> None:
    gone = data.draw(st.sets(st.integers(0, written.head.action_count - 1), min_size=1))

    rest = [link for index, link in enumerate(written.links) if index not in gone]

    assert bad_row(rest, written.head) == min(gone) + 1


@given(stories(min_actions=1), st.data())
def test_the_verifier_names_the_first_row_that_stands_in_another_place(written: Story, data: st.DataObject) -> None:
    order = data.draw(st.permutations(range(written.head.action_count)))
    # The rows trade places and take the place's number, so that nothing is missing.
    links = [
        replace(written.links[source], entry=replace(written.links[source].entry, seq=place + 1))
        for place, source in enumerate(order)
    ]

    first = next((place + 1 for place, source in enumerate(order) if place != source), None)
    assert bad_row(links, written.head) == first


@given(stories(), st.sampled_from(["COMMENT", "CLOSE"]))
def test_a_row_that_was_added_behind_the_last_is_named(written: Story, kind: str) -> None:
    last = written.links[-1].entry
    added = replace(
        last, seq=last.seq + 1, type=ActionType(kind), prev_hash=written.head.head_hash, status_before=last.status_after
    )

    assert (
        bad_row([*written.links, ChainedEntry(added, chain_hash(added))], written.head) == written.head.action_count + 1
    )


@given(stories(min_actions=2), st.data())
def test_a_row_that_was_moved_from_another_case_is_named(written: Story, data: st.DataObject) -> None:
    other = story(["COMMENT"] * (written.head.action_count - 1), OTHER_CASE)
    index = data.draw(st.integers(0, written.head.action_count - 1))
    links = list(written.links)
    links[index] = replace(other.links[index], entry=replace(other.links[index].entry, case_id=CASE))

    assert bad_row(links, written.head) == index + 1


LIVED = story(["COMMENT", "REQUEST_OVERRIDE", "REFUSE", "REQUEST_OVERRIDE", "ACCEPT", "CLOSE"])
FIRST, SECOND = LIVED.head.overrides


@pytest.mark.parametrize(
    ("change", "row"),
    [
        ({"action_count": 6}, 7),
        ({"action_count": 8}, 8),
        ({"head_hash": GENESIS}, 7),
        ({"status": CaseStatus.RESOLVED}, 7),
        ({"resolution": None}, 7),
        ({"resolution": Resolution.OVERRIDE_APPLIED}, 7),
        ({"overrides": {FIRST: OverrideStatus.ACCEPTED, SECOND: OverrideStatus.ACCEPTED}}, 3),
        ({"overrides": {FIRST: OverrideStatus.REFUSED, SECOND: OverrideStatus.PENDING}}, 5),
        ({"overrides": {FIRST: OverrideStatus.REFUSED}}, 5),
        ({"overrides": {**LIVED.head.overrides, ADA: OverrideStatus.PENDING}}, 7),
    ],
)
def test_a_case_or_an_override_that_says_what_its_log_does_not_is_found(change: dict[str, Any], row: int) -> None:
    assert verify(LIVED.links, LIVED.head) is None

    changed = replace(LIVED.head, **change)

    assert bad_row(LIVED.links, changed) == row


@pytest.mark.parametrize("action_count", [-3, 0, 7])
def test_a_case_whose_log_was_emptied_lacks_its_first_row_whatever_it_counts(action_count: int) -> None:
    assert bad_row([], replace(LIVED.head, action_count=action_count, head_hash=GENESIS)) == 1


@pytest.mark.parametrize(
    "change", [{"seq": 5}, {"status_before": CaseStatus.OPEN}, {"status_before": None}], ids=["gap", "jump", "restart"]
)
def test_a_log_that_was_written_wrong_is_found_although_its_hashes_agree(change: dict[str, Any]) -> None:
    links = list[ChainedEntry]()
    for link in LIVED.links:
        chained = replace(link.entry, prev_hash=links[-1].hash if links else GENESIS)
        entry = replace(chained, **change) if link.entry.seq == 4 else chained
        links.append(ChainedEntry(entry, chain_hash(entry)))

    assert bad_row(links, replace(LIVED.head, head_hash=links[-1].hash)) == 4


@given(stories(), st.data())
def test_folding_a_log_gives_the_statuses_at_each_of_its_rows(written: Story, data: st.DataObject) -> None:
    length = data.draw(st.integers(0, written.head.action_count))

    status, overrides = fold(link.entry for link in written.links[:length])

    actions = [str(link.entry.type) for link in written.links[1:length]]
    expected = story(actions).head if length else None
    assert status == (expected.status if expected else None)
    assert overrides == (expected.overrides if expected else {})
