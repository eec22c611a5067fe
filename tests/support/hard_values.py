"""Hard values of each type that can be given: at the edge of what is stored, beyond it, and of another form.

They are what JSON can say; `written` writes those that a document can say too.
"""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice
from typing import Any
from uuid import UUID

from graphql import (
    GraphQLEnumType,
    GraphQLError,
    GraphQLInputObjectType,
    GraphQLInputType,
    GraphQLList,
    GraphQLNonNull,
    GraphQLScalarType,
    is_input_type,
    is_required_input_field,
    parse_type,
    type_from_ast,
    validate_input_value,
)

from app.api.schema import CORE

ID = "01900000-0000-7000-8000-000000000001"

TEXTS: list[Any] = [
    *("", " ", "\0", "a\0b", "\u200b", "\u202eabc", "\ufffe", "\U0010ffff", "\x7f", "\u2028", "\ufeff" * 300),
    *("'", '"', "\\", "%", "_", "*", "a'b", "{0.__class__} {x}", "$1 :x ? %s", "null", "None", "(", "&|!", "'; --"),
    *("x" * 201, "é" * 10_001, "e" + "\u0301" * 20_000, "\u0316\u0301" * 10_000, "ﷺ" * 300, "a " * 20_000, "-" * 5000),
    *("CASE-000001", "CASE-999999999", "CASE-" + "9" * 30, "case-٠٠٠٠٠١", "한국", "กขค", "🏴\U000e0067" * 50),
    *(1, 1.5, True, [], {}, ["x", "y"], None),
]
IDS: list[Any] = [
    *(
        ID,
        ID.upper(),
        ID[:-1],
        f"{{{ID}}}",
        UUID(ID).hex,
        str(UUID(int=0)),
        str(UUID(int=2**128 - 1)),
        "",
        "\0",
        "x" * 9999,
    ),
    *(f"{ID}\0", f"\u200b{ID}", "１" * 36, 0, -1, 2**31, 2**53 + 1, 2**63 - 1, 1.5, 1e308, True, [ID], {}, None),
]
NUMBERS: list[Any] = [
    *(0, -1, 1, 100, 101, 2**31 - 1, -(2**31), 2**31, -(2**31) - 1, 2**63 - 1, 2**63, 2**64 - 1, 1.0, 1.5, -0.0, 1e308),
    *(1e-320, 100.0, True, "1", "", [], [1], {}, None),
]
TRUTHS: list[Any] = [True, False, 0, 1, "true", "", 1.0, [], [True], {}, None]
MOMENTS: list[Any] = [
    *("9999-12-31T23:59:59.999999Z", "9999-12-31T23:59:59-05:00", "0001-01-01T00:00:00Z", "0001-01-01T00:00:00+14:00"),
    *(
        "2026-01-01T00:00:00",
        "2026-01-01",
        "2026-01-01T00:00:00+23:59",
        "2026-01-01T00:00:00-23:59",
        "0000-01-01T00:00:00Z",
    ),
    *(
        "2026-01-01T00:00:00+24:00",
        "2026-02-30T00:00:00Z",
        "2026-01-01T24:00:00Z",
        "2026-06-30T23:59:60Z",
        "now",
        "",
        "\0",
    ),
    *(
        "10000-01-01T00:00:00Z",
        "-0001-01-01T00:00:00Z",
        "2026-W01-1T00:00:00Z",
        "２０２６-01-01T00:00:00Z",
        "1970-01-01T00:00Z",
    ),
    *("2026-01-01T00:00:00.1234567891234Z", "x" * 9999, 0, 2**63, 1e308, True, [], {}, None),
]
OTHERS: list[Any] = ["x", "", 1, 1.5, True, [], [{}], {}, {"file": "x"}, None]
SCALARS = {"String": TEXTS, "ID": IDS, "Int": NUMBERS, "Boolean": TRUTHS, "DateTime": MOMENTS}
LENGTHS = (0, 101, 10_000)


def hard_values(type_: Any) -> Iterator[Any]:
    """Yield hard values of *type_*, some of them of another type."""
    match type_:
        case GraphQLNonNull():
            yield from hard_values(type_.of_type)
        case GraphQLList():
            yield from (None, [], [None], {}, "x", 1)
            good = good_value(type_.of_type)
            yield from ([good] * length for length in LENGTHS)
            yield [[good]]
            yield from ([value] for value in hard_values(type_.of_type))
        case GraphQLInputObjectType():
            yield from (None, [], [{}], {}, "x", 1, True, {"nothing": 1}, {"": None})
            yield from _objects(type_)
        case GraphQLEnumType():
            yield from (
                *type_.values,
                "",
                "open",
                "OPEN ",
                "NOTHING",
                "\0",
                0,
                True,
                [next(iter(type_.values))],
                {},
                None,
            )
        case GraphQLScalarType():
            yield from SCALARS.get(type_.name, OTHERS)


