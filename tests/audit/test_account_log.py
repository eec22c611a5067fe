"""The account's own log: what writes it, that nothing of it can be changed unseen, and what its rows do not hold."""

import asyncio
import hashlib
import json
from collections.abc import Callable
from typing import Any
from uuid import UUID, uuid4

import pytest
from sqlalchemy import delete, insert, select, text, update
from sqlalchemy.exc import DatabaseError, IntegrityError

from app.admin import accounts
from app.audit import account_logs
from app.auth.links import link_subject, unlink_subject
from app.db import tables
from app.domain.log_chain import FaultKind
from app.domain.model import Role, Scope, UserKind
from tests.support.account_logs import log_size, logged, verdict_on
from tests.support.gateway import casegate
from tests.support.identity_provider import ISSUER, IdentityProvider, opened
from tests.support.identity_provider import provider as provider  # a fixture
from tests.support.tampering import tamper
from tests.support.world import World, make_world

LOG = tables.account_actions
COMMITMENT = "emailCommitment"


async def test_each_command_writes_one_row_that_says_where_a_second_admin_was_bypassed(world: World) -> None:
    database, account_id = world.database, world.account_id
    start = await log_size(database, account_id)

    person = await accounts.create_user(
        database, account_id, email="zoe@acme.example", name="Zoé", roles=[Role.REVIEWER, Role.CONTRIBUTOR]
    )
    token = await accounts.create_token(database, person.id, [Scope.CASES_READ])
    await accounts.change_email(database, person.id, "zoe2@acme.example")
    await link_subject(database, person.id, "https://idp.example", "subject-1")
    await unlink_subject(database, person.id, "https://idp.example")
    await accounts.revoke_token(database, token.row.id)
    await accounts.revoke_token(database, token.row.id)  # it is revoked already: nothing is done, and nothing logged
    await accounts.revoke_user(database, person.id)
    await accounts.revoke_account(database, account_id)

    rows = await logged(database, account_id, start)
    assert [(type, source, approval) for type, source, approval, _ in rows] == [
        ("INVITE_USER", "CLI", "BYPASSED"),
        ("CREATE_TOKEN", "CLI", "BYPASSED"),
        ("UPDATE_USER", "CLI", "BYPASSED"),
        ("LINK_IDENTITY", "CLI", "BYPASSED"),
        ("UNLINK_IDENTITY", "CLI", "NOT_NEEDED"),
        ("REVOKE_TOKEN", "CLI", "NOT_NEEDED"),
        ("DEACTIVATE_USER", "CLI", "BYPASSED"),
        ("REVOKE_ALL_TOKENS", "CLI", "NOT_NEEDED"),
    ]
    said = [details for *_, details in rows][:3]
    hidden = [details.pop(name) for details, name in zip(said, (COMMITMENT, "secretDigest", COMMITMENT), strict=True)]
    assert said == [
        {"roles": ["CONTRIBUTOR", "REVIEWER"]},
        {"scopes": ["cases_read"]},
        {"fields": ["email"]},
    ]
    assert all(len(value) == 64 for (value,) in hidden)
    assert (await verdict_on(database, account_id)).fault is None


async def test_a_refused_command_writes_no_row(world: World) -> None:
    start = await log_size(world.database, world.account_id)

    for refused in (
        accounts.create_user(
            world.database, world.account_id, email=world.ada.identity.user.email.upper(), name="x", roles=[]
        ),
        accounts.change_email(world.database, world.ada.id, world.carl.identity.user.email),
        accounts.create_token(world.database, uuid4(), [Scope.CASES_READ]),
    ):
        with pytest.raises(accounts.AdminError):
            await refused

    assert await log_size(world.database, world.account_id) == start


async def test_what_the_identity_provider_says_is_in_the_log_as_its_word(
    world: World, fresh_url: str, provider: IdentityProvider
) -> None:
    start = await log_size(world.database, world.account_id)
    async with opened(fresh_url, world, provider, jwt_roles_claim="roles") as api:
        for roles in (["REVIEWER"], ["REVIEWER"], ["ADMIN", "CONTRIBUTOR"]):
            token = provider.token(sub="new", email="new@acme.example", roles=roles)
            await api.run(token, "{ viewer { user { roles } } }")

    rows = await logged(world.database, world.account_id, start)
    assert len(rows[0][3].pop(COMMITMENT)[0]) == 64
    assert rows == [
        ("LINK_IDENTITY", "IDENTITY_PROVIDER", "NOT_NEEDED", {"issuer": [ISSUER], "origin": ["CREATED"]}),
        ("CHANGE_ROLES", "IDENTITY_PROVIDER", "BYPASSED", {"added": ["REVIEWER"], "removed": []}),
        (
            "CHANGE_ROLES",
            "IDENTITY_PROVIDER",
            "BYPASSED",
            {"added": ["ADMIN", "CONTRIBUTOR"], "removed": ["REVIEWER"]},
        ),
    ]
    assert (await verdict_on(world.database, world.account_id)).fault is None


async def test_no_row_holds_a_name_an_address_or_a_secret(world: World) -> None:
    made = await accounts.create_user(
        world.database, world.account_id, email="canary@acme.example", name="Canary Bird", roles=[Role.ADMIN]
    )
    token = await accounts.create_token(world.database, made.id, [Scope.CASES_READ], name="Canary token")
    await accounts.change_email(world.database, made.id, "canary2@acme.example")

    async with world.database.read() as connection:
        rows = [tuple(row) for row in await connection.execute(select(LOG))]
    assert "canary" not in str(rows).lower()
    assert token.secret not in str(rows)


