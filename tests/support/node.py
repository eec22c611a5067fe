"""Node.js for the tests that need a JavaScript program: the system's, or the one that scripts/setup puts into .venv."""

import os
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest

PATH = os.pathsep.join((os.environ.get("PATH", ""), str(Path(sys.executable).parent)))
LEFT_OUT = shutil.ignore_patterns("node_modules", "artifacts", "dist", "schema.graphql")


@dataclass(frozen=True, slots=True)
class Package:
    """A folder with a package's files and what its lock file names."""

    folder: Path

    def run(self, *command: str) -> "subprocess.CompletedProcess[str]":
        """Run a program of the package, or Node.js itself."""
        path = os.pathsep.join((str(self.folder / "node_modules/.bin"), PATH))
        program = shutil.which(command[0], path=path)
        assert program is not None, f"{command[0]} is not there"
        return subprocess.run(
            [program, *command[1:]],
            cwd=self.folder,
            env=os.environ | {"PATH": path},
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )


def require_node(name: str) -> str:
    """Return npm's path. Without Node.js what has this *name* is skipped, loudly, or fails where CI demands it."""
    npm = shutil.which("npm", path=PATH)
    if npm is not None and shutil.which("node", path=PATH) is not None:
        return npm
    if os.environ.get("CASEGATE_REQUIRE_NODE") == "1":
        pytest.fail("there is no Node.js here")
    sys.stderr.write(f"\nNOT TESTED, {name}: there is no Node.js here\n")
    pytest.skip("no Node.js")


def installed(package: Path, folder: Path) -> Package:
    """Copy a package and install what its lock file names, as far as there is Node.js."""
    npm = require_node(package.name)
    shutil.copytree(package, folder, ignore=LEFT_OUT, dirs_exist_ok=True)
    quiet = ["--no-audit", "--no-fund", "--loglevel=error", "--prefer-offline"]
    subprocess.run([npm, "ci", *quiet], cwd=folder, env=os.environ | {"PATH": PATH}, check=True, timeout=300)
    return Package(folder)
