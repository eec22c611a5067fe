"""Who may be asked to review, and for others why not: what the mutation would answer."""

from datetime import datetime
from typing import Annotated, Any, cast
from uuid import UUID

import strawberry

from app.api.context import Info
from app.api.enums import ErrorCode, Feature, Scope
from app.api.fields import described
from app.api.pagination import After, Before, CursorKind, First, Last, Page, PageArguments, PageInfo, of_types
from app.api.types.people import User
from app.db.rows import CaseRow, UserRow
from app.domain.model import Candidate
from app.domain.reading import permit_reading
from app.domain.workflow import check_reviewers


@strawberry.type(description="Somebody whom the viewer might ask to decide on an override.")
class ReviewerEdge:
    node: User = described("The person.")
    cursor: str = described("Their place in the list, for `after` and `before`.")
    eligible: bool = described("Whether they may be asked.")
    code: ErrorCode | None = described("Why not: what requestOverride would answer.")
    message: str | None = described("Why not, in the language of the request.")


@strawberry.type(description="A page of people whom the viewer might ask to decide on an override.")
class ReviewerConnection:
    edges: list[ReviewerEdge] = described("The people with whether they may be asked.")
    nodes: list[User] = described("The people.")
    page_info: PageInfo = described("Where this page lies in the list.")
    total_count: int = described("How many people there are in all; counted only when asked for.", awaited=True)


class ReviewerPage(Page[UserRow]):
    """A page of people as reviewers; stands for a `ReviewerConnection`."""

    def __init__(self, *arguments: Any, info: Info) -> None:
        super().__init__(*arguments)
        self._context = info.context

    def edge(self, item: UserRow) -> Any:
        candidate = Candidate(item.id, item.active, frozenset(item.roles))
        refusals = check_reviewers(self._context.actor, [item.id], {item.id: candidate})
        return ReviewerEdge(
            node=cast(User, item),
            cursor=self.cursor(item),
            eligible=not refusals,
            code=refusals[0].code if refusals else None,
            message=self._context.message(refusals[0]) if refusals else None,
        )


async def eligible_reviewers(
    parent: strawberry.Parent[CaseRow],
    info: Info,
    only_eligible: Annotated[
        bool | None,
        strawberry.argument(description="Only people who may be asked; by default everybody, with why not."),
    ] = False,
    first: First = None,
    last: Last = None,
    after: After = None,
    before: Before = None,
) -> ReviewerConnection | None:
    """Return a page of the account's people, by whether the viewer may ask them."""
    context = info.context
    permit_reading(context.actor, Scope.USERS_READ, Feature.CASES)
    viewer_id = context.actor.user_id
    kind = CursorKind(f"candidates for {viewer_id}: {bool(only_eligible)}")
    arguments = PageArguments(first, after, last, before)
    window = arguments.window(kind, of_types([datetime, UUID]))
    asking = viewer_id if only_eligible else None
    people = await context.loaders.candidates_by_case.of(window, asking).load(parent.id)

    async def count() -> int:
        return await context.count_candidates(asking)

    page = ReviewerPage(people, arguments, kind, lambda row: (row.created_at, row.id), count, info=info)
    return cast(ReviewerConnection, page)
