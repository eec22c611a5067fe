"""The interface `Node`, and the fields that every type has."""

import strawberry
from strawberry import ID

from app.api.fields import described


@strawberry.interface(description="A thing that can be fetched again by its id.")
class Node:
    id: ID = described("Its UUID, unique among all things.")
