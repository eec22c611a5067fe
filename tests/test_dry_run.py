"""Dry runs: they answer as the action itself would, and leave nothing behind.

What is dumped is every row of every table, the index of what can be searched, how far sequences are, and the files.
"""

import asyncio
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx2
import pytest

from app.actions import perform, rehearse
from app.db.repository import cases
from app.db.repository.locks import lock_case
from app.domain.commands import AddComment
from app.domain.errors import CaseClosed
from app.domain.model import CaseStatus
from tests.api import Api
from tests.archive import contents, everything
from tests.documents import files_in, send_form, uploaded
from tests.world import World

# What is new each time, also where it is only rehearsed; a link is not given to what will not be.
GENERATED = {"id", "createdAt", "updatedAt", "decidedAt", "closedAt", "hash", "headHash", "url"}

PERSON = "{ displayName }"
ROW = f"""id seq type user {PERSON} comment {{ id body createdAt documents {{ id filename sha256 url }} }}
    override {{ id status }} statusBefore statusAfter resolution createdAt hash case {{ id status version }}"""
SHOWN = f"""replayed errors {{ __typename code message path }} action {{ {ROW} }}
    case {{ id reference title status resolution createdAt updatedAt closedAt version actionCount headHash
        subject {{ id label evaluationStatus version }} activeOverride {{ id status }}
        overrides {{ totalCount nodes {{ id status decidedBy {PERSON} decidedAt assignedReviewers {PERSON} }} }}
        actions {{ totalCount nodes {{ {ROW} }} }} documents {{ totalCount nodes {{ id filename }} }}
        availableActions {{ action allowed code statusAfter }} eligibleReviewers {{ totalCount }} }}"""
SUBJECT = {"type": "COMPANY_ACCOUNT_CHECK", "externalRef": "check-1", "label": "Moulins", "evaluationStatus": "ANOMALY"}

Request = tuple[str, str, dict[str, Any], bool]
"""Who, which mutation, with what besides the case, and whether it is allowed."""


def story(world: World, document_id: str) -> list[Request]:
    """Return a case's life, allowed and refused, with every action."""
    asked = {"requestedStatus": "FAVORABLE", "reviewerIds": [str(world.rosa.id)], "reason": "Sure."}
    return [
        ("ada", "openCase", {"subject": SUBJECT, "title": "A changed IBAN"}, True),
        ("ada", "openCase", {"subject": SUBJECT, "title": "Again"}, False),
        ("carl", "addComment", {"body": "See.", "documentIds": [document_id], "idempotencyKey": "one"}, True),
        ("carl", "addComment", {"body": "See.", "documentIds": [document_id]}, False),
        ("rosa", "acceptOverride", {}, False),
        ("ada", "requestOverride", asked | {"expectedVersion": 7}, False),
        ("ada", "requestOverride", asked, True),
        ("bea", "requestOverride", asked, False),
        ("carl", "refuseOverride", {}, False),
        ("rosa", "refuseOverride", {"comment": "No.", "idempotencyKey": "two"}, True),
        ("bea", "requestOverride", asked, True),
        ("ada", "cancelOverride", {}, False),
        ("bea", "cancelOverride", {}, True),
        ("ada", "requestOverride", asked, True),
        ("ada", "closeCase", {}, False),
        ("ada", "acceptOverride", {}, False),
        ("rosa", "acceptOverride", {}, True),
        ("carl", "closeCase", {"comment": "Done."}, True),
        ("ada", "addComment", {"body": "Late."}, False),
    ]


def differing(one: Any, other: Any, name: str = "") -> Iterator[str]:
    """Yield the names of the fields whose values differ."""
    if isinstance(one, dict) and isinstance(other, dict) and one.keys() == other.keys():
        for key in one:
            yield from differing(one[key], other[key], key)
    elif isinstance(one, list) and isinstance(other, list) and len(one) == len(other):
        for ones, others in zip(one, other, strict=True):
            yield from differing(ones, others, name)
    elif one != other:
        yield name


