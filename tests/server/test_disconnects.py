"""Clients that hang up while an action is under way: it is done as a whole or not at all, and nothing is left held.

A real server process, real sockets, closed or reset at moments that chance chooses.
"""

import asyncio
import json
from pathlib import Path
from random import Random
from typing import Any
from urllib.parse import urlsplit

import httpx2

from app.audit.verification import verify_log
from app.db.repository.locks import lock_case
from tests.support.database_contents import contents
from tests.support.gateway import Server, serving
from tests.support.ports import wait_until
from tests.support.world import World

SHOWN = "replayed errors { code } action { id seq } case { version actions(first: 3) { nodes { seq } } }"
DOCUMENT = f"mutation($input: AddCommentInput!) {{ addComment(input: $input) {{ {SHOWN} }} }}"
SEED = 20261124
IDLE = 'casegate_pool_connections_in_use{pool="writer"} 0.0'


def comment_on(case_id: Any, key: str, **more: Any) -> dict[str, Any]:
    return {"caseId": str(case_id), "body": f"Said once, {key}.", "idempotencyKey": key, **more}


async def abandon(
    server: Server, token: str, input: dict[str, Any], after: float, *, share: float = 1, reset: bool = True
) -> None:
    """Send this *share* of a request, and hang up so many seconds later; a *reset* also drops what is still unread."""
    place = urlsplit(server.address)
    body = json.dumps({"query": DOCUMENT, "variables": {"input": input}}).encode()
    head = (
        f"POST /graphql HTTP/1.1\r\nHost: {place.netloc}\r\nAuthorization: Bearer {token}\r\n"
        f"Content-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n"
    )
    whole = head.encode() + body
    _, writer = await asyncio.open_connection(place.hostname, place.port)
    writer.write(whole[: round(len(whole) * share)])
    await writer.drain()
    await asyncio.sleep(after)
    if reset:
        writer.transport.abort()
    else:
        writer.close()


async def send(server: Server, token: str, input: dict[str, Any]) -> dict[str, Any]:
    """Send a request as somebody who waits for its answer."""
    data = await asyncio.to_thread(server.run, token, DOCUMENT, {"input": input})
    payload: dict[str, Any] = data["addComment"]
    return payload


async def comments(world: World) -> int:
    return len((await contents(world.database))["comments"])


def is_idle(server: Server, token: str) -> bool:
    server.run(token, "{ viewer { language } }")
    return IDLE in httpx2.get(f"{server.address}/metrics", timeout=5).text


async def test_an_action_survives_a_disconnect_and_is_found_by_its_key_and_a_dry_run_is_rolled_back(
    fresh_url: str, world: World, tmp_path: Path
) -> None:
    case_id = (await world.open_case()).case.id
    comment, dry = comment_on(case_id, "key"), comment_on(case_id, "other", dryRun=True)

    with serving(tmp_path, database_url=fresh_url, demo="false", metrics="true") as server:
        # They wait for a lock when their clients hang up.
        async with world.database.write() as connection:
            await lock_case(connection, world.account_id, case_id)
            await asyncio.gather(
                abandon(server, world.ada.token, dry, after=0.5), abandon(server, world.ada.token, comment, after=0.5)
            )
            await asyncio.sleep(0.3)
        async with asyncio.timeout(60):
            while not await comments(world):  # noqa: ASYNC110  # another process writes it
                await asyncio.sleep(0.05)
        again = await send(server, world.ada.token, comment)
        assert await asyncio.to_thread(wait_until, lambda: is_idle(server, world.ada.token), 10)

    assert (again["errors"], again["replayed"], again["action"]["seq"]) == ([], True, 2)
    assert await comments(world) == 1


async def test_whenever_clients_hang_up_each_action_is_whole_or_not_there_and_no_connection_is_lost(
    fresh_url: str, world: World, tmp_path: Path
) -> None:
    case_id = (await world.open_case()).case.id
    chance = Random(SEED)
    inputs = [comment_on(case_id, f"k{n}", dryRun=n % 4 == 3) for n in range(80)]
    real = [input for input in inputs if not input["dryRun"]]

    # All may be under way at once on a slow machine: that it is full is not what is looked at here.
    with serving(tmp_path, database_url=fresh_url, demo="false", metrics="true", max_concurrency="200") as server:
        for first in range(0, len(inputs), 8):
            ways = [(chance.random() * 0.06, chance.choice([1, 1, 1, 0.9]), chance.random() < 0.5) for _ in range(8)]
            await asyncio.gather(
                *(
                    abandon(server, world.ada.token, input, after, share=share, reset=reset)
                    for input, (after, share, reset) in zip(inputs[first : first + 8], ways, strict=True)
                )
            )
        answers = [await send(server, world.ada.token, input) for input in real]
        assert await asyncio.to_thread(wait_until, lambda: is_idle(server, world.ada.token), 10)
        output = server.output

    assert [answer["errors"] for answer in answers] == [[]] * len(real)
    assert sorted(answer["action"]["seq"] for answer in answers) == list(range(2, len(real) + 2))
    replayed = sum(answer["replayed"] for answer in answers)
    assert 0 < replayed < len(real)  # some had been done, some had not
    assert await comments(world) == len(real)
    assert [verdict async for verdict in verify_log(world.database) if verdict.fault is not None] == []
    assert "INTERNAL_ERROR" not in output and "never retrieved" not in output
