"""What is kept is its owner's alone, whatever the umask; what others may read is told with the command that ends it."""

import os
import subprocess
import sys
from pathlib import Path

from tests.support.gateway import ROOT, environment, serving


def run(*arguments: str, **settings: str) -> "subprocess.CompletedProcess[str]":
    command = [sys.executable, "-m", "app", *arguments]
    done = subprocess.run(
        command,
        cwd=ROOT,
        env=environment(**settings),
        umask=0,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done


def open_to_others(folder: Path) -> list[str]:
    return [str(path) for path in folder.rglob("*") if path.stat().st_mode & 0o077]


def test_commands_make_nothing_that_others_may_read(tmp_path: Path) -> None:
    data, out = tmp_path / "data", tmp_path / "out"
    out.mkdir()
    place = {"data_dir": str(data)}
    run("demo", **place)
    run("log", "anchor", **place)
    run("backup", str(out / "casegate.tar"), **place)
    run("log", "export", "--case", "CASE-000001", str(out / "case.json"), **place)
    run("restore", str(out / "casegate.tar"), data_dir=str(tmp_path / "restored"))

    assert open_to_others(tmp_path) == [str(out)]
    assert data.stat().st_mode & 0o077 == 0


def test_a_server_makes_nothing_that_others_may_read(tmp_path: Path) -> None:
    data = tmp_path / "data"
    before = os.umask(0)
    try:
        with serving(tmp_path, data_dir=str(data), anchors_every="0.2") as server:
            assert "chmod" not in server.output
            assert {path.name for path in data.iterdir()} >= {"casegate.sqlite", "casegate.sqlite-wal", "documents"}
            assert open_to_others(data) == []
    finally:
        os.umask(before)


def test_files_that_others_may_read_are_reported_and_left_unchanged(tmp_path: Path) -> None:
    place = {"data_dir": str(tmp_path / "a folder")}
    run("demo", **place)
    run("log", "anchor", **place)
    names = ["casegate.sqlite", "documents", "anchors.jsonl"]
    for name in names:
        (tmp_path / "a folder" / name).chmod(0o755)

    reported = run("migrate", **place).stderr
    command = next(line for line in reported.splitlines() if "chmod" in line).partition(
        ": others may read what is kept: "
    )[2]

    assert command == "chmod go= " + " ".join(f"'{tmp_path}/a folder/{name}'" for name in names)
    assert (tmp_path / "a folder" / "documents").stat().st_mode & 0o777 == 0o755
    subprocess.run(command, shell=True, check=True)  # noqa: S602  # it is what people are told to run
    assert "chmod" not in run("migrate", **place).stderr
