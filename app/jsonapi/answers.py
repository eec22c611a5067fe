"""Answers of JSON:API: one resource, a page of them, or one that was made, with their links and headers."""

from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any, NamedTuple
from urllib.parse import parse_qsl, urlencode

from starlette.responses import Response

from app.api.record import Record
from app.domain.model import Actor
from app.jsonapi.exchange import ResourceExchange
from app.jsonapi.operations import Listing
from app.jsonapi.parameters import ResourceQuery
from app.jsonapi.resource_objects import CompoundDocument
from app.jsonapi.resources import PREFIX
from app.jsonapi.results import page_links


class Visit(NamedTuple):
    """One request on its way: who sends it, and the ids in its address."""

    exchange: ResourceExchange
    record: Record
    actor: Actor
    ids: Sequence[str] = ()


def single(
    visit: Visit, type_name: str, query: ResourceQuery, found: Mapping[str, Any], tag: Mapping[str, str] | None = None
) -> Response:
    """Return one resource as the answer."""
    case_id = visit.ids[0] if type_name == "case_action" else ""
    compound = CompoundDocument(query.wanted, visit.exchange.base_url, case_id)
    resource = compound.one(type_name, found)
    document = {"links": {"self": visit.exchange.address}, "data": resource}
    return visit.exchange.answer(200, document | _included(compound), tag)


def page_of(
    visit: Visit,
    listing: Listing,
    query: ResourceQuery,
    connection: Mapping[str, Any],
    case_id: str = "",
    tag: Mapping[str, str] | None = None,
) -> Response:
    """Return a page of a list as the answer."""
    exchange = visit.exchange
    compound = CompoundDocument(query.wanted, exchange.base_url, case_id)
    resources = [compound.one(listing.type_name, node) for node in connection["nodes"]]
    meta = {"count": len(resources)} | ({"total": connection["totalCount"]} if query.with_total else {})
    links = {"self": exchange.address} | page_links(connection["pageInfo"], partial(_beside, exchange))
    document = {"links": links, "data": resources, "meta": meta}
    return exchange.answer(200, document | _included(compound), tag)


def _beside(exchange: ResourceExchange, name: str, cursor: str) -> str:
    """Return the address of the page before or after *cursor*, with all else that was asked for."""
    pairs = parse_qsl(exchange.request.scope["query_string"].decode("ascii"), keep_blank_values=True)
    kept = [pair for pair in pairs if pair[0] not in ("starting_after", "ending_before")]
    return f"{exchange.base_url}{PREFIX}{exchange.path}?{urlencode([*kept, (name, cursor)])}"


def created(visit: Visit, query: ResourceQuery, payload: Mapping[str, Any], type_name: str) -> Response:
    """Return the answer to an action that was done, now or by its key before."""
    case, exchange = payload["case"], visit.exchange
    found = case if type_name == "case" else payload["action"]
    compound = CompoundDocument(query.wanted, exchange.base_url, str(case.get("id", visit.ids[0] if visit.ids else "")))
    resource = compound.one(type_name, found)
    address = resource["links"]["self"]
    document = {"links": {"self": address}, "data": resource, "meta": {"replayed": payload["replayed"]}}
    return exchange.answer(201, document | _included(compound), {"Location": address, **tag_of(case)})


def _included(compound: CompoundDocument) -> dict[str, Any]:
    included = compound.included()
    return {} if included is None else {"included": included}


def tag_of(case: Mapping[str, Any]) -> dict[str, str]:
    """Return the entity tag of a case, which is its version."""
    return {"ETag": f'"{case["version"]}"'}


def retry_after(errors: Sequence[Mapping[str, Any]]) -> dict[str, str]:
    """Return the header that says when to come back, where the errors of an operation do."""
    waits = [error["extensions"]["retryAfterMs"] for error in errors if "retryAfterMs" in error["extensions"]]
    return {"Retry-After": str(max(waits) // 1000)} if waits else {}


def is_of(found: Mapping[str, Any], case_id: str) -> bool:
    """Tell whether an action is of the case whose address was asked for."""
    case = found["case"]
    return case is not None and str(case["id"]) == case_id.lower()
