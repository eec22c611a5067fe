"""Bodies of requests: what they say of the attributes that are kept, by the names of RFC 7643, whatever their case.

What is not kept here is passed over in whole resources: providers send all that they know of somebody.
"""

from collections.abc import Mapping
from typing import Any

from app.domain.errors import Detail, InvalidInput, MessageWord
from app.scim.filters import without_schema
from app.scim.problems import ScimRefused, ScimType, refused
from app.web.json_kinds import kind_of

Document = dict[str, Any]

USER_ATTRIBUTES = ("userName", "externalId", "displayName", "name", "emails", "active")
GROUP_ATTRIBUTES = ("displayName", "externalId", "members")
READ_ONLY = frozenset({"id", "meta", "groups", "schemas"})
"""In lower case."""

NOT_KEPT = frozenset(
    {
        *("nickname", "profileurl", "title", "usertype", "preferredlanguage", "locale", "timezone", "password"),
        *("phonenumbers", "ims", "photos", "addresses", "entitlements", "roles", "x509certificates"),
    }
)
"""The other attributes of RFC 7643's users, in lower case; what a request says of them is passed over."""

_NAME_PARTS = ("formatted", "givenName", "familyName")
_OF_VALUES = ("value", "type", "primary")


def read_object(body: Any) -> Document:
    """Return a body that must be an object. Raises: ScimRefused."""
    if not isinstance(body, dict):
        raise _wrong_type(ScimType.INVALID_SYNTAX, body, "json_object")
    return body


def whole(body: Document, attributes: tuple[str, ...]) -> Document:
    """Return what a whole resource says of *attributes*, under their own names. Raises: ScimRefused."""
    known = {name.lower(): name for name in attributes}
    found: Document = {}
    for name, value in body.items():
        attribute = known.get(without_schema(name).lower())
        if attribute is not None and value is not None:
            found[attribute] = shaped(attribute, value)
    return found


def shaped(attribute: str, value: Any) -> Any:
    """Return the value of an attribute in its own shape. Raises: ScimRefused."""
    match attribute:
        case "active":
            return _boolean(single(value))
        case "name":
            return _parts(attribute, single(value), _NAME_PARTS)
        case "emails" | "members":
            values = value if isinstance(value, list) else [value]
            return [_parts(attribute, item, _OF_VALUES) for item in values]
    return _text(attribute, single(value))


def single(value: Any) -> Any:
    """Return the value of an attribute that has one: some providers send it as a list of one, or as an object."""
    if isinstance(value, list) and len(value) == 1:
        value = value[0]
    if isinstance(value, dict):
        names = {name.lower() for name in value}
        if "value" in names and names <= {"value", "$ref", "type", "primary"}:
            return next(inner for name, inner in value.items() if name.lower() == "value")
    return value


def _boolean(value: Any) -> bool:
    if isinstance(value, bool):
        return value
    if isinstance(value, str) and value.strip().lower() in ("true", "false"):
        return value.strip().lower() == "true"
    raise refused(ScimType.INVALID_VALUE, "scim_boolean", "active")


def _text(attribute: str, value: Any) -> str:
    if not isinstance(value, str):
        raise _wrong_type(ScimType.INVALID_VALUE, value, "json_string", attribute)
    return value


def _parts(attribute: str, value: Any, names: tuple[str, ...]) -> Mapping[str, Any]:
    """Return the parts of a complex value that are kept; a text alone is its value."""
    if isinstance(value, str) and "value" in names:
        return {"value": value}
    if not isinstance(value, dict):
        raise _wrong_type(ScimType.INVALID_VALUE, value, "json_object", attribute)
    known = {name.lower(): name for name in names}
    found = {known[name.lower()]: inner for name, inner in value.items() if name.lower() in known}
    return {name: _part(f"{attribute}.{name}", inner) for name, inner in found.items() if inner is not None}


def _part(path: str, value: Any) -> Any:
    if path.endswith(".primary"):
        return value is True or (isinstance(value, str) and value.lower() == "true")
    return _text(path, value)


def _wrong_type(kind: ScimType, value: Any, expected: str, *path: str) -> ScimRefused:
    detail = Detail("json_type", {"found": kind_of(value), "expected": MessageWord(expected)})
    return ScimRefused(kind, InvalidInput(*path, detail=detail))
