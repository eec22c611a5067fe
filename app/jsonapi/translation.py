"""Translation of a resource object into the input of a mutation, and of its paths into places in the request."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from graphql import get_named_type, get_nullable_type
from strawberry.utils.str_converters import to_snake_case

from app.api.inputs.actions import INPUTS, SubjectInput, required_input
from app.api.times import parsed_time
from app.domain.errors import Detail, InputRefused, ReviewerRequired
from app.domain.model import ActionType
from app.jsonapi.action_inputs import (
    REQUESTED,
    all_attributes,
    attributes_of,
    input_type,
    not_null,
    placeholder,
    relationships_of,
)
from app.jsonapi.bodies import pointer_to
from app.jsonapi.exchange import DIGEST_LENGTH
from app.jsonapi.members import TOP_LEVEL, MemberReader
from app.jsonapi.problems import NOWHERE, Finding, ProblemsFound, Source, header_finding, quoted, refusal_status
from app.jsonapi.relationships import RELATIONSHIPS
from app.jsonapi.resources import ACTION_TYPES

SUBJECT_MEMBERS: Mapping[str, str] = {
    "subject_type": "type",
    "external_ref": "externalRef",
    "label": "label",
    "country_code": "countryCode",
    "evaluation_status": "evaluationStatus",
}
VERSION_TAG = re.compile(rf'(?:W/)?"([0-9]{{1,9}})(?:-[0-9a-f]{{{DIGEST_LENGTH}}})?"')
"""The tag of a case: its version, and a digest of what was shown of it; weak, where that was compressed."""
_DECISIONS = (ActionType.ACCEPT, ActionType.REFUSE)
_READ = frozenset({"overrideId", "expectedVersion"})
"""What a decision names of what was read, where the account's policy requires it."""


class RequestHeaders(NamedTuple):
    """What the header of a request says of the action."""

    idempotency_key: str | None = None
    if_match: str | None = None


@dataclass(slots=True)
class Translation:
    """A request as it is understood so far: the `input`, and from where in the request each of its fields is.

    `findings`: what is wrong with its members, of the fields that are `wrong`. `requires_version`: decisions name what
    was read; else the fields that it does not name are `unnamed`, and have a value all the same.
    """

    reader: MemberReader
    action: ActionType | None = None
    input: dict[str, Any] = field(default_factory=dict)
    places: dict[str, Sequence[str] | Source] = field(default_factory=dict)
    wrong: set[str] = field(default_factory=set)
    requires_version: bool = True
    unnamed: set[str] = field(default_factory=set)

    @property
    def findings(self) -> list[Finding]:
        return self.reader.findings

    def source(self, path: Sequence[str]) -> Source:
        """Return where in the request that is which *path* leads to in the operation."""
        if len(path) < 2 or path[0] != "input":
            return {}
        name, *rest = path[1:]
        place = self.places.get(name, ("data", "attributes"))
        if isinstance(place, Mapping):
            return place
        inside = {member: here for here, member in SUBJECT_MEMBERS.items()} if name == "subject" else {}
        related = ["id"] if "relationships" in place else []
        return {"pointer": pointer_to(self.reader.body, [*place, *(inside.get(part, part) for part in rest), *related])}

    def may_lack(self, name: str) -> bool:
        """Tell whether a field of the input that it must have need not be sent."""
        return not self.requires_version and self.action in _DECISIONS and name in _READ

    def give(self, name: str, value: Any, place: Sequence[str] | Source) -> None:
        """Set a field of the input."""
        self.input[name] = value
        self.places[name] = place


def translated_action(
    body: Any, case_id: str, headers: RequestHeaders, *, requires_version: bool = True
) -> Translation:
    """Return the request for an action on a case. Raises: ProblemsFound, for what is no resource of that type."""
    translation = Translation(MemberReader(body), requires_version=requires_version)
    translation.give("caseId", case_id, NOWHERE)
    data = _resource(translation, "case_action")
    translation.action = _action_type(translation.reader, data)
    _take(translation, data, headers, ["action_type"])
    return translation


def translated_case(body: Any, headers: RequestHeaders) -> Translation:
    """Return the request for a new case. Raises: ProblemsFound, for what is no resource of that type."""
    translation = Translation(MemberReader(body))
    data = _resource(translation, "case")
    translation.action = ActionType.OPEN
    _take(translation, data, headers, [])
    return translation


def _resource(translation: Translation, type_name: str) -> dict[str, Any]:
    """Return the resource object of a body."""
    reader = translation.reader
    top = reader.part_at([], reader.body, ["data"], TOP_LEVEL)
    if "data" not in top:
        if isinstance(reader.body, dict):
            reader.note_missing([], "data")
        return {}
    data = reader.resource_at(["data"], top["data"], ["attributes", "relationships"])
    if isinstance(top["data"], dict):
        _check_type(reader, data, type_name)
    return data


def _check_type(reader: MemberReader, data: dict[str, Any], type_name: str) -> None:
    """Refuse a resource of another type, and one that brings its id (JSON:API 1.1, section 7.1)."""
    if "type" not in data:
        reader.note_missing(["data"], "type")
    elif data["type"] != type_name:
        found = quoted(data["type"]) if isinstance(data["type"], str) else quoted(str(data["type"]))
        wrong = MemberReader(reader.body)
        wrong.note(["data", "type"], Detail("one_of", {"found": found, "accepted": type_name}), 409)
        raise ProblemsFound(wrong.findings)
    if "id" in data:
        wrong = MemberReader(reader.body)
        wrong.note(["data", "id"], Detail("client_id"), 403)
        raise ProblemsFound(wrong.findings)


