"""The OpenAPI 3.1 document of the JSON:API addresses, made of the tables that requests are read by."""

from collections.abc import Mapping, Sequence
from functools import cache
from typing import Any

import orjson

from app.api.pagination import PAGE_DEFAULT, PAGE_MAX
from app.i18n import WORDS
from app.jsonapi.examples import CASE_EXAMPLE, EXAMPLES, RESULT_EXAMPLE
from app.jsonapi.negotiation import JSON_API
from app.jsonapi.openapi_schemas import (
    Schema,
    object_schema,
    other_schemas,
    reference,
    request_schemas,
    resource_schema,
    result_schemas,
    warnings_schema,
)
from app.jsonapi.operations import ACTIONS, CASES, DOCUMENTS, OVERRIDES, USERS, Listing
from app.jsonapi.resources import PREFIX, TYPES, ResourceType
from app.jsonapi.translation import VERSION_TAG
from app.web.negotiation import JSON

_READING = (400, 401, 403, 404, 406, 415, 429, 500, 503)
_WRITING = (400, 401, 403, 404, 406, 408, 409, 410, 412, 413, 415, 422, 429, 500, 503)
_SINGLES = {
    "override": "overrides",
    "user": "users",
    "comment": "comments",
    "subject": "subjects",
    "document": "documents",
}


@cache
def openapi_json() -> bytes:
    """Return the document as it is sent."""
    return orjson.dumps(openapi_document())


def openapi_document() -> Schema:
    """Return the document."""
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "Casegate: JSON:API",
            "version": "1",
            "description": "Cases, their actions, overrides, documents and people as resources of JSON:API 1.1. Each"
            " request is one operation of the GraphQL schema, with its checks, limits and log.",
        },
        "servers": [{"url": PREFIX}],
        "security": [{"token": []}],
        "paths": _paths(),
        "components": {
            "securitySchemes": {"token": {"type": "http", "scheme": "bearer"}},
            "schemas": {type_.name: resource_schema(type_) for type_ in TYPES.values()}
            | request_schemas()
            | other_schemas(),
            "responses": {f"error_{status}": _error_response(status) for status in _statuses()},
            "headers": _headers(),
            "parameters": _common_parameters(),
        },
    }


# --- Paths -----------------------------------------------------------------------------------------------------------


def _paths() -> Schema:
    paths: Schema = {
        "/cases": {
            "get": _listing(CASES, "List cases, the newest first."),
            "post": _writing("case", "Open a case.", "case_request", {"a case": CASE_EXAMPLE}),
        },
        "/cases/{uuid}": {"get": _single("case", "Read a case.")},
        "/cases/{uuid}/actions": {
            "get": _listing(ACTIONS, "List a case's log, the newest row first.", is_of_case=True),
            "post": _writing(
                "case_action", "Do an action on a case.", "case_action_request", EXAMPLES, is_of_case=True
            ),
        },
        "/cases/{uuid}/overrides": {
            "get": _listing(OVERRIDES, "List a case's overrides, newest first.", is_of_case=True)
        },
        "/cases/{uuid}/documents": {
            "get": _listing(DOCUMENTS, "List the files of a case's comments, newest first.", is_of_case=True)
        },
        "/cases/{uuid}/actions/{action}": {"get": _single("case_action", "Read a row of a case's log.", "action")},
        "/users": {"get": _listing(USERS, "List the account's people, the newest first.")},
        "/documents": {"post": _upload()},
        "/evaluations": {"post": _recording()},
        "/documents/{uuid}/content": {"get": _content()},
    }
    for type_name, name in _SINGLES.items():
        paths[f"/{name}/{{uuid}}"] = {"get": _single(type_name, f"Read one of the {name}.")}
    return paths


def _single(type_name: str, summary: str, *ids: str) -> Schema:
    parameters = [_id_parameter("uuid"), *(_id_parameter(name) for name in ids), *_showing(type_name)]
    return _reading(summary, parameters, _success(type_name))


def _reading(summary: str, parameters: Sequence[Schema], success: Schema) -> Schema:
    """Return an operation that is not answered in full to who has its answer already."""
    known = {"description": "The answer is the one that you have.", "headers": _header_references()}
    shown = [*parameters, reference("parameters", "if_none_match")]
    return _operation(summary, shown, {"200": success, "304": known}, _READING)


