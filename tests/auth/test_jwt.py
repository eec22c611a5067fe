"""Tokens of the company's identity provider: which are accepted, whom they stand for, and what happens to its keys."""

import base64
import hashlib
import hmac
import json
import time
from typing import Any

import httpx2
import jwt
import pytest
from sqlalchemy import delete

from app.admin import accounts
from app.auth import jwks
from app.auth.jwks import KeySet
from app.db import tables
from app.db.engines import Database
from app.db.repository import people, tokens
from app.domain.errors import IdentityUnavailable
from app.domain.model import Role
from tests.support.api import Api
from tests.support.database_contents import set_by_hand
from tests.support.identity_provider import IdentityProvider, opened
from tests.support.identity_provider import provider as provider  # a fixture
from tests.support.world import World

WHO = "{ viewer { user { id email displayName roles } scopes } }"
HOUR = 3600


def reported(answer: httpx2.Response) -> tuple[int, str]:
    errors = answer.json().get("errors", [{"extensions": {"code": "NONE"}}])
    return answer.status_code, errors[0]["extensions"]["code"]


def encoded(part: object) -> str:
    raw = part if isinstance(part, bytes) else json.dumps(part).encode()
    return base64.urlsafe_b64encode(raw).decode().rstrip("=")


def forged(provider: IdentityProvider) -> dict[str, str]:
    """Return tokens that are no good, each by what is wrong with it."""
    now = int(time.time())
    good = provider.token()
    claims = json.loads(base64.urlsafe_b64decode(good.split(".")[1] + "=="))
    unsigned = f"{encoded({'alg': 'none', 'kid': 'rsa-1'})}.{encoded(claims)}."
    confused = f"{encoded({'alg': 'HS256', 'kid': 'rsa-1', 'typ': 'JWT'})}.{encoded(claims)}"
    signature = hmac.new(provider.public_pem("rsa-1"), confused.encode(), hashlib.sha256).digest()
    provider.add("stranger", "RS256", publish=False)
    another = provider.token("stranger", {"kid": "rsa-1"})
    head, _, _ = good.split(".")
    return {
        "none": unsigned,
        "HS256 with the public key": f"{confused}.{encoded(signature)}",
        "signed by another": another,
        "changed": f"{head}.{encoded(claims | {'email': 'rosa@acme.example'})}.{good.split('.')[2]}",
        "wrong audience": provider.token(aud="another"),
        "no audience": provider.token(aud=None),
        "wrong issuer": provider.token(iss="https://evil.example"),
        "not yet valid": provider.token(nbf=now + HOUR),
        "issued tomorrow": provider.token(iat=now + 24 * HOUR, exp=now + 25 * HOUR),
        "no expiry": provider.token(exp=None),
        "an expiry that is a text": provider.token(exp=str(now + HOUR)),
        "an issue that is a text": provider.token(iat=str(now)),
        "an issue that is a truth": provider.token(iat=True),
        "issued before all calendars": provider.token(iat=-(10**15)),
        "unknown kid": provider.token("stranger"),
        "an algorithm of another key": jwt.encode(claims, provider.keys["rsa-1"][1], "PS256", {"kid": "rsa-1"}),
        "a token that says good-bye": provider.token(header={"typ": "logout+jwt"}),
        "an event of security": provider.token(header={"typ": "application/secevent+JWT"}),
        "critical header": provider.token(header={"crit": ["x"], "x": 1}),
        "no address": provider.token(email=None),
        "an address that is a list": provider.token(email=["a@b.example"]),
        "an address that is none": provider.token(email="ada"),
        "an address that nobody verified": provider.token(email_verified=False),
        "no subject": provider.token(sub=None),
        "a subject that is a number": provider.token(sub=7),
        "an empty subject": provider.token(sub=""),
        "a blank subject": provider.token(sub=" \u3000"),
        "a subject with a NUL": provider.token(sub="a\0b"),
        "a subject in two lines": provider.token(sub="a\nb"),
        "half a letter": provider.token(sub="a\ud800"),
        "a long subject": provider.token(sub="x" * 256),
        "no JWT": "a.b.c",
        "too long": provider.token(filler="x" * 20_000),
    }


async def test_a_good_token_stands_for_its_person(world: World, fresh_url: str, provider: IdentityProvider) -> None:
    for algorithm in ("ES256", "EdDSA"):
        provider.add(algorithm, algorithm)

    async with opened(fresh_url, world, provider, jwt_scopes="cases_read") as api:
        seen = [
            (await api.run(provider.token(key_id, name="Ada L."), WHO))["viewer"]
            for key_id in ("rsa-1", "ES256", "EdDSA")
        ]

    assert seen[0] == seen[1] == seen[2]
    assert seen[0]["user"]["email"] == "ada@acme.example"
    assert seen[0]["user"]["displayName"] == "Ada L."
    assert seen[0]["user"]["roles"] == []
    assert seen[0]["scopes"] == ["CASES_READ"]
    assert provider.fetches == 1