async def act(api: Api, world: World, request: Request, case_id: str, **more: Any) -> dict[str, Any]:
    """Do a request of the story, and return its payload with all there is to be seen of it."""
    person, mutation, input, _ = request
    case = {} if mutation == "openCase" else {"caseId": case_id}
    document = (
        f"mutation($input: {mutation[0].upper()}{mutation[1:]}Input!) {{ {mutation}(input: $input) {{ {SHOWN} }} }}"
    )
    data = await api.run(getattr(world, person).token, document, {"input": case | input | more})
    payload: dict[str, Any] = data[mutation]
    return payload


async def test_a_dry_run_of_every_action_writes_nothing_and_answers_as_the_real_one(
    world: World, api: Api, tmp_path: Path
) -> None:
    case_id, differed = "", set()
    for request in story(world, await uploaded(api, world.carl.token)):
        before = await everything(world.database), files_in(tmp_path)

        dry = await act(api, world, request, case_id, dryRun=True)

        assert (await everything(world.database), files_in(tmp_path)) == before, request
        real = await act(api, world, request, case_id)
        found = set(differing(dry, real))
        assert found <= GENERATED, (request, found)
        assert (dry["errors"] == []) == request[3], dry["errors"]
        case_id = case_id or real["case"]["id"]
        differed |= found
    # Had nothing differed, the real ones would have been shown what the dry ones had made.
    assert {"id", "createdAt", "hash", "url"} <= differed
    assert len((await contents(world.database))["case_actions"]) == 9


async def test_a_dry_run_shows_the_case_as_it_would_be(world: World, api: Api) -> None:
    case_id = str((await world.open_case()).case.id)
    request = ("ada", "closeCase", {"comment": "Done."}, True)

    case = (await act(api, world, request, case_id, dryRun=True))["case"]

    assert (case["status"], case["version"]) == ("CLOSED", 2)
    assert [row["type"] for row in case["actions"]["nodes"]] == ["CLOSE", "OPEN"]
    assert {item["code"] for item in case["availableActions"]} >= {"CASE_CLOSED"}


async def test_files_that_come_along_with_a_dry_run_are_shown_and_not_stored(
    world: World, api: Api, tmp_path: Path
) -> None:
    case_id = str((await world.open_case()).case.id)
    shown = "errors { code } comment { documents { filename sizeBytes url } } case { documents { totalCount } }"
    operations = {
        "query": f"mutation($input: AddCommentInput!) {{ addComment(input: $input) {{ {shown} }} }}",
        "variables": {"input": {"caseId": case_id, "body": "See.", "documents": [None], "dryRun": True}},
    }
    before = await everything(world.database)

    answer = await send_form(
        api, world.ada.token, operations, {"0": ["variables.input.documents.0"]}, [("0", ("a.txt", b"words"))]
    )

    assert answer.json()["data"]["addComment"] == {
        "errors": [],
        "comment": {"documents": [{"filename": "a.txt", "sizeBytes": 5, "url": None}]},
        "case": {"documents": {"totalCount": 1}},
    }
    assert await everything(world.database) == before
    assert files_in(tmp_path) == []


async def test_each_action_of_a_document_finds_what_really_is(world: World, api: Api) -> None:
    case_id = str((await world.open_case()).case.id)
    close = f'closeCase(input: {{caseId: "{case_id}", dryRun: %s}}) {{ case {{ status version }} errors {{ code }} }}'
    document = f"""mutation {{
        a: {close % "true"} b: {close % "true"}
        c: addComment(input: {{caseId: "{case_id}", body: "x"}}) {{ case {{ status version }} errors {{ code }} }}
        d: {close % "true"} e: {close % "false"} }}"""

    data = await api.run(world.ada.token, document)

    closed = [{"case": {"status": "CLOSED", "version": version}, "errors": []} for version in (2, 2, 3, 3)]
    commented = {"case": {"status": "IN_PROGRESS", "version": 2}, "errors": []}
    assert list(data.values()) == [*closed[:2], commented, *closed[2:]]


async def test_a_dry_run_tells_what_its_key_has_done_already(world: World, api: Api) -> None:
    case_id = str((await world.open_case()).case.id)
    request: Request = ("ada", "addComment", {"body": "Once.", "idempotencyKey": "key"}, True)
    done = await act(api, world, request, case_id)
    before = await everything(world.database)

    again = await act(api, world, request, case_id, dryRun=True)
    other = await act(api, world, request, case_id, dryRun=True, body="Twice.")

    assert set(differing(again, done | {"replayed": True})) <= {"url"}
    assert [error["code"] for error in other["errors"]] == ["IDEMPOTENCY_KEY_REUSED"]
    assert await everything(world.database) == before


