"""Retention: content is erased so many days after closing, by nobody, unless something keeps it."""

import asyncio
from datetime import datetime, timedelta
from uuid import UUID

import pytest
from sqlalchemy import delete, insert, select, update
from sqlalchemy.exc import DBAPIError

from app import clock
from app.actions.outcome import Outcome
from app.actions.retention import RetentionStep, count_by_account, erase_case, erase_overdue
from app.admin import accounts
from app.admin.accounts import AdminError
from app.auth.links import LinkError, link_subject
from app.db import tables
from app.db.repository.retention import Overdue
from app.domain.canonical_json import parsed_json
from app.domain.commands import AddComment, CloseCase
from app.domain.model import CaseStatus, IdentityOrigin, Role, Scope, UserKind
from app.server.background import keep_retention
from tests.support.database_contents import contents, differences, set_by_hand
from tests.support.erasure import CANARY, assert_whole, commented, document, erase, hold, opened
from tests.support.tampering import tamper
from tests.support.world import World, make_world

DAYS = 30


async def kept_for(world: World, days: int | None = DAYS) -> None:
    await set_by_hand(world.database, tables.accounts, world.account_id, retention_days=days)


async def closed(world: World) -> Outcome:
    """Return the closing of a new case with a comment and a document."""
    case_id = await opened(world, f"About {CANARY}", CANARY)
    await commented(world, case_id, new_documents=(document(),))
    return await world.do(world.ada, CloseCase(case_id=case_id))


def later(outcome: Outcome, days: float = DAYS) -> clock.Clock:
    """Return a clock that stands still so many days after a case was closed."""
    assert outcome.case.closed_at is not None
    moment = outcome.case.closed_at + timedelta(days=days)
    return lambda: moment


async def run(world: World, now: clock.Clock) -> list[RetentionStep]:
    return [step async for step in erase_overdue(world.database, now)]


async def erased_cases(world: World) -> set[UUID]:
    found = await contents(world.database)
    return {row["id"] for row in found["cases"].values() if row["erased_by_id"] is not None}


async def test_content_over_the_retention_is_erased_as_the_act_of_the_system(world: World) -> None:
    await kept_for(world)
    outcome = await closed(world)
    case_id, before = outcome.case.id, await contents(world.database)

    assert await run(world, later(outcome, DAYS - 0.001)) == []
    assert await contents(world.database) == before
    (step,) = await run(world, later(outcome))

    after = await contents(world.database)
    assert (step.case.id, step.is_erased) == (case_id, True)
    assert differences(before, after) == {
        "cases: action_count description description_salt erased_by_id head_hash title title_salt updated_at version",
        "comments: body erased_by_id salt",
        "documents: content_salt erased_by_id filename filename_salt sha256",
        "+1 case_actions",
        "+2 unfinished_erasures",
        "+1 users",
    }
    (row,) = [row for row in after["case_actions"].values() if row["type"] == "REDACT"]
    identity = after["users"][(row["user_id"],)]
    assert (identity["kind"], identity["active"], row["status_after"]) == (UserKind.SYSTEM, False, CaseStatus.CLOSED)
    assert parsed_json(row["authority"]) == {
        "token_id": None,
        "token_source": "SYSTEM",
        "roles": [],
        "reviewed_version": None,
    }
    details = parsed_json(row["details"]) or {}
    assert (details["scope"], details["reason"]) == (
        "EVERYTHING",
        "The account keeps content for 30 days after closing.",
    )
    assert row["created_at"] == later(outcome)()
    await assert_whole(world.database)
    assert await run(world, later(outcome, 999)) == []


async def test_what_is_open_held_or_erased_and_other_accounts_content_stay(world: World) -> None:
    other = await make_world(world.database)
    await kept_for(world)
    theirs, held, gone, due = await closed(other), await closed(world), await closed(world), await closed(world)
    await commented(world, await opened(world))
    await hold(world, held.case.id)
    await erase(world, gone.case.id, everything=True)

    steps = await run(world, later(due, 999))

    assert [step.case.id for step in steps] == [due.case.id]
    assert await erased_cases(world) == {due.case.id, gone.case.id}
    assert (await contents(world.database))["cases"][(theirs.case.id,)]["title"] == f"About {CANARY}"
    await hold(world, held.case.id, held=False)
    assert [step.case.id for step in await run(world, later(due, 999))] == [held.case.id]
    await assert_whole(world.database)


