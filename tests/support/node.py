"""Node.js for the tests that need a JavaScript program: the system's, or the one that scripts/setup puts into .venv."""

import fcntl
import hashlib
import json
import os
import shutil
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import pytest

PATH = os.pathsep.join((os.environ.get("PATH", ""), str(Path(sys.executable).parent)))
LEFT_OUT = shutil.ignore_patterns("node_modules", "artifacts", "dist", "schema.graphql")
KEPT = Path(sys.prefix) / ".node_packages"
"""Where what was installed is kept: in .venv, with which it goes."""


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
    """Copy a package with what its lock file names, which is installed once, as far as there is Node.js."""
    npm = require_node(package.name)
    shutil.copytree(package, folder, ignore=LEFT_OUT, dirs_exist_ok=True)
    (folder / "node_modules").symlink_to(_modules(npm, package))
    return Package(folder)


def _modules(npm: str, package: Path) -> Path:
    """Return the folder of what the lock file names, for all test modules and runs: to install it takes longer."""
    lock = hashlib.sha256((package / "package-lock.json").read_bytes()).hexdigest()
    place = KEPT / f"{package.name}-{lock[:16]}"
    KEPT.mkdir(exist_ok=True)
    with (KEPT / f"{package.name}.lock").open("w") as guard:
        fcntl.flock(guard, fcntl.LOCK_EX)  # another process of the run may be at it
        if not place.exists():
            for outdated in KEPT.glob(f"{package.name}-*"):
                shutil.rmtree(outdated)
            with tempfile.TemporaryDirectory(dir=KEPT) as made:
                _install(npm, package, Path(made, "package")).rename(place)
    return place / "node_modules"


def _install(npm: str, package: Path, folder: Path) -> Path:
    folder.mkdir()
    for file in (package / name for name in ("package.json", "package-lock.json", ".npmrc")):
        if file.exists():
            shutil.copy(file, folder)
    command = [npm, "ci", "--no-audit", "--no-fund", "--loglevel=error", "--prefer-offline"]
    run = partial(subprocess.run, cwd=folder, env=os.environ | {"PATH": PATH}, text=True, timeout=300)
    registry = run([npm, "config", "get", "registry"], check=True, capture_output=True).stdout.strip()
    lock = folder / "package-lock.json"
    lock.write_text(_with_addresses(lock.read_text(encoding="utf-8"), registry), encoding="utf-8")
    if run(command, check=False, capture_output=True).returncode:  # a registry may have its archives elsewhere
        shutil.copy(package / "package-lock.json", folder)
        run(command, check=True)
    return folder


def _with_addresses(lock: str, registry: str) -> str:
    """Return a lock file with where each archive is, so that npm does not read all about all versions of a package.

    What is fetched has to have the hash of the lock.
    """
    content = json.loads(lock)
    for place, entry in content["packages"].items():
        if "integrity" in entry:
            name = entry.get("name") or place.rpartition("node_modules/")[2]
            archive = f"{name.rpartition('/')[2]}-{entry['version']}.tgz"
            entry["resolved"] = f"{registry.removesuffix('/')}/{name}/-/{archive}"
    return json.dumps(content)
