"""What a check has found, and what to do about it."""

from dataclasses import dataclass
from enum import StrEnum


class Level(StrEnum):
    """How bad it is. `NOTE`: it could not be looked at from here, or is a matter of choice."""

    OK = "ok"
    NOTE = "note"
    WARNING = "warning"
    FAULT = "fault"


@dataclass(frozen=True, slots=True)
class Diagnosis:
    """One check: its name, what was found, and unless that is well, what to do."""

    check: str
    level: Level
    found: str
    advice: str = ""

    @property
    def is_bad(self) -> bool:
        return self.level in (Level.WARNING, Level.FAULT)


def ok(check: str, found: str) -> Diagnosis:
    return Diagnosis(check, Level.OK, found)


def note(check: str, found: str, advice: str = "") -> Diagnosis:
    return Diagnosis(check, Level.NOTE, found, advice)


def warning(check: str, found: str, advice: str) -> Diagnosis:
    return Diagnosis(check, Level.WARNING, found, advice)


def fault(check: str, found: str, advice: str) -> Diagnosis:
    return Diagnosis(check, Level.FAULT, found, advice)
