"""Names of the schema in Swift and Kotlin: none is a reserved word there, or it is documented what generators make."""

import re

import pytest
from graphql import GraphQLEnumType

from tests.support.manual import page
from tests.support.schema import fields, types, values

# The Swift Programming Language, "Lexical Structure": the keywords that are reserved in every context.
SWIFT = """associatedtype borrowing class consuming deinit enum extension fileprivate func import init inout internal
    let nonisolated open operator precedencegroup private protocol public rethrows static struct subscript typealias var
    break case catch continue default defer do else fallthrough for guard if in repeat return switch throw where while
    Any as await false is nil self Self super throws true try"""
# The Kotlin grammar, "Keywords and operators": the hard keywords.
KOTLIN = """as break class continue do else false for fun if in interface is null object package return super this throw
    true try typealias typeof val var when while"""
RESERVED = {"Swift": frozenset(SWIFT.split()), "Kotlin": frozenset(KOTLIN.split())}
# Types of the standard library, which a generated type of the same name would hide.
LIBRARY = {
    "Swift": frozenset({"Type", "Protocol", "Any", "Self", "Error", "Result", "Optional", "Set", "Data", "Date"}),
    "Kotlin": frozenset({"Any", "Nothing", "Unit", "Error", "Result", "Pair", "List", "Map", "Set", "Array"}),
}


def members() -> set[str]:
    """Return the names of all fields, arguments and fields of inputs, and the values of enums."""
    found = {name.rpartition(".")[2] for name, _ in fields()}
    found |= {re.split(r"[.(]", name.removesuffix(")"))[-1] for name, _ in values()}
    return found.union(*(type_.values for type_ in types() if isinstance(type_, GraphQLEnumType)))


def documented(language: str) -> set[str]:
    """Return the names that the manual lists as reserved in a language."""
    text = page("clients.md").read_text(encoding="utf-8")
    (line,) = re.findall(rf"^\| {language} \| (.+) \|$", text, re.MULTILINE)
    return set(re.findall(r"`(\w+)`", line))


@pytest.mark.parametrize("language", RESERVED)
def test_a_name_that_is_reserved_elsewhere_is_in_the_manual_and_no_other(language: str) -> None:
    assert members() & RESERVED[language] == documented(language)


@pytest.mark.parametrize("language", RESERVED)
def test_no_type_has_the_name_of_a_type_of_the_standard_library(language: str) -> None:
    names = {type_.name for type_ in types()}

    assert names & (LIBRARY[language] | RESERVED[language]) == set()
    assert {"Case", "User", "Account"} <= names


def test_no_two_names_differ_in_case_alone() -> None:
    """A file system that takes `Case.swift` for `case.swift` would lose one of the generated files."""
    names = [type_.name for type_ in types()]

    assert len({name.lower() for name in names}) == len(names)


def test_each_value_of_an_enum_stays_another_one_in_camel_case() -> None:
    for type_ in types():
        if isinstance(type_, GraphQLEnumType):
            assert len({name.replace("_", "").lower() for name in type_.values}) == len(type_.values), type_.name
