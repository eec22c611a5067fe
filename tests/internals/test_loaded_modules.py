"""What a process that serves has loaded, and keeps for good: nothing that others need, or that is off."""

import json
import subprocess
import sys
from pathlib import Path

from tests.support.gateway import casegate, environment
from tests.support.paths import ROOT

SERVE = """
import asyncio, json, sys
from app.cli.serving import program
from app.cli import terminal
from app.main import application
from app.server import run

async def nothing(database):
    pass

async def lived(app):
    async with app.router.lifespan_context(app):
        await app.state.swept.wait()

terminal.run(nothing)
asyncio.run(lived(application()))
print(json.dumps(sorted(sys.modules)))
"""

UNNEEDED = (
    "alembic",  # where nothing is to be migrated
    "mako",
    "app.db.migrations",
    "app.db.migration_steps",
    "app.demo",
    "app.backup",
    "app.db.diagnosis",
    "app.cli.program",
    "tarfile",
    "cryptography",  # where nothing is anchored, and no webhook has a key pair
    "jwt",  # without an identity provider
    "httpx2",
    "httpcore2",  # where nothing is delivered
    "markdown_it",  # until a page of the manual is read
    "fpdf",  # case files are rendered by other processes
    "opentelemetry",  # without tracing
    "redis",
)
MODULES_MAX = 1_900
"""A tenth more than there were when this was written."""


def test_a_process_that_serves_has_loaded_nothing_that_it_does_not_need(fresh_url: str, tmp_path: Path) -> None:
    settings = {"database_url": fresh_url, "data_dir": str(tmp_path), "demo": "false", "anchors_every": "0"}
    assert casegate("migrate", **settings).returncode == 0

    command, environ = [sys.executable, "-c", SERVE], environment(**settings)
    done = subprocess.run(command, cwd=ROOT, env=environ, capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stderr
    loaded = json.loads(done.stdout)

    assert [name for name in loaded if name.startswith(UNNEEDED)] == []
    assert len(loaded) < MODULES_MAX


NO_COMMAND_S = ("graphql", "strawberry", "httpx2", "alembic", "cryptography", "jwt", "markdown_it", "uvicorn")
"""What only some commands need, which load it as they run."""


def test_a_command_begins_without_graphql_http_and_what_else_few_commands_need() -> None:
    command = [sys.executable, "-c", "import json, sys, app.cli.program; print(json.dumps(sorted(sys.modules)))"]
    done = subprocess.run(command, cwd=ROOT, env=environment(), capture_output=True, text=True, timeout=120, check=True)

    loaded = json.loads(done.stdout)

    assert "app.cli.people" in loaded
    assert [name for name in loaded if name.partition(".")[0] in NO_COMMAND_S] == []
