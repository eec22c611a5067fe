"""What a plan is made of: steps that each bring one field of many objects at once, and what becomes of their values.

It knows neither documents nor the schema; `compiling` reads those.
"""

import asyncio
from collections.abc import Awaitable, Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple, Protocol
from uuid import UUID

from graphql.execution.values import VariableValues

from app import tracing
from app.api.context import Context
from app.api.plan.objects import Objects, objects_of

Column = list[Any]


class Declined(Exception):
    """The plan can't go on: graphql-core is to find the answer, or the error."""


class Run(NamedTuple):
    """One execution of a plan. `is_traced`: somebody will look at how long each step took."""

    context: Context
    variables: VariableValues
    is_traced: bool = False


class Completion(Protocol):
    """What makes values of resolvers those of the answer. `waits`: something inside waits for the database."""

    @property
    def waits(self) -> bool: ...

    async def complete(self, values: Column, run: Run) -> Column:
        """Return the answer's values, in the order of *values*. Raises: Declined, or what a resolver raised."""
        ...


class Step(Protocol):
    """What brings one field of many objects of one type."""

    @property
    def waits(self) -> bool: ...

    async def column(self, sources: Column, run: Run) -> Column:
        """Return the field of each of *sources*. Raises: Declined, or what a resolver raised."""
        ...


# --- What becomes of values ------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Leaf:
    """Values that JSON has as they are, or those that *written* makes of them."""

    written: Callable[[Any], Any] | None = None
    waits: bool = False

    async def complete(self, values: Column, run: Run) -> Column:
        written = self.written
        if written is None:
            return values
        return [None if value is None else written(value) for value in values]


@dataclass(frozen=True, slots=True)
class Identifier:
    """Ids: UUIDs, which the writer of JSON writes if they are Python's own, or texts."""

    waits: bool = False

    async def complete(self, values: Column, run: Run) -> Column:
        if all(type(value) is UUID for value in values):
            return values
        return [None if value is None else str(value) for value in values]


@dataclass(frozen=True, slots=True)
class Required:
    """Values of which none may be null; if one is, graphql-core says which."""

    inner: Completion

    @property
    def waits(self) -> bool:
        return self.inner.waits

    async def complete(self, values: Column, run: Run) -> Column:
        found = await self.inner.complete(values, run)
        if None in found:
            raise Declined
        return found


@dataclass(frozen=True, slots=True)
class Lists:
    """Lists, whose items are completed all at once."""

    inner: Completion

    @property
    def waits(self) -> bool:
        return self.inner.waits

    async def complete(self, values: Column, run: Run) -> Column:
        flat = [item for value in values if value is not None for item in value]
        done = iter(await self.inner.complete(flat, run))
        return [None if value is None else [next(done) for _ in value] for value in values]


@dataclass(frozen=True, slots=True)
class Selection:
    """What is selected of objects of one type."""

    steps: tuple[Step, ...]
    waiting: int
    made: Objects

    @classmethod
    def of(cls, steps: Mapping[str, Step]) -> "Selection":
        return cls(tuple(steps.values()), sum(step.waits for step in steps.values()), objects_of(tuple(steps)))

    @property
    def waits(self) -> bool:
        return self.waiting > 0

    async def complete(self, values: Column, run: Run) -> Column:
        if None not in values:
            return await self.objects(values, run)
        done = iter(await self.objects([value for value in values if value is not None], run))
        return [None if value is None else next(done) for value in values]

    async def objects(self, sources: Column, run: Run) -> Column:
        """Return an object of the answer for each of *sources*."""
        if not sources:
            return []
        if not self.steps:  # all of it was skipped
            return [{} for _ in sources]
        return self.made(await together((step.column(sources, run) for step in self.steps), self.waiting))


@dataclass(frozen=True, slots=True)
class Once:
    """Values of which many may be one and the same thing, as the people of a page are: it is completed but once."""

    inner: Completion

    @property
    def waits(self) -> bool:
        return self.inner.waits

    async def complete(self, values: Column, run: Run) -> Column:
        things = {id(value): value for value in values}
        if len(things) == len(values):
            return await self.inner.complete(values, run)
        done = dict(zip(things, await self.inner.complete(list(things.values()), run), strict=True))
        return [done[id(value)] for value in values]


