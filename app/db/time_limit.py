"""The time limit of an operation. It cancels what the event loop knows of; statements end by their own deadline."""

import asyncio

from app.db.deadlines import deadline
from app.domain.errors import DeadlineExceeded, Refusal

RETRY_S = 1
READS_LATER_S = 0.1  # the other way round, a read that is given up would be a fault of its field


class Deadline:
    """Gives up what is inside, and a moment later the reads that no caller waits for any more.

    Raises: DeadlineExceeded, or what it was stopped with.

    It cancels its task as `asyncio.timeout` does, which awaits what need not be awaited and takes twice as long.
    """

    __slots__ = ("_cancelling", "_is_over", "_reads", "_refusal", "_seconds", "_stopping", "_task", "_timer")

    def __init__(self, seconds: float) -> None:
        self._seconds = seconds
        self._is_over = False
        self._refusal: Refusal | None = None
        self._stopping: asyncio.Handle | None = None

    def __enter__(self) -> "Deadline":
        loop = asyncio.get_running_loop()
        task = asyncio.current_task(loop)
        assert task is not None
        self._task, self._cancelling = task, task.cancelling()
        self._reads = deadline(self._seconds + READS_LATER_S)
        self._reads.__enter__()
        self._timer = loop.call_later(self._seconds, self._give_up)
        return self

    def stop(self, refusal: Refusal) -> None:
        """Give up what is inside, and refuse it: it has asked for too much."""
        self._refusal = refusal
        # Not at once: a task that is cancelled while it runs may end before it is, and take that along.
        self._stopping = asyncio.get_running_loop().call_soon(self._give_up)

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        self._timer.cancel()
        self._reads.__exit__()
        if self._stopping is not None:
            self._stopping.cancel()
        refusal, self._refusal = self._refusal, None
        try:
            # Another caller may have cancelled the task too; then it stays cancelled.
            if self._is_over and self._task.uncancel() <= self._cancelling and kind is asyncio.CancelledError:
                raise refusal or DeadlineExceeded(seconds=RETRY_S) from None
            if refusal is not None and kind is not asyncio.CancelledError:
                raise refusal from None
        finally:
            del refusal, _  # their tracebacks have this frame, and so would keep the answer until the collector comes

    def _give_up(self) -> None:
        self._is_over = True
        self._task.cancel()
