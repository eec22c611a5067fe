"""Values of arguments, from literals and variables, for the measurement of an operation."""

from collections.abc import Mapping
from typing import Any

from graphql import (
    BooleanValueNode,
    FieldNode,
    IntValueNode,
    ListValueNode,
    NullValueNode,
    ObjectValueNode,
    VariableNode,
)

from app.api.limits.variables import values_in
from app.api.pagination import PAGE_DEFAULT, PAGE_MAX


class ArgumentValues:
    """The values of one operation's arguments. *variables* are coerced.

    `sized_by`: the variables whose values were looked at; `weighed_by`: those of which the number of values was.
    """

    def __init__(self, variables: Mapping[str, object]) -> None:
        self._variables = variables
        self._weights: dict[str, int] = {}
        self.sized_by: set[str] = set()
        self.weighed_by: set[str] = set()

    def page(self, node: FieldNode) -> int:
        """Return the size of a connection's page; what is out of range is refused when it is executed."""
        sizes = {a.name.value: self.value(a.value) for a in node.arguments or () if a.name.value in ("first", "last")}
        given = sizes.get("first") or sizes.get("last") or PAGE_DEFAULT
        return min(max(given, 1), PAGE_MAX) if isinstance(given, int) else PAGE_MAX

    def number(self, node: object) -> int:
        """Return how many values an argument is given: none for null, one for what is no list."""
        if isinstance(node, VariableNode):
            self.sized_by.add(node.name.value)
            value = self._variables.get(node.name.value)
            return len(value) if isinstance(value, list) else int(value is not None)
        if isinstance(node, NullValueNode):
            return 0
        return len(node.values) if isinstance(node, ListValueNode) else 1

    def member_number(self, node: object, name: str) -> int:
        """Return how many values an argument that is an object has in its member of this *name*."""
        if isinstance(node, VariableNode):
            self.sized_by.add(node.name.value)
            value = self._variables.get(node.name.value)
            member = value.get(name) if isinstance(value, dict) else None
            return len(member) if isinstance(member, list) else int(member is not None)
        if isinstance(node, ObjectValueNode):
            return sum(self.number(item.value) for item in node.fields if item.name.value == name)
        return 0

    def weight(self, node: object) -> int:
        """Return how many values there are in an argument, one for a plain one."""
        if isinstance(node, VariableNode):
            name = node.name.value
            self.weighed_by.add(name)
            if name not in self._weights:
                self._weights[name] = 1 + values_in(self._variables.get(name))
            return self._weights[name]
        if isinstance(node, ListValueNode):
            return 1 + sum(map(self.weight, node.values))
        if isinstance(node, ObjectValueNode):
            return 1 + sum(self.weight(item.value) for item in node.fields)
        return 1

    def value(self, node: Any) -> Any:
        """Return a number, a list or a truth that is written there, or the value of the variable of that name."""
        if isinstance(node, VariableNode):
            self.sized_by.add(node.name.value)
            return self._variables.get(node.name.value)
        if isinstance(node, IntValueNode):
            return min(int(node.value), PAGE_MAX) if len(node.value) < 10 else PAGE_MAX
        if isinstance(node, BooleanValueNode):
            return node.value
        return node.values if isinstance(node, ListValueNode) else None
