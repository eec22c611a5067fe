"""Prepares operations: what a client sent becomes an operation to execute, or errors that say why it is none.

Each limit on documents is enforced here: on the text before it is parsed, and on the operation before it is validated,
since some rules take time that grows with the square of the document's length.
"""

from collections.abc import Awaitable, Callable, Collection
from typing import Any, NamedTuple

from graphql import (
    ASTValidationRule,
    GraphQLError,
    MaxIntrospectionDepthRule,
    NoSchemaIntrospectionCustomRule,
    OperationDefinitionNode,
    parse,
    validate,
)
from graphql.execution.values import VariableValues
from graphql.validation import specified_rules
from graphql.validation.rules import overlapping_fields_can_be_merged
from strawberry import Schema
from strawberry.schema.validation_rules.maybe_null import MaybeNullValidationRule
from strawberry.types.graphql import OperationType

from app.api.contract.uses import Coordinates, DeprecatedUses
from app.api.execution.document_cache import CachedDocument, DocumentCache, hash_of
from app.api.execution.operations import KnownOperation, PreparedOperation, operations_of
from app.api.execution.plans import note_failure
from app.api.inputs.one_of import OneOfVariables
from app.api.limits.bounds import Limits
from app.api.limits.enforcement import Limiter, as_limits
from app.api.limits.scanner import scan
from app.api.limits.variables import coerced
from app.api.strawberry_internals import core_schema
from app.observability import tracing

ERRORS_MAX = 10

# How many steps graphql-core may take to compare the fields that share a name: all of its half million take a second.
overlapping_fields_can_be_merged.MAX_COMPLEXITY_BUDGET = 10_000

Rule = type[ASTValidationRule]
RULES: tuple[Rule, ...] = (*specified_rules, MaybeNullValidationRule, OneOfVariables)


class NoSuchOperationError(Exception):
    """The document has no operation of the name that was asked for, or none at all."""


class OperationNotAllowedError(Exception):
    """The operation is of a type that is not taken in this way."""


class OperationRequest(NamedTuple):
    """What a client wants to have executed."""

    text: str
    variables: dict[str, Any] | None
    operation_name: str | None
    request_id: str


class Policy(NamedTuple):
    """What may be executed. *introspection*: whether the schema may be asked for."""

    limits: Limits
    allowed: Collection[OperationType]
    introspection: bool

    @property
    def rule(self) -> Rule:
        return MaxIntrospectionDepthRule if self.introspection else NoSchemaIntrospectionCustomRule


