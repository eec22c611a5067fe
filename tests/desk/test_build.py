"""What set-up has built of the Desk, and what its tools say of the source."""

import gzip
import re
from pathlib import Path

import pytest

from tests.support.desk import require_build
from tests.support.node import Package

GZIPPED_MAX = 250_000


@pytest.fixture(scope="module")
def desk() -> Package:
    return Package(require_build())


def texts(file: Path) -> dict[str, str]:
    """Return the words of a dictionary by their names."""
    found = re.findall(r"^  (\w+): '(.*)',$", file.read_text(encoding="utf-8"), re.MULTILINE)
    return dict(found)


@pytest.mark.long
def test_the_source_has_no_type_errors_and_nothing_to_lint(desk: Package) -> None:
    checked = desk.run("npm", "run", "check")

    assert checked.returncode == 0, checked.stdout + checked.stderr


def test_the_page_has_less_than_250_kb_gzipped_and_names_no_other_host(desk: Package) -> None:
    sent = [file for file in (desk.folder / "dist").rglob("*") if file.suffix in {".html", ".js", ".css", ".svg"}]

    assert {file.suffix for file in sent} == {".html", ".js", ".css", ".svg"}
    assert sum(len(gzip.compress(file.read_bytes())) for file in sent) < GZIPPED_MAX
    page = (desk.folder / "dist/index.html").read_text(encoding="utf-8")
    assert re.findall(r'(?:src|href)="(?!/)', page) == []


def test_both_languages_have_the_same_words_with_the_same_places_and_each_is_used(desk: Package) -> None:
    source = desk.folder / "src"
    english, french = texts(source / "i18n/en.ts"), texts(source / "i18n/fr.ts")

    assert len(english) > 100
    assert english.keys() == french.keys()
    for name, text in english.items():
        assert re.findall(r"\{\w+\}", text) == re.findall(r"\{\w+\}", french[name]), name
    written = "".join(
        file.read_text(encoding="utf-8")
        for file in source.rglob("*.ts*")
        if "i18n" not in file.parts and "gql" not in file.parts
    )
    named = {*re.findall(r"'(\w+)'", written), *re.findall(r"`(\w+)_\$", written)}
    assert [name for name in english if not {name, name.partition("_")[0]} & named] == []