def _listing(listing: Listing, summary: str, *, is_of_case: bool = False) -> Schema:
    parameters = [_id_parameter("uuid")] if is_of_case else []
    parameters += [*_showing(listing.type_name), *(reference("parameters", name) for name in _paging())]
    for name, filter_ in listing.filters.items():
        # Several values are parted by commas: the style that OpenAPI calls form, not exploded.
        style = {"style": "form", "explode": False}
        parameters.append(_query_parameter(f"filter[{name}]", filter_.description, dict(filter_.schema)) | style)
    return _reading(summary, parameters, _success(listing.type_name, is_many=True))


def _writing(
    type_name: str, summary: str, request: str, examples: Mapping[str, Any], *, is_of_case: bool = False
) -> Schema:
    parameters = [_id_parameter("uuid")] if is_of_case else []
    parameters += [*_showing(type_name), reference("parameters", "idempotency_key")]
    parameters += [reference("parameters", "if_match")] if is_of_case else []
    shown = {"schema": reference("schemas", request), "examples": {k: {"value": v} for k, v in examples.items()}}
    operation = _operation(summary, parameters, {"201": _created(type_name)}, _WRITING)
    return operation | {"requestBody": {"required": True, "content": {JSON_API: shown, JSON: shown}}}


def _recording() -> Schema:
    one, several = result_schemas()
    shown = {"schema": reference("schemas", "evaluation_request"), "examples": {"a result": {"value": RESULT_EXAMPLE}}}
    done = _success("subject", meta=one)
    many = _success("subject", is_many=True, meta=several, has_links=False)["content"][JSON_API]["schema"]
    either = {"schema": {"oneOf": [done["content"][JSON_API]["schema"], many]}}
    found = {"200": done | {"content": {JSON_API: either, JSON: either}}, "201": _created("subject", meta=one)}
    parameters = [*_showing("subject"), reference("parameters", "idempotency_key")]
    operation = _operation("Record the result of a check, or of up to 100.", parameters, {}, _WRITING)
    operation["responses"] = found | operation["responses"]
    return operation | {"requestBody": {"required": True, "content": {JSON_API: shown, JSON: shown}}}


def _upload() -> Schema:
    named = _query_parameter("filename", "The file's name.", {"type": "string"})
    operation = _operation("Upload a document.", [named], {"201": _created("document")}, _WRITING)
    binary = {"schema": {"type": "string", "format": "binary"}}
    return operation | {"requestBody": {"required": True, "content": {"application/octet-stream": binary}}}


def _content() -> Schema:
    moved = {
        "description": "The content is at the address in `Location`, for five minutes.",
        "headers": {"Location": {"schema": {"type": "string"}}},
    }
    summary = "Read a document's content."
    return _operation(summary, [_id_parameter("uuid")], {"307": moved}, (*_READING, 410))


def _operation(summary: str, parameters: Sequence[Schema], found: Schema, statuses: Sequence[int]) -> Schema:
    errors = {str(status): reference("responses", f"error_{status}") for status in statuses}
    common = [reference("parameters", "accept_language")]
    return {"summary": summary, "parameters": [*parameters, *common], "responses": found | errors}


# --- Parameters ------------------------------------------------------------------------------------------------------


def _id_parameter(name: str) -> Schema:
    return {"name": name, "in": "path", "required": True, "schema": {"type": "string", "format": "uuid"}}


def _query_parameter(name: str, description: str, schema: Schema) -> Schema:
    return {"name": name, "in": "query", "description": description, "schema": schema}


def _showing(type_name: str) -> list[Schema]:
    """Return the parameters that say what an answer shows."""
    paths = [".".join(path) for path in _include_paths(TYPES[type_name], 2)]
    found = []
    if paths:
        words = "Related resources to include, by paths of relationships, up to four long; parted by commas."
        schema = {"type": "array", "items": {"type": "string", "enum": paths}}
        found = [_query_parameter("include", words, schema) | {"style": "form", "explode": False}]
    names = {type_name} | {_end(TYPES[type_name], path) for path in _include_paths(TYPES[type_name], 2)}
    for name in sorted(names):
        schema = {"type": "array", "items": {"type": "string", "enum": TYPES[name].members}}
        words = f"The attributes and relationships to show of each {name}."
        found.append(_query_parameter(f"fields[{name}]", words, schema) | {"style": "form", "explode": False})
    return found


