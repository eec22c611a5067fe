"""Labels of the members of enums; they stand in `labels.toml`, by the schema's names."""

import tomllib
from collections.abc import Mapping
from enum import StrEnum
from pathlib import Path

from app.domain.model import Language

LABELS: Mapping[str, Mapping[str, Mapping[str, str]]] = tomllib.loads(
    Path(__file__).with_name("labels.toml").read_text(encoding="utf-8")
)


def label(member: StrEnum, language: Language) -> str:
    """Return what to call *member* of an enum that the schema calls as the code does."""
    return LABELS[type(member).__name__][member.name][language]
