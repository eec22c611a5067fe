"""Identifiers of subjects: whatever form of Unicode they come in, one subject is one, and has one case at a time."""

import asyncio
import unicodedata
from datetime import UTC, datetime
from typing import Any
from uuid import UUID, uuid4

import pytest
from sqlalchemy import insert, select, update
from structlog.testing import capture_logs

from app.db import tables
from app.db.engines import Database
from app.db.migrate import migrate
from app.domain.commands import CloseCase, OpenCase, SubjectDetails
from app.domain.errors import ActiveCaseExists
from app.domain.model import EvaluationStatus, SubjectType
from tests.support.api import Api
from tests.support.world import World, make_world

REF = "Société-한국-42"
SAME = {
    "decomposed": unicodedata.normalize("NFD", REF),
    "zero-width space": "Société\u200b-한국-42",
    "byte order mark": f"\ufeff{REF}",
    "soft hyphen": "So\u00adciété-한국-42",
    "blank behind": f"{REF}\u2003\n",
    "joiners": "Société-\u200d한국\u200c-42",
    "combining grapheme joiner": "Socie\u034f\u0301té-한국-42",
    "Mongolian separator": f"{REF}\u180e",
    "variation selectors": "Société\ufe0f-한국-42\U000e0101",
    "tags": f"{REF}\U000e0041\U000e007f",
    "direction marks": f"\u200f{REF}\u200e",
    "fillers of Hangul": f"{REF}\u3164\uffa0",
    "operators that nobody sees": "Société\u2061-한국-\u206442",
}
OTHER = ["société-한국-42", "Societe-한국-42", "Société-한국-4２", "Société- 한국-42"]

OPEN = """mutation($input: OpenCaseInput!) { openCase(input: $input) {
    case { id subject { id externalRef } } errors { code path ... on StateError { case { id } } } } }"""
FIND = "query($filter: CaseFilter) { cases(filter: $filter) { totalCount nodes { id } } }"


async def opened(api: Api, token: str, ref: str, **more: Any) -> dict[str, Any]:
    subject = {"type": "COMPANY_ACCOUNT_CHECK", "externalRef": ref, "label": "Moulins"} | more
    payload: dict[str, Any] = (await api.run(token, OPEN, {"input": {"subject": subject, "title": "A changed IBAN"}}))[
        "openCase"
    ]
    return payload


async def test_no_form_of_a_reference_opens_a_second_case_on_its_subject(world: World, api: Api) -> None:
    first = (await opened(api, world.ada.token, REF))["case"]

    for name, ref in SAME.items():
        again = await opened(api, world.carl.token, ref)
        assert again["case"] is None, name
        assert again["errors"] == [
            {"code": "ACTIVE_CASE_EXISTS", "path": ["input", "subject"], "case": {"id": first["id"]}}
        ], name
    assert first["subject"]["externalRef"] == REF
    async with world.database.read() as connection:
        assert list(await connection.scalars(select(tables.subjects.c.external_ref))) == [REF]


async def test_a_subject_that_was_first_named_in_another_form_is_met_by_the_plain_one(world: World, api: Api) -> None:
    for number, form in enumerate(SAME.values()):
        first = (await opened(api, world.ada.token, f"{number}-{form}"))["case"]
        await world.do(world.ada, CloseCase(case_id=UUID(first["id"])))

        second = (await opened(api, world.ada.token, f"{number}-{REF}"))["case"]

        assert second["subject"] == first["subject"], ascii(form)
        assert first["subject"]["externalRef"] == f"{number}-{REF}"


async def test_what_looks_otherwise_is_another_subject(world: World, api: Api) -> None:
    subjects = [(await opened(api, world.ada.token, ref))["case"]["subject"]["id"] for ref in [REF, *OTHER]]

    assert len(set(subjects)) == len(subjects)


async def test_an_invalid_reference_is_refused_alike_in_inputs_and_in_queries(world: World, api: Api) -> None:
    for found in "\u202e\x00\n\u2066\ufffe\x85\u2029":
        ref = f"CHK{found}1"
        sent = await opened(api, world.ada.token, ref)
        requested = (
            await api.send(world.ada.token, FIND, {"filter": {"subject": {"externalRef": {"eq": ref}}}})
        ).json()

        assert [(error["code"], error["path"][-1]) for error in sent["errors"]] == [("INVALID_INPUT", "externalRef")]
        (error,) = requested["errors"]
        assert error["extensions"]["code"] == "INVALID_INPUT"
        assert error["extensions"]["argument"] == ["filter", "subject", "externalRef", "eq"]
        assert f"U+{ord(found):04X} at position 4" in error["message"]


async def test_openings_in_two_forms_at_once_make_one_case(world: World, api: Api) -> None:
    forms = [REF, *SAME.values()]
    payloads = await asyncio.gather(*(opened(api, world.ada.token, ref) for ref in forms))

    assert sum(payload["case"] is not None for payload in payloads) == 1
    assert {error["code"] for payload in payloads for error in payload["errors"]} == {"ACTIVE_CASE_EXISTS"}


async def test_commands_that_come_by_no_input_meet_the_same_subject(world: World) -> None:
    def command(ref: str) -> OpenCase:
        details = SubjectDetails(type=SubjectType.COMPANY_ACCOUNT_CHECK, external_ref=ref, label="Moulins")
        return OpenCase(subject=details, title="A changed IBAN")

    await world.do(world.ada, command(SAME["decomposed"]))

    with pytest.raises(ActiveCaseExists):
        await world.do(world.carl, command(REF))


