"""People."""

from datetime import datetime

from app.api.enums import Language, Role, UserKind
from app.api.fields import described, object_type
from app.api.types.nodes import Node
from app.db.rows import UserRow


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
