"""Case files over HTTP: who gets one, in which language, and what is answered in its place."""

import asyncio
from datetime import datetime
from pathlib import Path
from typing import Any
from uuid import uuid4

import httpx2
import psutil
import pypdfium2
import pytest
from sqlalchemy import update

from app.audit.case_file import rendering_process
from app.audit.case_file.content import CHARACTERS_MAX, EvidenceUnfit
from app.audit.case_file.rendering_process import CaseFileFailed, rendered
from app.audit.evidence import evidence_of
from app.db import tables
from app.db.engines import Database
from app.documents import case_files
from app.domain.commands import AddComment
from app.domain.model import CaseStatus, Language, Scope
from tests.support.api import Api
from tests.support.world import World, make_world, person_of

AT = datetime.fromisoformat("2026-11-30T12:00:00+00:00")


async def case_file(
    api: Api, token: str | None, case_id: Any, method: str = "GET", query: str = "", **headers: str
) -> httpx2.Response:
    """Ask for a case file; a header's underscores become hyphens."""
    sent = {name.replace("_", "-"): value for name, value in headers.items()}
    if token is not None:
        sent["Authorization"] = f"Bearer {token}"
    return await api.client.request(method, f"/case-files/{case_id}{query}", headers=sent)


def text_of(answer: httpx2.Response) -> str:
    assert answer.status_code == 200, answer.text
    return " ".join(page.get_textpage().get_text_range() for page in pypdfium2.PdfDocument(answer.content))


def refusal(answer: httpx2.Response) -> tuple[int, str]:
    (error,) = answer.json()["errors"]
    return answer.status_code, error["code"]


async def test_a_case_file_is_downloaded_with_headers_that_keep_it_harmless(api: Api, world: World) -> None:
    case = (await world.case_in(CaseStatus.RESOLVED)).case

    answer = await case_file(api, world.rosa.token, case.id)

    text = text_of(answer)
    assert "Case file CASE-000001" in text and case.head_hash in text
    assert "not looked for by a download" in text
    names = ("content-type", "content-disposition", "content-language", "cache-control", "content-security-policy")
    assert {name: answer.headers[name] for name in names} == {
        "content-type": "application/pdf",
        "content-disposition": "attachment; filename=\"CASE-000001.pdf\"; filename*=UTF-8''CASE-000001.pdf",
        "content-language": "en",
        "cache-control": "private, no-store",
        "content-security-policy": "default-src 'none'; sandbox",
    }


async def test_the_language_is_that_of_the_address_or_else_of_the_header(api: Api, world: World) -> None:
    case_id = (await world.open_case()).case.id

    by_header = await case_file(api, world.ada.token, case_id, accept_language="fr-CA")
    by_address = await case_file(api, world.ada.token, case_id, query="?language=FR", accept_language="en")
    neither = await case_file(api, world.ada.token, case_id, query="?language=de", accept_language="fr")

    for answer in (by_header, by_address):
        assert answer.headers["content-language"] == "fr"
        assert "Dossier CASE-000001" in text_of(answer) and "non cherchée" in text_of(answer)
    assert refusal(neither) == (400, "INVALID_INPUT")
    assert neither.json()["errors"][0]["path"] == ["language"]
    assert "en, fr" in neither.json()["errors"][0]["message"]


async def test_who_has_what_there_is_gets_it_again_once_there_is_more(api: Api, world: World) -> None:
    case_id, token = (await world.open_case()).case.id, world.ada.token
    etag = (await case_file(api, token, case_id, "HEAD")).headers["etag"]

    known = await case_file(api, token, case_id, if_none_match=etag)
    french = await case_file(api, token, case_id, "HEAD", query="?language=fr", if_none_match=etag)
    await world.do(world.ada, AddComment(case_id=case_id, comment="More."))
    more = await case_file(api, token, case_id, "HEAD", if_none_match=etag)

    assert (known.status_code, known.content, known.headers["etag"]) == (304, b"", etag)
    assert [french.status_code, more.status_code] == [200, 200]
    assert (more.content, more.headers["content-type"]) == (b"", "application/pdf")


async def test_a_case_of_another_account_is_answered_like_one_that_there_is_not(
    api: Api, world: World, database: Database
) -> None:
    elsewhere = await make_world(database)
    theirs = (await elsewhere.open_case()).case.id

    answers = [
        await case_file(api, world.rosa.token, id, x_request_id="the-same")
        for id in (uuid4(), theirs, world.ada.id, "x")
    ]

    assert refusal(answers[0]) == (404, "NOT_FOUND")
    assert len({(answer.content, tuple(answer.headers.items())) for answer in answers}) == 1


