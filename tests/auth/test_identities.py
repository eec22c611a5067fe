"""Whom a subject of the identity provider stands for: one human is one person, whatever address a token brings."""

import asyncio
import json
from dataclasses import asdict, replace
from datetime import UTC, datetime
from typing import Any
from uuid import NAMESPACE_URL, UUID, uuid5

import pytest
from sqlalchemy import Uuid, bindparam, insert, text

from app import clock
from app.admin import accounts as admin
from app.admin.new_tokens import new_token
from app.auth.links import LinkError, link_subject, unlink_subject
from app.db import tables
from app.db.columns import UtcDateTime
from app.db.engines import Database
from app.db.migrate import migrate
from app.db.repository import identities, people, tokens
from app.db.rows import UserRow
from app.domain.model import IdentityOrigin, Role, Scope
from tests.support.api import Api
from tests.support.identity_provider import ISSUER, IdentityProvider, opened
from tests.support.identity_provider import provider as provider  # a fixture
from tests.support.world import World

WHO = "{ viewer { user { id email roles } } }"
REFUSED = "UNAUTHENTICATED"


async def person_of(api: Api, token: str) -> str:
    """Return the id of whom *token* stands for, or the code that it is refused with."""
    body = (await api.send(token, WHO)).json()
    found: str = body["errors"][0]["extensions"]["code"] if "errors" in body else body["data"]["viewer"]["user"]["id"]
    return found


async def people_in(world: World) -> list[UserRow]:
    async with world.database.read() as connection:
        return await people.users(connection, world.account_id)


async def linked_to(world: World, user_id: UUID) -> list[tuple[str, str, IdentityOrigin, bool]]:
    """Return of the person's identities the issuer, the subject, where it came from, and whether it is linked."""
    async with world.database.read() as connection:
        rows = await identities.identities_of_user(connection, user_id)
    return [(row.issuer, row.subject, row.origin, row.unlinked_at is None) for row in rows]


UNVERIFIED: dict[str, dict[str, Any]] = {
    "false": {"email_verified": False},
    "absent": {"email_verified": None},
    "a word": {"email_verified": "true"},
    "a number": {"email_verified": 1},
    "a list": {"email_verified": [True]},
    "an object": {"email_verified": {"value": True}},
    "another claim": {"email_verified": None, "emailVerified": True, "verified_email": True},
}


@pytest.mark.parametrize("name", UNVERIFIED)
async def test_an_unverified_address_neither_links_nor_creates_a_person(
    world: World, fresh_url: str, provider: IdentityProvider, name: str
) -> None:
    rosa = world.rosa.identity.user
    async with opened(fresh_url, world, provider, jwt_roles_claim="roles") as api:
        taken = provider.token(sub="mallory", email=rosa.email, roles=["ADMIN"], **UNVERIFIED[name])
        new = provider.token(sub="mallory", email="mallory@acme.example", roles=["REVIEWER"], **UNVERIFIED[name])
        answers = [await person_of(api, token) for token in (taken, new)]

    assert answers == [REFUSED] * 2
    assert len(await people_in(world)) == 6
    assert await linked_to(world, rosa.id) == []
    assert [row.roles for row in await people_in(world) if row.id == rosa.id] == [(Role.REVIEWER,)]


async def test_the_creator_can_not_accept_under_another_address(
    world: World, fresh_url: str, provider: IdentityProvider
) -> None:
    ada, rosa = world.ada.identity.user, world.rosa.identity.user
    await set_roles(world, ada.id, Role.CONTRIBUTOR, Role.REVIEWER)
    case_id = (await world.open_case()).case.id
    override = (await world.request_override(case_id)).override
    assert override is not None
    async with opened(fresh_url, world, provider) as api:
        as_herself = await person_of(api, provider.token(sub="a", email=ada.email))
        other = provider.token(sub="a", email=rosa.email)
        as_another = await person_of(api, other)
        named = {"caseId": str(case_id), "overrideId": str(override.id), "expectedVersion": 2}
        accept = await api.act(other, "acceptOverride", named)

    assert as_herself == as_another == str(ada.id)
    assert [error["code"] for error in accept["errors"]] == ["SELF_REVIEW_FORBIDDEN"]
    assert await linked_to(world, rosa.id) == []


