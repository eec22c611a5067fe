"""How an answer is written: one well-formed GraphQL body, its media type, and the headers that each answer has."""

from collections.abc import Mapping
from typing import Any

import orjson
from starlette.responses import Response

from app.api.http.negotiation import JSON
from app.domain.model import Language

Body = dict[str, Any]


def answer(
    status: int,
    body: Body,
    language: Language,
    *,
    media_type: str = JSON,
    headers: Mapping[str, str] | None = None,
) -> Response:
    """Return *body* as an answer that nobody keeps, unless *headers* say otherwise."""
    return Response(
        orjson.dumps(body),
        status,
        media_type=f"{media_type}; charset=utf-8",
        headers={
            "Content-Language": language.lower(),
            "Cache-Control": "no-store",
            "X-Content-Type-Options": "nosniff",
            "Vary": "Accept, Accept-Language, Authorization",
            **(headers or {}),
        },
    )
