"""Each command in a locale that has no letters but ASCII's: names, arguments and files are UTF-8 as everywhere."""

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.commands import DONE, Ended, Place, commands, faults, kept, lost, make_place
from tests.support.gateway import COMMAND_S, ROOT, environment
from tests.support.ports import taken_port

LOCALES = {
    "C": {"LANG": "C", "LC_ALL": "C"},
    "C without UTF-8": {"LANG": "C", "LC_ALL": "C", "PYTHONUTF8": "0"},
    "POSIX without UTF-8": {"LC_ALL": "POSIX", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"},
    "one that is not there": {"LC_ALL": "fr_FR.nowhere", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"},
}
BRIEF = {"C without UTF-8"}
VARIABLES = ("LANG", "LC_ALL", "LC_CTYPE", "PYTHONUTF8", "PYTHONIOENCODING", "PYTHONCOERCECLOCALE")


@pytest.fixture(scope="module")
def original(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Place]:
    with taken_port() as port:
        yield make_place(tmp_path_factory.mktemp("locales") / "société générale", port)


def run(locale: str, *arguments: str, folder: Path) -> Ended:
    """Run one command as a shell would, with its output to a pipe."""
    own = {
        name: value for name, value in environment(data_dir=str(folder), demo="false").items() if name not in VARIABLES
    }
    command = [sys.executable, "-m", "app", *arguments]
    done = subprocess.run(
        command, cwd=ROOT, env=own | LOCALES[locale], capture_output=True, check=False, timeout=COMMAND_S
    )
    return Ended(done.returncode, done.stdout, done.stderr.decode())


@pytest.mark.parametrize(
    "locale", [name if name in BRIEF else pytest.param(name, marks=pytest.mark.soak) for name in LOCALES]
)
def test_french_names_arguments_and_files_pass(tmp_path: Path, locale: str) -> None:
    folder = tmp_path / "données"

    made = run(locale, "account", "create", "--name", "Société Générale", "--json", folder=folder)
    saved = run(locale, "backup", str(tmp_path / "sauvegardé.tar"), folder=folder)
    refused = run(locale, "log", "export", "--case", "numéro", folder=folder)

    assert json.loads(made.output)["name"] == "Société Générale"
    assert saved.output.decode().startswith(f"{tmp_path}/sauvegardé.tar: ")
    assert refused.errors == "casegate: numéro is neither a case's id nor a reference, as in CASE-000123\n"
    assert sorted(path.name for path in tmp_path.iterdir()) == ["données", "sauvegardé.tar"]
    assert (folder / "casegate.sqlite").exists()


@pytest.mark.soak
def test_what_was_written_in_french_is_listed(tmp_path: Path) -> None:
    account = json.loads(run("C without UTF-8", "account", "create", "--name", "É", "--json", folder=tmp_path).output)[
        "id"
    ]
    person = ("--account", account, "--email", "helene@société.example", "--name", "Hélène d’Œuvre", "--role", "ADMIN")

    made = run("C without UTF-8", "user", "create", *person, folder=tmp_path)
    listed = run("C without UTF-8", "user", "list", "--account", account, "--json", folder=tmp_path)

    assert made.code == DONE
    assert (json.loads(listed.output)[0]["display_name"], listed.errors) == ("Hélène d’Œuvre", "")


def test_an_argument_that_is_not_utf_8_is_refused_in_a_line(tmp_path: Path) -> None:
    latin_1 = os.fsdecode("Société".encode("latin-1"))

    how = run("C without UTF-8", "account", "create", "--name", latin_1, folder=tmp_path)

    assert (how.code, how.output, how.errors.count("\n")) == (1, b"", 1)
    assert list(faults(how)) == []


@pytest.mark.soak
@pytest.mark.parametrize("locale", LOCALES)
def test_every_command_passes_in_every_locale(original: Place, tmp_path: Path, locale: str) -> None:
    before, wrong = kept(original), []
    for name in commands(original):
        place = original.copied(tmp_path / f"à {name}")
        how = run(locale, *name.split(), *commands(place)[name], folder=place.folder)
        wrong += [f"{name}: {fault}: {how}" for fault in faults(how)]
        wrong += [f"{name}: lost: {what}" for what in lost(before, kept(place))]
        if how.code != (1 if name in ("serve", "restore", "webhooks listen") else DONE):
            wrong.append(f"{name}: {how}")

    assert wrong == []
