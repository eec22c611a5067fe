"""The schema's facts for client caches: the members of its interfaces, and the types without an id."""

from graphql import GraphQLAbstractType, GraphQLObjectType, GraphQLSchema, is_abstract_type, is_introspection_type

from app.api.schema import CORE


def possible_types(schema: GraphQLSchema = CORE) -> dict[str, list[str]]:
    """Return the object types of each interface, as Apollo Client's `possibleTypes` has them."""
    abstract: list[GraphQLAbstractType] = [type_ for type_ in schema.type_map.values() if is_abstract_type(type_)]
    return {
        type_.name: sorted(possible.name for possible in schema.get_possible_types(type_))
        for type_ in sorted(abstract, key=lambda type_: type_.name)
    }


def types_without_id(schema: GraphQLSchema = CORE) -> list[str]:
    """Return the object types whose objects are no Nodes, but parts of what they hang on."""
    roots = {schema.query_type, schema.mutation_type, schema.subscription_type}
    return sorted(
        type_.name
        for type_ in schema.type_map.values()
        if isinstance(type_, GraphQLObjectType)
        and not is_introspection_type(type_)
        and type_ not in roots
        and "id" not in type_.fields
    )
