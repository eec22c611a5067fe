"""The scalar `DateTime`: a moment, which is read with any offset from UTC and written in UTC."""

import re
from datetime import datetime

import strawberry
from graphql import GraphQLError

# RFC 3339, section 5.6, but for leap seconds; a blank or a small t and z will do, as will no offset: then the argument
# that it is for refuses it by its path.
_FORM = re.compile(r"\d{4}-\d\d-\d\d[Tt ]\d\d:\d\d(?::\d\d(?:\.\d{1,9})?)?(?:[Zz]|[+-]\d\d:\d\d)?", re.ASCII)
_EXPECTED = "DateTime must be a text by RFC 3339 with an offset from UTC, as in 2026-11-29T12:00:00Z."


def parsed_time(value: object) -> datetime:
    """Return the moment. Raises: GraphQLError."""
    if not isinstance(value, str) or not _FORM.fullmatch(value):
        raise GraphQLError(_EXPECTED)
    try:
        return datetime.fromisoformat(value.upper())
    except ValueError:  # there is no such day or hour
        raise GraphQLError(_EXPECTED) from None


DATE_TIME = strawberry.scalar(
    name="DateTime",
    description=(
        "A moment, as a text by RFC 3339. Answers have it in UTC, with six digits of a second unless these are zero, as"
        " in 2026-11-29T12:00:00.123456+00:00. Arguments may have any offset from UTC, and must have one; what they"
        " have beyond six digits of a second is cut off."
    ),
    specified_by_url="https://www.rfc-editor.org/rfc/rfc3339",
    parse_value=parsed_time,
    serialize=datetime.isoformat,
)
