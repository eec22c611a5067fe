"""What is put off is done soon, together and in order, and nothing is left at the end."""

import asyncio
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

from app.observability.deferred import DELAY_S, DeferredQueue, clear_all
from tests.support.ports import wait_until

MOST = 3


class Handled:
    def __init__(self) -> None:
        self.times: list[list[int]] = []

    def __call__(self, items: Sequence[int]) -> None:
        self.times.append(list(items))


async def test_items_of_a_moment_are_handled_together_a_little_later() -> None:
    handled = Handled()
    backlog = DeferredQueue(handled, MOST)

    backlog.add(1)
    backlog.add(2)
    at_once = list(handled.times)
    assert await asyncio.to_thread(wait_until, lambda: bool(handled.times), 10)
    backlog.add(3)
    await asyncio.sleep(2 * DELAY_S)

    assert at_once == []
    assert handled.times == [[1, 2], [3]]


async def test_where_many_come_they_do_not_wait_for_the_time_to_pass() -> None:
    handled = Handled()
    backlog = DeferredQueue(handled, MOST)

    for item in range(MOST + 1):
        backlog.add(item)
    at_once = list(handled.times)
    await asyncio.sleep(0)
    soon = list(handled.times)
    backlog.add(9)
    clear_all()
    clear_all()

    assert at_once == []
    assert soon == [[0, 1, 2, 3]]
    assert handled.times == [[0, 1, 2, 3], [9]]


def test_without_an_event_loop_nothing_waits() -> None:
    handled = Handled()

    DeferredQueue(handled, MOST).add(1)

    assert handled.times == [[1]]


async def test_a_fault_in_handling_is_the_loop_s_to_log_and_the_next_are_handled() -> None:
    handled, faults = Handled(), []
    asyncio.get_running_loop().set_exception_handler(lambda _loop, context: faults.append(context["exception"]))

    def handle(items: Sequence[int]) -> None:
        if 1 in items:
            raise OSError("the disk is full")
        handled(items)

    backlog = DeferredQueue(handle, MOST)
    for items in ([1], [2], [1] * MOST, [3]):
        for item in items:
            backlog.add(item)
        await asyncio.sleep(2 * DELAY_S)

    assert [type(fault) for fault in faults] == [OSError, OSError]
    assert handled.times == [[2], [3]]


def test_a_process_that_ends_handles_what_waits(tmp_path: Path) -> None:
    file = tmp_path / "handled"
    program = f"""
import asyncio
from pathlib import Path
from app.observability.deferred import DeferredQueue

async def work():
    DeferredQueue(lambda items: Path({str(file)!r}).write_text(str(items)), 3).add(1)

asyncio.run(work())
"""

    subprocess.run([sys.executable, "-c", program], check=True)

    assert file.read_text() == "[1]"
