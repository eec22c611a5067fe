"""The JSON:API door: a translation to and from the operations of the GraphQL schema."""
