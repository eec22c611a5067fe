"""Negotiation of the response's media type, one of two or a stream of events (RFC 9110, section 12.5.1)."""

from functools import lru_cache

from app.web.qualities import items_of

JSON = "application/json"
RESPONSE_JSON = "application/graphql-response+json"
EVENT_STREAM = "text/event-stream"

_ITEMS_MAX = 50
_USUAL = 200


def media_type(accept: str | None) -> str | None:
    """Return the media type to answer with, None where the client takes neither.

    A client that names no type, or any, gets JSON: it may know of no other.
    """
    header = accept or "*/*"
    return (_wanted if len(header) <= _USUAL else _wanted.__wrapped__)(header)


def takes_events(accept: str | None) -> bool:
    """Tell whether the client takes a stream of events, and says so by name."""
    if accept is None or EVENT_STREAM not in accept.lower():  # as nearly always
        return False
    return _ranges(accept).get(EVENT_STREAM, 0.0) > 0


# Few of them are ever sent; a long one is one client's own, and is not cached.
@lru_cache(maxsize=1000)
def _wanted(accept: str) -> str | None:
    ranges = _ranges(accept)
    if not ranges:  # nothing in it can be read
        return JSON
    plain, newer = (_quality(ranges, offered) for offered in (JSON, RESPONSE_JSON))
    if newer > plain or (newer == plain > 0 and RESPONSE_JSON in ranges):
        return RESPONSE_JSON
    return JSON if plain > 0 else None


def _ranges(accept: str) -> dict[str, float]:
    """Return the header's media ranges with their quality; what can't be read is passed over."""
    found: dict[str, float] = {}
    for name, quality, parameters in items_of(accept, _ITEMS_MAX):
        is_ours = parameters.get("charset", "utf-8").strip('"') in ("utf-8", "utf8")
        found[name] = max(quality if is_ours else 0.0, found.get(name, 0.0))
    return found


def _quality(ranges: dict[str, float], offered: str) -> float:
    """Return how much *offered* is wanted: the most specific range that it falls into says it."""
    for name in (offered, "application/*", "*/*"):
        if name in ranges:
            return ranges[name]
    return 0.0
