"""Warnings of an answer that used what is deprecated: what, what to use instead, and until when it works."""

from typing import Any

from app.api.contract.uses import Coordinates
from app.api.schema import PREPARATION
from app.domain.model import Language
from app.i18n import WORDS

CODE = "DEPRECATED"


def format_warnings(coordinates: Coordinates, language: Language) -> list[dict[str, Any]]:
    """Return a warning for each of the coordinates, with a message in the language."""
    sentence = WORDS[language]["warnings"][CODE]
    found = []
    for coordinate in coordinates:
        deprecation = PREPARATION.deprecated.known[coordinate]
        facts = {
            "coordinate": coordinate,
            "replacement": deprecation.replacement,
            "removedAfter": deprecation.removed_after.isoformat(),
        }
        found.append({"code": CODE, "message": sentence.format_map(facts), **facts})
    return found
