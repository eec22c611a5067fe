"""The steps of a plan: each brings one field of many objects at once."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any

from app import tracing
from app.api.plan.completing import Column, Completion, Run, Step, settled


class _Waiting:
    """A step that has to be waited for."""

    @property
    def waits(self) -> bool:
        return True

    def ready(self, sources: Column, run: Run) -> Column | None:
        return None


@dataclass(frozen=True)
class Traced(_Waiting):
    """A step that has a span of its own where the operation is traced."""

    name: str
    step: Step

    def ready(self, sources: Column, run: Run) -> Column | None:
        return None if run.is_traced else self.step.ready(sources, run)

    def later(self, sources: Column, run: Run) -> Awaitable[Column]:
        return self._traced(sources, run) if run.is_traced else self.step.later(sources, run)

    async def _traced(self, sources: Column, run: Run) -> Column:
        with tracing.resolving(self.name):
            return await self.step.later(sources, run)


@dataclass(frozen=True)
class TypeName:
    """`__typename`."""

    name: str
    waits: bool = False

    def ready(self, sources: Column, run: Run) -> Column:
        return [self.name] * len(sources)

    async def later(self, sources: Column, run: Run) -> Column:
        return self.ready(sources, run)


@dataclass(frozen=True)
class Attribute:
    """A field that is an attribute of its object."""

    get: Callable[[Any], Any]
    completion: Completion
    waits: bool

    @classmethod
    def of(cls, get: Callable[[Any], Any], completion: Completion) -> "Attribute":
        return cls(get, completion, completion.waits)

    def ready(self, sources: Column, run: Run) -> Column | None:
        return None if self.waits else self.completion.now(list(map(self.get, sources)), run)

    async def later(self, sources: Column, run: Run) -> Column:
        return await self.completion.later(list(map(self.get, sources)), run)


@dataclass(frozen=True)
class Computed(_Waiting):
    """An attribute that has to be waited for, as a connection's counts have."""

    get: Callable[[Any], Any]
    completion: Completion

    async def later(self, sources: Column, run: Run) -> Column:
        values = await settled(map(self.get, sources))
        return await self.completion.later(values, run)


@dataclass(frozen=True)
class Related(_Waiting):
    """What a loader has for a key of each object.

    `own`: the class of objects that have it with them, and how they are asked for it.
    """

    loader: str
    key: Callable[[Any], Any]
    own: tuple[type[Any], Callable[[Any], Any]] | None
    completion: Completion

    def ready(self, sources: Column, run: Run) -> Column | None:
        if self.completion.waits or self.own is not None:
            return None
        keys = list(map(self.key, sources))
        values = run.context.loaders.part(self.loader).known(keys)
        return None if values is None else self.completion.now(values, run)

    async def later(self, sources: Column, run: Run) -> Column:
        if self.own is not None and isinstance(sources[0], self.own[0]):  # of one query all are, or none
            return await self.completion.later(list(map(self.own[1], sources)), run)
        keys = list(map(self.key, sources))
        found = await run.context.loaders.part(self.loader).collect(keys)
        return await self.completion.later([None if key is None else found[key] for key in keys], run)


Resolver = Callable[[Column, Run], Awaitable[Column]]


@dataclass(frozen=True)
class Resolved(_Waiting):
    """What code makes of all objects."""

    resolve: Resolver
    completion: Completion

    async def later(self, sources: Column, run: Run) -> Column:
        return await self.completion.later(await self.resolve(sources, run), run)