async def test_a_case_file_needs_a_token_that_may_read_cases(api: Api, world: World, database: Database) -> None:
    case_id = (await world.open_case()).case.id
    writer = await person_of(database, world.rosa.id, Scope.CASES_WRITE, Scope.DOCUMENTS_READ)

    without_token = await case_file(api, None, case_id)
    without_scope = await case_file(api, writer.token, case_id)
    async with database.write() as connection:
        await connection.execute(update(tables.accounts).values(cases_enabled=False))
    without_feature = await case_file(api, world.rosa.token, case_id)

    assert refusal(without_token) == (401, "UNAUTHENTICATED")
    assert without_token.headers["www-authenticate"].startswith("Bearer")
    assert refusal(without_scope) == (403, "INSUFFICIENT_SCOPE")
    assert refusal(without_feature) == (403, "FEATURE_DISABLED")


async def test_a_case_file_counts_against_the_token_s_rate(world: World, fresh_url: str, tmp_path: Path) -> None:
    case_id = (await world.open_case()).case.id
    async with Api.opened(fresh_url, data_dir=tmp_path, rate_limit=1, rate_window=60) as api:
        answers = [await case_file(api, world.ada.token, case_id, "HEAD") for _ in range(2)]

    assert [answer.status_code for answer in answers] == [200, 429]
    assert 1 <= int(answers[1].headers["retry-after"]) <= 60


async def test_a_case_that_is_too_long_is_refused_in_both_languages(
    api: Api, world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    case_id = (await world.open_case()).case.id
    monkeypatch.setattr(case_files, "ROWS_MAX", 0)

    english, french = [
        await case_file(api, world.rosa.token, case_id, accept_language=language) for language in ("en", "fr")
    ]

    assert refusal(english) == refusal(french) == (400, "TOO_LONG")
    assert "rows of the log" in english.text and "lignes du journal" in french.text


async def test_one_account_has_one_at_once_and_others_have_theirs(
    world: World, database: Database, fresh_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(case_files, "PATIENCE_S", 0)
    elsewhere = await make_world(database)
    senders = [(world.rosa, world), (world.ada, world), (elsewhere.rosa, elsewhere)]
    cases = [(await owner.open_case()).case.id for _, owner in senders]
    async with Api.opened(fresh_url, data_dir=tmp_path) as api:
        answers = await asyncio.gather(
            *(case_file(api, person.token, id) for (person, _), id in zip(senders, cases, strict=True))
        )

    statuses = [answer.status_code for answer in answers]
    assert sorted(statuses[:2]) == [200, 503] and statuses[2] == 200
    refused = next(answer for answer in answers if answer.status_code == 503)
    assert refusal(refused) == (503, "OVERLOADED") and int(refused.headers["retry-after"]) > 0


async def evidence(world: World) -> dict[str, Any]:
    case_id = (await world.open_case()).case.id
    return await evidence_of(world.database, world.account_id, case_id, None, AT)


async def test_texts_that_are_too_long_are_refused_by_the_process(world: World) -> None:
    found = await evidence(world)
    found["rows"][0]["contents"]["title"]["value"] = "x" * CHARACTERS_MAX

    with pytest.raises(EvidenceUnfit):
        await rendered(found, Language.EN)


async def test_a_process_that_fails_says_why(world: World) -> None:
    found = await evidence(world)
    del found["rows"][0]["entry"]["type"]

    with pytest.raises(CaseFileFailed, match="KeyError"):
        await rendered(found, Language.EN)


@pytest.mark.parametrize("ends_by", ["time", "cancellation"])
async def test_a_process_that_is_waited_for_no_more_is_ended(
    world: World, monkeypatch: pytest.MonkeyPatch, ends_by: str
) -> None:
    found = await evidence(world)
    found["rows"] *= 900  # takes seconds
    if ends_by == "time":
        monkeypatch.setattr(rendering_process, "RENDER_S", 0.3)
    task = asyncio.create_task(rendered(found, Language.EN))
    while not renderings() and not task.done():  # noqa: ASYNC110  # it is another process that is waited for
        await asyncio.sleep(0.01)

    if ends_by == "cancellation":
        task.cancel()
    with pytest.raises((asyncio.CancelledError, TimeoutError)):
        await task

    assert renderings() == []


def renderings() -> list[Any]:
    """Return the processes of ours that render."""
    own: list[Any] = psutil.Process().children()
    return [process for process in own if process.is_running() and "app.audit.case_file" in process.cmdline()]
