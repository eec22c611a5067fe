"""Delegations: who decides in the place of a reviewer who is away, when, and what the log says of it."""

import asyncio
import json
from collections.abc import Awaitable
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import pytest
from sqlalchemy import delete, select, update
from sqlalchemy.exc import DBAPIError

from app import clock
from app.actions.perform import perform
from app.admin.perform import administer
from app.audit.account_logs import verify_account_logs
from app.audit.verification import verify_log
from app.db import tables
from app.db.engines import Database
from app.domain.admin_commands import ChangeRoles, DeactivateUser
from app.domain.canonical_json import canonical_json
from app.domain.commands import AcceptOverride, ReassignReviewers
from app.domain.delegations import DAYS_MAX, DELEGATORS_MAX, LATE
from app.domain.errors import Detail, InvalidInput, Refusal
from app.domain.model import CaseStatus, Role
from tests.support.delegations import WEEK, delegate, end, restricted_world
from tests.support.tampering import rewrite, tamper
from tests.support.world import Person, World, make_person, make_world

LAST = datetime(9999, 12, 31, tzinfo=UTC)
"""The last day of the calendar: no year comes after it."""


@pytest.fixture
async def restricted(database: Database) -> World:
    return await restricted_world(database)


async def refusal_of(doing: Awaitable[Any]) -> str:
    """Return the code that something is refused with, and the detail where it has one."""
    with pytest.raises(Refusal) as refused:
        await doing
    detail = refused.value.params.get("detail")
    return f"{refused.value.code} {detail.name}" if isinstance(detail, Detail) else refused.value.code.value


async def authority(world: World, action_id: UUID) -> dict[str, Any]:
    row = tables.case_actions.c
    async with world.database.read() as connection:
        found: Any = await connection.scalar(select(row.authority).where(row.id == action_id))
    said: dict[str, Any] = json.loads(found)
    return said


async def faults(world: World, case_id: UUID) -> list[str]:
    """Return what is wrong with the account's own log and with a case's, by their verifiers."""
    (own,) = [verdict async for verdict in verify_account_logs(world.database, world.account_id)]
    (case,) = [verdict async for verdict in verify_log(world.database, world.account_id, case_id)]
    found = [own.fault, *own.others, case.fault, *case.others]
    return [fault.reason for fault in found if fault is not None]


async def test_a_delegate_decides_in_the_place_of_the_reviewer_and_the_log_says_so(restricted: World) -> None:
    world = restricted
    case_id = (await world.case_in(CaseStatus.PENDING_REVIEW)).case.id
    assert await refusal_of(world.accept(case_id, world.rolf)) == "NOT_ASSIGNED_REVIEWER"

    made = await delegate(world, world.rosa, world.rolf)
    decided = await world.accept(case_id, world.rolf)

    assert (made.action.user_id, made.action.target_user_id) == (world.rosa.id, world.rolf.id)
    assert decided.override is not None and decided.override.decided_by_id == world.rolf.id
    assert (await authority(world, decided.action.id))["on_behalf_of"] == str(world.rosa.id)
    assert await faults(world, case_id) == []


async def test_the_log_says_so_where_anybody_may_decide_too(world: World) -> None:
    delegated, other = [(await world.case_in(CaseStatus.PENDING_REVIEW)).case.id for _ in range(2)]
    await delegate(world, world.rosa, world.rolf)

    in_place, for_itself = await world.refuse(delegated, world.rolf), await world.refuse(other, world.bea)

    assert (await authority(world, in_place.action.id))["on_behalf_of"] == str(world.rosa.id)
    assert "on_behalf_of" not in await authority(world, for_itself.action.id)


async def test_a_delegate_who_is_a_reviewer_of_it_too_decides_for_themselves(restricted: World) -> None:
    world = restricted
    case_id = (await world.open_case()).case.id
    await world.request_override(case_id, reviewers=(world.rosa, world.rolf))
    await delegate(world, world.rosa, world.rolf)

    decided = await world.accept(case_id, world.rolf)

    assert "on_behalf_of" not in await authority(world, decided.action.id)


