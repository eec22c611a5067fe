"""The schemas of the OpenAPI document: resources, requests and errors, by the types of the GraphQL schema."""

from collections.abc import Mapping, Sequence
from typing import Any

from graphql import (
    GraphQLEnumType,
    GraphQLInputObjectType,
    GraphQLList,
    GraphQLNonNull,
    GraphQLObjectType,
    get_named_type,
    get_nullable_type,
)

from app.api.inputs.evaluations import EVALUATIONS_MAX
from app.api.schema import CORE
from app.domain.model import ActionType
from app.domain.validation import VERSION_MAX
from app.jsonapi.action_inputs import REQUESTED, attributes_of, input_type, relationships_of
from app.jsonapi.evaluations import MEMBERS, TYPE
from app.jsonapi.evaluations import input_type as input_type_of_evaluation
from app.jsonapi.relationships import RELATIONSHIPS, ToMany
from app.jsonapi.resources import ACTION_TYPES, TYPES, ResourceType
from app.jsonapi.translation import SUBJECT_MEMBERS

Schema = dict[str, Any]

_LINK: Schema = {"type": "string"}
_OBJECT: Schema = {"type": "object"}
_BESIDE: Schema = {"links": _OBJECT, "meta": _OBJECT}
"""What JSON:API has beside what is asked for: it says nothing here."""
_SCALARS: Mapping[str, Schema] = {
    "ID": {"type": "string", "format": "uuid"},
    "String": {"type": "string"},
    "Int": {"type": "integer"},
    "Boolean": {"type": "boolean"},
    "IBAN": {"type": "string"},
    "DateTime": {"type": "string", "format": "date-time"},
}


def reference(kind: str, name: str) -> Schema:
    return {"$ref": f"#/components/{kind}/{name}"}


def typed(type_: Any) -> Schema:
    """Return the schema of a value of a GraphQL type."""
    may_be_null = not isinstance(type_, GraphQLNonNull)
    type_ = get_nullable_type(type_)
    match type_:
        case GraphQLList():
            schema: Schema = {"type": "array", "items": typed(type_.of_type)}
        case GraphQLEnumType():
            schema = {"type": "string", "enum": list(type_.values)}
        case GraphQLInputObjectType():
            schema = _subject(type_)
        case _:
            schema = dict(_SCALARS[type_.name])
    return nullable(schema) if may_be_null else schema


def nullable(schema: Schema) -> Schema:
    """Return the schema of a value that may be null too."""
    if isinstance(schema["type"], list):
        return schema
    enum = {"enum": [*schema["enum"], None]} if "enum" in schema else {}
    return schema | enum | {"type": [schema["type"], "null"]}


def resource_schema(type_: ResourceType) -> Schema:
    """Return the schema of a resource as answers have it."""
    object_type = CORE.type_map[type_.object_type]
    assert isinstance(object_type, GraphQLObjectType)
    attributes = {name: _attribute_schema(object_type, path.split(".")) for name, path in type_.attributes.items()}
    for name in type_.on_request.intersection(attributes):
        attributes[name]["description"] += f" Only where `fields[{type_.name}]` names it."
    if "action_type" in attributes:
        attributes["action_type"] = {"type": "string", "enum": list(ACTION_TYPES)}
    relationships = {name: reference("schemas", "relationship") for name in [*type_.relationships, *type_.related]}
    return object_schema(
        {
            "type": {"const": type_.name},
            "id": _SCALARS["ID"],
            "attributes": object_schema(attributes),
            "relationships": object_schema(relationships),
            "links": object_schema({"self": _LINK, **dict.fromkeys(type_.links, _LINK), **_case_file(type_)}, ["self"]),
        },
        ["type", "id", "attributes", "links"],
    ) | {"description": object_type.description}


def _attribute_schema(type_: GraphQLObjectType, path: Sequence[str]) -> Schema:
    """Return the schema of a field's value, or of one of a field inside it, which is null where that is."""
    field = type_.fields[path[0]]
    if len(path) == 1:
        return typed(field.type) | {"description": field.description}
    object_type = get_named_type(field.type)
    assert isinstance(object_type, GraphQLObjectType) and not isinstance(field.type, GraphQLNonNull)
    inner = _attribute_schema(object_type, path[1:])
    return nullable(inner) | {"description": f"{inner['description']} Part of `{path[0]}`: {field.description}"}


def _case_file(type_: ResourceType) -> Schema:
    if type_.case_file is None:
        return {}
    description = "Where its case file is downloaded as a PDF, by the same token; only where the gateway makes them."
    return {"case_file": {"type": "string", "description": description}}


def object_schema(properties: Schema, required: Sequence[str] = ()) -> Schema:
    schema: Schema = {"type": "object", "properties": properties, "additionalProperties": False}
    return schema | ({"required": list(required)} if required else {})


def request_schemas() -> Schema:
    """Return the schemas of what is sent."""
    actions = [_action_request(name) for name in REQUESTED]
    case = _request("case", _attribute_schemas(ActionType.OPEN), _required(ActionType.OPEN), {})
    return {"case_request": case, "case_action_request": {"oneOf": actions}, "evaluation_request": _evaluations()}


