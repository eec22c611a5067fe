"""What becomes of the values of a field in an answer: of those of many objects at once, all of one kind.

Where nothing inside has to be waited for, `now` gives them; `later` does in any case. It knows neither documents nor
the schema; `compiling` reads those.
"""

import asyncio
from collections.abc import Awaitable, Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any, NamedTuple, Protocol

from graphql.execution.values import VariableValues

from app.api.context import Context
from app.api.execution.object_writers import Declined, Objects, Plain, objects_of

Column = list[Any]

OBJECTS = 500
"""How many objects are made in one go: a millisecond or two."""


class Run(NamedTuple):
    """One execution of a plan. `is_traced`: somebody will look at how long each step took."""

    context: Context
    variables: VariableValues
    is_traced: bool = False


class Completion(Protocol):
    """What makes values of resolvers those of the answer, in their order. `waits`: `now` is not to be called.

    Both raise: Declined, or what a resolver raised.
    """

    @property
    def waits(self) -> bool: ...
    def now(self, values: Column, run: Run) -> Column: ...
    async def later(self, values: Column, run: Run) -> Column: ...


class Step(Protocol):
    """What brings one field of many objects of one type; otherwise as a Completion.

    `ready` is None where it has to be waited for; if it does not `waits`, it never is. What is `plain` is not asked at
    all.
    """

    @property
    def waits(self) -> bool: ...
    @property
    def plain(self) -> Plain | None: ...
    def ready(self, sources: Column, run: Run) -> Column | None: ...
    def later(self, sources: Column, run: Run) -> Awaitable[Column]: ...


class AtOnce:
    """Values that never wait."""

    @property
    def waits(self) -> bool:
        return False

    def now(self, values: Column, run: Run) -> Column:
        raise NotImplementedError

    async def later(self, values: Column, run: Run) -> Column:
        return self.now(values, run)


class Around:
    """What waits where that does which it is around."""

    inner: Completion

    @property
    def waits(self) -> bool:
        return self.inner.waits


@dataclass(frozen=True)
class Leaf(AtOnce):
    """Values that JSON has as they are, or those that *written* makes of them; null too, unless `is_required`.

    `is_text`: they may be long.
    """

    written: Callable[[Any], Any] | None = None
    is_required: bool = False
    is_text: bool = False

    def plain(self, attribute: str) -> Plain:
        """Return the field that *attribute* is, if it is completed so."""
        return Plain(attribute, self.written, self.is_required, self.is_text)

    def now(self, values: Column, run: Run) -> Column:
        written = self.written
        if self.is_text:
            run.context.budget.count(0, sum([len(value) for value in values if value is not None]))
        if None not in values:
            return values if written is None else list(map(written, values))
        if self.is_required:
            raise Declined
        return values if written is None else [None if value is None else written(value) for value in values]


@dataclass(frozen=True)
class Required(Around):
    """Values of which none may be null; if one is, graphql-core says which."""

    inner: Completion

    def now(self, values: Column, run: Run) -> Column:
        return _demanded(self.inner.now(values, run))

    async def later(self, values: Column, run: Run) -> Column:
        return _demanded(await self.inner.later(values, run))


def _demanded(found: Column) -> Column:
    if None in found:
        raise Declined
    return found


def required(inner: Completion) -> Completion:
    """Return what does as *inner*, and lets no null through."""
    return replace(inner, is_required=True) if isinstance(inner, Leaf) else Required(inner)


@dataclass(frozen=True)
class Lists(Around):
    """Lists, whose items are completed all at once. Those of objects wait in any case: there may be many."""

    inner: Completion

    @property
    def waits(self) -> bool:
        return not isinstance(self.inner, Leaf)

    def now(self, values: Column, run: Run) -> Column:
        items = _flat(values)
        return _listed(values, self.inner.now(items, run) if items else items)

    async def later(self, values: Column, run: Run) -> Column:
        items = _flat(values)
        return _listed(values, await self.inner.later(items, run) if items else items)


def is_list_of_ready(completion: Completion) -> bool:
    """Tell whether *completion* is that of lists which wait for nothing but their length."""
    lists = completion.inner if isinstance(completion, Required) else completion
    return isinstance(lists, Lists) and not lists.inner.waits


def _flat(values: Column) -> Column:
    return [item for value in values if value is not None for item in value]


def _listed(values: Column, items: Column) -> Column:
    lists: Column = []
    end = 0
    for value in values:
        start = end
        end += 0 if value is None else len(value)
        lists.append(None if value is None else items[start:end])
    return lists


