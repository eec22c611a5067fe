"""The time that an operation may take. It stops what the event loop knows of; statements are stopped by their end."""

import asyncio

from app.db.deadlines import within
from app.domain.errors import DeadlineExceeded
from app.gate import RETRY_S

READS_LATER_S = 0.1  # the other way round, a read that is given up would be a fault of its field


class Deadline:
    """Gives up what is inside, and a moment later the reads that nobody waits for. Raises: DeadlineExceeded.

    It cancels its task as `asyncio.timeout` does, which awaits what need not be awaited and takes twice as long.
    """

    __slots__ = ("_cancelling", "_is_over", "_reads", "_seconds", "_task", "_timer")

    def __init__(self, seconds: float) -> None:
        self._seconds = seconds
        self._is_over = False

    def __enter__(self) -> None:
        loop = asyncio.get_running_loop()
        task = asyncio.current_task(loop)
        assert task is not None
        self._task, self._cancelling = task, task.cancelling()
        self._reads = within(self._seconds + READS_LATER_S)
        self._reads.__enter__()
        self._timer = loop.call_later(self._seconds, self._give_up)

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        self._timer.cancel()
        self._reads.__exit__()
        # Somebody else may have cancelled the task too; then it stays cancelled.
        if self._is_over and self._task.uncancel() <= self._cancelling and kind is asyncio.CancelledError:
            raise DeadlineExceeded(seconds=RETRY_S) from None

    def _give_up(self) -> None:
        self._is_over = True
        self._task.cancel()
