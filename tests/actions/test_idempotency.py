"""Idempotency: one key of one token makes at most one action, and tells for 24 hours which."""

import asyncio
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

import pytest
from sqlalchemy import update

from app import clock
from app.actions.idempotency import forget_old_keys, replay
from app.actions.outcome import Outcome
from app.actions.perform import perform
from app.db import tables
from app.db.repository.locks import lock_case
from app.domain.commands import AddComment, CaseCommand, CloseCase
from app.domain.errors import IdempotencyKeyReused, NoPendingOverride
from app.domain.model import Scope
from tests.support.api import Api
from tests.support.database_contents import contents
from tests.support.played_story import NO_PERSON, START, STEPS, Story, step
from tests.support.world import Person, World, person_of


async def test_the_same_request_again_does_nothing_again_and_answers_the_same(world: World) -> None:
    story = Story(world)
    for name in STEPS:
        outcome = await story.play(name, idempotency_key=name.replace(" ", "-"))
        before = await contents(world.database)
        again = await story.perform(name, idempotency_key=name.replace(" ", "-"))
        assert (again.case, again.action) == (outcome.case, outcome.action)
        assert (again.comment, again.override) == (outcome.comment, outcome.override)
        assert await contents(world.database) == before

    # Long after, the rest of the story lies between: the action is the old one, the case and the override as they are.
    late = await story.perform("request", idempotency_key="request")

    request, refusal = story.outcomes["request"], story.outcomes["refuse"]
    assert (late.action, late.comment) == (request.action, request.comment)
    assert (late.case, late.override) == (story.outcomes["close"].case, refusal.override)


async def test_a_key_is_good_for_one_request_of_one_token(world: World) -> None:
    story = Story(world)
    await story.play("open")
    await story.play("comment", idempotency_key="key")
    other_token = await person_of(world.database, world.carl.id, *Scope)
    comment = AddComment(case_id=story.case_id, comment="called", idempotency_key="key")
    before = await contents(world.database)

    others: list[CaseCommand] = [
        replace(comment, comment="called twice"),
        replace(comment, expected_version=2),
        replace(comment, case_id=NO_PERSON),
        CloseCase(case_id=story.case_id, comment="called", idempotency_key="key"),
    ]

    async def do(person: Person, command: CaseCommand) -> Outcome:
        return await perform(world.database, person.actor, command, request_id="test", now=lambda: story.now)

    for other in others:
        with pytest.raises(IdempotencyKeyReused) as refused:
            await do(world.carl, other)
        assert refused.value.path == ("input", "idempotencyKey")
    assert await contents(world.database) == before
    assert (await do(other_token, comment)).action.seq == 3


async def test_requests_with_one_key_are_handled_one_at_a_time_in_their_order(world: World) -> None:
    case_id = (await world.open_case()).case.id
    comment = AddComment(case_id=case_id, comment="called", idempotency_key="key")
    handled = list[int]()  # which request looked at the clock

    async def do(number: int) -> Outcome:
        def now() -> datetime:
            handled.append(number)
            return clock.now()

        return await perform(world.database, world.carl.actor, comment, request_id="test", now=now)

    async with world.database.write() as other:
        await lock_case(other, world.carl.actor.account_id, case_id)
        requests = [asyncio.create_task(do(number)) for number in range(3)]
        await asyncio.wait(requests, timeout=0.2)  # long enough for all three to look at the clock, if they are let
    outcomes = [await request for request in requests]

    assert set(handled) == {0, 1, 2}
    assert handled == sorted(handled)
    assert [outcome.replayed for outcome in outcomes] == [False, True, True]


async def test_a_repetition_looks_for_its_key_once_the_request_before_it_is_done(world: World) -> None:
    case_id = (await world.open_case()).case.id
    comment = AddComment(case_id=case_id, comment="called", idempotency_key="key")

    async with world.database.write() as other:
        await lock_case(other, world.carl.actor.account_id, case_id)
        request = asyncio.create_task(world.do(world.carl, comment))
        for _ in range(10):  # turns of the event loop until it has its place
            await asyncio.sleep(0)
        look = asyncio.create_task(replay(world.database, world.carl.actor, comment))
        await asyncio.wait([look], timeout=0.2)  # long enough to find nothing, if it is let
        assert not look.done()

    found, made = await look, await request
    assert found is not None and found.action == made.action


async def test_a_refusal_burns_no_key(world: World) -> None:
    story = Story(world)
    await story.play("open")
    with pytest.raises(NoPendingOverride):
        await story.perform("cancel", idempotency_key="key")
    await story.play("request")

    cancelled = await story.play("cancel", idempotency_key="key")

    assert cancelled.action.seq == 3


async def test_a_replay_is_marked_and_shows_the_case_as_it_is_now(world: World, api: Api) -> None:
    case_id = str((await world.open_case()).case.id)
    shown = (
        "replayed action { id seq hash comment { body } case { version } } comment { id body } case { status version }"
    )
    comment = {"caseId": case_id, "body": "Called.", "idempotencyKey": "key"}
    reported = []

    async def send(token: str, **changes: str) -> dict[str, Any]:
        payload = await api.act(token, "addComment", comment | changes, shown)
        reported.append(([error["code"] for error in payload["errors"]], payload["replayed"]))
        return payload

    first = await send(world.carl.token)
    await world.do(world.ada, CloseCase(case_id=UUID(case_id)))
    again = await send(world.carl.token)
    await send(world.carl.token, body="Called twice.")
    await send(world.ada.token)

    assert reported == [([], False), ([], True), (["IDEMPOTENCY_KEY_REUSED"], False), (["CASE_CLOSED"], False)]
    now = {"status": "CLOSED", "version": 3}
    action = first["action"] | {"case": {"version": 3}}
    assert again == first | {"replayed": True, "case": now, "action": action}
    assert len((await contents(world.database))["case_actions"]) == 3


async def test_a_key_is_kept_for_as_long_as_it_is_set(fresh_url: str, world: World) -> None:
    case_id = str((await world.open_case()).case.id)
    comment = {"caseId": case_id, "body": "Called.", "idempotencyKey": "key"}
    reported = []

    async with Api.opened(fresh_url, idempotency_hours=2) as api:
        for age in (timedelta(), timedelta(minutes=119), timedelta(minutes=121)):
            async with world.database.write() as connection:
                await connection.execute(update(tables.idempotency_records).values(created_at=clock.now() - age))
            payload = await api.act(world.carl.token, "addComment", comment, "replayed action { seq }")
            reported.append((payload["replayed"], payload["action"]["seq"]))

    assert reported == [(False, 2), (True, 2), (False, 3)]


async def test_a_key_is_forgotten_after_24_hours(world: World) -> None:
    story = Story(world)
    await story.play("open")
    _, command = await step("comment", world, story.case_id)
    comment = replace(command, idempotency_key="key")

    async def seq_at(elapsed: timedelta) -> int:
        outcome = await perform(world.database, world.carl.actor, comment, request_id="r", now=lambda: START + elapsed)
        return outcome.action.seq

    day, moment = timedelta(hours=24), timedelta(microseconds=1)
    assert await seq_at(timedelta()) == 2
    assert await seq_at(day) == 2
    await forget_old_keys(world.database, now=lambda: START + day)
    assert await seq_at(day) == 2
    assert await seq_at(day + moment) == 3

    await forget_old_keys(world.database, now=lambda: START + 2 * day + 2 * moment)
    assert (await contents(world.database))["idempotency_records"] == {}
