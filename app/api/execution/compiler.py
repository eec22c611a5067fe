"""Compiles one operation of a valid document into a plan, for certain values of its @skip and @include.

Which fields are selected, and what they are given, graphql-core's own functions say. Raises Declined for what a plan
does not cover: introspection, and fields whose kind is not known here.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache, partial
from operator import attrgetter
from typing import Any, cast
from uuid import UUID

from graphql import (
    DirectiveNode,
    DocumentNode,
    FieldNode,
    FragmentDefinitionNode,
    GraphQLAbstractType,
    GraphQLEnumType,
    GraphQLField,
    GraphQLList,
    GraphQLNonNull,
    GraphQLObjectType,
    GraphQLScalarType,
    GraphQLSchema,
    OperationDefinitionNode,
    OperationType,
    SelectionSetNode,
    VariableNode,
    get_named_type,
)
from graphql.execution.collect_fields import FragmentDetails, collect_fields, collect_subfields
from graphql.execution.values import VariableValues
from strawberry import Schema
from strawberry.types.field import StrawberryField

from app.api import write_only
from app.api.dataloaders.loaders import Reading
from app.api.execution.completion import Completion, FieldStep, LeafValues, Lists, required
from app.api.execution.object_writers import Declined
from app.api.execution.reading import ReadingBuilder
from app.api.execution.resolver_calls import Call, CallSite
from app.api.execution.selections import Once, Selection, Selections
from app.api.execution.steps import Attribute, Computed, Related, Resolved, Resolver, Shown, Traced, TypeName
from app.api.fields import RelationField
from app.api.selection import attributes
from app.api.strawberry_internals import core_schema
from app.db.rows import UserRow

# Scalars whose values the writer of JSON writes as GraphQL has them.
AS_THEY_ARE = {"String", "Int", "Boolean", "DateTime"}


@dataclass(frozen=True, slots=True)
class Operation:
    """One operation of a document, with what it takes to compile it."""

    schema: Schema
    document: DocumentNode
    node: OperationDefinitionNode
    conditions: tuple[str, ...]

    @classmethod
    def of(cls, schema: Schema, document: DocumentNode, node: OperationDefinitionNode) -> "Operation":
        return cls(schema, document, node, tuple(sorted(set(_conditions(document)))))

    @property
    def core(self) -> GraphQLSchema:
        return core_schema(self.schema)

    @property
    def is_mutation(self) -> bool:
        return self.node.operation is OperationType.MUTATION

    @property
    def fragments(self) -> dict[str, FragmentDefinitionNode]:
        return {node.name.value: node for node in self.document.definitions if isinstance(node, FragmentDefinitionNode)}


def _conditions(document: DocumentNode) -> Iterator[str]:
    """Yield the variables that decide on what is selected."""
    waiting: list[object] = list(document.definitions)
    while waiting:
        node = waiting.pop()
        for directive in getattr(node, "directives", None) or ():
            yield from _variables(directive)
        inside: SelectionSetNode | None = getattr(node, "selection_set", None)
        waiting.extend(inside.selections if inside is not None else ())


def _variables(directive: DirectiveNode) -> Iterator[str]:
    for argument in directive.arguments or ():
        if isinstance(argument.value, VariableNode):
            yield argument.value.name.value


@dataclass(frozen=True, slots=True)
class Plan:
    """An operation as steps, by their names in the answer, and what is known of what they load.

    `needs_reading`: some of it is refused to who may act and not read.
    """

    steps: Mapping[str, FieldStep]
    root: Selection
    reading: Reading
    needs_reading: bool


def compiled(operation: Operation, variables: VariableValues) -> Plan:
    """Return the plan of the operation. Raises: Declined."""
    return _Compiler(operation, variables).plan()


class _Compiler:
    """Compiles one operation."""

    def __init__(self, operation: Operation, variables: VariableValues) -> None:
        self._operation = operation
        self._schema = operation.core
        self._variables = variables
        self._definitions = operation.fragments
        self._fragments = {name: FragmentDetails(node) for name, node in self._definitions.items()}
        self._requested = ReadingBuilder()
        self._needs_reading = False

    def plan(self) -> Plan:
        node = self._operation.node
        type_ = self._schema.get_root_type(node.operation)
        if type_ is None:
            raise Declined
        collected = collect_fields(self._schema, self._fragments, self._variables, type_, node)
        steps = self._steps(type_, collected.grouped_field_set)
        return Plan(steps, Selection.of(steps), self._requested.reading(), self._needs_reading)

    def _steps(self, type_: GraphQLObjectType, grouped: Mapping[str, list[Any]]) -> Mapping[str, FieldStep]:
        return {name: self._step(type_, details) for name, details in grouped.items()}

    def _step(self, type_: GraphQLObjectType, details: list[Any]) -> FieldStep:
        nodes = [detail.node for detail in details]
        name = nodes[0].name.value
        if name == "__typename":
            return TypeName(type_.name)
        field = type_.fields.get(name)
        definition = field.extensions.get("strawberry-definition") if field is not None else None
        if field is None or not isinstance(definition, StrawberryField):
            raise Declined
        if type_ is self._schema.subscription_type:
            return Traced(f"{type_.name}.{name}", Shown(field.resolve, self._completion(field.type, details)))
        self._needs_reading |= write_only.needs_reading(field)
        completion = self._completion(field.type, details)
        if definition.is_basic_field:
            attribute = definition.python_name
            is_awaited = definition.metadata.get("awaited")
            return Computed(attrgetter(attribute), completion) if is_awaited else Attribute.of(attribute, completion)
        if isinstance(definition, RelationField):
            self._requested.relation(definition.loader, self._columns(field.type, details))
            related = Related(
                definition.python_name,
                definition.loader,
                attrgetter(definition.key),
                _is_list(field.type),
                completion,
            )
            return Traced(f"{type_.name}.{name}", related)
        self._requested.code(definition.metadata.get("loads"))
        resolved = Resolved(self._resolver(type_, field, definition, nodes), completion)
        return Traced(f"{type_.name}.{name}", resolved)

    def _columns(self, type_: Any, details: list[Any]) -> frozenset[str] | None:
        """Return the attributes of a row that are selected of it; None for all."""
        named = get_named_type(type_)
        if not isinstance(named, GraphQLObjectType):
            return None
        collected = collect_subfields(
            self._schema, self._fragments, self._variables, self._operation.node, named, details
        )
        return attributes(_origin(named), [found[0].node.name.value for found in collected.grouped_field_set.values()])

    def _resolver(
        self, type_: GraphQLObjectType, field: GraphQLField, definition: StrawberryField, nodes: list[FieldNode]
    ) -> Resolver:
        operation = self._operation
        call = Call(
            CallSite(operation.schema, self._schema, operation.node, self._definitions, type_, field, definition, nodes)
        )
        batch = definition.metadata.get("batch")
        return call.each if batch is None else partial(call.all, batch)

    # --- Types -------------------------------------------------------------------------------------------------------

    def _completion(self, type_: Any, details: list[Any]) -> Completion:
        match type_:
            case GraphQLNonNull():
                return required(self._completion(type_.of_type, details))
            case GraphQLList():
                return Lists(self._completion(type_.of_type, details))
            case GraphQLEnumType():
                return LeafValues(_names(type_).__getitem__)
            case GraphQLScalarType():
                return _scalar(type_)
            case GraphQLObjectType():
                selection = self._selection(type_, details)
                return Once(selection) if _row_of(type_) is UserRow else selection
            case _:
                return self._selections(type_, details)

    def _selection(self, type_: GraphQLObjectType, details: list[Any]) -> Selection:
        collected = collect_subfields(
            self._schema, self._fragments, self._variables, self._operation.node, type_, details
        )
        return Selection.of(self._steps(type_, collected.grouped_field_set))

    def _selections(self, type_: GraphQLAbstractType, details: list[Any]) -> Selections:
        possible = self._schema.get_possible_types(type_)
        return Selections(
            {item.name: self._selection(item, details) for item in possible}, partial(_type_of, _classes(possible))
        )


def _is_list(type_: object) -> bool:
    return isinstance(type_.of_type if isinstance(type_, GraphQLNonNull) else type_, GraphQLList)


def _scalar(type_: GraphQLScalarType) -> Completion:
    if type_.name == "ID":
        return LeafValues(_id)
    if type_.name not in AS_THEY_ARE:
        raise Declined
    return LeafValues(is_text=type_.name == "String")


def _id(value: object) -> object:
    """Return an id as the writer of JSON writes it: Python's own UUIDs as they are, all others as texts."""
    return value if type(value) is UUID else str(value)


@cache
def _names(type_: GraphQLEnumType) -> dict[object, str]:
    """Return the name of each member of an enum, by the member, which is its value too."""
    return {value.value: name for name, value in type_.values.items()}


def _origin(type_: GraphQLObjectType) -> type[object]:
    return cast(type[object], type_.extensions["strawberry-definition"].origin)


def _row_of(type_: GraphQLObjectType) -> type[object] | None:
    """Return the class of the rows that stand for objects of a type, None where strawberry's own class does."""
    return getattr(_origin(type_), "row", None) if "strawberry-definition" in type_.extensions else None


def _classes(types: Any) -> dict[type[Any], str]:
    return {_row_of(type_) or _origin(type_): type_.name for type_ in types}


def _type_of(names: Mapping[type[object], str], value: object) -> str:
    for base in type(value).__mro__:
        if base in names:
            return names[base]
    raise Declined
