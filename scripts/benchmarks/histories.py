"""Make up random histories of cases that the workflow allows, each action with its place in the chain of hashes.

It knows no database: `generate` writes what is made here.
"""

import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from uuid import UUID

from app import clock
from app.db.chain import sealed_action
from app.db.rows import ActionRow, CaseRow, CommentRow, DocumentRow, OverrideRow, SubjectRow
from app.domain.action_log import GENESIS, SEALED_FORMAT
from app.domain.assignment import Assignment
from app.domain.canonical_json import JsonObject
from app.domain.checklist import checklist_has_steps
from app.domain.due_dates import DueDate
from app.domain.log_state import PLANNING_TYPES
from app.domain.model import (
    ActionType,
    CaseStatus,
    EvaluationStatus,
    OverrideStatus,
    RequestedStatus,
    Resolution,
    SubjectType,
)
from app.domain.workflow import TRANSITIONS, allowed_from, reviewers_are_gone

START = datetime(2025, 1, 6, 8, tzinfo=UTC)
FAR_AHEAD = datetime(2999, 1, 1, tzinfo=UTC)
"""A date that is not over, whenever it is looked at."""
REQUEST_ID = "generated"
AUTHORITY = {"token_id": None, "token_source": "SYSTEM", "roles": ["CONTRIBUTOR", "REVIEWER"], "reviewed_version": None}
PLACES = ["Lyon", "Évry", "Nîmes", "Besançon", "Zürich", "Łódź", "Malmö", "Porto", "Trieste", "Ghent"]
TRADES = ["Moulins", "Société", "Générale", "Ateliers", "Œuvres", "Garage", "Transports", "Câbles", "Bois", "Optique"]
REASONS = [
    "a changed IBAN",
    "an unknown bank",
    "a name that differs",
    "an account closed",
    "a new supplier",
    "a refund",
]
SENTENCE = "called the supplier and they confirmed by phone that the invoice names another account than the letter from"
WORDS = SENTENCE.split()
COUNTRIES = ["FR", "DE", "PL", "SE", "IT", "BE", None]


@dataclass(frozen=True, slots=True)
class People:
    """Who acts in a history: everybody contributes, and reviews what somebody else has asked for.

    Of those comments that may have a document, the share *documented* has one.
    """

    ids: Sequence[UUID]
    documented: float = 0


