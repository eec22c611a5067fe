"""Each command, where files and folders may not be read or written: a line that says which, and nothing is lost.

The commands run without privileges, so that permissions hold for root as they do for everybody.
"""

import re
import shutil
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path

import pytest

from tests.support.commands import DONE, REFUSED, Ended, Place, commands, faults, kept, lost, make_place, run
from tests.support.ports import taken_port

Surroundings = Callable[[Place], AbstractContextManager[None]]

REASON = re.compile(r"Permission denied|readonly database|not readable|there is no (database|folder)")
PATTERNS = {
    "data": "../data",
    "database": "casegate.sqlite*",
    "documents": "documents",
    "documents_folders": "documents/**/",
    "account_folders": "documents/blobs/*",
    "blobs": "documents/blobs/*/*",
    "anchors": "anchors.jsonl",
    "heads": "anchors.heads*",
    "key": "anchors.key",
    "backup": "../casegate.tar",
    "parent": "..",
}


@pytest.fixture(scope="module")
def original(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Place]:
    with taken_port() as port:
        yield make_place(tmp_path_factory.mktemp("permissions"), port)


def modes(**mode_of: int) -> Surroundings:
    """Return surroundings in which what `PATTERNS` names has these modes."""

    @contextmanager
    def surroundings(place: Place) -> Iterator[None]:
        before: list[tuple[Path, int]] = []
        for name, mode in mode_of.items():
            found = [place.folder.parent] if name == "parent" else sorted(place.folder.glob(PATTERNS[name]))
            assert found, name
            before += [(path, path.stat().st_mode) for path in found]
            for path in reversed(found):  # a folder after what is in it
                path.chmod(mode)
        try:
            yield
        finally:
            for path, mode in before:
                path.chmod(mode)

    return surroundings


@contextmanager
def not_to_be_made(place: Place) -> Iterator[None]:
    hidden = place.folder.rename(place.folder.with_name("elsewhere"))
    try:
        with modes(parent=0o500)(place):
            yield
    finally:
        hidden.rename(place.folder)


CONDITIONS: dict[str, Surroundings] = {
    "the data folder can't be entered": modes(data=0),
    "the data folder can't be listed": modes(data=0o300),
    "the data folder is read-only": modes(data=0o500),
    "the data folder and the database are read-only": modes(database=0o400, data=0o500),
    "the data folder can't be made": not_to_be_made,
    "the database can't be read": modes(database=0),
    "the database is read-only": modes(database=0o400),
    "the documents' folder can't be entered": modes(documents=0),
    "the documents' folders are read-only": modes(documents_folders=0o500),
    "an account's documents can't be listed": modes(account_folders=0o300),
    "an account's documents can't be entered": modes(account_folders=0),
    "no document can be read": modes(blobs=0),
    "the anchors can't be read": modes(anchors=0),
    "the anchors are read-only": modes(anchors=0o400),
    "the heads can't be read": modes(heads=0),
    "the key can't be read": modes(key=0),
    "the backup can't be read": modes(backup=0),
    "the backup's folder can't be listed": modes(parent=0o300),
    "the backup's folder can't be entered": modes(parent=0),
    "the backup's folder is read-only": modes(parent=0o500),
}
USUAL = {"serve": REFUSED, "restore": REFUSED, "webhooks listen": REFUSED}


def ended(place: Place, name: str, condition: str) -> Ended:
    arguments = commands(place)[name]
    with CONDITIONS[condition](place):
        return run([*name.split(), *arguments], {"data_dir": str(place.folder), "demo": "false"}, unprivileged=True)


def wrong(how: Ended, name: str) -> Iterator[str]:
    yield from faults(how)
    if how.code != USUAL.get(name, DONE) and not REASON.search(how.errors + how.output.decode()):
        yield "it does not say why"
    if "bucket" in how.errors or ("the database" in how.errors and "documents" in how.errors):
        yield "it says another thing than what it is"
    if re.search(r"\.part\b|casegate-backup-", how.errors):
        yield "it names what was to be there for a moment only"


