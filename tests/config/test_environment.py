"""Where the process's environment is read and written: in `app.config` alone, whatever the way."""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.paths import ROOT

APP = ROOT / "app"
NAMES = {"environ", "environb", "getenv", "getenvb", "putenv", "unsetenv"}


def uses(tree: ast.AST) -> Iterator[int]:
    """Yield the lines that name the environment: `os.environ`, under another name, from an import, by `getattr`."""
    for node in ast.walk(tree):
        match node:
            case ast.Attribute(attr=name) if name in NAMES:
                yield node.lineno
            case ast.ImportFrom(module="os" | "posix" | "nt", names=names):
                yield from (node.lineno for alias in names if alias.name in NAMES)
            case ast.Call(func=ast.Name(id="getattr"), args=[_, ast.Constant(value=str(name)), *_]) if name in NAMES:
                yield node.lineno


def test_only_the_configuration_uses_the_environment() -> None:
    sources = {
        path: path.read_text(encoding="utf-8") for path in APP.rglob("*.py") if APP / "config" not in path.parents
    }
    found = [
        f"{path.relative_to(ROOT)}:{line}"
        for path, source in sources.items()
        if any(name in source for name in NAMES)  # it takes long to parse them all
        for line in uses(ast.parse(source))
    ]

    assert found == []


@pytest.mark.parametrize(
    "source",
    [
        "import os\nos.environ['A']",
        "import os as o\no.getenv('A')",
        "from os import environ",
        "from os import getenv as g",
        "import os\nos.environb[b'A'] = b''",
        "import os\ngetattr(os, 'environ')",
    ],
)
def test_a_use_is_found_however_it_is_written(source: str) -> None:
    assert list(uses(ast.parse(source))) != []


def test_the_configuration_itself_is_found() -> None:
    path = Path("config/environment.py")

    assert list(uses(ast.parse((APP / path).read_text(encoding="utf-8")))) != []
