"""Labels: what to call the members of enums. The words themselves are in `labels.toml`."""

import tomllib
from collections.abc import Mapping
from enum import StrEnum
from pathlib import Path

from app.domain.model import (
    ActionType,
    CaseStatus,
    DocumentWarning,
    EvaluationStatus,
    Language,
    OverrideStatus,
    RequestedStatus,
    Resolution,
    Role,
    SubjectType,
)

LABELLED: tuple[type[StrEnum], ...] = (
    CaseStatus,
    Resolution,
    OverrideStatus,
    EvaluationStatus,
    RequestedStatus,
    SubjectType,
    ActionType,
    Role,
    DocumentWarning,
)

LABELS: Mapping[str, Mapping[str, Mapping[str, str]]] = tomllib.loads(
    Path(__file__).with_name("labels.toml").read_text(encoding="utf-8")
)


def label(member: StrEnum, language: Language) -> str:
    """Return what to call *member* of one of the enums of `LABELLED`."""
    return LABELS[type(member).__name__][member][language]
