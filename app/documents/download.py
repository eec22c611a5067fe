"""`GET /documents/{id}`: the bytes of one document for whom the link was signed, if they still may have it.

Every link that does not work answers the same 404, whatever the reason. The bytes of S3 pass through here too: so
rights are asked at each use, a revoked token stops a link at once, and both stores answer with the same headers.
"""

import re
from collections.abc import AsyncIterator
from datetime import datetime
from uuid import UUID

from starlette.requests import Request
from starlette.responses import Response, StreamingResponse

from app import clock
from app.auth.identity import authenticate_holder
from app.db.engines import Database
from app.db.repository import documents
from app.db.rows import DocumentRow
from app.documents.answers import FileRequest, answer
from app.documents.extensions import saved_as
from app.documents.links import Links
from app.documents.names import attachment
from app.documents.store import DocumentStore
from app.domain.access import permit_reading
from app.domain.errors import AccessRefused, Erased, NotFound, Unauthenticated
from app.domain.model import Feature, Resource, Scope
from app.domain.validation import parse_id
from app.web.etag import is_known

_RANGE = re.compile(r"bytes=(\d{0,18})-(\d{0,18})")

HARMLESS = {
    # A copy that is kept would outlive the right to it.
    "Cache-Control": "private, no-store",
    "Content-Security-Policy": "default-src 'none'; sandbox",
    "Cross-Origin-Resource-Policy": "cross-origin",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
}
"""Headers of a file that is somebody's: it is kept nowhere, and can do nothing in a browser."""
HEADERS = {"Accept-Ranges": "bytes", **HARMLESS}


class DownloadEndpoint:
    """The route for downloads."""

    def __init__(self, database: Database, store: DocumentStore, links: Links) -> None:
        self._database = database
        self._store = store
        self._links = links

    async def respond(self, request: Request) -> Response:
        return await answer(request, self._found)

    async def _found(self, sent: FileRequest) -> Response:
        found = await self._find(sent.request, clock.now())
        if found is None:
            raise NotFound(resource=Resource.DOCUMENT)
        if found[1].erased_by_id is not None:
            raise Erased()
        return await self._serve(sent.request, *found)

    async def _find(self, request: Request, now: datetime) -> tuple[UUID, DocumentRow] | None:
        """Return the document, with its account, if the link works and its holder still may have it."""
        document_id = parse_id(request.path_params["id"])
        if document_id is None:
            return None
        link = await self._links.read(document_id, request.query_params.get("grant", ""), now)
        if link is None:
            return None
        try:
            actor = (await authenticate_holder(self._database, link.token_id, now)).actor
            permit_reading(actor, Scope.DOCUMENTS_READ, Feature.CASES)
        except (Unauthenticated, AccessRefused):
            return None
        async with self._database.read() as connection:
            row = await documents.visible_document(connection, actor.account_id, actor.user_id, document_id)
        return None if row is None else (actor.account_id, row)

    async def _serve(self, request: Request, account_id: UUID, document: DocumentRow) -> Response:
        etag = f'"{document.sha256}"'
        headers = {
            **HEADERS,
            "Content-Disposition": attachment(saved_as(document.filename or "", document.content_type)),
            "ETag": etag,
            "Last-Modified": document.created_at.strftime("%a, %d %b %Y %H:%M:%S GMT"),
        }
        if is_known(request.headers.get("if-none-match", ""), etag):
            return Response(status_code=304, headers=headers)
        start, end, size = 0, document.size_bytes, document.size_bytes
        status = 200
        range_header = request.headers.get("range")
        if range_header is not None and request.headers.get("if-range", etag) == etag:
            part = byte_range(range_header, size)
            if part is not None:
                start, end = part
                status = 206
                headers["Content-Range"] = f"bytes {start}-{end - 1}/{size}"
                if start >= end:
                    return Response(status_code=416, headers={**headers, "Content-Range": f"bytes */{size}"})
        headers["Content-Length"] = str(end - start)
        if request.method == "HEAD":
            return Response(status_code=status, headers=headers, media_type=document.content_type)
        pieces: AsyncIterator[bytes] = await self._store.read(account_id, document.id, (start, end))
        return StreamingResponse(pieces, status, headers, media_type=document.content_type)


def byte_range(header: str, size: int) -> tuple[int, int] | None:
    """Return the start and the end (exclusive) of the one range that is asked for (RFC 9110, section 14.1.2).

    None for a header that is to be ignored, several ranges among them; start >= end for a range outside the file.
    """
    found = _RANGE.fullmatch(header.replace(" ", ""))
    if found is None or found.groups() == ("", ""):
        return None
    first, last = found.groups()
    if not first:
        return (max(0, size - int(last)), size) if int(last) else (size, size)
    if last and int(last) < int(first):
        return None
    return int(first), min(int(last) + 1, size) if last else size
