"""Checks of a body's members against the input of a mutation: names and types, every fault at once.

What a value of the right type may be is the input's own to check.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from itertools import takewhile
from typing import Any, TypeVar

from graphql import (
    GraphQLEnumType,
    GraphQLError,
    GraphQLInputObjectType,
    GraphQLList,
    GraphQLNonNull,
    GraphQLScalarType,
)

from app.api.errors import ERRORS_MAX
from app.api.times import parsed_time
from app.domain.errors import Detail, MessageWord
from app.domain.validation import VERSION_MAX
from app.jsonapi.bodies import pointer_to
from app.jsonapi.problems import Finding, member_finding, missing_finding, quoted
from app.web.json_kinds import kind_of

T = TypeVar("T")

TOP_LEVEL = ("jsonapi", "links", "meta")
"""The members of a document beside its data that say nothing here."""

_STRINGS = ("String", "ID", "IBAN")
IDENTIFIER = frozenset({"type", "id"})


class MemberReader:
    """Reads members of one body, and collects what is wrong with them: as many `findings` as an answer shows.

    `faults`: how many there are.
    """

    def __init__(self, body: Any) -> None:
        self.body = body
        self.findings: list[Finding] = []
        self.faults = 0

    def note(self, path: Sequence[str], detail: Detail | None, status: int | None = None) -> None:
        """Note a fault at *path*; without *detail*, that what is there is null and can't be."""
        self.add(lambda: member_finding(pointer_to(self.body, path), detail, status))

    def note_missing(self, path: Sequence[str], name: str) -> None:
        """Note that the object at *path* lacks a member."""
        self.add(lambda: missing_finding(pointer_to(self.body, path), name))

    def add(self, finding: Callable[[], Finding]) -> None:
        """Add what *finding* makes, unless there are enough."""
        self.faults += 1
        if len(self.findings) < ERRORS_MAX:
            self.findings.append(finding())

    def object_at(self, path: Sequence[str], value: Any, known: Sequence[str] | Mapping[str, Any]) -> dict[str, Any]:
        """Return the members of the object at *path* that are among the *known*; others are noted.

        Members whose names begin with @ are passed over (JSON:API 1.1, section 5.1).
        """
        if not isinstance(value, dict):
            self._note_type(path, value, "json_object")
            return {}
        found = {name: item for name, item in value.items() if name in known}
        for name in self._until_enough(value) if len(found) < len(value) else ():
            if name not in known and not name.startswith("@"):
                listed = ", ".join(known) or "-"
                self.note([*path, name], Detail("unknown_member", {"name": quoted(name), "known": listed}))
        return found

    def part_at(
        self,
        path: Sequence[str],
        value: Any,
        known: Sequence[str] | Mapping[str, Any],
        objects: Sequence[str] = ("links", "meta"),
    ) -> dict[str, Any]:
        """Return the members of an object that JSON:API defines: the *known*, and *objects*, which say nothing here."""
        found = self.object_at(path, value, [*known, *objects])
        for name in objects:
            if name in found and not isinstance(found[name], dict):
                self._note_type([*path, name], found[name], "json_object")
        return found

    def resource_at(self, path: Sequence[str], value: Any, known: Sequence[str]) -> dict[str, Any]:
        """Return the members of the resource object at *path*; its `lid` says nothing here."""
        found = self.part_at(path, value, ["type", "id", "lid", *known])
        if "lid" in found and not isinstance(found["lid"], str):
            self._note_type([*path, "lid"], found["lid"], "json_string")
        return found

    def value(self, path: Sequence[str], value: Any, type_: Any, names: Mapping[str, str]) -> Any:
        """Return a value as an input of *type_* has it; *names* are those of the members of objects in it, here."""
        if isinstance(type_, GraphQLNonNull):
            if value is None:
                self.note(path, None)
                return None
            type_ = type_.of_type
        if value is None:
            return None
        match type_:
            case GraphQLList():
                return self._list(path, value, type_.of_type)
            case GraphQLEnumType():
                return self._member(path, value, type_)
            case GraphQLInputObjectType():
                return self._object(path, value, type_, names)
        assert isinstance(type_, GraphQLScalarType)
        return self._scalar(path, value, type_.name)

    def _list(self, path: Sequence[str], value: Any, type_: Any) -> Any:
        if not isinstance(value, list):
            return self._note_type(path, value, "json_array")
        return [
            self.value([*path, str(index)], item, type_, {}) for index, item in self._until_enough(enumerate(value))
        ]

    def _member(self, path: Sequence[str], value: Any, type_: GraphQLEnumType) -> Any:
        if not isinstance(value, str):
            return self._note_type(path, value, "json_string")
        if value not in type_.values:
            accepted = ", ".join(type_.values)
            self.note(path, Detail("one_of", {"found": quoted(value), "accepted": accepted}))
        return value

    def _object(self, path: Sequence[str], value: Any, type_: GraphQLInputObjectType, names: Mapping[str, str]) -> Any:
        found = self.object_at(path, value, names)
        for name, field in names.items():
            if name not in found and isinstance(type_.fields[field].type, GraphQLNonNull) and isinstance(value, dict):
                self.note_missing(path, name)
        return {
            names[name]: self.value([*path, name], item, type_.fields[names[name]].type, {})
            for name, item in found.items()
        }

    def _scalar(self, path: Sequence[str], value: Any, name: str) -> Any:
        if name == "DateTime":
            return self._moment(path, value)
        if name in _STRINGS:
            return value if isinstance(value, str) else self._note_type(path, value, "json_string")
        if isinstance(value, bool) or not isinstance(value, int | float) or not float(value).is_integer():
            return self._note_type(path, value, "json_integer")
        if abs(value) > VERSION_MAX:  # GraphQL's Int has 32 bits
            return self.note(path, Detail.of_range(0, VERSION_MAX))
        return int(value)

    def _moment(self, path: Sequence[str], value: Any) -> Any:
        """Return a time as it was written, in which the operation has it too."""
        if not isinstance(value, str):
            return self._note_type(path, value, "json_string")
        try:
            parsed_time(value)
        except GraphQLError:
            return self.note(path, Detail("moment"))
        return value

    def identifier(self, path: Sequence[str], value: Any, type_name: str) -> Any:
        """Return the id of a resource identifier object of this type."""
        found = self.part_at(path, value, sorted(IDENTIFIER, reverse=True), ("meta",))
        for name in sorted(IDENTIFIER - found.keys()):
            if isinstance(value, dict):
                self.note_missing(path, name)
        if "type" in found and found["type"] != type_name:
            shown = quoted(found["type"]) if isinstance(found["type"], str) else kind_of(found["type"])
            self.note([*path, "type"], Detail("one_of", {"found": shown, "accepted": type_name}))
        identifier = found.get("id")
        if "id" in found and not isinstance(identifier, str):
            self._note_type([*path, "id"], identifier, "json_string")
        return identifier

    def linkage(self, path: Sequence[str], value: Any, type_name: str, *, is_many: bool) -> Any:
        """Return the ids, or the id, of a relationship object; None, where there is none."""
        found = self.part_at(path, value, ["data"])
        if "data" not in found:
            if isinstance(value, dict):
                self.note_missing(path, "data")
            return None
        data, inside = found["data"], [*path, "data"]
        if not is_many:
            return None if data is None else self.identifier(inside, data, type_name)
        if not isinstance(data, list):
            return self._note_type(inside, data, "json_array")
        items = self._until_enough(enumerate(data))
        return [self.identifier([*inside, str(index)], item, type_name) for index, item in items]

    def _until_enough(self, items: Iterable[T]) -> Iterator[T]:
        """Yield the items until as many faults are noted as an answer shows."""
        return takewhile(lambda _item: self.faults < ERRORS_MAX, items)

    def _note_type(self, path: Sequence[str], value: Any, expected: str) -> None:
        self.note(path, Detail("json_type", {"found": kind_of(value), "expected": MessageWord(expected)}))


def required_fields(type_: GraphQLInputObjectType) -> Iterator[str]:
    """Yield the names of what an input must have."""
    return (name for name, field in type_.fields.items() if isinstance(field.type, GraphQLNonNull))