async def test_the_type_of_a_token_for_access_is_spelled_in_several_ways(
    world: World, fresh_url: str, provider: IdentityProvider
) -> None:
    types = [None, "JWT", "jwt", "at+jwt", "application/at+JWT"]

    async with opened(fresh_url, world, provider) as api:
        seen = [reported(await api.send(provider.token(header={"typ": each}), WHO)) for each in types]

    assert seen == [(200, "NONE")] * len(types)


async def test_a_token_that_is_no_good_is_refused_without_a_reason(
    world: World, fresh_url: str, provider: IdentityProvider, capsys: pytest.CaptureFixture[str]
) -> None:
    async with opened(fresh_url, world, provider, jwt_algorithms=("RS256", "PS256")) as api:
        bad = forged(provider)
        answers = {name: reported(await api.send(token, WHO)) for name, token in bad.items()}
        expired = reported(await api.send(provider.token(exp=int(time.time()) - HOUR), WHO))
        async with world.database.read() as connection:
            found = await people.users(connection, world.account_id)

    assert answers == dict.fromkeys(bad, (401, "UNAUTHENTICATED"))
    assert expired == (401, "TOKEN_EXPIRED")
    assert len(found) == 6
    logged = capsys.readouterr().err
    assert "jwt_refused" in logged
    assert all(token not in logged for token in bad.values())


async def test_without_a_provider_no_jwt_is_looked_at(world: World, api: Api, provider: IdentityProvider) -> None:
    assert reported(await api.send(provider.token(), WHO)) == (401, "UNAUTHENTICATED")
    assert provider.fetches == 0


async def test_a_new_person_is_provisioned_once_and_only_if_the_setting_allows_it(
    world: World, fresh_url: str, provider: IdentityProvider
) -> None:
    async with opened(fresh_url, world, provider, jwt_create_users=False) as api:
        closed = reported(await api.send(provider.token(), WHO))
    async with opened(fresh_url, world, provider) as api:
        ids = {
            (await api.run(provider.token(email=email, sub="ada"), WHO))["viewer"]["user"]["id"]
            for email in ("ada@acme.example", " ADA@acme.example ")
        }
    async with world.database.read() as connection:
        listed = await people.users(connection, world.account_id)
        rows = await tokens.tokens_of(connection, user_id=next(p.id for p in listed if p.email == "ada@acme.example"))

    assert closed == (401, "UNAUTHENTICATED")
    assert len(ids) == 1
    assert [(row.name, row.prefix) for row in rows] == [("identity provider", "jwt")]


async def test_the_account_is_the_one_that_the_claim_names_and_no_other(
    world: World, fresh_url: str, provider: IdentityProvider
) -> None:
    settings = {"jwt_account": None, "jwt_account_claim": "tenant"}
    async with opened(fresh_url, world, provider, **settings) as api:
        good = await api.send(provider.token(tenant=str(world.account_id)), WHO)
        others: list[Any] = ["00000000-0000-4000-8000-000000000000", "x", 1, None, []]
        bad = [reported(await api.send(provider.token(tenant=tenant), WHO)) for tenant in others]

    assert good.json()["data"]["viewer"]["user"]["email"] == "ada@acme.example"
    assert bad == [(401, "UNAUTHENTICATED")] * 5


async def test_roles_follow_the_newest_token_and_are_gone_at_the_next_request(
    world: World, fresh_url: str, provider: IdentityProvider
) -> None:
    now = int(time.time())

    async def roles(issued: int, *names: str) -> tuple[list[str], list[str]]:
        token = provider.token(iat=now - issued, groups=[*names, "somebody-elses"])
        shown = (await api.run(token, WHO))["viewer"]["user"]
        async with world.database.read() as connection:
            listed = await people.users(connection, world.account_id)
        return shown["roles"], [str(role) for p in listed if p.email == "ada@acme.example" for role in p.roles]

    async with opened(fresh_url, world, provider, jwt_roles_claim="groups") as api:
        first = await roles(30, "Reviewer", "CONTRIBUTOR")
        without = await roles(20, "contributor")
        old_again = await roles(30, "reviewer", "contributor")

    assert first == (["CONTRIBUTOR", "REVIEWER"], ["CONTRIBUTOR", "REVIEWER"])
    assert without == (["CONTRIBUTOR"], ["CONTRIBUTOR"])
    # A token from before does not bring back what a newer one has taken away.
    assert old_again == (["CONTRIBUTOR"], ["CONTRIBUTOR"])


async def test_without_a_claim_for_them_roles_are_those_that_we_know(
    world: World, fresh_url: str, provider: IdentityProvider
) -> None:
    token = provider.token(email=world.rosa.identity.user.email, roles=["ADMIN"])
    async with opened(fresh_url, world, provider) as api:
        before = (await api.run(token, WHO))["viewer"]["user"]["roles"]
        async with world.database.write() as connection:
            await connection.execute(delete(tables.user_roles).where(tables.user_roles.c.user_id == world.rosa.id))
        after = (await api.run(token, WHO))["viewer"]["user"]["roles"]

    assert (before, after) == ([Role.REVIEWER], [])


