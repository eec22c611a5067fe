"""A request whose headers are found by their names: Starlette's looks through all of them for each."""

from typing import Any

from starlette.datastructures import Headers
from starlette.requests import Request
from starlette.types import Receive, Scope


class Incoming(Request):
    """Starlette's request, with such headers."""

    __slots__ = ("headers",)  # in place of a property, which takes a call each time

    headers: Headers

    def __init__(self, scope: Scope, receive: Receive) -> None:
        super().__init__(scope, receive)
        self.headers = _ByName(scope)


class _ByName(Headers):
    def __init__(self, scope: Scope) -> None:
        super().__init__(raw=scope["headers"])
        pairs = reversed(self.raw)  # where a name comes twice, the first counts
        self._by_name = {name.decode("latin-1"): value.decode("latin-1") for name, value in pairs}

    def __getitem__(self, key: str) -> str:
        return self._by_name[key.lower()]

    def __contains__(self, key: object) -> bool:
        return isinstance(key, str) and key.lower() in self._by_name

    def get(self, key: str, default: Any = None) -> Any:
        return self._by_name.get(key.lower(), default)
