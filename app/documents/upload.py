"""`POST /documents`: one file in, as the raw body or in a form; its row out. It is attached later, by its uploader.

The bytes are streamed to disk, looked at, and stored before the row is written.
"""

from collections.abc import AsyncIterator
from dataclasses import asdict
from typing import Any

from sqlalchemy import insert
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response

from app import clock
from app.db import models as tables
from app.db.engine import Database
from app.db.repository import documents
from app.db.rows import DocumentRow
from app.documents.answers import answered, fault, refused
from app.documents.digests import BodyDigest
from app.documents.forms import FormError, PartStart, read_form
from app.documents.names import named_by
from app.documents.receive import SIZE_MAX, Arrival, Received, arriving, steady
from app.documents.store import DocumentStore
from app.domain.commands import NewDocument
from app.domain.errors import (
    DocumentTooLarge,
    InputRefused,
    InvalidInput,
    Refusal,
    Required,
    TooManyDocuments,
)
from app.domain.model import Actor, Feature, Scope
from app.domain.reading import permit_reading
from app.door import Door, demand_rate
from app.locale import negotiate

UNATTACHED_MAX = 100
"""How many documents one person may have that are not attached: 1 GiB at the most."""

FORM = "multipart/form-data"
FORM_EXTRA = 65_536
"""How many bytes a form may have beside its file."""


class UploadEndpoint:
    """The route for uploads."""

    def __init__(self, database: Database, store: DocumentStore, door: Door) -> None:
        self._database = database
        self._store = store
        self._door = door

    async def respond(self, request: Request) -> Response:
        accepted = request.headers.get("accept-language")
        language = negotiate(accepted)
        try:
            admission = await self._door.admit(request)
            identity = admission.identity
            language = negotiate(accepted, identity.user.language, identity.account.default_language)
            demand_rate(admission.standing)
            permit_reading(identity.actor, Scope.DOCUMENTS_WRITE, Feature.CASES)
            document = await self._receive(request, identity.actor)
            return answered(_shown(document), 201, language)
        except Refusal as refusal:
            return refused(refusal, language)
        except InputRefused as refusals:
            return refused(refusals.refusals[0], language)
        except (ClientDisconnect, TimeoutError):
            return Response(status_code=408, headers={"Connection": "close"})
        except Exception as error:
            return fault(error, request, language)

    async def _receive(self, request: Request, actor: Actor) -> DocumentRow:
        is_form = request.headers.get("content-type", "").partition(";")[0].strip().lower() == FORM
        _check_headers(request, SIZE_MAX + (FORM_EXTRA if is_form else 0))
        digest = BodyDigest(request.headers)
        async with arriving(self._store.incoming) as arrival:
            body = _counted(request, digest)
            filename = await (_file_of_form(request, body, arrival) if is_form else _raw(request, body, arrival))
            broken = digest.broken_promise()
            if broken is not None:
                raise InvalidInput(broken)
            received = await arrival.finish(filename, "file")
            return await keep(self._database, self._store, actor, received)


async def keep(database: Database, store: DocumentStore, actor: Actor, received: Received) -> DocumentRow:
    """Store what was received, and write its row. Raises: Refusal, and then nothing is kept."""
    document = received.document
    if document is None:
        assert received.refusal is not None
        raise received.refusal
    await store.put(actor.account_id, document.id, received.path)
    try:
        return await _write(database, actor, document)
    except Refusal:
        # After a fault the row may be there all the same, so the blob stays; where it is not, the sweep removes it.
        await store.delete(actor.account_id, [document.id])
        raise


async def _write(database: Database, actor: Actor, document: NewDocument) -> DocumentRow:
    row = DocumentRow(**asdict(document), uploader_id=actor.user_id, created_at=clock.now())
    async with database.write() as connection:
        if await documents.unattached_count(connection, actor.user_id) >= UNATTACHED_MAX:
            raise TooManyDocuments("file", max=UNATTACHED_MAX)
        await connection.execute(insert(tables.documents), {**asdict(row), "account_id": actor.account_id})
    return row


def _check_headers(request: Request, size_max: int) -> None:
    """Refuse by what the header says, before any of the body is read."""
    length = request.headers.get("content-length", "0")
    if length.isdecimal() and (len(length) > 18 or int(length) > size_max):
        raise DocumentTooLarge("file", max=SIZE_MAX)
    if request.headers.get("content-encoding", "identity").lower() != "identity":
        raise InvalidInput("content-encoding")


async def _counted(request: Request, digest: BodyDigest) -> AsyncIterator[bytes]:
    async for piece in steady(request.stream()):
        digest.update(piece)
        yield piece


async def _raw(request: Request, body: AsyncIterator[bytes], arrival: Arrival) -> str | None:
    async for piece in body:
        await arrival.write(piece)
    return request.query_params.get("filename") or named_by(request.headers.get("content-disposition"))


async def _file_of_form(request: Request, body: AsyncIterator[bytes], arrival: Arrival) -> str | None:
    """Take the one file of a form, whatever its field is called; return its name."""
    filename, part, files, beside = None, None, 0, 0
    try:
        async for event in read_form(body, request.headers["content-type"], parts_max=10):
            if isinstance(event, PartStart):
                part, files = event, files + (event.filename is not None)
                filename = event.filename or filename
            elif isinstance(event, bytes) and part is not None and part.filename is not None:
                await arrival.write(event)
            elif isinstance(event, bytes):
                beside += len(event)
            if files > 1 or beside > FORM_EXTRA:
                raise InvalidInput("file")
    except FormError:
        raise InvalidInput("file") from None
    if files == 0:
        raise Required("file")
    return request.query_params.get("filename") or filename


def _shown(document: DocumentRow) -> dict[str, Any]:
    return {
        "id": str(document.id),
        "filename": document.filename,
        "contentType": document.content_type,
        "sizeBytes": document.size_bytes,
        "sha256": document.sha256,
    }
