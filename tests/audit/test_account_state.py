"""People, roles, tokens and policies held against the account's own log: edits behind its back are named."""

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any
from uuid import UUID, uuid4

import pytest
from sqlalchemy import delete, insert, select, text, update

from app import clock
from app.admin import accounts
from app.audit import account_logs
from app.audit.account_logs import AccountVerdict
from app.auth.links import link_subject, unlink_subject
from app.db import tables
from app.domain.model import Role, Scope
from tests.support.account_logs import log_size, logged, rewrite_account_log, verdict_on
from tests.support.administration import Administration, second_admin
from tests.support.api import Api
from tests.support.identity_provider import IdentityProvider, opened
from tests.support.identity_provider import provider as provider  # a fixture
from tests.support.tampering import tamper, undone
from tests.support.world import World, make_world

LOG, USERS, ROLES, TOKENS = tables.account_actions, tables.users, tables.user_roles, tables.api_tokens


@pytest.fixture
async def office(world: World, api: Api) -> Administration:
    """The world with a second admin, Alma."""
    return Administration(world, api, await second_admin(world))


async def assert_whole(world: World) -> None:
    verdict = await verdict_on(world.database, world.account_id)
    assert (verdict.fault, verdict.others, verdict.before) == (None, (), 0)


def named(verdict: AccountVerdict) -> list[tuple[int, str]]:
    """Return the rows that are named and the kinds of what is wrong."""
    faults = [] if verdict.fault is None else [verdict.fault, *verdict.others]
    return [(fault.seq, str(fault.kind)) for fault in faults]


# --- What the gateway itself does is in the log -----------------------------------------------------------------------


async def test_all_that_is_administered_over_the_api_follows_from_the_log(office: Administration) -> None:
    aldo, alma = office.aldo, office.alma
    invited = await office.act(aldo, "inviteUser", email="zoe@acme.example", displayName="Z", roles=["CONTRIBUTOR"])
    zoe = invited["user"]
    for mutation, input in (
        ("inviteUser", {"email": "rex@acme.example", "displayName": "Rex", "roles": ["REVIEWER"]}),
        ("changeRoles", {"userId": zoe["id"], "roles": ["REVIEWER"]}),
        ("updateUser", {"userId": zoe["id"], "email": "zoe2@acme.example", "displayName": "Zoé"}),
        ("updateAccount", {"restrictToAssignedReviewers": True, "name": "New", "casesEnabled": True}),
    ):
        change_id = await office.waiting(aldo, mutation, **input)
        assert await office.code(alma, "approveChange", changeId=change_id) is None
    refused = await office.waiting(aldo, "changeRoles", userId=str(office.world.ada.id), roles=["REVIEWER"])
    assert await office.code(alma, "refuseChange", changeId=refused) is None
    taken_back = await office.waiting(aldo, "changeRoles", userId=str(office.world.ada.id), roles=["ADMIN"])
    assert await office.code(aldo, "cancelChange", changeId=taken_back) is None
    await office.waiting(aldo, "changeRoles", userId=zoe["id"], roles=["ADMIN"])  # it goes stale
    assert await office.code(aldo, "deactivateUser", userId=zoe["id"]) is None
    back = await office.waiting(aldo, "reactivateUser", userId=zoe["id"])
    assert await office.code(alma, "approveChange", changeId=back) is None
    bot = (await office.act(aldo, "createServiceAccount", displayName="Bot", roles=["CONTRIBUTOR"]))["user"]
    expires = clock.now().replace(year=2090).isoformat()
    token = await office.act(aldo, "createToken", userId=bot["id"], scopes=["CASES_WRITE"], expiresAt=expires)
    await office.act(aldo, "createToken", userId=bot["id"], scopes=["CASES_WRITE"])
    assert await office.code(aldo, "revokeToken", tokenId=token["token"]["id"]) is None
    assert await office.code(aldo, "updateAccount", defaultLanguage="FR") is None

    await assert_whole(office.world)


