"""The commands in scripts/ as real processes on copies of what they work on, and the locks.

It deliberately installs nothing from an index: tests/scripts/test_clean_clone.py does.
"""

import os
import re
import shutil
import signal
import subprocess
import sys
import textwrap
import tomllib
from pathlib import Path

import psutil
import pytest

from tests.support.paths import ROOT
from tests.support.ports import wait_until

SCRIPTS = ["bench", "setup", "serve", "test", "lock", "faults", "attacks"]


def run(command: list[str | Path], **variables: str) -> subprocess.CompletedProcess[str]:
    environment = os.environ | variables
    return subprocess.run(command, capture_output=True, text=True, env=environment, cwd="/", timeout=60, check=False)


def write_program(path: Path, body: str) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(textwrap.dedent(body).lstrip())
    path.chmod(0o755)
    return path


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    """Return a tree, in a folder with a space in its name, that has all that set-up reads, and no page to build."""
    top = tmp_path / "case gate"
    (top / "app").mkdir(parents=True)
    shutil.copytree(ROOT / "scripts", top / "scripts")
    shutil.copy(ROOT / "pyproject.toml", top)
    (top / "schema.graphql").write_text("type Query { viewer: ID }")
    for name in ("graphiql", "desk"):
        page = top / "app" / name
        page.mkdir()
        (page / "package.json").write_text("{}")
    return top


@pytest.fixture
def tools(tree: Path) -> Path:
    """Return a folder of stand-ins for the package managers: they note how they were called, and fetch nothing.

    They stand in for programs of others, whose real runs need an index.
    """
    folder = tree.parent / "tools"
    write_program(
        folder / "uv",
        f"""
        #!/bin/sh
        echo "uv $*" >> "{tree.parent}/calls"
        [ ! -e "{tree.parent}/uv-is-killed" ] || {{ kill -KILL $PPID; exit 1; }}
        [ ! -e "{tree.parent}/uv-fails" ] || exit 1
        [ "$1" != venv ] || exec "{sys.executable}" -m venv --without-pip "{tree}/.venv"
        """,
    )
    write_program(
        folder / "npm",
        f"""
        #!/bin/sh
        echo "npm $*" >> "{tree.parent}/calls"
        [ ! -e "{tree.parent}/npm-hangs" ] || {{ echo $$ >> "{tree.parent}/hanging" && exec sleep 60; }}
        [ ! -e "{tree.parent}/npm-fails" ] || [ "${{PWD##*/}}" != desk ] || {{ echo "no such package"; exit 1; }}
        [ "$1" != run ] || {{ mkdir -p dist && echo page > dist/index.html; }}
        """,
    )
    write_program(folder / "node", "#!/bin/sh\nexit 0\n")
    return folder


def set_up(tree: Path, tools: Path, group: str = "serve", **variables: str) -> subprocess.CompletedProcess[str]:
    path = f"{tools}{os.pathsep}{os.environ['PATH']}"
    return run([tree / "scripts" / "setup", group], PATH=path, PYTHON=sys.executable, **variables)


def calls(tree: Path) -> list[str]:
    """Return what the package managers were called for since the last look, by first two words.

    Pages are built side by side, beside the packages: the calls of npm are sorted, and come last.
    """
    record = tree.parent / "calls"
    lines = record.read_text().splitlines() if record.exists() else []
    record.unlink(missing_ok=True)
    found = [" ".join(line.split()[:2]) for line in lines]
    return [call for call in found if not call.startswith("npm")] + sorted(call for call in found if call[:3] == "npm")


FIRST_TIME = ["uv venv", "uv pip", "uv pip", "npm ci", "npm ci", "npm run", "npm run"]


def test_a_first_set_up_makes_everything_and_a_second_one_does_nothing(tree: Path, tools: Path) -> None:
    first = set_up(tree, tools)
    assert (first.returncode, calls(tree)) == (0, FIRST_TIME), first.stderr
    assert "making .venv" in first.stderr

    second = set_up(tree, tools)

    assert (second.returncode, second.stdout, second.stderr, calls(tree)) == (0, "", "", [])


def test_serving_needs_nothing_more_where_testing_is_set_up(tree: Path, tools: Path) -> None:
    set_up(tree, tools, "test")
    calls(tree)

    result = set_up(tree, tools, "serve")

    assert (result.returncode, result.stderr, calls(tree)) == (0, "", [])


