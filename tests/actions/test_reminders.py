"""Reminders and escalations: rows of the account's own rules, at their time, once for each occasion."""

import asyncio
import json
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import pytest
from sqlalchemy.ext.asyncio import AsyncConnection

from app.actions.draft import Draft
from app.actions.outcome import Outcome
from app.actions.perform import perform_by_rule
from app.actions.reminders import ReminderStep, write_reminder, write_reminders
from app.audit.verification import verify_log
from app.db import tables
from app.db.repository.locks import lock_case
from app.db.repository.reminders import due_by
from app.db.user_writes import system_identity
from app.domain.commands import CloseCase, Remind, SetDueDate
from app.domain.facts import SystemActor
from app.domain.model import Scope, TokenSource
from app.domain.reminders import RULES, Reminder, ReminderOccasion, reminder_of
from app.server.background import keep_reminders
from tests.support.api import Api
from tests.support.database_contents import contents, differences, set_by_hand
from tests.support.erasure import assert_whole
from tests.support.invariants import assert_invariants
from tests.support.recorded_sql import recorded
from tests.support.world import World, make_world, person_of

DUE = datetime(2027, 1, 31, 16, 30, 0, 123456, tzinfo=UTC)
MICROSECOND = timedelta(microseconds=1)
HOUR = timedelta(hours=1)


async def policies(world: World, reminder: int | None = 24, escalation: int | None = 48) -> None:
    values = {"reminder_hours": reminder, "escalation_hours": escalation}
    await set_by_hand(world.database, tables.accounts, world.account_id, **values)


async def due_case(world: World, due_at: datetime | None = DUE) -> UUID:
    case_id = (await world.open_case()).case.id
    await world.do(world.ada, SetDueDate(case_id=case_id, due_at=due_at))
    return case_id


async def waiting(world: World, expiry_hours: int | None = None) -> Outcome:
    """Return a request in an account with this policy of expiry, of somebody who came after it was set."""
    await set_by_hand(world.database, tables.accounts, world.account_id, override_expiry_hours=expiry_hours)
    ada = await person_of(world.database, world.ada.id, *Scope)
    return await world.request_override((await world.open_case()).case.id, ada)


async def run(world: World, moment: datetime, batch: int = 100) -> list[ReminderStep]:
    return [step async for step in write_reminders(world.database, lambda: moment, batch=batch)]


async def written(world: World, moment: datetime) -> list[tuple[str, str]]:
    """Write what it is time for, and return the type and the occasion of each row that this has made."""
    steps = await run(world, moment)
    assert not any(step.is_failed for step in steps)
    return [(step.rule.action.value, step.rule.occasion.value) for step in steps if step.is_written]


@pytest.mark.parametrize(
    "reminder",
    [Reminder(ReminderOccasion.DUE_DATE, DUE), Reminder(ReminderOccasion.OVERRIDE_WAITING, DUE, UUID(int=7))],
)
def test_a_row_s_details_give_the_reminder_back(reminder: Reminder) -> None:
    assert reminder_of(reminder.details()) == reminder
    assert reminder_of(None) is reminder_of({"due_at": None}) is None


async def test_a_due_date_is_reminded_of_and_then_escalated_each_by_one_row_that_changes_nothing(
    world: World,
) -> None:
    await policies(world)
    case_id = await due_case(world)
    assert await written(world, DUE - 24 * HOUR - MICROSECOND) == []
    before = await contents(world.database)

    reminded = await written(world, DUE - 24 * HOUR)

    after = await contents(world.database)
    assert reminded == [("REMIND", "DUE_DATE")]
    moved = "cases: action_count head_hash updated_at version"
    assert differences(before, after) == {"+1 users", "+1 case_actions", moved}
    (row,) = [row for row in after["case_actions"].values() if row["type"] == "REMIND"]
    assert (row["status_before"], row["status_after"], row["override_id"]) == ("OPEN", "OPEN", None)
    assert json.loads(row["details"]) == {"at": "2027-01-31T16:30:00.123456Z", "occasion": "DUE_DATE"}
    assert json.loads(row["authority"])["token_source"] == TokenSource.SYSTEM
    assert await written(world, DUE + 48 * HOUR - MICROSECOND) == []
    assert await written(world, DUE + 48 * HOUR) == [("ESCALATE", "DUE_DATE")]
    assert await written(world, DUE + 480 * HOUR) == []
    assert after["cases"][(case_id,)]["due_at"] == DUE
    await assert_whole(world.database)
    assert_invariants(before, await contents(world.database))


