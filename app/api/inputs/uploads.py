"""The scalar `Upload`: a file of the form that an operation came in.

https://github.com/jaydenseric/graphql-multipart-request-spec
"""

from typing import NewType

import strawberry
from graphql import GraphQLError

from app.documents.receive import Received

Upload = NewType("Upload", Received)


def _parse(value: object) -> Received:
    """Take a file that came in the form. Raises: GraphQLError for anything else."""
    if not isinstance(value, Received):
        raise GraphQLError("An Upload is a part of a multipart form, at the place where the operations have null.")
    return value


def _serialize(_value: object) -> None:
    raise GraphQLError("An Upload is never part of an answer.")


UPLOAD = strawberry.scalar(
    name="Upload",
    description="A file that comes along in a multipart form; its place in the variables is null.",
    specified_by_url="https://github.com/jaydenseric/graphql-multipart-request-spec",
    parse_value=_parse,
    serialize=_serialize,
)
