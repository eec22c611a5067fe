"""The case file as a PDF: what it says of a case, in both languages, and what is erased."""

import asyncio
import re
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from typing import Any
from uuid import UUID

import pypdfium2
import pytest
from PIL import Image

from app.actions.reminders import write_reminders
from app.audit.case_file.content import CHARACTERS_MAX, ROWS_MAX, EvidenceUnfit
from app.audit.case_file.rendering import WORDS, case_file_pdf
from app.audit.evidence import evidence_of
from app.db import tables
from app.domain.commands import AddComment, AssignCase, CloseCase, EraseContent, NewDocument, SetDueDate, SetLegalHold
from app.domain.model import Language, StepState
from tests.support.anchored_cases import Scene
from tests.support.checklists import LETTER, SECOND_SOURCE, record, with_checklist
from tests.support.database_contents import set_by_hand
from tests.support.evaluations import check_system, details, opened
from tests.support.evaluations import record as record_result
from tests.support.gateway import casegate
from tests.support.world import World

NAMES = "Zażółć gęślą jaźń, Ξεσκεπάζω, Съешь, Œuvres d’été à Łódź"
AT = "2026-11-30T12:00:00+00:00"


def read(pdf: bytes) -> list[str]:
    """Return the text of each page, as whoever copies it gets it, with one blank for each stretch of white space."""
    document = pypdfium2.PdfDocument(pdf)
    return [" ".join(page.get_textpage().get_text_range().split()) for page in document]


async def evidence(world: World, case_id: Any) -> dict[str, Any]:
    return await evidence_of(world.database, world.account_id, case_id, None, datetime.fromisoformat(AT))


async def documented(world: World) -> tuple[Any, NewDocument]:
    """Return a case with names of several scripts, a decision, and a document."""
    case_id = (await world.open_case()).case.id
    document = NewDocument(
        id=world.ada.id, filename="reçu – Łódź.pdf", content_type="application/pdf", size_bytes=9, sha256="ab" * 32
    )
    await world.do(world.ada, AddComment(case_id=case_id, comment=NAMES, new_documents=(document,)))
    await world.request_override(case_id)
    await world.accept(case_id)
    return case_id, document


async def test_a_case_file_says_what_the_evidence_does_in_english(world: World) -> None:
    case_id, document = await documented(world)
    found = await evidence(world, case_id)

    text = " ".join(read(case_file_pdf(found, Language.EN)))

    for said in (
        "Case file CASE-000001",
        "A changed IBAN",
        NAMES,
        "The supplier confirmed by phone.",
        document.filename,
        document.sha256,
        "Override: Person A asks for Favorable in the place of Unfavorable",
        "Reviewers: Person B",
        "as Reviewer, having read version 3",
        "Decisions and their authority",
        f"{found['head']['seq']}:{found['head']['hash']}",
        "Account check check-",
        "Exported 2026-11-30 12:00:00 UTC",
        str(world.ada.id),
        str(world.rosa.id),
    ):
        assert said in text, said
    assert all(row["hash"] in text for row in found["rows"])


async def test_a_case_file_is_in_french_with_its_accents(world: World) -> None:
    case_id, _ = await documented(world)

    text = " ".join(read(case_file_pdf(await evidence(world, case_id), Language.FR)))

    for said in ("Dossier CASE-000001", "Décisions et leur autorité", "Chronologie", "Résolu", "en tant que Valideur"):
        assert said in text, said
    assert "Case file" not in text and "Timeline" not in text


async def test_a_case_file_says_whose_the_case_was_and_until_when(world: World) -> None:
    case_id = (await world.open_case()).case.id
    for assignee_id in (world.rosa.id, None):
        await world.do(world.ada, AssignCase(case_id=case_id, assignee_id=assignee_id))
    for due_at in (datetime.fromisoformat(AT), None):
        await world.do(world.ada, SetDueDate(case_id=case_id, due_at=due_at))
    found = await evidence(world, case_id)

    english, french = (" ".join(read(case_file_pdf(found, language))) for language in (Language.EN, Language.FR))

    for said in ("Assign", "Owner: Person B", "Owner: nobody", "Due: 2026-11-30 12:00:00 UTC", "Due: at no time"):
        assert said in english, said
    for said in ("Attribuer", "En charge : ", "Échéance : 2026-11-30 12:00:00 UTC", "Échéance : aucune"):
        assert said in french, said
    assert str(world.rosa.id) in english


