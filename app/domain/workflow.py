"""The workflow: one table of who may do what, from which status to which, and the functions that read it.

It knows neither the database nor the request: the same functions decide before the lock, under it, and for what a
viewer is shown as available.
"""

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from uuid import UUID

from app.domain.checklist import checklist_has_steps, steps_to_accept_are_taken, steps_to_close_are_taken
from app.domain.errors import (
    ActiveCaseExists,
    CaseClosed,
    CreatorCannotReview,
    FeatureDisabled,
    InsufficientScope,
    InvalidAssignee,
    InvalidReviewer,
    LegalHold,
    NoPendingOverride,
    NotAssignedReviewer,
    NotOverrideCreator,
    OverrideAlreadyActive,
    OverrideExpired,
    OverrideNoChange,
    OverrideNotPending,
    OverridePending,
    PersonRequired,
    Refusal,
    ReviewersAvailable,
    ReviewerTooRecent,
    RoleRequired,
    SelfAssignmentForbidden,
    SelfReviewForbidden,
    ServiceAccountRequired,
    StateRefused,
    SubjectChanged,
    SubjectNotOverridable,
    UserInactive,
)
from app.domain.facts import Actor, Candidate, CaseFacts, OverrideFacts
from app.domain.model import (
    PARTICIPANTS,
    ActionType,
    CaseStatus,
    EvaluationStatus,
    Feature,
    OverrideStatus,
    RequestedStatus,
    Role,
    Scope,
    UserKind,
)


class Relation(StrEnum):
    """What the actor must be to the override."""

    ANYBODY = "anybody"
    CREATOR = "the override's creator"
    REVIEWER = "not the override's creator"


Guard = Callable[[CaseFacts, RequestedStatus | None], None]
OverrideGuard = Callable[[OverrideFacts], None]


@dataclass(frozen=True, slots=True)
class Transition:
    """One row of the table.

    `roles`: any one of them is enough; none means that only the relation counts. `targets`: from status to status; from
    any other status `otherwise` is the refusal, but a closed case always answers CaseClosed. `decision`: what the
    override becomes. `guards` look at the subject and the checklist, last of all checks; `override_guards` look at the
    override, together with its state. `on_override`: it is about a pending override; `names_override`: which must be
    named. `names_reviewers`: it says who is asked to decide. `for_people`: no service account may do it;
    `for_services`: no person may; `for_system`: only the account's own rules do. `notes_open_steps`: its row says what
    of the checklist was open. `names_case`: its input names the case that it is done to. `erases`: it takes content
    away, which a legal hold keeps. `about`: the input field that a refusal names. `scope`: what the token must have.
    """

    roles: frozenset[Role]
    relation: Relation
    features: tuple[Feature, ...]
    targets: Mapping[CaseStatus | None, CaseStatus]
    otherwise: type[StateRefused]
    decision: OverrideStatus | None = None
    guards: tuple[Guard, ...] = ()
    override_guards: tuple[OverrideGuard, ...] = ()
    on_override: bool = False
    names_override: bool = False
    names_reviewers: bool = False
    for_people: bool = False
    erases: bool = False
    for_services: bool = False
    for_system: bool = False
    notes_open_steps: bool = False
    names_case: bool = True
    about: tuple[str, ...] = ("input", "caseId")
    scope: Scope = Scope.CASES_WRITE


def subject_is_overridable(facts: CaseFacts, requested: RequestedStatus | None) -> None:
    """Refuse a subject that was never evaluated, or one that already has the *requested* status."""
    if facts.subject_status is EvaluationStatus.UNEVALUATED:
        raise SubjectNotOverridable("input", "caseId", status=facts.subject_status)
    if requested is not None and facts.subject_status == requested.value:
        raise OverrideNoChange("input", "requestedStatus")


def subject_is_unchanged(facts: CaseFacts, _requested: RequestedStatus | None) -> None:
    """Refuse when the subject's status is no longer the one that the request was made against."""
    if facts.override is not None and facts.subject_status is not facts.override.subject_status_at_request:
        raise SubjectChanged("input", "overrideId")


def reviewers_are_gone(override: OverrideFacts) -> None:
    """Refuse where any of those who are asked can still decide."""
    if override.has_able_reviewer:
        raise ReviewersAvailable("input", "overrideId")


def override_is_in_time(override: OverrideFacts) -> None:
    """Refuse where the time is over in which the override can be decided, though nothing has ended it yet."""
    if override.is_expired:
        raise OverrideExpired("input", "overrideId")


