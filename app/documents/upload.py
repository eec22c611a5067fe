"""`POST /documents`: one file in, as the raw body or in a form; its row out. It is attached later, by its uploader.

The bytes are streamed to disk, looked at, and stored before the row is written.
"""

import math
from collections.abc import AsyncIterator, Callable
from dataclasses import asdict
from typing import TypeVar
from urllib.parse import parse_qsl

from sqlalchemy import insert, select
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response

from app import clock
from app.actions.authority import renewed
from app.db import tables
from app.db.engines import Database
from app.db.reader import Reader
from app.db.replicas.routing import Replicas
from app.db.repository import documents
from app.db.rows import DocumentRow
from app.documents.answers import FileRequest, answer, answered, late
from app.documents.digests import BodyDigest
from app.documents.forms import Event, FormError, PartStart, read_form
from app.documents.names import named_by
from app.documents.receive import SIZE_MAX, Arrival, FormFile, Received, arriving
from app.documents.store import DocumentStore
from app.documents.transfers import Transfers, in_time
from app.domain.access import permit_reading
from app.domain.commands import NewDocument
from app.domain.errors import Detail, DocumentTooLarge, InvalidInput, Refusal, Required, TooManyDocuments
from app.domain.facts import Actor
from app.domain.model import Feature, Scope
from app.web.admission import Admission, AdmissionController, demand_rate
from app.web.requests import POSITION_HEADER

R = TypeVar("R")
T = TypeVar("T")

UNATTACHED_MAX = 100
"""How many documents one person may have that are not attached: 1 GiB at the most."""

FORM = "multipart/form-data"
FORM_EXTRA = 65_536
"""How many bytes a form may have beside its file."""

_NAME = "filename"


class UploadEndpoint:
    """The route for uploads."""

    def __init__(
        self,
        database: Database,
        store: DocumentStore,
        admission: AdmissionController,
        transfers: Transfers,
        receive_s: float,
        replicas: Replicas | None = None,
    ) -> None:
        self._database = database
        self._replicas = replicas
        self._store = store
        self._admission = admission
        self._transfers = transfers
        self._receive_s = receive_s

    async def respond(self, request: Request) -> Response:
        return await answer(request, self._uploaded)

    async def _uploaded(self, sent: FileRequest) -> Response:
        try:
            admission = await sent.authenticate(self._admission)
            row = await self.accept(sent.request, admission)
            return answered(_shown(row), 201, sent.language, await self._position(admission.identity.actor))
        except ClientDisconnect:
            return Response(status_code=400, headers={"Connection": "close"})
        except TimeoutError:
            return late(sent.language)

    async def _position(self, actor: Actor) -> dict[str, str]:
        """Return the header with a position that covers what *actor* has just written, where there are replicas."""
        position = None if self._replicas is None else await self._replicas.note_write(actor.user_id)
        return {} if position is None else {POSITION_HEADER: str(position)}

    async def accept(self, request: Request, admission: Admission) -> DocumentRow:
        """Return the row of the document that *request* brings from an authenticated person.

        Raises: Refusal, InputRefused; ClientDisconnect, TimeoutError for a body that does not arrive.
        """
        demand_rate(admission.standing)
        actor = admission.identity.actor
        permit_reading(actor, Scope.DOCUMENTS_WRITE, Feature.CASES)
        return await self._receive(request, actor)

    async def _receive(self, request: Request, actor: Actor) -> DocumentRow:
        is_form = request.headers.get("content-type", "").partition(";")[0].strip().lower() == FORM
        _check_headers(request, SIZE_MAX + (FORM_EXTRA if is_form else 0))
        digest = BodyDigest(request.headers)
        name = _name_of_address(request)
        with self._transfers.begun(actor) as transfer:
            async with arriving(self._store.incoming, transfer) as arrival:
                body = _digested(in_time(request.stream(), self._receive_s), digest)
                filename = await (_file_of_form(request, body, arrival) if is_form else _raw(request, body, arrival))
                broken = digest.broken_promise()
                if broken is not None:
                    raise broken
                received = await arrival.finish(name or filename, "file")
                return await keep(self._database, self._store, actor, received)


async def keep(database: Database, store: DocumentStore, actor: Actor, received: Received) -> DocumentRow:
    """Store what was received, and write its row. Raises: Refusal, and then nothing is kept."""
    document = received.document
    if document is None:
        assert received.refusal is not None
        raise received.refusal
    assert received.path is not None
    await store.put(actor.account_id, document.id, received.path)
    try:
        return await _write(database, actor, document)
    except Refusal:
        # After a fault the row may be there all the same, so the blob stays; where it is not, the sweep removes it.
        await store.delete(actor.account_id, [document.id])
        raise


