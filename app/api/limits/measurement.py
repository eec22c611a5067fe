"""Measures one operation of a parsed document: depth, aliases, directives, selections, and the fields it can bring.

It runs before validation, so it takes nothing for granted: an unknown field counts as one and holds what it holds.
Sizes that are variables are those that are executed, which are the coerced ones: with defaults, `100.0` as 100, and one
value as a list of one.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from graphlib import CycleError, TopologicalSorter
from typing import Any

from graphql import (
    BooleanValueNode,
    DocumentNode,
    FieldNode,
    FragmentDefinitionNode,
    FragmentSpreadNode,
    GraphQLField,
    GraphQLList,
    GraphQLNamedType,
    GraphQLNonNull,
    GraphQLSchema,
    InlineFragmentNode,
    IntValueNode,
    ListValueNode,
    NullValueNode,
    ObjectValueNode,
    OperationDefinitionNode,
    OperationType,
    SelectionNode,
    SelectionSetNode,
    VariableNode,
    get_named_type,
    get_variable_values,
    is_composite_type,
)
from graphql.execution.values import VariableValues
from graphql.type import SchemaMetaFieldDef, TypeMetaFieldDef

from app.api.limits.prices import (
    ARGUMENT_PRICES,
    ERRORS_SIZE,
    FIELD_PRICES,
    INTROSPECTED_SIZES,
    LIST_SIZE,
    LIST_SIZES,
    SINGLE_ERRORS,
    TOTAL_PRICES,
    VALUE_PRICES,
    VALUES_A_FIELD,
)
from app.api.pagination import PAGE_DEFAULT, PAGE_MAX

ITEMS = ("nodes", "edges")
INTROSPECTION = {"__schema": SchemaMetaFieldDef, "__type": TypeMetaFieldDef}


@dataclass(frozen=True, slots=True)
class Measures:
    """What there is of all that has a limit, fragments expanded.

    `cost` is the most fields that the answer can have, what arguments take that have many values, and the prices of
    what takes the database or the memory more than a field does.
    """

    depth: int
    aliases: int
    root: int
    directives: int
    fragments: int
    selections: int
    cost: int
    introspection: int
    is_mutation: bool


@dataclass(slots=True)
class Sum:
    """The measures of a selection set, from inside out. `items` is the part that a connection has once an item, and
    `counts` whether its list is counted.
    """

    depth: int = 0
    aliases: int = 0
    fields: int = 0
    directives: int = 0
    selections: int = 0
    once: int = 0
    items: int = 0
    introspection: int = 0
    counts: bool = False

    def add(self, other: "Sum") -> None:
        """Add what a fragment brings, which is no deeper than where it is spread."""
        self.depth = max(self.depth, other.depth)
        self.fields += other.fields
        self.once += other.once
        self.items += other.items
        self.counts = self.counts or other.counts
        self.add_counts(other)

    def add_counts(self, other: "Sum") -> None:
        """Add what counts the same at any depth."""
        self.aliases += other.aliases
        self.directives += other.directives
        self.selections += other.selections
        self.introspection += other.introspection


def coerced(
    schema: GraphQLSchema, document: DocumentNode, operation: str | None, inputs: Mapping[str, Any]
) -> Mapping[str, Any]:
    """Return the variables' values as they are executed; none where they are refused, as the operation then is."""
    definitions = _operation(document, operation).variable_definitions or ()
    try:
        values = get_variable_values(schema, definitions, dict(inputs), max_errors=1)
    except Exception:  # a default that its scalar can't read raises what it likes, and again when it is executed
        return {}
    return values.coerced if isinstance(values, VariableValues) else {}


def measure(
    schema: GraphQLSchema, document: DocumentNode, operation: str | None, variables: Mapping[str, Any]
) -> tuple[Measures, tuple[str, ...], tuple[str, ...]] | None:
    """Return the measures, and the names of the variables that they depend on; None where fragments are circular.

    Of the first of these variables it is the value that counts, of the others how many values are in it. *variables*
    are coerced.
    """
    chosen = _operation(document, operation)
    definitions = {d.name.value: d for d in document.definitions if isinstance(d, FragmentDefinitionNode)}
    spreads = {name: set(_spreads(node.selection_set)) & definitions.keys() for name, node in definitions.items()}
    tape = _Tape(schema, variables)
    try:
        for name in TopologicalSorter(spreads).static_order():
            tape.measure_fragment(name, definitions[name])
    except CycleError:
        return None
    found = tape.sum(chosen.selection_set, schema.get_root_type(chosen.operation))
    measures = Measures(
        depth=found.depth,
        aliases=found.aliases,
        root=found.fields,
        directives=found.directives + len(chosen.directives or ()),
        fragments=sum(isinstance(d, FragmentDefinitionNode) for d in document.definitions),
        selections=found.selections,
        cost=found.once + found.items,
        introspection=found.introspection,
        is_mutation=chosen.operation is OperationType.MUTATION,
    )
    return measures, tuple(sorted(tape.sized_by)), tuple(sorted(tape.weighed_by))


