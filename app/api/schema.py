"""The schema, built once for the process, and the caches that parse and validate a document once."""

from collections.abc import Iterator

import strawberry
from graphql import (
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
)
from graphql.validation.rules import overlapping_fields_can_be_merged
from strawberry.extensions import ParserCache, SchemaExtension, ValidationCache
from strawberry.schema.config import StrawberryConfig
from strawberry.types import ExecutionContext

from app import tracing
from app.api.errors import ERROR_TYPES
from app.api.limits import Limiter, as_limits
from app.api.mutations import Mutation
from app.api.queries import Query
from app.api.uploads import UPLOAD, Upload

DOCUMENTS_CACHED = 1000

# How many steps graphql-core may take to compare the fields that share a name: all of its half million take a second.
overlapping_fields_can_be_merged.MAX_COMPLEXITY_BUDGET = 50_000


class Schema(strawberry.Schema):
    """Strawberry's schema without its logging, which would write faults and their arguments to standard error."""

    def process_errors(self, errors: list[GraphQLError], execution_context: ExecutionContext | None = None) -> None:
        """Leave errors to the view, which masks and logs them."""


def parser_cache() -> SchemaExtension:
    return ParserCache(maxsize=DOCUMENTS_CACHED)


class BoundedValidation(ValidationCache):
    """Measures a document before it is validated: some rules take time that grows with the square of its length."""

    def __init__(self) -> None:
        super().__init__(maxsize=DOCUMENTS_CACHED)

    def on_validate(self) -> Iterator[None]:
        execution = self.execution_context
        context, document = execution.context, execution.graphql_document
        assert document is not None and execution.query is not None
        context.operation_type = execution.operation_type.value
        context.operation_name = execution.operation_name
        measures = LIMITER.measure(execution.query, document, execution.operation_name, execution.variables or {})
        if measures is not None:  # else its fragments are circular, which validation finds
            context.cost = measures.cost
            exceeded = context.limits.check(as_limits(measures), context.document_hash)
            if exceeded:
                execution.pre_execution_errors = exceeded
                yield
                return
        yield from super().on_validate()


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


def _core(schema: Schema) -> GraphQLSchema:
    return schema._schema  # noqa: SLF001  # strawberry shows it in no other way


def _without_null_defaults(schema: Schema) -> Schema:
    """Drop the defaults of null, which Python's `= None` puts into the schema and which say nothing there."""
    for type_ in _core(schema).type_map.values():
        values: list[GraphQLArgument | GraphQLInputField] = []
        if isinstance(type_, GraphQLInputObjectType):
            values.extend(type_.fields.values())
        elif isinstance(type_, GraphQLObjectType):
            values.extend(argument for field in type_.fields.values() for argument in field.args.values())
        for value in values:
            if value.default_value is None:
                value.default_value = Undefined
    return schema


SCHEMA = _without_null_defaults(
    Schema(
        query=Query,
        mutation=Mutation,
        types=ERROR_TYPES,
        extensions=[tracing.spans, parser_cache, BoundedValidation, OperationRules],
        config=StrawberryConfig(scalar_map={Upload: UPLOAD}),
    )
)
LIMITER = Limiter(_core(SCHEMA))


def sdl() -> str:
    """Return the schema in the definition language, as it stands in `schema.graphql`."""
    return print_schema(_core(SCHEMA)) + "\n"
