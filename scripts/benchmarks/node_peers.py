"""The servers on Node.js that others would pick instead: mercurius with graphql-jit, GraphQL Yoga, and PostGraphile.

They serve the lean schema of PostgreSQL, one process each: the first two by the statements of `peers/archive.js`, and
PostGraphile, which reads by statements that it makes of the tables, writes by them. Their packages are
installed as `peers/package-lock.json` names them, into a folder that the benchmark removes.
"""

import os
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from scripts.benchmarks.servers import ROOT, Server, node_server

PEERS = ("mercurius", "yoga", "postgraphile")
PACKAGE = ROOT / "scripts/benchmarks/peers"
INSTALL_S = 600


class NoPeers(Exception):
    """The peers can't be had here; the message says why, and what would help."""


def install_peers(folder: Path) -> Path:
    """Install the peers' packages below *folder*, and return where. Raises: NoPeers."""
    npm = shutil.which("npm")
    if npm is None or shutil.which("node") is None:
        raise NoPeers("--peers needs Node.js 20 or newer, with npm, on PATH")
    package = folder / "peers"
    shutil.copytree(PACKAGE, package, ignore=shutil.ignore_patterns("node_modules"))
    command = [npm, "ci", "--no-audit", "--no-fund", "--loglevel=error", "--prefer-offline"]
    done = subprocess.run(command, cwd=package, capture_output=True, text=True, timeout=INSTALL_S, check=False)
    if done.returncode:
        raise NoPeers(f"npm could not install the peers: {done.stderr[-2000:]}")
    return package


@contextmanager
def peer(folder: Path, package: Path, url: str, name: str) -> Iterator[Server]:
    """Serve one of PEERS on the lean schema of the database at *url*."""
    environment = {key: os.environ[key] for key in ("PATH", "HOME") if key in os.environ}
    environment |= {"BENCH_DATABASE_URL": url, "NODE_ENV": "production"}
    with node_server(name, package / f"{name}.js", folder, environment) as server:
        yield server