@dataclass(slots=True)
class History:
    """One case with all that belongs to it, as the tables have it."""

    account_id: UUID
    subject: SubjectRow
    case: CaseRow
    actions: list[ActionRow] = field(default_factory=list)
    comments: list[CommentRow] = field(default_factory=list)
    documents: list[DocumentRow] = field(default_factory=list)
    overrides: list[OverrideRow] = field(default_factory=list)
    reviewers: dict[UUID, tuple[UUID, ...]] = field(default_factory=dict)

    def act(self, dice: random.Random, people: People, action: ActionType) -> None:
        """Add *action* by somebody who may do it."""
        now = self.case.updated_at + timedelta(minutes=dice.randint(1, 600))
        pending = self.overrides[-1] if self.case.status is CaseStatus.PENDING_REVIEW else None
        actor = _actor(dice, people, action, pending)
        before = self.case.status if self.actions else None
        status = TRANSITIONS[action].targets[before]
        override = self._override(dice, people, action, actor, now, pending)
        comment, document = self._comment(dice, people, action, actor, now)
        self.case = replace(self.case, status=status, updated_at=now)
        if status is CaseStatus.CLOSED:
            ends = dice.choice([item for item in Resolution if item is not Resolution.OVERRIDE_APPLIED])
            self.case = replace(self.case, resolution=ends, closed_by_id=actor, closed_at=now)
        details = self._plan(dice, people, action, now)
        self._log(action, actor, before, now, comment, override, () if document is None else (document,), details)

    def _plan(self, dice: random.Random, people: People, action: ActionType, now: datetime) -> JsonObject | None:
        """Make somebody the owner, or set a date, and return what the row says of it; None of all other rows."""
        if action is ActionType.ASSIGN:
            self.case = replace(self.case, owner_id=dice.choice([*people.ids, None]))
            return Assignment(self.case.owner_id).details()
        if action is ActionType.SET_DUE_DATE:
            due_at = dice.choice([None, now + timedelta(hours=dice.randint(1, 200)), FAR_AHEAD])
            self.case = replace(self.case, due_at=due_at)
            return DueDate(due_at).details()
        return None

    def _comment(
        self, dice: random.Random, people: People, action: ActionType, actor: UUID, now: datetime
    ) -> tuple[CommentRow | None, DocumentRow | None]:
        takes_documents = action in (ActionType.COMMENT, ActionType.REQUEST_OVERRIDE)
        if not takes_documents and dice.random() >= 0.1:
            return None, None
        body = " ".join(dice.choices(WORDS, k=dice.randint(4, 30)))
        comment = CommentRow(clock.new_id(), self.case.id, actor, body, now, _salt(dice))
        self.comments.append(comment)
        if not takes_documents or not people.documented or dice.random() >= people.documented:
            return comment, None
        document = DocumentRow(
            id=clock.new_id(),
            uploader_id=actor,
            filename=f"{dice.choice(WORDS)}-{dice.randint(1, 999)}.pdf",
            content_type="application/pdf",
            size_bytes=dice.randint(20_000, 900_000),
            sha256=f"{dice.getrandbits(256):064x}",
            created_at=now,
            comment_id=comment.id,
            case_id=self.case.id,
            position=0,
            filename_salt=_salt(dice),
            content_salt=_salt(dice),
        )
        self.documents.append(document)
        return comment, document

    def _override(
        self,
        dice: random.Random,
        people: People,
        action: ActionType,
        actor: UUID,
        now: datetime,
        pending: OverrideRow | None,
    ) -> OverrideRow | None:
        decision = TRANSITIONS[action].decision
        if decision is not None:
            assert pending is not None
            return self._decide(decision, pending, actor, now)
        if action is not ActionType.REQUEST_OVERRIDE:
            return None
        is_favorable = self.subject.evaluation_status is EvaluationStatus.FAVORABLE
        override = OverrideRow(
            id=clock.new_id(),
            case_id=self.case.id,
            subject_id=self.subject.id,
            created_by_id=actor,
            requested_status=RequestedStatus.UNFAVORABLE if is_favorable else RequestedStatus.FAVORABLE,
            status=OverrideStatus.PENDING,
            subject_status_at_request=self.subject.evaluation_status,
            decided_by_id=None,
            decided_at=None,
            version=1,
            created_at=now,
        )
        others = [id for id in people.ids if id != actor]
        self.reviewers[override.id] = tuple(dice.sample(others, dice.randint(1, min(3, len(others)))))
        self.overrides.append(override)
        return override

    def _decide(self, decision: OverrideStatus, pending: OverrideRow, actor: UUID, now: datetime) -> OverrideRow:
        decided = decision is not OverrideStatus.CANCELLED
        self.overrides[-1] = replace(
            pending,
            status=decision,
            version=2,
            decided_by_id=actor if decided else None,
            decided_at=now if decided else None,
        )
        if decision is OverrideStatus.ACCEPTED:
            result = EvaluationStatus(pending.requested_status.value)
            self.subject = replace(
                self.subject, evaluation_status=result, version=self.subject.version + 1, override_id=pending.id
            )
        return self.overrides[-1]

    def _log(
        self,
        action: ActionType,
        actor: UUID,
        before: CaseStatus | None,
        now: datetime,
        comment: CommentRow | None,
        override: OverrideRow | None,
        documents: Sequence[DocumentRow] = (),
        details: JsonObject | None = None,
    ) -> None:
        row = ActionRow(
            id=clock.new_id(),
            case_id=self.case.id,
            seq=len(self.actions) + 1,
            type=action,
            user_id=actor,
            comment_id=comment.id if comment else None,
            override_id=override.id if override else None,
            status_before=before,
            status_after=self.case.status,
            resolution=self.case.resolution,
            created_at=now,
            request_id=REQUEST_ID,
            prev_hash=self.actions[-1].hash if self.actions else GENESIS,
            hash="",
            format=SEALED_FORMAT,
            authority=None,
            commitments=None,
            details=None,
        )
        requested = self.reviewers[override.id] if override else ()
        parts = (self.case, self.subject, comment, override, requested, documents)
        row = sealed_action(self.account_id, row, AUTHORITY, details, *parts)
        self.actions.append(row)
        self.case = replace(self.case, version=row.seq, action_count=row.seq, head_hash=row.hash)


