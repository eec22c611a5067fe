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
from app.documents.digests import BodyDigest
from app.documents.forms import Event, FormError, PartEnd, PartStart, read_form
from app.documents.receive import SIZE_MAX, Arrival, FormFile, Received, arriving
from app.documents.transfers import Transfer, Transfers, in_time
from app.domain.access import permit_reading
from app.domain.errors import AccessRefused, DocumentTooLarge, Refusal, TooManyDocuments
from app.domain.facts import Actor
from app.domain.model import Feature, Scope
from app.domain.validation import DOCUMENTS_MAX

MAP_MAX = 16_384
PATH_MAX = 10
FILES_MAX = 100
"""How many files a form may have for the operation to be refused for too many."""

BODY_MAX = 2 * DOCUMENTS_MAX * SIZE_MAX
"""How much of a form is read: files that are too large are passed over, so that the operation can say which."""

_ORDER = "Send operations, then map, then each file that the map names, once."


def is_form(request: Request) -> bool:
    """Tell whether the request is a form. A page elsewhere can't send one: no cookie authenticates here."""
    return request.headers.get("content-type", "").partition(";")[0].strip().lower() == "multipart/form-data"


class Forms:
    """Reads requests that are forms; files go to *folder* until they are stored."""

    def __init__(self, folder: Path, transfers: Transfers, *, receive_s: float, operations_max: int) -> None:
        self._folder = folder
        self._transfers = transfers
        self._receive_s = receive_s
        self._operations_max = operations_max

    async def read(self, request: Request, actor: Actor, stack: AsyncExitStack) -> Parameters:
        """Return the parameters of a form, with its files at their places; leaving the *stack* removes the files.

        Raises: BadRequest, DocumentTooLarge for a form that is far too long, RateLimited, InvalidInput for a digest.
        """
        _check_headers(request)
        digest = BodyDigest(request.headers)
        arrivals = Arrivals(stack, self._folder, stack.enter_context(self._transfers.begun(actor)), _barred(actor))
        reader = MultipartRequest(arrivals, self._operations_max)
        body = _counted(in_time(request.stream(), self._receive_s), digest)
        try:
            found = await reader.read(body, request.headers["content-type"])
        except ClientDisconnect:
            raise BadRequest(400, "The request was cut off.") from None
        except TimeoutError:
            raise BadRequest(408, "The request did not arrive in time.", {"Connection": "close"}) from None
        broken = digest.broken_promise()
        if broken is not None:
            raise broken
        return checked(found)


def _check_headers(request: Request) -> None:
    if request.headers.get("content-encoding", "identity").strip().lower() != "identity":
        raise BadRequest(415, "Send the request uncompressed.", {"Accept-Encoding": "identity"})
    length = request.headers.get("content-length", "0")
    if length.isdecimal() and (len(length) > 18 or int(length) > BODY_MAX):
        raise DocumentTooLarge(max=SIZE_MAX)


def _barred(actor: Actor) -> AccessRefused | None:
    """Return why no file of the actor's is stored, None where it may be: before the first byte of one has come."""
    try:
        for scope in (Scope.CASES_WRITE, Scope.DOCUMENTS_WRITE):
            permit_reading(actor, scope, Feature.CASES)
    except AccessRefused as refusal:
        return refusal
    return None


async def _counted(body: AsyncIterator[bytes], digest: BodyDigest) -> AsyncIterator[bytes]:
    size = 0
    async for piece in body:
        size += len(piece)
        if size > BODY_MAX:
            raise DocumentTooLarge(max=SIZE_MAX)
        digest.update(piece)
        yield piece


class Arrivals:
    """The files of one form as they come; nothing is kept of those that can't be accepted."""

    def __init__(self, stack: AsyncExitStack, folder: Path, transfer: Transfer, refusal: Refusal | None) -> None:
        self.refusal = refusal
        self._stack = stack
        self._folder = folder
        self._transfer = transfer
        self._arrival: Arrival | None = None
        self._file: FormFile | None = None
        self._broken: Refusal | None = None

    async def begin(self, part: PartStart) -> None:
        self._broken, self._file, self._arrival = self.refusal, None, None
        if self._broken is None:
            self._arrival = await self._stack.enter_async_context(arriving(self._folder, self._transfer))
            self._file = FormFile(part, self._arrival)

    async def write(self, data: bytes) -> None:
        """Take the next bytes of the file. Raises: RateLimited."""
        if self._broken is not None or self._file is None or self._arrival is None:
            return
        try:
            await self._file.write(data)
        except DocumentTooLarge as refusal:
            self._broken = refusal
            await self._arrival.discard()

    async def end(self) -> Received:
        """Return the file that has come, or why it is no good."""
        if self._broken is None and self._file is not None and self._arrival is not None:
            self._broken = self._file.broken()
            if self._broken is None:
                return await self._arrival.finish(self._file.filename)
        return Received(None, None, self._broken)


class MultipartRequest:
    """Reads one form."""

    def __init__(self, arrivals: Arrivals, operations_max: int) -> None:
        self._arrivals = arrivals
        self._operations_max = operations_max
        self._operations: Any = None
        self._paths: dict[str, list[str]] = {}
        self._files: dict[str, Received] = {}
        self._part: PartStart | None = None
        self._value = bytearray()

    async def read(self, body: AsyncIterator[bytes], content_type: str) -> Any:
        """Return the operation's parameters, with the files at their places. Raises: BadRequest, RateLimited."""
        try:
            async for event in read_form(body, content_type, parts_max=FILES_MAX + 2):
                await self._take(event)
        except FormError as error:
            raise BadRequest(400, str(error)) from None
        if set(self._files) != set(self._paths):
            raise BadRequest(400, "The map names files that are not in the form.")
        for name, path in self._paths.items():
            _put(self._operations, path, self._files[name])
        return self._operations

    async def _take(self, event: Event) -> None:
        if isinstance(event, PartStart):
            self._part, self._value = event, bytearray()
            if not self._is_field:
                if event.name not in self._paths or event.name in self._files:
                    raise BadRequest(400, _ORDER)
                await self._arrivals.begin(event)
        elif isinstance(event, PartEnd):
            await self._end()
        elif not self._is_field:
            await self._arrivals.write(event)
        else:
            self._value += event
            if len(self._value) > self._operations_max:
                raise BadRequest(400, "A field of the form is too long.")

    @property
    def _is_field(self) -> bool:
        return self._part is not None and self._part.name in ("operations", "map")

    async def _end(self) -> None:
        assert self._part is not None
        if self._is_field:
            self._field(self._part.name, bytes(self._value))
        else:
            self._files[self._part.name] = await self._arrivals.end()

    def _field(self, name: str, value: bytes) -> None:
        if name == "operations" and self._operations is None:
            self._operations = decoded(value, name)
            if not isinstance(self._operations, dict):
                raise BadRequest(400, "The operations must be one JSON object: batches are not supported.")
            return
        if name != "map" or self._operations is None or self._paths or len(value) > MAP_MAX:
            raise BadRequest(400, _ORDER)
        self._paths = self._checked_map(decoded(value, name))
        if len(self._paths) > DOCUMENTS_MAX:
            self._arrivals.refusal = TooManyDocuments(max=DOCUMENTS_MAX)

    def _checked_map(self, value: Any) -> dict[str, list[str]]:
        """Return the map, each file with the one place it has."""
        if not isinstance(value, dict) or not 1 <= len(value) <= FILES_MAX:
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