def test_testing_adds_its_packages_where_serving_is_set_up(tree: Path, tools: Path) -> None:
    set_up(tree, tools, "serve")
    calls(tree)

    result = set_up(tree, tools, "test")

    assert (result.returncode, calls(tree)) == (0, ["uv pip"]), result.stderr


def test_a_changed_lock_installs_the_packages_again_and_nothing_else(tree: Path, tools: Path) -> None:
    set_up(tree, tools)
    calls(tree)
    with (tree / "scripts/locks/serve.txt").open("a") as lock:
        lock.write("# changed\n")

    result = set_up(tree, tools)

    assert (result.returncode, calls(tree)) == (0, ["uv pip"]), result.stderr


@pytest.mark.parametrize("source", ["app/graphiql/added.css", "app/desk/added.css", "schema.graphql"])
def test_a_changed_source_of_a_page_builds_that_page_again_and_nothing_else(
    tree: Path, tools: Path, source: str
) -> None:
    set_up(tree, tools)
    calls(tree)
    (tree / source).write_text("changed")

    result = set_up(tree, tools)

    assert (result.returncode, calls(tree)) == (0, ["npm ci", "npm run"]), result.stderr


def test_a_page_that_was_removed_is_built_again(tree: Path, tools: Path) -> None:
    set_up(tree, tools)
    calls(tree)
    shutil.rmtree(tree / "app/graphiql/dist")

    assert set_up(tree, tools).returncode == 0
    assert calls(tree) == ["npm ci", "npm run"]


def test_a_moved_tree_gets_an_environment_of_its_own(tree: Path, tools: Path) -> None:
    set_up(tree, tools)
    calls(tree)
    project = tree / ".venv/.setup/project"
    project.write_text(project.read_text().replace(str(tree), "/where/it/was"))

    assert set_up(tree, tools).returncode == 0
    assert calls(tree) == ["uv venv", "uv pip", "uv pip"]


def test_an_installation_that_was_killed_starts_over_from_an_empty_environment(tree: Path, tools: Path) -> None:
    set_up(tree, tools, "serve")
    leftover = tree / ".venv/leftover"
    leftover.touch()
    mark = tree.parent / "uv-is-killed"
    mark.touch()
    killed = set_up(tree, tools, "test")
    mark.unlink()
    calls(tree)

    result = set_up(tree, tools, "test")

    assert killed.returncode == -signal.SIGKILL
    assert (result.returncode, calls(tree)) == (0, ["uv venv", "uv pip", "uv pip"]), result.stderr
    assert not leftover.exists()


def test_an_installation_that_fails_says_so_keeps_the_environment_and_is_tried_again(tree: Path, tools: Path) -> None:
    set_up(tree, tools, "serve")
    leftover = tree / ".venv/leftover"
    leftover.touch()
    mark = tree.parent / "uv-fails"
    mark.touch()
    # pip is kept from the index, so that it fails as it does without a network.
    failed = set_up(tree, tools, "test", PIP_NO_INDEX="1", PIP_FIND_LINKS="", PIP_CONFIG_FILE=os.devnull)
    mark.unlink()
    calls(tree)

    result = set_up(tree, tools, "test")

    assert failed.returncode == 1
    assert "the packages could not be installed" in failed.stderr
    assert (result.returncode, calls(tree)) == (0, ["uv pip"]), result.stderr
    assert leftover.exists()


def test_a_page_that_can_not_be_built_is_named_with_the_reason_and_the_other_one_is_kept(
    tree: Path, tools: Path
) -> None:
    mark = tree.parent / "npm-fails"
    mark.touch()
    failed = set_up(tree, tools)
    mark.unlink()
    calls(tree)

    result = set_up(tree, tools)

    assert failed.returncode == 1
    assert "setup: app/desk could not be built:\nsetup: no such package\n" in failed.stderr
    assert "setup: done" not in failed.stderr
    assert (result.returncode, calls(tree)) == (0, ["npm ci", "npm run"]), result.stderr


def test_builds_end_with_the_set_up_that_started_them(tree: Path, tools: Path) -> None:
    (tree.parent / "npm-hangs").touch()
    hanging = tree.parent / "hanging"
    environment = os.environ | {"PATH": f"{tools}{os.pathsep}{os.environ['PATH']}", "PYTHON": sys.executable}
    process = subprocess.Popen([tree / "scripts/setup"], env=environment, stderr=subprocess.DEVNULL)
    assert wait_until(lambda: hanging.exists() and len(hanging.read_text().split()) == 2, 60)

    process.send_signal(signal.SIGTERM)

    assert process.wait(60) == 130
    assert wait_until(lambda: not any(map(is_running, hanging.read_text().split())), 60)


