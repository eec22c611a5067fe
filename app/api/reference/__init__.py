"""The reference of the API, made from its schema: a page for each mutation and for each type, and a search."""