async def test_what_is_late_already_is_not_reminded_of(world: World) -> None:
    await policies(world)
    await due_case(world)

    assert await written(world, DUE) == []
    assert await written(world, DUE + 48 * HOUR) == [("ESCALATE", "DUE_DATE")]


@pytest.mark.parametrize("what", ["closed", "no date", "another date"])
async def test_what_is_finished_or_due_at_another_time_is_not_reminded_of_and_that_time_is(
    world: World, what: str
) -> None:
    await policies(world)
    case_id = await due_case(world)
    assert await written(world, DUE - HOUR) == [("REMIND", "DUE_DATE")]
    later = DUE + 1_000 * HOUR
    changes: Mapping[str, Any] = {
        "closed": CloseCase(case_id=case_id),
        "no date": SetDueDate(case_id=case_id, due_at=None),
        "another date": SetDueDate(case_id=case_id, due_at=later),
    }
    await world.do(world.ada, changes[what])

    assert await written(world, DUE + 48 * HOUR) == []
    again = [("REMIND", "DUE_DATE")] if what == "another date" else []
    assert await written(world, later - HOUR) == again
    await assert_whole(world.database)


async def test_an_override_that_waits_is_reminded_of_and_escalated_until_it_is_decided(world: World) -> None:
    await policies(world)
    requested = await waiting(world)
    since = requested.action.created_at
    assert requested.override is not None

    assert await written(world, since + 24 * HOUR - MICROSECOND) == []
    assert await written(world, since + 24 * HOUR) == [("REMIND", "OVERRIDE_WAITING")]
    assert await written(world, since + 48 * HOUR - MICROSECOND) == []
    assert await written(world, since + 48 * HOUR) == [("ESCALATE", "OVERRIDE_WAITING")]
    assert await written(world, since + 480 * HOUR) == []

    rows = (await contents(world.database))["case_actions"].values()
    said = [reminder_of(json.loads(row["details"])) for row in rows if row["type"] in ("REMIND", "ESCALATE")]
    assert said == [Reminder(ReminderOccasion.OVERRIDE_WAITING, since, requested.override.id)] * 2
    await world.accept(requested.case.id)
    await assert_whole(world.database)


@pytest.mark.parametrize(("reminder", "escalation"), [(24, 48), (48, 48), (48, 24)])
async def test_what_waits_for_so_long_that_it_is_escalated_is_not_reminded_of(
    world: World, reminder: int, escalation: int
) -> None:
    await policies(world, reminder, escalation)
    since = (await waiting(world)).action.created_at

    assert await written(world, since + 48 * HOUR) == [("ESCALATE", "OVERRIDE_WAITING")]
    assert await written(world, since + 480 * HOUR) == []


async def test_a_policy_that_changes_meanwhile_counts_under_the_lock(world: World) -> None:
    await policies(world, reminder=24, escalation=None)
    moment = (await waiting(world)).action.created_at + 24 * HOUR
    rule = next(rule for rule in RULES if rule.unless_escalated)
    async with world.database.read() as connection:
        (due,) = await due_by(connection, rule, moment, None, 10)
    await policies(world, reminder=24, escalation=24)

    assert await write_reminder(world.database, rule, due, lambda: moment) is None


