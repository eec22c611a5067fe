"""Rate limits: how many requests a token may send, what is told of it, and what failing to say who one is leads to."""

import asyncio
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from uuid import uuid4

import httpx2
import pytest
from redis.asyncio import Redis
from uvicorn.middleware.proxy_headers import ProxyHeadersMiddleware

from app import clock
from app.domain.errors import RateLimited
from app.web.rate_limit import Limit, MovingWindow, RateLimiter, RateLimitStatus, network
from tests.support.api import Api
from tests.support.ports import free_port, is_listening, wait_until
from tests.support.world import World

HERE = clock.new_id()
WHO = "{ viewer { rateLimit { limit windowSeconds remaining resetSeconds } } }"


async def test_a_token_over_its_rate_limit_gets_retry_after(fresh_url: str, world: World) -> None:
    async with Api.opened(fresh_url, rate_limit=3, rate_window=60) as api:
        answers = [await api.send(world.ada.token, WHO, accept_language="fr") for _ in range(5)]
        another = await api.send(world.carl.token, WHO)

    assert [answer.status_code for answer in answers] == [200, 200, 200, 429, 429]
    assert [answer.headers["ratelimit"][:12] for answer in answers] == [
        f'"token";r={r};t'[:12] for r in (2, 1, 0, 0, 0)
    ]
    assert {answer.headers["ratelimit-policy"] for answer in answers} == {'"token";q=3;w=60'}
    shown = answers[0].json()["data"]["viewer"]["rateLimit"]
    assert shown.pop("resetSeconds") in range(55, 61)
    assert shown == {"limit": 3, "windowSeconds": 60, "remaining": 2}
    seconds = int(answers[3].headers["retry-after"])
    assert 55 <= seconds <= 60
    assert answers[3].json()["errors"] == [
        {
            "message": f"Trop de requêtes : réessayez dans {seconds} s.",
            "extensions": {
                "code": "RATE_LIMITED",
                "seconds": seconds,
                "retryable": True,
                "retryAfterMs": seconds * 1000,
            },
        }
    ]
    assert another.status_code == 200


class Watch:
    """A clock that goes on when it is told to, in the place of the one that requests are counted by."""

    now = 1_000.0

    def time(self) -> float:
        return self.now