async def test_a_filter_finds_a_subject_in_any_form_of_its_reference(world: World, api: Api) -> None:
    wanted = (await opened(api, world.ada.token, REF))["case"]["id"]
    other = (await opened(api, world.ada.token, "CHK-1"))["case"]["id"]

    async def found(comparison: dict[str, Any]) -> list[str]:
        page = await api.run(world.ada.token, FIND, {"filter": {"subject": {"externalRef": comparison}}})
        assert page["cases"]["totalCount"] == len(page["cases"]["nodes"])
        return [node["id"] for node in page["cases"]["nodes"]]

    for ref in SAME.values():
        assert await found({"eq": ref}) == await found({"in": ["x", ref]}) == [wanted], ascii(ref)
        assert await found({"ne": ref}) == await found({"notIn": [ref, "x"]}) == [other], ascii(ref)


# --- Subjects from before ------------------------------------------------------------------------------------------


async def add_subject(database: Database, account_id: UUID, ref: str, *, case: str | None, number: int = 0) -> Any:
    """Add a subject as it was before there were keys, with a case of this status or none."""
    subject_id, case_id, then = uuid4(), uuid4(), datetime(2026, 1, 1, tzinfo=UTC)
    subject = {"id": subject_id, "type": "COMPANY_ACCOUNT_CHECK", "external_ref": ref, "label": "Moulins"}
    account = {"account_id": account_id, "version": 1}
    async with database.write() as connection:
        await connection.execute(
            insert(tables.subjects).values(**subject, **account, evaluation_status="UNFAVORABLE").inline()
        )
        if case is None:
            return subject_id, case_id
        user = await connection.scalar(select(tables.users.c.id).where(tables.users.c.account_id == account_id))
        made = {"id": case_id, "number": number, "subject_id": subject_id, "title": "T", "status": case}
        made |= {"created_by_id": user, "created_at": then, "updated_at": then, "action_count": 1, "head_hash": "x"}
        if case == "CLOSED":
            made |= {"resolution": "DUPLICATE", "closed_by_id": user, "closed_at": then}
        await connection.execute(
            insert(tables.cases).values(**made, **account, subject_status_at_opening="UNFAVORABLE").inline()
        )
    return subject_id, case_id


@pytest.mark.long
async def test_subjects_from_before_that_become_one_stay_and_openings_meet_the_right_one(
    database: Database,
) -> None:
    world = await make_world(database)
    await migrate(database, "0005", drop_rows=True)
    plain, _ = await add_subject(database, world.account_id, REF, case="CLOSED", number=9)
    active, active_case = await add_subject(database, world.account_id, SAME["decomposed"], case="OPEN", number=1)
    bare, _ = await add_subject(database, world.account_id, SAME["byte order mark"], case=None)
    alone, _ = await add_subject(database, world.account_id, "CHK 1\u00a0", case=None)
    nothing = [(await add_subject(database, world.account_id, ref, case=None))[0] for ref in ("\u200b", "\ufeff")]

    with capture_logs() as logs:
        await migrate(database)

    subject = tables.subjects.c
    async with database.read() as connection:
        statement = select(subject.id, subject.external_key, subject.twin)
        rows = {row.id: (row.external_key, row.twin) for row in await connection.execute(statement)}
    assert {rows[active], rows[plain], rows[bare]} == {(REF, 0), (REF, 1), (REF, 2)}
    assert (rows[active], rows[plain], rows[alone]) == ((REF, 0), (REF, 1), ("CHK 1", 0))
    assert {rows[id] for id in nothing} == {("", 0), ("", 1)}
    reported = [line for line in logs if line["event"] == "subjects_alike"]
    assert {line["opened"]["id"] for line in reported} >= {str(active)}
    assert {item["id"] for line in reported for item in line["others"]} >= {str(plain), str(bare)}
    # All can still be read as they were, and no second case can be opened on any of them.
    details = SubjectDetails(type=SubjectType.COMPANY_ACCOUNT_CHECK, external_ref=REF, label="Moulins")
    with pytest.raises(ActiveCaseExists) as refused:
        await world.do(world.ada, OpenCase(subject=details, title="Again"))
    assert refused.value.case_id == active_case


async def test_a_case_on_any_of_the_subjects_that_became_one_stands_in_the_way(database: Database, api: Api) -> None:
    world = await make_world(database)
    await migrate(database, "0005", drop_rows=True)
    first, _ = await add_subject(database, world.account_id, REF, case="OPEN", number=3)
    _, other_case = await add_subject(database, world.account_id, SAME["soft hyphen"], case="OPEN", number=2)
    await migrate(database)
    case = tables.cases
    closing = {"status": "CLOSED", "resolution": "DUPLICATE", "closed_by_id": case.c.created_by_id}
    async with database.write() as connection:
        await connection.execute(
            update(case).where(case.c.subject_id == first).values(**closing, closed_at=case.c.created_at)
        )

    refused = await opened(api, world.ada.token, REF, evaluationStatus=EvaluationStatus.ANOMALY)

    assert [error["case"]["id"] for error in refused["errors"]] == [str(other_case)]
    found = await api.run(
        world.ada.token,
        "query($f: CaseFilter) { cases(filter: $f) { nodes { subject { externalRef } } } }",
        {"f": {"subject": {"externalRef": {"eq": REF}}}},
    )
    refs = [node["subject"]["externalRef"] for node in found["cases"]["nodes"]]
    assert sorted(refs) == sorted([REF, SAME["soft hyphen"]])