async def test_a_decision_ends_it_and_the_next_request_is_reminded_of_anew(world: World) -> None:
    await policies(world)
    first = await waiting(world)
    assert len(await written(world, first.action.created_at + 24 * HOUR)) == 1
    await world.refuse(first.case.id)
    assert await written(world, first.action.created_at + 480 * HOUR) == []
    second = await world.request_override(first.case.id)

    assert await written(world, second.action.created_at + 24 * HOUR) == [("REMIND", "OVERRIDE_WAITING")]


async def test_an_override_that_expires_is_reminded_of_before_that_and_not_after_it(world: World) -> None:
    await policies(world, reminder=12, escalation=24)
    requested = await waiting(world, expiry_hours=36)
    since = requested.action.created_at
    assert await written(world, since + 24 * HOUR - MICROSECOND) == []

    both = await written(world, since + 24 * HOUR)

    assert both == [("REMIND", "OVERRIDE_EXPIRY"), ("ESCALATE", "OVERRIDE_WAITING")]
    assert await written(world, since + 35 * HOUR) == []
    await assert_whole(world.database)


async def test_of_what_has_expired_nothing_is_said_though_nothing_has_ended_it(world: World) -> None:
    await policies(world, reminder=12, escalation=24)
    requested = await waiting(world, expiry_hours=20)

    assert await written(world, requested.action.created_at + 24 * HOUR) == []


async def test_without_a_policy_nothing_is_written(world: World) -> None:
    await policies(world, None, None)
    await due_case(world)
    await waiting(world)

    for moment in (DUE - HOUR, DUE + 48 * HOUR, DUE + 9_000 * HOUR):
        assert await written(world, moment) == []


async def test_many_who_write_it_at_once_write_one_row(world: World) -> None:
    await policies(world)
    await due_case(world)
    moment = DUE - HOUR
    async with world.database.read() as connection:
        (due,) = await due_by(connection, RULES[0], moment, None, 10)

    outcomes = await asyncio.gather(*(write_reminder(world.database, RULES[0], due, lambda: moment) for _ in range(5)))

    assert sum(outcome is not None for outcome in outcomes) == 1
    await assert_whole(world.database)


async def test_a_date_that_is_changed_meanwhile_counts_under_the_lock(world: World) -> None:
    await policies(world)
    case_id, moment = await due_case(world), DUE - HOUR
    async with world.database.read() as connection:
        (due,) = await due_by(connection, RULES[0], moment, None, 10)
    await world.do(world.ada, SetDueDate(case_id=case_id, due_at=DUE + 100 * HOUR))

    assert await write_reminder(world.database, RULES[0], due, lambda: moment) is None


async def test_all_are_written_batch_by_batch_and_of_every_account(world: World) -> None:
    other = await make_world(world.database)
    expected = []
    for place in (world, other, world):
        await policies(place)
        expected.append(await due_case(place))

    steps = await run(world, DUE - HOUR, batch=1)

    assert sorted(step.due.case_id for step in steps) == sorted(expected)
    assert all(step.is_written for step in steps)


async def test_the_statements_of_a_round_do_not_depend_on_how_many_cases_there_are(world: World) -> None:
    await policies(world)

    async def counted(moment: datetime) -> int:
        with recorded() as statements:
            await run(world, moment)
        return len(statements)

    await due_case(world)
    nothing = await counted(DUE - 100 * HOUR)
    one = await counted(DUE - HOUR) - nothing
    for _ in range(5):
        await due_case(world)

    assert nothing == len(RULES)
    assert await counted(DUE - HOUR) - nothing <= 5 * one
    assert await counted(DUE - HOUR) == nothing


async def test_a_running_gateway_writes_them_again_and_again(world: World) -> None:
    await policies(world)
    await due_case(world)
    pauses: list[float] = []

    async def pause(seconds: float) -> None:
        pauses.append(seconds)
        if len(pauses) == 2:
            raise asyncio.CancelledError

    with pytest.raises(asyncio.CancelledError):
        await keep_reminders(world.database, lambda: DUE - HOUR, pause)

    assert pauses == [60, 60]
    rows = (await contents(world.database))["case_actions"].values()
    assert [row["type"] for row in rows].count("REMIND") == 1