@dataclass(frozen=True)
class Once(Around):
    """Values of which many may be one and the same thing, as the people of a page are: it is completed but once."""

    inner: "Selection"

    def now(self, values: Column, run: Run) -> Column:
        things = self._things(values, run)
        return _repeated(values, things, self.inner.now(list(things.values()), run))

    async def later(self, values: Column, run: Run) -> Column:
        things = self._things(values, run)
        return _repeated(values, things, await self.inner.later(list(things.values()), run))

    def _things(self, values: Column, run: Run) -> dict[int, Any]:
        things = {id(value): value for value in values}
        run.context.budget.count((len(values) - len(things)) * self.inner.fields, 0)
        return things


def _repeated(values: Column, things: Iterable[int], completed: Column) -> Column:
    done = dict(zip(things, completed, strict=True))
    return [done[id(value)] for value in values]


@dataclass(frozen=True)
class Selection:
    """What is selected of objects of one type; `steps` are those that are not plain."""

    steps: tuple[Step, ...]
    waits: bool
    make: Objects
    fields: int
    names: int

    @classmethod
    def of(cls, steps: Mapping[str, Step]) -> "Selection":
        make = objects_of(tuple((name, step.plain) for name, step in steps.items()))
        others = tuple(step for step in steps.values() if step.plain is None)
        return cls(others, any(step.waits for step in others), make, len(steps), sum(map(len, steps)))

    def now(self, values: Column, run: Run) -> Column:
        sources = _present(values)
        if not sources:
            return values
        columns: list[Any] = [step.ready(sources, run) for step in self.steps]
        return _with_nulls(values, self._made(sources, columns, run))

    async def later(self, values: Column, run: Run) -> Column:
        sources = _present(values)
        return _with_nulls(values, await self.objects(sources, run)) if sources else values

    async def objects(self, sources: Column, run: Run) -> Column:
        """Return an object of the answer for each of *sources*."""
        columns: list[Any] = [step.ready(sources, run) for step in self.steps]
        waiting = [index for index, column in enumerate(columns) if column is None]
        if len(waiting) == 1:
            columns[waiting[0]] = await self.steps[waiting[0]].later(sources, run)
        elif waiting:  # side by side, so that loaders batch them
            found = await settled(self.steps[index].later(sources, run) for index in waiting)
            for index, column in zip(waiting, found, strict=True):
                columns[index] = column
        if len(sources) <= OBJECTS:
            return self._made(sources, columns, run)
        made: Column = []
        for start in range(0, len(sources), OBJECTS):
            if run.context.budget.is_due:
                await run.context.budget.pause()
            part = slice(start, start + OBJECTS)
            made += self._made(sources[part], [column[part] for column in columns], run)
        return made

    def _made(self, sources: Column, columns: list[Column], run: Run) -> Column:
        """Return objects of what they stand for, once they are counted."""
        run.context.budget.count(len(sources) * self.fields, len(sources) * self.names)
        made, size = self.make(sources, columns)
        if size:
            run.context.budget.count(0, size)
        return made


def _present(values: Column) -> Column:
    return [value for value in values if value is not None] if None in values else values


def _with_nulls(values: Column, objects: Column) -> Column:
    if len(objects) == len(values):
        return objects
    done = iter(objects)
    return [None if value is None else next(done) for value in values]


@dataclass(frozen=True)
class Selections:
    """What is selected of objects of several types."""

    by_type: Mapping[str, Selection]
    name_of: Callable[[Any], str]

    @property
    def waits(self) -> bool:
        return any(selection.waits for selection in self.by_type.values())

    def now(self, values: Column, run: Run) -> Column:
        places = self._places(values)
        objects = [
            self.by_type[name].now([values[index] for index in indexes], run) for name, indexes in places.items()
        ]
        return _put(values, places.values(), objects)

    async def later(self, values: Column, run: Run) -> Column:
        places = self._places(values)
        objects = await settled(
            self.by_type[name].later([values[index] for index in indexes], run) for name, indexes in places.items()
        )
        return _put(values, places.values(), objects)

    def _places(self, values: Column) -> dict[str, list[int]]:
        places: dict[str, list[int]] = {}
        for index, value in enumerate(values):
            if value is not None:
                places.setdefault(self.name_of(value), []).append(index)
        return places


def _put(values: Column, places: Iterable[list[int]], objects: Iterable[Column]) -> Column:
    done: Column = [None] * len(values)
    for indexes, found in zip(places, objects, strict=True):
        for index, item in zip(indexes, found, strict=True):
            done[index] = item
    return done


async def settled(awaitables: Iterable[Awaitable[Any]]) -> list[Any]:
    """Return what all bring, once all have ended; nothing goes on behind a fault. Raises: the first fault."""
    found = await asyncio.gather(*awaitables, return_exceptions=True)
    for item in found:
        if isinstance(item, BaseException):
            raise item
    return found