def _evaluations() -> Schema:
    """Return the schema of one result, or of several."""
    fields = input_type_of_evaluation(is_list=True).fields
    attributes = {here: _described(fields[name]) for here, name in MEMBERS.items()}
    attributes["expected_version"] |= {"minimum": 0, "maximum": VERSION_MAX}
    required = [here for here, name in MEMBERS.items() if isinstance(fields[name].type, GraphQLNonNull)]
    members = {"type": {"const": TYPE}, "lid": {"type": "string"}, "attributes": object_schema(attributes, required)}
    one = object_schema(members | _BESIDE, ["type", "attributes"])
    several = {"type": "array", "items": one, "minItems": 1, "maxItems": EVALUATIONS_MAX}
    return _top_level({"oneOf": [one, several]})


def result_schemas() -> tuple[Schema, Schema]:
    """Return the schemas of what `meta` says of one result, and of several."""
    truth, text, id_ = {"type": "boolean"}, {"type": "string"}, {"type": ["string", "null"], "format": "uuid"}
    said = object_schema(
        {
            "status_before": {"type": ["string", "null"]},
            "status_after": text,
            "subject_version": {"type": "integer"},
            "changed": {"type": "array", "items": text},
            "replaced_override": id_,
        }
    )
    members = {"replayed": truth, "changed": truth, "case": id_, "action": id_}
    members["evaluation"] = {"anyOf": [said, {"type": "null"}]}
    errors = {"type": "array", "items": reference("schemas", "error")}
    item = object_schema({"subject": id_, "errors": errors, **members})
    return object_schema(members), object_schema({"results": {"type": "array", "items": item}}, ["results"])


def warnings_schema() -> Schema:
    """Return the schema of what `meta` says of deprecated members that the request used."""
    text = {"type": "string"}
    members: Schema = dict.fromkeys(("code", "message", "coordinate", "replacement"), text)
    item = object_schema(members | {"removed_after": text | {"format": "date"}})
    return {"type": "array", "items": item}


def _action_request(name: str) -> Schema:
    action = ACTION_TYPES[name]
    attributes = {"action_type": {"const": name}} | _attribute_schemas(action)
    relationships = {
        relationship: _linkage(RELATIONSHIPS[field]) for relationship, field in relationships_of(action).items()
    }
    related = {
        RELATIONSHIPS[field].name: here for here, field in attributes_of(action).items() if field in RELATIONSHIPS
    }
    required = [here for here in _required(action) if here not in related.values() and here != "expected_version"]
    return _request("case_action", attributes, ["action_type", *required], relationships)


def _required(action: ActionType) -> list[str]:
    fields = input_type(action).fields
    return [here for here, name in attributes_of(action).items() if isinstance(fields[name].type, GraphQLNonNull)]


def _attribute_schemas(action: ActionType) -> Schema:
    fields = input_type(action).fields
    found = {here: _described(fields[name]) for here, name in attributes_of(action).items()}
    if "expected_version" in found:
        found["expected_version"] |= {"minimum": 0, "maximum": VERSION_MAX}
    return found


def _described(field: Any) -> Schema:
    return typed(field.type) | {"description": field.description}


def _subject(type_: GraphQLInputObjectType) -> Schema:
    fields = type_.fields
    required = [here for here, name in SUBJECT_MEMBERS.items() if isinstance(fields[name].type, GraphQLNonNull)]
    return object_schema({here: _described(fields[name]) for here, name in SUBJECT_MEMBERS.items()}, required)


def _request(type_name: str, attributes: Schema, required: Sequence[str], relationships: Schema) -> Schema:
    data = {"type": {"const": type_name}, "attributes": object_schema(attributes, required)}
    data |= {"relationships": object_schema(relationships)} if relationships else {}
    return _top_level(object_schema(data | {"lid": {"type": "string"}} | _BESIDE, ["type", "attributes"]))


def _top_level(data: Schema) -> Schema:
    return object_schema({"data": data, "jsonapi": _OBJECT, **_BESIDE}, ["data"])


def _linkage(relationship: ToMany) -> Schema:
    identifier = {"type": {"const": relationship.type}, "id": _SCALARS["ID"], "meta": _OBJECT}
    one = object_schema(identifier, ["type", "id"])
    if relationship.is_nullable:
        one = {"anyOf": [one, {"type": "null"}]}
    data = {"type": "array", "items": one} if relationship.is_many else one
    return object_schema({"data": data, **_BESIDE}, ["data"])


def other_schemas() -> Schema:
    identifier = object_schema({"type": {"enum": list(TYPES)}, "id": _SCALARS["ID"]}, ["type", "id"])
    links = {"type": "object", "additionalProperties": {"type": ["string", "null"]}}
    error = {
        **{name: {"type": "string"} for name in ("id", "status", "code", "title", "detail")},
        "source": object_schema({name: {"type": "string"} for name in ("pointer", "parameter", "header")}),
        "links": object_schema({"about": _LINK, "type": _LINK}, ["about", "type"]),
    }
    return {
        "relationship": object_schema(
            {"data": {"anyOf": [identifier, {"type": "array", "items": identifier}, {"type": "null"}]}, "links": links}
        ),
        "jsonapi": object_schema({"version": {"const": "1.1"}}, ["version"]),
        "links": links,
        "included": {"type": "array", "items": {"anyOf": [reference("schemas", name) for name in TYPES]}},
        "error": object_schema(error, ["id", "status", "code", "title", "detail", "links"]),
    }