def _objects(type_: GraphQLInputObjectType) -> Iterator[Any]:
    """Yield good objects of which one field is hard; those that hold themselves go no deeper, but for once far down."""
    for name, field in type_.fields.items():
        if _holds(field.type, type_):
            deep: Any = {}
            for _ in range(200):
                deep = {name: [deep]} if isinstance(field.type, GraphQLList) else {name: deep}
            yield from (deep, {name: None}, {name: []}, {name: [None]}, {name: {}}, {name: [{}] * 1200})
            continue
        required = {
            other: good_value(item.type) for other, item in type_.fields.items() if is_required_input_field(item)
        }
        values = hard_values(field.type)
        if isinstance(field.type, GraphQLList):  # what is in it is tried as an argument of its own, or beside it
            values = islice(values, 12)
        yield from ((required if not type_.is_one_of else {}) | {name: value} for value in values)


def combined(type_: Any) -> Iterator[Any]:
    """Yield objects of which all fields are hard at once: each accepted value of each field is in one of them.

    What is wrong with several fields is reported together, so that none keeps another from being looked at.
    """
    inner = type_.of_type if isinstance(type_, GraphQLNonNull) else type_
    if not isinstance(inner, GraphQLInputObjectType) or inner.is_one_of:
        return
    given: dict[str, list[Any]] = {}
    for name, field in inner.fields.items():
        if not _holds(field.type, inner):
            # Of lists a few: what is in them is tried as a field of its own, or as an argument.
            values = [value for value in hard_values(field.type) if is_accepted(field.type, value)]
            lists = [value for value in values if isinstance(value, list) and len(value) < 100]
            given[name] = [value for value in values if not isinstance(value, list)] + lists[:12]
    for index in range(max(map(len, given.values()))):
        yield {
            name: values[(index + place) % len(values)] for place, (name, values) in enumerate(given.items()) if values
        }


def _holds(type_: Any, outer: GraphQLInputObjectType) -> bool:
    while isinstance(type_, GraphQLNonNull | GraphQLList):
        type_ = type_.of_type
    return type_ is outer


def good_value(type_: Any) -> Any:
    """Return a value of *type_* that has the right form."""
    match type_:
        case GraphQLNonNull():
            return good_value(type_.of_type)
        case GraphQLList():
            return [good_value(type_.of_type)]
        case GraphQLEnumType():
            return next(iter(type_.values))
        case GraphQLInputObjectType():
            return {
                name: good_value(field.type) for name, field in type_.fields.items() if is_required_input_field(field)
            }
    return {"Int": 1, "Boolean": True, "DateTime": "2026-01-01T00:00:00Z", "ID": ID}.get(type_.name, "x")


def written(type_: Any, value: Any, depth: int = 0) -> str | None:
    """Return *value* as it is written in a document where *type_* is wanted; None where it is too long or too deep."""
    inner = type_.of_type if isinstance(type_, GraphQLNonNull) else type_
    if depth > 10:
        return None
    if isinstance(value, list):
        item = inner.of_type if isinstance(inner, GraphQLList) else inner
        items = [written(item, each, depth + 1) for each in value] if len(value) < 200 else [None]
        return None if None in items else f"[{', '.join(map(str, items))}]"
    if isinstance(value, dict):
        return _written_object(inner, value, depth + 1)
    if isinstance(value, str) and isinstance(inner, GraphQLEnumType) and value.isidentifier():
        return value
    text = json.dumps(value)
    return text if len(text) < 2000 else None


def _written_object(type_: Any, value: dict[str, Any], depth: int) -> str | None:
    if not all(name.isidentifier() for name in value):
        return None
    fields = getattr(type_, "fields", {})
    parts = {name: written(fields[name].type if name in fields else type_, item, depth) for name, item in value.items()}
    whole = ", ".join(f"{name}: {part}" for name, part in parts.items())
    return None if None in parts.values() else f"{{{whole}}}"


@dataclass(frozen=True, slots=True)
class Attempt:
    """A hard value: as a variable's, or as it is written in a document. *is_of_a_field*: its type takes it."""

    value: Any
    literal: str | None
    is_of_a_field: bool

    @property
    def reaches_database(self) -> bool:
        return self.is_of_a_field and self.literal is None


def is_accepted(type_: GraphQLInputType, value: Any) -> bool:
    """Tell whether *type_* takes *value* as a variable's, so that a field gets it."""
    # The schema of the tests is made of its text, and knows nothing of what our scalars take.
    own_type = type_from_ast(CORE, parse_type(str(type_)))
    assert is_input_type(own_type)
    problems: list[GraphQLError] = []
    validate_input_value(value, own_type, lambda error, _path: problems.append(error))
    return not problems


def attempts_at(type_: GraphQLInputType) -> Iterator[Attempt]:
    """Yield all hard values of a type, and those that are not long as they are written too."""
    for index, value in enumerate(hard_values(type_)):
        is_of_a_field = is_accepted(type_, value)
        yield Attempt(value, None, is_of_a_field)
        literal = written(type_, value) if index % 7 == 0 or not isinstance(value, dict) else None
        if literal is not None:
            yield Attempt(value, literal, is_of_a_field)
