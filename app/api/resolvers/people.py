"""People as a list: searched by name and address, sorted by time or by name, by the page."""

from datetime import datetime
from typing import Annotated, Any
from uuid import UUID

import strawberry

from app.api.context import Context
from app.api.enums import OrderDirection, PeopleOrder
from app.api.pagination import CursorKind, Page, PageArguments, of_types
from app.api.resolvers.search import search_terms
from app.db.repository.people import People, PersonPlace, users_page
from app.db.repository.window import Window
from app.db.rows import UserRow
from app.domain.search_words import TERMS_MAX


@strawberry.input(description="How people are sorted.")
class UserOrder:
    field: PeopleOrder = strawberry.field(description="What to sort by.")
    direction: OrderDirection | None = strawberry.field(default=OrderDirection.ASC, description="Which way.")


PeopleSearch = Annotated[
    str | None,
    strawberry.argument(
        description="Words that must all be in the person's name or e-mail address, also within a word, in whatever"
        f" case and with or without accents. {TERMS_MAX} words at most."
    ),
]
OrderPeopleBy = Annotated[
    UserOrder | None, strawberry.argument(description="How they are sorted; without it the newest first.")
]


def people_of(people: People, search: str | None, order: UserOrder | None) -> People:
    """Return those of *people* that are searched for, in this order. Raises: InvalidInput, TooLong."""
    people = people._replace(terms=search_terms(search))
    if order is None:
        return people
    return people._replace(order=order.field, descending=order.direction is OrderDirection.DESC)


class PeoplePage(Page[PersonPlace]):
    """A page of people; stands for a `UserConnection`."""

    def node(self, item: PersonPlace) -> UserRow:
        return item.user


def people_window(people: People, arguments: PageArguments, kind: CursorKind) -> Window:
    """Return the rows to read. Raises: InvalidInput, InvalidCursor."""
    first = datetime if people.order is PeopleOrder.CREATED_AT else str
    return arguments.window(kind, of_types([first, UUID]))


async def people_page(context: Context, people: People, arguments: PageArguments) -> Any:
    """Return a page of the account's people."""
    account_id = context.actor.account_id
    kind = CursorKind(f"users of {account_id}: {people}")
    window = people_window(people, arguments, kind)
    async with context.database.read() as connection:
        places = await users_page(connection, account_id, window, people)
    context.loaders.users.prime_many({place.user.id: place.user for place in places})
    return PeoplePage(places, arguments, kind, lambda place: place.key, lambda: context.reads.count_people(people))
