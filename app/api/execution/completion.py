"""Completes the values of one field for many objects at once, as graphql-core would one by one.

Where nothing inside has to be waited for, `now` gives them; `later` does in any case. It knows neither documents nor
the schema; `compiler` reads those. Objects are in `selections`.
"""

import asyncio
from collections.abc import Awaitable, Callable, Iterable
from dataclasses import dataclass, replace
from typing import Any, NamedTuple, Protocol

from graphql.execution.values import VariableValues

from app.api.context import Context
from app.api.execution.object_writers import Declined, PlainField

Column = list[Any]


class PlanRun(NamedTuple):
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
    def now(self, values: Column, run: PlanRun) -> Column: ...
    async def later(self, values: Column, run: PlanRun) -> Column: ...


class FieldStep(Protocol):
    """What brings one field of many objects of one type; otherwise as a Completion.

    `ready` is None where it has to be waited for; if it does not `waits`, it never is. What is `plain` is not asked at
    all.
    """

    @property
    def waits(self) -> bool: ...
    @property
    def plain(self) -> PlainField | None: ...
    def ready(self, sources: Column, run: PlanRun) -> Column | None: ...
    def later(self, sources: Column, run: PlanRun) -> Awaitable[Column]: ...


class Immediate:
    """Values that never wait."""

    @property
    def waits(self) -> bool:
        return False

    def now(self, values: Column, run: PlanRun) -> Column:
        raise NotImplementedError

    async def later(self, values: Column, run: PlanRun) -> Column:
        return self.now(values, run)


class Wrapper:
    """What waits where that does which it is around."""

    inner: Completion

    @property
    def waits(self) -> bool:
        return self.inner.waits


@dataclass(frozen=True)
class LeafValues(Immediate):
    """Values that JSON has as they are, or those that *written* makes of them; null too, unless `is_required`.

    `is_text`: they may be long.
    """

    written: Callable[[Any], Any] | None = None
    is_required: bool = False
    is_text: bool = False

    def plain(self, attribute: str) -> PlainField:
        """Return the field that *attribute* is, if it is completed so."""
        return PlainField(attribute, self.written, self.is_required, self.is_text)

    def now(self, values: Column, run: PlanRun) -> Column:
        written = self.written
        if self.is_text:
            run.context.budget.count(0, sum([len(value) for value in values if value is not None]))
        if None not in values:
            return values if written is None else list(map(written, values))
        if self.is_required:
            raise Declined
        return values if written is None else [None if value is None else written(value) for value in values]


@dataclass(frozen=True)
class NonNull(Wrapper):
    """Values of which none may be null; if one is, graphql-core says which."""

    inner: Completion

    def now(self, values: Column, run: PlanRun) -> Column:
        return _demanded(self.inner.now(values, run))

    async def later(self, values: Column, run: PlanRun) -> Column:
        return _demanded(await self.inner.later(values, run))


def _demanded(found: Column) -> Column:
    if None in found:
        raise Declined
    return found


def required(inner: Completion) -> Completion:
    """Return what does as *inner*, and lets no null through."""
    return replace(inner, is_required=True) if isinstance(inner, LeafValues) else NonNull(inner)


@dataclass(frozen=True)
class Lists(Wrapper):
    """Lists, whose items are completed all at once. Those of objects wait in any case: there may be many."""

    inner: Completion

    @property
    def waits(self) -> bool:
        return not isinstance(self.inner, LeafValues)

    def now(self, values: Column, run: PlanRun) -> Column:
        items = _flat(values)
        return _listed(values, self.inner.now(items, run) if items else items)

    async def later(self, values: Column, run: PlanRun) -> Column:
        items = _flat(values)
        return _listed(values, await self.inner.later(items, run) if items else items)


def is_list_of_ready(completion: Completion) -> bool:
    """Tell whether *completion* is that of lists which wait for nothing but their length."""
    lists = completion.inner if isinstance(completion, NonNull) else completion
    return isinstance(lists, Lists) and not lists.inner.waits


def _flat(values: Column) -> Column:
    return [item for value in values if value is not None for item in value]


def _listed(values: Column, items: Column) -> Column:
    lists: Column = []
    start = 0
    for value in values:
        if value is None:
            lists.append(None)
        else:
            end = start + len(value)
            lists.append(items[start:end])
            start = end
    return lists


async def settled(awaitables: Iterable[Awaitable[Any]]) -> list[Any]:
    """Return what all bring, once all have ended; nothing goes on behind a fault. Raises: the first fault."""
    found = await asyncio.gather(*awaitables, return_exceptions=True)
    for item in found:
        if isinstance(item, BaseException):
            raise item
    return found