class Preparation:
    """Prepares operations on one schema."""

    def __init__(self, schema: Schema, cache: DocumentCache, deprecated: DeprecatedUses) -> None:
        self.deprecated = deprecated
        self._schema = schema
        self._core = core_schema(schema)
        self._cache = cache
        self._limiter = Limiter(self._core, cache)

    def begin(self, text: str) -> PreparedOperation:
        """Return an operation of which the document's text alone is known."""
        document = self._cache.get(text)
        return PreparedOperation(hash_of(text) if document is None else document.hash, document)

    async def prepare(
        self, prepared: PreparedOperation, sent: OperationRequest, policy: Policy, pause: Callable[[], Awaitable[None]]
    ) -> None:
        """Prepare the operation; *pause* lets others have their turn before what takes long.

        Raises: NoSuchOperationError, OperationNotAllowedError.
        """
        document, limits = prepared.cached, policy.limits
        prepared.errors = self._limiter.check_text(sent.text, document, sent.variables, limits, prepared.document_hash)
        if prepared.errors:
            return
        if document is None or policy.rule not in document.valid_by:
            await pause()
        if document is not None:
            prepared.document = document.tree
            prepared.known = document.operations.get((sent.operation_name, policy.introspection))
        elif not _parse(sent.text, prepared):
            return
        _choose(sent.operation_name, prepared, policy.allowed)
        self._measure(sent, prepared, limits)
        if prepared.known is None:
            self._validate(document, sent, prepared, policy)
        if self.deprecated and not prepared.errors:
            prepared.deprecated = self._deprecated_uses(sent, prepared)

    def _deprecated_uses(self, sent: OperationRequest, prepared: PreparedOperation) -> Coordinates:
        """Return what the operation uses of the deprecated; its document is looked at once, where it is kept."""
        document, tree = prepared.cached or self._cache.get(sent.text), prepared.document
        assert tree is not None
        uses = None if document is None else document.deprecated.get(prepared.name)
        if uses is None:
            uses = self.deprecated.of_document(tree, prepared.name)
            if document is not None:
                document.deprecated[prepared.name] = uses
        return self.deprecated.of_values(uses, sent.variables or {})

    def _measure(self, sent: OperationRequest, prepared: PreparedOperation, limits: Limits) -> None:
        """Measure the operation, and note an error for each limit that it passes."""
        tree, name = prepared.document, prepared.name
        assert tree is not None
        if prepared.known is not None:
            prepared.variables = _coerced(prepared.known, sent, prepared.document_hash)
        values = prepared.variables
        variables = coerced(self._core, tree, name, sent.variables or {}) if values is None else values.coerced
        measures = self._limiter.measure(prepared.cached, tree, name, variables)
        if measures is None:
            prepared.errors = [GraphQLError("The document's fragments go round in circles.", tree)]
            return
        prepared.cost, prepared.fields_max = measures.cost, limits.most_fields(measures)
        prepared.errors = limits.check(as_limits(measures), prepared.document_hash)

    def _validate(
        self, document: CachedDocument | None, sent: OperationRequest, prepared: PreparedOperation, policy: Policy
    ) -> None:
        """Validate the document, keep it if it is valid, and note the operation if it is going to be executed."""
        tree = prepared.document
        assert tree is not None
        if not prepared.errors and (document is None or policy.rule not in document.valid_by):
            with tracing.phase("validate"):
                prepared.errors = validate(self._core, tree, (*RULES, policy.rule), ERRORS_MAX)
            if not prepared.errors:
                if document is None:
                    document = CachedDocument(tree, prepared.document_hash, scan(sent.text, None, None))
                    self._cache.keep(sent.text, document)
                document.valid_by.add(policy.rule)
        if sent.operation_name is None and len(operations_of(tree)) > 1:
            error = GraphQLError("The document has several operations: say which by operationName.")
            prepared.errors = [*prepared.errors, error]
        if not prepared.errors and document is not None:
            self._note(document, sent, prepared, policy)

    def _note(
        self, document: CachedDocument, sent: OperationRequest, prepared: PreparedOperation, policy: Policy
    ) -> None:
        """Note an operation for the next time that it is executed, which of a subscription is its first event."""
        is_repeated = prepared.type is OperationType.SUBSCRIPTION
        if prepared.type is None or not (document.is_kept or is_repeated):
            return
        try:
            known = KnownOperation.of(self._schema, document.tree, prepared.name, prepared.type)
        except Exception as fault:  # graphql-core executes it all the same
            note_failure(fault, sent.request_id, prepared.document_hash)
            return
        if document.is_kept:
            document.operations[sent.operation_name, policy.introspection] = known
        if is_repeated:
            prepared.known, prepared.variables = known, _coerced(known, sent, prepared.document_hash)


def _parse(text: str, prepared: PreparedOperation) -> bool:
    """Parse the document, or note what is wrong with it."""
    try:
        with tracing.phase("parse"):
            prepared.document = parse(text)
            return True
    except GraphQLError as error:
        prepared.errors = [error]
    except RecursionError as fault:
        prepared.errors = [GraphQLError(str(fault), original_error=fault)]
    return False


def _choose(wanted: str | None, prepared: PreparedOperation, allowed: Collection[OperationType]) -> None:
    """Note which operation of the document is meant. Raises: NoSuchOperationError, OperationNotAllowedError."""
    known = prepared.known
    if known is not None:
        prepared.type, prepared.name = known.type, known.name
    else:
        assert prepared.document is not None
        operations = operations_of(prepared.document)
        node = next((node for node in operations if wanted is None or _name(node) == wanted), None)
        if node is None:
            raise NoSuchOperationError
        prepared.type, prepared.name = OperationType(node.operation.value), _name(node)
    if prepared.type not in allowed:
        raise OperationNotAllowedError


def _name(node: OperationDefinitionNode) -> str | None:
    return node.name.value if node.name else None


def _coerced(known: KnownOperation, sent: OperationRequest, document_hash: str) -> VariableValues | None:
    """Return the variables if they are right; else graphql-core says what is wrong with them."""
    try:
        return known.variables.values(sent.variables or {})
    except Exception as fault:  # graphql-core coerces them all the same
        note_failure(fault, sent.request_id, document_hash)
        return None


def may_write(text: str) -> bool:
    """Tell, before it is parsed, whether a document can have a mutation: none is without this word.

    It is for sharing out places alone (GraphQL specification, section 2.3).
    """
    return "mutation" in text
