"""Messages of refusals in English and French, and the language that a request wants.

Codes and data never depend on the language. The words themselves are in `en.toml` and `fr.toml`.
"""

import tomllib
from collections.abc import Mapping
from functools import lru_cache
from pathlib import Path

from app.domain.errors import Detail, Enumeration, ErrorCode, MessageWord, Refusal
from app.domain.facts import ChecklistStep
from app.domain.model import Language

Messages = Mapping[str, Mapping[str, str]]


def _read(language: Language) -> Messages:
    path = Path(__file__).with_name(f"{language.lower()}.toml")
    return tomllib.loads(path.read_text(encoding="utf-8"))


WORDS: Mapping[Language, Messages] = {language: _read(language) for language in Language}


def message(refusal: Refusal, language: Language) -> str:
    """Return the sentence that tells *refusal* to a person."""
    return text(refusal.code, language, **refusal.params)


def text(code: ErrorCode, language: Language, **params: object) -> str:
    """Return the sentence of *code*; members of enums among *params* are named in the language."""
    said = {name: _said(value, language) for name, value in params.items()}
    return WORDS[language]["messages"][code].format_map(said)


def _said(value: object, language: Language) -> str:
    words = WORDS[language]
    if isinstance(value, tuple):
        return words["words"]["or"].join(_said(item, language) for item in value)
    if isinstance(value, Enumeration):
        return ", ".join(_said(item, language) for item in value.items)
    if isinstance(value, ChecklistStep):
        return value.label(language)
    if isinstance(value, Detail):
        said = {name: part if type(part) is str else _said(part, language) for name, part in value.params.items()}
        return words["details"][value.name].format_map(said)
    if isinstance(value, MessageWord):
        return words["words"].get(value.name, value.name)
    return words["words"].get(str(value), str(value))


def negotiate(accept_language: str | None, *fallbacks: Language | None) -> Language:
    """Return the language that an `Accept-Language` header (RFC 9110, section 12.5.4) wants most, never an error.

    `fr-CA` is French (RFC 4647, section 3.4: lookup), `*` is every language that is not named. Among equals a named one
    comes first, then *fallbacks*, then English; a language of quality 0 comes last.
    """
    header = accept_language or ""
    return (_wanted if len(header) <= _USUAL else _wanted.__wrapped__)(header, fallbacks)


# Few of them are ever sent; a long one is one client's own, and is not cached.
@lru_cache(maxsize=1000)
def _wanted(header: str, fallbacks: tuple[Language | None, ...]) -> Language:
    qualities = _qualities(header)
    named = [Language[tag] for tag, quality in qualities.items() if quality and tag in Language.__members__]
    candidates: list[Language] = [*named, *(language for language in fallbacks if language is not None), *Language]
    return max(candidates, key=lambda language: qualities.get(language, qualities.get("*", _UNSAID)))


_USUAL = 100

# Less than any quality that can be asked for (it has three decimals at most), and more than none.
_UNSAID = 0.0001


def _qualities(header: str) -> dict[str, float]:
    """Return the quality of each primary tag, and of `*`, in the header's order; what can't be read is passed over."""
    qualities: dict[str, float] = {}
    for item in header.split(",")[:50]:
        tag, _, parameter = item.partition(";")
        name, _, value = parameter.partition("=")
        try:
            quality = float(value) if name.strip().lower() == "q" else 1.0
        except ValueError:
            continue
        if 0 <= quality <= 1:
            primary = tag.strip().partition("-")[0].upper()
            qualities[primary] = max(quality, qualities.get(primary, 0))
    return qualities