@dataclass(frozen=True, slots=True)
class Selections:
    """What is selected of objects of several types."""

    by_type: Mapping[str, Selection]
    name_of: Callable[[Any], str]

    @property
    def waits(self) -> bool:
        return any(selection.waits for selection in self.by_type.values())

    async def complete(self, values: Column, run: Run) -> Column:
        done: Column = [None] * len(values)
        places: dict[str, list[int]] = {}
        for index, value in enumerate(values):
            if value is not None:
                places.setdefault(self.name_of(value), []).append(index)
        objects = (
            self.by_type[name].objects([values[index] for index in indexes], run) for name, indexes in places.items()
        )
        for indexes, found in zip(places.values(), await together(objects, len(places)), strict=True):
            for index, item in zip(indexes, found, strict=True):
                done[index] = item
        return done


async def together(columns: Iterable[Awaitable[Column]], waiting: int) -> list[Column]:
    """Return what all of *columns* bring: side by side where more than one waits, so that loaders batch them."""
    if waiting > 1:
        return await settled(columns)
    return [await column for column in columns]


async def settled(awaitables: Iterable[Awaitable[Any]]) -> list[Any]:
    """Return what all bring, once all have ended; nothing goes on behind a fault. Raises: the first fault."""
    found = await asyncio.gather(*awaitables, return_exceptions=True)
    for item in found:
        if isinstance(item, BaseException):
            raise item
    return found


# --- Steps -----------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Traced:
    """A step that has a span of its own where the operation is traced."""

    name: str
    step: Step

    @property
    def waits(self) -> bool:
        return self.step.waits

    async def column(self, sources: Column, run: Run) -> Column:
        if not run.is_traced:
            return await self.step.column(sources, run)
        with tracing.resolving(self.name):
            return await self.step.column(sources, run)


@dataclass(frozen=True, slots=True)
class TypeName:
    """`__typename`."""

    name: str
    waits: bool = False

    async def column(self, sources: Column, run: Run) -> Column:
        return [self.name] * len(sources)


@dataclass(frozen=True, slots=True)
class Attribute:
    """A field that is an attribute of its object."""

    get: Callable[[Any], Any]
    completion: Completion

    @property
    def waits(self) -> bool:
        return self.completion.waits

    async def column(self, sources: Column, run: Run) -> Column:
        return await self.completion.complete(list(map(self.get, sources)), run)


@dataclass(frozen=True, slots=True)
class Computed:
    """An attribute that may have to be waited for, as a connection's counts are."""

    get: Callable[[Any], Any]
    completion: Completion
    waits: bool = True

    async def column(self, sources: Column, run: Run) -> Column:
        values = list(map(self.get, sources))
        if hasattr(values[0], "__await__"):
            values = await settled(values)
        return await self.completion.complete(values, run)


@dataclass(frozen=True, slots=True)
class Related:
    """What a loader has for a key of each object.

    `own`: the class of objects that have it with them, and how they are asked for it.
    """

    loader: str
    key: Callable[[Any], Any]
    own: tuple[type[Any], Callable[[Any], Any]] | None
    completion: Completion
    waits: bool = True

    async def column(self, sources: Column, run: Run) -> Column:
        if self.own is not None and isinstance(sources[0], self.own[0]):  # of one query all are, or none
            return await self.completion.complete(list(map(self.own[1], sources)), run)
        keys = list(map(self.key, sources))
        found = await run.context.loaders.part(self.loader).collect(keys)
        return await self.completion.complete([None if key is None else found[key] for key in keys], run)


Resolver = Callable[[Column, Run], Awaitable[Column]]


@dataclass(frozen=True, slots=True)
class Resolved:
    """What code makes of all objects."""

    resolve: Resolver
    completion: Completion
    waits: bool = True

    async def column(self, sources: Column, run: Run) -> Column:
        return await self.completion.complete(await self.resolve(sources, run), run)
