"""Twice what the server can do: what it takes is done in time, the rest is told to come back, and it does not grow."""

import asyncio
import math
import time
from dataclasses import dataclass, field
from pathlib import Path

import httpx2
import pytest

from tests.support.gateway import Server, casegate_json, serving

pytestmark = pytest.mark.serial

IN_HAND = 8
CLIENTS = 4
PATIENCE_S = 2.5
"""For how long a request may wait for its turn."""
GROWTH_MIB = 24
QUERY = {
    "query": "{ cases(first: 20) { nodes { reference title subject { label } actions(first: 3) { nodes { seq type"
    " user { displayName } comment { body } } } } } }"
}


@dataclass(slots=True)
class Load:
    """Sends the worklist to one server, and keeps what came back."""

    client: httpx2.AsyncClient
    accepted: list[float] = field(default_factory=list)
    refused: list[httpx2.Response] = field(default_factory=list)
    others: list[int] = field(default_factory=list)

    async def send(self) -> None:
        started = time.monotonic()
        answer = await self.client.post("/graphql", json=QUERY)
        match answer.status_code:
            case 200:
                assert "errors" not in answer.json(), answer.text
                self.accepted.append(time.monotonic() - started)
            case 429 | 503:
                self.refused.append(answer)
            case other:
                self.others.append(other)

    async def closed(self, seconds: float) -> float:
        """Keep a few clients busy, and return how many requests a second that makes: the capacity."""
        end = time.monotonic() + seconds

        async def client() -> None:
            while time.monotonic() < end:
                await self.send()

        await asyncio.gather(*(client() for _ in range(CLIENTS)))
        return len(self.accepted) / seconds

    async def open(self, rate: float, seconds: float) -> None:
        """Send *rate* requests a second, whatever becomes of the ones before."""
        began = time.monotonic()
        async with asyncio.TaskGroup() as tasks:
            for number in range(int(rate * seconds)):
                await asyncio.sleep(max(0.0, began + number / rate - time.monotonic()))
                tasks.create_task(self.send())


def resident_mib(server: Server) -> float:
    status = Path(f"/proc/{server.process.pid}/status").read_text()
    return int(status.split("VmRSS:")[1].split()[0]) / 1024


async def overload(server: Server, token: str, seconds: float) -> tuple[Load, list[float], float]:
    """Return what became of twice the capacity, the memory before and after, and the capacity."""
    # The server closes a connection that was idle for 5 s: who keeps it as long may send as it does.
    limits = httpx2.Limits(max_connections=200, keepalive_expiry=2)
    headers = {"Authorization": f"Bearer {token}"}
    async with httpx2.AsyncClient(base_url=server.address, headers=headers, limits=limits, timeout=30) as client:
        capacity = await Load(client).closed(2)
        await Load(client).open(2 * capacity, 2)
        memory = [resident_mib(server)]
        load = Load(client)
        await load.open(2 * capacity, seconds)
        memory.append(resident_mib(server))
    return load, memory, capacity


def assert_overload_is_shed(url: str, folder: Path, seconds: float) -> None:
    token = casegate_json("demo", database_url=url)["people"][0]["token"]
    with serving(folder, is_forked=False, database_url=url, demo="false", max_concurrency=str(IN_HAND)) as server:
        load, memory, capacity = asyncio.run(overload(server, token, seconds))

    slowest = sorted(load.accepted)[math.ceil(len(load.accepted) * 0.99) - 1]
    report = f"accepted {len(load.accepted)}, refused {len(load.refused)}, p99 {slowest:.3f} s, memory {memory}"
    assert load.others == [], report
    assert load.refused and load.accepted, report
    assert all(int(answer.headers["retry-after"]) >= 1 for answer in load.refused)
    assert {answer.json()["errors"][0]["extensions"]["code"] for answer in load.refused} == {"OVERLOADED"}
    # Its turn, and then ten times what as many take that are served together: whatever the machine's speed.
    assert slowest < PATIENCE_S + 10 * IN_HAND / capacity, report
    assert memory[1] - memory[0] < GROWTH_MIB, report
    print(report)  # noqa: T201  # shown by -rP


def test_at_twice_its_capacity_it_serves_what_it_admits_and_refuses_the_rest(fresh_url: str, tmp_path: Path) -> None:
    assert_overload_is_shed(fresh_url, tmp_path, 4)


@pytest.mark.soak
def test_at_twice_its_capacity_for_half_a_minute(fresh_url: str, tmp_path: Path) -> None:
    assert_overload_is_shed(fresh_url, tmp_path, 30)
