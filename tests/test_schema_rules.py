"""Rules that hold for the whole schema: a walk over all its types finds whatever breaks one."""

from collections.abc import Iterator

from graphql import (
    GraphQLField,
    GraphQLInterfaceType,
    GraphQLNamedType,
    GraphQLNonNull,
    GraphQLObjectType,
    build_schema,
    is_introspection_type,
    is_list_type,
)

from app.api.schema import sdl

SCHEMA = build_schema(sdl())


def types() -> list[GraphQLNamedType]:
    return [type_ for type_ in SCHEMA.type_map.values() if not is_introspection_type(type_)]


def fields() -> Iterator[tuple[str, GraphQLField]]:
    """Yield every field of every type that is read, as `Type.field`."""
    for type_ in types():
        if isinstance(type_, GraphQLObjectType | GraphQLInterfaceType):
            yield from ((f"{type_.name}.{name}", field) for name, field in type_.fields.items())


def is_list(type_: object) -> bool:
    return is_list_type(type_.of_type if isinstance(type_, GraphQLNonNull) else type_)


# --- No list without a bound -----------------------------------------------------------------------------------------

ONCE = "once"
# The lists that are no connection, and how their descriptions say what bounds them.
BOUNDED = {
    "*.errors": "50 reasons at most",
    "*.path": "a part for each level",
    "AccessError.requiredRoles": ONCE,
    "Account.features": ONCE,
    "AvailableAction.requiredInput": ONCE,
    "Case.availableActions": ONCE,
    "CaseFacets.statuses": ONCE,
    "CaseFacets.subjectStatuses": ONCE,
    "Comment.documents": "10 at most",
    "InboxConnection.counts": ONCE,
    "InboxEdge.reasons": ONCE,
    "Override.assignedReviewers": "1 to 10",
    "Query.labels": ONCE,
    "Query.nodes": "as many as `ids`, 100 at most",
    "SearchMatch.snippet": "200 characters at most",
    "StateError.allowedActions": ONCE,
    "User.roles": ONCE,
    "VersionConflictError.actionsSince": "100 at most",
    "Viewer.scopes": ONCE,
    "Workflow.actions": ONCE,
    "Workflow.states": ONCE,
    "WorkflowAction.features": ONCE,
    "WorkflowAction.outcomes": ONCE,
    "WorkflowAction.requiredInput": ONCE,
    "WorkflowAction.roles": ONCE,
}


def bound_of(name: str) -> str | None:
    type_, field = name.split(".")
    if type_.endswith("Connection") and field in ("nodes", "edges"):
        return ""
    return BOUNDED.get(name) or BOUNDED.get(f"*.{field}")


def test_every_list_is_a_connection_or_says_what_bounds_it() -> None:
    lists = {name: field.description or "" for name, field in fields() if is_list(field.type)}

    assert {name for name in lists if bound_of(name) is None} == set()
    assert {name: text for name, text in lists.items() if (bound_of(name) or "") not in text} == {}
    assert {name for name in BOUNDED if not name.startswith("*")} <= lists.keys()


def test_every_connection_takes_the_arguments_of_a_page() -> None:
    connections = {name: field for name, field in fields() if str(field.type).rstrip("!").endswith("Connection")}

    assert {
        name for name, field in connections.items() if not {"first", "last", "after", "before"} <= field.args.keys()
    } == set()
    assert {"Case.overrides", "Case.actions", "Query.cases"} <= connections.keys()
