"""Documents: one that is uploaded becomes a resource, and its content is read by a link that ends soon."""

from starlette.datastructures import URL
from starlette.requests import ClientDisconnect
from starlette.responses import Response

from app.db.rows import DocumentRow
from app.documents.transfers import RATE_MIN
from app.documents.upload import UploadEndpoint
from app.domain.errors import Detail, InputRefused, InvalidInput, Refusal
from app.i18n import message
from app.jsonapi.exchange import ResourceExchange
from app.jsonapi.problems import NOWHERE, Problem, Source
from app.jsonapi.resource_objects import CompoundDocument
from app.jsonapi.resources import TYPES
from app.jsonapi.selections import Wanted
from app.web.admission import Admission
from app.web.statuses import document_status, headers_of

CLOSING = {"Connection": "close"}
"""Of an answer that comes before all of the body is read."""


async def uploaded(upload: UploadEndpoint, exchange: ResourceExchange, admission: Admission) -> Response:
    """Take the document that a request brings, and return the answer."""
    try:
        row = await upload.accept(exchange.request, admission)
    except Refusal as refusal:
        return _refused(exchange, refusal)
    except InputRefused as refused:
        return _refused(exchange, refused.refusals[0])
    except ClientDisconnect:
        return Response(status_code=400, headers=CLOSING)
    except TimeoutError:
        late = InvalidInput("file", detail=Detail("body_is_late", {"rate": RATE_MIN // 1024}))
        return exchange.errors([Problem(408, late.code, message(late, exchange.language))], CLOSING)
    compound = CompoundDocument(Wanted(), exchange.base_url)
    resource = compound.one("document", _found(row))
    address = resource["links"]["self"]
    return exchange.answer(201, {"links": {"self": address}, "data": resource}, {"Location": address})


def _found(row: DocumentRow) -> dict[str, object]:
    """Return a row by the fields of the schema."""
    found: dict[str, object] = {field: getattr(row, name) for name, field in TYPES["document"].usual.items()}
    return found | {"id": row.id, "createdAt": row.created_at.isoformat()}


def _refused(exchange: ResourceExchange, refusal: Refusal) -> Response:
    status, source = document_status(type(refusal)) or 400, _source(exchange, refusal)
    headers = CLOSING | headers_of(refusal)
    if source == {"header": "content-encoding"}:  # RFC 9110, section 15.5.16
        status, headers = 415, headers | {"Accept-Encoding": "identity"}
    return exchange.errors([Problem(status, refusal.code, message(refusal, exchange.language), source)], headers)


def _source(exchange: ResourceExchange, refusal: Refusal) -> Source:
    """Return the header that a refusal is about; what is about the file has no place in a JSON document."""
    name = refusal.path[0] if refusal.path else ""
    return {"header": name} if name in exchange.request.headers else NOWHERE


def redirected(exchange: ResourceExchange, link: str) -> Response:
    """Return an answer that leads to a document's content; its address is as secret as a password."""
    headers = exchange.headers | {"Location": str(URL(link)), "Cache-Control": "no-store", "Vary": "Authorization"}
    return Response(status_code=307, headers=headers)
