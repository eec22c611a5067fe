"""What each error code means and what helps, as the schema and the manual say it."""

import tomllib
from collections.abc import Mapping
from pathlib import Path

from app.domain.errors import ErrorCode

_PROSE = tomllib.loads(Path(__file__).with_suffix(".toml").read_text(encoding="utf-8"))

MEANINGS: Mapping[ErrorCode, str] = {ErrorCode(code): prose["means"] for code, prose in _PROSE.items()}
REMEDIES: Mapping[ErrorCode, str] = {ErrorCode(code): prose["helps"] for code, prose in _PROSE.items()}