_CASES = (Feature.CASES,)
_OVERRIDES = (Feature.CASES, Feature.OVERRIDES)
_OPEN, _IN_PROGRESS, _RESOLVED = CaseStatus.OPEN, CaseStatus.IN_PROGRESS, CaseStatus.RESOLVED
_PENDING_REVIEW, _CLOSED = CaseStatus.PENDING_REVIEW, CaseStatus.CLOSED
_WHEREVER_IT_STANDS: Mapping[CaseStatus | None, CaseStatus] = {status: status for status in CaseStatus}
_WHILE_OPEN: Mapping[CaseStatus | None, CaseStatus] = {
    status: status for status in (_OPEN, _IN_PROGRESS, _PENDING_REVIEW, _RESOLVED)
}
_AFTER_WORK: Mapping[CaseStatus | None, CaseStatus] = {**_WHILE_OPEN, _OPEN: _IN_PROGRESS}

TRANSITIONS: Mapping[ActionType, Transition] = {
    ActionType.OPEN: Transition(
        roles=PARTICIPANTS,
        relation=Relation.ANYBODY,
        features=_CASES,
        targets={None: _OPEN},
        otherwise=ActiveCaseExists,
        names_case=False,
        about=("input", "subject"),
    ),
    ActionType.COMMENT: Transition(
        roles=PARTICIPANTS,
        relation=Relation.ANYBODY,
        features=_CASES,
        targets=_AFTER_WORK,
        otherwise=CaseClosed,
    ),
    ActionType.REQUEST_OVERRIDE: Transition(
        roles=frozenset({Role.CONTRIBUTOR}),
        relation=Relation.ANYBODY,
        features=_OVERRIDES,
        targets={_OPEN: _PENDING_REVIEW, _IN_PROGRESS: _PENDING_REVIEW, _RESOLVED: _PENDING_REVIEW},
        otherwise=OverrideAlreadyActive,
        guards=(subject_is_overridable,),
        names_reviewers=True,
        for_people=True,
    ),
    ActionType.ACCEPT: Transition(
        roles=frozenset({Role.REVIEWER}),
        relation=Relation.REVIEWER,
        features=_OVERRIDES,
        targets={_PENDING_REVIEW: _RESOLVED},
        otherwise=NoPendingOverride,
        decision=OverrideStatus.ACCEPTED,
        guards=(subject_is_unchanged, steps_to_accept_are_taken),
        override_guards=(override_is_in_time,),
        on_override=True,
        names_override=True,
        for_people=True,
        notes_open_steps=True,
    ),
    ActionType.REFUSE: Transition(
        roles=frozenset({Role.REVIEWER}),
        relation=Relation.REVIEWER,
        features=_OVERRIDES,
        targets={_PENDING_REVIEW: _IN_PROGRESS},
        otherwise=NoPendingOverride,
        decision=OverrideStatus.REFUSED,
        override_guards=(override_is_in_time,),
        on_override=True,
        names_override=True,
        for_people=True,
    ),
    ActionType.CANCEL: Transition(
        roles=frozenset(),
        relation=Relation.CREATOR,
        features=_OVERRIDES,
        targets={_PENDING_REVIEW: _IN_PROGRESS},
        otherwise=NoPendingOverride,
        decision=OverrideStatus.CANCELLED,
        on_override=True,
    ),
    ActionType.CLOSE: Transition(
        roles=PARTICIPANTS,
        relation=Relation.ANYBODY,
        features=_CASES,
        targets={_OPEN: _CLOSED, _IN_PROGRESS: _CLOSED, _RESOLVED: _CLOSED},
        otherwise=OverridePending,
        guards=(steps_to_close_are_taken,),
        notes_open_steps=True,
    ),
    ActionType.REASSIGN: Transition(
        roles=frozenset({Role.CONTRIBUTOR}),
        relation=Relation.ANYBODY,
        features=_OVERRIDES,
        targets={_PENDING_REVIEW: _PENDING_REVIEW},
        otherwise=NoPendingOverride,
        override_guards=(override_is_in_time, reviewers_are_gone),
        on_override=True,
        names_override=True,
        names_reviewers=True,
        for_people=True,
    ),
    ActionType.REDACT: Transition(
        roles=frozenset({Role.ADMIN}),
        relation=Relation.ANYBODY,
        features=_CASES,
        targets=_WHEREVER_IT_STANDS,
        otherwise=CaseClosed,
        erases=True,
        scope=Scope.ADMIN_WRITE,
    ),
    ActionType.HOLD: Transition(
        roles=frozenset({Role.ADMIN}),
        relation=Relation.ANYBODY,
        features=_CASES,
        targets=_WHEREVER_IT_STANDS,
        otherwise=CaseClosed,
        scope=Scope.ADMIN_WRITE,
    ),
    ActionType.EVALUATION: Transition(
        roles=frozenset(),
        relation=Relation.ANYBODY,
        features=_CASES,
        targets=_WHILE_OPEN,
        otherwise=CaseClosed,
        for_services=True,
        names_case=False,
        about=("input",),
        scope=Scope.SUBJECTS_WRITE,
    ),
    ActionType.ASSIGN: Transition(
        roles=PARTICIPANTS,
        relation=Relation.ANYBODY,
        features=_CASES,
        targets=_WHILE_OPEN,
        otherwise=CaseClosed,
    ),
    ActionType.SET_DUE_DATE: Transition(
        roles=PARTICIPANTS,
        relation=Relation.ANYBODY,
        features=_CASES,
        targets=_WHILE_OPEN,
        otherwise=CaseClosed,
    ),
    ActionType.EXPIRE: Transition(
        roles=frozenset(),
        relation=Relation.ANYBODY,
        features=_OVERRIDES,
        targets={_PENDING_REVIEW: _IN_PROGRESS},
        otherwise=NoPendingOverride,
        decision=OverrideStatus.EXPIRED,
        on_override=True,
        for_system=True,
        names_case=False,
        about=("input",),
    ),
    **dict.fromkeys(
        (ActionType.REMIND, ActionType.ESCALATE),
        Transition(
            roles=frozenset(),
            relation=Relation.ANYBODY,
            features=_CASES,
            targets=_WHILE_OPEN,
            otherwise=CaseClosed,
            for_system=True,
            names_case=False,
            about=("input",),
        ),
    ),
    ActionType.RECORD_STEP: Transition(
        roles=PARTICIPANTS,
        relation=Relation.ANYBODY,
        features=_CASES,
        targets=_AFTER_WORK,
        otherwise=CaseClosed,
        guards=(checklist_has_steps,),
    ),
}

