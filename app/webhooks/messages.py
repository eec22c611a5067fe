"""What a message of a webhook says of itself: its id, type and time, in its body and by option as a CloudEvent."""

from dataclasses import dataclass
from datetime import UTC, datetime
from uuid import UUID

from app import clock
from app.db.rows import ActionRow

PING = "ping"


@dataclass(frozen=True, slots=True)
class Message:
    """One message, the same at each try; `action_id` is None for a ping, and `time` is as RFC 3339 has it."""

    id: str
    type: str
    time: str
    action_id: UUID | None = None

    @classmethod
    def of(cls, row: ActionRow) -> "Message":
        """Return the message about a row of the log."""
        return cls(str(row.id), f"case.{row.type.lower()}", _rfc3339(row.created_at), row.id)

    @classmethod
    def logged(cls, id: str, type: str, created_at: str) -> "Message":
        """Return the message about a row of the log that the API has shown."""
        return cls(id, f"case.{type.lower()}", _rfc3339(datetime.fromisoformat(created_at)), UUID(id))

    @classmethod
    def ping(cls, now: datetime) -> "Message":
        """Return a new ping."""
        return cls(str(clock.new_id()), PING, _rfc3339(now))

    def cloud_event(self, account_id: UUID) -> dict[str, str]:
        """Return the headers by which it is a CloudEvent (version 1.0.2, HTTP binding, binary mode)."""
        return {
            "ce-specversion": "1.0",
            "ce-id": self.id,
            "ce-source": account_id.urn,
            "ce-type": self.type,
            "ce-time": self.time,
        }


def _rfc3339(moment: datetime) -> str:
    return f"{moment.astimezone(UTC).replace(tzinfo=None).isoformat(timespec='microseconds')}Z"