@pytest.mark.parametrize(
    ("name", "condition", "code"),
    [
        ("user create", "the data folder is read-only", 1),
        ("backup", "the data folder can't be entered", 1),
        ("backup", "the data folder is read-only", 1),
        ("backup", "the backup's folder is read-only", 1),
        ("backup", "the backup's folder can't be listed", 0),
        ("documents verify", "the documents' folder can't be entered", 2),
        ("documents sweep", "the documents' folders are read-only", 1),
        ("log verify", "the database can't be read", 2),
        ("log key", "the data folder can't be entered", 1),
        ("log anchor", "the heads can't be read", 1),
        ("log key", "the backup's folder can't be entered", 1),
    ],
)
def test_a_command_that_may_not_ends_in_a_line_that_says_why(
    original: Place, tmp_path: Path, name: str, condition: str, code: int
) -> None:
    place = original.copied(tmp_path / "place")

    how = ended(place, name, condition)

    assert (how.code, how.errors.count("\n")) == (code, 1 if code else 0), how
    assert list(wrong(how, name)) == []
    assert list(lost(kept(original), kept(place))) == []


@pytest.mark.soak
@pytest.mark.parametrize("condition", CONDITIONS)
def test_every_command_that_may_not_ends_in_a_line_and_a_documented_code(
    original: Place, tmp_path: Path, condition: str
) -> None:
    before, found = kept(original), []
    for name in commands(original):
        place = original.copied(tmp_path / name)
        how = ended(place, name, condition)
        found += [f"{name}: {fault}: {how}" for fault in wrong(how, name)]
        found += [f"{name}: lost: {what}" for what in lost(before, kept(place))]
        shutil.rmtree(tmp_path / name)

    assert found == []


def test_a_restore_that_may_not_write_documents_makes_no_database(original: Place, tmp_path: Path) -> None:
    documents = tmp_path / "documents"
    for folder in ("blobs", "incoming"):
        (documents / folder).mkdir(parents=True)
    (documents / "blobs").chmod(0o500)
    settings = {"data_dir": str(tmp_path / "data"), "documents_url": documents.as_uri()}

    how = run(["restore", str(original.backup)], settings, unprivileged=True)

    assert (how.code, how.output, how.errors.count("\n")) == (REFUSED, b"", 1), how
    assert "Permission denied" in how.errors
    assert not (tmp_path / "data" / "casegate.sqlite").exists()


def test_a_restore_goes_where_only_the_anchors_are_left(original: Place, tmp_path: Path) -> None:
    place = original.copied(tmp_path / "place")
    shutil.rmtree(place.folder / "documents")
    (place.folder / "casegate.sqlite").unlink()

    how = run(["restore", str(place.backup)], {"data_dir": str(place.folder)})

    assert (how.code, how.errors) == (DONE, ""), how
    assert list(lost(kept(original), kept(place))) == []


@pytest.mark.parametrize(
    ("arguments", "code"),
    [
        (("migrate", "--to", "base"), 1),
        (("log", "export", "--case", "CASE-000001", "../forbidden/evidence.json"), 1),
        (("log", "export", "--case", "CASE-000001", "--force", "../forbidden/evidence.json"), 1),
        (("log", "verify", "--anchors", "../forbidden/anchors.jsonl"), 2),
        (("backup", "--force", "../forbidden/casegate.tar"), 1),
        (("restore", "../forbidden/casegate.tar"), 1),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, tuple) else "",
)
def test_an_argument_that_names_a_forbidden_file_fails_with_one_line(
    original: Place, tmp_path: Path, arguments: tuple[str, ...], code: int
) -> None:
    place = original.copied(tmp_path / "place")
    (tmp_path / "place" / "forbidden").mkdir(0)
    data_dir = place.folder / "../forbidden/data" if arguments[0] == "migrate" else place.folder
    full = [argument.replace("..", str(tmp_path / "place")) for argument in arguments]

    how = run(full, {"data_dir": str(data_dir)}, unprivileged=True)

    assert how.code in (code, 2 if arguments[0] == "restore" else code), how
    assert [*faults(how), *lost(kept(original), kept(place))] == []
    assert "forbidden" in how.errors and ("Permission denied" in how.errors or "not readable" in how.errors)


def test_permissions_hold_for_the_commands_under_test(original: Place, tmp_path: Path) -> None:
    (tmp_path / "data").mkdir(0o500)

    how = run(["migrate"], {"data_dir": str(tmp_path / "data")}, unprivileged=True)

    assert how.code == REFUSED
    assert list((tmp_path / "data").iterdir()) == []
