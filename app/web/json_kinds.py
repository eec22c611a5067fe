"""The words for the types of values in JSON, by which refusals say what was found."""


def kind_of(value: object) -> str:
    """Return the word for a value's type in JSON."""
    match value:
        case None:
            return "json_null"
        case bool():
            return "json_boolean"
        case int() | float():
            return "json_number"
        case str():
            return "json_string"
        case list():
            return "json_array"
    return "json_object"