CASE_ACTIONS: Sequence[ActionType] = tuple(action for action in ActionType if TRANSITIONS[action].names_case)
"""The actions on a case that is named."""


def admit(action: ActionType, actor: Actor, *, brings_documents: bool = False) -> None:
    """Refuse what the account or the token may not do, before any input is looked at.

    Raises: FeatureDisabled, InsufficientScope.
    """
    for feature in TRANSITIONS[action].features:
        if feature not in actor.features:
            raise FeatureDisabled(feature=feature)
    own = TRANSITIONS[action].scope
    for scope in (own, Scope.DOCUMENTS_WRITE) if brings_documents else (own,):
        if scope not in actor.scopes:
            raise InsufficientScope(scope=scope)


def may_try(action: ActionType, actor: Actor) -> bool:
    """Tell whether the actor may do this to some case, whatever its state and its overrides."""
    try:
        admit(action, actor)
        authorize_role(action, actor)
    except Refusal:
        return False
    return True


def authorize_role(action: ActionType, actor: Actor) -> None:
    """Refuse a person who may never do this.

    Raises: UserInactive, PersonRequired, ServiceAccountRequired, RoleRequired.
    """
    if not actor.active:
        raise UserInactive()
    if TRANSITIONS[action].for_people and actor.kind is not UserKind.PERSON:
        raise PersonRequired()
    if TRANSITIONS[action].for_services and actor.kind is not UserKind.SERVICE:
        raise ServiceAccountRequired()
    if TRANSITIONS[action].for_system:
        raise RoleRequired(roles=())
    roles = TRANSITIONS[action].roles
    if roles and not roles & actor.roles:
        raise RoleRequired(roles=tuple(role for role in Role if role in roles))


def authorize(action: ActionType, actor: Actor, override: OverrideFacts | None) -> None:
    """Refuse a person who may not do this, or not to this *override*; tell nothing of any state.

    Raises: UserInactive, PersonRequired, RoleRequired, SelfReviewForbidden, NotAssignedReviewer, ReviewerTooRecent,
    NotOverrideCreator.
    """
    authorize_role(action, actor)
    if override is None:
        return
    is_creator = actor.user_id == override.creator_id
    match TRANSITIONS[action].relation:
        case Relation.CREATOR if not is_creator:
            raise NotOverrideCreator("input", "overrideId")
        case Relation.REVIEWER if is_creator:
            raise SelfReviewForbidden("input", "overrideId")
        case Relation.REVIEWER if actor.restrict_to_assigned_reviewers and not override.asks(actor.user_id):
            raise NotAssignedReviewer("input", "overrideId")
        case Relation.REVIEWER if actor.reviewer_since is None or actor.reviewer_since > override.created_at:
            raise ReviewerTooRecent("input", "overrideId")


