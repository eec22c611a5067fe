"""Commitments: what a row of the log keeps of a text that the law may have erased.

A commitment is HMAC-SHA-256 of the text under a random salt of 32 bytes of its own. The salt stands beside the text
and nowhere else, and goes with it: without it, nobody can test a guess. Of a document's bytes the SHA-256 is committed
to, which goes too.
"""

import hmac
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple
from uuid import UUID

from app.domain.canonical_json import JsonObject


class Place(NamedTuple):
    """Where a commitment stands in its row: by a name, and of a document by its position too."""

    name: str
    position: int | None = None


TITLE, DESCRIPTION, COMMENT = Place("title"), Place("description"), Place("comment")
FILENAME, CONTENT = "filename", "content"


@dataclass(frozen=True, slots=True)
class ErasableContent:
    """A text that may be erased, as it was found; without `value` it is erased, by the row with the id `erased_by`.

    `owner`: what it is erased with, a case, a comment or a document. Of a document's bytes, `value` is the SHA-256.
    """

    place: Place
    owner: UUID
    salt: str | None
    value: str | None
    erased_by: UUID | None = None

    def commitment(self) -> str:
        """Return the commitment that the text and its salt give. Raises: ValueError, where they are none."""
        if self.salt is None or self.value is None:
            raise ValueError("a text without its salt, or a salt without its text")
        return commitment(self.salt, bytes.fromhex(self.value) if self.place.name == CONTENT else self.value.encode())

    @property
    def is_missing(self) -> bool:
        return self.salt is None and self.value is None


def commitment(salt: str, value: bytes) -> str:
    """Return the commitment to *value* as 64 hexadecimal digits."""
    return hmac.digest(bytes.fromhex(salt), value, "sha256").hex()


def nested(leaves: Iterable[tuple[Place, Any]]) -> dict[str, Any]:
    """Return what stands at places as a row has it: by name, and for documents a list of objects, in their order."""
    found: dict[str, Any] = {}
    for place, leaf in leaves:
        if place.position is None:
            found[place.name] = leaf
            continue
        documents: list[dict[str, Any]] = found.setdefault("documents", [])
        while len(documents) <= place.position:
            documents.append({})
        documents[place.position][place.name] = leaf
    return found


def commitments_of(contents: Sequence[ErasableContent]) -> JsonObject:
    """Return the commitments to *contents*, as their row has them."""
    return nested((content.place, content.commitment()) for content in contents)


def content_fault(commitments: JsonObject, contents: Sequence[ErasableContent]) -> str | None:
    """Return why *contents* are not what their row commits to; None where they are, as far as they are not erased."""
    try:
        committed = dict(_leaves(commitments))
    except (TypeError, AttributeError):
        return "its commitments are none"
    for content in contents:
        known = committed.pop(content.place, None)
        if content.is_missing and known is not None:
            if content.erased_by is None:
                return f"its {content.place.name} is missing, and no row of the log erased it"
            continue
        if not content.is_missing and not _is_committed(content, known):
            return f"its {content.place.name} is not what it commits to"
    missing = next(iter(committed), None)
    return None if missing is None else f"its {missing.name} is missing"


def _is_committed(content: ErasableContent, known: object) -> bool:
    try:
        return content.commitment() == known
    except ValueError:
        return False


def _leaves(commitments: Mapping[str, Any]) -> Iterator[tuple[Place, object]]:
    for name, value in commitments.items():
        if name != "documents":
            yield Place(name), value
            continue
        for position, document in enumerate(value):
            yield from ((Place(part, position), leaf) for part, leaf in document.items())
