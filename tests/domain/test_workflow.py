"""The workflow against tables written out here: every action, status, set of roles and relation to the override.

The tables are copies of DOMAIN's by hand, never made from `TRANSITIONS`: a wrong row there can't agree with itself.
"""

import ast
import sys
from dataclasses import replace
from datetime import timedelta
from itertools import product
from uuid import UUID

import pytest

from app.domain.errors import Refusal, StateRefused
from app.domain.facts import Actor, Candidate, CaseFacts
from app.domain.model import (
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
from app.domain.workflow import (
    admit,
    advance,
    allowed_from,
    authorize,
    available,
    check_assignee,
    check_reviewers,
    guard,
    may_try,
)
from app.domain.workflow_chart import mermaid, table
from tests.support.paths import ROOT
from tests.support.workflow_situations import (
    ACTOR,
    ANOTHER_PERSON,
    OVERRIDE,
    RELATIONS,
    ROLE_SETS,
    WHEN,
    Situation,
    actor_of,
    cells,
    code_of,
    offered,
    override_of,
    situations,
)

CASE_ACTIONS = ["COMMENT", "REQUEST_OVERRIDE", "ACCEPT", "REFUSE", "CANCEL", "CLOSE", "REASSIGN", "REDACT", "HOLD"]
CASE_ACTIONS += ["ASSIGN", "SET_DUE_DATE", "RECORD_STEP"]

# Who: C contributor, R reviewer, A administrator, - nobody. The relation is what the actor is to the override that the
# decision is about; "restricted" is an account with restrictToAssignedReviewers.
WHO = """
action            relation                 -     C     R     A     CR    CA    RA    CRA
COMMENT           none                     role  ok    ok    role  ok    ok    ok    ok
COMMENT           creator                  role  ok    ok    role  ok    ok    ok    ok
COMMENT           assigned                 role  ok    ok    role  ok    ok    ok    ok
COMMENT           other                    role  ok    ok    role  ok    ok    ok    ok
COMMENT           restricted-creator       role  ok    ok    role  ok    ok    ok    ok
COMMENT           restricted-assigned      role  ok    ok    role  ok    ok    ok    ok
COMMENT           restricted-other         role  ok    ok    role  ok    ok    ok    ok
REQUEST_OVERRIDE  none                     role  ok    role  role  ok    ok    role  ok
REQUEST_OVERRIDE  creator                  role  ok    role  role  ok    ok    role  ok
REQUEST_OVERRIDE  assigned                 role  ok    role  role  ok    ok    role  ok
REQUEST_OVERRIDE  other                    role  ok    role  role  ok    ok    role  ok
REQUEST_OVERRIDE  restricted-creator       role  ok    role  role  ok    ok    role  ok
REQUEST_OVERRIDE  restricted-assigned      role  ok    role  role  ok    ok    role  ok
REQUEST_OVERRIDE  restricted-other         role  ok    role  role  ok    ok    role  ok
ACCEPT            none                     role  role  ok    role  ok    role  ok    ok
ACCEPT            creator                  role  role  self  role  self  role  self  self
ACCEPT            assigned                 role  role  ok    role  ok    role  ok    ok
ACCEPT            other                    role  role  ok    role  ok    role  ok    ok
ACCEPT            restricted-creator       role  role  self  role  self  role  self  self
ACCEPT            restricted-assigned      role  role  ok    role  ok    role  ok    ok
ACCEPT            restricted-other         role  role  asked role  asked role  asked asked
REFUSE            none                     role  role  ok    role  ok    role  ok    ok
REFUSE            creator                  role  role  self  role  self  role  self  self
REFUSE            assigned                 role  role  ok    role  ok    role  ok    ok
REFUSE            other                    role  role  ok    role  ok    role  ok    ok
REFUSE            restricted-creator       role  role  self  role  self  role  self  self
REFUSE            restricted-assigned      role  role  ok    role  ok    role  ok    ok
REFUSE            restricted-other         role  role  asked role  asked role  asked asked
CANCEL            none                     ok    ok    ok    ok    ok    ok    ok    ok
CANCEL            creator                  ok    ok    ok    ok    ok    ok    ok    ok
CANCEL            assigned                 own   own   own   own   own   own   own   own
CANCEL            other                    own   own   own   own   own   own   own   own
CANCEL            restricted-creator       ok    ok    ok    ok    ok    ok    ok    ok
CANCEL            restricted-assigned      own   own   own   own   own   own   own   own
CANCEL            restricted-other         own   own   own   own   own   own   own   own
CLOSE             none                     role  ok    ok    role  ok    ok    ok    ok
CLOSE             creator                  role  ok    ok    role  ok    ok    ok    ok
CLOSE             assigned                 role  ok    ok    role  ok    ok    ok    ok
CLOSE             other                    role  ok    ok    role  ok    ok    ok    ok
CLOSE             restricted-creator       role  ok    ok    role  ok    ok    ok    ok
CLOSE             restricted-assigned      role  ok    ok    role  ok    ok    ok    ok
CLOSE             restricted-other         role  ok    ok    role  ok    ok    ok    ok
REASSIGN          none                     role  ok    role  role  ok    ok    role  ok
REASSIGN          creator                  role  ok    role  role  ok    ok    role  ok
REASSIGN          assigned                 role  ok    role  role  ok    ok    role  ok
REASSIGN          other                    role  ok    role  role  ok    ok    role  ok
REASSIGN          restricted-creator       role  ok    role  role  ok    ok    role  ok
REASSIGN          restricted-assigned      role  ok    role  role  ok    ok    role  ok
REASSIGN          restricted-other         role  ok    role  role  ok    ok    role  ok
REDACT            none                     role  role  role  ok    role  ok    ok    ok
REDACT            creator                  role  role  role  ok    role  ok    ok    ok
REDACT            assigned                 role  role  role  ok    role  ok    ok    ok
REDACT            other                    role  role  role  ok    role  ok    ok    ok
REDACT            restricted-creator       role  role  role  ok    role  ok    ok    ok
REDACT            restricted-assigned      role  role  role  ok    role  ok    ok    ok
REDACT            restricted-other         role  role  role  ok    role  ok    ok    ok
HOLD              none                     role  role  role  ok    role  ok    ok    ok
HOLD              creator                  role  role  role  ok    role  ok    ok    ok
HOLD              assigned                 role  role  role  ok    role  ok    ok    ok
HOLD              other                    role  role  role  ok    role  ok    ok    ok
HOLD              restricted-creator       role  role  role  ok    role  ok    ok    ok
HOLD              restricted-assigned      role  role  role  ok    role  ok    ok    ok
HOLD              restricted-other         role  role  role  ok    role  ok    ok    ok
ASSIGN            none                     role  ok    ok    role  ok    ok    ok    ok
ASSIGN            creator                  role  ok    ok    role  ok    ok    ok    ok
ASSIGN            assigned                 role  ok    ok    role  ok    ok    ok    ok
ASSIGN            other                    role  ok    ok    role  ok    ok    ok    ok
ASSIGN            restricted-creator       role  ok    ok    role  ok    ok    ok    ok
ASSIGN            restricted-assigned      role  ok    ok    role  ok    ok    ok    ok
ASSIGN            restricted-other         role  ok    ok    role  ok    ok    ok    ok
SET_DUE_DATE      none                     role  ok    ok    role  ok    ok    ok    ok
SET_DUE_DATE      creator                  role  ok    ok    role  ok    ok    ok    ok
SET_DUE_DATE      assigned                 role  ok    ok    role  ok    ok    ok    ok
SET_DUE_DATE      other                    role  ok    ok    role  ok    ok    ok    ok
SET_DUE_DATE      restricted-creator       role  ok    ok    role  ok    ok    ok    ok
SET_DUE_DATE      restricted-assigned      role  ok    ok    role  ok    ok    ok    ok
SET_DUE_DATE      restricted-other         role  ok    ok    role  ok    ok    ok    ok
RECORD_STEP       none                     role  ok    ok    role  ok    ok    ok    ok
RECORD_STEP       creator                  role  ok    ok    role  ok    ok    ok    ok
RECORD_STEP       assigned                 role  ok    ok    role  ok    ok    ok    ok
RECORD_STEP       other                    role  ok    ok    role  ok    ok    ok    ok
RECORD_STEP       restricted-creator       role  ok    ok    role  ok    ok    ok    ok
RECORD_STEP       restricted-assigned      role  ok    ok    role  ok    ok    ok    ok
RECORD_STEP       restricted-other         role  ok    ok    role  ok    ok    ok    ok
"""
REFUSED = {
    "role": "ROLE_REQUIRED",
    "self": "SELF_REVIEW_FORBIDDEN",
    "asked": "NOT_ASSIGNED_REVIEWER",
    "own": "NOT_OVERRIDE_CREATOR",
}

# The same where the decision names a finished override.
WHEN_FINISHED = """
action            OPEN                  IN_PROGRESS           PENDING_REVIEW           RESOLVED              CLOSED
COMMENT           IN_PROGRESS           IN_PROGRESS           PENDING_REVIEW           RESOLVED              CASE_CLOSED
REQUEST_OVERRIDE  PENDING_REVIEW        PENDING_REVIEW        OVERRIDE_ALREADY_ACTIVE  PENDING_REVIEW        CASE_CLOSED
ACCEPT            OVERRIDE_NOT_PENDING  OVERRIDE_NOT_PENDING  OVERRIDE_NOT_PENDING     OVERRIDE_NOT_PENDING  CASE_CLOSED
REFUSE            OVERRIDE_NOT_PENDING  OVERRIDE_NOT_PENDING  OVERRIDE_NOT_PENDING     OVERRIDE_NOT_PENDING  CASE_CLOSED
CANCEL            OVERRIDE_NOT_PENDING  OVERRIDE_NOT_PENDING  OVERRIDE_NOT_PENDING     OVERRIDE_NOT_PENDING  CASE_CLOSED
CLOSE             CLOSED                CLOSED                OVERRIDE_PENDING         CLOSED                CASE_CLOSED
REASSIGN          OVERRIDE_NOT_PENDING  OVERRIDE_NOT_PENDING  OVERRIDE_NOT_PENDING     OVERRIDE_NOT_PENDING  CASE_CLOSED
REDACT            OPEN                  IN_PROGRESS           PENDING_REVIEW           RESOLVED              CLOSED
HOLD              OPEN                  IN_PROGRESS           PENDING_REVIEW           RESOLVED              CLOSED
ASSIGN            OPEN                  IN_PROGRESS           PENDING_REVIEW           RESOLVED              CASE_CLOSED
SET_DUE_DATE      OPEN                  IN_PROGRESS           PENDING_REVIEW           RESOLVED              CASE_CLOSED
RECORD_STEP       IN_PROGRESS           IN_PROGRESS           PENDING_REVIEW           RESOLVED              CASE_CLOSED
"""
# What a refusal is about.
ABOUT = {
    "ROLE_REQUIRED": (),
    "SELF_REVIEW_FORBIDDEN": ("input", "overrideId"),
    "NOT_ASSIGNED_REVIEWER": ("input", "overrideId"),
    "NOT_OVERRIDE_CREATOR": ("input", "overrideId"),
    "CASE_CLOSED": ("input", "caseId"),
    "OVERRIDE_PENDING": ("input", "caseId"),
    "OVERRIDE_ALREADY_ACTIVE": ("input", "caseId"),
    "NO_PENDING_OVERRIDE": ("input", "caseId"),
    "OVERRIDE_NOT_PENDING": ("input", "overrideId"),
}


STATUSES = {str(status) for status in CaseStatus}
WHO_CELLS = dict(cells(WHO))
WHEN_CELLS = {(*place, False): cell for place, cell in cells(WHEN)} | {
    (*place, True): cell for place, cell in cells(WHEN_FINISHED)
}


def expected_answer(action: str, status: str, situation: Situation) -> str:
    """Return what the tables say: the next status, or a code."""
    roles, relation, override = situation
    cell = WHO_CELLS[action, relation, roles]
    finished = override not in (None, OverrideStatus.PENDING)
    return WHEN_CELLS[action, status, finished] if cell == "ok" else REFUSED[cell]


def answer(action: str, actor: Actor, facts: CaseFacts) -> tuple[str, tuple[str, ...] | None]:
    """Return what the workflow answers, and the field that a refusal is about."""
    try:
        authorize(ActionType(action), actor, facts.override)
        return advance(ActionType(action), facts.status, facts.override), None
    except Refusal as refusal:
        return refusal.code, refusal.path


def refusal_of_admission(action: ActionType, actor: Actor) -> tuple[str, object] | None:
    try:
        admit(action, actor)
    except Refusal as refusal:
        ((_, value),) = refusal.params.items()
        return refusal.code, value
    return None


def test_the_tables_are_whole() -> None:
    assert WHO_CELLS.keys() == set(product(CASE_ACTIONS, RELATIONS, ROLE_SETS))
    assert WHEN_CELLS.keys() == set(product(CASE_ACTIONS, STATUSES, (False, True)))
    assert {"OPEN", "EVALUATION", "EXPIRE", "REMIND", "ESCALATE", *CASE_ACTIONS} == set(ActionType)


@pytest.mark.parametrize("status", CaseStatus)
@pytest.mark.parametrize("action", CASE_ACTIONS)
def test_the_workflow_answers_as_the_tables_say(action: str, status: CaseStatus) -> None:
    answers = {situation: answer(action, actor, facts) for situation, actor, facts in situations(status)}

    assert len(answers) == 8 * (6 * 5 if status == "PENDING_REVIEW" else 1 + 6 * 4)
    expected = {situation: expected_answer(action, status, situation) for situation in answers}
    assert answers == {situation: (reported, ABOUT.get(reported)) for situation, reported in expected.items()}


@pytest.mark.parametrize("status", CaseStatus)
def test_what_is_available_is_what_the_tables_say(status: CaseStatus) -> None:
    for situation, actor, facts in situations(status):
        codes = {action: code_of(refusal) for action, refusal in offered(actor, facts).items()}

        expected = {action: expected_answer(action, status, situation) for action in CASE_ACTIONS}
        assert codes == {action: None if reported in STATUSES else reported for action, reported in expected.items()}, (
            situation
        )


def test_who_may_not_act_learns_nothing_of_the_state() -> None:
    reported: dict[tuple[str, str, str], set[str]] = {}
    for status in CaseStatus:
        for (roles, relation, _), actor, facts in situations(status):
            for action, refusal in offered(actor, facts).items():
                if WHO_CELLS[action, relation, roles] != "ok":
                    assert refusal is not None and not isinstance(refusal, StateRefused)
                    whole = f"{type(refusal)} {refusal.path} {refusal.params} {refusal}"
                    reported.setdefault((action, relation, roles), set()).add(whole)

    assert len(reported) == sum(cell != "ok" for cell in WHO_CELLS.values())
    assert {len(answers) for answers in reported.values()} == {1}


@pytest.mark.parametrize("action", ["ACCEPT", "REFUSE"])
def test_a_creator_who_is_even_named_as_reviewer_decides_nothing(action: str) -> None:
    override = override_of("creator")
    assert override is not None
    named = replace(override, reviewer_ids=frozenset({ACTOR}))
    facts = CaseFacts(CaseStatus.PENDING_REVIEW, EvaluationStatus.UNFAVORABLE, named)

    for restricted in (False, True):
        # Another token of the same person makes no other person.
        actor = replace(actor_of("CRA", restricted=restricted), token_id=ANOTHER_PERSON, scopes=frozenset(Scope))
        assert answer(action, actor, facts)[0] == "SELF_REVIEW_FORBIDDEN"


@pytest.mark.parametrize("roles", ROLE_SETS)
def test_contributors_and_reviewers_open_cases(roles: str) -> None:
    if roles in ("-", "A"):
        with pytest.raises(Refusal) as refused:
            authorize(ActionType.OPEN, actor_of(roles), None)
        assert (refused.value.code, refused.value.path) == ("ROLE_REQUIRED", ())
        assert refused.value.params == {"roles": ("CONTRIBUTOR", "REVIEWER")}
    else:
        authorize(ActionType.OPEN, actor_of(roles), None)


@pytest.mark.parametrize("status", [status for status in CaseStatus if status != "CLOSED"])
def test_a_case_is_opened_only_where_the_subject_has_no_active_one(status: CaseStatus) -> None:
    with pytest.raises(StateRefused) as refused:
        advance(ActionType.OPEN, status)

    assert (refused.value.code, refused.value.path) == ("ACTIVE_CASE_EXISTS", ("input", "subject"))
    assert advance(ActionType.OPEN, None) is CaseStatus.OPEN


@pytest.mark.parametrize("action", ActionType)
def test_the_account_s_feature_is_checked_before_the_token_s_scope(action: ActionType) -> None:
    actor = actor_of("CRA")
    needs_overrides = action in ("REQUEST_OVERRIDE", "ACCEPT", "REFUSE", "CANCEL", "REASSIGN", "EXPIRE")
    others = {"REDACT": Scope.ADMIN_WRITE, "HOLD": Scope.ADMIN_WRITE, "EVALUATION": Scope.SUBJECTS_WRITE}
    scope = others.get(action, Scope.CASES_WRITE)
    no_scope = replace(actor, scopes=frozenset(Scope) - {scope})
    no_overrides = replace(actor, features=frozenset({Feature.CASES}))
    nothing = replace(actor, features=frozenset(), scopes=frozenset())

    assert refusal_of_admission(action, actor) is None
    assert refusal_of_admission(action, no_scope) == ("INSUFFICIENT_SCOPE", scope)
    assert refusal_of_admission(action, nothing) == ("FEATURE_DISABLED", "cases")
    expected = ("FEATURE_DISABLED", "overrides") if needs_overrides else None
    assert refusal_of_admission(action, no_overrides) == expected


@pytest.mark.parametrize("action", ActionType)
def test_an_inactive_person_may_do_nothing_whatever_their_role(action: ActionType) -> None:
    for roles, relation in product(ROLE_SETS, RELATIONS):
        with pytest.raises(Refusal) as refused:
            authorize(action, replace(actor_of(roles), active=False), override_of(relation))
        assert refused.value.code == "USER_INACTIVE"


@pytest.mark.parametrize("status", CaseStatus)
def test_what_the_workflow_allows_from_a_status_is_what_the_table_says(status: CaseStatus) -> None:
    allowed = [action for action in CASE_ACTIONS if WHEN_CELLS[action, status, False] in STATUSES]

    assert allowed_from(status) == allowed


def test_files_that_come_along_need_the_scope_of_documents_too() -> None:
    actor = replace(actor_of("C"), scopes=frozenset({Scope.CASES_WRITE}))

    admit(ActionType.COMMENT, actor)
    admit(ActionType.COMMENT, replace(actor, scopes=frozenset(Scope)), brings_documents=True)
    with pytest.raises(Refusal) as refused:
        admit(ActionType.COMMENT, actor, brings_documents=True)
    assert (refused.value.code, refused.value.params) == ("INSUFFICIENT_SCOPE", {"scope": "documents_write"})


@pytest.mark.parametrize("action", ActionType)
def test_who_may_try_is_who_has_the_feature_the_scope_and_the_role(action: ActionType) -> None:
    for roles in ROLE_SETS:
        actor = actor_of(roles)
        if action == "EVALUATION":
            assert not may_try(action, actor)
            actor, expected = replace(actor, kind=UserKind.SERVICE), True
        else:
            expected = roles not in ("-", "A") if action == "OPEN" else WHO_CELLS.get((action, "none", roles)) == "ok"
        assert may_try(action, actor) == expected, roles
        assert not may_try(action, replace(actor, scopes=frozenset()))
        assert not may_try(action, replace(actor, features=frozenset()))
        assert not may_try(action, replace(actor, active=False))


# --- The subject, the override and its reviewers ---------------------------------------------------------------------


def facts_of(subject: EvaluationStatus, **changes: object) -> CaseFacts:
    override = override_of("other")
    assert override is not None
    return CaseFacts(CaseStatus.PENDING_REVIEW, subject, replace(override, **changes))  # type: ignore[arg-type]


Answer = tuple[str, tuple[str, ...], dict[str, object]]
"""A refusal's code, the path of what it is about, and the values of its message."""


def guarded(action: str, facts: CaseFacts, requested: str | None = None) -> Answer | None:
    """Return the code, the path and the values of what the subject does not allow."""
    try:
        guard(ActionType(action), facts, None if requested is None else RequestedStatus(requested))
    except Refusal as refusal:
        return refusal.code, refusal.path, refusal.params
    return None


@pytest.mark.parametrize("subject", EvaluationStatus)
def test_an_override_is_requested_of_an_evaluated_subject_that_it_would_change(subject: EvaluationStatus) -> None:
    facts = CaseFacts(CaseStatus.OPEN, subject)
    never = ("SUBJECT_NOT_OVERRIDABLE", ("input", "caseId"), {"status": "UNEVALUATED"})
    same: Answer = ("OVERRIDE_NO_CHANGE", ("input", "requestedStatus"), {})

    for requested in ("FAVORABLE", "UNFAVORABLE"):
        expected = never if subject == "UNEVALUATED" else same if subject == requested else None
        assert guarded("REQUEST_OVERRIDE", facts, requested) == expected
    assert guarded("REQUEST_OVERRIDE", facts) == (never if subject == "UNEVALUATED" else None)


def test_an_override_is_accepted_only_on_the_result_that_it_was_requested_against() -> None:
    changed: Answer = ("SUBJECT_CHANGED", ("input", "overrideId"), {})

    for subject in EvaluationStatus:
        expected = None if subject == "UNFAVORABLE" else changed
        assert guarded("ACCEPT", facts_of(subject)) == expected
        assert guarded("REFUSE", facts_of(subject)) is None
    assert guarded("ACCEPT", CaseFacts(CaseStatus.PENDING_REVIEW, EvaluationStatus.ANOMALY)) is None


def test_reviewers_are_reassigned_only_where_none_can_decide() -> None:
    assert advance(ActionType.REASSIGN, CaseStatus.PENDING_REVIEW, override_of("other")) is CaseStatus.PENDING_REVIEW
    able = facts_of(EvaluationStatus.UNFAVORABLE, has_able_reviewer=True).override
    with pytest.raises(StateRefused) as refused:
        advance(ActionType.REASSIGN, CaseStatus.PENDING_REVIEW, able)

    assert (refused.value.code, refused.value.path) == ("REVIEWERS_AVAILABLE", ("input", "overrideId"))


def test_a_finished_override_is_refused_by_its_status() -> None:
    with pytest.raises(StateRefused) as refused:
        advance(ActionType.ACCEPT, CaseStatus.OPEN, override_of("other", OverrideStatus.REFUSED))

    assert refused.value.params == {"status": "REFUSED"}


def test_reviewers_must_be_active_reviewers_other_than_the_creator_and_the_actor() -> None:
    able, idle, contributor, late, unknown = (UUID(int=number) for number in range(0x20, 0x25))
    pending = override_of("other")
    assert pending is not None
    requested, reviewer = pending.created_at, frozenset({Role.REVIEWER})
    later = requested + timedelta(microseconds=1)
    candidates = {
        able: Candidate(able, active=True, roles=reviewer, reviewer_since=requested),
        late: Candidate(late, active=True, roles=reviewer, reviewer_since=later),
        idle: Candidate(idle, active=False, roles=frozenset({Role.REVIEWER})),
        contributor: Candidate(contributor, active=True, roles=frozenset({Role.CONTRIBUTOR, Role.ADMIN})),
        ACTOR: Candidate(ACTOR, active=True, roles=frozenset({Role.REVIEWER})),
        ANOTHER_PERSON: Candidate(ANOTHER_PERSON, active=True, roles=frozenset({Role.REVIEWER})),
    }

    def found(*ids: UUID, of_another: bool = False) -> list[tuple[str, tuple[str, ...], dict[str, object]]]:
        refusals = check_reviewers(actor_of("C"), ids, candidates, pending if of_another else None)
        return [(refusal.code, refusal.path, refusal.params) for refusal in refusals]

    assert found(able, ANOTHER_PERSON, late) == []
    assert found(able, ACTOR, idle, contributor, unknown) == [
        ("CREATOR_CANNOT_REVIEW", ("input", "reviewerIds", "1"), {}),
        ("INVALID_REVIEWER", ("input", "reviewerIds", "2"), {"id": idle}),
        ("INVALID_REVIEWER", ("input", "reviewerIds", "3"), {"id": contributor}),
        ("INVALID_REVIEWER", ("input", "reviewerIds", "4"), {"id": unknown}),
    ]
    assert found(ANOTHER_PERSON, ACTOR, able, late, of_another=True) == [
        ("CREATOR_CANNOT_REVIEW", ("input", "reviewerIds", "0"), {}),
        ("SELF_ASSIGNMENT_FORBIDDEN", ("input", "reviewerIds", "1"), {}),
        ("REVIEWER_TOO_RECENT", ("input", "reviewerIds", "3"), {}),
    ]


def test_an_owner_is_an_active_person_who_works_on_cases() -> None:
    roles = {role.value: frozenset({role}) for role in Role}
    able = [Candidate(OVERRIDE, active=True, roles=roles[name]) for name in ("CONTRIBUTOR", "REVIEWER")]
    unable = [
        Candidate(OVERRIDE, active=True, roles=roles["ADMIN"]),
        Candidate(OVERRIDE, active=False, roles=roles["REVIEWER"]),
        Candidate(OVERRIDE, active=True, roles=roles["CONTRIBUTOR"], kind=UserKind.SERVICE),
        None,
    ]

    for candidate in able:
        check_assignee(OVERRIDE, candidate)
    for stranger in unable:
        with pytest.raises(Refusal) as refused:
            check_assignee(OVERRIDE, stranger)
        assert (refused.value.code, refused.value.path) == ("INVALID_ASSIGNEE", ("input", "assigneeId"))
        assert refused.value.params == {"id": OVERRIDE}


@pytest.mark.parametrize("action", ["ACCEPT", "REFUSE", "REASSIGN"])
def test_no_reviewer_decides_once_the_time_of_an_override_is_over(action: str) -> None:
    override = override_of("other")
    assert override is not None

    with pytest.raises(StateRefused) as refused:
        advance(ActionType(action), CaseStatus.PENDING_REVIEW, replace(override, is_expired=True))

    assert (refused.value.code, refused.value.path) == ("OVERRIDE_EXPIRED", ("input", "overrideId"))
    assert advance(ActionType.CANCEL, CaseStatus.PENDING_REVIEW, override) is CaseStatus.IN_PROGRESS


# --- Results of the check system -------------------------------------------------------------------------------------


@pytest.mark.parametrize("roles", ROLE_SETS)
def test_results_are_recorded_by_service_accounts_and_by_no_person(roles: str) -> None:
    authorize(ActionType.EVALUATION, replace(actor_of(roles), kind=UserKind.SERVICE), None)

    with pytest.raises(Refusal) as refused:
        authorize(ActionType.EVALUATION, actor_of(roles), None)
    assert (refused.value.code, refused.value.path) == ("SERVICE_ACCOUNT_REQUIRED", ())


@pytest.mark.parametrize("status", CaseStatus)
def test_a_result_is_recorded_in_any_open_case_and_changes_no_status(status: CaseStatus) -> None:
    if status is not CaseStatus.CLOSED:
        assert advance(ActionType.EVALUATION, status) is status
        return
    with pytest.raises(StateRefused) as refused:
        advance(ActionType.EVALUATION, status)
    assert (refused.value.code, refused.value.path) == ("CASE_CLOSED", ("input",))


# --- Availability ----------------------------------------------------------------------------------------------------


def test_what_is_available_says_the_status_that_would_follow() -> None:
    facts = CaseFacts(CaseStatus.OPEN, EvaluationStatus.UNFAVORABLE, has_checklist=True)

    after = {str(item.action): item.status_after for item in available(actor_of("CR"), facts)}

    none = dict.fromkeys(("ACCEPT", "REFUSE", "CANCEL", "REASSIGN", "REDACT", "HOLD"))
    moves = {"COMMENT": "IN_PROGRESS", "REQUEST_OVERRIDE": "PENDING_REVIEW", "CLOSE": "CLOSED"}
    assert after == moves | {"ASSIGN": "OPEN", "SET_DUE_DATE": "OPEN", "RECORD_STEP": "IN_PROGRESS"} | none


def test_a_decision_that_must_name_an_override_is_about_the_last_where_none_is_pending() -> None:
    finished = override_of("other", OverrideStatus.REFUSED)
    facts = CaseFacts(CaseStatus.IN_PROGRESS, EvaluationStatus.UNFAVORABLE, None, finished)

    codes = {str(action): code_of(refusal) for action, refusal in offered(actor_of("CR"), facts).items()}

    assert codes["ACCEPT"] == codes["REFUSE"] == codes["REASSIGN"] == "OVERRIDE_NOT_PENDING"
    assert codes["CANCEL"] == "NO_PENDING_OVERRIDE"


# --- What is printed of the workflow ---------------------------------------------------------------------------------


@pytest.mark.parametrize("page", ["README.md", "app/docs/workflow.md"])
def test_the_page_shows_the_table_that_the_program_runs_on(page: str) -> None:
    text = (ROOT / page).read_text(encoding="utf-8")

    shown = text.split("<!-- workflow table -->\n")[1].split("<!-- end -->")[0]

    assert shown == table()
    assert [line.split("|")[1].strip() for line in shown.splitlines()[2:]] == CASE_ACTIONS


def test_the_manual_names_every_scope_and_role() -> None:
    page = (ROOT / "app/docs/workflow.md").read_text(encoding="utf-8")

    below = page.split("## Roles and scopes\n")[1].split("\n## ")[0]

    assert [word for word in (*Scope, *Role) if f"`{word}`" not in below] == []


def test_the_diagram_has_an_arrow_for_each_two_statuses_with_all_that_leads_along_it() -> None:
    assert mermaid().splitlines() == [
        "stateDiagram-v2",
        "    [*] --> OPEN: OPEN",
        "    OPEN --> IN_PROGRESS: COMMENT, RECORD_STEP",
        "    OPEN --> PENDING_REVIEW: REQUEST_OVERRIDE",
        "    OPEN --> CLOSED: CLOSE",
        "    IN_PROGRESS --> IN_PROGRESS: COMMENT, RECORD_STEP",
        "    IN_PROGRESS --> PENDING_REVIEW: REQUEST_OVERRIDE",
        "    IN_PROGRESS --> CLOSED: CLOSE",
        "    PENDING_REVIEW --> IN_PROGRESS: REFUSE, CANCEL, EXPIRE",
        "    PENDING_REVIEW --> PENDING_REVIEW: COMMENT, REASSIGN, RECORD_STEP",
        "    PENDING_REVIEW --> RESOLVED: ACCEPT",
        "    RESOLVED --> PENDING_REVIEW: REQUEST_OVERRIDE",
        "    RESOLVED --> RESOLVED: COMMENT, RECORD_STEP",
        "    RESOLVED --> CLOSED: CLOSE",
        "    CLOSED --> [*]",
    ]
    assert mermaid().endswith("CLOSED --> [*]\n")


def test_the_domain_uses_the_standard_library_alone_and_no_clock_or_device() -> None:
    imported = set()
    for path in (ROOT / "app" / "domain").glob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Import):
                imported |= {alias.name for alias in node.names}
            elif isinstance(node, ast.ImportFrom):
                assert node.level == 0 and node.module
                imported.add(node.module)

    foreign = {name for name in imported if name.split(".")[0] not in sys.stdlib_module_names}
    assert {name for name in foreign if not f"{name}.".startswith("app.domain.")} == set()
    assert imported & {"asyncio", "io", "os", "pathlib", "random", "secrets", "socket", "sqlite3", "time"} == set()
    assert "app.domain.model" in imported
