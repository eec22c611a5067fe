"""Rules that hold for the whole schema: a walk over all its types finds whatever breaks one."""

from graphql import GraphQLNonNull, GraphQLObjectType

from tests.support.schema import SCHEMA, fields, is_list, types, values

# --- No list without a bound -----------------------------------------------------------------------------------------

ONCE = "once"
# The lists that are no connection, and how their descriptions say what bounds them.
BOUNDED = {
    "*.errors": "50 reasons at most",
    "*.path": "a part for each level",
    "*.details": "each name once",
    "AccountAction.roles": ONCE,
    "AdminDetail.values": ONCE,
    "ApiToken.scopes": ONCE,
    "AccessError.requiredRoles": ONCE,
    "Account.features": ONCE,
    "ActionAuthority.roles": ONCE,
    "AvailableAction.requiredInput": ONCE,
    "Case.availableActions": ONCE,
    "Case.signals": ONCE,
    "CaseFacets.statuses": ONCE,
    "CaseFacets.subjectStatuses": ONCE,
    "CaseSnapshot.availableActions": ONCE,
    "Comment.documents": "10 at most",
    "Document.warnings": ONCE,
    "EarlierOverridesSignal.overrides": "10 at most",
    "InboxConnection.counts": ONCE,
    "InboxEdge.reasons": ONCE,
    "Override.assignedReviewers": "1 to 10",
    "OverrideSnapshot.assignedReviewers": "1 to 10",
    "PerformActionsPayload.results": "100 at most",
    "Query.labels": ONCE,
    "Query.nodes": "as many as `ids`, 100 at most",
    "QuickDecisionSignal.decisions": "10 at most",
    "RecordEvaluationsPayload.results": "100 at most",
    "RecordedEvaluation.changed": ONCE,
    "RepeatedPairSignal.pairs": "10 at most",
    "SameBankAccountSignal.cases": "10 at most",
    "SameDocumentSignal.cases": "10 at most",
    "SameDocumentSignal.documents": "10 at most",
    "SearchMatch.snippet": "200 characters at most",
    "StateError.allowedActions": ONCE,
    "SupposedComment.documents": "10 at most",
    "SupposedDocument.warnings": ONCE,
    "User.roles": ONCE,
    "VersionConflictError.actionsSince": "100 at most",
    "Viewer.scopes": ONCE,
    "Viewer.standsInFor": "10 at most",
    "Workflow.actions": ONCE,
    "Workflow.states": ONCE,
    "WorkflowAction.features": ONCE,
    "WorkflowAction.outcomes": ONCE,
    "WorkflowAction.requiredInput": ONCE,
    "WorkflowAction.roles": ONCE,
    "Account.dueHours": ONCE,
    "Account.checklist": "20 at most",
    "Case.checklist": "20 at most",
    "CaseAction.openSteps": "20 at most",
    "CaseSnapshot.checklist": "20 at most",
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


# --- Null is the default ---------------------------------------------------------------------------------------------


def test_whatever_has_a_default_can_be_null() -> None:
    defaults = {name: value for name, value in values() if value.default is not None}

    assert {name for name, value in defaults.items() if isinstance(value.type, GraphQLNonNull)} == set()
    assert {"CaseOrder.direction", "Case.eligibleReviewers(onlyEligible)", "CloseCaseInput.dryRun"} <= defaults.keys()


# --- What has an id is a Node ----------------------------------------------------------------------------------------


def test_every_type_with_an_id_is_a_node_and_no_other() -> None:
    """That `node` finds one of each is in test_nodes, which takes them from the schema."""
    objects = [type_ for type_ in types() if isinstance(type_, GraphQLObjectType)]
    with_id = {type_.name for type_ in objects if "id" in type_.fields}

    assert with_id == {type_.name for type_ in objects if "Node" in {item.name for item in type_.interfaces}}
    assert all(str(type_.fields["id"].type) == "ID!" for type_ in objects if "id" in type_.fields)
    assert with_id >= {"Case", "Override", "Subject", "Viewer", "Account"}


def test_every_mutation_and_every_key_says_what_a_retry_without_a_key_does() -> None:
    assert SCHEMA.mutation_type is not None
    keys = {name: value.description or "" for name, value in values() if name.endswith(".idempotencyKey")}
    said = {name: field.description or "" for name, field in SCHEMA.mutation_type.fields.items()} | keys

    assert {name: text for name, text in said.items() if "retry" not in text} == {}
    # performActions has no key of its own: each of its actions has one.
    assert len(keys) == len(SCHEMA.mutation_type.fields) - 1
