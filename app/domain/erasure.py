"""What rows REDACT and HOLD say, and whether what is missing of a log is just what its rows say that they erased."""

from collections.abc import Iterable, Sequence
from typing import Any
from uuid import UUID

from app.domain.canonical_json import JsonObject
from app.domain.commands import EraseContent, SetLegalHold
from app.domain.commitments import ErasableContent

NAMED, EVERYTHING = "NAMED", "EVERYTHING"
SET, LIFTED = "SET", "LIFTED"


def erasure_details(command: EraseContent) -> JsonObject:
    """Return what the row of an erasure says: what it erased, and why."""
    return {
        "scope": EVERYTHING if command.everything else NAMED,
        "comment_ids": sorted(map(str, command.comment_ids)),
        "document_ids": sorted(map(str, command.document_ids)),
        "reason": command.reason,
    }


def hold_details(command: SetLegalHold) -> JsonObject:
    """Return what the row of a legal hold says: whether it is set or lifted, and why."""
    return {"hold": SET if command.held else LIFTED, "reason": command.reason}


def sets_hold(details: JsonObject | None) -> bool:
    return details is not None and details.get("hold") == SET


class Erasures:
    """What is missing of one case's log as it is read, until a later row says that it erased it."""

    def __init__(self) -> None:
        self._missing: dict[UUID, tuple[int, UUID | None]] = {}  # whose text: its row, and the row that erased it
        self._first_present: int | None = None

    def note(self, seq: int, contents: Iterable[ErasableContent]) -> None:
        """Take the texts of a row."""
        for content in contents:
            if content.is_missing:
                self._missing[content.owner] = seq, content.erased_by
            elif self._first_present is None:
                self._first_present = seq

    def explain(self, details: JsonObject | None, row_id: UUID | None) -> int | None:
        """Take what a row with this id says that it erased.

        Return None where that is so. Otherwise something of it is there: return the row that has it, 0 where that is
        not known.
        """
        said: Any = details or {}
        if said.get("scope") == EVERYTHING:
            self._missing = {id: found for id, found in self._missing.items() if found[1] != row_id}
            return self._first_present
        for id in map(UUID, _names(said)):
            if self._missing.get(id, (0, None))[1] != row_id or row_id is None:
                return 0
            del self._missing[id]
        return None

    def unexplained(self) -> int | None:
        """Return the first row of which something is missing that no row erased; None where there is none."""
        return min((seq for seq, _ in self._missing.values()), default=None)


def _names(said: Any) -> Sequence[str]:
    return [*said.get("comment_ids", ()), *said.get("document_ids", ())]
