"""Who acts is looked at again as they act: a right that was taken away meanwhile is gone, whichever way it went."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

import pytest
from sqlalchemy import delete, insert, text, update
from sqlalchemy.ext.asyncio import AsyncConnection

from app import clock
from app.actions.authority import limited, renewed
from app.actions.perform import rehearse
from app.admin import accounts
from app.auth.provisioning import Claimed, write_person
from app.db import tables
from app.db.engines import Database, open_database
from app.db.prepared import write
from app.db.repository.locks import lock_case
from app.db.rows import ActionRow
from app.db.writes import inserted_by
from app.documents.receive import arriving
from app.documents.store import DocumentStore
from app.documents.upload import keep
from app.domain.action_log import FORMAT
from app.domain.addresses import parse_address
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
from app.domain.errors import InputRefused, Refusal
from app.domain.facts import Actor
from app.domain.model import ActionType, CaseStatus, RequestedStatus, Role, Scope, SubjectType, TokenSource
from tests.support.api import Api
from tests.support.database_contents import contents
from tests.support.documents import uploaded
from tests.support.world import Person, World, person_of

Change = Callable[[AsyncConnection, Actor], Awaitable[Any]]


def changed(table: Any, column: str, **values: Any) -> Change:
    """Return what changes the row of *table* that is the actor's."""

    async def change(connection: AsyncConnection, actor: Actor) -> None:
        key = getattr(actor, column)
        await connection.execute(update(table).where(table.c.id == key).values(values))

    return change


async def without_roles(connection: AsyncConnection, actor: Actor) -> None:
    link = tables.user_roles
    await connection.execute(delete(link).where(link.c.user_id == actor.user_id))


async def with_another_role(connection: AsyncConnection, actor: Actor) -> None:
    link = tables.user_roles
    await connection.execute(update(link).where(link.c.user_id == actor.user_id).values(role=Role.ADMIN))


async def with_more(connection: AsyncConnection, actor: Actor) -> None:
    await connection.execute(insert(tables.user_roles).values(user_id=actor.user_id, role=Role.ADMIN))


# What is taken away, and what whoever is under way is told.
CHANGES: dict[str, tuple[Change, str]] = {
    "the role": (without_roles, "ROLE_REQUIRED"),
    "the role, for another": (with_another_role, "ROLE_REQUIRED"),
    "being active": (changed(tables.users, "user_id", active=False), "USER_INACTIVE"),
    "the token": (changed(tables.api_tokens, "token_id", revoked_at=clock.now()), "UNAUTHENTICATED"),
    "the token's time": (
        changed(tables.api_tokens, "token_id", expires_at=datetime(2026, 1, 1, tzinfo=UTC)),
        "TOKEN_EXPIRED",
    ),
    "the token's scope": (changed(tables.api_tokens, "token_id", scopes="cases_read"), "INSUFFICIENT_SCOPE"),
    "the account's feature": (changed(tables.accounts, "account_id", cases_enabled=False), "FEATURE_DISABLED"),
}


async def reported(requested: Awaitable[Any]) -> str:
    try:
        await requested
    except Refusal as refusal:
        return refusal.code
    except InputRefused as refused:
        return refused.refusals[0].code
    return "done"


async def rows(world: World) -> dict[str, Any]:
    """Return what actions write: cases, the log, and all that hangs on them."""
    found = await contents(world.database)
    return {name: found[name] for name in ("cases", "case_actions", "comments", "overrides", "subjects")}


async def while_waiting(world: World, case_id: UUID, requested: Awaitable[Any], change: Change, actor: Actor) -> str:
    """Return what *asked* came to, which waits for the case while *change* is made and committed."""
    async with world.database.write() as connection:
        await lock_case(connection, world.account_id, case_id)
        task = asyncio.create_task(reported(requested))
        await asyncio.sleep(0.2)
        assert not task.done()
        await change(connection, actor)
    return await task


