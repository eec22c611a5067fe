"""The private parts of Strawberry that the gateway reads, since it shows them in no other way.

tests/internals/test_private_names.py holds them against the library.
"""

from typing import Any

from graphql import GraphQLResolveInfo, GraphQLSchema
from strawberry import Schema


def core_schema(schema: Schema) -> GraphQLSchema:
    """Return the schema of graphql-core that *schema* wraps."""
    return schema._schema  # noqa: SLF001


def core_info(info: Any) -> GraphQLResolveInfo[Any]:
    """Return what graphql-core says of a field: Strawberry's own wrapper converts all of it each time."""
    raw: GraphQLResolveInfo[Any] = info._raw_info  # noqa: SLF001
    return raw
