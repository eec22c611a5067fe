"""What Prometheus is told: counts and times with bounded labels, by whoever has the token, for all workers together."""

import asyncio
import re
from pathlib import Path

import httpx2
import pytest
from sqlalchemy import text

from app.observability import metrics
from app.observability.metrics import Names
from tests.support.api import Api
from tests.support.gateway import Server, casegate_json, serving
from tests.support.ports import wait_until
from tests.support.world import World

SOON_S = 60


def value(text: str, name: str, **labels: str) -> float:
    """Return the sum of the samples of this name that have these labels."""
    total = 0.0
    for line in text.splitlines():
        match = re.fullmatch(r"(\w+)(?:\{(.*)\})? (\S+)", line)
        if match and match[1] == name and all(f'{key}="{given}"' in (match[2] or "") for key, given in labels.items()):
            total += float(match[3])
    return total


async def test_requests_errors_times_and_batches_are_counted(fresh_url: str, world: World) -> None:
    await world.open_case()
    async with Api.opened(fresh_url, metrics=True) as api:
        before = (await api.client.get("/metrics")).text
        for _ in range(3):
            await api.send(world.carl.token, "{ cases { nodes { createdBy { id } } } }", x_graphql_client_name="web")
        await api.send(world.ada.token, "{ nothing }")
        await api.send(None, "{ viewer { language } }")
        answer = await api.client.get("/metrics")

    after = answer.text

    def grown(name: str, **labels: str) -> float:
        return value(after, name, **labels) - value(before, name, **labels)

    assert answer.headers["content-type"].startswith("text/plain")
    assert grown("casegate_requests_total", status="200") == 4
    assert grown("casegate_requests_total", status="401") == 1
    assert grown("casegate_errors_total", code="GRAPHQL_INVALID") == 1
    assert grown("casegate_errors_total", code="UNAUTHENTICATED") == 1
    assert grown("casegate_operation_seconds_count", type="query", client="web") == 3
    assert grown("casegate_operation_seconds_count", operation="invalid") == 1
    assert grown("casegate_loader_batch_size_count", loader="users_by_id") == 3
    assert value(after, "casegate_operations_in_hand") == 0
    assert "casegate_pool_connections_in_use" in after


async def test_a_refusal_in_a_payload_counts_as_an_error(fresh_url: str, world: World) -> None:
    async with Api.opened(fresh_url, metrics=True) as api:
        before = (await api.client.get("/metrics")).text
        await api.act(world.ada.token, "addComment", {"caseId": "x", "body": "y"})
        after = (await api.client.get("/metrics")).text

    counted = [value(text, "casegate_errors_total", code="INVALID_ID") for text in (before, after)]
    assert counted[1] == counted[0] + 1