async def command_of(world: World, name: str, case_id: UUID) -> tuple[Person, Command]:
    """Return an action that is allowed on the case, which has a pending override of Ada's, and who may do it."""
    read = await world.read(case_id)
    subject = SubjectDetails(type=SubjectType.COMPANY_ACCOUNT_CHECK, external_ref=f"{uuid4()}", label="Moulins")
    comment = AddComment(case_id=case_id, comment="Noted.")
    commands: dict[str, tuple[Person, Command]] = {
        "accept": (world.rosa, AcceptOverride(**read)),
        "refuse": (world.rosa, RefuseOverride(**read)),
        "cancel": (world.ada, CancelOverride(case_id=case_id)),
        "comment": (world.carl, comment),
        "comment with a key": (world.carl, replace(comment, idempotency_key="key")),
        "open": (world.carl, OpenCase(subject=subject, title="A changed IBAN")),
    }
    return commands[name]


@pytest.mark.parametrize("name", ["accept", "comment", "comment with a key"])
@pytest.mark.parametrize("taken", CHANGES)
async def test_who_loses_a_right_while_they_wait_for_the_case_does_nothing(world: World, name: str, taken: str) -> None:
    case_id = (await world.case_in(CaseStatus.PENDING_REVIEW)).case.id
    person, command = await command_of(world, name, case_id)
    before = await rows(world)
    change, code = CHANGES[taken]

    assert await while_waiting(world, case_id, world.do(person, command), change, person.actor) == code

    assert await rows(world) == before


@pytest.mark.parametrize("name", ["accept", "refuse", "cancel", "comment", "comment with a key", "open"])
@pytest.mark.parametrize("taken", ["the role", "being active", "the token", "the account's feature"])
async def test_who_came_in_before_a_right_was_taken_away_does_nothing_after_it(
    world: World, name: str, taken: str
) -> None:
    case_id = (await world.case_in(CaseStatus.PENDING_REVIEW)).case.id
    person, command = await command_of(world, name, case_id)
    before = await rows(world)
    change, code = CHANGES[taken]
    async with world.database.write() as connection:
        await change(connection, person.actor)

    really = await reported(world.do(person, command))
    supposed = await reported(rehearse(world.database, person.actor, command, request_id="dry"))

    # The creator takes their request back whatever roles they have left.
    assert (really, supposed) == ((code, code) if (name, taken) != ("cancel", "the role") else ("done", supposed))
    assert (await rows(world) == before) == (really != "done")


async def test_a_revoked_person_learns_nothing_of_the_case(world: World) -> None:
    case_id = (await world.case_in(CaseStatus.PENDING_REVIEW)).case.id
    _, accept = await command_of(world, "accept", case_id)
    await world.cancel(case_id)
    await world.do(world.ada, CloseCase(case_id=case_id))
    async with world.database.write() as connection:
        await without_roles(connection, world.rosa.actor)

    assert await reported(world.do(world.rosa, accept)) == "ROLE_REQUIRED"
    await accounts.revoke_token(world.database, world.rosa.actor.token_id)
    assert await reported(world.do(world.rosa, accept)) == "UNAUTHENTICATED"


async def test_a_change_that_revokes_nothing_stops_no_action(world: World) -> None:
    case_id = (await world.case_in(CaseStatus.PENDING_REVIEW)).case.id
    person, command = await command_of(world, "accept", case_id)
    other = await person_of(world.database, world.rosa.id, *Scope)

    async def change(connection: AsyncConnection, actor: Actor) -> None:
        await with_more(connection, actor)
        await connection.execute(
            update(tables.api_tokens)
            .where(tables.api_tokens.c.id == other.actor.token_id)
            .values(revoked_at=clock.now())
        )

    assert await while_waiting(world, case_id, world.do(person, command), change, person.actor) == "done"
    assert (await rows(world))["cases"][(case_id,)]["status"] == CaseStatus.RESOLVED