@pytest.mark.parametrize("statement", ["update", "delete", "replace"])
async def test_the_database_refuses_to_change_a_row(world: World, statement: str) -> None:
    async with world.database.read() as connection:
        row = dict((await connection.execute(select(LOG).limit(1))).mappings().one())
    statements: dict[str, Any] = {
        "update": update(LOG).values(details="{}"),
        "delete": delete(LOG).where(LOG.c.seq == row["seq"]),
        "replace": insert(LOG).values(row | {"details": "{}"}).prefix_with("OR REPLACE", dialect="sqlite"),
    }

    with pytest.raises((IntegrityError, DatabaseError)):
        async with world.database.write() as connection:
            await connection.execute(statements[statement])

    assert (await verdict_on(world.database, world.account_id)).fault is None


def of_account(account_id: UUID, seq: int) -> Any:
    return (LOG.c.account_id == account_id) & (LOG.c.seq == seq)


CHANGED: dict[str, Callable[[World], Any]] = {
    "type": lambda _world: "UPDATE_USER",
    "source": lambda _world: "API",
    "user_id": lambda world: world.aldo.id,
    "token_id": lambda world: world.aldo.identity.actor.token_id,
    "roles": lambda _world: "ADMIN",
    "approval": lambda _world: "GIVEN",
    "target_user_id": lambda world: world.bea.id,
    "target_token_id": lambda world: world.bea.identity.actor.token_id,
    "change_id": lambda _world: uuid4(),
    "details": lambda _world: '{"roles":[]}',
    "created_at": lambda world: world.aldo.identity.user.created_at.replace(year=2021),
    "request_id": lambda _world: "another",
    "id": lambda _world: uuid4(),
    "subject_id": lambda _world: uuid4(),
}


@pytest.mark.parametrize("column", sorted(CHANGED))
async def test_a_changed_column_is_found(world: World, column: str) -> None:
    value = CHANGED[column](world)

    await tamper(world.database, update(LOG).where(of_account(world.account_id, 4)).values({column: value}))

    fault = (await verdict_on(world.database, world.account_id)).fault
    assert fault is not None
    assert (fault.seq, fault.kind) == (4, FaultKind.CONTENT)


def test_every_column_is_tried_or_is_of_the_chain() -> None:
    chain = {"account_id", "seq", "prev_hash", "hash"}
    assert {column.name for column in LOG.c} - chain == set(CHANGED)


async def test_missing_moved_and_added_rows_are_found(world: World) -> None:
    other = await make_world(world.database)
    size = await log_size(world.database, world.account_id)

    await tamper(world.database, delete(LOG).where(of_account(world.account_id, size)))
    cut = (await verdict_on(world.database, world.account_id)).fault
    await tamper(world.database, delete(LOG).where(of_account(world.account_id, 3)))
    gap = (await verdict_on(world.database, world.account_id)).fault
    moved = update(LOG).where(of_account(other.account_id, size)).values(account_id=world.account_id, seq=3)
    await tamper(world.database, moved)
    strange = (await verdict_on(world.database, world.account_id)).fault
    shorter = (await verdict_on(world.database, other.account_id)).fault

    found = [fault and (fault.seq, fault.kind) for fault in (cut, gap, strange, shorter)]
    assert found == [
        (size, FaultKind.TRUNCATED),
        (3, FaultKind.GAP),
        (3, FaultKind.LINK),
        (size, FaultKind.TRUNCATED),
    ]


async def test_a_value_that_is_none_of_its_kind_names_its_row(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(account_logs, "PIECE", 2)
    await tamper(world.database, text("UPDATE account_actions SET type = 'NO_SUCH_THING' WHERE seq = 5"))

    verdict = await verdict_on(world.database, world.account_id)

    assert verdict.fault is not None
    assert (verdict.fault.seq, verdict.fault.kind) == (5, FaultKind.CONTENT)


@pytest.mark.parametrize("role", [Role.REVIEWER, Role.ADMIN])
async def test_the_database_gives_a_service_account_no_role_that_decides(world: World, role: Role) -> None:
    user_id, roles = uuid4(), tables.user_roles
    row = {"id": user_id, "account_id": world.account_id, "email": "bot@acme.example", "display_name": "Bot"}
    moment = world.aldo.identity.user.created_at
    async with world.database.write() as connection:
        await connection.execute(
            insert(tables.users), row | {"active": True, "kind": UserKind.SERVICE, "created_at": moment}
        )
        await connection.execute(insert(roles).values(user_id=user_id, role=Role.CONTRIBUTOR))

    for statement in (
        insert(roles).values(user_id=user_id, role=role),
        update(roles).where(roles.c.user_id == user_id).values(role=role),
        update(tables.users).where(tables.users.c.id == user_id).values(kind=UserKind.PERSON),
    ):
        with pytest.raises(IntegrityError):
            async with world.database.write() as connection:
                await connection.execute(statement)


async def test_the_log_is_printed_as_its_hashes_cover_it(world: World, fresh_url: str) -> None:
    await world.database.close()

    printed = await asyncio.to_thread(
        casegate, "log", "account", "--account", str(world.account_id), database_url=fresh_url
    )

    lines = [json.loads(line) for line in printed.stdout.splitlines()]
    assert [line["entry"]["seq"] for line in lines] == list(range(1, 14))
    for text_line, line in zip(printed.stdout.splitlines(), lines, strict=True):
        covered = text_line.removeprefix('{"entry":').rpartition(',"hash":')[0]
        assert hashlib.sha256(covered.encode()).hexdigest() == line["hash"]
    assert [line["entry"]["prev_hash"] for line in lines[1:]] == [line["hash"] for line in lines[:-1]]