def _action_type(reader: MemberReader, data: dict[str, Any]) -> ActionType | None:
    path, attributes = ["data", "attributes"], data.get("attributes")
    if data and "attributes" not in data:
        reader.note_missing(["data"], "attributes")
    if not isinstance(attributes, dict):
        return None
    if "action_type" not in attributes:
        reader.note_missing(path, "action_type")
        return None
    name = attributes["action_type"]
    if not isinstance(name, str) or name not in REQUESTED:
        found = quoted(name) if isinstance(name, str) else quoted(str(name))
        reader.note([*path, "action_type"], Detail("one_of", {"found": found, "accepted": ", ".join(REQUESTED)}))
        return None
    return ACTION_TYPES[name]


def _take(translation: Translation, data: dict[str, Any], headers: RequestHeaders, others: Sequence[str]) -> None:
    """Take the attributes and relationships of a resource, and what the header says."""
    action, reader = translation.action, translation.reader
    names = all_attributes() if action is None else attributes_of(action)
    found = reader.object_at(["data", "attributes"], data.get("attributes", {}), [*others, *names])
    if action is None:
        return
    for name in names:
        if name in found:
            _take_value(translation, names[name], ["data", "attributes", name], found[name])
    _take_relationships(translation, action, data)
    _take_headers(translation, headers)
    _demand_required(translation, action)


def _take_value(translation: Translation, name: str, path: Sequence[str], value: Any) -> None:
    assert translation.action is not None
    known = translation.reader.faults
    inside = SUBJECT_MEMBERS if name == "subject" else {}
    type_ = input_type(translation.action).fields[name].type
    if translation.may_lack(name):
        type_ = get_nullable_type(type_)
    translation.give(name, translation.reader.value(path, value, type_, inside), path)
    if translation.reader.faults > known:
        translation.wrong.add(name)


def _take_relationships(translation: Translation, action: ActionType, data: dict[str, Any]) -> None:
    reader, names = translation.reader, relationships_of(action)
    found = reader.object_at(["data", "relationships"], data.get("relationships", {}), names)
    for name, value in found.items():
        field_name, path, known = names[name], ["data", "relationships", name], reader.faults
        relationship = RELATIONSHIPS[field_name]
        ids = reader.linkage(path, value, relationship.type, is_many=relationship.is_many)
        if field_name in translation.input:
            reader.note(path, Detail("one_of_both"))
        if reader.faults > known:
            translation.wrong.add(field_name)
        translation.give(field_name, ids, [*path, "data"])


def key_of(header: str) -> str:
    """Return the key that the header `Idempotency-Key` has, as it is or as a String of RFC 9651."""
    return header[1:-1] if len(header) > 1 and header[0] == header[-1] == '"' else header


def _take_headers(translation: Translation, headers: RequestHeaders) -> None:
    if headers.idempotency_key is not None:
        translation.give("idempotencyKey", key_of(headers.idempotency_key), {"header": "Idempotency-Key"})
    tag = headers.if_match
    if tag is not None and translation.action is ActionType.OPEN:  # RFC 9110, section 13.1.1: it holds for no tag
        translation.reader.add(lambda: header_finding("If-Match", Detail("no_tag")))
        return
    if tag is None or tag.strip() == "*":
        return
    found = VERSION_TAG.fullmatch(tag.strip())
    if found is None:
        translation.reader.add(lambda: header_finding("If-Match", Detail("version_tag")))
        translation.wrong.add("expectedVersion")
    elif translation.input.get("expectedVersion") not in (None, int(found[1])):
        translation.reader.add(lambda: header_finding("If-Match", Detail("one_of_both")))
        translation.wrong.add("expectedVersion")
    else:
        translation.give("expectedVersion", int(found[1]), {"header": "If-Match"})


def _demand_required(translation: Translation, action: ActionType) -> None:
    """Note what the input must have and was not sent."""
    fields = {name: here for here, name in attributes_of(action).items()}
    required = not_null(action)
    for name in required_input(action):  # what may be null, and has to be said all the same, is among them
        is_given = name in translation.input and (name not in required or translation.input[name] is not None)
        if is_given or name in translation.wrong:
            continue
        if translation.may_lack(name):
            translation.unnamed.add(name)
            translation.input[name] = placeholder(input_type(action).fields[name].type)
            continue
        translation.wrong.add(name)
        if name == "reviewerIds":
            source = {"pointer": pointer_to(translation.reader.body, ["data", "attributes"])}
            translation.reader.findings.append(Finding(ReviewerRequired(), source))
        elif name in fields:
            translation.reader.note_missing(["data", "attributes"], fields[name])


def shape_findings(translation: Translation) -> list[Finding]:
    """Return what the input itself finds wrong with its other fields, where some are wrong already.

    In the place of those it gets values that nothing is wrong with.
    """
    action = translation.action
    if action is None:
        return []
    given = {name: value for name, value in translation.input.items() if name not in translation.wrong}
    for name in not_null(action):
        given.setdefault(name, placeholder(input_type(action).fields[name].type))
    for name in translation.wrong:
        given.setdefault(name, None)
    for name, value in given.items():
        if value is not None and get_named_type(input_type(action).fields[name].type).name == "DateTime":
            given[name] = parsed_time(value)
    if isinstance(given.get("subject"), dict):
        given["subject"] = SubjectInput(**{to_snake_case(name): value for name, value in given["subject"].items()})
    try:
        INPUTS[action](**{to_snake_case(name): value for name, value in given.items()}).command  # noqa: B018  # it checks
    except InputRefused as refused:
        return [
            Finding(refusal, translation.source(refusal.path), refusal_status(refusal.code, refusal.path))
            for refusal in refused.refusals
        ]
    return []