async def test_an_account_that_comes_to_restrict_reviewers_is_heeded_by_who_is_under_way(world: World) -> None:
    case_id = (await world.case_in(CaseStatus.PENDING_REVIEW)).case.id
    accept = AcceptOverride(**await world.read(case_id))
    restrict = changed(tables.accounts, "account_id", restrict_to_assigned_reviewers=True)

    other = await while_waiting(world, case_id, world.do(world.rolf, accept), restrict, world.rolf.actor)

    assert other == "NOT_ASSIGNED_REVIEWER"
    assert await reported(world.do(world.rosa, accept)) == "done"


@pytest.mark.parametrize("way", ["revoke_token", "revoke_user", "revoke_account", "the provider"])
async def test_every_way_to_take_a_right_away_is_seen_by_who_is_under_way(
    world: World, way: str, fresh_url: str
) -> None:
    """Each by a connection of its own: on PostgreSQL while the case is locked, on SQLite before the action begins."""
    case_id = (await world.case_in(CaseStatus.PENDING_REVIEW)).case.id
    accept = AcceptOverride(**await world.read(case_id))
    database, rosa = world.database, world.rosa
    address = parse_address(rosa.identity.user.email)
    claimed = Claimed(
        account_id=world.account_id,
        issuer="https://login.example",
        subject="rosa",
        address=address,
        name="",
        roles=frozenset({Role.REVIEWER}),
        scopes=tuple(Scope),
        issued_at=clock.now() - timedelta(minutes=1),
        expires_at=clock.now() + timedelta(hours=1),
    )
    await write_person(database, claimed, create=False)
    later = replace(claimed, roles=frozenset({Role.CONTRIBUTOR}), issued_at=clock.now())
    ways: dict[str, tuple[Callable[[Database], Awaitable[Any]], str]] = {
        "revoke_token": (lambda other: accounts.revoke_token(other, rosa.actor.token_id), "UNAUTHENTICATED"),
        "revoke_user": (lambda other: accounts.revoke_user(other, rosa.id), "UNAUTHENTICATED"),
        "revoke_account": (lambda other: accounts.revoke_account(other, world.account_id), "UNAUTHENTICATED"),
        "the provider": (lambda other: write_person(other, later, create=False), "ROLE_REQUIRED"),
    }
    revoke, code = ways[way]
    other = open_database(fresh_url)
    try:
        if database.is_sqlite:
            await revoke(other)
            assert await reported(world.do(rosa, accept)) == code
            return
        async with database.write() as connection:
            await lock_case(connection, world.account_id, case_id)
            task = asyncio.create_task(reported(world.do(rosa, accept)))
            await asyncio.sleep(0.2)
            await revoke(other)  # nobody who waits for the case keeps it waiting
            assert not task.done()
        assert await task == code
    finally:
        await other.close()


# --- The lock ---------------------------------------------------------------------------------------------------------


def row_of(world: World, case: Any) -> ActionRow:
    return ActionRow(
        id=clock.new_id(),
        case_id=case.id,
        seq=case.action_count + 1,
        type=ActionType.COMMENT,
        user_id=world.rosa.id,
        comment_id=None,
        override_id=None,
        status_before=case.status,
        status_after=case.status,
        resolution=None,
        created_at=clock.now(),
        request_id="x",
        prev_hash="0" * 64,
        hash="0" * 64,
        format=FORMAT,
        authority=None,
        commitments=None,
        details=None,
    )


async def test_a_revocation_waits_for_an_action_that_has_written_and_not_committed(
    world: World, fresh_url: str
) -> None:
    if world.database.is_sqlite:
        pytest.skip("SQLite has one writer at a time")
    case = (await world.case_in(CaseStatus.PENDING_REVIEW)).case
    ways: list[Callable[[Database], Awaitable[Any]]] = [
        lambda other: accounts.revoke_token(other, world.rosa.actor.token_id),
        lambda other: accounts.revoke_user(other, world.rosa.id),
        lambda other: accounts.revoke_account(other, world.account_id),
        lambda other: by_hand(other, without_roles, world.rosa.actor),
        lambda other: by_hand(other, with_more, world.rosa.actor),
        lambda other: by_hand(other, CHANGES["the account's feature"][0], world.rosa.actor),
    ]
    other = open_database(fresh_url)
    for revoke in ways:
        await person_of(world.database, world.rosa.id, *Scope)  # so that there is something to revoke
        authority = (await contents(world.database))["users"][(world.rosa.id,)]["authority_version"]
        async with world.database.writer.lent() as connection:
            begun = await connection.begin()
            row = row_of(world, case)
            logged = inserted_by(authority, "user_id", tables.case_actions, row, account_id=world.account_id)
            await write(connection, [logged])
            task = asyncio.create_task(reported(revoke(other)))
            await asyncio.sleep(0.2)
            waits = not task.done()
            await begun.rollback()
        assert waits and await task == "done"
    await other.close()