async def set_roles(world: World, user_id: UUID, *roles: Role) -> None:
    link = tables.user_roles
    async with world.database.write() as connection:
        await connection.execute(link.delete().where(link.c.user_id == user_id))
        await connection.execute(link.insert(), [{"user_id": user_id, "role": role} for role in roles])


@pytest.mark.parametrize(
    "later",
    [
        {"email": "rosa@acme.example"},
        {"email": "somebody@else.example"},
        {"email": "somebody@else.example", "email_verified": False},
        {"email": None},
        {"email": "no address"},
        {"email": ["a@b.example"]},
        {"email_verified": None},
        {"name": "Somebody Else"},
    ],
)
async def test_once_it_is_known_the_subject_decides_whatever_else_comes(
    world: World, fresh_url: str, provider: IdentityProvider, later: dict[str, Any]
) -> None:
    async with opened(fresh_url, world, provider) as api:
        first = await person_of(api, provider.token(sub="ada", name="Ada"))
        count = len(await people_in(world))
        again = await person_of(api, provider.token(sub="ada", **later))

    assert again == first
    assert len(await people_in(world)) == count
    (row,) = [row for row in await people_in(world) if str(row.id) == first]
    assert (row.email, row.display_name) == ("ada@acme.example", "Ada")


async def test_a_verified_address_links_once_and_the_link_is_logged(
    world: World, fresh_url: str, provider: IdentityProvider, capsys: pytest.CaptureFixture[str]
) -> None:
    rosa = world.rosa.identity.user
    async with opened(fresh_url, world, provider, jwt_create_users=False) as api:
        seen = [await person_of(api, provider.token(sub="rosa", email=rosa.email)) for _ in range(2)]
        other = await person_of(api, provider.token(sub="mallory", email=rosa.email))
        still = await person_of(api, provider.token(sub="rosa", email=rosa.email))

    assert seen == [str(rosa.id)] * 2
    assert (other, still) == (REFUSED, str(rosa.id))
    assert await linked_to(world, rosa.id) == [(ISSUER, "rosa", IdentityOrigin.ADDRESS, True)]
    lines = [json.loads(line) for line in capsys.readouterr().err.splitlines() if "identity_linked" in line]
    assert [(line["user_id"], line["subject"], line["origin"]) for line in lines] == [(str(rosa.id), "rosa", "ADDRESS")]


@pytest.mark.parametrize(
    "spelling",
    [
        "ROSA@{}",
        "rosa\u200b@{}",
        "\uff32osa@{}",
        "ro\u017fa@{}",
        "\u00a0rosa@{}\ufeff",
        "rosa\uff20{}",
        "ro\u00adsa@{}",
    ],
)
async def test_another_spelling_of_an_address_is_the_same_person(
    world: World, fresh_url: str, provider: IdentityProvider, spelling: str
) -> None:
    rosa = world.rosa.identity.user
    domain = rosa.email.partition("@")[2]
    async with opened(fresh_url, world, provider) as api:
        seen = await person_of(api, provider.token(sub="rosa", email=spelling.format(domain)))
    with pytest.raises(admin.AdminError, match="already"):
        await admin.create_user(
            world.database, world.account_id, email=spelling.format(domain), name="Rosa", roles=[Role.REVIEWER]
        )

    assert seen == str(rosa.id)
    assert len(await people_in(world)) == 6


async def test_a_confusable_address_is_another_person(world: World, fresh_url: str, provider: IdentityProvider) -> None:
    rosa = world.rosa.identity.user
    alike = rosa.email.replace("o", "\u043e", 1)
    async with opened(fresh_url, world, provider) as api:
        seen = await person_of(api, provider.token(sub="r", email=alike))
        shown = await api.run(world.ada.token, "{ users(first: 100) { nodes { id email emailAscii } } }")

    assert seen not in (REFUSED, str(rosa.id))
    (user,) = [user for user in shown["users"]["nodes"] if user["id"] == seen]
    assert user["email"] == alike
    assert user["emailAscii"] == rosa.email.replace("o", "\\u043e", 1)


