"""Releases of the schema: each that was ever given to clients, by its date, beside this module."""

import re
from dataclasses import dataclass
from datetime import date
from pathlib import Path

FOLDER = Path(__file__).with_name("releases")

_NAME = re.compile(r"(\d{4}-\d{2}-\d{2})\.graphql")


@dataclass(frozen=True, slots=True)
class Release:
    """A schema in the definition language as clients have it; `day` is None for one that is not kept here."""

    name: str
    sdl: str
    day: date | None = None


def last_release(folder: Path = FOLDER) -> Release:
    """Return the latest release. Raises: LookupError, where there is none."""
    found = {match[1]: path for path in folder.iterdir() if (match := _NAME.fullmatch(path.name))}
    if not found:
        raise LookupError(f"no release is in {folder}")
    name = max(found)
    return Release(f"the release of {name}", found[name].read_text(encoding="utf-8"), date.fromisoformat(name))
