"""What is waited for is given up when a look says so, and only then."""

import asyncio

import pytest

from app.api.recheck import Recheck
from app.domain.errors import UserInactive


class Looks:
    """Looks, of which those after the first *good* ones refuse."""

    def __init__(self, good: int) -> None:
        self._good = good
        self.number = 0
        self.made = asyncio.Event()

    async def look(self) -> None:
        self.number += 1
        self.made.set()
        if self.number > self._good:
            raise UserInactive()


async def test_a_look_that_refuses_ends_the_wait_with_its_refusal() -> None:
    looks = Looks(good=2)

    with pytest.raises(UserInactive), Recheck(looks.look, 0.001):
        await asyncio.Event().wait()

    assert looks.number == 3
    task = asyncio.current_task()
    assert task is not None
    assert task.cancelling() == 0


async def test_what_is_brought_before_a_look_is_kept() -> None:
    looks = Looks(good=0)

    with Recheck(looks.look, 60):
        found = await asyncio.sleep(0, "brought")

    assert (found, looks.number) == ("brought", 0)


async def test_a_look_that_ends_after_the_wait_gives_nothing_up() -> None:
    begun, go_on = asyncio.Event(), asyncio.Event()

    async def look() -> None:
        begun.set()
        await go_on.wait()
        raise UserInactive()

    with Recheck(look, 0.001):
        await begun.wait()
    go_on.set()
    for _ in range(5):
        await asyncio.sleep(0)


async def test_who_is_cancelled_by_others_stays_cancelled() -> None:
    looks = Looks(good=1_000_000)

    async def wait() -> None:
        with Recheck(looks.look, 0.001):
            await asyncio.Event().wait()

    task = asyncio.create_task(wait())
    await looks.made.wait()
    task.cancel()

    with pytest.raises(asyncio.CancelledError):
        await task


async def test_nothing_looks_on_once_it_is_over() -> None:
    looks = Looks(good=1_000_000)
    with Recheck(looks.look, 0.001):
        await looks.made.wait()
    number = looks.number
    await asyncio.sleep(0.02)

    assert looks.number <= number + 1


@pytest.mark.parametrize("phase", [0, 0.25, 0.9])
async def test_those_of_one_phase_look_in_the_same_moment_whenever_they_begin(phase: float) -> None:
    looks, loop, seconds = Looks(good=2), asyncio.get_running_loop(), 60
    moments = []
    for _ in range(2):
        recheck = Recheck(looks.look, seconds, phase)
        with recheck:
            assert recheck._timer is not None
            moments.append(recheck._timer.when())
            assert moments[-1] > loop.time()
        await asyncio.sleep(0.01)

    after_one = [(moment - phase * seconds + 0.5) % seconds - 0.5 for moment in moments]
    assert after_one == pytest.approx([0, 0], abs=0.1)
