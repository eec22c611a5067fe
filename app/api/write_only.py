"""What a token is shown that may act and not read: the action that it made. All else of a payload needs `cases_read`.

It is a list of fields, so that a field that is added later is closed. It goes for real actions, replays and dry runs.
"""

from collections.abc import Callable, Iterator, Mapping
from typing import Any

from graphql import (
    GraphQLField,
    GraphQLInterfaceType,
    GraphQLNamedType,
    GraphQLObjectType,
    GraphQLSchema,
    GraphQLUnionType,
    default_field_resolver,
    get_named_type,
)

from app.domain.errors import InsufficientScope
from app.domain.facts import Actor
from app.domain.model import Scope

NEEDS_READING = "needs-reading"
"""The key in a field's extensions that says so."""

_ERROR = {"code", "message", "path"}
_PAYLOAD = {"errors", "replayed", "case", "caseEdge", "action", "actionEdge", "comment", "override", "supposed"}
_PAYLOAD |= {"changed", "subject", "evaluation", "results"}

# Shown by an evaluation alone: all other ways to a subject are closed.
_SUBJECT = {
    *("type", "typeLabel", "externalRef", "label", "countryCode", "evaluationStatus", "evaluationStatusLabel"),
    "version",
}

# A case by what names it, and by what its action says of it too: `seq` is the version, `statusAfter` the status.
SHOWN: Mapping[str, set[str]] = {
    "AdministrationError": _ERROR | {"changeStatus"},
    "ActionResult": {
        *("errors", "status", "replayed", "case", "action", "actionEdge", "comment", "override", "supposed"),
    },
    "AccessError": _ERROR | {"requiredRoles", "requiredScope", "disabledFeature"},
    "Case": {"id", "reference", "status", "statusLabel", "version"},
    "CaseAction": {
        *("id", "seq", "type", "typeLabel", "case", "user", "comment", "override", "statusBefore", "statusAfter"),
        *("resolution", "createdAt", "requestId", "hash", "prevHash", "evaluation"),
    },
    "CaseActionEdge": {"node", "cursor"},
    "CaseEdge": {"node", "cursor"},
    "CaseSnapshot": {"caseId", "asOf", "supposed", "reference", "status", "statusLabel", "version"},
    "Comment": {"id", "body", "author", "documents", "createdAt"},
    "Document": {"id", "filename", "contentType", "sizeBytes", "sha256", "warnings", "createdAt"},
    "EvaluationResult": {"errors", "replayed", "changed", "subject", "evaluation", "case", "action", "supposed"},
    "InputError": _ERROR | {"maximum"},
    "NotFoundError": _ERROR | {"resource"},
    "Override": {"id", "status", "statusLabel", "decidedAt", "version"},
    "OverrideSnapshot": {"overrideId", "status", "statusLabel", "decidedAt", "version"},
    "RecordedEvaluation": {
        *("statusBefore", "statusAfter", "statusBeforeLabel", "statusAfterLabel", "subjectVersion", "changed"),
        "replacedOverride",
    },
    "RetryError": _ERROR | {"retryAfterSeconds"},
    "SnapshotMoment": {"seq", "time"},
    "StateError": _ERROR | {"caseStatus", "allowedActions"},
    "SupposedAction": {
        *("seq", "type", "typeLabel", "user", "statusBefore", "statusAfter", "resolution", "createdAt"),
    },
    "Subject": _SUBJECT | {"id"},
    "SubjectSnapshot": _SUBJECT | {"subjectId"},
    "SupposedComment": {"body", "author", "documents", "createdAt"},
    "SupposedDocument": {"filename", "contentType", "sizeBytes", "sha256", "warnings"},
    "SupposedEvaluation": {"changed", "subject", "evaluation", "action"},
    "SupposedOutcome": {"case", "action", "comment", "override"},
    "VersionConflictError": _ERROR | {"expectedVersion", "actualVersion"},
}

# Shared with what other scopes read: from a payload, no field that is shown leads to other people, or to a page.
SHARED = {"User", "PageInfo"}


def may_read(actor: Actor) -> bool:
    """Tell whether *actor* is shown more of a payload than the action that was made."""
    return Scope.CASES_READ in actor.scopes


def close(schema: GraphQLSchema) -> None:
    """Let every field that a payload leads to, and that is not `SHOWN`, refuse a token that may not read."""
    for type_ in _reached(schema):
        shown = _PAYLOAD if type_.name.endswith("Payload") else SHOWN.get(type_.name, set())
        for name, field in type_.fields.items():
            if type_.name not in SHARED and name not in shown:
                field.resolve = _reading(field.resolve or default_field_resolver)
                field.extensions[NEEDS_READING] = True


def _reading(resolve: Callable[..., Any]) -> Callable[..., Any]:
    def resolve_for_readers(source: Any, info: Any, **arguments: Any) -> Any:
        if not may_read(info.context.actor):
            raise InsufficientScope(scope=Scope.CASES_READ)
        return resolve(source, info, **arguments)

    return resolve_for_readers


def _reached(schema: GraphQLSchema) -> Iterator[GraphQLObjectType]:
    """Yield the object types that the fields of mutations lead to."""
    assert schema.mutation_type is not None
    waiting = [field.type for field in schema.mutation_type.fields.values() if not _is_administrative(field)]
    seen = set[GraphQLNamedType]()
    while waiting:
        type_ = get_named_type(waiting.pop())
        if type_ in seen:
            continue
        seen.add(type_)
        if isinstance(type_, GraphQLInterfaceType | GraphQLUnionType):
            waiting.extend(schema.get_possible_types(type_))
        elif isinstance(type_, GraphQLObjectType):
            waiting.extend(field.type for field in type_.fields.values())
            yield type_


def _is_administrative(field: GraphQLField) -> bool:
    """Tell whether a mutation's payload shows what was administered, which `admin_write` is enough for."""
    payload = get_named_type(field.type).extensions["strawberry-definition"].origin
    return getattr(payload, "is_administrative", False)


def needs_reading(field: GraphQLField) -> bool:
    """Tell whether *field* refuses who may not read."""
    return NEEDS_READING in field.extensions
