"""A gateway that is killed among the actions of one request: sent again with their keys, each is done once."""

import asyncio
from pathlib import Path
from typing import Any

import httpx2
import pytest
from sqlalchemy import func, select

from app.api.inputs.bulk import ACTIONS_MAX
from app.db import tables
from tests.faults.gateway import Gateway, gateway
from tests.support.paths import ROOT
from tests.support.world import World

pytestmark = pytest.mark.long

DOCUMENT = """mutation($input: PerformActionsInput!) { performActions(input: $input) {
    results { status replayed action { seq } comment { body } } } }"""
ROUNDS = 8
"""How often it may be done before it was killed, as a fast machine has it."""


def send(gateway: Gateway, token: str, inputs: list[dict[str, Any]]) -> list[dict[str, Any]] | None:
    """Return the results; None where the connection ended without an answer."""
    try:
        answer = httpx2.post(
            f"{gateway.address}/graphql",
            json={"query": DOCUMENT, "variables": {"input": {"inputs": inputs}}},
            headers={"Authorization": f"Bearer {token}"},
            timeout=120,
        )
    except httpx2.TransportError:
        return None
    results: list[dict[str, Any]] = answer.json()["data"]["performActions"]["results"]
    return results


async def comments(world: World, prefix: str) -> list[str]:
    """Return the comments that begin so, in the order of their cases' logs."""
    body, comment = tables.comments.c.body, tables.comments.c
    async with world.database.read() as connection:
        statement = select(body).where(body.startswith(prefix)).order_by(comment.created_at, comment.id)
        return list(await connection.scalars(statement))


async def killed_among(world: World, gateway: Gateway, inputs: list[dict[str, Any]], prefix: str) -> int:
    """Kill the gateway once it has done some of them; return how many it had done."""
    sending = asyncio.create_task(asyncio.to_thread(send, gateway, world.ada.token, inputs))
    while len(await comments(world, prefix)) < 5 and not sending.done():  # noqa: ASYNC110  # no event tells of it
        await asyncio.sleep(0)
    await asyncio.to_thread(gateway.kill)
    await sending
    return len(await comments(world, prefix))


async def test_a_bulk_that_a_kill_cut_off_and_that_is_sent_again_does_each_once(
    world: World, fresh_url: str, tmp_path: Path
) -> None:
    cases = [(await world.open_case()).case.id for _ in range(4)]
    rounds, done, again = 0, ACTIONS_MAX, None
    inputs: list[dict[str, Any]] = []

    with gateway(tmp_path, ROOT, 1, True, database_url=fresh_url) as running:
        while done == ACTIONS_MAX and rounds < ROUNDS:
            rounds += 1
            inputs = [
                {
                    "addComment": {
                        "caseId": str(cases[n % 4]),
                        "body": f"{rounds}:{n}",
                        "idempotencyKey": f"{rounds}-{n}",
                    }
                }
                for n in range(ACTIONS_MAX)
            ]
            done = await killed_among(world, running, inputs, f"{rounds}:")
            await asyncio.to_thread(running.start)
            again = await asyncio.to_thread(send, running, world.ada.token, inputs)

    assert again is not None
    assert 5 <= done < ACTIONS_MAX
    assert [result["status"] for result in again] == ["DONE"] * ACTIONS_MAX
    assert [result["replayed"] for result in again] == [True] * done + [False] * (ACTIONS_MAX - done)
    assert await comments(world, f"{rounds}:") == [item["addComment"]["body"] for item in inputs]
    of_each = 1 + rounds * ACTIONS_MAX // 4
    async with world.database.read() as connection:
        log = tables.case_actions.c
        found = await connection.execute(select(log.case_id, func.count(), func.max(log.seq)).group_by(log.case_id))
        counts = {case_id: (count, last) for case_id, count, last in found}
    assert [counts[case_id] for case_id in cases] == [(of_each, of_each)] * 4
