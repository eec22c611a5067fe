"""The worklist: its arguments become a list of cases, and its pages tell counts and what a search found."""

from collections.abc import Mapping, Sequence
from typing import Annotated, Any, cast

import strawberry

from app.api.context import Context, Info
from app.api.enums import CaseStatus, EvaluationStatus, NullsOrder, OrderDirection, OrderField, SearchField
from app.api.fields import described
from app.api.inputs.filters import CaseFilter, FilterReader
from app.api.pagination import CursorKind, Page, PageArguments, PageInfo, of_types
from app.api.resolvers.cases import EVERY_COLUMN, case_columns
from app.api.resolvers.search import search_terms
from app.api.selection import known_of, selected, selected_items
from app.api.types import Case
from app.db.repository.search import Match
from app.db.repository.window import Window
from app.db.repository.worklist import (
    Facets,
    Order,
    Worklist,
    WorklistPosition,
    key_types,
    worklist_count,
    worklist_facets,
    worklist_page,
)
from app.db.rows import CaseRow
from app.domain.errors import Detail, InvalidInput
from app.domain.search_words import TERMS_MAX, Piece, Term, snippet

ORDER_MAX = 5


@strawberry.input(description="One key of the order of cases.")
class CaseOrder:
    field: OrderField = strawberry.field(description="What to sort by.")
    direction: OrderDirection | None = strawberry.field(default=OrderDirection.ASC, description="Which way.")
    nulls: NullsOrder | None = strawberry.field(
        default=None, description="Where cases without a value go; without it, none is less than any."
    )


Filter = Annotated[CaseFilter | None, strawberry.argument(description="Only these cases.")]
OrderBy = Annotated[
    list[CaseOrder] | None,
    strawberry.argument(
        description=f"Up to {ORDER_MAX} keys, the weightiest first; without any the newest first, or a search's best."
    ),
]
Search = Annotated[
    str | None,
    strawberry.argument(
        description="Words that must all be in the case's reference, title, subject, comments or documents' names, in"
        " whatever case and width, with or without accents; the last, and a number of six digits or more, may be only"
        " begun. A number is found with and without what parts its groups; scripts without blanks by any part."
        f" {TERMS_MAX} words at most."
    ),
]


@strawberry.type(description="A part of a text. Show it as text, never as HTML: people wrote it.")
class TextPiece:
    text: str = described("The words, as they were written.")
    highlighted: bool = described("Whether they are what was searched for.")


@strawberry.type(description="Where a search found a case, at its weightiest.")
class SearchMatch:
    field: SearchField = described("What kind of text it is.")
    snippet: list[TextPiece] = described(
        "The text around the words that were found, in its order: 200 characters at most in all."
    )


async def edge_match(parent: strawberry.Parent[Any], info: Info) -> SearchMatch | None:
    """Return where the search found the case, None where nothing was searched."""
    if not parent.terms:
        return None
    found: Match | None = await info.context.loaders.matches_by_case.of(parent.terms).load(parent.node.id)
    if found is None:  # it changed in between
        return None
    pieces: Sequence[Piece] = snippet(found.text, parent.terms)
    return SearchMatch(field=found.field, snippet=cast(list[TextPiece], pieces))


@strawberry.type(description="A case with its place in a list.")
class CaseEdge:
    terms: strawberry.Private[tuple[Term, ...] | None]
    node: Case = described("The case.")
    cursor: str = described("Its place in the list, for `after` and `before`.")
    match: SearchMatch | None = strawberry.field(
        resolver=edge_match, description="Where the search found it; null without a search."
    )


@strawberry.type(description="How many cases of a list have one status.")
class CaseStatusCount:
    status: CaseStatus = described("The status.")
    count: int = described("How many.")


@strawberry.type(description="How many cases of a list have a subject with one result.")
class EvaluationStatusCount:
    status: EvaluationStatus = described("The result.")
    count: int = described("How many.")


@strawberry.type(description="Counts over a whole list, whatever the page.")
class CaseFacets:
    statuses: list[CaseStatusCount] = described("By where they stand, every status once.")
    subject_statuses: list[EvaluationStatusCount] = described("By their subject's result, every result once.")


@strawberry.type(description="A page of cases.")
class CaseConnection:
    edges: list[CaseEdge] = described("The cases with their places.")
    nodes: list[Case] = described("The cases.")
    page_info: PageInfo = described("Where this page lies in the list.")
    total_count: int = described("How long the whole list is; counted only when asked for.", awaited=True)
    facets: CaseFacets = described(
        "Counts over the whole list; counted, by one statement, only when asked for.", awaited=True
    )


