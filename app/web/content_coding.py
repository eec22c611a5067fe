"""Content codings that a client wants: `Accept-Encoding` (RFC 9110, section 12.5.3)."""

from functools import lru_cache
from typing import NamedTuple

from starlette.types import Scope

from app.web.qualities import items_of

_ITEMS_MAX = 20
_USUAL = 200


class PreferredCoding(NamedTuple):
    """The coding that a client wants most, None for none; `demanded`: it takes no answer without one."""

    coding: str | None
    demanded: bool = False


def wanted(scope: Scope, offered: tuple[str, ...]) -> PreferredCoding | None:
    """Return what the client wants of the codings *offered*; None where it says nothing about codings."""
    accept: bytes | None = None
    for name, value in scope["headers"]:
        if name == b"accept-encoding":
            accept = value if accept is None else accept + b"," + value
    if accept is None:
        return None
    return (_wanted if len(accept) <= _USUAL else _wanted.__wrapped__)(accept, offered)


# Few are ever sent; a long one is one client's own, and is not cached.
@lru_cache(maxsize=1000)
def _wanted(accept: bytes, offered: tuple[str, ...]) -> PreferredCoding:
    """Return the coding of the highest quality; of equal ones the first that is offered.

    Where `*` alone speaks for them, it is gzip: who writes that may not have thought of younger ones.
    """
    items = items_of(accept.decode("latin-1"), _ITEMS_MAX)
    qualities = {"gzip" if name == "x-gzip" else name: quality for name, quality, _ in items}
    others = qualities.get("*", 0.0)
    best = max(offered, key=lambda coding: (qualities.get(coding, others), coding in qualities or coding == "gzip"))
    quality = qualities.get(best, others)
    identity = qualities.get("identity", qualities.get("*"))
    # Where identity is not spoken of, it may be sent, and is wanted less than what is.
    is_wanted = quality > 0 and ("identity" not in qualities or quality >= qualities["identity"])
    return PreferredCoding(best if is_wanted else None, demanded=identity == 0)