async def test_people_read_it_in_their_language_and_what_they_may_do_is_as_before(world: World, api: Api) -> None:
    await policies(world)
    requested = await waiting(world)
    query = """query($id: ID!) {
        case(id: $id) { status availableActions { action allowed code } waitingFor: activeOverride { status }
          actions(first: 1) { nodes { type typeLabel user { kind } override { id }
            reminder { occasion occasionLabel at override { id status } } } } }
        viewer { inbox { nodes { reference } } } }"""
    variables = {"id": str(requested.case.id)}
    before = [await api.run(person.token, query, variables) for person in (world.ada, world.rosa)]

    await written(world, requested.action.created_at + 24 * HOUR)

    after = [await api.run(person.token, query, variables) for person in (world.ada, world.rosa)]
    french = await api.run(world.rosa.token, query, variables, accept_language="fr")
    assert requested.override is not None
    assert after[0]["case"]["actions"]["nodes"] == [
        {
            "type": "REMIND",
            "typeLabel": "Remind",
            "user": {"kind": "SYSTEM"},
            "override": None,
            "reminder": {
                "occasion": "OVERRIDE_WAITING",
                "occasionLabel": "Override that waits",
                "at": requested.action.created_at.isoformat(),
                "override": {"id": str(requested.override.id), "status": "PENDING"},
            },
        }
    ]
    (row,) = french["case"]["actions"]["nodes"]
    assert (row["typeLabel"], row["reminder"]["occasionLabel"]) == ("Rappeler", "Dérogation en attente")
    for found in (*before, *after):
        del found["case"]["actions"]
    assert after == before


async def test_the_policies_are_set_shown_and_taken_away(world: World, api: Api) -> None:
    shown = "{ viewer { account { reminderHours escalationHours } } }"
    found = []
    for hours in (24, 0):
        input = {"reminderHours": hours, "escalationHours": hours * 2}
        payload = await api.act(world.aldo.token, "updateAccount", input)
        assert payload["errors"] == []
        found.append((await api.run(world.ada.token, shown))["viewer"]["account"])

    wrong = await api.act(world.aldo.token, "updateAccount", {"reminderHours": 8761, "escalationHours": -1})

    assert found == [{"reminderHours": 24, "escalationHours": 48}, {"reminderHours": None, "escalationHours": None}]
    assert [error["path"][1] for error in wrong["errors"]] == ["reminderHours", "escalationHours"]


@pytest.mark.parametrize(
    ("occasion", "reason"),
    [
        (ReminderOccasion.DUE_DATE, "it is about another due date than the case had"),
        (ReminderOccasion.OVERRIDE_WAITING, "it is about an override that did not wait so"),
    ],
)
async def test_a_reminder_of_what_was_not_so_is_named_by_the_verifier(
    world: World, occasion: ReminderOccasion, reason: str
) -> None:
    case_id = await due_case(world)
    override_id = None if occasion is ReminderOccasion.DUE_DATE else case_id
    forged = Remind(case_id=case_id, reminder=Reminder(occasion, DUE + HOUR, override_id))

    async def draft(connection: AsyncConnection) -> Draft | None:
        locked = await lock_case(connection, world.account_id, case_id)
        assert locked is not None
        system = SystemActor(world.account_id, await system_identity(connection, world.account_id, DUE))
        return Draft(connection, system, forged, DUE, before=locked.case, case=locked.case, subject=locked.subject)

    await perform_by_rule(world.database, world.account_id, draft, request_id="forged")

    (verdict,) = [verdict async for verdict in verify_log(world.database)]
    assert verdict.fault is not None and (verdict.fault.seq, verdict.fault.reason) == (3, reason)
