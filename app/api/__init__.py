"""The counter: everything GraphQL."""
