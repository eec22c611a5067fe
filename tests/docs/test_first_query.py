"""The ten commands of the manual lead from `git clone` to one's own typed query on the screen."""

import os
import re
import subprocess
from pathlib import Path

import pytest

from tests.support.gateway import environment
from tests.support.manual import blocks, page
from tests.support.node import PATH, require_node
from tests.support.paths import ROOT
from tests.support.ports import free_port

PORT = "8000"
MINUTES = 15


def commands() -> list[str]:
    (block,) = (block.text for block in blocks("text", page=page("clients.md")) if "git clone" in block.text)
    return block.splitlines()


def test_they_are_ten_at_most() -> None:
    assert len(commands()) <= 10
    assert commands()[0].startswith("git clone") and commands()[-1] == "npm start"


@pytest.mark.soak
def test_they_lead_to_one_s_own_typed_query_on_the_screen(tmp_path: Path) -> None:
    require_node("the ten commands")
    port = str(free_port())
    lines = "\n".join(commands()).replace(PORT, port)
    script = f"set -euo pipefail\ntrap 'kill $(jobs -p) 2>/dev/null || true' EXIT\n{lines}\n"
    settings = {"REPOSITORY": str(ROOT), "GATEWAY": f"http://127.0.0.1:{port}/graphql", "PATH": PATH}
    done = subprocess.run(
        ["bash", "-c", script],
        cwd=tmp_path,
        env=environment() | {name: value for name, value in os.environ.items() if name.startswith("npm_")} | settings,
        capture_output=True,
        text=True,
        timeout=MINUTES * 60,
        check=False,
    )

    assert done.returncode == 0, done.stdout[-3_000:] + done.stderr[-3_000:]
    shown = re.findall(r"^(CASE-\d{6}) ([A-Z_]+) \S.*$", done.stdout, re.MULTILINE)
    assert [reference for reference, _ in shown] == [f"CASE-0000{number}" for number in range(40, 35, -1)]
