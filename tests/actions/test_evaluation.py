"""Results of checks: what they change, in which log they stand, and what they replace."""

from dataclasses import replace
from typing import Any
from uuid import UUID

import pytest
from sqlalchemy import select, update

from app.actions.evaluation import find_targets, record_evaluation
from app.admin import accounts
from app.db import tables
from app.domain.canonical_json import parsed_json
from app.domain.commands import AcceptOverride, AddComment, CloseCase, OpenCase, RecordEvaluation
from app.domain.errors import Refusal
from app.domain.model import CaseStatus, Feature, OverrideStatus, Role, Scope
from tests.support.account_logs import log_size, logged
from tests.support.database_contents import contents, differences
from tests.support.evaluations import (
    REF,
    check_system,
    details,
    faults,
    log_of,
    opened,
    record,
    subject_of,
)
from tests.support.tampering import tamper
from tests.support.world import Person, World, make_world

STATUSES = [status for status in CaseStatus if status is not CaseStatus.CLOSED]


@pytest.fixture
async def checks(world: World) -> Person:
    """The system that makes checks."""
    return await check_system(world)


async def code_of(world: World, who: Person, **more: Any) -> tuple[str, tuple[str, ...]]:
    """Return the code that a result is refused with, and the field that it is about; nothing is written."""
    before = await contents(world.database)
    with pytest.raises(Refusal) as refused:
        await record(world, who, details("ANOMALY"), **more)
    assert differences(before, await contents(world.database)) == set()
    return refused.value.code, refused.value.path


# --- Where no case is open -------------------------------------------------------------------------------------------


async def test_a_check_that_is_not_known_is_made_and_the_account_s_log_says_so(world: World, checks: Person) -> None:
    before = await log_size(world.database, world.account_id)

    outcome = await record(world, checks, details("ANOMALY", country="FR"))

    subject = await subject_of(world)
    assert (subject, outcome.case, outcome.action, outcome.is_new) == (outcome.subject, None, None, True)
    assert (subject.version, subject.label, subject.country_code) == (1, "Moulins Réunis", "FR")
    assert await logged(world.database, world.account_id, before) == [
        (
            "EVALUATION",
            "API",
            "NOT_NEEDED",
            {
                "subjectId": [str(subject.id)],
                "subjectVersion": ["1"],
                "statusAfter": ["ANOMALY"],
                "changed": ["evaluationStatus", "label", "countryCode"],
            },
        )
    ]
    assert await faults(world) == []


async def test_a_row_of_the_account_s_log_names_the_service_account_and_its_token(world: World, checks: Person) -> None:
    await record(world, checks, details("ANOMALY"))

    row = tables.account_actions.c
    async with world.database.read() as connection:
        (found,) = await connection.execute(
            select(row.user_id, row.token_id, row.request_id, row.subject_id).where(row.type == "EVALUATION")
        )
    assert tuple(found) == (checks.id, checks.actor.token_id, "check", (await subject_of(world)).id)


async def test_a_result_after_the_case_was_closed_stands_in_the_account_s_log(world: World, checks: Person) -> None:
    case = await opened(world)
    await world.do(world.ada, CloseCase(case_id=case.id))
    rows = await log_of(world.database, case.id)

    outcome = await record(world, checks, details("FAVORABLE"))

    assert (outcome.case, outcome.subject.version) == (None, 2)
    assert await log_of(world.database, case.id) == rows
    assert await faults(world) == []
    reopened = await world.do(world.carl, OpenCase(subject=details("FAVORABLE"), title="Again"))
    assert reopened.case.subject_status_at_opening == "FAVORABLE"
    assert await faults(world) == []


# --- Where a case is open --------------------------------------------------------------------------------------------