async def test_a_case_file_says_what_is_late(world: World) -> None:
    case_id = (await world.open_case()).case.id
    await set_by_hand(world.database, tables.accounts, world.account_id, escalation_hours=1)
    await world.do(world.ada, SetDueDate(case_id=case_id, due_at=datetime.fromisoformat("2020-01-31T16:00:00+00:00")))
    assert [step.is_written async for step in write_reminders(world.database)] == [True]
    found = await evidence(world, case_id)

    english, french = (" ".join(read(case_file_pdf(found, language))) for language in (Language.EN, Language.FR))

    assert "Escalate" in english and "Due date: 2020-01-31 16:00:00 UTC" in english
    assert "Faire remonter" in french and "Échéance : 2020-01-31 16:00:00 UTC" in french


async def test_a_case_file_says_which_steps_were_taken_and_which_were_open(world: World) -> None:
    checked = await with_checklist(world, LETTER, replace(SECOND_SOURCE, required_for=frozenset()))
    case_id = (await checked.open_case()).case.id
    await record(checked, case_id, LETTER, StepState.NOT_NEEDED)
    await checked.do(checked.ada, CloseCase(case_id=case_id))
    found = await evidence(checked, case_id)

    english, french = (" ".join(read(case_file_pdf(found, language))) for language in (Language.EN, Language.FR))

    for said in ("Record a step", "Step LETTER: Not needed", "Open steps: SECOND_SOURCE"):
        assert said in english, said
    for said in ("Noter une étape", "Étape LETTER : Pas nécessaire", "Étapes à faire : SECOND_SOURCE"):
        assert said in french, said


async def test_a_case_file_says_what_a_check_found_and_what_was_held_and_erased(world: World) -> None:
    await set_by_hand(world.database, tables.accounts, world.account_id, override_expiry_hours=24)
    checks = await check_system(world)
    case = await opened(world)
    requested = await world.request_override(case.id)
    assert requested.override is not None
    await record_result(world, checks, details("ANOMALY"))
    await world.cancel(case.id)
    await world.do(world.ada, CloseCase(case_id=case.id))
    for held in (True, False):
        await world.do(world.aldo, SetLegalHold(case_id=case.id, held=held, reason="The prosecutor."))
    await world.do(world.aldo, EraseContent(case_id=case.id, everything=True, reason="They asked for it."))
    found = await evidence(world, case.id)

    english, french = (" ".join(read(case_file_pdf(found, language))) for language in (Language.EN, Language.FR))

    until = f"{requested.override.expires_at:%Y-%m-%d %H:%M:%S} UTC"
    for said in (
        "Result of the check: Unfavorable → Anomaly",
        f"Can be decided until: {until}",
        "Legal hold: set",
        "Legal hold: lifted",
        "Erased: all content of the case",
    ):
        assert said in english, said
    for said in (
        "Résultat de la vérification : Défavorable → Anomalie",
        f"Décision possible jusqu’au : {until}",
        "Conservation légale : décidée",
        "Conservation légale : levée",
        "Effacé : tout le contenu du dossier",
    ):
        assert said in french, said


async def test_a_case_file_says_which_override_a_result_replaced(world: World) -> None:
    checks = await check_system(world)
    case = await opened(world)
    accepted = (await world.request_override(case.id)).override
    assert accepted is not None
    await world.accept(case.id)
    await record_result(world, checks, details("ANOMALY"))
    found = await evidence(world, case.id)

    text = " ".join(read(case_file_pdf(found, Language.EN)))

    assert f"Result of the check: Favorable → Anomaly in the place of the accepted override {accepted.id}" in text


async def test_what_is_erased_says_so_and_is_not_there(world: World) -> None:
    case_id, document = await documented(world)
    found = await evidence(world, case_id)
    (comment_id,) = {row["entry"]["comment"]["id"] for row in found["rows"] if row["entry"]["type"] == "COMMENT"}
    erase = EraseContent(
        case_id=case_id, reason="Asked for.", comment_ids=(UUID(comment_id),), document_ids=(document.id,)
    )
    await world.do(world.aldo, erase)

    text = " ".join(read(case_file_pdf(await evidence(world, case_id), Language.EN)))

    assert NAMES not in text and document.filename not in text and document.sha256 not in text
    assert text.count("[erased]") == 4  # the comment, the name twice, the digest
    assert "Reason: Asked for." in text