async def test_after_a_dry_run_nobody_waits_for_its_locks_or_misses_its_connection(world: World, api: Api) -> None:
    case_id = str((await world.open_case()).case.id)
    request: Request = ("ada", "addComment", {"body": "x"}, True)

    # More than there are connections for writing.
    dry = await asyncio.gather(*(act(api, world, request, case_id, dryRun=True) for _ in range(24)))
    real = await asyncio.gather(*(act(api, world, request, case_id) for _ in range(24)))

    assert [payload["action"]["seq"] for payload in dry] == [2] * 24
    assert sorted(payload["action"]["seq"] for payload in real) == list(range(2, 26))


@pytest.mark.parametrize("waits", [True, False])
async def test_whoever_gives_up_a_dry_run_holds_up_nobody(world: World, waits: bool) -> None:
    case_id = (await world.open_case()).case.id
    comment = AddComment(case_id=case_id, comment="x")

    async def look() -> None:
        rehearsal = rehearse(world.database, world.ada.actor, comment, request_id="r")
        try:
            _, would = await rehearsal.shown()
            while True:
                async with would.read() as connection:
                    await cases.cases_by_id(connection, world.account_id, [case_id])
        finally:
            await rehearsal.end()

    for n in range(40):
        task = asyncio.create_task(look())
        await asyncio.sleep(n * 0.0005 if waits else 0)
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
    async with asyncio.timeout(5):
        outcome = await perform(world.database, world.ada.actor, comment, request_id="r")

    assert outcome.action.seq == 2
    assert len((await contents(world.database))["comments"]) == 1


async def test_what_is_read_after_it_is_undone_is_what_there_is(world: World) -> None:
    case_id = (await world.open_case()).case.id
    rehearsal = rehearse(world.database, world.ada.actor, AddComment(case_id=case_id, comment="x"), request_id="r")
    _, would = await rehearsal.shown()

    async with would.read() as connection:
        before = await cases.cases_by_id(connection, world.account_id, [case_id])
        await rehearsal.end()
        after = await cases.cases_by_id(connection, world.account_id, [case_id])

    assert [case.version for case in [*before, *after] if case] == [2, 1]


async def test_a_dry_run_past_its_deadline_is_undone(fresh_url: str, world: World) -> None:
    """Its payload takes so long because somebody holds the rows that it wants to write."""
    case = await world.case_in(CaseStatus.IN_PROGRESS)
    document = "mutation($input: CloseCaseInput!) { closeCase(input: $input) { case { status } errors { code } } }"
    input = {"caseId": str(case.case.id), "dryRun": True}
    before = await everything(world.database)

    async with Api.opened(fresh_url, deadline=0.3) as api:
        async with world.database.write() as connection:
            await lock_case(connection, world.account_id, case.case.id)
            answer: httpx2.Response = await api.send(world.ada.token, document, {"input": input})
        assert answer.json()["errors"][0]["extensions"]["code"] == "DEADLINE_EXCEEDED"
        await asyncio.sleep(0.3)
        assert await everything(world.database) == before
        outcome = await world.do(world.ada, AddComment(case_id=case.case.id, comment="x"))

    assert outcome.action.seq == 3


async def test_a_rehearsal_is_refused_as_the_action_is(world: World) -> None:
    case = (await world.case_in(CaseStatus.CLOSED)).case
    rehearsal = rehearse(world.database, world.ada.actor, AddComment(case_id=case.id, comment="x"), request_id="r")

    with pytest.raises(CaseClosed):
        await rehearsal.shown()
    await rehearsal.end()


def test_what_differs_is_found() -> None:
    one = {"a": [{"id": 1, "x": 2}], "b": {"c": 3}}

    assert set(differing(one, {"a": [{"id": 2, "x": 2}], "b": {"c": 4}})) == {"id", "c"}
    assert set(differing(one, {"a": [], "b": {"c": 3}})) == {"a"}
