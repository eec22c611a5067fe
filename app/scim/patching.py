"""PATCH (RFC 7644, section 3.5.2): operations applied to what a resource says, in their order.

Providers differ in spelling: Microsoft Entra capitalises `op`, sends booleans as text, and names paths as the keys of a
value; Okta sends values without a path. All of these mean the same here.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from app.scim.documents import NOT_KEPT, READ_ONLY, Document, read_object, shaped, single
from app.scim.filters import Equality, PatchPath, parse_path
from app.scim.problems import ScimType, refused, written

OPERATIONS_MAX = 1_000

_NAME_PARTS = {"formatted": "formatted", "givenname": "givenName", "familyname": "familyName"}
_EMAIL_PARTS = frozenset({None, "value", "type", "primary", "display"})
_REQUIRED = frozenset({"userName", "emails", "active"})


class PatchOperation(NamedTuple):
    """One change of one attribute; `op` is `add`, `replace` or `remove`. `is_named`: by a path of its own."""

    op: str
    path: PatchPath
    value: Any
    is_named: bool


@dataclass(slots=True)
class Membership:
    """Who is to be in a group, and who not; where it is *cleared* first, nobody else is in it."""

    cleared: bool = False
    members: dict[str, bool] = field(default_factory=dict)

    def apply(self, operation: PatchOperation) -> None:
        """Take one operation on `members`. Raises: ScimRefused."""
        op, path, value, _ = operation
        is_whole = path.part is None or (path.part == "value" and path.where is None and value is not None)
        if not is_whole:  # a member's part is no member, and without it nobody is meant to go
            raise refused(ScimType.INVALID_PATH, "scim_path", found=f"members.{path.part}")
        if path.where is not None:
            if op != "remove":
                raise refused(ScimType.INVALID_PATH, "scim_path", found="members[...]")
            self.members |= dict.fromkeys(_compared_ids(path.where), False)
            return
        ids = [] if value is None else member_ids(value)
        if op == "replace" or (op == "remove" and value is None):
            self.cleared, self.members = True, {}
        self.members |= dict.fromkeys(ids, op != "remove")


def member_ids(value: Any) -> list[str]:
    """Return the ids in a list of members. Raises: ScimRefused."""
    found = []
    for member in shaped("members", value):
        if "value" not in member:
            raise refused(ScimType.INVALID_VALUE, "missing_member", "members", name="value")
        found.append(member["value"])
    return found


def _compared_ids(where: Sequence[Equality]) -> list[str]:
    ids = [value for name, value in where if name == "value" and isinstance(value, str)]
    if len(ids) != len(where):
        raise refused(ScimType.INVALID_PATH, "scim_path", found="members[...]")
    return ids


def operations_of(body: Any) -> Iterator[PatchOperation]:
    """Yield the operations of a request. Raises: ScimRefused."""
    given = _lower(read_object(body)).get("operations")
    if not isinstance(given, list):
        raise refused(ScimType.INVALID_SYNTAX, "missing_member", name="Operations")
    if not given:
        raise refused(ScimType.INVALID_SYNTAX, "items", "Operations", actual=0, minimum=1, maximum=OPERATIONS_MAX)
    if len(given) > OPERATIONS_MAX:
        raise refused(ScimType.TOO_MANY, "length", "Operations", actual=len(given), maximum=OPERATIONS_MAX)
    for item in given:
        yield from _operations(_lower(read_object(item)))


def _operations(item: Mapping[str, Any]) -> Iterator[PatchOperation]:
    op, path, value = item.get("op"), item.get("path"), item.get("value")
    name = op.lower() if isinstance(op, str) else ""
    if name not in ("add", "replace", "remove"):
        raise refused(ScimType.INVALID_SYNTAX, "one_of", "op", found=written(op), accepted="add, replace, remove")
    if path is not None and not isinstance(path, str):
        raise refused(ScimType.INVALID_PATH, "scim_path", found=written(path))
    if path:
        yield PatchOperation(name, parse_path(path), value, is_named=True)
        return
    if name == "remove":
        raise refused(ScimType.NO_TARGET, "missing_member", name="path")
    for key, inner in read_object(value).items():
        yield PatchOperation(name, parse_path(key), inner, is_named=False)


def _lower(item: Document) -> dict[str, Any]:
    return {name.lower(): value for name, value in item.items()}


def patched(document: Document, operations: Iterator[PatchOperation], attributes: Sequence[str]) -> Document:
    """Return *document* with *operations* applied. A group's `members` is a `Membership`. Raises: ScimRefused."""
    known, changed = {name.lower(): name for name in attributes}, dict(document)
    for operation in operations:
        attribute = known.get(operation.path.attribute)
        if attribute is None:
            _pass_over(operation, is_user="userName" in attributes)
        elif attribute == "members":
            changed["members"].apply(operation)
        elif attribute == "name":
            changed["name"] = _name(changed.get("name", {}), operation)
        elif attribute == "emails":
            changed["emails"] = _emails(changed["emails"], operation)
        else:
            changed[attribute] = _simple(attribute, operation)
    return changed


