"""A dataloader: look-ups in the same tick of the event loop, for one key or for many, share one statement."""

import asyncio
from collections.abc import Awaitable, Callable, Hashable, Iterable, Mapping, Sequence
from contextlib import suppress
from typing import Any, Generic, TypeVar
from uuid import UUID

from app.api.execution.budget import Budget
from app.db import background
from app.db.deadlines import in_time

K = TypeVar("K", bound=Hashable)


class Loader(Generic[K]):
    """A dataloader: loads in the same tick of the event loop, of one key or of many, share one batch.

    Strawberry's own makes a future for each key, which is most of what a page of a thousand things would cost.
    """

    def __init__(self, load_fn: Callable[[list[K]], Awaitable[Sequence[object]]], *, is_alone: bool = False) -> None:
        """*is_alone*: a batch need not wait for other callers."""
        self._load_fn = load_fn
        self._is_alone = is_alone
        self._found: dict[K | None, Any] = {}
        self._futures: dict[K, asyncio.Future[Any]] = {}
        self._batches: dict[K, asyncio.Task[Exception | None]] = {}
        self._pending_keys: dict[K, None] = {}
        self._next: asyncio.Task[Exception | None] | None = None
        self.budget: Budget | None = None  # of the operation that asks

    def prime(self, key: K, value: object) -> None:
        """Take over what is known already."""
        self._found.setdefault(key, value)

    def prime_many(self, data: Mapping[K, object]) -> None:
        for key, value in data.items():
            self._found.setdefault(key, value)

    def prime_as(self, other: "Loader[K]") -> None:
        """Take over what *other* knows."""
        self._found.update(other._found)  # noqa: SLF001  # it is one of us

    def known(self, keys: Sequence[K | None]) -> list[object] | None:
        """Return what *keys* stand for, None for no key; None in place of all, where one has to be loaded."""
        found = self._found
        if not all(key is None or key in found for key in keys):
            return None
        return [None if key is None else found[key] for key in keys]

    def load(self, key: K) -> Awaitable[Any]:
        """Return a future of what *key* stands for."""
        future = self._futures.get(key)
        if future is None:
            future = self._futures[key] = asyncio.get_running_loop().create_future()
            if key in self._found:
                future.set_result(self._found[key])
            else:
                self._batch(key)
        waiting = asyncio.shield(future)  # graphql-core cancels what an error makes useless; others may wait for it too
        if not future.done():
            waiting.add_done_callback(background.mark_seen)  # an operation that is given up begins to wait for none
        return waiting

    async def collect(self, keys: Iterable[K | None]) -> Mapping[K | None, Any]:
        """Return what is known, *keys* among it; None is no key. Raises: what the batch function raises."""
        found = self._found
        missing = [key for key in dict.fromkeys(keys) if key is not None and key not in found]
        if missing and self._is_alone:
            found.update(zip(missing, await self._load_fn(missing), strict=True))
            return found
        if missing and not self._batches:  # the usual case: no other caller waits for any
            self._next = asyncio.create_task(self._load())
            self._pending_keys = dict.fromkeys(missing)
            self._batches = dict.fromkeys(missing, self._next)
            batches = {self._next}
        else:
            batches = {self._batch(key) for key in missing}
        for batch in batches:
            fault = await asyncio.shield(batch)  # others may wait for it
            if fault is not None:
                raise fault
        return found

    async def values(self, keys: Sequence[K | None]) -> list[Any]:
        """Return what each of *keys* stands for, None for no key. Raises: as `collect`."""
        found = await self.collect(keys)
        return [None if key is None else found[key] for key in keys]

    async def lists(self, keys: Sequence[K]) -> list[object]:
        """Do as `values` for keys that are all there, and hardly twice."""
        if self._is_alone and not self._found:
            return list(await self._load_fn(list(keys)))
        return await self.values(keys)

    def _batch(self, key: K) -> asyncio.Task[Exception | None]:
        """Return the batch that brings *key*, or put it into the next one."""
        if key not in self._batches:
            if self._next is None:
                self._next = asyncio.create_task(self._load())
            self._pending_keys[key] = None
            self._batches[key] = self._next
        return self._batches[key]

    async def _load(self) -> Exception | None:
        """Load what was asked for, and return what went wrong, which each caller gets."""
        await asyncio.sleep(0)  # until all who can ask now have asked
        if self.budget is not None and self.budget.is_behind:
            with suppress(TimeoutError):  # what is loaded is given up then, too
                async with in_time():
                    await self.budget.settle()
        keys = list(self._pending_keys)
        self._pending_keys, self._next = {}, None
        fault = None
        try:
            async with in_time():
                self._found.update(zip(keys, await self._load_fn(keys), strict=True))
        except Exception as raised:
            fault = raised
        if len(self._batches) == len(keys):
            self._batches = {}
        else:
            for key in keys:
                del self._batches[key]
        for key in keys if self._futures else ():
            future = self._futures.get(key)
            if future is None or future.done():
                continue
            if fault is None:
                future.set_result(self._found[key])
            else:
                future.set_exception(fault)
        return fault


class Grouped:
    """Loaders by id of what one batch function brings, one for each set of further arguments: each is one statement."""

    def __init__(self, make: Callable[..., Loader[UUID]]) -> None:
        self.budget: Budget | None = None
        self._make = make
        self._known: dict[tuple[object, ...], Loader[UUID]] = {}

    def of(self, *arguments: Hashable) -> Loader[UUID]:
        """Return the loader for these arguments, as the function takes them behind the ids."""
        loader = self._known.get(arguments)
        if loader is None:
            loader = self._known[arguments] = self._make(*arguments)
            loader.budget = self.budget
        return loader