@pytest.mark.parametrize(("after", "is_allowed"), [(-1, False), (0, True), (59, True), (60, False)])
async def test_a_delegation_is_in_force_from_its_start_up_to_its_end(
    restricted: World, after: int, is_allowed: bool
) -> None:
    world = restricted
    case_id = (await world.case_in(CaseStatus.PENDING_REVIEW)).case.id
    start = clock.now() + timedelta(days=1)
    await delegate(world, world.rosa, world.rolf, starts_at=start, ends_at=start + timedelta(minutes=1))
    accept = AcceptOverride(**await world.read(case_id))
    moment = start + timedelta(seconds=after)

    doing = perform(world.database, world.rolf.actor, accept, request_id="test", now=lambda: moment)

    if is_allowed:
        assert (await doing).case.status is CaseStatus.RESOLVED
    else:
        assert await refusal_of(doing) == "NOT_ASSIGNED_REVIEWER"


async def test_who_requested_an_override_decides_on_it_in_nobodys_place(restricted: World) -> None:
    world = restricted
    case_id = (await world.open_case()).case.id
    await world.request_override(case_id, world.bea)
    await delegate(world, world.rosa, world.bea)

    assert await refusal_of(world.accept(case_id, world.bea)) == "SELF_REVIEW_FORBIDDEN"


async def change_roles(world: World, person: Person, *roles: Role) -> None:
    """Give somebody these roles, as the only admin does."""
    command = ChangeRoles(user_id=person.id, roles=roles)
    await administer(world.database, world.aldo.actor, command, request_id="test")


async def lose_role(world: World, person: Person) -> None:
    await change_roles(world, person)


async def lose_role_for_a_while(world: World, person: Person) -> None:
    await change_roles(world, person)
    await change_roles(world, person, Role.REVIEWER)


async def be_deactivated(world: World, person: Person) -> None:
    await administer(world.database, world.aldo.actor, DeactivateUser(user_id=person.id), request_id="test")


@pytest.mark.parametrize("happens", [lose_role, lose_role_for_a_while, be_deactivated])
async def test_a_delegation_is_over_once_the_delegator_is_not_the_reviewer_they_were(
    restricted: World, happens: Any
) -> None:
    world = restricted
    case_id = (await world.case_in(CaseStatus.PENDING_REVIEW)).case.id
    await delegate(world, world.rosa, world.rolf)

    await happens(world, world.rosa)

    assert await refusal_of(world.accept(case_id, world.rolf)) == "NOT_ASSIGNED_REVIEWER"


async def test_a_delegation_is_over_once_the_delegate_was_no_reviewer_for_a_while(restricted: World) -> None:
    world = restricted
    await delegate(world, world.rosa, world.rolf)

    await lose_role_for_a_while(world, world.rolf)

    case_id = (await world.case_in(CaseStatus.PENDING_REVIEW)).case.id
    assert await refusal_of(world.accept(case_id, world.rolf)) == "NOT_ASSIGNED_REVIEWER"


async def test_who_could_not_decide_is_replaced_by_no_other(restricted: World) -> None:
    world = restricted
    case_id = (await world.case_in(CaseStatus.PENDING_REVIEW)).case.id
    await lose_role_for_a_while(world, world.rosa)  # she is too recent for the override now

    await delegate(world, world.rosa, world.rolf)

    assert await refusal_of(world.accept(case_id, world.rolf)) == "NOT_ASSIGNED_REVIEWER"


async def test_who_takes_the_place_of_others_is_replaced_with_them(restricted: World) -> None:
    world = restricted
    made = await world.case_in(CaseStatus.PENDING_REVIEW)
    assert made.override is not None
    await delegate(world, world.rolf, world.bea)
    await lose_role(world, world.rosa)

    await world.do(
        world.carl,
        ReassignReviewers(case_id=made.case.id, override_id=made.override.id, reviewer_ids=(world.rolf.id,)),
    )

    decided = await world.accept(made.case.id, world.bea)
    assert (await authority(world, decided.action.id))["on_behalf_of"] == str(world.rolf.id)
    assert await faults(world, made.case.id) == []


