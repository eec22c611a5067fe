"""People."""

from datetime import datetime

from app.api.enums import Language, Role, UserKind
from app.api.fields import described, object_type, related
from app.api.types.nodes import Node
from app.db.rows import UserRow
from app.domain.delegations import Delegation


@object_type(UserRow, "A person of the account.")
class User(Node):
    email: str = described("Their e-mail address, in lower case.")
    email_ascii: str = described(
        "Their e-mail address in ASCII: any other character stands as its number, as in r\\u043esa@acme.example. So an"
        " address shows that only looks like another one.",
        ("email",),
    )
    display_name: str = described("The name to show.")
    roles: list[Role] = described("What they may do; each role once at most.")
    active: bool = described("Whether they may act at all.")
    language: Language | None = described("The language they prefer, null for the account's.")
    created_at: datetime = described("When they were added.")
    kind: UserKind = described("Whether it is a person, a service account, or the account's own rules.")
    delegation: "ReviewDelegation | None" = related(
        "delegations", "id", "Who decides in their place, now or later; null where they have named nobody."
    )


@object_type(Delegation, "That a reviewer who is away has named another, who decides in their place for a time.")
class ReviewDelegation:
    delegator: User | None = related("users", "delegator_id", "Who is away.")
    delegate: User | None = related("users", "delegate_id", "Who decides in their place.")
    starts_at: datetime = described("From when on.")
    ends_at: datetime = described("Up to when, without this moment.")
    created_at: datetime = described("When it was made.")
