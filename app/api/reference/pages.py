"""The pages of the reference, in Markdown: what the schema says, who may do what when, and an example of each mutation.

They are made of the schema that is served, so that they can't be out of date. What examples answer is held by a test.
"""

import re
from collections.abc import Iterable, Iterator, Mapping
from functools import cache
from pathlib import Path

from graphql import (
    GraphQLArgument,
    GraphQLEnumType,
    GraphQLField,
    GraphQLInputField,
    GraphQLInputObjectType,
    GraphQLInterfaceType,
    GraphQLNamedType,
    GraphQLObjectType,
    GraphQLScalarType,
    GraphQLUnionType,
    get_named_type,
    is_introspection_type,
    print_ast,
)
from graphql.utilities.get_default_value_ast import get_default_value_ast

from app.api.reference.conditions import conditions_of
from app.api.schema import CORE

EXAMPLES = Path(__file__).with_name("examples.md")
OVERVIEW = "overview"

_KINDS: Mapping[type[GraphQLNamedType], str] = {
    GraphQLObjectType: "Types",
    GraphQLInterfaceType: "Interfaces",
    GraphQLUnionType: "Unions",
    GraphQLInputObjectType: "Inputs",
    GraphQLEnumType: "Enums",
    GraphQLScalarType: "Scalars",
}


@cache
def pages() -> Mapping[str, str]:
    """Return the text of each page by its name: the overview, the mutations and the types."""
    types = {type_.name: _type_page(type_) for type_ in _types()}
    mutations = {name: _mutation_page(name, field) for name, field in _mutations().items()}
    return {OVERVIEW: _overview(), **mutations, **types}


def found_by(words: str) -> list[str]:
    """Return the names of the pages that have all of the words, those that bear one in their names first."""
    wanted = words.casefold().split()
    if not wanted:
        return []
    names = [name for name, text in pages().items() if name != OVERVIEW and _has(f"{name} {text}", wanted)]
    return sorted(names, key=lambda name: (not _has(name, wanted), len(name), name))


def summary(name: str) -> str:
    """Return the first sentence of what a page's mutation or type is."""
    described = _mutations().get(name) or CORE.type_map[name]
    return _line(described.description).partition(". ")[0].rstrip(".") + "."


def _has(text: str, words: Iterable[str]) -> bool:
    folded = text.casefold()
    return all(word in folded for word in words)


def _types() -> list[GraphQLNamedType]:
    return sorted(
        (type_ for type_ in CORE.type_map.values() if not is_introspection_type(type_)), key=lambda type_: type_.name
    )


def _mutations() -> Mapping[str, GraphQLField]:
    assert CORE.mutation_type is not None
    fields: Mapping[str, GraphQLField] = CORE.mutation_type.fields
    return fields


def _overview() -> str:
    lines = ["# Reference", "", "Made from the schema of this gateway.", "", "## Mutations", ""]
    lines += [f"- [{name}]({name}.md): {summary(name)}" for name in sorted(_mutations())]
    for kind, heading in _KINDS.items():
        found = [type_.name for type_ in _types() if isinstance(type_, kind)]
        if found:
            lines += ["", f"## {heading}", "", *(f"- [{name}]({name}.md): {summary(name)}" for name in found)]
    return "\n".join(lines) + "\n"


def _mutation_page(name: str, field: GraphQLField) -> str:
    (argument,) = field.args.values()
    takes, gives = get_named_type(argument.type), get_named_type(field.type)
    assert isinstance(takes, GraphQLInputObjectType) and isinstance(gives, GraphQLObjectType)
    lines = [f"# {name}", "", f"Mutation. {_text(field.description)}", *_deprecation(field)]
    lines += ["", "## Input", "", f"`input: `{_type_text(argument)}", "", *_values(takes.fields)]
    lines += ["", *conditions_of(name)]
    lines += ["", "## Payload", "", f"[{gives.name}]({gives.name}.md)", "", *_fields(gives.fields)]
    example = examples().get(name)
    if example:
        lines += [
            "",
            "## Example",
            "",
            "What stands in `<…>` is an id, or what an answer before has shown.",
            "",
            example,
        ]
    return "\n".join(lines) + "\n"


