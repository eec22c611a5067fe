"""The schema as a whole: current in the repository, described throughout, and built as the house rules say."""

from collections.abc import Iterator

import pytest
from graphql import (
    DirectiveDefinitionNode,
    DirectiveNode,
    GraphQLEnumType,
    GraphQLField,
    GraphQLInputObjectType,
    GraphQLInterfaceType,
    GraphQLNamedType,
    GraphQLObjectType,
    GraphQLSchema,
    Visitor,
    build_schema,
    get_named_type,
    is_introspection_type,
    is_list_type,
    is_non_null_type,
    is_specified_scalar_type,
    parse,
    visit,
)
from strawberry.types.base import StrawberryObjectDefinition
from strawberry.types.field import StrawberryField

from app.api.fields import RelationField
from app.api.payload_permission import PayloadPermission
from app.api.permissions import ActionPermission, ReadPermission
from app.api.schema import SCHEMA, PreparedDocument, sdl
from app.domain.administration import RULES
from app.domain.model import REMINDERS, ActionType
from tests.support.paths import ROOT

BUILT: GraphQLSchema = build_schema(sdl())
OURS = [
    type_
    for type_ in BUILT.type_map.values()
    if not is_introspection_type(type_) and not is_specified_scalar_type(type_)
]

# The mutations, and the type of action that each of them performs.
ACTIONS = {
    "openCase": "OPEN",
    "addComment": "COMMENT",
    "requestOverride": "REQUEST_OVERRIDE",
    "acceptOverride": "ACCEPT",
    "refuseOverride": "REFUSE",
    "cancelOverride": "CANCEL",
    "closeCase": "CLOSE",
    "reassignReviewers": "REASSIGN",
    "eraseContent": "REDACT",
    "setLegalHold": "HOLD",
    "assignCase": "ASSIGN",
    "setDueDate": "SET_DUE_DATE",
    "recordStep": "RECORD_STEP",
    "recordEvaluation": "EVALUATION",
    "recordEvaluations": "EVALUATION",
}


def fields_of(type_name: str) -> dict[str, StrawberryField]:
    """Return a type's fields as they were declared, by their names in the API."""
    definition = SCHEMA.get_type_by_name(type_name)
    assert isinstance(definition, StrawberryObjectDefinition)
    return {SCHEMA.config.name_converter.get_graphql_name(field): field for field in definition.fields}


def objects() -> Iterator[GraphQLObjectType]:
    return (type_ for type_ in OURS if isinstance(type_, GraphQLObjectType))


def nodes() -> Iterator[GraphQLObjectType]:
    return (type_ for type_ in objects() if "Node" in {interface.name for interface in type_.interfaces})


def test_the_schema_in_the_repository_is_the_one_that_is_served() -> None:
    kept = (ROOT / "schema.graphql").read_text(encoding="utf-8")

    assert kept == sdl(), "run: python -m app schema > schema.graphql"


def described(type_: GraphQLNamedType) -> Iterator[tuple[str, str | None]]:
    """Yield all of a type that has a place for a description."""
    yield type_.name, type_.description
    if isinstance(type_, GraphQLEnumType):
        yield from ((f"{type_.name}.{name}", value.description) for name, value in type_.values.items())
    if isinstance(type_, GraphQLInputObjectType):
        yield from ((f"{type_.name}.{name}", field.description) for name, field in type_.fields.items())
    if isinstance(type_, GraphQLObjectType | GraphQLInterfaceType):
        for name, field in type_.fields.items():
            yield f"{type_.name}.{name}", field.description
            yield from ((f"{type_.name}.{name}({argument})", it.description) for argument, it in field.args.items())


def test_everything_has_a_description() -> None:
    texts = dict(item for type_ in OURS for item in described(type_))

    assert [name for name, text in texts.items() if not (text or "").strip()] == []
    assert {"Case", "Case.status", "Case.actions(types)", "CaseStatus.OPEN", "AddCommentInput.body"} <= texts.keys()


