"""Who works on a case: whom it is assigned to, by whom, how the log says it, and what the database refuses."""

from typing import Any
from uuid import UUID, uuid4

import pytest
from sqlalchemy import update
from sqlalchemy.exc import DBAPIError

from app.actions.perform import perform, rehearse
from app.audit.evidence import evidence_of
from app.db import tables
from app.domain.commands import AddComment, AssignCase, CloseCase
from app.domain.errors import InputRefused, Refusal
from app.domain.model import Role, UserKind
from tests.support.api import Api
from tests.support.database_contents import contents, differences, set_by_hand
from tests.support.erasure import assert_whole
from tests.support.world import Person, World, make_person, make_world

SHOWN = """case { status version owner { displayName } } comment { body }
    action { type statusBefore statusAfter assignment { assignee { displayName } } }"""
UNLOGGED = r"casegate: (rows of \w+ are permanent|the log does not have this change of \w+)"


async def reported(world: World, person: Person, case_id: UUID, assignee_id: UUID | None, **more: Any) -> list[str]:
    """Return what it is refused with: nothing where it is done."""
    try:
        await world.do(person, AssignCase(case_id=case_id, assignee_id=assignee_id, **more))
    except Refusal as refusal:
        return [refusal.code]
    except InputRefused as refused:
        return [refusal.code for refusal in refused.refusals]
    return []


async def test_a_case_is_assigned_by_one_row_of_its_log(world: World, api: Api) -> None:
    case_id = (await world.open_case()).case.id
    before = await contents(world.database)
    input: dict[str, Any] = {"caseId": str(case_id), "assigneeId": str(world.rosa.id), "expectedVersion": 1}

    payload = await api.act(world.carl.token, "assignCase", input | {"comment": "You know them."}, SHOWN)

    assert payload == {
        "errors": [],
        "case": {"status": "OPEN", "version": 2, "owner": {"displayName": "Rosa"}},
        "comment": {"body": "You know them."},
        "action": {
            "type": "ASSIGN",
            "statusBefore": "OPEN",
            "statusAfter": "OPEN",
            "assignment": {"assignee": {"displayName": "Rosa"}},
        },
    }
    changed = {"cases: action_count head_hash owner_id updated_at version", "+1 comments", "+1 case_actions"}
    assert differences(before, await contents(world.database)) == changed
    await assert_whole(world.database)


async def test_null_takes_the_owner_away_and_nothing_at_all_is_refused(world: World, api: Api) -> None:
    case_id = (await world.open_case()).case.id
    await world.do(world.ada, AssignCase(case_id=case_id, assignee_id=world.ada.id))

    none = await api.act(world.ada.token, "assignCase", {"caseId": str(case_id)}, SHOWN)
    removed = await api.act(world.ada.token, "assignCase", {"caseId": str(case_id), "assigneeId": None}, SHOWN)

    assert [(error["code"], error["path"]) for error in none["errors"]] == [("REQUIRED", ["input", "assigneeId"])]
    assert removed["case"] == {"status": "OPEN", "version": 3, "owner": None}
    assert removed["action"]["assignment"] == {"assignee": None}
    await assert_whole(world.database)


async def test_only_people_who_work_on_cases_here_can_own_one(world: World) -> None:
    case_id = (await world.open_case()).case.id
    other = await make_world(world.database)
    gone = await make_person(world.database, world.account_id, "Gone", Role.REVIEWER)
    service = await make_person(world.database, world.account_id, "Service", Role.CONTRIBUTOR)
    await set_by_hand(world.database, tables.users, gone.id, active=False)
    await set_by_hand(world.database, tables.users, service.id, kind=UserKind.SERVICE)
    strangers = [world.aldo.id, gone.id, service.id, other.rosa.id, uuid4()]

    assert [await reported(world, world.ada, case_id, id) for id in strangers] == [["INVALID_ASSIGNEE"]] * 5
    assert await reported(world, world.aldo, case_id, world.ada.id) == ["ROLE_REQUIRED"]
    assert await reported(world, world.rosa, case_id, world.rosa.id) == []
    assert await reported(world, world.carl, case_id, world.ada.id, expected_version=1) == ["VERSION_CONFLICT"]
    await world.do(world.ada, CloseCase(case_id=case_id))
    assert await reported(world, world.ada, case_id, world.ada.id) == ["CASE_CLOSED"]