async def test_a_case_that_cannot_be_erased_holds_up_no_other_and_is_erased_by_a_later_run(world: World) -> None:
    await kept_for(world)
    stuck, due = await closed(world), await closed(world)
    (row,) = [row for row in (await contents(world.database))["documents"].values() if row["case_id"] == stuck.case.id]
    # What an erasure has to note down is there already, which is a fault.
    other = {"id": row["id"], "account_id": world.account_id}
    async with world.database.write() as connection:
        await connection.execute(insert(tables.unfinished_erasures).values(other))

    steps = await run(world, later(due, 999))

    assert [(step.case.id, step.is_erased, step.is_failed) for step in steps] == [
        (stuck.case.id, False, True),
        (due.case.id, True, False),
    ]
    async with world.database.write() as connection:
        await connection.execute(delete(tables.unfinished_erasures))
    assert [(step.case.id, step.is_erased) for step in await run(world, later(due, 999))] == [(stuck.case.id, True)]
    await assert_whole(world.database)


@pytest.mark.parametrize("days", [None, 0])
async def test_an_account_without_a_retention_keeps_everything(world: World, days: int | None) -> None:
    await kept_for(world, days)
    outcome = await closed(world)

    assert await run(world, later(outcome, 99_999)) == []
    assert await erase_case(world.database, world.account_id, outcome.case.id, later(outcome, 99_999)) is None
    assert await count_by_account(world.database, later(outcome, 99_999)) == []


async def test_a_case_whose_rows_cover_their_texts_is_counted_and_left(world: World) -> None:
    await kept_for(world)
    old, held, due = await closed(world), await closed(world), await closed(world)
    await hold(world, held.case.id)
    action = tables.case_actions
    await tamper(world.database, update(action).where(action.c.case_id == old.case.id).values(format=1))

    ((retention, overdue),) = await count_by_account(world.database, later(due))

    assert (retention.account_id, retention.days, overdue) == (world.account_id, DAYS, Overdue(1, 1, 1))
    assert await erase_case(world.database, world.account_id, old.case.id, later(due)) is None
    assert [step.case.id for step in await run(world, later(due))] == [due.case.id]
    ((_, overdue),) = await count_by_account(world.database, later(due))
    assert overdue == Overdue(0, 1, 1)


async def test_a_run_that_ends_early_is_taken_up_by_the_next(world: World) -> None:
    await kept_for(world)
    cases = [await closed(world) for _ in range(5)]
    now = later(cases[-1])

    steps = erase_overdue(world.database, now, batch=2)
    assert (await anext(steps)).case.id == cases[0].case.id
    assert (await anext(steps)).case.id == cases[1].case.id
    await steps.aclose()
    assert await erased_cases(world) == {case.case.id for case in cases[:2]}

    rest = [step.case.id async for step in erase_overdue(world.database, now, batch=2)]

    assert rest == [case.case.id for case in cases[2:]]
    assert len([user for user in (await contents(world.database))["users"].values() if user["kind"] == "SYSTEM"]) == 1
    await assert_whole(world.database)


async def test_each_case_is_decided_anew_under_its_lock(world: World) -> None:
    await kept_for(world)
    first, held, erased, last = [await closed(world) for _ in range(4)]
    steps = erase_overdue(world.database, later(last))
    found = [await anext(steps)]
    await hold(world, held.case.id)
    await erase(world, erased.case.id, everything=True)
    found += [await anext(steps), await anext(steps)]
    await kept_for(world, 999)
    found.append(await anext(steps))

    assert [step.is_erased for step in found] == [True, False, False, False]
    assert await erased_cases(world) == {first.case.id, erased.case.id}
    await assert_whole(world.database)


