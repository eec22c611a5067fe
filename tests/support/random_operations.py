"""Random operations over the whole schema: aliases, fragments, directives, arguments that are good, odd and wrong.

They are valid; what they ask for is often there, and sometimes is not or may not be seen.
"""

import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from graphql import (
    GraphQLArgument,
    GraphQLBoolean,
    GraphQLEnumType,
    GraphQLField,
    GraphQLInputObjectType,
    GraphQLInterfaceType,
    GraphQLList,
    GraphQLNonNull,
    GraphQLObjectType,
    build_schema,
    get_named_type,
    is_abstract_type,
    is_leaf_type,
    is_required_argument,
)

from app.api.schema import sdl

SCHEMA = build_schema(sdl())
# Each answer has its own link, as it says until when.
NEVER = {"Document.url"}
DEPTH = 6


@dataclass(frozen=True, slots=True)
class Operation:
    """A document with what is sent along."""

    document: str
    variables: Mapping[str, Any]


@dataclass
class Author:
    """Writes operations by throwing *dice*; *values* are what arguments of a name may be, good ones among them.

    *coerced*: variables are often written as coercion lets them be: as defaults, numbers with a point, one value for a
    list.
    """

    dice: random.Random
    values: Mapping[str, Sequence[Any]]
    coerced: bool = False
    fragments: list[str] = field(default_factory=list)
    declared: dict[str, tuple[str, Any]] = field(default_factory=dict)
    defaults: dict[str, str] = field(default_factory=dict)

    def query(self) -> Operation:
        """Return a query."""
        assert SCHEMA.query_type is not None
        return self._operation("query", self._selections(SCHEMA.query_type, DEPTH, self.dice.randint(1, 3)))

    def mutation(self, name: str, input: Mapping[str, Any]) -> Operation:
        """Return a mutation of one field."""
        assert SCHEMA.mutation_type is not None
        payload = get_named_type(SCHEMA.mutation_type.fields[name].type)
        assert isinstance(payload, GraphQLObjectType)
        self.declared = {"input": (str(SCHEMA.mutation_type.fields[name].args["input"].type), dict(input))}
        inside = self._selections(payload, DEPTH - 1, self.dice.randint(1, 5))
        return self._operation("mutation", f"{{ {self._alias()}{name}(input: $input) {inside} }}")

    def _operation(self, kind: str, selections: str) -> Operation:
        variables = ", ".join(
            f"${name}: {type_}{self.defaults.get(name, '')}" for name, (type_, _) in self.declared.items()
        )
        head = f"{kind} Random({variables})" if variables else f"{kind} Random"
        document = "\n".join([f"{head} {selections}", *self.fragments])
        given = {name: value for name, (_, value) in self.declared.items() if name not in self.defaults}
        return Operation(document, given)

    def _chance(self, share: float) -> bool:
        return self.dice.random() < share

    def _alias(self) -> str:
        return f"a{self.dice.randint(0, 9999)}: " if self._chance(0.15) else ""

    def _variable(self, type_: Any, value: Any) -> str:
        name = f"v{len(self.declared)}"
        if self.coerced and isinstance(value, list) and len(value) == 1 and self._chance(0.5):
            value = value[0]
        elif self.coerced and type(value) is int and self._chance(0.4):
            value = float(value)
        elif self.coerced and self._chance(0.4):
            self.defaults[name] = f" = {literal(type_, value)}"
        self.declared[name] = (str(type_), value)
        return f"${name}"

    def _directive(self) -> str:
        if not self._chance(0.12):
            return ""
        value = self._chance(0.5)
        condition = self._variable(GraphQLNonNull(GraphQLBoolean), value) if self._chance(0.7) else str(value).lower()
        return f" @{self.dice.choice(['skip', 'include'])}(if: {condition})"

    def _selections(self, type_: Any, depth: int, number: int) -> str:
        chosen = [self._selection(type_, depth) for _ in range(number)]
        return (
            "{ " + " ".join(["__typename", *filter(None, chosen)] if self._chance(0.3) else self._some(chosen)) + " }"
        )

    def _some(self, chosen: list[str]) -> list[str]:
        return list(filter(None, chosen)) or ["__typename"]

    def _selection(self, type_: Any, depth: int) -> str:
        if self._chance(0.12):
            return f"...{self._condition(type_)}{self._directive()} {self._selections(self._narrowed, depth, 3)}"
        if self._chance(0.08):
            name = f"F{len(self.fragments)}"
            self.fragments.append("")  # its place, before those that it spreads
            place = len(self.fragments) - 1
            condition = self._condition(type_) or f" on {type_.name}"
            inside = self._selections(self._narrowed, depth, 3)
            self.fragments[place] = f"fragment {name}{condition} {inside}"
            return f"...{name}{self._directive()}"
        return self._field(type_, depth)

    def _condition(self, type_: Any) -> str:
        """Choose what a fragment is on, and return it as it is written."""
        options: list[Any] = [type_]
        if is_abstract_type(type_):
            options += SCHEMA.get_possible_types(type_)
        elif isinstance(type_, GraphQLObjectType):
            options += type_.interfaces
        self._narrowed: Any = self.dice.choice(options)
        return f" on {self._narrowed.name}" if self._narrowed is not type_ or self._chance(0.5) else ""

    def _field(self, type_: Any, depth: int) -> str:
        assert isinstance(type_, GraphQLObjectType | GraphQLInterfaceType)
        names = [
            name
            for name, item in type_.fields.items()
            if f"{type_.name}.{name}" not in NEVER and (depth > 1 or is_leaf_type(get_named_type(item.type)))
        ]
        if not names:
            return ""
        name = self.dice.choice(names)
        item: GraphQLField = type_.fields[name]
        inner = get_named_type(item.type)
        inside = "" if is_leaf_type(inner) else " " + self._selections(inner, depth - 1, self.dice.randint(1, 4))
        # Fields of one name and different arguments can't be merged, so that what has arguments has a name of its own.
        arguments = self._arguments(item)
        alias = f"a{self.dice.randint(0, 10**9)}: " if item.args else self._alias()
        return f"{alias}{name}{arguments}{self._directive()}{inside}"

    def _arguments(self, item: GraphQLField) -> str:
        written: list[str] = []
        for name, argument in item.args.items():
            if name == "reference" and written and self._chance(0.9):
                continue  # an id is given, and both together are refused
            if is_required_argument(argument) or self._chance(0.35) or name in ("first", "id"):
                value = self._value(name, argument)
                if value is not None:
                    written.append(f"{name}: {value}")
        return f"({', '.join(written)})" if written else ""

    def _value(self, name: str, argument: GraphQLArgument) -> str | None:
        values = self.values.get(f"{name}: {get_named_type(argument.type)}", self.values.get(name))
        if values is None:
            return None
        value = self.dice.choice(values)
        if self._chance(0.6):
            return self._variable(argument.type, value)
        return literal(argument.type, value)


def literal(type_: Any, value: Any) -> str:
    """Return *value* as it is written in a document."""
    if isinstance(type_, GraphQLNonNull):
        return literal(type_.of_type, value)
    if value is None:
        return "null"
    if isinstance(type_, GraphQLList):
        return f"[{', '.join(literal(type_.of_type, item) for item in value)}]"
    if isinstance(type_, GraphQLInputObjectType):
        items = (f"{name}: {literal(type_.fields[name].type, item)}" for name, item in value.items())
        return f"{{{', '.join(items)}}}"
    if isinstance(value, bool):
        return str(value).lower()
    return str(value) if isinstance(value, int) or isinstance(type_, GraphQLEnumType) else f'"{value}"'