async def test_a_key_assigns_once(world: World) -> None:
    case_id = (await world.open_case()).case.id
    command = AssignCase(case_id=case_id, assignee_id=world.ada.id, idempotency_key="once")

    outcomes = [await perform(world.database, world.ada.actor, command, request_id="r") for _ in range(2)]

    assert [outcome.replayed for outcome in outcomes] == [False, True]
    assert outcomes[0].action.id == outcomes[1].action.id


async def test_a_dry_run_shows_the_owner_and_writes_nothing(world: World, api: Api) -> None:
    case_id = (await world.open_case()).case.id
    before = await contents(world.database)
    input = {"caseId": str(case_id), "assigneeId": str(world.carl.id), "dryRun": True}

    payload = await api.act(world.ada.token, "assignCase", input, "supposed { case { owner { displayName } } }")
    supposed = await rehearse(
        world.database, world.ada.actor, AssignCase(case_id=case_id, assignee_id=world.ada.id), request_id="dry"
    )

    assert payload["supposed"] == {"case": {"owner": {"displayName": "Carl"}}}
    assert supposed.outcome.case.owner_id == world.ada.id
    assert await contents(world.database) == before


async def test_the_owner_of_each_moment_is_shown(world: World, api: Api) -> None:
    case_id = (await world.open_case()).case.id
    for assignee_id in (world.ada.id, world.rosa.id, None):
        await world.do(world.carl, AssignCase(case_id=case_id, assignee_id=assignee_id))
    await world.do(world.carl, AddComment(case_id=case_id, comment="Whose is it?"))
    query = "query($id: ID!, $seq: Int!) { caseSnapshot(id: $id, asOf: {seq: $seq}) { owner { displayName } } }"

    shown = [(await api.run(world.ada.token, query, {"id": str(case_id), "seq": seq})) for seq in range(1, 6)]

    owners = [found["caseSnapshot"]["owner"] for found in shown]
    assert owners == [None, {"displayName": "Ada"}, {"displayName": "Rosa"}, None, None]


async def test_evidence_has_whose_the_case_was(world: World) -> None:
    case_id = (await world.open_case()).case.id
    made = await world.do(world.ada, AssignCase(case_id=case_id, assignee_id=world.carl.id))

    evidence = await evidence_of(world.database, world.account_id, case_id, None, made.action.created_at)

    assert evidence["rows"][1]["entry"]["details"] == {"assignee_id": str(world.carl.id)}


@pytest.mark.parametrize("name", ["ada", "rosa", None])
async def test_the_database_takes_no_owner_that_the_log_does_not_have(world: World, name: str | None) -> None:
    case_id = (await world.open_case()).case.id
    await world.do(world.ada, AssignCase(case_id=case_id, assignee_id=world.carl.id))
    owner = None if name is None else getattr(world, name).id
    before = await contents(world.database)

    with pytest.raises(DBAPIError, match=UNLOGGED):
        async with world.database.write() as connection:
            await connection.execute(update(tables.cases).values(owner_id=owner))

    assert await contents(world.database) == before


async def test_the_database_takes_no_owner_back_from_an_earlier_row(world: World) -> None:
    case_id = (await world.open_case()).case.id
    for assignee_id in (world.ada.id, None):
        await world.do(world.ada, AssignCase(case_id=case_id, assignee_id=assignee_id))
    await world.do(world.ada, AddComment(case_id=case_id, comment="Mine."))

    with pytest.raises(DBAPIError, match=UNLOGGED):
        async with world.database.write() as connection:
            await connection.execute(update(tables.cases).values(owner_id=world.ada.id))