async def test_all_that_is_administered_on_the_command_line_follows_from_the_log(world: World) -> None:
    database = world.database
    person = await accounts.create_user(
        database, world.account_id, email="zoe@acme.example", name="Zoé", roles=[Role.REVIEWER, Role.ADMIN]
    )
    token = await accounts.create_token(database, person.id, [Scope.CASES_READ, Scope.ADMIN_READ])
    await accounts.create_token(database, person.id, [Scope.CASES_READ], expires_at=datetime(2090, 1, 1, tzinfo=UTC))
    await accounts.change_email(database, person.id, "zoe2@acme.example")
    await link_subject(database, person.id, "https://idp.example", "subject-1")
    await unlink_subject(database, person.id, "https://idp.example")
    await link_subject(database, person.id, "https://idp.example", "subject-1")
    await accounts.revoke_token(database, token.row.id)
    await accounts.revoke_user(database, person.id)
    await accounts.revoke_account(database, world.account_id)

    await assert_whole(world)


async def test_all_that_the_identity_provider_says_follows_from_the_log(
    world: World, fresh_url: str, provider: IdentityProvider, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(account_logs, "PIECE", 2)
    async with opened(fresh_url, world, provider, jwt_roles_claim="roles") as api:
        token = ""
        for roles in (["REVIEWER"], ["ADMIN", "CONTRIBUTOR"], []):
            token = provider.token(sub="new", email="new@acme.example", roles=roles)
            await api.run(token, "{ viewer { user { roles } } }")
        user_id = (await api.run(token, "{ viewer { user { id } } }"))["viewer"]["user"]["id"]
        administration = Administration(world, api, world.aldo)
        assert await administration.code(world.aldo, "deactivateUser", userId=user_id) is None
        assert await administration.code(world.aldo, "reactivateUser", userId=user_id) is None

    await assert_whole(world)


# --- Edits behind the log's back --------------------------------------------------------------------------------------


def of_token(world: World) -> Any:
    return TOKENS.c.id == world.ada.actor.token_id


def new_user(world: World, id: UUID, **values: Any) -> Any:
    row = {"id": id, "account_id": world.account_id, "email": "eve@acme.example", "display_name": "Eve"}
    return insert(USERS).values(row | {"active": True, "created_at": datetime(2019, 1, 1, tzinfo=UTC)} | values)


def new_token(world: World) -> Any:
    row = {"id": uuid4(), "account_id": world.account_id, "user_id": world.aldo.id, "name": "", "prefix": "cgt_000000"}
    moment = {"created_at": datetime(2019, 1, 1, tzinfo=UTC)}
    return insert(TOKENS).values(row | moment | {"scopes": "admin_write", "secret_hash": "f" * 64})


def of_user(user_id: UUID) -> Any:
    return ROLES.c.user_id == user_id


def ada_with(**values: Any) -> Callable[[World], Any]:
    return lambda world: update(USERS).where(USERS.c.id == world.ada.id).values(values)


# A world's log: 1 makes the account; then of each person, by name, one row and one for the token:
# Ada 2, 3; Carl 4, 5; Rosa 6, 7; Rolf 8, 9; Bea 10, 11; Aldo 12, 13.
EDITS: dict[str, tuple[Callable[[World], Any], tuple[int, str]]] = {
    "a role given": (lambda w: insert(ROLES).values(user_id=w.ada.id, role=Role.REVIEWER), (2, "state")),
    "a role taken": (lambda w: delete(ROLES).where(of_user(w.rosa.id)), (6, "state")),
    "a person made inactive": (
        lambda w: update(USERS).where(USERS.c.id == w.carl.id).values(active=False),
        (4, "state"),
    ),
    "a person made a service": (
        lambda w: update(USERS).where(USERS.c.id == w.carl.id).values(kind="SERVICE"),
        (4, "state"),
    ),
    "a reviewer for longer": (
        lambda w: update(USERS).where(USERS.c.id == w.bea.id).values(reviewer_since=datetime(2018, 1, 1, tzinfo=UTC)),
        (10, "state"),
    ),
    "a person added": (lambda w: new_user(w, uuid4()), (0, "unlogged")),
    "a token added": (new_token, (0, "unlogged")),
    "a token's scopes": (lambda w: update(TOKENS).where(of_token(w)).values(scopes="admin_write"), (3, "state")),
    "a token's owner": (lambda w: update(TOKENS).where(of_token(w)).values(user_id=w.aldo.id), (3, "state")),
    "a token's end": (
        lambda w: update(TOKENS).where(of_token(w)).values(expires_at=datetime(2090, 1, 1, tzinfo=UTC)),
        (3, "state"),
    ),
    "an address": (ada_with(email="eve@acme.example"), (2, "state")),
    "an address and its key": (ada_with(email="e@acme.example", email_key="e@acme.example"), (2, "state")),
    "an address's key": (ada_with(email_key="eve@acme.example"), (2, "state")),
    "an address's salt": (ada_with(email_salt="0" * 64), (2, "state")),
    "no salt": (ada_with(email_salt=None), (2, "state")),
    "a token's secret": (lambda w: update(TOKENS).where(of_token(w)).values(secret_hash="e" * 64), (3, "state")),
    "a token revoked": (lambda w: update(TOKENS).where(of_token(w)).values(revoked_at=clock.now()), (3, "state")),
    "a token taken for an identity's": (lambda w: update(TOKENS).where(of_token(w)).values(prefix="jwt"), (3, "state")),
    "a policy": (
        lambda w: update(tables.accounts).where(tables.accounts.c.id == w.account_id).values(overrides_enabled=False),
        (1, "state"),
    ),
    "another policy": (
        lambda w: (
            update(tables.accounts)
            .where(tables.accounts.c.id == w.account_id)
            .values(restrict_to_assigned_reviewers=True)
        ),
        (1, "state"),
    ),
}


async def test_an_edit_behind_the_log_s_back_is_named(world: World) -> None:
    other = await make_world(world.database)
    for what, (edit, expected) in EDITS.items():
        await assert_whole(world)
        async with undone(world.database, tables.accounts, USERS, ROLES, TOKENS):
            await tamper(world.database, edit(world))

            assert named(await verdict_on(world.database, world.account_id)) == [expected], what
            await assert_whole(other)


async def test_a_person_moved_to_another_account_is_named_in_both(world: World) -> None:
    other = await make_world(world.database)
    moved = [
        update(USERS).where(USERS.c.id == world.ada.id).values(account_id=other.account_id, email="ada2@acme.example"),
        update(USERS).where(USERS.c.id == world.ada.id).values(email_key="ada2@acme.example"),
        update(TOKENS).where(of_token(world)).values(account_id=other.account_id),
    ]
    await tamper(world.database, *moved)

    assert named(await verdict_on(world.database, world.account_id)) == [(2, "state"), (3, "state")]
    assert named(await verdict_on(world.database, other.account_id)) == [(0, "unlogged"), (0, "unlogged")]


@pytest.mark.parametrize("how", ["the token", "the person", "all tokens"])
async def test_a_revoked_token_that_lives_again_is_named(world: World, how: str) -> None:
    if how == "the token":
        await accounts.revoke_token(world.database, world.ada.actor.token_id)
    elif how == "the person":
        await accounts.revoke_user(world.database, world.ada.id)
    else:
        await accounts.revoke_account(world.database, world.account_id)
    row = await log_size(world.database, world.account_id)

    await tamper(world.database, update(TOKENS).where(of_token(world)).values(revoked_at=None))

    assert named(await verdict_on(world.database, world.account_id)) == [(row, "state")]


async def test_a_person_who_was_deactivated_and_lives_again_is_named(world: World) -> None:
    await accounts.revoke_user(world.database, world.ada.id)
    row = await log_size(world.database, world.account_id)

    await tamper(world.database, update(USERS).where(USERS.c.id == world.ada.id).values(active=True))

    assert named(await verdict_on(world.database, world.account_id)) == [(row, "state")]


async def test_several_edits_are_all_named(world: World) -> None:
    await tamper(
        world.database,
        insert(ROLES).values(user_id=world.ada.id, role=Role.ADMIN),
        update(TOKENS).where(of_token(world)).values(scopes="admin_write"),
        new_user(world, uuid4()),
    )

    found = named(await verdict_on(world.database, world.account_id))

    assert sorted(found) == [(0, "unlogged"), (2, "state"), (3, "state")]


async def test_a_role_that_is_none_is_bad(world: World) -> None:
    await tamper(world.database, text("UPDATE user_roles SET role = 'KING' WHERE role = 'ADMIN'"))

    verdict = await verdict_on(world.database, world.account_id)

    assert verdict.fault is not None
    assert verdict.fault.kind == "content"


# --- Rows that do not follow from those before them -------------------------------------------------------------------


async def waited(office: Administration) -> int:
    """Have a change asked for by Aldo and approved by Alma; return the row that approves it."""
    change_id = await office.waiting(office.aldo, "changeRoles", userId=str(office.world.ada.id), roles=["REVIEWER"])
    assert await office.code(office.alma, "approveChange", changeId=change_id) is None
    return await log_size(office.world.database, office.world.account_id)


def row_of(world: World, seq: int) -> Any:
    return (LOG.c.account_id == world.account_id) & (LOG.c.seq == seq)


async def test_an_approval_without_a_request_is_named(office: Administration) -> None:
    row, world = await waited(office), office.world

    await rewrite_account_log(world.database, world.account_id, delete(LOG).where(row_of(world, row - 1)))

    assert (row - 1, "state") in named(await verdict_on(world.database, world.account_id))


FORGED: dict[str, Callable[[Administration], dict[str, Any]]] = {
    "by who asked for it": lambda office: {"user_id": office.aldo.id},
    "of other roles": lambda _office: {"details": '{"added":["ADMIN","REVIEWER"],"removed":["CONTRIBUTOR"]}'},
    "of nothing": lambda _office: {"details": "[]"},
    "of a role that there is not": lambda _office: {"details": '{"added":["KING"],"removed":[]}'},
    "of another change": lambda _office: {"change_id": uuid4()},
}


async def test_a_forged_approval_is_named_though_the_chain_is_whole(office: Administration) -> None:
    row, world = await waited(office), office.world
    for what, forged in FORGED.items():
        await assert_whole(world)
        async with undone(world.database, tables.accounts, LOG):
            change = update(LOG).where(row_of(world, row)).values(forged(office))
            await rewrite_account_log(world.database, world.account_id, change)

            assert row in [seq for seq, _ in named(await verdict_on(world.database, world.account_id))], what


# --- What was there before the log began ------------------------------------------------------------------------------


async def forget(world: World, rows: int) -> None:
    """Make the account's log begin after so many rows, as that of an account which is older than logs."""
    await rewrite_account_log(
        world.database, world.account_id, delete(LOG).where(LOG.c.account_id == world.account_id, LOG.c.seq <= rows)
    )


async def test_who_is_older_than_the_log_is_counted_and_known_by_what_changed_since(world: World) -> None:
    await accounts.revoke_user(world.database, world.ada.id)
    await accounts.create_user(
        world.database, world.account_id, email="zoe@acme.example", name="Zoé", roles=[Role.REVIEWER]
    )
    await forget(world, 13)

    verdict = await verdict_on(world.database, world.account_id)
    await tamper(
        world.database,
        insert(ROLES).values(user_id=world.carl.id, role=Role.REVIEWER),  # nothing tells
        update(USERS).where(USERS.c.id == world.ada.id).values(active=True),
        update(TOKENS).where(of_token(world)).values(revoked_at=None),
        delete(ROLES).where(ROLES.c.user_id.in_(select(USERS.c.id).where(USERS.c.email == "zoe@acme.example"))),
    )
    after = await verdict_on(world.database, world.account_id)

    assert (verdict.fault, verdict.before) == (None, 12)
    assert sorted(named(after)) == [(1, "state"), (1, "state"), (2, "state")]


async def test_who_is_younger_than_the_log_and_in_no_row_of_it_is_named(world: World) -> None:
    await accounts.revoke_token(world.database, world.ada.actor.token_id)
    await forget(world, 13)
    assert named(await verdict_on(world.database, world.account_id)) == []

    await tamper(world.database, new_user(world, uuid4(), created_at=clock.now()))

    assert named(await verdict_on(world.database, world.account_id)) == [(0, "unlogged")]


async def test_a_token_of_an_identity_from_before_the_log_gets_newer_and_stays_from_before(world: World) -> None:
    await accounts.revoke_user(world.database, world.carl.id)
    await forget(world, 13)
    newer = update(TOKENS).where(of_token(world)).values(prefix="jwt", created_at=clock.now(), scopes="cases_read")

    await tamper(world.database, newer)

    verdict = await verdict_on(world.database, world.account_id)
    assert (verdict.fault, verdict.before) == (None, 12)


async def test_an_account_without_a_log_has_nothing_to_be_held_against(world: World) -> None:
    await forget(world, 13)

    verdict = await verdict_on(world.database, world.account_id)

    assert (verdict.fault, verdict.rows, verdict.before) == (None, 0, 12)
    assert await logged(world.database, world.account_id) == []
