"""The words for the types of values in JSON, by which refusals say what was found."""

from app.domain.errors import MessageWord


def kind_of(value: object) -> MessageWord:
    """Return the word for a value's type in JSON."""
    match value:
        case None:
            return MessageWord("json_null")
        case bool():
            return MessageWord("json_boolean")
        case int() | float():
            return MessageWord("json_number")
        case str():
            return MessageWord("json_string")
        case list():
            return MessageWord("json_array")
    return MessageWord("json_object")