@pytest.mark.parametrize("status", STATUSES)
async def test_an_open_case_gets_one_row_and_keeps_its_status(world: World, checks: Person, status: CaseStatus) -> None:
    before = (await world.case_in(status)).case
    async with world.database.read() as connection:
        ref = await connection.scalar(
            select(tables.subjects.c.external_ref).where(tables.subjects.c.id == before.subject_id)
        )
    assert ref is not None
    stored = await contents(world.database)

    outcome = await record(world, checks, details("ANOMALY", ref))

    case, action = outcome.case, outcome.action
    assert case is not None and action is not None
    assert (case.status, case.version, case.action_count) == (status, before.version + 1, before.action_count + 1)
    assert (action.type, action.seq, action.user_id) == ("EVALUATION", case.action_count, checks.id)
    assert (action.status_before, action.status_after, action.hash) == (status, status, case.head_hash)
    assert case.updated_at == action.created_at >= before.updated_at
    assert differences(stored, await contents(world.database)) <= {
        "+1 case_actions",
        "cases: action_count head_hash updated_at version",
        "subjects: evaluation_status override_id version",
        "subjects: evaluation_status version",
    }
    assert await faults(world) == []


async def test_the_row_freezes_the_authority_and_says_what_it_changed(world: World, checks: Person) -> None:
    await opened(world, "UNFAVORABLE")

    outcome = await record(world, checks, details("ANOMALY", label="Moulins Réunis SA"))

    assert outcome.action is not None
    assert parsed_json(outcome.action.authority) == {
        "token_id": str(checks.actor.token_id),
        "token_source": "API_TOKEN",
        "roles": [],
        "reviewed_version": None,
    }
    assert parsed_json(outcome.action.details) == {
        "status_before": "UNFAVORABLE",
        "status_after": "ANOMALY",
        "subject_version": 2,
        "changed": ["evaluationStatus", "label"],
        "replaced_override_id": None,
    }


async def test_an_override_fits_no_more_after_another_result(world: World, checks: Person) -> None:
    case = (await opened(world)).id
    await world.request_override(case)
    await record(world, checks, details("ANOMALY"))

    with pytest.raises(Refusal) as refused:
        await world.accept(case)

    assert refused.value.code == "SUBJECT_CHANGED"
    assert await log_of(world.database, case) == ["OPEN", "REQUEST_OVERRIDE", "EVALUATION"]


async def test_an_override_fits_again_where_the_result_came_back_and_where_the_name_alone_changed(
    world: World, checks: Person
) -> None:
    case = (await opened(world)).id
    await world.request_override(case)
    await record(world, checks, details("ANOMALY"))
    await record(world, checks, details("UNFAVORABLE"))
    await record(world, checks, details("UNFAVORABLE", label="Moulins SA"))

    accepted = await world.accept(case)

    assert accepted.override is not None and accepted.override.status is OverrideStatus.ACCEPTED
    assert (await subject_of(world)).version == 5
    assert await faults(world) == []


async def test_a_reviewer_who_has_not_seen_the_result_decides_nothing(world: World, checks: Person) -> None:
    case = (await opened(world)).id
    await world.request_override(case)
    read = await world.read(case)
    await record(world, checks, details("UNFAVORABLE", label="Moulins SA"))

    with pytest.raises(Refusal) as refused:
        await world.do(world.rosa, AcceptOverride(**read))

    assert refused.value.code == "VERSION_CONFLICT"


# --- An accepted override --------------------------------------------------------------------------------------------


async def accepted(world: World) -> tuple[UUID, UUID]:
    """Have an override accepted on the check; return the case and the override."""
    case = (await opened(world)).id
    requested = await world.request_override(case)
    await world.accept(case)
    assert requested.override is not None
    return case, requested.override.id