async def test_a_delegation_is_ended_by_who_made_it_or_an_admin_alone(restricted: World) -> None:
    world = restricted
    for ender in (world.rosa, world.aldo):
        await delegate(world, world.rosa, world.rolf)
        assert await refusal_of(end(world, world.rolf, world.rosa)) == "ROLE_REQUIRED"

        ended = await end(world, ender, world.rosa)

        case_id = (await world.open_case()).case.id
        await world.request_override(case_id)
        assert await refusal_of(world.accept(case_id, world.rolf)) == "NOT_ASSIGNED_REVIEWER"
        assert (ended.action.user_id, ended.action.target_user_id) == (ender.id, world.rosa.id)
        assert await refusal_of(end(world, ender, world.rosa)) == "INVALID_INPUT no_change"
        assert await faults(world, case_id) == []


async def test_there_is_neither_a_chain_nor_a_circle(world: World) -> None:
    await delegate(world, world.rosa, world.rolf)

    assert await refusal_of(delegate(world, world.rosa, world.bea)) == "INVALID_INPUT delegation_exists"
    assert await refusal_of(delegate(world, world.rolf, world.rosa)) == "INVALID_INPUT delegation_own_chain"
    assert await refusal_of(delegate(world, world.rolf, world.bea)) == "INVALID_INPUT delegation_own_chain"
    assert await refusal_of(delegate(world, world.bea, world.rosa)) == "INVALID_INPUT delegation_chain"
    assert await refusal_of(delegate(world, world.bea, world.bea)) == "INVALID_INPUT delegation_self"
    await delegate(world, world.bea, world.rolf)


async def test_only_an_active_reviewer_of_the_account_is_named_by_one(world: World, database: Database) -> None:
    elsewhere = await make_world(database)
    inactive = await make_person(database, world.account_id, "Ines", Role.REVIEWER)
    await be_deactivated(world, inactive)

    for other in (world.ada, world.aldo, elsewhere.rolf, inactive):
        assert await refusal_of(delegate(world, world.rosa, other)) == "INVALID_REVIEWER"
    assert await refusal_of(delegate(world, world.ada, world.rolf)) == "ROLE_REQUIRED"


async def test_one_stands_in_for_a_bounded_number_of_people(world: World, database: Database) -> None:
    for number in range(DELEGATORS_MAX):
        person = await make_person(database, world.account_id, f"R{number}", Role.REVIEWER)
        await delegate(world, person, world.rolf)

    assert await refusal_of(delegate(world, world.rosa, world.rolf)) == "INVALID_INPUT delegators_max"


async def test_a_delegation_is_for_a_time_that_can_be(world: World) -> None:
    now = clock.now()
    second = timedelta(seconds=1)
    times = [
        ({"ends_at": now}, "endsAt delegation_period"),
        ({"starts_at": now - LATE - second, "ends_at": now + WEEK}, "startsAt past"),
        ({"starts_at": now - LATE, "ends_at": now}, "endsAt delegation_period"),
        ({"starts_at": now + WEEK, "ends_at": now + WEEK}, "endsAt delegation_period"),
        ({"ends_at": now + timedelta(days=DAYS_MAX) + second}, "endsAt delegation_days"),
        ({"starts_at": LAST.replace(year=9998, month=1), "ends_at": LAST}, "endsAt delegation_days"),
    ]

    for given, expected in times:
        with pytest.raises(InvalidInput) as refused:
            await delegate(world, world.rosa, world.rolf, now, **given)
        detail: Any = refused.value.params["detail"]
        assert f"{refused.value.path[-1]} {detail.name}" == expected
    await delegate(world, world.rosa, world.rolf, now, ends_at=now + timedelta(days=DAYS_MAX))
    await delegate(world, world.bea, world.rolf, now, starts_at=LAST, ends_at=LAST + second)


async def test_a_delegation_that_begins_now_by_a_slow_clock_begins_now(world: World) -> None:
    now = clock.now()

    await delegate(world, world.rosa, world.rolf, now, starts_at=now - LATE, ends_at=now + WEEK)

    async with world.database.read() as connection:
        begins = await connection.scalar(select(tables.review_delegations.c.starts_at))
    assert begins == now


