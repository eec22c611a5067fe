"""What a company's directory says of a person beside what Casegate knows: its names and ids of them, by SCIM.

Nothing here gives anybody a right, nor links anybody to a sign-in.
"""

import unicodedata
from dataclasses import dataclass, fields

from app.domain.addresses import parse_address
from app.domain.text import identity


@dataclass(frozen=True, slots=True)
class DirectoryEntry:
    """What the directory says. `user_name` is None where it is the e-mail address.

    `deleted`: the directory has deleted the person, who is shown to it no more until it adds them again.
    """

    user_name: str | None = None
    external_id: str | None = None
    given_name: str | None = None
    family_name: str | None = None
    deleted: bool = False

    def changes_from(self, before: "DirectoryEntry") -> list[str]:
        """Return the names of what is another than *before*, as the log has them."""
        return [
            _LOGGED[field.name] for field in fields(self) if getattr(self, field.name) != getattr(before, field.name)
        ]


_LOGGED = {
    "user_name": "userName",
    "external_id": "externalId",
    "given_name": "givenName",
    "family_name": "familyName",
    "deleted": "deleted",
}


def user_name_key(user_name: str) -> str:
    """Return what a user name is compared by: as an address where it is one, else by NFKC and case folding."""
    address = parse_address(user_name)
    if address is not None:
        return address.key
    return unicodedata.normalize("NFKC", unicodedata.normalize("NFKC", identity(user_name)).casefold())