async def test_endlessly_many_documents_and_clients_make_few_series(
    fresh_url: str, world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(metrics, "client_names", metrics.Names(metrics.CLIENTS_MAX))
    monkeypatch.setattr(metrics, "operation_names", metrics.Names(metrics.OPERATIONS_MAX))
    async with Api.opened(fresh_url, metrics=True) as api:
        before = series_of((await api.client.get("/metrics")).text)
        for number in range(metrics.OPERATIONS_MAX + 20):
            await api.send(world.ada.token, f"{{ a{number}: __typename }}", x_graphql_client_name=f"client-{number}")
        series = series_of((await api.client.get("/metrics")).text)

    added = {operation for _, operation in series} - {operation for _, operation in before}
    assert len(added) <= metrics.OPERATIONS_MAX + 2
    assert len({client for client, _ in series} - {client for client, _ in before}) <= metrics.CLIENTS_MAX + 1
    assert ("other", "other") in series


def series_of(text: str) -> set[tuple[str, str]]:
    """Return the client and the operation of each series."""
    return set(re.findall(r'casegate_operation_seconds_count\{client="([^"]*)",operation="([^"]*)"', text))


def test_a_label_has_so_many_values_and_no_more() -> None:
    names = Names(2)

    assert [names.bounded(name) for name in ("a", "b", "c", "a", "d")] == ["a", "b", "other", "a", "other"]


@pytest.mark.parametrize("settings", [{"metrics": False}, {"metrics": True, "metrics_token": "secret"}], ids=str)
async def test_metrics_need_their_token(fresh_url: str, settings: dict[str, object]) -> None:
    async with Api.opened(fresh_url, **settings) as api:
        answers = [
            await api.client.get("/metrics", headers=headers)
            for headers in ({}, {"Authorization": "Bearer wrong"}, {"Authorization": "Bearer secret"})
        ]

    expected = [401, 401, 200] if settings["metrics"] else [404, 404, 404]
    assert [answer.status_code for answer in answers] == expected


async def test_the_gauges_are_read_when_metrics_are_requested(fresh_url: str, world: World) -> None:
    case_id = (await world.open_case()).case.id
    async with Api.opened(fresh_url, metrics=True) as api:
        async with world.database.write() as connection:  # the action waits for its turn, inside
            await connection.execute(text("UPDATE cases SET title = title"))
            waiting = asyncio.create_task(api.act(world.ada.token, "addComment", {"caseId": str(case_id), "body": "y"}))
            during = await full(api.client, (1, 1))
        await waiting
        after = await full(api.client, (0, 0))

    assert (during, after) == ((1, 1), (0, 0))


async def full(client: httpx2.AsyncClient, expected: tuple[float, float]) -> tuple[float, float]:
    """Return how many operations are in hand, and connections for writing in use, as soon as it is what is expected."""
    found = (-1.0, -1.0)
    for _ in range(200):
        text = (await client.get("/metrics")).text
        in_use = value(text, "casegate_pool_connections_in_use", pool="writer")
        found = value(text, "casegate_operations_in_hand"), in_use
        if found == expected:
            break
        await asyncio.sleep(0.05)
    return found


@pytest.mark.parametrize("origin", ["postgresql"], indirect=True)
async def test_a_worker_shares_its_load_with_the_others(fresh_url: str, world: World, tmp_path: Path) -> None:
    case_id = (await world.open_case()).case.id
    document = f'mutation {{ addComment(input: {{caseId: "{case_id}", body: "y"}}) {{ errors {{ code }} }} }}'

    def reported(server: Server) -> set[float]:
        """Return what is told by whichever worker answers."""
        answers = [httpx2.get(f"{server.address}/metrics").text for _ in range(6)]
        return {value(answer, "casegate_operations_in_hand") for answer in answers}

    with serving(tmp_path, "--workers", "2", database_url=fresh_url, demo="false", metrics="true") as server:
        async with world.database.write() as connection:
            await connection.execute(text("UPDATE cases SET title = title"))
            waiting = asyncio.create_task(asyncio.to_thread(server.run, world.ada.token, document))
            during = await asyncio.to_thread(wait_until, lambda: reported(server) == {1.0}, SOON_S)
        await waiting
        after = await asyncio.to_thread(wait_until, lambda: reported(server) == {0.0}, SOON_S)

    assert (during, after) == (True, True)


def test_any_worker_answers_for_all(fresh_url: str, tmp_path: Path) -> None:
    token = casegate_json("demo", database_url=fresh_url)["people"][0]["token"]

    with serving(tmp_path, "--workers", "2", database_url=fresh_url, demo="false", metrics="true") as server:
        for _ in range(20):  # each by a connection of its own, so that both workers get some
            server.run(token, "{ viewer { language } }")

        def counted() -> set[float]:
            answers = [httpx2.get(f"{server.address}/metrics").text for _ in range(10)]
            return {value(answer, "casegate_requests_total", status="200") for answer in answers}

        # A worker tells the others a little later.
        assert wait_until(lambda: counted() == {20.0}, SOON_S)