async def _write(database: Database, actor: Actor, document: NewDocument) -> DocumentRow:
    """Write the row, if the actor still may, and has not too many of them. Raises: Refusal."""
    async with database.write() as connection:
        await demand_uploader(connection, actor)
        now = clock.now()
        count, oldest = await documents.unattached(connection, actor.user_id, now)
        if count >= UNATTACHED_MAX:
            assert oldest is not None
            seconds = max(1, math.ceil((oldest + documents.UNATTACHED_LIFETIME - now).total_seconds()))
            which = Detail("documents_unattached", {"seconds": seconds})
            raise TooManyDocuments("file", max=UNATTACHED_MAX, which=which, seconds=seconds)
        row = DocumentRow(**asdict(document), uploader_id=actor.user_id, created_at=now)
        await connection.execute(insert(tables.documents), {**asdict(row), "account_id": actor.account_id})
    return row


async def demand_uploader(connection: Reader, actor: Actor) -> None:
    """Lock the actor's person until the transaction's end, so that their uploads are counted one after the other.

    Whatever takes a right away waits for that lock or is waited for. Who has lost theirs while the bytes came uploads
    nothing any more. Raises: Refusal.
    """
    person = tables.users.c
    await connection.execute(select(person.id).where(person.id == actor.user_id).with_for_update(key_share=True))
    permit_reading(await renewed(connection, actor, clock.now()), Scope.DOCUMENTS_WRITE, Feature.CASES)


def _check_headers(request: Request, size_max: int) -> None:
    """Refuse by what the header says, before any of the body is read."""
    length = request.headers.get("content-length", "0")
    if length.isdecimal() and (len(length) > 18 or int(length) > size_max):
        raise DocumentTooLarge("file", max=SIZE_MAX)
    encoding = request.headers.get("content-encoding", "identity")
    if encoding.strip().lower() != "identity":
        raise InvalidInput("content-encoding", detail=Detail("body_is_encoded", {"encoding": encoding[:40]}))


def _name_of_address(request: Request) -> str | None:
    """Return the name that the address gives. Raises: InvalidInput, for one whose bytes are no UTF-8."""
    query: bytes = request.scope["query_string"]
    try:
        found = parse_qsl(query.decode("ascii", "surrogateescape"), errors="strict", max_num_fields=100)
    except ValueError:
        raise InvalidInput("file", detail=Detail("name_is_not_unicode")) from None
    return next((value for name, value in found if name == _NAME), None)


async def _digested(body: AsyncIterator[bytes], digest: BodyDigest) -> AsyncIterator[bytes]:
    async for piece in body:
        digest.update(piece)
        yield piece


async def _raw(request: Request, body: AsyncIterator[bytes], arrival: Arrival) -> str | None:
    filename = _of_file(named_by, request.headers.get("content-disposition"))
    async for piece in body:
        await arrival.write(piece)
    return filename


def _of_file(read: Callable[[T], R], value: T) -> R:
    """Return what *read* makes of *value*; what it refuses is about the file."""
    try:
        return read(value)
    except InvalidInput as refusal:
        refusal.path = refusal.path or ("file",)
        raise


async def _file_of_form(request: Request, body: AsyncIterator[bytes], arrival: Arrival) -> str | None:
    """Take the one file of a form, whatever its field is called; return its name."""
    form = _Form(arrival)
    try:
        async for event in read_form(body, request.headers["content-type"], parts_max=10):
            await form.take(event)
    except FormError:
        raise InvalidInput("file", detail=Detail("form_is_broken", {"max": FORM_EXTRA})) from None
    if form.file is None:
        raise Required("file")
    refusal = form.file.broken()
    if refusal is not None:
        refusal.path = ("file",)
        raise refusal
    return form.file.filename


class _Form:
    """A form that should have one file; what stands beside it is counted and passed over."""

    def __init__(self, arrival: Arrival) -> None:
        self.file: FormFile | None = None
        self._arrival = arrival
        self._is_in_file = False
        self._beside = 0

    async def take(self, event: Event) -> None:
        """Take what comes next. Raises: FormError, InvalidInput; as an arrival does."""
        if isinstance(event, PartStart):
            if event.is_file and self.file is not None:
                raise InvalidInput("file", detail=Detail("form_has_files"))
            self._is_in_file = event.is_file
            self.file = FormFile(event, self._arrival) if event.is_file else self.file
        elif isinstance(event, bytes) and self._is_in_file and self.file is not None:
            await self.file.write(event)
        elif isinstance(event, bytes):
            self._beside += len(event)
            if self._beside > FORM_EXTRA:
                raise FormError


def _shown(document: DocumentRow) -> dict[str, object]:
    return {
        "id": str(document.id),
        "filename": document.filename,
        "contentType": document.content_type,
        "sizeBytes": document.size_bytes,
        "sha256": document.sha256,
        "warnings": list(document.warnings),
    }
