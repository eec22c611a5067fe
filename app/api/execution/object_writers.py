"""Generated code that makes the objects of an answer from their rows."""

from collections.abc import Callable, Iterable
from typing import Any, NamedTuple

Objects = Callable[[list[object], Iterable[list[object]]], tuple[list[dict[str, object]], int]]
"""Makes objects, and says how many characters their texts have: those of them that can be long."""


class Declined(Exception):
    """The plan can't go on: graphql-core is to find the answer, or the error."""


class PlainField(NamedTuple):
    """A field that is an attribute of its object, as it is or as *written* makes it; null too, unless `is_required`.

    `is_text`: it may be long.
    """

    attribute: str
    written: Callable[[Any], object] | None
    is_required: bool
    is_text: bool


def objects_of(fields: tuple[tuple[str, PlainField | None], ...]) -> Objects:
    """Return what makes objects with these fields of what they stand for, and of columns for those that are not plain.

    It is generated: to read an attribute and to put it into a display of a dictionary takes a tenth of the time of
    functions that do so for any. Raises: Declined, where there is null where something is required.
    """
    plain = [(index, field) for index, (_, field) in enumerate(fields) if field is not None]
    columns = "".join(f", v{index}" for index, (_, field) in enumerate(fields) if field is None)
    lines = ["def make(sources, columns):", "    made = []", "    size = 0"]
    lines.append(f"    for source{columns} in {'zip(sources, *columns, strict=True)' if columns else 'sources'}:")
    lines += [f"        v{index} = source.{field.attribute}" for index, field in plain]
    nulls = " or ".join(f"v{index} is None" for index, field in plain if field.is_required)
    lines += [f"        if {nulls}:", "            raise Declined"] if nulls else []
    texts = " + ".join(_length(index, field) for index, field in plain if field.is_text)
    lines += [f"        size += {texts}"] if texts else []
    pairs = ", ".join(f"{name!r}: {_written(index, field)}" for index, (name, field) in enumerate(fields))
    lines += [f"        made.append({{{pairs}}})", "    return made, size"]
    space: dict[str, Any] = {"Declined": Declined} | {f"w{index}": field.written for index, field in plain}
    exec("\n".join(lines), space)  # noqa: S102  # names of GraphQL's grammar and of our own attributes
    made: Objects = space["make"]
    return made


def _length(index: int, field: PlainField) -> str:
    return f"len(v{index})" if field.is_required else f"(0 if v{index} is None else len(v{index}))"


def _written(index: int, field: PlainField | None) -> str:
    if field is None or field.written is None:
        return f"v{index}"
    return f"w{index}(v{index})" if field.is_required else f"None if v{index} is None else w{index}(v{index})"
