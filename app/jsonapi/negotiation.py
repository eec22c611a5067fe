"""Media types of requests and answers, by JSON:API 1.1, sections 4 and 5.3; plain JSON is taken too."""

import re
from functools import lru_cache
from typing import NamedTuple

from app.api.http.decoding import BadRequest, demand_json
from app.web.negotiation import JSON
from app.web.requests import HttpRequest

JSON_API = "application/vnd.api+json"
ACCEPTED = f"{JSON_API}, {JSON}"

_OWN_PARAMETERS = frozenset({"ext", "profile"})
_LENGTH_MAX = 1_000
"""In characters, of a header that is looked at: an open quote takes the square of it."""
_USUAL = 200
# A list's items, and an item's parts, where what is in quotes is one piece.
_ITEM = re.compile(r'(?:[^,"]|"(?:[^"\\]|\\.)*")+')
_PART = re.compile(r'(?:[^;"]|"(?:[^"\\]|\\.)*")+')


class MediaRange(NamedTuple):
    """A media type or range with its parameters; their names and the type are in lower case."""

    name: str
    parameters: tuple[tuple[str, str], ...]
    quality: float = 1.0

    @property
    def is_ours(self) -> bool:
        """Whether its parameters are ones that JSON:API has, without an extension: none is supported."""
        return all(name in _OWN_PARAMETERS and (name != "ext" or not value.strip()) for name, value in self.parameters)


def demand_content_type(request: HttpRequest) -> None:
    """Refuse a body of another type, among them all that a page of another origin can send. Raises: BadRequest."""
    sent = _sent_type(request.headers.get("content-type", ""))
    if sent == JSON:
        return demand_json(request)
    if sent != JSON_API:
        raise BadRequest(415, f"Send the request as {JSON_API} or {JSON}.", {"Accept-Post": ACCEPTED})
    if request.headers.get("content-encoding", "identity").strip().lower() != "identity":
        raise BadRequest(415, "Send the request uncompressed.", {"Accept-Encoding": "identity"})
    return None


def demand_own_parameters(request: HttpRequest) -> None:
    """Refuse a request whose content, if it had any, would be JSON:API with other parameters. Raises: BadRequest."""
    content_type = request.headers.get("content-type")
    if content_type is not None:
        _sent_type(content_type)


def _sent_type(content_type: str) -> str:
    """Return the type without its parameters. Raises: BadRequest, for those that JSON:API does not have."""
    sent = (_usual_range if len(content_type) <= _USUAL else _range)(content_type)
    if sent.name == JSON_API and not sent.is_ours:
        words = f"{JSON_API} takes the parameters ext and profile alone, and no extension is supported here."
        raise BadRequest(415, words, {"Accept-Post": ACCEPTED})
    return sent.name


def media_type(accept: str | None) -> str | None:
    """Return the media type to answer with, None where the client takes neither."""
    header = accept or "*/*"
    return (_wanted if len(header) <= _USUAL else _wanted.__wrapped__)(header)


# Few of them are ever sent; a long one is somebody's own, and is not kept.
@lru_cache(maxsize=1000)
def _wanted(accept: str) -> str | None:
    ranges = [_range(item) for item in _ITEM.findall(accept[:_LENGTH_MAX])]
    own = [range_ for range_ in ranges if range_.name == JSON_API]
    usable = [range_ for range_ in own if range_.is_ours]
    if own and not usable:
        return None
    qualities = {range_.name: range_.quality for range_ in ranges if range_.name != JSON_API}
    rest = qualities.get("application/*", qualities.get("*/*", 0.0))
    special = max((range_.quality for range_ in usable), default=rest)
    plain = qualities.get(JSON, rest)
    if plain > special or (plain == special > 0 and JSON in qualities and not usable):
        return JSON
    return JSON_API if special > 0 else None


def _range(text: str) -> MediaRange:
    name, *parts = _PART.findall(text[:_LENGTH_MAX]) or [""]
    pairs = [part.partition("=") for part in parts if part.strip()]
    parameters = [(key.strip().lower(), value.strip().strip('"')) for key, _, value in pairs]
    qualities = [_number(value) for key, value in parameters if key == "q"]
    rest = tuple((key, value) for key, value in parameters if key != "q")
    return MediaRange(name.strip().lower(), rest, qualities[0] if qualities else 1.0)


_usual_range = lru_cache(maxsize=1000)(_range)


def _number(value: str) -> float:
    """Return a quality; 0 for what is none."""
    try:
        number = float(value)
    except ValueError:
        return 0.0
    return number if 0 <= number <= 1 else 0.0
