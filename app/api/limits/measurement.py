"""Measures one operation of a parsed document: depth, aliases, directives, selections, and the fields it can bring.

It runs before validation, so it takes nothing for granted: an unknown field counts as one and holds what it holds.
Sizes that are variables are those that are executed, which are the coerced ones: with defaults, `100.0` as 100, and one
value as a list of one.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from graphlib import CycleError, TopologicalSorter

from graphql import (
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
    OperationType,
    SelectionNode,
    SelectionSetNode,
    get_named_type,
    is_composite_type,
)
from graphql.type import SchemaMetaFieldDef, TypeMetaFieldDef

from app.api.limits.argument_values import ArgumentValues
from app.api.limits.prices import (
    ARGUMENT_PRICES,
    ERRORS_SIZE,
    FIELD_PRICES,
    INTROSPECTED_SIZES,
    LIST_SIZE,
    LIST_SIZES,
    MEMBER_PRICES,
    SINGLE_ERRORS,
    TOTAL_PRICES,
    VALUE_PRICES,
    VALUES_A_FIELD,
)
from app.api.limits.variables import chosen_operation

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


def measure(
    schema: GraphQLSchema, document: DocumentNode, operation: str | None, variables: Mapping[str, object]
) -> tuple[Measures, tuple[str, ...], tuple[str, ...]] | None:
    """Return the measures, and the names of the variables that they depend on; None where fragments are circular.

    Of the first of these variables it is the value that counts, of the others how many values are in it. *variables*
    are coerced.
    """
    chosen = chosen_operation(document, operation)
    definitions = {d.name.value: d for d in document.definitions if isinstance(d, FragmentDefinitionNode)}
    spreads = {name: set(_spreads(node.selection_set)) & definitions.keys() for name, node in definitions.items()}
    values = ArgumentValues(variables)
    tape = _Tape(schema, values)
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
    return measures, tuple(sorted(values.sized_by)), tuple(sorted(values.weighed_by))


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

    def __init__(self, schema: GraphQLSchema, values: ArgumentValues) -> None:
        self._schema = schema
        self._values = values
        self._fragments: dict[str, Sum] = {}

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
            argument.name.value == "if" and self._values.value(argument.value) is (directive.name.value == "skip")
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
            cost += sum(self._values.weight(argument.value) for argument in node.arguments) // VALUES_A_FIELD
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
            return inside.once + self._values.page(node) * inside.items
        if _is_list(field) and not (node.name.value in ITEMS and parent.name.endswith("Connection")):
            return self._length(node, field, parent) * (inside.once + inside.items)
        return inside.once + inside.items

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
        return LIST_SIZES.get(name, ERRORS_SIZE if node.name.value == "errors" else LIST_SIZE)

    def _ids(self, node: FieldNode) -> int:
        """Return how many ids are asked for: a value that is no list is one of them."""
        ids = next((self._values.value(a.value) for a in node.arguments or () if a.name.value == "ids"), None)
        return len(ids) if isinstance(ids, list | tuple) else 1

    def _price(self, name: str, node: FieldNode, *, counts: bool) -> int:
        """Return what a field costs besides being one."""
        price = FIELD_PRICES.get(name, 0) + (TOTAL_PRICES.get(name, 0) if counts else 0)
        for argument in node.arguments or ():
            argument_name = f"{name}.{argument.name.value}"
            if argument_name in ARGUMENT_PRICES and self._values.number(argument.value):
                price += ARGUMENT_PRICES[argument_name]
            elif argument_name in VALUE_PRICES:
                price += VALUE_PRICES[argument_name] * self._values.number(argument.value)
            elif argument_name in MEMBER_PRICES:
                member, each = MEMBER_PRICES[argument_name]
                price += each * self._values.member_number(argument.value, member)
        return price


def _field(parent: GraphQLNamedType | None, name: str) -> GraphQLField | None:
    fields: Mapping[str, GraphQLField] = getattr(parent, "fields", {})
    field = fields.get(name)
    return field if isinstance(field, GraphQLField) else None


def _is_list(field: GraphQLField) -> bool:
    type_: object = field.type
    return isinstance(type_.of_type if isinstance(type_, GraphQLNonNull) else type_, GraphQLList)
