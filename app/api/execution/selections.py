"""Completes selections of many objects at once, all of one type or of several.

Where nothing inside has to be waited for, `now` gives them; `later` does in any case.
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from app.api.execution.completion import Column, FieldStep, PlanRun, Wrapper, settled
from app.api.execution.object_writers import Objects, objects_of

OBJECTS = 500
"""How many objects are made in one go: a millisecond or two."""


@dataclass(frozen=True)
class Once(Wrapper):
    """Values of which many may be one and the same thing, as the people of a page are: it is completed but once."""

    inner: "Selection"

    def now(self, values: Column, run: PlanRun) -> Column:
        things = self._things(values, run)
        return _repeated(values, things, self.inner.now(list(things.values()), run))

    async def later(self, values: Column, run: PlanRun) -> Column:
        things = self._things(values, run)
        return _repeated(values, things, await self.inner.later(list(things.values()), run))

    def _things(self, values: Column, run: PlanRun) -> dict[int, object]:
        things = {id(value): value for value in values}
        run.context.budget.count((len(values) - len(things)) * self.inner.fields, 0)
        return things


def _repeated(values: Column, things: Iterable[int], completed: Column) -> Column:
    done = dict(zip(things, completed, strict=True))
    return [done[id(value)] for value in values]


@dataclass(frozen=True)
class Selection:
    """What is selected of objects of one type; `steps` are those that are not plain."""

    steps: tuple[FieldStep, ...]
    waits: bool
    make: Objects
    fields: int
    names: int

    @classmethod
    def of(cls, steps: Mapping[str, FieldStep]) -> "Selection":
        make = objects_of(tuple((name, step.plain) for name, step in steps.items()))
        others = tuple(step for step in steps.values() if step.plain is None)
        return cls(others, any(step.waits for step in others), make, len(steps), sum(map(len, steps)))

    def now(self, values: Column, run: PlanRun) -> Column:
        sources = _present(values)
        if not sources:
            return values
        columns: list[Any] = [step.ready(sources, run) for step in self.steps]
        return _with_nulls(values, self._made(sources, columns, run))

    async def later(self, values: Column, run: PlanRun) -> Column:
        sources = _present(values)
        return _with_nulls(values, await self.objects(sources, run)) if sources else values

    async def objects(self, sources: Column, run: PlanRun) -> Column:
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

    def _made(self, sources: Column, columns: list[Column], run: PlanRun) -> Column:
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

    def now(self, values: Column, run: PlanRun) -> Column:
        places = self._places(values)
        objects = [
            self.by_type[name].now([values[index] for index in indexes], run) for name, indexes in places.items()
        ]
        return _put(values, places.values(), objects)

    async def later(self, values: Column, run: PlanRun) -> Column:
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
