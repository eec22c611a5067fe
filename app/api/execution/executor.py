"""graphql-core's executor with an operation's bounds: it counts what it builds, and yields to other operations.

graphql-core completes whatever it has without a pause, and a page of pages takes it a second. Here a list stops in the
middle where others are to have their turn, and its rest becomes something to be awaited, as a list of awaitables is.
"""

import asyncio
from collections.abc import Iterable
from typing import Any

from graphql import GraphQLLeafType, GraphQLOutputType, GraphQLResolveInfo, get_named_type, is_leaf_type
from graphql.execution.collect_fields import FieldDetailsList, GroupedFieldSet
from graphql.pyutils import Path, gather_with_cancel
from strawberry.schema.schema import StrawberryGraphQLCoreExecutionContext

from app.api.execution.budget import Budget, BudgetTurn


class BoundedExecutor(StrawberryGraphQLCoreExecutionContext):
    """Executes one operation within the budget of its context."""

    @property
    def _budget(self) -> Budget:
        budget: Budget = self.context_value.budget
        return budget

    def execute_fields(self, *arguments: Any) -> Any:
        grouped: GroupedFieldSet = arguments[3]
        self._budget.count(len(grouped), sum(map(len, grouped)))
        return super().execute_fields(*arguments)

    def complete_leaf_value(self, return_type: GraphQLLeafType, result: Any) -> Any:  # type: ignore[override]  # called as a method
        completed = super().complete_leaf_value(return_type, result)
        if type(completed) is str:
            self._budget.count(0, len(completed))
        return completed

    async def complete_awaitable_value(
        self,
        return_type: GraphQLOutputType,
        field_details_list: FieldDetailsList,
        info: GraphQLResolveInfo[Any],
        path: Path,
        result: Any,
        position_context: Any,
    ) -> Any:
        """Complete a value that was waited for; of a batch's, all are there at once."""

        async def in_turn() -> Any:
            found = await result
            if self._budget.is_due:
                await self._budget.pause()
            return found

        return await super().complete_awaitable_value(
            return_type, field_details_list, info, path, in_turn(), position_context
        )

    def complete_iterable_value(
        self,
        item_type: GraphQLOutputType,
        field_details_list: FieldDetailsList,
        info: GraphQLResolveInfo[Any],
        path: Path,
        items: Iterable[Any],
        position_context: Any,
    ) -> Any:
        """Complete a list, or as much of it as there is time for; the rest is awaited then."""
        if is_leaf_type(get_named_type(item_type)):
            return super().complete_iterable_value(item_type, field_details_list, info, path, items, position_context)
        of_list = _List(self, list(items), (item_type, field_details_list, info), path, position_context)
        if not self._budget.is_due and of_list.is_complete():
            return of_list.results()
        return of_list.rest(self._budget.fall_behind())


class _List:
    """A list that is being completed."""

    def __init__(self, executor: BoundedExecutor, items: list[Any], of: tuple[Any, ...], path: Path, at: Any) -> None:
        self._executor = executor
        self._budget: Budget = executor.context_value.budget
        self._items = items
        self._of = of
        self._path = path
        self._at = at
        self._results: list[Any] = []
        self._awaited: list[int] = []

    def is_complete(self) -> bool:
        """Complete items, one at least, until others are to have their turn, and tell whether all are."""
        complete: Any = self._executor.complete_list_item_value
        results = self._results
        for index in range(len(results), len(self._items)):
            try:
                if complete(self._items[index], results, *self._of, self._path.add_key(index, None), self._at):
                    self._awaited.append(index)
            except Exception:
                self._executor.settle_in_background([results[index] for index in self._awaited])
                raise
            if self._budget.is_due:
                break
        return len(results) == len(self._items)

    def results(self) -> Any:
        """Return the list, to be awaited if anything in it is."""
        return self._gathered() if self._awaited else self._results

    async def rest(self, place: BudgetTurn) -> list[Any]:
        """Complete what is left from *place* on, and return the list."""
        try:
            await self._budget.pause()
            while not self.is_complete():
                await self._budget.pause()
        except asyncio.CancelledError:
            for index in self._awaited:
                self._results[index].close()
            raise
        finally:
            self._budget.catch_up(place)
        return await self._gathered()

    async def _gathered(self) -> list[Any]:
        results, awaited = self._results, self._awaited
        found = await gather_with_cancel(*(results[index] for index in awaited))
        for index, item in zip(awaited, found, strict=True):
            results[index] = item
        return results