async def test_a_result_that_replaces_an_accepted_override_names_it_once(world: World, checks: Person) -> None:
    case, override_id = await accepted(world)
    assert (await subject_of(world)).override_id == override_id

    first = await record(world, checks, details("ANOMALY"))
    second = await record(world, checks, details("FAVORABLE"))

    assert first.evaluation is not None and second.evaluation is not None
    assert (first.evaluation.status_before, first.evaluation.replaced_override_id) == ("FAVORABLE", override_id)
    assert second.evaluation.replaced_override_id is None
    assert (await subject_of(world)).override_id is None
    assert await log_of(world.database, case) == ["OPEN", "REQUEST_OVERRIDE", "ACCEPT", "EVALUATION", "EVALUATION"]
    assert await faults(world) == []


async def test_an_override_is_replaced_after_its_case_was_closed_too(world: World, checks: Person) -> None:
    case, override_id = await accepted(world)
    await world.do(world.ada, CloseCase(case_id=case))
    before = await log_size(world.database, world.account_id)

    await record(world, checks, details("FAVORABLE", label="Moulins SA"))
    await record(world, checks, details("UNFAVORABLE"))

    rows = [row[3] for row in await logged(world.database, world.account_id, before)]
    assert [row.get("replacedOverrideId") for row in rows] == [None, [str(override_id)]]
    assert [row["changed"] for row in rows] == [["label"], ["evaluationStatus", "label"]]
    assert await faults(world) == []


async def test_a_result_that_agrees_with_the_override_leaves_it_in_place(world: World, checks: Person) -> None:
    case, override_id = await accepted(world)

    outcome = await record(world, checks, details("FAVORABLE"))

    assert (outcome.evaluation, outcome.action) == (None, None)
    assert outcome.case is not None and outcome.case.id == case
    assert (await subject_of(world)).override_id == override_id


async def test_opening_with_another_result_rests_on_no_override(world: World, checks: Person) -> None:
    case, _ = await accepted(world)
    await world.do(world.ada, CloseCase(case_id=case))
    await world.do(world.ada, OpenCase(subject=details("PENDING"), title="Again"))

    outcome = await record(world, checks, details("FAVORABLE"))

    assert outcome.evaluation is not None and outcome.evaluation.replaced_override_id is None
    assert await faults(world) == []


# --- Nothing to write ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("is_open", [True, False], ids=["open", "closed"])
async def test_a_result_that_is_known_writes_nothing(world: World, checks: Person, is_open: bool) -> None:
    case = await opened(world, "ANOMALY")
    if not is_open:
        await world.do(world.ada, CloseCase(case_id=case.id))
    before = await contents(world.database)

    outcome = await record(world, checks, details("ANOMALY"))

    assert (outcome.evaluation, outcome.action, outcome.subject) == (None, None, await subject_of(world))
    assert differences(before, await contents(world.database)) == set()


async def test_a_country_that_is_not_given_stays(world: World, checks: Person) -> None:
    await record(world, checks, details("ANOMALY", country="FR"))
    outcome = await record(world, checks, details("PENDING"))
    moved = await record(world, checks, details("PENDING", country="DE"))

    assert outcome.subject.country_code == "FR"
    assert moved.evaluation is not None
    assert (moved.subject.country_code, moved.evaluation.changed) == ("DE", ("countryCode",))
    assert await faults(world) == []


@pytest.mark.parametrize("is_open", [True, False], ids=["open", "closed"])
async def test_a_dry_run_shows_what_would_be_and_writes_nothing(world: World, checks: Person, is_open: bool) -> None:
    if is_open:
        await opened(world)
    before = await contents(world.database)

    supposed = await record(world, checks, details("ANOMALY"), is_rehearsal=True, idempotency_key="k")

    assert supposed.evaluation is not None and supposed.subject.evaluation_status == "ANOMALY"
    assert (supposed.action is not None, supposed.is_new) == (is_open, not is_open)
    assert differences(before, await contents(world.database)) == set()
    done = await record(world, checks, details("ANOMALY"), idempotency_key="k")
    assert (done.replayed, done.evaluation) == (False, supposed.evaluation)


# --- Versions and keys -----------------------------------------------------------------------------------------------


