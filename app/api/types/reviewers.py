"""Who may be asked to review, and for others why not: what the mutation would answer."""

from collections.abc import Awaitable
from typing import Annotated, Any, cast

import strawberry

from app.api.context import Info
from app.api.enums import ErrorCode, Feature, Scope
from app.api.fields import described
from app.api.pagination import After, Before, CursorKind, First, Last, PageArguments, PageInfo
from app.api.resolvers.people import OrderPeopleBy, PeoplePage, PeopleSearch, people_of, people_window
from app.api.types.people import User
from app.db.repository.people import People, PersonPlace
from app.db.rows import CaseRow
from app.domain.access import permit_reading
from app.domain.model import Role
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


class ReviewerPage(PeoplePage):
    """A page of people as reviewers; stands for a `ReviewerConnection`."""

    def __init__(self, *arguments: Any, info: Info) -> None:
        super().__init__(*arguments)
        self._context = info.context

    def edge(self, item: PersonPlace) -> Any:
        user = item.user
        refusals = check_reviewers(self._context.actor, [user.id], {user.id: user.candidate})
        return ReviewerEdge(
            node=cast(User, user),
            cursor=self.cursor(item),
            eligible=not refusals,
            code=refusals[0].code if refusals else None,
            message=self._context.request.message(refusals[0]) if refusals else None,
        )


async def eligible_reviewers(
    parent: strawberry.Parent[CaseRow],
    info: Info,
    only_eligible: Annotated[
        bool | None,
        strawberry.argument(description="Only people who may be asked; by default everybody, with why not."),
    ] = False,
    search: PeopleSearch = None,
    order_by: OrderPeopleBy = None,
    first: First = None,
    last: Last = None,
    after: After = None,
    before: Before = None,
) -> ReviewerConnection | None:
    """Return a page of the account's people, by whether the viewer may ask them."""
    context = info.context
    permit_reading(context.actor, Scope.USERS_READ, Feature.CASES)
    viewer_id = context.actor.user_id
    people_filter = People(Role.REVIEWER, active=True, without=viewer_id) if only_eligible else People()
    people = people_of(people_filter, search, order_by)
    kind = CursorKind(f"candidates for {viewer_id}: {people}")
    arguments = PageArguments(first, after, last, before)
    window = people_window(people, arguments, kind)
    places = await context.loaders.people_by_case.of(window, people).load(parent.id)

    def count() -> Awaitable[int]:
        return context.reads.count_people(people)

    page = ReviewerPage(places, arguments, kind, lambda place: place.key, count, info=info)
    return cast(ReviewerConnection, page)
