"""What is refused although the table would allow it: the subject, the reviewers, the version, and an override named.

First by the domain alone, then by `perform` on real databases, where the order of DOMAIN.md's section 4 is kept.
"""

from collections.abc import Sequence
from dataclasses import replace
from uuid import UUID, uuid4

import pytest
from sqlalchemy import func, select

from app.admin import accounts
from app.db import tables
from app.domain.commands import (
    AcceptOverride,
    AddComment,
    CancelOverride,
    CaseCommand,
    CloseCase,
    Command,
    OpenCase,
    RefuseOverride,
    RequestOverride,
    SubjectDetails,
)
from app.domain.errors import InputRefused, NotFound, Refusal, StateRefused
from app.domain.facts import Candidate, CaseFacts
from app.domain.model import (
    ActionType,
    CaseStatus,
    EvaluationStatus,
    Feature,
    RequestedStatus,
    Resolution,
    Role,
    Scope,
    SubjectType,
)
from app.domain.workflow import check_reviewers, guard
from tests.support.database_contents import set_by_hand
from tests.support.workflow_situations import ACTOR, actor_of, cells, code_of, offered, override_of
from tests.support.world import Person, World, make_person, make_world

# Of each subject's status: what requesting FAVORABLE, requesting UNFAVORABLE, and `available` for a request answer.
GUARDS = """
subject      FAVORABLE                UNFAVORABLE              available
PENDING      ok                       ok                       ok
FAVORABLE    OVERRIDE_NO_CHANGE       ok                       ok
UNFAVORABLE  ok                       OVERRIDE_NO_CHANGE       ok
ANOMALY      ok                       ok                       ok
UNCONFIRMED  ok                       ok                       ok
UNEVALUATED  SUBJECT_NOT_OVERRIDABLE  SUBJECT_NOT_OVERRIDABLE  SUBJECT_NOT_OVERRIDABLE
"""


def guard_answer(facts: CaseFacts, requested: str) -> str:
    if requested == "available":
        return code_of(offered(actor_of("C"), facts)[ActionType.REQUEST_OVERRIDE]) or "ok"
    try:
        guard(ActionType.REQUEST_OVERRIDE, facts, RequestedStatus(requested))
    except Refusal as refusal:
        return refusal.code
    return "ok"


def test_an_override_is_requested_only_of_a_subject_that_it_would_change() -> None:
    expected = dict(cells(GUARDS))

    answers = {
        (subject, requested): guard_answer(CaseFacts(CaseStatus.OPEN, EvaluationStatus(subject)), requested)
        for subject, requested in expected
    }

    assert answers == expected
    assert {subject for subject, _ in expected} == set(EvaluationStatus)


@pytest.mark.parametrize("subject", EvaluationStatus)
def test_a_request_is_accepted_only_against_the_result_that_it_was_made_against(subject: EvaluationStatus) -> None:
    facts = CaseFacts(CaseStatus.PENDING_REVIEW, subject, override_of("assigned"))

    answers = offered(actor_of("R"), facts)

    assert code_of(answers[ActionType.ACCEPT]) == (None if subject == "UNFAVORABLE" else "SUBJECT_CHANGED")
    assert answers[ActionType.REFUSE] is None


def test_all_errors_of_the_reviewers_come_in_their_order() -> None:
    good, idle, contributor, stranger = (UUID(int=number) for number in range(10, 14))
    candidates = {
        good: Candidate(good, True, frozenset({Role.REVIEWER})),
        idle: Candidate(idle, False, frozenset({Role.REVIEWER})),
        contributor: Candidate(contributor, True, frozenset({Role.CONTRIBUTOR, Role.ADMIN})),
        ACTOR: Candidate(ACTOR, True, frozenset({Role.CONTRIBUTOR, Role.REVIEWER})),
    }

    refusals = check_reviewers(actor_of("CR"), [good, idle, ACTOR, contributor, stranger], candidates)

    assert [(refusal.code, refusal.path, refusal.params) for refusal in refusals] == [
        ("INVALID_REVIEWER", ("input", "reviewerIds", "1"), {"id": idle}),
        ("CREATOR_CANNOT_REVIEW", ("input", "reviewerIds", "2"), {}),
        ("INVALID_REVIEWER", ("input", "reviewerIds", "3"), {"id": contributor}),
        ("INVALID_REVIEWER", ("input", "reviewerIds", "4"), {"id": stranger}),
    ]


# --- By the one write path, on both databases ------------------------------------------------------------------------


async def codes_of(world: World, person: Person, command: Command) -> list[str]:
    """Return the codes of what is refused, and see to it that nothing was written."""
    rows = select(func.count()).select_from(tables.case_actions)
    async with world.database.read() as connection:
        before = await connection.scalar(rows)
    with pytest.raises((Refusal, InputRefused)) as refused:
        await world.do(person, command)
    async with world.database.read() as connection:
        assert await connection.scalar(rows) == before
    error: Exception = refused.value
    refusals = error.refusals if isinstance(error, InputRefused) else [error]
    return [refusal.code for refusal in refusals if isinstance(refusal, Refusal)]


