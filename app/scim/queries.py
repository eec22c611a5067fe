"""The parameters of an address: which people or groups, which page of them, and what is seen of each."""

from collections.abc import Mapping
from typing import NamedTuple

from app.db.repository.directory import UserAttribute, UserCondition
from app.domain.errors import Detail, InvalidInput, MessageWord
from app.scim.discovery import PAGE_MAX
from app.scim.documents import Document
from app.scim.filters import Equality, parse_filter
from app.scim.problems import ScimRefused, ScimType, refused
from app.scim.resources import Projection

PAGE_DEFAULT = 100
START_MAX = 2**31 - 1

_USER_ATTRIBUTES: Mapping[str, UserAttribute] = {
    **{attribute.lower(): attribute for attribute in UserAttribute},
    "emails": UserAttribute.EMAIL,
}
_GROUP_ATTRIBUTES = {"id": "id", "displayname": "displayName", "externalid": "externalId"} | dict.fromkeys(
    ("members", "members.value"), "members.value"
)
_ONLY_EMAIL = {"emails.type": "work", "emails.primary": True}
"""What is so of every address."""

NO_ONE = UserCondition(UserAttribute.ID, "")


Parameters = Mapping[str, str]
"""The parameters of an address, by name."""


def searched(body: Document) -> Parameters:
    """Return what a search by POST asks for (RFC 7644, section 3.4.3) as the parameters of an address.

    Raises: ScimRefused.
    """
    known = {name.lower(): name for name in ("filter", "startIndex", "count", "attributes", "excludedAttributes")}
    found = {}
    for name, value in body.items():
        if name.lower() in known and value is not None:
            parts = value if isinstance(value, list) else [value]
            if not all(isinstance(part, str | int) for part in parts):
                raise refused(ScimType.INVALID_VALUE, "scim_parameter", name)
            found[known[name.lower()]] = ",".join(map(str, parts))
    return found


class ListQuery(NamedTuple):
    """A page of a list: its first place, counted from 1, and how many at most."""

    start: int
    size: int
    comparisons: list[Equality]
    projection: Projection


def projection_of(parameters: Parameters) -> Projection:
    return Projection(parameters.get("attributes"), parameters.get("excludedAttributes"))


def list_query(parameters: Parameters) -> ListQuery:
    """Return what a list is asked for. Raises: ScimRefused."""
    text = parameters.get("filter")
    comparisons = [] if text is None else parse_filter(text)
    start = min(max(_number(parameters, "startIndex", 1), 1), START_MAX)
    # RFC 7644, section 3.4.2.4: less than none is none, and no more come than the server gives.
    size = min(max(_number(parameters, "count", PAGE_DEFAULT), 0), PAGE_MAX)
    return ListQuery(start, size, comparisons, projection_of(parameters))


def _number(parameters: Parameters, name: str, default: int) -> int:
    text = parameters.get(name, "").strip()
    if not text:
        return default
    if not (text.removeprefix("-").isdecimal() and text.isascii()):
        detail = Detail("json_type", {"found": MessageWord("json_string"), "expected": MessageWord("json_integer")})
        raise ScimRefused(ScimType.INVALID_VALUE, InvalidInput(name, detail=detail))
    return int(text[:18])  # so many digits are beyond what is counted, and one more makes no difference


def user_conditions(comparisons: list[Equality]) -> list[UserCondition]:
    """Return which people are wanted. Raises: ScimRefused, for what they can't be looked for by."""
    found = [_user_condition(comparison) for comparison in comparisons]
    return [condition for condition in found if condition is not None]


def _user_condition(comparison: Equality) -> UserCondition | None:
    """Return a condition, None where it holds for everybody."""
    name, value = comparison
    if name in _ONLY_EMAIL:
        return None if str(value).lower() == str(_ONLY_EMAIL[name]).lower() else NO_ONE
    attribute = _USER_ATTRIBUTES.get(name)
    if attribute is None:
        raise _unknown(name, ", ".join(UserAttribute))
    if attribute is UserAttribute.ACTIVE:
        return UserCondition(attribute, _boolean(value))
    return UserCondition(attribute, _text(name, value))


def group_conditions(comparisons: list[Equality]) -> list[tuple[str, str]]:
    """Return which groups are wanted: attributes and their values. Raises: ScimRefused, as `user_conditions`."""
    found = []
    for name, value in comparisons:
        if name not in _GROUP_ATTRIBUTES:
            raise _unknown(name, ", ".join(dict.fromkeys(_GROUP_ATTRIBUTES.values())))
        found.append((_GROUP_ATTRIBUTES[name], _text(name, value)))
    return found


def _unknown(name: str, accepted: str) -> ScimRefused:
    return refused(ScimType.INVALID_FILTER, "scim_filter_attribute", found=name, accepted=accepted)


def _text(name: str, value: object) -> str:
    if not isinstance(value, str):
        raise refused(ScimType.INVALID_FILTER, "scim_filter", found=f"{name} eq {value}")
    return value


def _boolean(value: object) -> bool:
    if str(value).lower() not in ("true", "false"):
        raise refused(ScimType.INVALID_FILTER, "scim_boolean", "active")
    return str(value).lower() == "true"