async def test_an_expected_version_is_the_subject_s(world: World, checks: Person) -> None:
    await record(world, checks, details("PENDING"), expected_version=0)
    conflict = await code_of(world, checks, expected_version=0)
    later = await code_of(world, checks, expected_version=2)
    await opened(world, "PENDING")
    in_case = await code_of(world, checks, expected_version=2)
    unchanged = await code_of_known(world, checks)

    assert {conflict, later, in_case, unchanged} == {("VERSION_CONFLICT", ("input", "expectedVersion"))}
    assert (await record(world, checks, details("ANOMALY"), expected_version=1)).subject.version == 2


async def code_of_known(world: World, checks: Person) -> tuple[str, tuple[str, ...]]:
    with pytest.raises(Refusal) as refused:
        await record(world, checks, details("PENDING"), expected_version=7)
    return refused.value.code, refused.value.path


async def test_a_version_of_a_check_that_is_not_known_is_refused(world: World, checks: Person) -> None:
    assert await code_of(world, checks, expected_version=1) == ("VERSION_CONFLICT", ("input", "expectedVersion"))


@pytest.mark.parametrize("where", ["account", "case", "case that is closed since", "unchanged"])
async def test_a_key_does_nothing_again_even_after_a_newer_result(world: World, checks: Person, where: str) -> None:
    if where.startswith("case"):
        await opened(world)
    if where == "unchanged":
        await record(world, checks, details("PENDING"))
    first = await record(world, checks, details("PENDING"), idempotency_key="k")
    await record(world, checks, details("FAVORABLE"))
    if where.endswith("since"):
        assert first.case is not None
        await world.do(world.ada, CloseCase(case_id=first.case.id))
    before = await contents(world.database)

    again = await record(world, checks, details("PENDING"), idempotency_key="k")

    assert differences(before, await contents(world.database)) == set()
    assert (first.replayed, again.replayed) == (False, True)
    assert again.evaluation == first.evaluation
    assert (again.action and again.action.id) == (first.action and first.action.id)
    assert (again.subject.evaluation_status, (again.evaluation is None)) == ("FAVORABLE", where == "unchanged")


async def test_a_key_that_was_used_for_something_else_is_refused(world: World, checks: Person) -> None:
    scopes = (Scope.SUBJECTS_WRITE, Scope.CASES_WRITE)
    clerk = await check_system(world, *scopes, roles=(Role.CONTRIBUTOR,))
    case = await opened(world)
    await world.do(clerk, AddComment(case_id=case.id, comment="Noted.", idempotency_key="of-comment"))
    await record(world, clerk, details("PENDING"), idempotency_key="of-result")

    reused = ("IDEMPOTENCY_KEY_REUSED", ("input", "idempotencyKey"))
    assert await code_of(world, clerk, idempotency_key="of-comment") == reused
    assert await code_of(world, clerk, idempotency_key="of-result") == reused
    with pytest.raises(Refusal) as refused:
        await world.do(clerk, AddComment(case_id=case.id, comment="Noted.", idempotency_key="of-result"))
    assert refused.value.code == "IDEMPOTENCY_KEY_REUSED"


async def test_two_tokens_have_keys_of_their_own(world: World, checks: Person) -> None:
    other = await check_system(world)
    await record(world, checks, details("PENDING"), idempotency_key="k")
    assert (await record(world, other, details("ANOMALY"), idempotency_key="k")).replayed is False


# --- Who ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["ada", "rosa", "bea", "aldo"])
async def test_no_person_records_a_result_whatever_their_token(world: World, name: str) -> None:
    person: Person = getattr(world, name)
    entitled = replace(person.identity, actor=replace(person.actor, scopes=frozenset(Scope)))
    await opened(world)

    assert await code_of(world, replace(person, identity=entitled)) == ("SERVICE_ACCOUNT_REQUIRED", ())
    assert await code_of(world, person) == ("INSUFFICIENT_SCOPE", ())
    await tamper(world.database, update(tables.subjects).values(external_ref="other", external_key="other"))
    assert await code_of(world, replace(person, identity=entitled)) == ("SERVICE_ACCOUNT_REQUIRED", ())


