"""What is arriving: bounded in bytes for a token and an account, and in time for the whole."""

import asyncio
from collections.abc import AsyncIterator
from functools import partial
from pathlib import Path

import pytest

from app.documents.receive import PIECE, arriving
from app.documents.transfers import RATE_MIN, TOTAL_S, Transfers, in_time
from app.domain.errors import RateLimited
from tests.support.api import Api
from tests.support.documents import TEXT, files_in, form_of, refusal, upload
from tests.support.world import World


class Sender:
    """A client that sends pieces at moments of its own clock."""

    def __init__(self, *pieces: tuple[float, int]) -> None:
        self.now = 100.0
        self._pieces = pieces

    def clock(self) -> float:
        return self.now

    async def stream(self) -> AsyncIterator[bytes]:
        for moment, size in self._pieces:
            self.now = 100 + moment
            yield b"a" * size


async def received(sender: Sender, receive_s: float = 10) -> int:
    return sum([len(piece) async for piece in in_time(sender.stream(), receive_s, sender.clock)])


@pytest.mark.parametrize(
    "pieces",
    [
        [(0, 1), (9.9, 1)],
        [(0, RATE_MIN * 60), (69, 1)],
        [(second, RATE_MIN) for second in range(200)],
    ],
)
async def test_a_body_has_the_time_that_its_bytes_give_it(pieces: list[tuple[float, int]]) -> None:
    assert await received(Sender(*pieces)) == sum(size for _, size in pieces)


@pytest.mark.parametrize(
    "pieces",
    [
        [(second / 2, 1) for second in range(30)],
        [(second, 1000) for second in range(0, 400, 9)],
        [(0, RATE_MIN * 60), (71, 1), (72, 1)],
        [(second, RATE_MIN * 2) for second in range(TOTAL_S + 5)],
    ],
    ids=["bytes", "pieces", "stall", "for-ever"],
)
async def test_a_body_that_dribbles_is_given_up(pieces: list[tuple[float, int]]) -> None:
    with pytest.raises(TimeoutError):
        await received(Sender(*pieces))


async def test_a_form_that_dribbles_is_given_up_and_leaves_nothing(
    fresh_url: str, world: World, tmp_path: Path
) -> None:
    async def dribble(start: bytes) -> AsyncIterator[bytes]:
        yield start
        while True:
            await asyncio.sleep(0.05)
            yield b"a"

    head = (
        b'--x\r\nContent-Disposition: form-data; name="operations"\r\n\r\n{"query": "{ __typename }", "variables":'
        b' {"a": null}}\r\n--x\r\nContent-Disposition: form-data; name="map"\r\n\r\n{"0": ["variables.a"]}\r\n'
        b'--x\r\nContent-Disposition: form-data; name="0"; filename="a.txt"\r\n\r\n'
    )
    headers = {"Authorization": f"Bearer {world.ada.token}", "Content-Type": "multipart/form-data; boundary=x"}

    async with Api.opened(fresh_url, data_dir=tmp_path, receive_timeout=0.5) as api:
        async with asyncio.timeout(60):
            form = await api.client.post("/graphql", content=dribble(head), headers=headers)
            raw = await api.client.post(
                "/documents", content=dribble(b"a" * PIECE), headers={"Authorization": headers["Authorization"]}
            )

    assert (form.status_code, raw.status_code) == (408, 408)
    assert raw.json()["errors"][0]["message"].endswith("send it faster than 32 KiB a second.")
    assert files_in(tmp_path) == []


async def test_a_token_and_an_account_have_only_so_much_under_way(world: World) -> None:
    transfers = Transfers(token_max=10, account_max=15)
    ada, carl = world.ada.identity.actor, world.carl.identity.actor

    with transfers.begun(ada) as first, transfers.begun(ada) as second, transfers.begun(carl) as third:
        first.take(6)
        second.take(4)
        with pytest.raises(RateLimited):
            second.take(1)
        third.take(5)
        with pytest.raises(RateLimited):
            third.take(1)
        first.end()
        third.take(5)
    with transfers.begun(ada) as later:
        later.take(10)


async def test_too_many_transfers_get_retry_after(
    fresh_url: str, world: World, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("app.main.Transfers", partial(Transfers, token_max=len(TEXT)))
    case = (await world.open_case()).case

    async with Api.opened(fresh_url, data_dir=tmp_path) as api:
        answer = await upload(api, world.ada.token, TEXT + b"!")
        form = form_of(case.id, TEXT + b"!")
        headers = {"Authorization": f"Bearer {world.ada.token}", "Content-Type": "multipart/form-data; boundary=x"}
        answered = await api.client.post("/graphql", content=form, headers=headers)
        again = await upload(api, world.ada.token, TEXT)

    assert refusal(answer) == (429, "RATE_LIMITED", [])
    assert answer.headers["retry-after"] == answered.headers["retry-after"] == "5"
    assert answer.json()["errors"][0]["retryAfterMs"] == 5000
    assert answered.status_code == 429
    assert again.status_code == 201
    assert len(files_in(tmp_path)) == 1


async def test_a_file_that_is_given_up_is_not_made_by_a_late_write(tmp_path: Path) -> None:
    """A thread that nobody waits for any more may come to its turn after all is over."""
    async with arriving(tmp_path) as arrival:
        await arrival.write(TEXT)

    await arrival.write(b"a" * PIECE)

    assert files_in(tmp_path, ".") == []
