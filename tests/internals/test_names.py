"""Identifiers are in the field's terms: no word that is avoided is in one, and no two classes share a name."""

import ast
import re
from collections.abc import Iterator

import pytest

from tests.support.paths import ROOT

WORDS = frozenset({"told", "asked", "somebody", "whoever", "nobody"})
PARTS = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+")


def identifiers(source: str) -> Iterator[tuple[int, str]]:
    """Yield line and name of the functions, classes, arguments, variables and attributes that a module defines."""
    for node in ast.walk(ast.parse(source)):
        match node:
            case ast.FunctionDef(name=name) | ast.AsyncFunctionDef(name=name) | ast.ClassDef(name=name):
                yield node.lineno, name
            case ast.arg(arg=name):
                yield node.lineno, name
            case ast.Name(id=name, ctx=ast.Store()) | ast.Attribute(attr=name, ctx=ast.Store()):
                yield node.lineno, name
            case _:
                pass


def avoided_words(source: str) -> list[tuple[int, str]]:
    return [
        (line, name)
        for line, name in identifiers(source)
        if WORDS.intersection(part.lower() for part in PARTS.findall(name))
    ]


@pytest.mark.parametrize("folder", ["app", "scripts", "tests"])
def test_no_identifier_has_a_word_that_is_avoided(folder: str) -> None:
    modules = sorted((ROOT / folder).rglob("*.py"))
    assert modules

    found = {
        f"{path.relative_to(ROOT)}:{line}": name
        for path in modules
        if not {"node_modules", "versions"}.intersection(path.parts)  # migrations stay as they were released
        for line, name in avoided_words(path.read_text(encoding="utf-8"))
    }

    assert found == {}


@pytest.mark.parametrize(
    "source",
    ["def told(): ...", "class AskedAgain: ...", "x.is_told = 1", "def f(*, nobody): ...", "for SOMEBODY in y: ..."],
)
def test_an_avoided_word_is_found_wherever_a_name_is_defined(source: str) -> None:
    assert len(avoided_words(source)) == 1


def test_a_word_within_another_one_is_not_avoided() -> None:
    assert avoided_words("masked = retold = 1") == []


def test_no_two_modules_of_the_program_define_a_class_of_one_name() -> None:
    modules: dict[str, list[str]] = {}
    for path in (ROOT / "app").rglob("*.py"):
        if "node_modules" not in path.parts:
            for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
                if isinstance(node, ast.ClassDef):
                    modules.setdefault(node.name, []).append(str(path.relative_to(ROOT)))

    assert len(modules) > 300
    assert {name: paths for name, paths in modules.items() if len(paths) > 1} == {}