class CasePage(Page[WorklistPosition]):
    """A page of a worklist; stands for a `CaseConnection`."""

    def __init__(
        self, places: Sequence[WorklistPosition], arguments: PageArguments, kind: CursorKind, counts: "Counts"
    ) -> None:
        super().__init__(places, arguments, kind, lambda place: place.key, counts.total)
        self._counts = counts

    def node(self, item: WorklistPosition) -> CaseRow:
        return item.case

    def edge(self, item: WorklistPosition) -> Any:
        return CaseEdge(node=cast(Case, item.case), cursor=self.cursor(item), terms=self._counts.worklist.terms)

    @property
    def facets(self) -> Any:
        return self._counts.facets()


class Counts:
    """The counts over a whole worklist, by one statement where the facets, which give the total too, are selected."""

    def __init__(self, context: Context, worklist: Worklist, *, faceted: bool) -> None:
        self.worklist = worklist
        self._context = context
        self._faceted = faceted

    async def total(self) -> int:
        if self._faceted:
            return (await self._facets()).total
        return await self._context.reads.shared(("total", self.worklist), self._count)

    async def facets(self) -> CaseFacets:
        found = await self._facets()
        return CaseFacets(
            statuses=_counted(CaseStatusCount, found.statuses),
            subject_statuses=_counted(EvaluationStatusCount, found.subject_statuses),
        )

    async def _facets(self) -> Facets:
        return await self._context.reads.shared(("facets", self.worklist), self._read)

    async def _count(self) -> int:
        async with self._context.reads.long_read() as connection:
            return await worklist_count(connection, self.worklist)

    async def _read(self) -> Facets:
        async with self._context.reads.long_read() as connection:
            return await worklist_facets(connection, self.worklist)


def _counted(count: Any, numbers: Mapping[Any, int]) -> list[Any]:
    return [count(status=status, count=number) for status, number in numbers.items()]


def worklist_of(
    context: Context, given: CaseFilter | None, order: list[CaseOrder] | None, search: str | None
) -> Worklist:
    """Return which cases are asked for. Raises: InvalidInput, InvalidId, TooLong."""
    actor = context.actor
    return Worklist(
        account_id=actor.account_id,
        condition=None if given is None else FilterReader(actor.user_id).read(given),
        order=_order(order or []),
        terms=search_terms(search),
    )


def _order(given: list[CaseOrder]) -> tuple[Order, ...]:
    if len(given) > ORDER_MAX:
        raise InvalidInput("orderBy", detail=Detail.of_length(len(given), ORDER_MAX))
    for index, item in enumerate(given):
        if any(item.field is other.field for other in given[:index]):
            raise InvalidInput("orderBy", str(index), "field", detail=Detail("twice"))
    return tuple(
        Order(
            item.field,
            item.direction is OrderDirection.DESC,
            None if item.nulls is None else item.nulls is NullsOrder.LAST,
        )
        for item in given
    )


def _kind(worklist: Worklist) -> CursorKind:
    return CursorKind(f"cases of {worklist}")


def case_edge(context: Context, case: CaseRow) -> CaseEdge:
    """Return a case as an edge of the account's whole list, which is sorted by number."""
    cursor = _kind(worklist_of(context, None, None, None)).encode((case.number,))
    return CaseEdge(node=cast(Case, case), cursor=cursor, terms=None)


async def _places(
    context: Context, worklist: Worklist, window: Window, names: frozenset[str]
) -> list[WorklistPosition]:
    if not worklist.is_long:
        async with context.database.read() as connection:
            return await worklist_page(connection, worklist, window, names)

    async def read() -> list[WorklistPosition]:
        async with context.reads.long_read() as connection:
            return await worklist_page(connection, worklist, window, names)

    return await context.reads.shared(("page", worklist, window, names), read)


async def case_page(info: Info, worklist: Worklist, arguments: PageArguments) -> CasePage:
    """Return a page of *worklist*, reading what is selected."""
    context = info.context
    kind = _kind(worklist)
    window = arguments.window(kind, of_types(key_types(worklist)))
    names = known_of(info, "columns", lambda: case_columns(selected_items(info), info))
    faceted = known_of(info, "faceted", lambda: "facets" in selected(info))
    places = await _places(context, worklist, window, names)
    if names == EVERY_COLUMN:
        context.loaders.cases.prime_many({place.case.id: place.case for place in places})
    return CasePage(places, arguments, kind, Counts(context, worklist, faceted=faceted))
