"""Resources as SCIM shows them: users, groups, lists, and the attributes that a client asks for."""

import hashlib
from collections.abc import Collection, Iterable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

import orjson

from app.db.repository.directory import DirectoryUser, GroupMember, GroupRow
from app.domain.model import Role
from app.scim.filters import CORE_SCHEMAS, without_schema

PREFIX = "/scim/v2"
USER_SCHEMA, GROUP_SCHEMA = CORE_SCHEMAS
LIST_SCHEMA = "urn:ietf:params:scim:api:messages:2.0:ListResponse"
PATCH_SCHEMA = "urn:ietf:params:scim:api:messages:2.0:PatchOp"
ERROR_SCHEMA = "urn:ietf:params:scim:api:messages:2.0:Error"

Resource = dict[str, Any]
Groups = Mapping[Role, GroupRow]
"""The directory's groups by the roles that they give."""

_ALWAYS = frozenset({"id", "schemas"})


def user_resource(user: DirectoryUser, groups: Groups, base_url: str) -> Resource:
    """Return a person as a resource."""
    entry = user.entry
    name = {"givenName": entry.given_name, "familyName": entry.family_name}
    parts = {key: value for key, value in name.items() if value is not None}
    resource: Resource = {
        "schemas": [USER_SCHEMA],
        "id": str(user.id),
        **({} if entry.external_id is None else {"externalId": entry.external_id}),
        "userName": user.user_name,
        "displayName": user.display_name,
        **({"name": {**parts, "formatted": composed_name(entry.given_name, entry.family_name)}} if parts else {}),
        "emails": [{"value": user.email, "type": "work", "primary": True}],
        "active": user.active,
        "groups": [
            {
                "value": str(group.id),
                "display": group.name,
                "type": "direct",
                "$ref": _address(base_url, "Groups", group.id),
            }
            for role, group in groups.items()
            if role in user.roles
        ],
    }
    return _with_meta(resource, "User", user.created_at, user.changed_at, base_url)


def composed_name(given: str | None, family: str | None) -> str:
    return " ".join(part for part in (given, family) if part)


def group_resource(group: GroupRow, members: Iterable[GroupMember] | None, base_url: str) -> Resource:
    """Return a group as a resource; *members* is None where they are not asked for."""
    resource: Resource = {
        "schemas": [GROUP_SCHEMA],
        "id": str(group.id),
        **({} if group.external_id is None else {"externalId": group.external_id}),
        "displayName": group.name,
    }
    if members is not None:
        resource["members"] = [
            {
                "value": str(member.user_id),
                "display": member.display_name,
                "type": "User",
                "$ref": _address(base_url, "Users", member.user_id),
            }
            for member in members
        ]
    whole = _with_meta(resource, "Group", group.created_at, group.updated_at, base_url)
    if members is None:  # who is in it makes another version of it
        del whole["meta"]["version"]
    return whole


def _with_meta(resource: Resource, kind: str, created: datetime, changed: datetime, base_url: str) -> Resource:
    digest = hashlib.sha256(orjson.dumps(resource)).hexdigest()[:32]
    meta = {
        "resourceType": kind,
        "created": _instant(created),
        "lastModified": _instant(changed),
        "location": _address(base_url, f"{kind}s", resource["id"]),
        "version": f'W/"{digest}"',
    }
    return {**resource, "meta": meta}


def _instant(moment: datetime) -> str:
    return moment.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def _address(base_url: str, kind: str, id: UUID | str) -> str:
    return f"{base_url}{PREFIX}/{kind}/{id}"


def list_response(resources: Sequence[Resource], total: int, start: int) -> Resource:
    """Return a page of a list, which begins at the place *start*, counted from 1."""
    return {
        "schemas": [LIST_SCHEMA],
        "totalResults": total,
        "startIndex": start,
        "itemsPerPage": len(resources),
        "Resources": resources,
    }


# --- What a client asks for ------------------------------------------------------------------------------------------


class Projection:
    """The attributes that a client wants to see (RFC 7644, section 3.9): those named, or all but those named."""

    def __init__(self, wanted: str | None, unwanted: str | None) -> None:
        self._wanted, self._unwanted = _names(wanted), _names(unwanted)

    def shows(self, attribute: str) -> bool:
        """Tell whether any of an attribute is to be seen."""
        name = attribute.lower()
        if name in self._unwanted:
            return False
        return not self._wanted or any(wanted.partition(".")[0] == name for wanted in self._wanted)

    def of(self, resource: Resource) -> Resource:
        """Return what is to be seen of *resource*; its id and its schemas always are."""
        shown = {}
        for name, value in resource.items():
            if name in _ALWAYS:
                shown[name] = value
            elif self.shows(name):
                shown[name] = self._part(name.lower(), value)
        return shown

    def _part(self, name: str, value: Any) -> Any:
        if isinstance(value, list):
            return [self._part(name, item) for item in value]
        if not isinstance(value, dict):
            return value
        wanted = self._wanted and name not in self._wanted
        return {
            part: inner
            for part, inner in value.items()
            if f"{name}.{part.lower()}" not in self._unwanted
            and (not wanted or f"{name}.{part.lower()}" in self._wanted)
        }


def _names(text: str | None) -> Collection[str]:
    """Return the names of a list, in lower case; it may name the core schema before each."""
    return frozenset(without_schema(name.strip()).lower() for name in (text or "").split(",") if name.strip())
