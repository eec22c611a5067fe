"""GraphQL: the schema, its execution, and its endpoint over HTTP."""
