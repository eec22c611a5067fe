"""The garbage collector of a worker: what is refused needs none, and large answers are not walked as a whole."""

import asyncio
import gc
import subprocess
import sys
import weakref
from collections.abc import Iterator
from contextlib import suppress
from typing import Any

import pytest

from app.api.execution.budget import Budget
from app.api.execution.slices import Slices
from app.db.time_limit import Deadline
from app.domain.errors import Overloaded, QueryTooComplex
from app.server.runtime import collect_between_requests
from tests.support.paths import ROOT

# Six times a million objects: by the thresholds before, the oldest generation was collected in the fifth.
LARGE_ANSWERS = """
import gc
from app.server.runtime import freeze_startup_objects
freeze_startup_objects()
before = [generation["collections"] for generation in gc.get_stats()]
for _ in range(6):
    answer = [[] for _ in range(1_000_000)]
    del answer
print(*(after["collections"] - count for after, count in zip(gc.get_stats(), before)))
"""

# What 32 requests that are under way together build and let go, over and over.
SMALL_ANSWERS = """
import gc
from app.server.runtime import freeze_startup_objects
freeze_startup_objects()
before = gc.get_stats()[0]["collections"]
for _ in range(100):
    answers = [[] for _ in range(4_000)]
    del answers
print(gc.get_stats()[0]["collections"] - before)
"""


class Answer:
    """What is built of an answer by the time that it is refused."""


@pytest.fixture
def without_collector() -> Iterator[None]:
    gc.disable()
    yield
    gc.enable()


class Full:
    """Memory for answers of which there is no more."""

    held = 0

    def take(self, more: int) -> None:
        raise Overloaded(seconds=1)


async def refused(share: Any, written: int) -> "weakref.ref[Answer]":
    """Have an operation refused as what it has *written* is counted; return what it had built."""

    def build(_answer: Answer, deadline: Deadline) -> None:
        budget = Budget(Slices(), bytes_max=10, share=share)
        budget.stop = deadline.stop
        budget.count_written(written)

    answer = Answer()
    with suppress(QueryTooComplex, Overloaded), Deadline(60) as deadline:
        build(answer, deadline)
    return weakref.ref(answer)


@pytest.mark.usefixtures("without_collector")
async def test_what_a_refused_operation_had_built_is_freed_at_once() -> None:
    assert (await refused(None, written=11))() is None  # more than it may be
    assert (await refused(Full(), written=9))() is None


def printed(program: str) -> list[int]:
    """Return the numbers that a program of Python prints."""
    done = subprocess.run(
        [sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, timeout=120, check=True
    )
    return [int(number) for number in done.stdout.split()]


def test_the_oldest_generation_is_not_collected_for_a_few_large_answers() -> None:
    _, middle, oldest = printed(LARGE_ANSWERS)
    assert oldest == 0
    assert middle > 500  # in small steps


def test_small_answers_of_requests_that_come_together_are_not_walked() -> None:
    (collections,) = printed(SMALL_ANSWERS)
    assert collections <= 2


async def test_the_oldest_generation_is_collected_between_requests(monkeypatch: pytest.MonkeyPatch) -> None:
    number = -1
    collected = list[int]()
    monkeypatch.setattr("app.server.runtime.gc.collect", lambda: collected.append(number))
    states = [(False, False), (True, True), (True, False), (False, True), (True, False)]  # whether due, whether busy

    async def pause(_seconds: float) -> None:
        nonlocal number
        number += 1
        if number == len(states):
            raise asyncio.CancelledError

    with pytest.raises(asyncio.CancelledError):
        await collect_between_requests(lambda: states[number][1], lambda: states[number][0], pause)
    assert collected == [2, 4]