async def test_subjects_are_compared_to_the_letter(world: World, fresh_url: str, provider: IdentityProvider) -> None:
    subjects = ["a", "A", "a ", "\u00e1", "a\u0301", "\uff41", "x" * 255, "1", "01"]
    async with opened(fresh_url, world, provider) as api:
        tokens = [provider.token(sub=sub, email=f"p{n}@acme.example") for n, sub in enumerate(subjects)]
        first = [await person_of(api, token) for token in tokens]
        again = [await person_of(api, token) for token in tokens]

    assert len(set(first)) == len(subjects) and REFUSED not in first
    assert again == first


async def test_the_same_subject_of_another_issuer_is_another_subject(
    world: World, fresh_url: str, provider: IdentityProvider
) -> None:
    other, rosa = "https://other.example", world.rosa.identity.user
    async with opened(fresh_url, world, provider) as api:
        first = await person_of(api, provider.token(sub="1", email=rosa.email))
    async with opened(fresh_url, world, provider, jwt_issuer=other) as api:
        stranger = await person_of(api, provider.token(iss=other, sub="1", email=rosa.email, email_verified=False))
        bob = await person_of(api, provider.token(iss=other, sub="1", email="bob@acme.example"))
        # She is linked once for each issuer.
        second = await person_of(api, provider.token(iss=other, sub="2", email=rosa.email))

    assert (first, stranger, second) == (str(rosa.id), REFUSED, str(rosa.id))
    assert bob not in (REFUSED, str(rosa.id))
    assert [item[:2] for item in await linked_to(world, rosa.id)] == [(ISSUER, "1"), (other, "2")]


async def test_the_same_subject_of_another_account_is_another_person(
    world: World, fresh_url: str, provider: IdentityProvider
) -> None:
    other = await admin.create_account(world.database, "Another")
    accounts = [str(world.account_id), str(other.id)]
    async with opened(fresh_url, world, provider, jwt_account=None, jwt_account_claim="tenant") as api:
        seen = [await person_of(api, provider.token(sub="1", tenant=tenant)) for tenant in [*accounts, *accounts]]

    assert seen[:2] == seen[2:] and len(set(seen)) == 2


async def test_first_sights_at_the_same_moment_make_one_person(
    world: World, fresh_url: str, provider: IdentityProvider
) -> None:
    token = provider.token(sub="ada", roles=["CONTRIBUTOR"])
    async with (
        opened(fresh_url, world, provider, jwt_roles_claim="roles") as one,
        opened(fresh_url, world, provider, jwt_roles_claim="roles") as two,
    ):
        seen = await asyncio.gather(*(person_of(api, token) for _ in range(6) for api in (one, two)))

    assert len(set(seen)) == 1 and REFUSED not in seen
    assert len(await people_in(world)) == 7
    assert await linked_to(world, UUID(seen[0])) == [(ISSUER, "ada", IdentityOrigin.CREATED, True)]


@pytest.mark.parametrize("is_known", [True, False])
async def test_of_two_subjects_with_one_address_at_the_same_moment_one_is_taken(
    world: World, fresh_url: str, provider: IdentityProvider, is_known: bool
) -> None:
    email = world.rosa.identity.user.email if is_known else "new@acme.example"
    tokens = [provider.token(sub=f"s{n}", email=email) for n in range(6)]
    async with opened(fresh_url, world, provider) as one, opened(fresh_url, world, provider) as two:
        seen = await asyncio.gather(*(person_of((one, two)[n % 2], token) for n, token in enumerate(tokens)))

    assert sorted(seen).count(REFUSED) == 5
    assert len(await people_in(world)) == (6 if is_known else 7)