def _salt(dice: random.Random) -> str:
    return f"{dice.getrandbits(256):064x}"


def _actor(dice: random.Random, people: People, action: ActionType, pending: OverrideRow | None) -> UUID:
    if action is ActionType.CANCEL and pending is not None:
        return pending.created_by_id
    others = [id for id in people.ids if pending is None or id != pending.created_by_id]
    return dice.choice(others)


def histories(
    account_id: UUID, people: People, cases: int, actions: int, dice: random.Random, first: int = 1
) -> Iterator[History]:
    """Yield *cases* histories with *actions* rows in all, or a few less where cases were closed early."""
    left = actions
    for index in range(cases):
        history = opening(account_id, people, first + index, dice)
        wanted = max(1, min(left, round(dice.expovariate(1) * left / (cases - index)) or 1))
        for _ in range(wanted - 1):
            # Nobody leaves here, so that others are never asked in anybody's place; and there is no checklist.
            possible = [
                action
                for action in allowed_from(history.case.status)
                if reviewers_are_gone not in TRANSITIONS[action].override_guards
                and checklist_has_steps not in TRANSITIONS[action].guards
            ]
            is_last = len(history.actions) >= wanted - 1
            weights = [_weight(action, is_last) for action in possible]
            if not possible or not sum(weights):
                break
            history.act(dice, people, dice.choices(possible, weights)[0])
        left -= len(history.actions)
        yield history


def _weight(action: ActionType, is_last: bool) -> float:
    if action is ActionType.CLOSE:
        return 4 if is_last else 0
    if action in PLANNING_TYPES:
        return 0.5
    return 6 if action is ActionType.COMMENT else 2


def opening(account_id: UUID, people: People, number: int, dice: random.Random) -> History:
    """Return the history of a case that somebody has opened, and nothing more."""
    subject = SubjectRow(
        id=clock.new_id(),
        type=dice.choice(list(SubjectType)),
        external_ref=f"generated-{clock.new_id()}",
        label=f"{dice.choice(TRADES)} {dice.choice(TRADES)} {dice.choice(PLACES)}",
        country_code=dice.choice(COUNTRIES),
        evaluation_status=dice.choice([item for item in EvaluationStatus if item is not EvaluationStatus.UNEVALUATED]),
        version=1,
    )
    creator, opened = dice.choice(people.ids), START + timedelta(minutes=5 * number)
    case = CaseRow(
        id=clock.new_id(),
        number=number,
        subject_id=subject.id,
        subject_status_at_opening=subject.evaluation_status,
        title=f"{dice.choice(PLACES)}: {dice.choice(REASONS)}",
        description=None,
        status=CaseStatus.OPEN,
        resolution=None,
        created_by_id=creator,
        created_at=opened,
        updated_at=opened,
        closed_by_id=None,
        closed_at=None,
        version=0,
        action_count=0,
        head_hash=GENESIS,
        title_salt=_salt(dice),
    )
    history = History(account_id, subject, case)
    history._log(ActionType.OPEN, creator, None, opened, None, None)  # noqa: SLF001  # its own module
    return history
