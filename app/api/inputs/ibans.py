"""The scalar `IBAN`: a bank account's number, which no message repeats, whatever was sent in its place."""

from typing import NewType

import strawberry
from graphql import GraphQLError

IbanText = NewType("IbanText", str)


def _parse(value: object) -> IbanText:
    """Take any text: what it must be is refused by the input. Raises: GraphQLError, which does not have the value."""
    if not isinstance(value, str):
        raise GraphQLError("An IBAN is a text.")
    return IbanText(value)


def _serialize(_value: object) -> None:
    raise GraphQLError("An IBAN is never part of an answer.")


IBAN = strawberry.scalar(
    name="IBAN",
    description=(
        "An international bank account number, as a text with or without blanks. Send it as a variable, so that it"
        " stands in no document. Messages do not repeat it, and no answer has one."
    ),
    specified_by_url="https://www.iso.org/standard/81090.html",
    parse_value=_parse,
    serialize=_serialize,
)