def request(case_id: UUID, reviewers: Sequence[UUID], status: str = "FAVORABLE") -> RequestOverride:
    return RequestOverride(
        case_id=case_id, requested_status=RequestedStatus(status), reviewer_ids=tuple(reviewers), comment="A call."
    )


async def test_people_who_can_not_review_are_not_assigned(world: World) -> None:
    case_id = (await world.open_case()).case.id
    elsewhere = await make_world(world.database)
    idle = await make_person(world.database, world.account_id, "Ines", Role.REVIEWER)
    await accounts.revoke_user(world.database, idle.id)
    given = [world.rosa.id, world.ada.id, idle.id, world.carl.id, world.aldo.id, elsewhere.rosa.id, uuid4()]

    reported = await codes_of(world, world.ada, request(case_id, given))

    assert reported == ["CREATOR_CANNOT_REVIEW", *["INVALID_REVIEWER"] * 5]
    await world.do(world.ada, request(case_id, [world.rosa.id, world.bea.id]))


async def test_the_subject_has_the_last_word_on_a_request(world: World) -> None:
    unevaluated = (await world.open_case(status=EvaluationStatus.UNEVALUATED)).case.id
    unfavorable = (await world.open_case(status=EvaluationStatus.UNFAVORABLE)).case.id
    reviewers = [world.rosa.id]

    assert await codes_of(world, world.ada, request(unevaluated, reviewers)) == ["SUBJECT_NOT_OVERRIDABLE"]
    assert await codes_of(world, world.ada, request(unfavorable, reviewers, "UNFAVORABLE")) == ["OVERRIDE_NO_CHANGE"]


async def test_an_override_of_a_changed_result_is_not_accepted(world: World) -> None:
    requested = await world.case_in(CaseStatus.PENDING_REVIEW)
    case_id = requested.case.id
    # The system that makes the checks changes its mind.
    anomaly = {"evaluation_status": EvaluationStatus.ANOMALY}
    await set_by_hand(world.database, tables.subjects, requested.case.subject_id, **anomaly)

    assert await codes_of(world, world.rosa, AcceptOverride(**await world.read(case_id))) == ["SUBJECT_CHANGED"]
    assert (await world.refuse(case_id)).case.status is CaseStatus.IN_PROGRESS


@pytest.mark.parametrize("kind", [AcceptOverride, RefuseOverride, CancelOverride])
async def test_a_finished_override_is_never_decided_on_again(
    world: World, kind: type[AcceptOverride | RefuseOverride | CancelOverride]
) -> None:
    person = world.ada if kind is CancelOverride else world.rosa
    case_id = (await world.open_case()).case.id
    finished = []
    for end in (world.cancel, world.refuse):
        await world.request_override(case_id)
        finished.append((await end(case_id)).override)
    other = await world.case_in(CaseStatus.PENDING_REVIEW)
    await world.request_override(case_id)
    assert other.override is not None

    read = await world.read(case_id)
    for override in finished:
        assert override is not None
        command = kind(**read | {"override_id": override.id})
        assert await codes_of(world, person, command) == ["OVERRIDE_NOT_PENDING"]
    for unknown in (uuid4(), other.override.id):
        assert await codes_of(world, person, kind(**read | {"override_id": unknown})) == ["NOT_FOUND"]


async def test_the_first_failing_check_answers(world: World) -> None:
    """Mend one fault after another, in the order of DOMAIN.md's section 4."""
    pending = await world.case_in(CaseStatus.PENDING_REVIEW)
    unevaluated = await world.open_case(status=EvaluationStatus.UNEVALUATED)
    opened = await world.open_case()
    keyed = AddComment(case_id=opened.case.id, comment="Once.", idempotency_key="once")
    await world.do(world.carl, keyed)
    asker = replace(
        world.carl.actor,
        features=frozenset[Feature](),
        scopes=frozenset[Scope](),
        roles=frozenset[Role](),
        active=False,
    )
    command = replace(request(uuid4(), [uuid4()]), expected_version=99, idempotency_key="once")

    mends = [
        (asker, command, "FEATURE_DISABLED"),
        (asker := replace(asker, features=frozenset(Feature)), command, "INSUFFICIENT_SCOPE"),
        (asker := replace(asker, scopes=frozenset(Scope)), command, "IDEMPOTENCY_KEY_REUSED"),
        (asker, command := replace(command, idempotency_key=None), "NOT_FOUND"),
        (asker, command := replace(command, case_id=pending.case.id), "USER_INACTIVE"),
        (asker := replace(asker, active=True), command, "ROLE_REQUIRED"),
        (asker := replace(asker, roles=world.carl.actor.roles), command, "OVERRIDE_ALREADY_ACTIVE"),
        (asker, command := replace(command, case_id=unevaluated.case.id), "INVALID_REVIEWER"),
        (asker, command := replace(command, reviewer_ids=(world.rosa.id,)), "VERSION_CONFLICT"),
        (asker, replace(command, expected_version=unevaluated.case.version), "SUBJECT_NOT_OVERRIDABLE"),
    ]

    for actor, given, code in mends:
        carl = Person(replace(world.carl.identity, actor=actor), world.carl.token)
        assert await codes_of(world, carl, given) == [code]