async def test_two_runs_at_once_erase_each_case_once(world: World) -> None:
    await kept_for(world)
    cases = [await closed(world) for _ in range(4)]
    now = later(cases[-1])

    both = await asyncio.gather(run(world, now), run(world, now))

    assert sum(step.is_erased for steps in both for step in steps) == 4
    rows = (await contents(world.database))["case_actions"].values()
    assert len([row for row in rows if row["type"] == "REDACT"]) == 4
    await assert_whole(world.database)


async def test_others_act_meanwhile(world: World) -> None:
    await kept_for(world)
    cases = [await closed(world) for _ in range(4)]
    other = await opened(world)

    await asyncio.gather(
        run(world, later(cases[-1])),
        *(world.do(world.ada, AddComment(case_id=other, comment=f"{number}")) for number in range(8)),
        *(opened(world) for _ in range(4)),
    )

    assert await erased_cases(world) == {case.case.id for case in cases}
    await assert_whole(world.database)


# --- The system identity ---------------------------------------------------------------------------------------------


async def system_identity(world: World) -> UUID:
    """Have something erased by the account's retention, and return who has done it."""
    await kept_for(world)
    outcome = await closed(world)
    await run(world, later(outcome))
    user = tables.users.c
    async with world.database.read() as connection:
        found: UUID | None = await connection.scalar(select(user.id).where(user.kind == UserKind.SYSTEM))
    assert found is not None
    return found


async def test_the_database_gives_the_system_identity_no_role_no_token_and_no_subject(world: World) -> None:
    identity, now = await system_identity(world), clock.now()
    token = dict.fromkeys(("name", "scopes", "prefix", "secret_hash"), "x") | {"id": clock.new_id()}
    subject = {
        "issuer": "https://x.example",
        "subject": "x",
        "origin": IdentityOrigin.ADDRESS,
        "token_id": world.ada.actor.token_id,
    }
    common = {"account_id": world.account_id, "user_id": identity, "created_at": now}
    second = {"email": "b@x.example", "display_name": "B", "active": True, "kind": UserKind.SYSTEM}

    for statement, row in (
        (insert(tables.user_roles), {"user_id": identity, "role": Role.CONTRIBUTOR}),
        (insert(tables.api_tokens), {**token, **common}),
        (insert(tables.user_identities), {**subject, **common}),
        (insert(tables.users), {**second, "id": clock.new_id(), "account_id": world.account_id, "created_at": now}),
    ):
        with pytest.raises(DBAPIError, match=r"casegate: the system identity|UNIQUE|uq_users_system"):
            async with world.database.write() as connection:
                await connection.execute(statement, row)
    table = tables.api_tokens
    with pytest.raises(DBAPIError, match="casegate: the system identity"):
        async with world.database.write() as connection:
            await connection.execute(
                update(table).where(table.c.id == world.ada.actor.token_id).values(user_id=identity)
            )


async def test_the_command_line_does_not_know_the_system_identity(world: World) -> None:
    identity = await system_identity(world)

    with pytest.raises(AdminError, match="there is no user"):
        await accounts.create_token(world.database, identity, [Scope.CASES_READ])
    with pytest.raises(AdminError, match="there is no user"):
        await accounts.change_email(world.database, identity, "x@y.example")
    with pytest.raises(AdminError, match="there is no user"):
        await accounts.revoke_user(world.database, identity)
    with pytest.raises(LinkError):
        await link_subject(world.database, identity, "https://x.example", "x")


# --- The gateway -----------------------------------------------------------------------------------------------------


class Stopped(Exception):
    """Ends a task that would go on."""


async def test_a_gateway_erases_at_its_start_and_after_each_pause(world: World) -> None:
    await kept_for(world)
    first, pauses, moments = await closed(world), list[float](), list[datetime]()
    moments.append(later(first)())
    found = list[set[UUID]]()

    async def pause(seconds: float) -> None:
        pauses.append(seconds)
        found.append(await erased_cases(world))
        if len(pauses) == 2:
            raise Stopped
        moments[0] = later(await closed(world))()

    with pytest.raises(Stopped):
        await keep_retention(world.database, lambda: moments[0], pause)

    assert [len(cases) for cases in found] == [1, 2]
    assert pauses == [3_600, 3_600]
    assert world.database.erased.is_set()
