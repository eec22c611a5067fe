"""Until when an override can be decided, as the row of its request says."""

from dataclasses import dataclass
from datetime import datetime

from app.domain.action_log import time_text
from app.domain.canonical_json import JsonObject

_EXPIRES = "expires_at"


@dataclass(frozen=True, slots=True)
class Expiry:
    """The time from which on nobody decides on the override."""

    expires_at: datetime

    def details(self) -> JsonObject:
        """Return what the row of the request says of it."""
        return {_EXPIRES: time_text(self.expires_at)}


def expiry_of(details: JsonObject | None) -> Expiry | None:
    """Return what the row says; None where the override does not expire, and of all other rows."""
    expires_at = (details or {}).get(_EXPIRES)
    return Expiry(datetime.fromisoformat(expires_at)) if isinstance(expires_at, str) else None
