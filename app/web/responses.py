"""GraphQL responses: one well-formed body, its media type, and the headers that each response has."""

from collections.abc import Mapping
from functools import lru_cache
from typing import Any

import orjson
from starlette.responses import Response

from app.domain.model import Language
from app.web.negotiation import JSON

VARY = "Accept, Accept-Encoding, Accept-Language, Authorization"

Body = dict[str, Any]
Pairs = tuple[tuple[bytes, bytes], ...]


def answer(
    status: int,
    body: Body | bytes | memoryview,
    language: Language,
    *,
    media_type: str = JSON,
    headers: Mapping[str, str] | None = None,
) -> Response:
    """Return *body*, written already or not, as an answer that no cache stores, with more *headers*."""
    answered = Response(orjson.dumps(body) if isinstance(body, dict) else body, status, headers or None)
    answered.raw_headers += _usual(language, media_type)
    return answered


@lru_cache
def _usual(language: Language, media_type: str) -> Pairs:
    """Return the headers that each answer in this language and of this type has, encoded once."""
    usual = Response(
        media_type=f"{media_type}; charset=utf-8",
        headers={
            "Content-Language": language.lower(),
            "Cache-Control": "no-store",
            "X-Content-Type-Options": "nosniff",
            "Vary": VARY,
        },
    )
    return tuple(pair for pair in usual.raw_headers if pair[0] != b"content-length")