async def test_the_creator_is_refused_before_the_state_is_looked_at(world: World) -> None:
    case_id = (await world.open_case()).case.id
    requested = await world.request_override(case_id, world.bea)
    await world.refuse(case_id)
    await world.do(world.ada, CloseCase(case_id=case_id))
    assert requested.override is not None
    named = AcceptOverride(case_id=case_id, override_id=requested.override.id, expected_version=99)

    assert await codes_of(world, world.bea, named) == ["SELF_REVIEW_FORBIDDEN"]
    assert await codes_of(world, world.rosa, named) == ["CASE_CLOSED"]


async def test_a_subject_has_one_active_case(world: World) -> None:
    subject = SubjectDetails(type=SubjectType.COMPANY_ACCOUNT_CHECK, external_ref="check-1", label="Moulins")
    opened = await world.do(world.ada, OpenCase(subject=subject, title="The first"))
    again = OpenCase(subject=subject, title="The second")

    with pytest.raises(StateRefused) as refused:
        await world.do(world.carl, again)

    assert (refused.value.code, refused.value.case_id) == ("ACTIVE_CASE_EXISTS", opened.case.id)
    await world.do(world.ada, CloseCase(case_id=opened.case.id))
    assert (await world.do(world.carl, again)).case.subject_id == opened.case.subject_id


# What was done before closing, and what closing without a resolution then says.
CLOSINGS = {
    "nothing": ([], Resolution.NOT_CONCLUSIVE),
    "refused": (["request", "refuse"], Resolution.NOT_CONCLUSIVE),
    "cancelled": (["request", "cancel"], Resolution.NOT_CONCLUSIVE),
    "accepted": (["request", "accept"], Resolution.OVERRIDE_APPLIED),
    "accepted and commented": (["request", "accept", "comment"], Resolution.OVERRIDE_APPLIED),
    "accepted, then another refused": (["request", "accept", "undo", "refuse"], Resolution.OVERRIDE_APPLIED),
}


@pytest.mark.parametrize("history", CLOSINGS)
async def test_closing_says_by_default_what_the_history_suggests(world: World, history: str) -> None:
    case_id = (await world.open_case()).case.id
    steps, resolution = CLOSINGS[history]
    decisions = {"accept": world.accept, "refuse": world.refuse}
    doings: dict[str, tuple[Person, CaseCommand]] = {
        "request": (world.ada, request(case_id, [world.rosa.id])),
        "undo": (world.ada, request(case_id, [world.rosa.id], "UNFAVORABLE")),
        "cancel": (world.ada, CancelOverride(case_id=case_id)),
        "comment": (world.carl, AddComment(case_id=case_id, comment="Noted.")),
    }
    for step in steps:
        await (decisions[step](case_id) if step in decisions else world.do(*doings[step]))

    closed = await world.do(world.rosa, CloseCase(case_id=case_id))

    assert (closed.case.resolution, closed.action.resolution) == (resolution, resolution)
    assert closed.case.closed_by_id == world.rosa.id


@pytest.mark.parametrize("resolution", Resolution)
async def test_a_given_resolution_outweighs_the_history(world: World, resolution: Resolution) -> None:
    case_id = (await world.case_in(CaseStatus.RESOLVED)).case.id

    closed = await world.do(world.ada, CloseCase(case_id=case_id, resolution=resolution))

    assert closed.case.resolution is resolution


async def test_what_is_not_found_is_named_by_its_field(world: World) -> None:
    case_id = (await world.case_in(CaseStatus.PENDING_REVIEW)).case.id
    commands: list[Command] = [
        AddComment(case_id=uuid4(), comment="Who is this?"),
        CancelOverride(case_id=uuid4()),
        AcceptOverride(case_id=case_id, override_id=uuid4(), expected_version=2),
    ]
    found = []
    for person, command in zip((world.ada, world.ada, world.rosa), commands, strict=True):
        with pytest.raises(NotFound) as refused:
            await world.do(person, command)
        found.append((refused.value.path, refused.value.params))

    no_case = (("input", "caseId"), {"resource": "case"})
    assert found == [no_case, no_case, (("input", "overrideId"), {"resource": "override"})]