@pytest.mark.parametrize("first", ["delegation", "decision"])
async def test_a_decision_and_the_end_of_its_delegation_come_one_after_the_other(restricted: World, first: str) -> None:
    world = restricted
    for _ in range(6):
        case_id = (await world.case_in(CaseStatus.PENDING_REVIEW)).case.id
        await delegate(world, world.rosa, world.rolf)

        if first == "delegation":
            ended, decided = await asyncio.gather(
                end(world, world.rosa), world.accept(case_id, world.rolf), return_exceptions=True
            )
        else:
            decided, ended = await asyncio.gather(
                world.accept(case_id, world.rolf), end(world, world.rosa), return_exceptions=True
            )

        assert not isinstance(ended, BaseException)
        assert not isinstance(decided, BaseException) or isinstance(decided, Refusal), decided
        if isinstance(decided, Refusal):
            assert decided.code == "NOT_ASSIGNED_REVIEWER"
        assert await faults(world, case_id) == []


async def test_two_who_name_each_other_at_once_do_not_both_succeed(world: World) -> None:
    both = await asyncio.gather(
        delegate(world, world.rosa, world.rolf), delegate(world, world.rolf, world.rosa), return_exceptions=True
    )

    assert sorted(isinstance(one, Refusal) for one in both) == [False, True]


async def test_a_delegation_is_permanent_but_for_its_end(world: World) -> None:
    await delegate(world, world.rosa, world.rolf)
    table = tables.review_delegations
    later = clock.now() + WEEK + WEEK
    changes: list[Any] = [{"ends_at": later}, {"delegate_id": world.bea.id}, {"ended_at": None}, {"created_at": later}]

    for statement in [*(update(table).values(change) for change in changes), delete(table)]:
        with pytest.raises(DBAPIError, match="casegate: rows of review_delegations are permanent"):
            async with world.database.write() as connection:
                await connection.execute(statement)
    await end(world, world.rosa)
    with pytest.raises(DBAPIError, match="permanent"):
        async with world.database.write() as connection:
            await connection.execute(update(table).values(ended_at=later))


@pytest.mark.parametrize(
    ("edit", "reason"),
    [
        (lambda table: update(table).values(ends_at=clock.now() + 3 * WEEK), "another ends_at than the log says"),
        (lambda table: update(table).values(ended_at=clock.now()), "another ended_at than the log says"),
        (delete, "is gone"),
    ],
)
async def test_an_edit_of_a_delegation_behind_the_logs_back_is_named(world: World, edit: Any, reason: str) -> None:
    case_id = (await world.open_case()).case.id
    await delegate(world, world.rosa, world.rolf)

    await tamper(world.database, edit(tables.review_delegations))

    (found,) = await faults(world, case_id)
    assert reason in found


async def test_a_delegation_that_no_row_has_is_named(world: World) -> None:
    case_id = (await world.open_case()).case.id
    now = clock.now()
    row: dict[str, Any] = {"id": clock.new_id(), "account_id": world.account_id, "created_at": now, "starts_at": now}
    people = {"delegator_id": world.rosa.id, "delegate_id": world.bea.id, "ends_at": now + WEEK}
    async with world.database.write() as connection:
        await connection.execute(tables.review_delegations.insert().values(**row, **people))

    (found,) = await faults(world, case_id)
    assert "is in no row of the account's own log" in found


async def test_a_decision_in_the_place_of_who_was_no_reviewer_of_it_is_named(restricted: World) -> None:
    world = restricted
    case_id = (await world.case_in(CaseStatus.PENDING_REVIEW)).case.id
    await delegate(world, world.rosa, world.rolf)
    decided = await world.accept(case_id, world.rolf)
    said = await authority(world, decided.action.id)

    for other, reason in ((world.bea, "somebody who was not asked"), (world.rosa, None)):
        changed = canonical_json({**said, "on_behalf_of": str(other.id)})
        row = tables.case_actions
        edit = update(row).where(row.c.id == decided.action.id).values(authority=changed)
        await rewrite(world.database, world.account_id, case_id, edit)

        found = await faults(world, case_id)

        assert [one for one in found if "place of" in one] == (
            [] if reason is None else [f"it was done in the place of {reason}"]
        )