def advance(
    action: ActionType, status: CaseStatus | None, override: OverrideFacts | None = None, *, is_held: bool = False
) -> CaseStatus:
    """Return the status that follows *action*, or refuse.

    *status* is None where there is no case yet. What is done to an *override* looks at that too, and what erases at
    whether the case *is held*.

    Raises: StateRefused.
    """
    transition = TRANSITIONS[action]
    if status is CaseStatus.CLOSED and status not in transition.targets:
        raise CaseClosed(*transition.about)
    if transition.on_override and override is not None and override.status is not OverrideStatus.PENDING:
        raise OverrideNotPending("input", "overrideId", status=override.status)
    if status not in transition.targets:
        raise transition.otherwise(*transition.about)
    if override is not None:
        for check in transition.override_guards:
            check(override)
    if is_held and transition.erases:
        raise LegalHold(*transition.about)
    return transition.targets[status]


def guard(action: ActionType, facts: CaseFacts, requested: RequestedStatus | None = None) -> None:
    """Refuse what the subject or the checklist does not allow.

    Raises: SubjectNotOverridable, OverrideNoChange, SubjectChanged, ChecklistOpen, InvalidStep.
    """
    for check in TRANSITIONS[action].guards:
        check(facts, requested)


def check_reviewers(
    actor: Actor,
    reviewer_ids: Sequence[UUID],
    candidates: Mapping[UUID, Candidate],
    override: OverrideFacts | None = None,
    represented_ids: Collection[UUID] = (),
) -> list[Refusal]:
    """Return what is wrong with the people who are asked to review, in the order of *reviewer_ids*.

    *override* is the one that they are asked to decide on; where there is none yet, it will be the actor's.
    *represented_ids*: in whose place the actor would decide, now or later: to name one would be to name oneself.
    """
    creator_id = actor.user_id if override is None else override.creator_id
    refusals: list[Refusal] = []
    for index, reviewer_id in enumerate(reviewer_ids):
        path = ("input", "reviewerIds", str(index))
        candidate = candidates.get(reviewer_id)
        if reviewer_id == creator_id:
            refusals.append(CreatorCannotReview(*path))
        elif reviewer_id == actor.user_id or reviewer_id in represented_ids:
            refusals.append(SelfAssignmentForbidden(*path))
        elif candidate is None or not candidate.is_able:
            refusals.append(InvalidReviewer(*path, id=reviewer_id))
        elif override is not None and not candidate.is_early_enough(override.created_at):
            refusals.append(ReviewerTooRecent(*path))
    return refusals


def check_assignee(assignee_id: UUID, candidate: Candidate | None) -> None:
    """Refuse somebody who can't work on cases, or is not in the account. Raises: InvalidAssignee."""
    if candidate is None or not candidate.can_own:
        raise InvalidAssignee("input", "assigneeId", id=assignee_id)


def allowed_from(status: CaseStatus) -> list[ActionType]:
    """Return the actions that the table allows from *status*, for some actor."""
    return [action for action in CASE_ACTIONS if status in TRANSITIONS[action].targets]


@dataclass(frozen=True, slots=True)
class Availability:
    """What a viewer may do now: `refusal` is None, or just what the mutation would answer.

    `status_after` is the case's next status, None where it is refused.
    """

    action: ActionType
    refusal: Refusal | None
    status_after: CaseStatus | None = None


def available(actor: Actor, facts: CaseFacts) -> list[Availability]:
    """Return each of the actions on a case with what the mutation would answer to *actor*, given good input."""
    return [_availability(action, actor, facts) for action in CASE_ACTIONS]


def _availability(action: ActionType, actor: Actor, facts: CaseFacts) -> Availability:
    override = facts.override
    if override is None and TRANSITIONS[action].names_override:
        override = facts.finished
    try:
        admit(action, actor)
        authorize(action, actor, override)
        status = advance(action, facts.status, override, is_held=facts.is_held)
        guard(action, facts)
    except Refusal as refusal:
        return Availability(action, refusal)
    return Availability(action, None, status)
