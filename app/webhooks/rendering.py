"""What the worker needs of whoever executes documents: which rows of the log one wants, and what it gives for a row."""

from collections.abc import Collection
from dataclasses import dataclass
from typing import Protocol
from uuid import UUID

from app.auth.identity import Identity
from app.db.repository.log import LogPlace
from app.db.rows import ActionRow
from app.domain.model import ActionType


class RenderingFailed(Exception):
    """The document could not be executed for a row, by a fault of ours or of the document."""


@dataclass(frozen=True, slots=True)
class WantedRows:
    """Which rows a document wants: of one case, of some types; None for all."""

    case_id: UUID | None = None
    types: Collection[ActionType] | None = None

    def has(self, row: ActionRow) -> bool:
        """Tell whether the row is wanted."""
        return self.case_id in (None, row.case_id) and (self.types is None or row.type in self.types)


class Renderer(Protocol):
    """Executes the documents of webhooks."""

    async def wanted(self, document: str) -> WantedRows:
        """Return which rows it wants. Raises: RenderingFailed, for one that the schema has no more."""

    async def render(self, document: str, identity: Identity, place: LogPlace) -> bytes:
        """Return the body for one row, as *identity* may read it. Raises: Refusal, RenderingFailed."""
