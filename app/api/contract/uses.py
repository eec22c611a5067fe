"""Uses of deprecated elements by an operation: in its document, looked at once, and in the values of its variables."""

from collections.abc import Iterable, Iterator, Mapping
from typing import Any, NamedTuple

from graphql import (
    DocumentNode,
    FragmentDefinitionNode,
    FragmentSpreadNode,
    GraphQLEnumType,
    GraphQLInputObjectType,
    GraphQLInputType,
    GraphQLList,
    GraphQLNonNull,
    GraphQLSchema,
    Node,
    OperationDefinitionNode,
    TypeInfo,
    TypeInfoVisitor,
    Visitor,
    get_named_type,
    type_from_ast,
    visit,
)

from app.api.contract.deprecations import Deprecation, deprecations_of, elements

Coordinates = tuple[str, ...]


class DocumentUses(NamedTuple):
    """What an operation's document uses of the deprecated, and its variables whose values can use more."""

    coordinates: Coordinates
    variables: Mapping[str, GraphQLInputType]


class DeprecatedUses:
    """Finds the uses of what is deprecated in one schema; false where nothing is."""

    def __init__(self, schema: GraphQLSchema) -> None:
        self._schema = schema
        self.known: Mapping[str, Deprecation] = deprecations_of(schema)
        found = elements(schema)
        self._coordinates = {id(found[coordinate]): coordinate for coordinate in self.known}

    def __bool__(self) -> bool:
        return bool(self._coordinates)

    def of_document(self, tree: DocumentNode, name: str | None) -> DocumentUses:
        """Return what the operation of this name, or the only one, uses; the document is valid."""
        type_info = TypeInfo(self._schema)
        visitor = _UsesVisitor(type_info, self._coordinates)
        operation, *fragments = _executed(tree, name)
        for node in (operation, *fragments):
            visit(node, TypeInfoVisitor(type_info, visitor))
        return DocumentUses(tuple(sorted(visitor.found)), self._open(operation))

    def of_values(self, uses: DocumentUses, values: Mapping[str, Any]) -> Coordinates:
        """Return what the document uses together with these values of its variables, as they were sent."""
        if not uses.variables:
            return uses.coordinates
        found = set(uses.coordinates)
        for name, type_ in uses.variables.items():
            found.update(self._in_value(type_, values.get(name)))
        return tuple(sorted(found))

    def _open(self, operation: OperationDefinitionNode) -> dict[str, GraphQLInputType]:
        """Return the variables whose types have something deprecated in them."""
        types: dict[str, GraphQLInputType] = {}
        for definition in operation.variable_definitions or ():
            type_: Any = type_from_ast(self._schema, definition.type)
            if any(id(member) in self._coordinates for member in _members(get_named_type(type_), set())):
                types[definition.variable.name.value] = type_
        return types

    def _in_value(self, type_: GraphQLInputType, value: Any) -> Iterator[str]:
        """Yield what a value uses; one that is wrong is refused elsewhere."""
        while isinstance(type_, GraphQLNonNull):
            type_ = type_.of_type
        if isinstance(type_, GraphQLList):
            for item in value if isinstance(value, list) else [value]:
                yield from self._in_value(type_.of_type, item)
        elif isinstance(type_, GraphQLEnumType) and isinstance(value, str):
            yield from self._named([type_.values.get(value)])
        elif isinstance(type_, GraphQLInputObjectType) and isinstance(value, dict):
            given = {name: field for name, field in type_.fields.items() if name in value}
            yield from self._named(given.values())
            for name, field in given.items():
                yield from self._in_value(field.type, value[name])

    def _named(self, members: Iterable[object]) -> Iterator[str]:
        return (self._coordinates[id(member)] for member in members if id(member) in self._coordinates)


def _members(type_: object, seen: set[int]) -> Iterator[object]:
    """Yield the fields and values of an input's type, and of all types in it."""
    if id(type_) in seen:
        return
    seen.add(id(type_))
    if isinstance(type_, GraphQLEnumType):
        yield from type_.values.values()
    elif isinstance(type_, GraphQLInputObjectType):
        for field in type_.fields.values():
            yield field
            yield from _members(get_named_type(field.type), seen)


def _executed(tree: DocumentNode, name: str | None) -> tuple[Any, ...]:
    """Return the operation's node, and those of the fragments that it spreads, each once."""
    operations = [node for node in tree.definitions if isinstance(node, OperationDefinitionNode)]
    operation = next((node for node in operations if node.name and node.name.value == name), operations[0])
    fragments = {node.name.value: node for node in tree.definitions if isinstance(node, FragmentDefinitionNode)}
    spread: dict[str, Node] = {}
    waiting: list[Node] = [operation]
    while waiting:
        spreads = _Spreads()
        visit(waiting.pop(), spreads)
        for found in spreads.names - spread.keys():
            spread[found] = fragments[found]
            waiting.append(fragments[found])
    return (operation, *spread.values())


class _Spreads(Visitor):
    """Collects the names of the fragments that a node spreads."""

    def __init__(self) -> None:
        super().__init__()
        self.names: set[str] = set()

    def enter_fragment_spread(self, node: FragmentSpreadNode, *_: object) -> None:
        self.names.add(node.name.value)


class _UsesVisitor(Visitor):
    """Collects the coordinates of what is deprecated at the nodes of a document."""

    def __init__(self, types: TypeInfo, coordinates: Mapping[int, str]) -> None:
        super().__init__()
        self._types = types
        self._coordinates = coordinates
        self.found: set[str] = set()

    def enter_field(self, *_: object) -> None:
        self._note(self._types.get_field_def())

    def enter_argument(self, *_: object) -> None:
        self._note(self._types.get_argument())

    def enter_object_field(self, node: Any, *_: object) -> None:
        parent = get_named_type(self._types.get_parent_input_type())
        if isinstance(parent, GraphQLInputObjectType):
            self._note(parent.fields.get(node.name.value))

    def enter_enum_value(self, *_: object) -> None:
        self._note(self._types.get_enum_value())

    def _note(self, element: object) -> None:
        coordinate = self._coordinates.get(id(element))
        if coordinate is not None:
            self.found.add(coordinate)