async def by_hand(database: Database, change: Change, actor: Actor) -> None:
    async with database.write() as connection:
        await change(connection, actor)


async def test_an_action_waits_for_a_revocation_that_is_not_committed(world: World, fresh_url: str) -> None:
    if world.database.is_sqlite:
        pytest.skip("SQLite has one writer at a time")
    case_id = (await world.case_in(CaseStatus.PENDING_REVIEW)).case.id
    ends = {}
    for name in ("comment", "accept"):
        for is_kept in (False, True):
            person, command = await command_of(world, name, case_id)
            async with world.database.writer.lent() as connection:
                begun = await connection.begin()
                await without_roles(connection, person.actor)
                task = asyncio.create_task(reported(world.do(person, command)))
                await asyncio.sleep(0.2)
                assert not task.done()
                await (begun.commit() if is_kept else begun.rollback())
            ends[name, is_kept] = await task
            if name == "accept" and not is_kept:
                case_id = (await world.case_in(CaseStatus.PENDING_REVIEW)).case.id

    assert ends == {
        ("comment", False): "done",
        ("comment", True): "ROLE_REQUIRED",
        ("accept", False): "done",
        ("accept", True): "ROLE_REQUIRED",
    }


async def test_what_every_request_changes_is_no_change_of_authority(world: World) -> None:
    async def authority() -> int:
        found: int = (await contents(world.database))["users"][(world.ada.id,)]["authority_version"]
        return found

    before = await authority()
    await by_hand(world.database, changed(tables.api_tokens, "token_id", last_used_at=clock.now()), world.ada.actor)
    await by_hand(world.database, changed(tables.users, "user_id", display_name="Ada L."), world.ada.actor)
    await by_hand(world.database, changed(tables.accounts, "account_id", name="Acme"), world.ada.actor)
    same = (await contents(world.database))["api_tokens"][(world.ada.actor.token_id,)]["scopes"]
    await by_hand(world.database, changed(tables.api_tokens, "token_id", scopes=same), world.ada.actor)
    await person_of(world.database, world.ada.id, *Scope)
    await world.open_case()

    assert await authority() == before


async def test_emptying_a_table_of_rights_is_a_change_for_all_people(world: World) -> None:
    if world.database.is_sqlite:
        pytest.skip("SQLite has no TRUNCATE")
    case_id = (await world.open_case()).case.id
    async with world.database.write() as connection:
        await connection.execute(text("TRUNCATE user_roles"))

    assert await reported(world.do(world.ada, AddComment(case_id=case_id, comment="x"))) == "ROLE_REQUIRED"


# --- Time, roles that a token limits, keys, documents -----------------------------------------------------------------


async def test_a_token_that_expires_on_the_way_does_nothing(world: World) -> None:
    case_id = (await world.open_case()).case.id
    comment = AddComment(case_id=case_id, comment="x")
    before = await rows(world)
    ended = replace(world.ada.actor, expires_at=clock.now() - timedelta(seconds=1))
    person = Person(replace(world.ada.identity, actor=ended), world.ada.token)

    assert await reported(world.do(person, comment)) == "TOKEN_EXPIRED"
    assert await reported(world.do(person, replace(comment, case_id=uuid4()))) == "TOKEN_EXPIRED"
    assert await rows(world) == before