def _type_page(type_: GraphQLNamedType) -> str:
    kind = next(heading for kind, heading in _KINDS.items() if isinstance(type_, kind)).removesuffix("s")
    lines = [f"# {type_.name}", "", f"{kind}. {_text(type_.description)}"]
    if isinstance(type_, GraphQLObjectType | GraphQLInterfaceType):
        if type_.interfaces:
            lines += ["", f"Implements {', '.join(_link(interface) for interface in type_.interfaces)}."]
        lines += ["", "## Fields", "", *_fields(type_.fields)]
    if isinstance(type_, GraphQLInterfaceType | GraphQLUnionType):
        members = sorted(CORE.get_possible_types(type_), key=lambda member: member.name)
        lines += ["", "## Types", "", *(f"- {_link(member)}: {summary(member.name)}" for member in members)]
    if isinstance(type_, GraphQLInputObjectType):
        lines += ["", "Takes exactly one of these fields."] if type_.is_one_of else []
        lines += ["", "## Fields", "", *_values(type_.fields)]
    if isinstance(type_, GraphQLEnumType):
        lines += ["", "## Values", "", "| value | meaning |", "| --- | --- |"]
        lines += [f"| `{name}` | {_line(value.description)}{_note(value)} |" for name, value in type_.values.items()]
    if isinstance(type_, GraphQLScalarType) and type_.specified_by_url:
        lines += ["", f"Specified by <{type_.specified_by_url}>."]
    uses = sorted(_uses_of(type_))
    if uses:
        lines += ["", "## Where it is used", "", *(f"- {use}" for use in uses)]
    return "\n".join(lines) + "\n"


def _fields(fields: Mapping[str, GraphQLField]) -> Iterator[str]:
    yield "| field | type | meaning |"
    yield "| --- | --- | --- |"
    for name, field in fields.items():
        yield f"| `{name}` | {_type_text(field)} | {_line(field.description)}{_note(field)} |"
        for argument, value in field.args.items():
            yield f"| `{name}({argument}:)` | {_value(value)} |"


def _values(values: Mapping[str, GraphQLInputField]) -> Iterator[str]:
    yield "| field | type | meaning |"
    yield "| --- | --- | --- |"
    for name, value in values.items():
        yield f"| `{name}` | {_value(value)} |"


def _value(value: GraphQLArgument | GraphQLInputField) -> str:
    return f"{_type_text(value)}{_default(value)} | {_line(value.description)}{_note(value)}"


def _uses_of(type_: GraphQLNamedType) -> Iterator[str]:
    """Yield the members of other types that are of this type, each with a link to its page."""
    for other in _types():
        if isinstance(other, GraphQLObjectType | GraphQLInterfaceType | GraphQLInputObjectType):
            for name, member in other.fields.items():
                values = member.args.values() if isinstance(member, GraphQLField) else ()
                if any(get_named_type(value.type) is type_ for value in (member, *values)):
                    page = name if other is CORE.mutation_type else other.name
                    yield f"[{other.name}.{name}]({page}.md)"


def _type_text(value: GraphQLField | GraphQLArgument | GraphQLInputField) -> str:
    named = get_named_type(value.type)
    before, _, after = str(value.type).partition(named.name)
    marks = [f"`{mark}`" if mark else "" for mark in (before, after)]
    return f"{marks[0]}{_link(named)}{marks[1]}"


def _default(value: GraphQLArgument | GraphQLInputField) -> str:
    node = get_default_value_ast(value)
    return "" if node is None else f" = `{print_ast(node)}`"


def _link(type_: GraphQLNamedType) -> str:
    return f"[{type_.name}]({type_.name}.md)"


def _deprecation(element: GraphQLField) -> list[str]:
    return [] if element.deprecation_reason is None else ["", f"**Deprecated.** {element.deprecation_reason}"]


def _note(element: object) -> str:
    reason = getattr(element, "deprecation_reason", None)
    return "" if reason is None else f" **Deprecated.** {_line(reason)}"


def _text(description: str | None) -> str:
    return (description or "").strip()


def _line(description: str | None) -> str:
    """Return a description as one line that can stand in a table."""
    return re.sub(r"\s+", " ", _text(description)).replace("|", "\\|")


@cache
def examples() -> Mapping[str, str]:
    """Return the example of each mutation that has one."""
    parts = re.split(r"^## (\w+)\n+", EXAMPLES.read_text(encoding="utf-8"), flags=re.MULTILINE)
    return {name: _with_captions(text.strip()) for name, text in zip(parts[1::2], parts[2::2], strict=True)}


def _with_captions(example: str) -> str:
    """Return an example with what its fences say as text, since a page shows nothing of that."""
    example = re.sub(r"^(```graphql as (\w+))$", r"\2 sends:\n\n\1", example, flags=re.MULTILINE)
    example = example.replace("```json variables", "with these variables:\n\n```json variables")
    return example.replace("```json answer", "The answer:\n\n```json answer")
