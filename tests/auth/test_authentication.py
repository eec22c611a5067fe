"""Who is asking: what a missing, unknown, expired or revoked token is answered, and who a good one stands for."""

from datetime import UTC, datetime, timedelta

import httpx2
import pytest

from app import clock
from app.admin import accounts
from app.db import tables
from app.domain.model import Scope
from tests.support.api import Api
from tests.support.database_contents import contents, set_by_hand
from tests.support.world import World, person_of

VIEWER = "{ viewer { user { displayName } account { id } scopes } }"


async def with_header(api: Api, authorization: str | None) -> httpx2.Response:
    """Ask who is asking, with just this header."""
    encoded = None if authorization is None else authorization.encode("latin-1")
    headers = {} if encoded is None else {b"Authorization": encoded}
    return await api.client.post("/graphql", json={"query": VIEWER}, headers=headers)


async def test_no_good_token_is_answered_with_401_and_the_same_words_whatever_is_wrong(world: World, api: Api) -> None:
    token = world.ada.token
    revoked = await person_of(world.database, world.ada.id, *Scope)
    await accounts.revoke_token(world.database, revoked.actor.token_id)
    wrong = [
        None,
        "",
        "Bearer",
        "Bearer ",
        token,
        f"Basic {token}",
        f"Bearer {token}x",
        f"Bearer {token[:-1]}",
        f"Bearer {token} {token}",
        f"Bearer {token.upper()}",
        f"Bearer {revoked.token}",
        "Bearer \xff\xfe",
        "Bearer cgt_" + "A" * 10_000,
    ]

    answers = [await with_header(api, authorization) for authorization in wrong]

    assert {answer.status_code for answer in answers} == {401}
    assert {answer.headers["www-authenticate"] for answer in answers} == {'Bearer realm="casegate"'}
    assert {answer.headers["content-type"] for answer in answers} == {"application/json; charset=utf-8"}
    assert {answer.content for answer in answers} == {
        b'{"errors":[{"message":"A valid access token is required.","extensions":{"code":"UNAUTHENTICATED"}}]}'
    }


async def test_a_token_works_until_it_expires_and_then_says_so(world: World, api: Api) -> None:
    person = await person_of(world.database, world.ada.id, *Scope)
    header = f"Bearer {person.token}"
    in_an_hour = clock.now() + timedelta(hours=1)
    await set_by_hand(world.database, tables.api_tokens, person.actor.token_id, expires_at=in_an_hour)
    assert (await with_header(api, header)).status_code == 200

    await set_by_hand(
        world.database, tables.api_tokens, person.actor.token_id, expires_at=datetime(2026, 1, 1, tzinfo=UTC)
    )

    answer = await with_header(api, header)
    assert answer.status_code == 401
    assert answer.json() == {
        "errors": [{"message": "The access token has expired.", "extensions": {"code": "TOKEN_EXPIRED"}}]
    }
    # Revoked and expired: an attacker who has found it learns no more than of an unknown one.
    await accounts.revoke_token(world.database, person.actor.token_id)
    assert (await with_header(api, header)).json()["errors"][0]["extensions"] == {"code": "UNAUTHENTICATED"}


@pytest.mark.parametrize("accept", ["*/*", "application/graphql-response+json"])
async def test_a_refused_token_is_answered_in_the_requested_language_and_media_type(api: Api, accept: str) -> None:
    answer = await api.send(None, VIEWER, accept_language="fr-CA", accept=accept, x_request_id="mine")

    assert answer.status_code == 401
    assert answer.headers["content-type"] == f"{accept.replace('*/*', 'application/json')}; charset=utf-8"
    assert answer.headers["content-language"] == "fr"
    assert answer.headers["x-request-id"] == "mine"
    assert answer.json()["errors"][0]["message"] == "Un jeton d’accès valide est requis."


async def test_who_is_refused_learns_nothing_of_their_request(world: World, api: Api) -> None:
    headers = {"Content-Type": "application/json"}

    bodies = [b"no JSON", b"{}", b'{"query": "{ nothing }"}', b'{"query": "{ viewer { user { id } } }"}']
    answers = [await api.client.post("/graphql", content=body, headers=headers) for body in bodies]

    assert len({(answer.status_code, answer.content) for answer in answers}) == 1


async def test_a_good_token_stands_for_its_person_whatever_the_case_of_the_scheme(world: World, api: Api) -> None:
    person = await person_of(world.database, world.rosa.id, Scope.USERS_READ, Scope.CASES_READ)

    for scheme in ("Bearer", "bearer", "BEARER"):
        assert (await with_header(api, f"{scheme} {person.token}")).json() == {
            "data": {
                "viewer": {
                    "user": {"displayName": "Rosa"},
                    "account": {"id": str(world.account_id)},
                    "scopes": ["CASES_READ", "USERS_READ"],
                }
            }
        }


async def test_a_secret_is_nowhere_in_the_database(world: World, api: Api) -> None:
    await api.run(world.ada.token, VIEWER)

    assert world.ada.token not in repr(await contents(world.database))
