"""What every thing of the API has."""

import strawberry
from strawberry import ID

from app.api.fields import described

ID_DESCRIPTION = "Its UUID, unique among all things."


@strawberry.interface(description="A thing that can be fetched again by its id.")
class Node:
    id: ID = described(ID_DESCRIPTION)