def test_no_directive_leaks_into_the_schema() -> None:
    found: set[str] = set()

    class Directives(Visitor):
        def enter_directive(self, node: DirectiveNode, *_: object) -> None:
            found.add(node.name.value)

        def enter_directive_definition(self, node: DirectiveDefinitionNode, *_: object) -> None:
            found.add(f"definition of {node.name.value}")

    visit(parse(sdl()), Directives())

    assert found <= {"specifiedBy", "oneOf", "deprecated"}


def test_every_mutation_carries_the_permission_of_its_action_and_it_runs_first() -> None:
    mutations = fields_of("Mutation")

    # The last extension that is listed is the first that runs.
    permissions = {name: field.extensions[-1] for name, field in mutations.items()}
    assert all(isinstance(item, ActionPermission | PayloadPermission) for item in permissions.values())
    actions = {name: getattr(item, "action", None) for name, item in permissions.items()}
    of_actions = {name: action for name, action in actions.items() if action is not None}
    assert of_actions == ACTIONS
    of_all = {"performActions"}  # which looks at each of its actions by itself
    assert len(permissions) - len(of_actions) - len(of_all) == len(RULES)
    assert set(ACTIONS.values()) == set(ActionType) - {ActionType.EXPIRE, *REMINDERS}


def test_every_query_asks_for_a_scope_but_those_of_no_account_and_those_that_look_at_what_they_find() -> None:
    guarded = {
        name
        for name, field in fields_of("Query").items()
        if field.extensions and isinstance(field.extensions[-1], ReadPermission)
    }

    assert fields_of("Query").keys() - guarded == {"viewer", "node", "nodes", "workflow", "labels"}


def test_nothing_is_hooked_into_every_field_and_documents_are_parsed_and_validated_once() -> None:
    extensions = SCHEMA.get_extensions()

    assert [extension for extension in extensions if extension._implements_resolve()] == []
    assert PreparedDocument in {type(extension) for extension in extensions}


def test_only_these_fields_of_things_are_code_and_the_others_are_attributes_or_relations() -> None:
    code = {
        f"{type_.name}.{name}"
        for type_ in nodes()
        for name, field in fields_of(type_.name).items()
        if not isinstance(field, RelationField) and (field.base_resolver is not None or field.extensions)
    }

    assert {name for name in code if not name.endswith("Label")} == {
        *("Case.actions", "Case.overrides", "Case.documents", "Case.availableActions", "Case.eligibleReviewers"),
        *("Case.overdue", "Case.signals", "Case.checklist"),
        *("Document.url", "Viewer.inbox", "Viewer.standsInFor", "Viewer.tokens"),
        *("CaseAction.authority", "CaseAction.evaluation", "CaseAction.held", "CaseAction.reason"),
        *("CaseAction.assignment", "CaseAction.dueAt", "CaseAction.reminder"),
        *("CaseAction.step", "CaseAction.stepState", "CaseAction.openSteps"),
        *("AccountAction.roles", "AccountAction.details", "AccountChange.details", "ApiToken.scopes"),
    }


OF_CASES = [name for name, action in ACTIONS.items() if action != "EVALUATION"]


@pytest.mark.parametrize("mutation", OF_CASES)
def test_each_mutation_takes_one_input_and_gives_its_own_payload(mutation: str) -> None:
    name = mutation[0].upper() + mutation[1:]
    assert BUILT.mutation_type is not None
    field: GraphQLField = BUILT.mutation_type.fields[mutation]
    payload, input = BUILT.type_map[f"{name}Payload"], BUILT.type_map[f"{name}Input"]

    assert {argument: str(it.type) for argument, it in field.args.items()} == {"input": f"{name}Input!"}
    assert str(field.type) == f"{name}Payload!"
    assert isinstance(payload, GraphQLObjectType) and isinstance(input, GraphQLInputObjectType)
    gives = {field_name: str(it.type) for field_name, it in payload.fields.items()}
    expected = {"errors": "[UserError!]!", "replayed": "Boolean!", "case": "Case", "action": "CaseAction"}
    expected |= {"supposed": "SupposedOutcome", "actionEdge": "CaseActionEdge"}
    expected |= {"caseEdge": "CaseEdge"} if mutation == "openCase" else {}
    assert gives == gives | expected
    assert gives.keys() - expected.keys() <= {"comment", "override"}
    takes = {field_name: str(it.type) for field_name, it in input.fields.items()}
    version = "Int!" if mutation in ("acceptOverride", "refuseOverride") else "Int"
    assert takes == takes | {"expectedVersion": version, "idempotencyKey": "String", "dryRun": "Boolean"}
    assert mutation == "openCase" or takes["caseId"] == "ID!"