def is_running(number: str) -> bool:
    """Tell whether the process of this number is there; one that has ended may wait for who takes note of it."""
    try:
        return bool(psutil.Process(int(number)).status() != psutil.STATUS_ZOMBIE)
    except psutil.NoSuchProcess:
        return False


def test_two_set_ups_at_once_do_the_work_once(tree: Path, tools: Path) -> None:
    environment = os.environ | {"PATH": f"{tools}{os.pathsep}{os.environ['PATH']}", "PYTHON": sys.executable}
    command = [tree / "scripts/setup"]
    both = [subprocess.Popen(command, env=environment, stderr=subprocess.DEVNULL) for _ in range(2)]

    assert [process.wait(60) for process in both] == [0, 0]
    assert calls(tree) == FIRST_TIME


def test_a_python_that_is_too_old_is_named_with_what_to_do(tree: Path) -> None:
    old = write_program(tree.parent / "python3.9", '#!/bin/sh\n[ "$1" = --version ] && echo Python 3.9.2\nexit 1\n')

    result = run([tree / "scripts/setup"], PYTHON=str(old))

    assert result.returncode == 1
    assert "needs Python 3.11 or newer" in result.stderr
    assert f"{old} is Python 3.9.2" in result.stderr
    assert "PYTHON=/path/to/python" in result.stderr
    assert not (tree / ".venv").exists()


@pytest.mark.parametrize("script", SCRIPTS)
def test_help_prints_the_usage_and_installs_nothing(tree: Path, script: str) -> None:
    result = run([tree / "scripts" / script, "--help"])

    assert (result.returncode, result.stderr) == (0, "")
    assert result.stdout.startswith(f"Usage: scripts/{script}")
    assert not (tree / ".venv").exists()


def test_an_unknown_group_is_refused_with_the_usage(tree: Path) -> None:
    result = run([tree / "scripts/setup", "deploy"])

    assert result.returncode == 2
    assert result.stderr.startswith("Usage: scripts/setup")


def pins(lock: str) -> dict[str, str]:
    """Return name and version of every package in the lock, each of which must carry a hash."""
    text = (ROOT / "scripts/locks" / lock).read_text()
    entries = re.split(r"\n(?=[a-z0-9])", text)
    assert all("--hash=sha256:" in entry for entry in entries)
    return dict(re.findall(r"^([a-z0-9._-]+(?:\[[a-z,]+\])?)==([^\s;]+)", text, flags=re.MULTILINE))


def test_the_test_lock_holds_the_serve_lock_in_the_same_versions() -> None:
    serve, test = pins("serve.txt"), pins("test.txt")

    assert "strawberry-graphql" in serve
    assert serve.items() <= test.items()


def test_the_locks_hold_everything_that_the_project_asks_for() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())
    groups = project["dependency-groups"]
    requested = [*project["project"]["dependencies"], *groups["build"], *groups["test"]]
    # https://packaging.python.org/en/latest/specifications/name-normalization/
    names = {re.sub(r"[-_.]+", "-", re.split(r"[\[<>=~!; ]", requirement)[0]) for requirement in requested}

    assert names - pins("test.txt").keys() == set()


def test_the_locks_name_no_address() -> None:
    for lock in (ROOT / "scripts/locks").iterdir():
        assert "://" not in lock.read_text(), lock.name


@pytest.mark.parametrize(("option", "has_postgresql"), [("--in-process", True), ("--quick", False)])
def test_runs_that_leave_something_out_have_neither_servers_nor_browsers(option: str, has_postgresql: bool) -> None:
    files = ["tests/api/test_nodes.py", "tests/server", "tests/domain/test_merkle.py"]  # a file that is named is run

    listed = subprocess.run(
        [sys.executable, "-m", "pytest", "--collect-only", "-q", "-p", "no:cacheprovider", option, *files],
        capture_output=True,
        text=True,
        cwd=ROOT,
        env=os.environ | {"PYTEST_ADDOPTS": ""},  # with -v there the list has another form
        timeout=120,
        check=True,
    ).stdout

    assert "test_nodes.py::" in listed
    assert "test_merkle.py::" in listed
    assert "[sqlite" in listed
    assert ("[postgresql" in listed) == has_postgresql
    assert "test_run.py" not in listed