async def test_the_address_of_a_deactivated_person_stays_theirs(
    world: World, fresh_url: str, provider: IdentityProvider
) -> None:
    rosa, rolf = world.rosa.identity.user, world.rolf.identity.user
    async with opened(fresh_url, world, provider) as api:
        await person_of(api, provider.token(sub="rolf", email=rolf.email))
        for person in (rosa, rolf):
            await admin.revoke_user(world.database, person.id)
        taken = [await person_of(api, provider.token(sub="new", email=email)) for email in (rosa.email, rolf.email)]
        old = await person_of(api, provider.token(sub="rolf", email=rolf.email))
        # An administrator gives the address away, and only then somebody new has it.
        await admin.change_email(world.database, rosa.id, f"former-{rosa.email}")
        free = await person_of(api, provider.token(sub="new", email=rosa.email))

    assert (taken, old) == ([REFUSED] * 2, REFUSED)
    assert free not in (REFUSED, str(rosa.id))
    assert await linked_to(world, rosa.id) == []


async def test_an_unlinked_subject_is_unauthenticated_until_an_administrator_links_it(
    world: World, fresh_url: str, provider: IdentityProvider
) -> None:
    rosa, rolf, database = world.rosa.identity.user, world.rolf.identity.user, world.database
    token = provider.token(sub="r", email=rosa.email)
    async with opened(fresh_url, world, provider) as api:
        first = await person_of(api, token)
        await unlink_subject(database, rosa.id, ISSUER)
        unlinked = [await person_of(api, token), await person_of(api, provider.token(sub="r2", email=rosa.email))]
        linked = await link_subject(database, rolf.id, ISSUER, "r")
        after = await person_of(api, token)
        await link_subject(database, rosa.id, ISSUER, "r2")
        second = await person_of(api, provider.token(sub="r2", email=None))

    assert (first, unlinked) == (str(rosa.id), [REFUSED] * 2)
    assert (linked.origin, after) == (IdentityOrigin.ADMINISTRATOR, str(rolf.id))
    assert second == str(rosa.id)
    assert await linked_to(world, rolf.id) == [(ISSUER, "r", IdentityOrigin.ADMINISTRATOR, True)]


async def test_an_administrator_takes_no_subject_from_another_person(world: World) -> None:
    database, rosa, rolf = world.database, world.rosa.id, world.rolf.id
    await link_subject(database, rosa, ISSUER, "r")

    for user_id, subject, words in (
        (rolf, "r", "unlink it first"),
        (rosa, "r2", "unlink that one first"),
        (UUID(int=1), "x", "no user"),
        (rosa, " ", "printable"),
        (rosa, "x" * 256, "printable"),
        (rosa, "a\0", "printable"),
    ):
        with pytest.raises(LinkError, match=words):
            await link_subject(database, user_id, ISSUER, subject)
    with pytest.raises(LinkError, match="no subject"):
        await unlink_subject(database, rolf, ISSUER)

    assert await linked_to(world, rosa) == [(ISSUER, "r", IdentityOrigin.ADMINISTRATOR, True)]


async def test_a_token_that_was_revoked_stays_revoked_whatever_address_comes(
    world: World, fresh_url: str, provider: IdentityProvider
) -> None:
    async with opened(fresh_url, world, provider) as api:
        person = UUID(await person_of(api, provider.token(sub="ada")))
        async with world.database.read() as connection:
            (row,) = await tokens.tokens_of(connection, user_id=person)
        await admin.revoke_token(world.database, row.id)
        answers = [
            await person_of(api, provider.token(sub="ada", email=email)) for email in ("ada@acme.example", "b@c.d")
        ]

    assert answers == [REFUSED] * 2


# --- What the provider says of an address, and how ------------------------------------------------------------------


@pytest.mark.parametrize(
    ("claims", "is_good"),
    [
        ({"email_verified": None}, True),
        ({"email_verified": True}, True),
        ({"email_verified": False}, False),
        ({"email_verified": "true"}, False),
    ],
)
async def test_where_the_setting_says_so_an_address_without_the_claim_is_verified(
    world: World, fresh_url: str, provider: IdentityProvider, claims: dict[str, Any], is_good: bool
) -> None:
    async with opened(fresh_url, world, provider, jwt_emails_are_verified=True) as api:
        seen = await person_of(api, provider.token(sub="r", email=world.rosa.identity.user.email, **claims))

    assert seen == (str(world.rosa.id) if is_good else REFUSED)