def test_every_refusal_has_the_three_fields_of_the_interface() -> None:
    interface = BUILT.type_map["UserError"]
    assert isinstance(interface, GraphQLInterfaceType)

    assert {name: str(field.type) for name, field in interface.fields.items()} == {
        "code": "ErrorCode!",
        "message": "String!",
        "path": "[String!]!",
    }
    assert {type_.name for type_ in BUILT.get_possible_types(interface)} == {
        *("InputError", "NotFoundError", "AccessError", "StateError", "VersionConflictError"),
        *("AdministrationError", "RetryError"),
    }


def test_what_every_thing_has_is_never_null_and_other_things_always_may_be() -> None:
    own = {
        f"{type_.name}.{name}": field
        for type_ in nodes()
        for name, field in type_.fields.items()
        if isinstance(get_named_type(field.type), GraphQLEnumType)
        or get_named_type(field.type).name in ("ID", "DateTime")
    }
    others = {
        f"{type_.name}.{name}": field
        for type_ in nodes()
        for name, field in type_.fields.items()
        if get_named_type(field.type) in list(nodes()) and not is_list_type(getattr(field.type, "of_type", field.type))
    }

    assert {name for name, field in own.items() if not is_non_null_type(field.type)} == {
        *("Case.closedAt", "Case.dueAt", "CaseAction.dueAt", "CaseAction.stepState", "Override.expiresAt"),
        "Case.resolution",
        "CaseAction.resolution",
        "CaseAction.statusBefore",
        "Override.decidedAt",
        "User.language",
        *("AccountAction.tokenId", "AccountAction.targetTokenId", "AccountAction.changeId", "AccountChange.decidedAt"),
        *("ApiToken.expiresAt", "ApiToken.revokedAt", "ApiToken.lastUsedAt"),
    }
    # Who asks is known, and in which account; all others are looked for.
    assert {name for name, field in others.items() if is_non_null_type(field.type)} == {"Viewer.user", "Viewer.account"}
    assert {"CaseAction.user", "Case.subject", "Override.case"} <= others.keys()


def test_every_list_is_a_connection_of_the_same_shape() -> None:
    connections = [type_ for type_ in objects() if type_.name.endswith("Connection")]
    partial = {"PolicyReplayConnection"}  # a page looks through a part of the log; a total would look through it whole

    for type_ in connections:
        name = type_.name.removesuffix("Connection")
        fields = {field_name: str(field.type) for field_name, field in type_.fields.items()}
        assert fields == fields | {"edges": f"[{name}Edge!]!", "pageInfo": "PageInfo!"}
        assert (fields.get("totalCount") == "Int!") is (type_.name not in partial)
        edge = BUILT.type_map[f"{name}Edge"]
        assert isinstance(edge, GraphQLObjectType)
        assert (str(edge.fields["cursor"].type), fields["nodes"]) == ("String!", f"[{edge.fields['node'].type}]!")
        assert fields.keys() - {"edges", "nodes", "pageInfo", "totalCount"} <= {
            "facets",
            "counts",
            "examinedCount",
            "undeterminedCount",
        }
    assert {type_.name for type_ in connections} >= {"CaseConnection", "UserConnection", "CaseActionConnection"}
