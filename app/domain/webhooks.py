"""Webhooks: how their deliveries are signed, and by which versions of a secret.

It knows neither the network nor the database.
"""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum


class SignatureScheme(StrEnum):
    """How deliveries are signed: names of Standard Webhooks."""

    HMAC = "HMAC"
    ED25519 = "ED25519"


@dataclass(frozen=True, slots=True)
class SecretVersions:
    """Which versions of its secret an endpoint's deliveries are signed with.

    `previous` goes on signing until `previous_until`, so that the endpoint can take the new one meanwhile.
    """

    current: int = 1
    previous: int | None = None
    previous_until: datetime | None = None

    def rotated(self, until: datetime) -> "SecretVersions":
        """Return the versions after a rotation; of two within one overlap the older one's secret ends at once."""
        return SecretVersions(self.current + 1, self.current, until)

    def in_use(self, now: datetime) -> tuple[int, ...]:
        """Return the versions that sign *now*, the newest first."""
        if self.previous is None or self.previous_until is None or now >= self.previous_until:
            return (self.current,)
        return (self.current, self.previous)
