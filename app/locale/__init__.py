"""Words: the messages of refusals in English and French, and which of the two a request wants.

Codes and data never depend on the language. The words themselves are in `en.toml` and `fr.toml`.
"""

import tomllib
from collections.abc import Mapping
from pathlib import Path

from app.domain.errors import ErrorCode, Refusal
from app.domain.model import Language

Words = Mapping[str, Mapping[str, str]]


def _read(language: Language) -> Words:
    path = Path(__file__).with_name(f"{language.lower()}.toml")
    return tomllib.loads(path.read_text(encoding="utf-8"))


WORDS: Mapping[Language, Words] = {language: _read(language) for language in Language}


def message(refusal: Refusal, language: Language) -> str:
    """Return the sentence that tells *refusal* to a person."""
    return text(refusal.code, language, **refusal.params)


def text(code: ErrorCode, language: Language, **params: object) -> str:
    """Return the sentence of *code*; members of enums among *params* are named in the language."""
    words = WORDS[language]
    said = {name: _said(value, words) for name, value in params.items()}
    return words["messages"][code].format_map(said)


def _said(value: object, words: Words) -> str:
    if isinstance(value, tuple):
        return words["words"]["or"].join(_said(item, words) for item in value)
    return words["words"].get(str(value), str(value))


def negotiate(accept_language: str | None, *fallbacks: Language | None) -> Language:
    """Return the language that an `Accept-Language` header (RFC 9110, section 12.5.4) wants most, never an error.

    `fr-CA` is French (RFC 4647, section 3.4: lookup). Where nothing fits, the first of *fallbacks*
    that is set, else English.
    """
    for tag in _wanted(accept_language or ""):
        primary = tag.partition("-")[0].upper()
        if primary in Language.__members__:
            return Language[primary]
        if tag == "*":
            break
    return next((language for language in fallbacks if language is not None), Language.EN)


def _wanted(header: str) -> list[str]:
    """Return the header's tags with a quality above 0, the most wanted first; what can't be read is passed over."""
    ranked: list[tuple[float, str]] = []
    for item in header.split(",")[:50]:
        tag, _, parameter = item.partition(";")
        name, _, value = parameter.partition("=")
        try:
            quality = float(value) if name.strip().lower() == "q" else 1.0
        except ValueError:
            continue
        if tag.strip() and 0 < quality <= 1:
            ranked.append((quality, tag.strip()))
    return [tag for _, tag in sorted(ranked, key=lambda pair: -pair[0])]