async def test_what_is_said_of_one_address_is_not_believed_of_another(
    world: World, fresh_url: str, provider: IdentityProvider
) -> None:
    rosa = world.rosa.identity.user.email
    async with opened(fresh_url, world, provider, jwt_email_claim="upn") as api:
        other = await person_of(api, provider.token(sub="m", upn=rosa, email="mallory@evil.example"))
        alone = await person_of(api, provider.token(sub="m", upn=rosa, email=None))
        same = await person_of(api, provider.token(sub="r", upn=rosa.upper(), email=rosa))
    assert (other, alone, same) == (REFUSED, REFUSED, str(world.rosa.id))


# --- Those who were known by address alone --------------------------------------------------------------------------


async def add_by_hand(database: Database, account_id: UUID, name: str, email: str, minute: int) -> UUID:
    """Add a person as they stood before there were identities, in a database without them."""
    user_id = uuid5(NAMESPACE_URL, name)
    statement = text(
        "INSERT INTO users (id, account_id, email, display_name, active, created_at)"
        " VALUES (:id, :account, :email, :name, true, :at)"
    ).bindparams(
        bindparam("id", user_id, Uuid()),
        bindparam("account", account_id, Uuid()),
        bindparam("at", datetime(2026, 1, 1, 0, minute, tzinfo=UTC), UtcDateTime()),
    )
    async with database.write() as connection:
        await connection.execute(statement, {"email": email, "name": name})
    return user_id


async def test_who_was_known_by_address_is_linked_at_the_first_verified_sight_and_keeps_their_token(
    world: World, fresh_url: str, provider: IdentityProvider
) -> None:
    rosa, rolf = world.rosa.identity.user, world.rolf.identity.user
    rows = {}
    for person in (rosa, rolf):
        before = uuid5(NAMESPACE_URL, f"{ISSUER} {world.account_id} {person.email}")
        made = new_token(world.account_id, person.id, [Scope.CASES_READ], "identity provider", None, clock.now())
        async with world.database.write() as connection:
            await connection.execute(insert(tables.api_tokens), asdict(replace(made.row, id=before, prefix="jwt")))
        rows[person.id] = before
    await admin.revoke_token(world.database, rows[rolf.id])

    async with opened(fresh_url, world, provider, jwt_create_users=False) as api:
        unverified = await person_of(api, provider.token(sub="r", email=rosa.email, email_verified=False))
        verified = await person_of(api, provider.token(sub="r", email=rosa.email))
        revoked = await person_of(api, provider.token(sub="f", email=rolf.email))

    assert (unverified, verified, revoked) == (REFUSED, str(rosa.id), REFUSED)
    async with world.database.read() as connection:
        (row,) = await identities.identities_of_user(connection, rosa.id)
    assert row.token_id == rows[rosa.id]


async def test_the_migration_parts_people_whose_addresses_are_one_and_links_none_of_them(
    world: World, fresh_url: str, provider: IdentityProvider
) -> None:
    database = world.database
    await migrate(database, "0006", drop_rows=True)
    first = await add_by_hand(database, world.account_id, "first", "strasse@acme.example", 1)
    second = await add_by_hand(database, world.account_id, "second", "stra\u00dfe@acme.example", 2)
    no_person = await add_by_hand(database, world.account_id, "nobody", "no address", 3)
    single = await add_by_hand(database, world.account_id, "single", "rene\u0301@acme.example", 4)

    await migrate(database)

    async with opened(fresh_url, world, provider) as api:
        shared = await person_of(api, provider.token(sub="s", email="stra\u00dfe@acme.example"))
        alone = await person_of(api, provider.token(sub="r", email="REN\u00c9@acme.example"))
        # An administrator says which is which.
        await admin.change_email(database, second, "weg@acme.example")
        parted = await person_of(api, provider.token(sub="s", email="strasse@acme.example"))
    assert (shared, alone, parted) == (REFUSED, str(single), str(first))
    assert no_person in {row.id for row in await people_in(world)}
