"""What administration costs the database, and that a deactivation ends what is under way."""

import json

from app.admin.perform import administer
from app.domain.admin_commands import ChangeRoles, DeactivateUser, RevokeToken, UpdateAccount
from app.domain.model import Role
from tests.support.api import Api
from tests.support.documents import TEXT, comment_with
from tests.support.live_gateway import closed, live_gateway
from tests.support.recorded_sql import recorded
from tests.support.world import Person, World, make_person, person_of

MORE = 6


async def costs(world: World, people: list[Person]) -> list[int]:
    """Return how many statements each of some commands takes, each on somebody else of *people*."""
    first, second, third = people
    sizes = []
    for command in (
        ChangeRoles(user_id=first.id, roles=(Role.CONTRIBUTOR, Role.REVIEWER)),
        DeactivateUser(user_id=second.id),
        RevokeToken(token_id=third.actor.token_id),
    ):
        with recorded() as statements:
            await administer(world.database, world.aldo.actor, command, request_id="test")
        sizes.append(len(statements))
    return sizes


async def contributors(world: World, count: int, prefix: str) -> list[Person]:
    names = [f"{prefix}{index}" for index in range(count)]
    return [await make_person(world.database, world.account_id, name, Role.CONTRIBUTOR) for name in names]


async def test_statements_do_not_grow_with_people_tokens_and_rows(world: World) -> None:
    few = await costs(world, await contributors(world, 3, "a"))
    await contributors(world, MORE, "more")
    many = await contributors(world, 3, "b")
    for person in many:
        for _ in range(MORE):
            await person_of(world.database, person.id, *person.actor.scopes)

    assert await costs(world, many) == few
    assert max(few) <= 16


async def test_lists_take_the_same_statements_whatever_their_length(world: World, api: Api) -> None:
    query = """{ adminLog(first: 50) { nodes { type user { displayName } targetUser { displayName } } }
        tokens(first: 50) { nodes { name user { displayName } } } }"""
    with recorded() as few:
        await api.run(world.aldo.token, query)
    await contributors(world, MORE, "more")
    with recorded() as many:
        await api.run(world.aldo.token, query)

    assert len(many) == len(few)


async def test_a_deactivation_ends_requests_and_signed_links(world: World, api: Api) -> None:
    case_id = (await world.open_case()).case.id
    payload = await comment_with(api, world.ada.token, case_id, [("a.txt", TEXT)])
    link = payload["comment"]["documents"][0]["url"]
    before = (await api.client.get(link)).status_code

    command = DeactivateUser(user_id=world.ada.id)
    await administer(world.database, world.aldo.actor, command, request_id="test")

    assert (before, (await api.client.get(link)).status_code) == (200, 404)
    body = (await api.send(world.ada.token, "{ viewer { scopes } }")).json()
    assert body["errors"][0]["extensions"]["code"] == "UNAUTHENTICATED"


async def test_a_deactivation_ends_a_stream_while_nothing_happens(world: World, fresh_url: str) -> None:
    query = "subscription { actions { cursor caughtUp action { type } } }"
    async with live_gateway(fresh_url) as gateway, gateway.connect() as socket:
        authorization = {"Authorization": f"Bearer {world.carl.token}"}
        await socket.send(json.dumps({"type": "connection_init", "payload": authorization}))
        assert json.loads(await socket.recv()) == {"type": "connection_ack"}
        await socket.send(json.dumps({"id": "1", "type": "subscribe", "payload": {"query": query}}))
        assert json.loads(await socket.recv())["type"] == "next"

        command = DeactivateUser(user_id=world.carl.id)
        await administer(world.database, world.aldo.actor, command, request_id="test")
        code, _ = await closed(socket)

    assert code == 4403


async def test_a_policy_is_in_force_for_the_next_request(world: World, api: Api) -> None:
    command = UpdateAccount(cases_enabled=False)
    await administer(world.database, world.aldo.actor, command, request_id="test")
    body = (await api.send(world.ada.token, "{ cases { totalCount } }")).json()
    assert body["errors"][0]["extensions"]["code"] == "FEATURE_DISABLED"
