"""A request whose headers are found by their names: Starlette's looks through all of them for each."""

from starlette.datastructures import Headers
from starlette.requests import Request
from starlette.types import Scope


class Incoming(Request):
    """Starlette's request, with such headers."""

    @property
    def headers(self) -> Headers:
        if not hasattr(self, "_headers"):
            self._headers = _ByName(self.scope)
        return self._headers


class _ByName(Headers):
    def __init__(self, scope: Scope) -> None:
        super().__init__(raw=scope["headers"])
        pairs = reversed(self.raw)  # where a name comes twice, the first counts
        self._by_name = {name.decode("latin-1"): value.decode("latin-1") for name, value in pairs}

    def __getitem__(self, key: str) -> str:
        return self._by_name[key.lower()]

    def __contains__(self, key: object) -> bool:
        return isinstance(key, str) and key.lower() in self._by_name
