"""Answers of JSON:API: one resource, a page of them, or one that was made, with their links and headers."""

from collections.abc import Mapping, Sequence
from functools import lru_cache, partial
from typing import Any, NamedTuple
from urllib.parse import quote_plus, unquote_plus

from starlette.responses import Response
from strawberry.utils.str_converters import to_snake_case

from app.api.deprecation_warnings import format_warnings
from app.api.http.writing import written
from app.api.record import Record
from app.domain.facts import Actor
from app.jsonapi.exchange import VERSION, ResourceExchange
from app.jsonapi.operations import Listing
from app.jsonapi.parameters import PAGING, QUERIES_KEPT, QUERY_LENGTH_KEPT, ResourceQuery
from app.jsonapi.resource_objects import CompoundDocument
from app.jsonapi.resources import PREFIX
from app.jsonapi.results import page_links

_IN_FAMILY = {meaning: quote_plus(name) for name, meaning in PAGING.items() if name != meaning}
_CURSORS = frozenset(name for name, meaning in PAGING.items() if meaning != "limit")


class Visit(NamedTuple):
    """One request on its way: who sends it, and the ids in its address.

    `requires_version`: who decides has to name the override and the version that they have read. `has_case_files`:
    they can download the case file of a case that they are shown.
    """

    exchange: ResourceExchange
    record: Record
    actor: Actor
    ids: Sequence[str] = ()
    requires_version: bool = True
    has_case_files: bool = False


def _compound(visit: Visit, query: ResourceQuery, case_id: str) -> CompoundDocument:
    return CompoundDocument(query.wanted, visit.exchange.base_url, case_id, has_case_files=visit.has_case_files)


async def single(
    visit: Visit, type_name: str, query: ResourceQuery, found: Mapping[str, Any], version: int | None = None
) -> Response:
    """Return one resource as the answer; *version*: the case's, for its tag."""
    case_id = visit.ids[0] if type_name == "case_action" else ""
    compound = _compound(visit, query, case_id)
    resource = compound.one(type_name, found)
    document = {"links": {"self": visit.exchange.address}, "data": resource}
    return visit.exchange.shown(await _written(visit, document, compound), version)


async def page_of(
    visit: Visit,
    listing: Listing,
    query: ResourceQuery,
    connection: Mapping[str, Any],
    case_id: str = "",
    version: int | None = None,
) -> Response:
    """Return a page of a list as the answer; *version*: that of the case whose it is, for its tag."""
    exchange = visit.exchange
    compound = _compound(visit, query, case_id)
    resources = compound.many(listing.type_name, connection["nodes"])
    meta = {"count": len(resources)} | ({"total": connection["totalCount"]} if query.with_total else {})
    links = {"self": exchange.address} | page_links(connection["pageInfo"], partial(_beside, exchange, query.named))
    document = {"links": links, "data": resources, "meta": meta}
    return visit.exchange.shown(await _written(visit, document, compound), version)


def _beside(exchange: ResourceExchange, named: Mapping[str, str], meaning: str, cursor: str) -> str:
    """Return the address of the page before or after *cursor*, with all else that was asked for as it was written.

    Its parameters are of the family of names that those of this page are of.
    """
    query = exchange.query
    kept = (_kept if len(query) <= QUERY_LENGTH_KEPT else _kept.__wrapped__)(query)
    name = _IN_FAMILY[meaning] if any(name.startswith("page[") for name in named.values()) else meaning
    return f"{exchange.base_url}{PREFIX}{exchange.path}?{kept}{name}={quote_plus(cursor)}"


# Few of them are ever sent; a long one is one client's own, and is not kept.
@lru_cache(QUERIES_KEPT)
def _kept(query: str) -> str:
    """Return what a query asks for beside the cursor, with what parts it from more."""
    pairs = [pair for pair in query.split("&") if pair and unquote_plus(pair.partition("=")[0]) not in _CURSORS]
    return "".join(f"{pair}&" for pair in pairs)


async def created(visit: Visit, query: ResourceQuery, payload: Mapping[str, Any], type_name: str) -> Response:
    """Return the answer to an action that was done, now or by its key before."""
    case = payload["case"]
    found = case if type_name == "case" else payload["action"]
    case_id = str(case.get("id", visit.ids[0] if visit.ids else ""))
    compound = _compound(visit, query, case_id)
    resource = compound.one(type_name, found)
    address = resource["links"]["self"]
    document = {"links": {"self": address}, "data": resource, "meta": {"replayed": payload["replayed"]}}
    return await answered(visit, 201, document, compound, {"Location": address, **tag_of(case)})


async def answered(
    visit: Visit, status: int, document: Mapping[str, Any], compound: CompoundDocument, headers: Mapping[str, str]
) -> Response:
    """Return what was made as the answer."""
    return visit.exchange.answer(status, await _written(visit, document, compound), headers)


async def _written(visit: Visit, document: Mapping[str, Any], compound: CompoundDocument) -> bytes | memoryview:
    """Return a document with what it includes, written within the operation's budget. Raises: as `written`."""
    whole: dict[str, Any] = {"jsonapi": VERSION, **document}
    included = compound.included()
    if included is not None:
        whole["included"] = included
    operation = visit.record.operation
    if operation is not None and operation.deprecated:
        found = format_warnings(operation.deprecated, visit.exchange.language)
        warnings = [{to_snake_case(name): value for name, value in warning.items()} for warning in found]
        whole["meta"] = {**whole.get("meta", {}), "warnings": warnings}
    assert visit.record.budget is not None
    return await written(whole, visit.record.budget)


def tag_of(case: Mapping[str, Any]) -> dict[str, str]:
    """Return the entity tag of a case after an action, which is its version."""
    return {"ETag": f'"{case["version"]}"'}


def retry_after(errors: Sequence[Mapping[str, Any]]) -> dict[str, str]:
    """Return the header that says when to come back, where the errors of an operation do."""
    waits = [error["extensions"]["retryAfterMs"] for error in errors if "retryAfterMs" in error["extensions"]]
    return {"Retry-After": str(max(waits) // 1000)} if waits else {}


def is_of(found: Mapping[str, Any], case_id: str) -> bool:
    """Tell whether an action is of the case whose address was asked for."""
    case = found["case"]
    return case is not None and str(case["id"]) == case_id.lower()