def values_in(value: Any, most: int = 2**31) -> int:
    """Return how many values there are in a variable's, nested ones too; what passes *most* by one is enough."""
    if not isinstance(value, list | dict):
        return 0
    count, waiting = 0, [value]
    while waiting and count <= most:
        inside = waiting.pop()
        items = inside.values() if isinstance(inside, dict) else inside
        count += len(inside)
        waiting.extend(item for item in items if isinstance(item, list | dict))
    return count


def _operation(document: DocumentNode, name: str | None) -> OperationDefinitionNode:
    operations = [d for d in document.definitions if isinstance(d, OperationDefinitionNode)]
    return next((d for d in operations if d.name and d.name.value == name), operations[0])


def _spreads(selection_set: SelectionSetNode) -> Iterator[str]:
    """Yield the names of the fragments that are spread anywhere inside."""
    waiting: list[SelectionNode] = list(selection_set.selections)
    while waiting:
        node = waiting.pop()
        if isinstance(node, FragmentSpreadNode):
            yield node.name.value
        elif isinstance(node, FieldNode | InlineFragmentNode) and node.selection_set:
            waiting.extend(node.selection_set.selections)


class _Tape:
    """Measures selection sets, each once."""

    def __init__(self, schema: GraphQLSchema, variables: Mapping[str, Any]) -> None:
        self._schema = schema
        self._variables = variables
        self._fragments: dict[str, Sum] = {}
        self._weights: dict[str, int] = {}
        self.sized_by: set[str] = set()
        self.weighed_by: set[str] = set()

    def measure_fragment(self, name: str, node: FragmentDefinitionNode) -> None:
        found = self.sum(node.selection_set, self._schema.get_type(node.type_condition.name.value))
        found.directives += len(node.directives or ())
        self._fragments[name] = found

    def sum(self, selection_set: SelectionSetNode, parent: GraphQLNamedType | None) -> Sum:
        total = Sum()
        for node in selection_set.selections:
            total.directives += len(node.directives or ())
            total.selections += 1
            before = total.once, total.items, total.introspection, total.counts
            if isinstance(node, FieldNode):
                self._add_field(total, node, parent)
            elif isinstance(node, InlineFragmentNode):
                on = node.type_condition
                total.add(self.sum(node.selection_set, self._schema.get_type(on.name.value) if on else parent))
            elif isinstance(node, FragmentSpreadNode):
                total.add(self._fragments.get(node.name.value, Sum()))
            if node.directives and self._is_left_out(node):
                total.once, total.items, total.introspection, total.counts = before
        return total

    def _is_left_out(self, node: SelectionNode) -> bool:
        """Tell whether the selection is not executed, by its @skip or @include."""
        return any(
            argument.name.value == "if" and self._value(argument.value) is (directive.name.value == "skip")
            for directive in node.directives or ()
            if directive.name.value in ("skip", "include")
            for argument in directive.arguments or ()
        )

    def _add_field(self, total: Sum, node: FieldNode, parent: GraphQLNamedType | None) -> None:
        name = node.name.value
        introspected = INTROSPECTION.get(name)
        field = introspected or _field(parent, name)
        inside = self._inside(node, field)
        total.fields += 1
        total.aliases += node.alias is not None
        total.add_counts(inside)
        cost = 1 + self._times(node, field, parent, inside)
        if parent is not None:
            cost += self._price(f"{parent.name}.{name}", node, counts=inside.counts)
        if node.arguments:
            cost += sum(self._weight(argument.value) for argument in node.arguments) // VALUES_A_FIELD
        if parent is not None and parent.name in SINGLE_ERRORS:
            cost = -(-cost // ERRORS_SIZE)  # the list of errors multiplies it
        if introspected is not None:
            total.depth = max(total.depth, 1)
            total.introspection += cost
            return
        total.depth = max(total.depth, 1 + inside.depth)
        total.counts = total.counts or name == "totalCount"
        if name in ITEMS and parent is not None and parent.name.endswith("Connection"):
            total.items += cost
        else:
            total.once += cost

    def _inside(self, node: FieldNode, field: GraphQLField | None) -> Sum:
        if node.selection_set is None:
            return Sum()
        return self.sum(node.selection_set, get_named_type(field.type) if field else None)

    def _times(self, node: FieldNode, field: GraphQLField | None, parent: GraphQLNamedType | None, inside: Sum) -> int:
        """Return what is *inside* as often as the field can bring it."""
        if field is None or parent is None:
            return inside.once + inside.items
        if get_named_type(field.type).name.endswith("Connection"):
            return inside.once + self._page(node) * inside.items
        if _is_list(field) and not (node.name.value in ITEMS and parent.name.endswith("Connection")):
            return self._length(node, field, parent) * (inside.once + inside.items)
        return inside.once + inside.items

    def _page(self, node: FieldNode) -> int:
        """Return the size of a connection's page; what is out of range is refused when it is executed."""
        sizes = {a.name.value: self._value(a.value) for a in node.arguments or () if a.name.value in ("first", "last")}
        given = sizes.get("first") or sizes.get("last") or PAGE_DEFAULT
        return min(max(given, 1), PAGE_MAX) if isinstance(given, int) else PAGE_MAX

    def _length(self, node: FieldNode, field: GraphQLField, parent: GraphQLNamedType) -> int:
        if not is_composite_type(get_named_type(field.type)):
            return 1
        name = f"{parent.name}.{node.name.value}"
        if name == "__Schema.types":
            return len(self._schema.type_map)
        if name == "Query.nodes":
            return self._ids(node)
        if name in INTROSPECTED_SIZES:
            return INTROSPECTED_SIZES[name]
        return ERRORS_SIZE if node.name.value == "errors" else LIST_SIZES.get(name, LIST_SIZE)

    def _ids(self, node: FieldNode) -> int:
        """Return how many ids are asked for: a value that is no list is one of them."""
        ids = next((self._value(a.value) for a in node.arguments or () if a.name.value == "ids"), None)
        return len(ids) if isinstance(ids, list | tuple) else 1

    def _price(self, name: str, node: FieldNode, *, counts: bool) -> int:
        """Return what a field costs besides being one."""
        price = FIELD_PRICES.get(name, 0) + (TOTAL_PRICES.get(name, 0) if counts else 0)
        for argument in node.arguments or ():
            argument_name = f"{name}.{argument.name.value}"
            if argument_name in ARGUMENT_PRICES and self._number(argument.value):
                price += ARGUMENT_PRICES[argument_name]
            elif argument_name in VALUE_PRICES:
                price += VALUE_PRICES[argument_name] * self._number(argument.value)
        return price

    def _number(self, node: Any) -> int:
        """Return how many values an argument is given: none for null, one for what is no list."""
        if isinstance(node, VariableNode):
            self.sized_by.add(node.name.value)
            value = self._variables.get(node.name.value)
            return len(value) if isinstance(value, list) else int(value is not None)
        if isinstance(node, NullValueNode):
            return 0
        return len(node.values) if isinstance(node, ListValueNode) else 1

    def _weight(self, node: Any) -> int:
        """Return how many values there are in an argument, one for a plain one."""
        if isinstance(node, VariableNode):
            name = node.name.value
            self.weighed_by.add(name)
            if name not in self._weights:
                self._weights[name] = 1 + values_in(self._variables.get(name))
            return self._weights[name]
        if isinstance(node, ListValueNode):
            return 1 + sum(map(self._weight, node.values))
        if isinstance(node, ObjectValueNode):
            return 1 + sum(self._weight(item.value) for item in node.fields)
        return 1

    def _value(self, node: Any) -> Any:
        """Return a number, a list or a truth that is written there, or the value of the variable of that name."""
        if isinstance(node, VariableNode):
            self.sized_by.add(node.name.value)
            return self._variables.get(node.name.value)
        if isinstance(node, IntValueNode):
            return min(int(node.value), PAGE_MAX) if len(node.value) < 10 else PAGE_MAX
        if isinstance(node, BooleanValueNode):
            return node.value
        return node.values if isinstance(node, ListValueNode) else None


def _field(parent: GraphQLNamedType | None, name: str) -> GraphQLField | None:
    fields: Mapping[str, GraphQLField] = getattr(parent, "fields", {})
    field = fields.get(name)
    return field if isinstance(field, GraphQLField) else None


def _is_list(field: GraphQLField) -> bool:
    type_: Any = field.type
    return isinstance(type_.of_type if isinstance(type_, GraphQLNonNull) else type_, GraphQLList)
