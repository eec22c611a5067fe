"""A validation rule for oneOf inputs, whose one field must have a value."""

from graphql import (
    GraphQLError,
    GraphQLInputObjectType,
    GraphQLNonNull,
    NonNullTypeNode,
    OperationDefinitionNode,
    ValidationRule,
)


class OneOfVariables(ValidationRule):
    """Refuses a nullable variable as the field of a oneOf input that is required.

    graphql-core 3.3 does so for an input that is not required, and overlooks the others.
    """

    def leave_operation_definition(self, operation: OperationDefinitionNode, *_: object) -> None:
        definitions = {node.variable.name.value: node for node in operation.variable_definitions or ()}
        for usage in self.context.get_recursive_variable_usages(operation):
            parent = usage.parent_type.of_type if isinstance(usage.parent_type, GraphQLNonNull) else None
            definition = definitions.get(usage.node.name.value)
            if not isinstance(parent, GraphQLInputObjectType) or not parent.is_one_of or definition is None:
                continue
            if not isinstance(definition.type, NonNullTypeNode):
                words = f"Variable '${usage.node.name.value}' must be non-nullable to be used for '{parent.name}'."
                self.report_error(GraphQLError(words, [definition, usage.node]))
