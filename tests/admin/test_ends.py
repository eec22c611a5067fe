"""What a deactivation or revocation ends, whichever way it is done, at another node: requests, links and streams."""

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any

import httpx2
import pytest

from app.admin import accounts
from app.admin.perform import administer
from app.api.stream_registry import StreamOptions
from app.config.settings import Settings
from app.domain.admin_commands import DeactivateUser, RevokeToken
from tests.support.documents import TEXT
from tests.support.live_gateway import LiveGateway, closed, live_gateway
from tests.support.world import World

WITHIN_S = 5
"""How soon it has to be in force everywhere."""

SUBSCRIPTION = "subscription { actions { cursor caughtUp action { type } } }"


async def deactivate(world: World) -> None:
    await administer(world.database, world.aldo.actor, DeactivateUser(user_id=world.carl.id), request_id="test")


async def revoke(world: World) -> None:
    command = RevokeToken(token_id=world.carl.actor.token_id)
    await administer(world.database, world.aldo.actor, command, request_id="test")


async def revoke_oneself(world: World) -> None:
    command = RevokeToken(token_id=world.carl.actor.token_id)
    await administer(world.database, world.carl.actor, command, request_id="test")


# Each is done by this process, and not by the gateway that serves.
WAYS: dict[str, Callable[[World], Awaitable[Any]]] = {
    "deactivateUser": deactivate,
    "revokeToken": revoke,
    "revokeToken of one's own": revoke_oneself,
    "casegate user revoke": lambda world: accounts.revoke_user(world.database, world.carl.id),
    "casegate token revoke": lambda world: accounts.revoke_token(world.database, world.carl.actor.token_id),
    "casegate account revoke": lambda world: accounts.revoke_account(world.database, world.account_id),
}


def test_what_is_remembered_and_looked_at_again_is_young_enough() -> None:
    assert StreamOptions().recheck_s < WITHIN_S
    assert Settings.model_fields["identity_cache"].default <= WITHIN_S


def requests_of(world: World, case_id: str) -> dict[str, dict[str, Any]]:
    """Return a request to each way in."""
    graphql = {"method": "POST", "url": "/graphql"}
    mutation = f'mutation {{ addComment(input: {{caseId: "{case_id}", body: "x"}}) {{ errors {{ code }} }} }}'
    return {
        "a query": graphql | {"json": {"query": "{ viewer { user { id } } }"}},
        "a mutation": graphql | {"json": {"query": mutation}},
        "JSON:API": {"method": "GET", "url": f"/api/v1/cases/{case_id}"},
        "an upload": {"method": "POST", "url": "/documents?filename=a.txt", "content": TEXT},
        "a new stream": graphql | {"json": {"query": SUBSCRIPTION}, "headers": {"Accept": "text/event-stream"}},
    }


async def status_of(client: httpx2.AsyncClient, token: str, request: dict[str, Any]) -> int:
    headers = {"Authorization": f"Bearer {token}"} | request.get("headers", {})
    async with client.stream(**(request | {"headers": headers})) as answer:
        return answer.status_code


async def refused(client: httpx2.AsyncClient, token: str, request: dict[str, Any]) -> int:
    """Return the status once it is no success any more: the gateway may remember who holds a token for a moment."""
    status = 0
    for _ in range(400):
        status = await status_of(client, token, request)
        if status >= 400:
            return status
        await asyncio.sleep(0.05)
    return status


async def link_to_a_document(client: httpx2.AsyncClient, token: str, case_id: str) -> str:
    """Return a link that was made for the token."""
    headers = {"Authorization": f"Bearer {token}"}
    made = await client.post("/documents?filename=a.txt", content=TEXT, headers=headers)
    query = """mutation($input: AddCommentInput!) { addComment(input: $input) { comment { documents { url } } } }"""
    input = {"caseId": case_id, "body": "See the file.", "documentIds": [made.json()["id"]]}
    body = {"query": query, "variables": {"input": input}}
    answer = (await client.post("/graphql", json=body, headers=headers)).json()
    link: str = answer["data"]["addComment"]["comment"]["documents"][0]["url"]
    return link


@asynccontextmanager
async def socket_of(gateway: LiveGateway, token: str) -> AsyncIterator[Any]:
    """Yield a WebSocket whose subscription has answered."""
    async with gateway.connect() as socket:
        authorization = {"Authorization": f"Bearer {token}"}
        await socket.send(json.dumps({"type": "connection_init", "payload": authorization}))
        assert json.loads(await socket.recv()) == {"type": "connection_ack"}
        await socket.send(json.dumps({"id": "1", "type": "subscribe", "payload": {"query": SUBSCRIPTION}}))
        assert json.loads(await socket.recv())["type"] == "next"
        yield socket


@asynccontextmanager
async def events_of(client: httpx2.AsyncClient, token: str) -> AsyncIterator[AsyncIterator[str]]:
    """Yield the lines of a stream of server-sent events that has answered."""
    headers = {"Accept": "text/event-stream", "Authorization": f"Bearer {token}"}
    async with client.stream("POST", "/graphql", json={"query": SUBSCRIPTION}, headers=headers) as answer:
        lines = answer.aiter_lines()
        async for line in lines:
            if line.startswith("data:"):
                break
        yield lines


@pytest.mark.parametrize("way", WAYS)
async def test_it_ends_requests_links_and_streams_of_a_gateway_elsewhere(
    world: World, fresh_url: str, way: str
) -> None:
    case_id, token = str((await world.open_case()).case.id), world.carl.token
    async with (
        live_gateway(fresh_url, recheck_s=0.05, identity_cache=WITHIN_S) as gateway,
        httpx2.AsyncClient(base_url=gateway.address, timeout=60, trust_env=False) as client,
    ):
        requests = requests_of(world, case_id)
        before = {what: await status_of(client, token, request) for what, request in requests.items()}
        link = await link_to_a_document(client, token, case_id)
        linked = (await client.get(link)).status_code
        async with socket_of(gateway, token) as socket, events_of(client, token) as lines:
            await WAYS[way](world)
            code, _ = await closed(socket)
            async with asyncio.timeout(60):
                rest = [line async for line in lines]
        after = {what: await refused(client, token, request) for what, request in requests.items()}

        assert before == {what: 201 if what == "an upload" else 200 for what in requests}
        assert after == dict.fromkeys(requests, 401)
        assert (linked, (await client.get(link)).status_code) == (200, 404)
    assert code in (4401, 4403)
    assert "UNAUTHENTICATED" in "".join(rest)