async def test_a_long_log_breaks_into_pages_that_are_numbered(world: World) -> None:
    case_id = (await world.open_case()).case.id
    for number in range(6):
        await world.do(world.ada, AddComment(case_id=case_id, comment=f"{number} " + "long words " * 800))
    await world.do(world.ada, AddComment(case_id=case_id, comment="x" * 5_000 + " \u682a\u5f0f \u202eevil {nb}"))

    pages = read(case_file_pdf(await evidence(world, case_id), Language.EN))

    assert len(pages) > 8
    for number, page in enumerate(pages, 1):
        assert f"Page {number} of {len(pages)}" in page
    text = " ".join(pages)
    assert text.replace(" ", "").count("x" * 60) > 50
    assert "[U+682A][U+5F0F] evil {nb}" in text and "\u202e" not in text


async def test_each_page_keeps_its_margins(world: World) -> None:
    case_id = (await world.open_case()).case.id
    await world.do(world.ada, AddComment(case_id=case_id, comment="w" * 9_000))

    for page in pypdfium2.PdfDocument(case_file_pdf(await evidence(world, case_id), Language.FR)):
        image = page.render(scale=1).to_pil().convert("L")
        right = image.crop((image.width - 40, 0, image.width, image.height))
        assert isinstance(right, Image.Image)
        assert right.getextrema() == (255, 255)


async def test_no_title_stands_alone_at_the_end_of_a_page(world: World) -> None:
    case_id, _ = await documented(world)
    found = await evidence(world, case_id)
    titles = tuple(WORDS[Language.EN][name] for name in ("decisions", "documents", "verify"))
    (comment,) = [row for row in found["rows"] if row["entry"]["type"] == "COMMENT"]

    for lines in range(19, 22):  # then the room that is left is enough for a title, and for nothing below it
        comment["contents"]["comment"]["value"] = "a line\n" * lines
        pages = read(case_file_pdf(found, Language.EN))
        assert [page for page in pages if page.partition(" Page ")[0].endswith(titles)] == []


def test_the_languages_have_the_same_words_with_the_same_values() -> None:
    named = {
        language: {word: set(re.findall(r"{(\w+)}", said)) for word, said in words.items()}
        for language, words in WORDS.items()
    }

    assert set(named) == set(Language)
    assert named[Language.EN] == named[Language.FR]


async def test_a_log_that_is_too_long_or_no_case_is_refused(world: World) -> None:
    found = await evidence(world, (await world.open_case()).case.id)

    with pytest.raises(EvidenceUnfit, match=f"{ROWS_MAX + 1} rows"):
        case_file_pdf(found | {"rows": found["rows"] * (ROWS_MAX + 1)}, Language.EN)
    found["rows"][0]["contents"]["title"]["value"] = "x" * CHARACTERS_MAX
    with pytest.raises(EvidenceUnfit, match="characters"):
        case_file_pdf(found, Language.EN)
    with pytest.raises(EvidenceUnfit):
        case_file_pdf({"rows": found["rows"], "accountId": "x"}, Language.EN)


async def test_the_command_writes_an_anchored_case_file(scene: Scene, fresh_url: str, tmp_path: Path) -> None:
    place = {"database_url": fresh_url, "data_dir": str(scene.path.parent)}
    target, named = tmp_path / "case.pdf", ("--case", str(scene.case_id))

    done = await asyncio.to_thread(casegate, "log", "export", *named, str(target), "--pdf", "--language", "fr", **place)
    again = await asyncio.to_thread(casegate, "log", "export", *named, str(target), "--pdf", **place)
    nowhere = await asyncio.to_thread(casegate, "log", "export", *named, "--pdf", **place)

    assert (done.returncode, done.stdout) == (0, "CASE-000002: 10 rows, 10 of them anchored\n")
    text = " ".join(read(target.read_bytes()))
    assert "10 lignes sur 10 sont dans l’ancre 1" in text and scene.key in text
    assert [again.returncode, nowhere.returncode] == [1, 2]