def attributes_of(operations: Iterable[PatchOperation], attributes: Sequence[str]) -> set[str]:
    """Return those of *attributes* that *operations* are about."""
    named = {operation.path.attribute for operation in operations}
    return {name for name in attributes if name.lower() in named}


def _pass_over(operation: PatchOperation, *, is_user: bool) -> None:
    """Let what is not kept go by, and refuse what nobody may change, or what nothing has."""
    name = operation.path.attribute
    if name in READ_ONLY:
        if operation.is_named:
            raise refused(ScimType.MUTABILITY, "scim_read_only", name)
    elif not name.startswith("urn:") and not (is_user and name in NOT_KEPT):
        raise refused(ScimType.INVALID_PATH, "scim_path", found=name)


def _simple(attribute: str, operation: PatchOperation) -> Any:
    op, path, value, _ = operation
    if path.where is not None or path.part not in (None, "value"):
        raise refused(ScimType.INVALID_PATH, "scim_path", found=attribute)
    value = single(value)
    if op != "remove" and value is not None:
        return shaped(attribute, value)
    if attribute in _REQUIRED:
        raise refused(ScimType.MUTABILITY, "scim_required", attribute)
    return None


def _name(name: Mapping[str, Any], operation: PatchOperation) -> dict[str, Any]:
    op, path, value, _ = operation
    if path.where is not None:
        raise refused(ScimType.INVALID_PATH, "scim_path", found="name[...]")
    if path.part is None:
        if op == "remove" or value is None:
            return {}
        return {**name, **shaped("name", value)}
    part = _NAME_PARTS.get(path.part)
    if part is None:  # as a middle name, which is not kept
        return dict(name)
    rest = {key: inner for key, inner in name.items() if key != part}
    return rest if op == "remove" or value is None else rest | shaped("name", {part: value})


def _emails(emails: Sequence[Mapping[str, Any]], operation: PatchOperation) -> list[Mapping[str, Any]]:
    """Return the addresses, of which there is one: at work, and the primary one."""
    op, path, value, _ = operation
    if path.part not in _EMAIL_PARTS:
        raise refused(ScimType.INVALID_PATH, "scim_path", found=f"emails.{path.part}")
    is_meant = path.where is None or any(_matches(email, path.where) for email in emails)
    if not is_meant:
        if op == "add":  # another address than that at work, which is not kept
            return list(emails)
        raise refused(ScimType.NO_TARGET, "scim_no_target", "emails")
    if op == "remove" or value is None:
        raise refused(ScimType.MUTABILITY, "scim_required", "emails")
    if path.part not in (None, "value"):
        return list(emails)
    given = shaped("emails", single(value) if path.part else value)
    return given if op == "replace" else [email for email in given if _is_at_work(email)] or list(emails)


def _is_at_work(email: Mapping[str, Any]) -> bool:
    return bool(email.get("primary")) or str(email.get("type", "work")).lower() == "work"


def _matches(email: Mapping[str, Any], where: Sequence[Equality]) -> bool:
    return all(_folded(email.get(name)) == _folded(value) for name, value in where)


def _folded(value: Any) -> str:
    return str(value).casefold()