async def test_who_is_looked_up_again_gets_no_role_that_their_token_does_not_give_them(world: World) -> None:
    case_id = (await world.open_case()).case.id
    await world.request_override(case_id, world.ada)
    accept = AcceptOverride(**await world.read(case_id))
    # Bea is a reviewer; her token says that she contributes.
    actor = limited(world.bea.actor, frozenset({Role.CONTRIBUTOR}))
    limited_bea = Person(replace(world.bea.identity, actor=actor), world.bea.token)
    await by_hand(world.database, with_more, actor)

    assert await reported(world.do(limited_bea, accept)) == "ROLE_REQUIRED"
    assert await reported(world.do(limited_bea, AddComment(case_id=case_id, comment="x"))) == "done"


async def test_a_token_revoked_while_it_waits_for_a_replay_learns_nothing(world: World) -> None:
    case_id = (await world.open_case()).case.id
    comment = AddComment(case_id=case_id, comment="x", idempotency_key="key")
    await world.do(world.carl, comment)
    assert await reported(world.do(world.carl, comment)) == "done"
    await accounts.revoke_token(world.database, world.carl.actor.token_id)

    assert await reported(world.do(world.carl, comment)) == "UNAUTHENTICATED"


async def test_what_was_uploaded_before_a_revocation_is_not_attached_after_it(world: World, api: Api) -> None:
    case_id = (await world.open_case()).case.id
    document = UUID(await uploaded(api, world.carl.token))
    commands: list[CaseCommand] = [
        AddComment(case_id=case_id, comment="See.", document_ids=(document,)),
        RequestOverride(
            case_id=case_id,
            requested_status=RequestedStatus.FAVORABLE,
            reviewer_ids=(world.rosa.id,),
            comment="See.",
            document_ids=(document,),
        ),
    ]
    before = await contents(world.database)
    await accounts.revoke_user(world.database, world.carl.id)

    assert [await reported(world.do(world.carl, command)) for command in commands] == ["UNAUTHENTICATED"] * 2
    assert (await contents(world.database))["documents"] == before["documents"]


@pytest.mark.parametrize("taken", CHANGES)
async def test_an_upload_that_was_begun_before_a_right_was_taken_away_is_not_kept(
    world: World, store: DocumentStore, taken: str
) -> None:
    change, code = CHANGES[taken]
    async with arriving(store.incoming) as arrival:
        await arrival.write(b"some text")
        received = await arrival.finish("note.txt", "file")
        await by_hand(world.database, change, world.carl.actor)
        ended = await reported(keep(world.database, store, world.carl.actor, received))

    # Whoever is of the account may upload, whatever their role.
    assert ended == ("done" if "role" in taken else code)
    assert len((await contents(world.database))["documents"]) == (ended == "done")


async def test_a_payload_refuses_a_person_who_was_revoked_meanwhile(world: World, api: Api) -> None:
    case_id = (await world.case_in(CaseStatus.PENDING_REVIEW)).case.id
    read = await world.decision(case_id)
    change, _ = CHANGES["the token"]

    async def ask() -> None:
        payloads.append(await api.act(world.rosa.token, "acceptOverride", read, "case { id } override { status }"))

    payloads: list[dict[str, Any]] = []
    await while_waiting(world, case_id, ask(), change, world.rosa.actor)

    (payload,) = payloads
    assert [(error["__typename"], error["code"]) for error in payload["errors"]] == [("AccessError", "UNAUTHENTICATED")]
    assert (payload["case"], payload["override"]) == (None, None)


@pytest.mark.parametrize("source", TokenSource)
async def test_who_is_looked_up_again_keeps_their_token_s_source_end_and_limit(
    world: World, source: TokenSource
) -> None:
    now = clock.now()
    whole = replace(world.bea.actor, token_source=source, expires_at=now + timedelta(minutes=1))

    for actor in (whole, limited(whole, frozenset({Role.CONTRIBUTOR}))):
        async with world.database.read() as connection:
            assert await renewed(connection, actor, now) == actor
