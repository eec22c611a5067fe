"""The schema, built once for the process, with the one cache of documents and what prepares and plans operations."""

from collections.abc import Iterator
from datetime import datetime

import strawberry
from graphql import (
    GraphQLArgument,
    GraphQLError,
    GraphQLInputField,
    GraphQLInputObjectType,
    GraphQLInterfaceType,
    GraphQLObjectType,
    Undefined,
    print_schema,
)
from strawberry.extensions import SchemaExtension
from strawberry.schema.config import StrawberryConfig
from strawberry.types import ExecutionContext

from app.api import write_only
from app.api.contract import deprecations
from app.api.contract.uses import DeprecatedUses
from app.api.errors import ERROR_TYPES
from app.api.execution.document_cache import DocumentCache
from app.api.execution.executor import BoundedExecutor
from app.api.execution.mutation_results import resume_mutations
from app.api.execution.plans import Plans
from app.api.execution.preparation import Preparation
from app.api.inputs.ibans import IBAN, IbanText
from app.api.inputs.uploads import UPLOAD, Upload
from app.api.mutations import Mutation
from app.api.queries import Query
from app.api.strawberry_internals import core_schema
from app.api.subscriptions import Subscription, resolve_events
from app.api.times import DATE_TIME
from app.api.types.signals import SIGNAL_TYPES
from app.observability import tracing


class Schema(strawberry.Schema):
    """Strawberry's schema without its logging, which would write faults and their arguments to standard error."""

    def process_errors(self, errors: list[GraphQLError], execution_context: ExecutionContext | None = None) -> None:
        """Leave errors to the view, which masks and logs them."""


class PreparedDocument(SchemaExtension):
    """Executes a document that was parsed and validated before, by `preparation`."""

    def on_operation(self) -> Iterator[None]:
        execution = self.execution_context
        execution.graphql_document = execution.context.request.document
        execution.validation_rules = ()
        yield


def _corrected(schema: Schema) -> Schema:
    """Drop the defaults of null, which Python's `= None` puts into the schema and which say nothing there, and let
    graphql-core know which inputs take one field alone: strawberry checks that by itself, and does not print it.
    """
    for type_ in core_schema(schema).type_map.values():
        values: list[GraphQLArgument | GraphQLInputField] = []
        if isinstance(type_, GraphQLInputObjectType):
            values.extend(type_.fields.values())
            type_.is_one_of = type_.extensions["strawberry-definition"].is_one_of
        elif isinstance(type_, GraphQLObjectType | GraphQLInterfaceType):
            values.extend(argument for field in type_.fields.values() for argument in field.args.values())
        for value in values:
            if value.default_value is None:
                value.default_value = Undefined
    return schema


SCHEMA = _corrected(
    Schema(
        query=Query,
        mutation=Mutation,
        subscription=Subscription,
        types=[*ERROR_TYPES, *SIGNAL_TYPES],
        extensions=[tracing.extension, PreparedDocument],
        execution_context_class=BoundedExecutor,
        config=StrawberryConfig(scalar_map={Upload: UPLOAD, IbanText: IBAN, datetime: DATE_TIME}),
    )
)
CORE = core_schema(SCHEMA)
deprecations.deprecate(CORE, deprecations.read_table(deprecations.TABLE.read_text(encoding="utf-8")))
write_only.close(CORE)
resume_mutations(CORE)
resolve_events(CORE)
CACHE = DocumentCache()
PREPARATION = Preparation(SCHEMA, CACHE, DeprecatedUses(CORE))
PLANS = Plans(CACHE)


def sdl() -> str:
    """Return the schema in the definition language, as it stands in `schema.graphql`."""
    return print_schema(CORE) + "\n"
