"""What real encoders write is accepted, and taken for what it is."""

import sys
from collections import Counter
from pathlib import Path

import pytest

from app.documents.kinds import content_type
from tests.support.document_corpus import MAKERS, converted, files, libreoffice, verdict

SHORT, LARGE = 15 * len(MAKERS), 400 * len(MAKERS)


def assert_all_are_accepted(folder: Path, count: int, seed: int) -> None:
    found = Counter[str]()
    wrong: list[tuple[str, str, str]] = []
    for file in files(count, seed):
        given = verdict(content_type, folder, file)
        found[given] += 1
        if given != file.type:
            (folder / f"wrong{len(wrong)}").write_bytes(file.content)
            wrong.append((file.name, file.type, given))
    sys.stdout.write(f"{count} files, {len(wrong)} of them refused or taken for something else: {dict(found)}\n")
    assert wrong == []


@pytest.mark.long
def test_files_of_real_encoders_are_accepted(tmp_path: Path) -> None:
    assert_all_are_accepted(tmp_path, SHORT, seed=1)


@pytest.mark.soak
def test_thousands_of_files_of_real_encoders_are_accepted(tmp_path: Path) -> None:
    assert_all_are_accepted(tmp_path, LARGE, seed=2)


@pytest.mark.soak
def test_files_of_libreoffice_are_accepted(tmp_path: Path) -> None:
    program = libreoffice()
    if program is None:
        sys.stderr.write("\nNOT TESTED WITH LIBREOFFICE: there is no soffice\n")
        pytest.skip("no LibreOffice")
    text, sheet = tmp_path / "letter.txt", tmp_path / "payments.csv"
    text.write_text("<brian@acme.example> wrote: the account is held by MZ Holding.\n")
    sheet.write_text("BMW AG,DE89,1200\n")
    word = "application/vnd.openxmlformats-officedocument.wordprocessingml.document"
    excel = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"

    made = [
        *converted(program, text, (("docx", word), ("pdf", "application/pdf")), tmp_path),
        *converted(program, sheet, (("xlsx", excel), ("pdf", "application/pdf")), tmp_path),
    ]

    assert [verdict(content_type, tmp_path, file) for file in made] == [file.type for file in made]