async def test_who_is_revoked_or_deactivated_is_refused_at_the_next_request(
    world: World, fresh_url: str, provider: IdentityProvider
) -> None:
    async with opened(fresh_url, world, provider) as api:
        ada, bob = provider.token(), provider.token(email="bob@acme.example")
        ids = [(await api.run(token, WHO))["viewer"]["user"]["id"] for token in (ada, bob)]
        async with world.database.read() as connection:
            (row,) = [row for row in await tokens.tokens_of(connection) if str(row.user_id) == ids[0]]
        await accounts.revoke_token(world.database, row.id)
        await set_by_hand(world.database, tables.users, (await user_id(world.database, ids[1])), active=False)
        revoked = reported(await api.send(ada, WHO))
        inactive = reported(await api.send(bob, "{ cases { nodes { id } } }"))

    assert revoked == (401, "UNAUTHENTICATED")
    assert inactive == (200, "USER_INACTIVE")


async def user_id(database: Database, shown: str) -> Any:
    async with database.read() as connection:
        return next(row.user_id for row in await tokens.tokens_of(connection) if str(row.user_id) == shown)


async def test_an_action_of_theirs_is_logged_as_theirs_with_an_idempotency_key(
    world: World, fresh_url: str, provider: IdentityProvider
) -> None:
    token = provider.token(email=world.ada.identity.user.email)
    case = (await world.open_case()).case
    async with opened(fresh_url, world, provider) as api:
        requested = {"caseId": str(case.id), "body": "By JWT.", "idempotencyKey": "k"}
        twice = [await api.act(token, "addComment", requested, "action { id user { id } }") for _ in range(2)]

    assert twice[0] == twice[1]
    assert twice[0]["action"]["user"]["id"] == str(world.ada.id)


# --- The provider's keys ---------------------------------------------------------------------------------------------


class Clock:
    """A clock that is set forward."""

    now = 1000.0

    def __call__(self) -> float:
        return self.now


async def test_a_new_key_is_found_when_a_token_names_it(provider: IdentityProvider) -> None:
    clock = Clock()
    found = KeySet(provider.url, clock)
    assert await found.key("rsa-1") is not None
    provider.add("rsa-2", "RS256")
    provider.published.remove("rsa-1")

    at_once = await found.key("rsa-2")
    clock.now += jwks.RETRY_S + 1
    later = await found.key("rsa-2")

    # An unknown id asks the provider again, but not more often than it can be asked by anybody.
    assert (at_once, later is not None, await found.key("rsa-1")) == (None, True, None)
    assert provider.fetches == 2


async def test_an_unknown_key_is_undecided_while_the_provider_does_not_answer(provider: IdentityProvider) -> None:
    clock = Clock()
    found = KeySet(provider.url, clock)
    await found.key("rsa-1")
    provider.add("rsa-2", "RS256")
    provider.is_up = False

    clock.now += jwks.RETRY_S + 1
    for key_id in ("rsa-2", "made-up"):
        with pytest.raises(IdentityUnavailable):
            await found.key(key_id)
    known = await found.key("rsa-1")
    provider.is_up = True
    clock.now += jwks.RETRY_S + 1

    assert known is not None
    assert await found.key("rsa-2") is not None
    assert await found.key("made-up") is None


async def test_made_up_key_ids_do_not_make_it_ask_the_provider_each_time(provider: IdentityProvider) -> None:
    found = KeySet(provider.url, Clock())

    for number in range(50):
        assert await found.key(f"made-up-{number}") is None

    assert provider.fetches == 1


async def test_known_keys_outlive_an_outage_of_a_minute_and_not_of_a_day(provider: IdentityProvider) -> None:
    clock = Clock()
    found = KeySet(provider.url, clock)
    await found.key("rsa-1")
    provider.is_up = False

    clock.now += jwks.FRESH_S + 60
    in_grace = await found.key("rsa-1")
    clock.now += 24 * HOUR
    with pytest.raises(IdentityUnavailable):
        await found.key("rsa-1")
    provider.is_up = True
    clock.now += jwks.RETRY_S + 1
    back = await found.key("rsa-1")

    assert in_grace is not None and back is not None


async def test_an_unreachable_identity_provider_is_answered_with_503(
    world: World, fresh_url: str, provider: IdentityProvider
) -> None:
    provider.is_up = False
    async with opened(fresh_url, world, provider) as api:
        down = await api.send(provider.token(), WHO)
        own = await api.send(world.ada.token, WHO)

    assert reported(down) == (503, "IDENTITY_UNAVAILABLE")
    assert down.headers["retry-after"] == str(jwks.RETRY_S)
    assert own.status_code == 200


async def test_a_symmetric_or_broken_key_in_the_set_is_passed_over() -> None:
    listed = [
        {"kty": "oct", "kid": "secret", "k": "c2VjcmV0"},
        {"kty": "RSA", "kid": "broken", "n": "?", "e": "AQAB"},
        {"kty": "RSA", "kid": "enc", "use": "enc", "n": "AQAB", "e": "AQAB"},
        {"kid": 7},
        "nonsense",
    ]

    assert jwks._read({"keys": listed}) == {}
    documents: list[object] = [None, [], {"keys": {}}, "x"]
    for nonsense in documents:
        with pytest.raises(ValueError, match="not a key set"):
            jwks._read(nonsense)
