"""Batching: what is submitted at the same moment is executed together.

While as many batches are under way as may be, new items wait and share the next one. A batch begins after all its items
have come, so that no result is older than its request. A single item is executed at once, in the caller's own task,
unless there is a crowd: then it waits for those who come in the same turn of the event loop.
"""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from contextvars import Context, copy_context
from typing import Generic, NamedTuple, TypeVar

from app.db import background

Q = TypeVar("Q")
A = TypeVar("A")


class BatchItem(NamedTuple, Generic[Q]):
    """What one caller submits, and the context that they do it in."""

    value: Q
    context: Context


Execute = Callable[[Sequence[BatchItem[Q]]], Awaitable[Sequence[A | BaseException]]]
"""Executes a batch, and returns for each item its answer, or how it failed."""


class Batcher(Generic[Q, A]):
    """Has at most *concurrent* batches under way, each of as many items as have *size_max* together, or of one."""

    def __init__(
        self,
        execute: Execute[Q, A],
        *,
        concurrent: int,
        size_max: int,
        size: Callable[[Q], int] = lambda _: 1,
        on_idle: Callable[[], object] = lambda: None,
        is_crowded: Callable[[], bool] = lambda: False,
    ) -> None:
        """*on_idle* is called whenever nothing is under way any more. While *is_crowded*, one batch is at a time."""
        self._execute = execute
        self._concurrent = concurrent
        self._size_max = size_max
        self._size = size
        self._on_idle = on_idle
        self._is_crowded = is_crowded
        self._under_way = 0
        self._waiting: list[tuple[BatchItem[Q], asyncio.Future[A]]] = []

    async def submit(self, value: Q) -> A:
        """Return what the execution gives for *value*. Raises: what it fails with."""
        item = BatchItem(value, copy_context())
        if self._under_way < self._concurrent and not self._is_crowded():
            return await self._execute_alone(item)
        loop = asyncio.get_running_loop()
        answered: asyncio.Future[A] = loop.create_future()
        self._waiting.append((item, answered))
        if not self._under_way:
            self._under_way += 1
            loop.call_soon(self._start_next_batch)
        return await answered

    async def _execute_alone(self, item: BatchItem[Q]) -> A:
        self._under_way += 1
        try:
            (answer,) = await self._execute([item])
        finally:
            self._start_next_batch()
        if isinstance(answer, BaseException):
            raise answer
        return answer

    def _start_next_batch(self) -> None:
        self._under_way -= 1
        batch = self._next_batch() if self._waiting else None
        if batch:
            self._under_way += 1
            background.start(self._execute_batch(batch), context=batch[0][0].context.copy())
        elif not self._under_way:
            self._on_idle()

    def _next_batch(self) -> list[tuple[BatchItem[Q], asyncio.Future[A]]]:
        """Take out of the queue what is executed next; items of cancelled callers are dropped."""
        batch, size = [], 0
        while self._waiting and size < self._size_max:
            item, answered = self._waiting.pop(0)
            if not answered.done():
                batch.append((item, answered))
                size += self._size(item.value)
        return batch

    async def _execute_batch(self, batch: Sequence[tuple[BatchItem[Q], asyncio.Future[A]]]) -> None:
        answers: Sequence[A | BaseException]
        try:
            answers = await self._execute([item for item, _ in batch])
        except Exception as error:
            answers = [error] * len(batch)
        finally:
            self._start_next_batch()
        for (_, answered), answer in zip(batch, answers, strict=True):
            if answered.done():  # the caller was cancelled
                continue
            if isinstance(answer, BaseException):
                answered.set_exception(answer)
            else:
                answered.set_result(answer)
