"""The schema, built once for the process, and the caches that parse and validate a document once."""

from collections.abc import Iterator
from datetime import datetime

import strawberry
from graphql import (
    ASTValidationRule,
    DocumentNode,
    GraphQLArgument,
    GraphQLError,
    GraphQLInputField,
    GraphQLInputObjectType,
    GraphQLObjectType,
    GraphQLSchema,
    MaxIntrospectionDepthRule,
    NoSchemaIntrospectionCustomRule,
    OperationDefinitionNode,
    Undefined,
    print_schema,
    validate,
)
from graphql.validation.rules import overlapping_fields_can_be_merged
from strawberry.extensions import SchemaExtension
from strawberry.schema.config import StrawberryConfig
from strawberry.schema.validation_rules.maybe_null import MaybeNullValidationRule
from strawberry.types import ExecutionContext

from app.api import write_only
from app.api.errors import ERROR_TYPES
from app.api.execution.document_cache import Document, Documents
from app.api.execution.executor import BoundedExecutor
from app.api.execution.mutation_results import resume_mutations
from app.api.execution.plans import Plans
from app.api.inputs.one_of import OneOfVariables
from app.api.inputs.uploads import UPLOAD, Upload
from app.api.limits.enforcement import Limiter
from app.api.limits.measurement import coerced
from app.api.limits.scanner import scan
from app.api.mutations import Mutation
from app.api.queries import Query
from app.api.times import DATE_TIME
from app.observability import tracing

ERRORS_MAX = 10

# How many steps graphql-core may take to compare the fields that share a name: all of its half million take a second.
overlapping_fields_can_be_merged.MAX_COMPLEXITY_BUDGET = 10_000


class Schema(strawberry.Schema):
    """Strawberry's schema without its logging, which would write faults and their arguments to standard error."""

    def process_errors(self, errors: list[GraphQLError], execution_context: ExecutionContext | None = None) -> None:
        """Leave errors to the view, which masks and logs them."""


class KnownParsing(SchemaExtension):
    """Parses a document that is known no more."""

    def on_parse(self) -> Iterator[None]:
        execution = self.execution_context
        known = DOCUMENTS.get(execution.query or "")
        if known is not None:
            execution.graphql_document = known.tree
        yield


def _validated(
    schema: GraphQLSchema, document: DocumentNode, rules: tuple[type[ASTValidationRule], ...]
) -> list[GraphQLError]:
    """Return what is wrong with *document*, the first few things: each may show a long part of it."""
    return validate(schema, document, (*rules, MaybeNullValidationRule, OneOfVariables), ERRORS_MAX)


class BoundedValidation(SchemaExtension):
    """Measures a document before it is validated: some rules take time that grows with the square of its length."""

    def on_validate(self) -> Iterator[None]:
        execution = self.execution_context
        context, document = execution.context, execution.graphql_document
        assert document is not None and execution.query is not None
        context.operation_type = execution.operation_type.value
        context.operation_name = execution.operation_name
        core, name = execution.schema._schema, execution.operation_name  # noqa: SLF001  # strawberry shows it in no other way
        variables = coerced(core, document, name, execution.variables or {})
        measures = LIMITER.measure(execution.query, document, name, variables)
        if measures is None:
            execution.pre_execution_errors = [GraphQLError("The document's fragments go round in circles.", document)]
            yield
            return
        execution.pre_execution_errors = context.note_measures(measures) or self._errors(
            execution.query, document, execution.validation_rules
        )
        yield

    def _errors(self, query: str, tree: DocumentNode, rules: tuple[type[ASTValidationRule], ...]) -> list[GraphQLError]:
        known = DOCUMENTS.get(query)
        if known is not None and rules in known.valid_by:
            return []
        schema = self.execution_context.schema._schema  # noqa: SLF001  # strawberry shows it in no other way
        errors = _validated(schema, tree, rules)
        if not errors:
            if known is None:
                known = Document(tree, scan(query, None, None))
                DOCUMENTS.keep(query, known)
            known.valid_by.add(rules)
        return errors


class OperationRules(SchemaExtension):
    """What no document may do whatever its content: leave open which operation is meant, or look into the schema
    where that is switched off.
    """

    def on_operation(self) -> Iterator[None]:
        execution = self.execution_context
        rule = MaxIntrospectionDepthRule if execution.context.introspection else NoSchemaIntrospectionCustomRule
        execution.validation_rules = (*execution.validation_rules, rule)
        yield

    def on_validate(self) -> Iterator[None]:
        """Refuse before the yield: what is noted after it comes too late. The cache, listed first, has validated."""
        execution = self.execution_context
        # `operation_name` would not tell: where none was asked for, it is the first operation's.
        asked = execution._provided_operation_name  # noqa: SLF001  # strawberry shows it in no other way
        if execution.graphql_document is not None and asked is None:
            definitions = execution.graphql_document.definitions
            if sum(isinstance(definition, OperationDefinitionNode) for definition in definitions) > 1:
                error = GraphQLError("The document has several operations: say which by operationName.")
                execution.pre_execution_errors = [*(execution.pre_execution_errors or ()), error]
        yield


class Learning(SchemaExtension):
    """Takes note of what is executed, so that it has a plan the next time."""

    def on_execute(self) -> Iterator[None]:
        execution = self.execution_context
        document = execution.graphql_document
        assert document is not None and execution.query is not None
        asked = execution._provided_operation_name  # noqa: SLF001  # strawberry shows it in no other way
        PLANS.learn(execution.query, asked, document, execution.context)
        yield


def _core(schema: Schema) -> GraphQLSchema:
    return schema._schema  # noqa: SLF001  # strawberry shows it in no other way


def _corrected(schema: Schema) -> Schema:
    """Drop the defaults of null, which Python's `= None` puts into the schema and which say nothing there, and let
    graphql-core know which inputs take one field alone: strawberry checks that by itself, and does not print it.
    """
    for type_ in _core(schema).type_map.values():
        values: list[GraphQLArgument | GraphQLInputField] = []
        if isinstance(type_, GraphQLInputObjectType):
            values.extend(type_.fields.values())
            type_.is_one_of = type_.extensions["strawberry-definition"].is_one_of
        elif isinstance(type_, GraphQLObjectType):
            values.extend(argument for field in type_.fields.values() for argument in field.args.values())
        for value in values:
            if value.default_value is None:
                value.default_value = Undefined
    return schema


SCHEMA = _corrected(
    Schema(
        query=Query,
        mutation=Mutation,
        types=ERROR_TYPES,
        extensions=[tracing.extension, KnownParsing, BoundedValidation, OperationRules, Learning],
        execution_context_class=BoundedExecutor,
        config=StrawberryConfig(scalar_map={Upload: UPLOAD, datetime: DATE_TIME}),
    )
)
CORE = _core(SCHEMA)
write_only.close(CORE)
resume_mutations(CORE)
DOCUMENTS = Documents()
LIMITER = Limiter(CORE, DOCUMENTS)
PLANS = Plans(SCHEMA, LIMITER, DOCUMENTS)


def sdl() -> str:
    """Return the schema in the definition language, as it stands in `schema.graphql`."""
    return print_schema(CORE) + "\n"