async def test_a_person_gets_no_token_for_it(world: World) -> None:
    with pytest.raises(accounts.AdminError, match="subjects_write is for service accounts alone"):
        await accounts.create_token(world.database, world.aldo.id, [Scope.SUBJECTS_WRITE])


async def test_other_scopes_are_not_enough_and_the_feature_is_needed(world: World, checks: Person) -> None:
    clerk = await check_system(world, Scope.CASES_WRITE, Scope.CASES_READ, roles=(Role.CONTRIBUTOR,))
    assert await code_of(world, clerk) == ("INSUFFICIENT_SCOPE", ())
    featureless = replace(checks.identity, actor=replace(checks.actor, features=frozenset({Feature.OVERRIDES})))
    assert await code_of(world, replace(checks, identity=featureless)) == ("FEATURE_DISABLED", ())


@pytest.mark.parametrize("is_open", [True, False], ids=["open", "closed"])
async def test_a_token_that_was_revoked_meanwhile_records_nothing(world: World, checks: Person, is_open: bool) -> None:
    if is_open:
        await opened(world)
    await accounts.revoke_token(world.database, checks.actor.token_id)

    assert (await code_of(world, checks))[0] == "UNAUTHENTICATED"


async def test_a_service_account_still_requests_and_decides_nothing(world: World) -> None:
    clerk = await check_system(world, Scope.SUBJECTS_WRITE, Scope.CASES_WRITE, roles=(Role.CONTRIBUTOR,))
    case = (await opened(world)).id
    with pytest.raises(Refusal) as refused:
        await world.request_override(case, clerk)
    assert refused.value.code == "PERSON_REQUIRED"


# --- Which subject ---------------------------------------------------------------------------------------------------


async def test_another_account_s_check_of_the_same_reference_stays(world: World, checks: Person) -> None:
    elsewhere = await make_world(world.database)
    theirs = await opened(elsewhere)

    outcome = await record(world, checks, details("FAVORABLE"))

    assert outcome.is_new and outcome.case is None
    assert (await subject_of(elsewhere)).evaluation_status == "UNFAVORABLE"
    assert await log_of(world.database, theirs.id) == ["OPEN"]


@pytest.mark.parametrize("spelled", ["check\u200b-1", "check-1\u00ad"])
async def test_a_reference_is_compared_as_openings_compare_it(world: World, checks: Person, spelled: str) -> None:
    case = await opened(world)

    outcome = await record(world, checks, details("ANOMALY", spelled))

    assert outcome.case is not None and outcome.case.id == case.id
    assert outcome.subject.external_ref == REF


async def test_a_check_of_another_type_is_another_subject(world: World, checks: Person) -> None:
    await opened(world)
    audit = replace(details("FAVORABLE"), type=type(details("FAVORABLE").type).COMPANY_ACCOUNT_AUDIT)

    outcome = await record(world, checks, audit)

    assert outcome.is_new
    assert await faults(world) == []


async def test_a_case_that_was_opened_since_the_check_was_looked_for_gets_the_row(world: World, checks: Person) -> None:
    command = RecordEvaluation(subject=details("ANOMALY"))
    (target,) = await find_targets(world.database, checks.actor, [command])
    case = await opened(world)

    outcome = await record_evaluation(world.database, checks.actor, command, target, request_id="r")

    assert outcome.case is not None and outcome.case.id == case.id
    await world.do(world.ada, CloseCase(case_id=case.id))
    (target,) = await find_targets(world.database, checks.actor, [command])
    stale = target and target._replace(case_id=case.id)
    later = replace(command, subject=details("PENDING"))
    assert (await record_evaluation(world.database, checks.actor, later, stale, request_id="r")).case is None
    assert await faults(world) == []
