"""The variables of an operation, as its limits look at them: their coerced values, and how many values are in them."""

from collections.abc import Mapping

from graphql import DocumentNode, GraphQLSchema, OperationDefinitionNode, get_variable_values
from graphql.execution.values import VariableValues


def coerced(
    schema: GraphQLSchema, document: DocumentNode, operation: str | None, inputs: Mapping[str, object]
) -> Mapping[str, object]:
    """Return the variables' values as they are executed; none where they are refused, as the operation then is."""
    definitions = chosen_operation(document, operation).variable_definitions or ()
    try:
        values = get_variable_values(schema, definitions, dict(inputs), max_errors=1)
    except Exception:  # a default that its scalar can't read raises what it likes, and again when it is executed
        return {}
    return values.coerced if isinstance(values, VariableValues) else {}


def values_in(value: object, most: int = 2**31) -> int:
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


def chosen_operation(document: DocumentNode, name: str | None) -> OperationDefinitionNode:
    """Return the operation of this name, or the first one."""
    operations = [d for d in document.definitions if isinstance(d, OperationDefinitionNode)]
    return next((d for d in operations if d.name and d.name.value == name), operations[0])