async def test_after_the_wait_it_is_let_in_again(fresh_url: str, world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    watch = Watch()
    monkeypatch.setattr("app.web.rate_limit.monotonic", watch.time)
    async with Api.opened(fresh_url, rate_limit=1, rate_window=60) as api:
        first, second = [(await api.send(world.ada.token, WHO)).status_code for _ in range(2)]
        watch.now += 61
        third = (await api.send(world.ada.token, WHO)).status_code

    assert (first, second, third) == (200, 429, 200)


async def test_the_token_is_looked_at_before_the_rate_and_the_rate_before_the_body(
    fresh_url: str, world: World
) -> None:
    async with Api.opened(fresh_url, rate_limit=1, rate_window=60) as api:
        await api.send(world.ada.token, WHO)
        headers = {"Authorization": f"Bearer {world.ada.token}", "Content-Type": "application/json"}
        passed = await api.client.post("/graphql", content=b"{", headers=headers)
        unknown = await api.client.post("/graphql", content=b"{", headers=headers | {"Authorization": "Bearer x"})

    assert (passed.status_code, unknown.status_code) == (429, 401)


async def test_without_a_rate_limit_there_are_no_rate_limit_headers(api: Api, world: World) -> None:
    answer = await api.send(world.ada.token, WHO)

    assert answer.json() == {"data": {"viewer": {"rateLimit": None}}}
    assert "ratelimit" not in answer.headers


async def test_an_address_that_fails_too_often_is_slowed_down_and_a_good_token_from_there_is_not(
    fresh_url: str, world: World
) -> None:
    async with Api.opened(fresh_url, failed_auth_limit=2) as api:
        codes = [(await api.send(token, WHO)).status_code for token in ("a", None, "b", "c.d.e", world.ada.token)]

    assert codes == [401, 401, 429, 429, 200]


def test_each_moment_counts_until_the_window_is_over(monkeypatch: pytest.MonkeyPatch) -> None:
    watch = Watch()
    monkeypatch.setattr("app.web.rate_limit.monotonic", watch.time)
    counted = MovingWindow(Limit("token", 2, 10))
    standings = []

    for pause in (0, 4, 0, 6.5, 0, 3, 20):
        watch.now += pause
        standings.append(counted.hit("here"))

    assert [standing.passed for standing in standings] == [False, False, True, False, True, True, False]
    assert [standing.remaining for standing in standings] == [1, 0, 0, 0, 0, 0, 1]
    assert [standing.reset_s for standing in standings] == [10, 6, 6, 4, 4, 1, 10]


def test_what_has_expired_is_not_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    watch = Watch()
    monkeypatch.setattr("app.web.rate_limit.monotonic", watch.time)
    counted = MovingWindow(Limit("token", 5, 10))

    for who, pause in (("gone", 0), ("often", 1), ("gone too", 1), ("often", 5), ("here", 5.5)):
        watch.now += pause
        counted.hit(who)

    assert list(counted.kept) == ["often", "here"]


def test_an_address_of_ipv6_counts_as_the_network_that_one_customer_has() -> None:
    assert network("192.0.2.7") == "192.0.2.7"
    assert network("2001:db8:1:2:3:4:5:6") == network("2001:db8:1:2::9") == "2001:db8:1:2::/64"
    assert network("") == ""


@pytest.mark.parametrize("mapped", ["::ffff:192.0.2.7", "::FFFF:c000:207", "0:0:0:0:0:ffff:192.0.2.7"])
def test_an_address_of_ipv4_that_a_socket_of_both_versions_shows_is_that_address(mapped: str) -> None:
    assert network(mapped) == "192.0.2.7"
    assert network("::ffff:192.0.2.8") != network(mapped)


@pytest.mark.parametrize(
    "standing_for",
    [
        "64:ff9b::192.0.2.7",
        "64:ff9b::c000:207",
        "::ffff:0:192.0.2.7",
        "2002:c000:207:1::1",
        "2001:0:1234:5678:0:1:3fff:fdf8",
    ],
)
def test_an_address_that_stands_for_one_of_ipv4_is_that_address(standing_for: str) -> None:
    assert network(standing_for) == "192.0.2.7"


def test_behind_a_translator_of_ones_own_each_address_counts_by_itself() -> None:
    assert network("64:ff9b:1::192.0.2.7") != network("64:ff9b:1::192.0.2.8")
    assert network("64:ff9b:2::1") == network("64:ff9b:2::2")


@pytest.mark.parametrize("made_up", ["unknown", "_hidden", "192.0.2.7.9", "192.0.02.7", "a" * 60_000, "[::1", "1;2"])
def test_what_is_no_address_is_one_for_all(made_up: str) -> None:
    assert network(made_up) == network("")


async def forwarded(api: Api, peer: str, *values: str) -> int:
    """Return the status that somebody gets who has no token, through whatever passes these values on."""
    inner: Any = api.client._transport
    app: Any = ProxyHeadersMiddleware(inner.app, trusted_hosts="127.0.0.1,10.0.0.0/8")
    transport = httpx2.ASGITransport(app=app, client=(peer, 1))
    async with httpx2.AsyncClient(transport=transport, base_url="http://test") as client:
        headers = [("X-Forwarded-For", value) for value in values]
        return (await client.post("/graphql", json={"query": WHO}, headers=headers)).status_code


async def test_a_header_does_not_change_which_address_failures_are_counted_for(fresh_url: str, world: World) -> None:
    real = "203.0.113.9"
    async with Api.opened(fresh_url, failed_auth_limit=4) as api:
        directly = [await forwarded(api, real, f"192.0.2.{number}") for number in range(3)]
        behind = [await forwarded(api, "127.0.0.1", f"{made_up}, {real}") for made_up in ("192.0.2.9", "x" * 60_000)]
        twice = await forwarded(api, "127.0.0.1", "192.0.2.10", f"{real}:4711")
        chain = await forwarded(api, "127.0.0.1", f"192.0.2.11, {real}, 10.1.2.3")
        other = await forwarded(api, "127.0.0.1", "198.51.100.7")

    assert directly == [401, 401, 401]
    assert behind == [401, 429]
    assert (twice, chain, other) == (429, 429, 401)


@pytest.mark.parametrize("set_by", [-3600, 3600, 86_400 * 365])
async def test_a_clock_that_is_set_changes_no_limit(monkeypatch: pytest.MonkeyPatch, set_by: int) -> None:
    rates = RateLimiter(requests=2, seconds=60, failures=1)
    await rates.count_request(HERE)
    await rates.count_failure("192.0.2.7")
    now = time.time() + set_by
    monkeypatch.setattr(time, "time", lambda: now)

    second, third = [await rates.count_request(HERE) for _ in range(2)]

    assert second is not None and third is not None
    assert (second.passed, second.remaining, third.passed) == (False, 0, True)
    assert 55 <= third.reset_s <= 60
    with pytest.raises(RateLimited):
        await rates.count_failure("192.0.2.7")


# --- Redis -----------------------------------------------------------------------------------------------------------


@pytest.fixture
def redis_url(tmp_path: Path) -> Iterator[str]:
    """A real Redis. Where there is none the tests on it are skipped, loudly, or fail where CI demands it."""
    program = shutil.which("redis-server") or shutil.which("valkey-server")
    if program is None:
        if os.environ.get("CASEGATE_REQUIRE_REDIS") == "1":
            pytest.fail("there is no Redis here")
        sys.stderr.write("\nNOT TESTED ON REDIS: there is none here\n")
        pytest.skip("no Redis")
    port = free_port()
    process = subprocess.Popen(
        [program, "--port", str(port), "--bind", "127.0.0.1", "--save", "", "--dir", str(tmp_path)],
        stdout=subprocess.DEVNULL,
    )
    try:
        assert wait_until(lambda: is_listening(port), 60)
        yield f"redis://127.0.0.1:{port}"
    finally:
        process.terminate()
        process.wait(timeout=60)


async def test_workers_that_share_a_redis_count_together(redis_url: str) -> None:
    workers = [RateLimiter(requests=4, seconds=60, failures=0, redis_url=redis_url) for _ in range(2)]

    standings = [await workers[number % 2].count_request(HERE) for number in range(6)]
    for worker in workers:
        await worker.close()

    assert [standing.passed for standing in standings if standing] == [False] * 4 + [True] * 2


async def test_redis_counts_by_its_own_clock_and_forgets_what_was_counted_ahead_of_it(
    redis_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    rates = RateLimiter(requests=3, seconds=60, failures=1, redis_url=redis_url)
    first = await rates.count_request(HERE)
    now = time.time() + 3600
    monkeypatch.setattr(time, "time", lambda: now)  # of this worker
    second, third, fourth = [await rates.count_request(HERE) for _ in range(3)]
    await rates.count_failure("192.0.2.7")
    with pytest.raises(RateLimited):
        await rates.count_failure("64:ff9b::192.0.2.7")
    monkeypatch.undo()

    client = Redis.from_url(redis_url)
    (key,) = [key async for key in client.scan_iter("*token*")]
    entries: Any = await client.zrange(key, 0, -1, withscores=True)
    await client.zadd(key, {member: score + 3600 for member, score in entries})  # as after Redis' clock was set back
    again = await rates.count_request(HERE)
    lifetime = await client.ttl(key)
    await client.aclose()
    await rates.close()

    standings = [standing for standing in (first, second, third, fourth, again) if standing]
    assert [standing.passed for standing in standings] == [False, False, False, True, False]
    assert [standing.remaining for standing in standings] == [2, 1, 0, 0, 2]
    assert all(55 <= standing.reset_s <= 60 for standing in standings)
    assert 55 <= lifetime <= 60


async def test_after_the_window_redis_lets_in_again(redis_url: str) -> None:
    standings: list[RateLimitStatus | None] = []
    for seconds in (1, 30):  # Redis has its own clock, and on a slow machine the second does not come within a second
        rates = RateLimiter(requests=1, seconds=seconds, failures=0, redis_url=redis_url)
        who = uuid4()
        await rates.count_request(uuid4())  # it connects
        began = time.monotonic()
        standings = [await rates.count_request(who) for _ in range(2)]
        is_in_time = time.monotonic() - began < seconds
        await asyncio.sleep(seconds + 0.1 if is_in_time else 0)
        standings.append(await rates.count_request(who))
        await rates.close()
        if is_in_time:
            break

    assert [standing.passed for standing in standings if standing] == [False, True, False]


async def test_where_redis_does_not_answer_each_worker_counts_for_itself(capsys: pytest.CaptureFixture[str]) -> None:
    rates = RateLimiter(requests=2, seconds=60, failures=1, redis_url=f"redis://127.0.0.1:{free_port()}")

    standings = [await rates.count_request(HERE) for _ in range(3)]
    await rates.count_failure("192.0.2.7")
    with pytest.raises(RateLimited):
        await rates.count_failure("192.0.2.7")
    await rates.close()

    assert [standing.passed for standing in standings if standing] == [False, False, True]
    assert "rates_not_shared" in capsys.readouterr().err
