"""The viewer's inbox: where they can act now or see to it, and why."""

from collections.abc import Mapping
from datetime import datetime
from typing import Annotated, Any, cast
from uuid import UUID

import strawberry

from app.api.context import Info
from app.api.enums import Feature, InboxReason, Scope
from app.api.fields import described
from app.api.pagination import After, Before, CursorKind, First, Last, Page, PageArguments, PageInfo, of_types
from app.api.types.cases import Case
from app.db.repository.inbox import InboxPlace, inbox_counts, inbox_page
from app.db.rows import CaseRow
from app.domain.access import permit_reading
from app.domain.model import InboxReason as Reason


@strawberry.type(description="A case in the inbox.")
class InboxEdge:
    node: Case = described("The case.")
    cursor: str = described("Its place in the list, for `after` and `before`.")
    reasons: list[InboxReason] = described("Why it is here: all that hold, whatever was asked for; each once at most.")


@strawberry.type(description="How many cases are in the inbox for one reason; a case can be there for several.")
class InboxCount:
    reason: InboxReason = described("The reason.")
    count: int = described("How many cases.")


@strawberry.type(description="A page of the inbox.")
class InboxConnection:
    edges: list[InboxEdge] = described("The cases with why they are here.")
    nodes: list[Case] = described("The cases.")
    page_info: PageInfo = described("Where this page lies in the list.")
    total_count: int = described("How many cases there are in all; counted only when asked for.", awaited=True)
    counts: list[InboxCount] = described(
        "How many for each reason, every reason once; counted only when asked for.", awaited=True
    )


class InboxPage(Page[InboxPlace]):
    """A page of the inbox; stands for an `InboxConnection`."""

    def __init__(self, *arguments: Any, counts: Any) -> None:
        super().__init__(*arguments)
        self._counts = counts

    def node(self, item: InboxPlace) -> CaseRow:
        return item.case

    def edge(self, item: InboxPlace) -> Any:
        return InboxEdge(node=cast(Case, item.case), cursor=self.cursor(item), reasons=list(item.reasons))

    @property
    def counts(self) -> Any:
        return self._counts()


async def inbox(
    info: Info,
    reasons: Annotated[
        list[InboxReason] | None, strawberry.argument(description="Only for any of these reasons; null for all.")
    ] = None,
    first: First = None,
    last: Last = None,
    after: After = None,
    before: Before = None,
) -> InboxConnection | None:
    """Return a page of the viewer's inbox."""
    context = info.context
    actor = context.actor
    permit_reading(actor, Scope.CASES_READ, Feature.CASES)
    wanted = frozenset(Reason if reasons is None else reasons)
    kind = CursorKind(f"inbox of {actor.user_id}: {sorted(wanted)}")
    arguments = PageArguments(first, after, last, before)
    window = arguments.window(kind, of_types([datetime, UUID]))

    async def page() -> list[InboxPlace]:
        async with context.reads.long_read() as connection:
            return await inbox_page(connection, actor, window, wanted)

    async def count() -> tuple[int, Mapping[Reason, int]]:
        async with context.reads.long_read() as connection:
            return await inbox_counts(connection, actor, wanted)

    places = await context.reads.shared(("inbox", wanted, window), page)
    context.loaders.cases.prime_many({place.case.id: place.case for place in places})

    async def total() -> int:
        return (await context.reads.shared(("inbox counts", wanted), count))[0]

    async def counts() -> list[InboxCount]:
        _, numbers = await context.reads.shared(("inbox counts", wanted), count)
        return [InboxCount(reason=reason, count=number) for reason, number in numbers.items()]

    return cast(InboxConnection, InboxPage(places, arguments, kind, lambda place: place.key, total, counts=counts))
