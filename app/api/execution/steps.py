"""The steps of a plan: each brings one field of many objects at once."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from operator import attrgetter
from typing import Any

from app.api.execution.completion import Column, Completion, FieldStep, LeafValues, PlanRun, is_list_of_ready, settled
from app.api.execution.object_writers import PlainField
from app.api.execution.selections import OBJECTS
from app.api.fields import WITHOUT
from app.observability import tracing

PAGES = 10
"""How many pages hand out their items in one go: for a hundred cursors each, a few milliseconds."""


class _Waiting:
    """A step that has to be waited for."""

    @property
    def waits(self) -> bool:
        return True

    @property
    def plain(self) -> None:
        return None

    def ready(self, sources: Column, run: PlanRun) -> Column | None:
        return None


@dataclass(frozen=True)
class Traced(_Waiting):
    """A step that has a span of its own where the operation is traced."""

    name: str
    step: FieldStep

    def ready(self, sources: Column, run: PlanRun) -> Column | None:
        return None if run.is_traced else self.step.ready(sources, run)

    def later(self, sources: Column, run: PlanRun) -> Awaitable[Column]:
        return self._traced(sources, run) if run.is_traced else self.step.later(sources, run)

    async def _traced(self, sources: Column, run: PlanRun) -> Column:
        with tracing.resolving(self.name):
            return await self.step.later(sources, run)


@dataclass(frozen=True)
class TypeName:
    """`__typename`."""

    name: str
    waits: bool = False
    plain: None = None

    def ready(self, sources: Column, run: PlanRun) -> Column:
        return [self.name] * len(sources)

    async def later(self, sources: Column, run: PlanRun) -> Column:
        return self.ready(sources, run)


@dataclass(frozen=True)
class Attribute:
    """A field that is an attribute of its object. `may_be_short`: a list that is ready at once unless it is long."""

    get: Callable[[Any], Any]
    completion: Completion
    waits: bool
    plain: PlainField | None
    may_be_short: bool

    @classmethod
    def of(cls, name: str, completion: Completion) -> "Attribute":
        plain = completion.plain(name) if isinstance(completion, LeafValues) else None
        return cls(attrgetter(name), completion, completion.waits, plain, is_list_of_ready(completion))

    def ready(self, sources: Column, run: PlanRun) -> Column | None:
        if self.waits and not (self.may_be_short and len(sources) <= PAGES):
            return None
        values = list(map(self.get, sources))
        if self.waits and sum([len(value) for value in values if value is not None]) > OBJECTS:
            return None
        return self.completion.now(values, run)

    async def later(self, sources: Column, run: PlanRun) -> Column:
        values: Column = []
        for start in range(0, len(sources), PAGES):  # of a page it is all its items, with a cursor for each
            if start and run.context.budget.is_over:
                await run.context.budget.pause()
            values += map(self.get, sources[start : start + PAGES])
        return await self.completion.later(values, run)


@dataclass(frozen=True)
class Computed(_Waiting):
    """An attribute that has to be waited for, as a connection's counts have."""

    get: Callable[[Any], Any]
    completion: Completion

    async def later(self, sources: Column, run: PlanRun) -> Column:
        values = await settled(map(self.get, sources))
        return await self.completion.later(values, run) if self.completion.waits else self.completion.now(values, run)


@dataclass(frozen=True)
class Related(_Waiting):
    """What objects have with them, as the attribute *name*, or else what a loader has for a key of each.

    `is_list`: a list for each, so that hardly two ask for the same.
    """

    name: str
    loader: str
    key: Callable[[Any], Any]
    is_list: bool
    completion: Completion

    def ready(self, sources: Column, run: PlanRun) -> Column | None:
        if self.completion.waits:
            return None
        values = self._with_them(sources)
        if values is None:
            values = run.context.loaders.part(self.loader).known(list(map(self.key, sources)))
        return None if values is None else self.completion.now(values, run)

    async def later(self, sources: Column, run: PlanRun) -> Column:
        values = self._with_them(sources)
        if values is None:
            loader, keys = run.context.loaders.part(self.loader), list(map(self.key, sources))
            values = await (loader.lists(keys) if self.is_list else loader.values(keys))
        return await self.completion.later(values, run) if self.completion.waits else self.completion.now(values, run)

    def _with_them(self, sources: Column) -> Column | None:
        if getattr(sources[0], self.name, WITHOUT) is WITHOUT:  # of one query all have it, or none
            return None
        return list(map(attrgetter(self.name), sources))


@dataclass(frozen=True)
class Shown(_Waiting):
    """What a subscription's field shows of its source events."""

    show: Callable[[Any, PlanRun], Awaitable[object]]
    completion: Completion

    async def later(self, sources: Column, run: PlanRun) -> Column:
        values = [await self.show(source, run) for source in sources]
        return await self.completion.later(values, run) if self.completion.waits else self.completion.now(values, run)


Resolver = Callable[[Column, PlanRun], Awaitable[Column]]


@dataclass(frozen=True)
class Resolved(_Waiting):
    """What code makes of all objects."""

    resolve: Resolver
    completion: Completion

    async def later(self, sources: Column, run: PlanRun) -> Column:
        values = await self.resolve(sources, run)
        return await self.completion.later(values, run) if self.completion.waits else self.completion.now(values, run)