def _include_paths(type_: ResourceType, depth: int) -> list[list[str]]:
    found = []
    for name, relationship in type_.relationships.items():
        found.append([name])
        if depth > 1:
            found += [[name, *path] for path in _include_paths(TYPES[relationship.type], depth - 1)]
    return found


def _end(type_: ResourceType, path: Sequence[str]) -> str:
    for name in path:
        type_ = TYPES[type_.relationships[name].type]
    return type_.name


def _paging() -> dict[str, Schema]:
    size = {"type": "integer", "minimum": 1, "maximum": PAGE_MAX, "default": PAGE_DEFAULT}
    cursor, after, before = {"type": "string"}, "A cursor, as `links.next` has it.", "A cursor, as `links.prev` has it."
    return {
        "limit": _query_parameter("limit", "How many; the same as `page[size]`.", size),
        "starting_after": _query_parameter("starting_after", f"{after} The same as `page[after]`.", cursor),
        "ending_before": _query_parameter("ending_before", f"{before} The same as `page[before]`.", cursor),
        "page_size": _query_parameter("page[size]", "How many.", size),
        "page_after": _query_parameter("page[after]", after, cursor),
        "page_before": _query_parameter("page[before]", before, cursor),
        "with_total": _query_parameter("with_total", "Whether to count the whole list.", {"type": "boolean"}),
    }


def _common_parameters() -> Schema:
    def header(name: str, description: str, schema: Schema) -> Schema:
        return {"name": name, "in": "header", "description": description, "schema": schema}

    key = {"type": "string", "pattern": "^[A-Za-z0-9_-]{1,128}$"}
    tag = {"type": "string", "pattern": f"^({VERSION_TAG.pattern}|\\*)$"}
    return _paging() | {
        "idempotency_key": header("Idempotency-Key", "The same key does nothing twice.", key),
        "if_match": header("If-Match", "The version that the case must have, as its `ETag`.", tag),
        "if_none_match": header("If-None-Match", "The `ETag` of an answer that you have.", {"type": "string"}),
        "accept_language": header("Accept-Language", "`en` or `fr`.", {"type": "string"}),
    }


# --- Responses -------------------------------------------------------------------------------------------------------


def _success(type_name: str, *, is_many: bool = False, meta: Schema | None = None, has_links: bool = True) -> Schema:
    resource = reference("schemas", type_name)
    integer = {"type": "integer", "minimum": 0}
    shown = meta or object_schema({"count": integer, "total": integer, "replayed": {"type": "boolean"}})
    members = {
        "jsonapi": reference("schemas", "jsonapi"),
        **({"links": reference("schemas", "links")} if has_links else {}),
        "data": {"type": "array", "items": resource} if is_many else resource,
        "included": reference("schemas", "included"),
        "meta": shown | {"properties": shown["properties"] | {"warnings": warnings_schema()}},
    }
    content = {"schema": object_schema(members, ["jsonapi", *(["links"] if has_links else []), "data"])}
    return {"description": "Done.", "headers": _header_references(), "content": {JSON_API: content, JSON: content}}


def _created(type_name: str, meta: Schema | None = None) -> Schema:
    response = _success(type_name, meta=meta)
    return response | {"headers": response["headers"] | {"Location": {"schema": {"type": "string"}}}}


def _error_response(status: int) -> Schema:
    errors = {"type": "array", "minItems": 1, "items": reference("schemas", "error")}
    content = {
        "schema": object_schema({"jsonapi": reference("schemas", "jsonapi"), "errors": errors}, ["jsonapi", "errors"])
    }
    words = next(iter(WORDS.values()))["titles"][str(status)]
    return {"description": f"{words}.", "headers": _header_references(), "content": {JSON_API: content, JSON: content}}


def _statuses() -> list[int]:
    return sorted({*_READING, *_WRITING, 405})


def _headers() -> Schema:
    string = {"schema": {"type": "string"}}
    return dict.fromkeys(
        ("Content-Language", "ETag", "RateLimit", "RateLimit-Policy", "Retry-After", "X-Request-ID"), string
    )


def _header_references() -> Schema:
    return {name: reference("headers", name) for name in _headers()}
