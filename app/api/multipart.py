"""An operation that comes with its files in a form, after the GraphQL multipart request specification.

https://github.com/jaydenseric/graphql-multipart-request-spec: `operations`, then `map`, then the files. A file is
streamed to disk as it comes. Nothing is trusted: a map may name each file once, at a null that is there.
"""

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

from starlette.requests import ClientDisconnect, Request

from app.api.http.decoding import BadRequest, Parameters, checked, decoded
from app.documents.forms import FormError, PartEnd, PartStart, read_form
from app.documents.receive import Arrival, Received, arriving, steady
from app.domain.shape import DOCUMENTS_MAX

MAP_MAX = 16_384
PATH_MAX = 10


def is_form(request: Request) -> bool:
    """Tell whether the request is a form. A page elsewhere can't send one: nobody is known by a cookie here."""
    return request.headers.get("content-type", "").partition(";")[0].strip().lower() == "multipart/form-data"


async def read_multipart(request: Request, stack: AsyncExitStack, folder: Path, operations_max: int) -> Parameters:
    """Return the parameters of a form, with its files at their places. Raises: BadRequest, DocumentTooLarge."""
    if request.headers.get("content-encoding", "identity").strip().lower() != "identity":
        raise BadRequest(415, "Send the request uncompressed.", {"Accept-Encoding": "identity"})
    reader = MultipartRequest(stack, folder, operations_max)
    try:
        return checked(await reader.read(steady(request.stream()), request.headers["content-type"]))
    except ClientDisconnect:
        raise BadRequest(400, "The request was cut off.") from None
    except TimeoutError:
        raise BadRequest(408, "The request stopped arriving.", {"Connection": "close"}) from None


class MultipartRequest:
    """Reads one form. Leaving the stack removes the files that nobody has stored."""

    def __init__(self, stack: AsyncExitStack, folder: Path, operations_max: int) -> None:
        self._stack = stack
        self._folder = folder
        self._operations_max = operations_max
        self._operations: Any = None
        self._paths: dict[str, list[str]] = {}
        self._files: dict[str, Received] = {}

    async def read(self, body: AsyncIterator[bytes], content_type: str) -> Any:
        """Return the operation's parameters, with the files at their places.

        Raises: BadRequest; DocumentTooLarge, before all of that file is read.
        """
        try:
            await self._parts(body, content_type)
        except FormError as error:
            raise BadRequest(400, str(error)) from None
        if set(self._files) != set(self._paths):
            raise BadRequest(400, "The map names files that are not in the form.")
        for name, path in self._paths.items():
            _put(self._operations, path, self._files[name])
        return self._operations

    async def _parts(self, body: AsyncIterator[bytes], content_type: str) -> None:
        part: PartStart | None = None
        arrival: Arrival | None = None
        field = bytearray()
        async for event in read_form(body, content_type, parts_max=DOCUMENTS_MAX + 2):
            if isinstance(event, PartStart):
                part, arrival, field = event, None, bytearray()
                if event.name not in ("operations", "map"):
                    arrival = await self._expect(event)
            elif isinstance(event, PartEnd):
                assert part is not None
                if arrival is not None:
                    self._files[part.name] = await arrival.finish(part.filename)
                else:
                    self._field(part.name, bytes(field))
            elif arrival is not None:
                await arrival.write(event)
            else:
                field += event
                if len(field) > self._operations_max:
                    raise BadRequest(400, "A field of the form is too long.")

    async def _expect(self, part: PartStart) -> Arrival:
        if part.name not in self._paths or part.name in self._files:
            raise BadRequest(400, "Send operations, then map, then each file that the map names, once.")
        return await self._stack.enter_async_context(arriving(self._folder))

    def _field(self, name: str, value: bytes) -> None:
        if name == "operations" and self._operations is None:
            self._operations = decoded(value, name)
            if not isinstance(self._operations, dict):
                raise BadRequest(400, "The operations must be one JSON object: batches are not supported.")
            return
        if name != "map" or self._operations is None or self._paths or len(value) > MAP_MAX:
            raise BadRequest(400, "Send operations, then map, then each file that the map names, once.")
        self._paths = self._checked_map(decoded(value, name))

    def _checked_map(self, value: Any) -> dict[str, list[str]]:
        """Return the map, each file with the one place it has."""
        if not isinstance(value, dict) or not 1 <= len(value) <= DOCUMENTS_MAX:
            raise BadRequest(400, f"The map must be an object of 1 to {DOCUMENTS_MAX} files.")
        paths: dict[str, list[str]] = {}
        for name, places in value.items():
            if not (isinstance(places, list) and len(places) == 1 and isinstance(places[0], str)):
                raise BadRequest(400, "The map must give each file one place.")
            paths[name] = places[0].split(".", PATH_MAX)
        if len({tuple(path) for path in paths.values()}) < len(paths):
            raise BadRequest(400, "The map must give each file a place of its own.")
        for path in paths.values():
            _put(self._operations, path, None)
        return paths


def _put(operations: dict[str, Any], path: list[str], value: object) -> None:
    """Put *value* at a place in the variables that is there and is null. Raises: BadRequest."""
    here: Any = operations
    if path[0] != "variables" or len(path) > PATH_MAX:
        raise BadRequest(400, "The map must lead into the variables.")
    for step in path[:-1]:
        here = _step(here, step)
    if _step(here, path[-1]) is not None:
        raise BadRequest(400, "The map must lead to a null.")
    here[path[-1] if isinstance(here, dict) else int(path[-1])] = value


def _step(here: Any, step: str) -> Any:
    if isinstance(here, dict) and step in here:
        return here[step]
    if isinstance(here, list) and step.isdecimal() and len(step) < 4 and int(step) < len(here):
        return here[int(step)]
    raise BadRequest(400, "The map must lead to a place that is there.")
