"""Dry runs: they answer as the action itself would, and leave nothing behind.

What is dumped is every row of every table, the index of what can be searched, how far sequences are, and the files.
"""

import asyncio
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx2
import pytest

from app.actions.perform import perform, rehearse
from app.db.engines import Timeouts
from app.db.repository.locks import lock_case
from app.db.retry import RETRIES
from app.domain.commands import AddComment
from app.domain.errors import CaseClosed
from app.domain.model import CaseStatus
from tests.support.api import Api
from tests.support.database_contents import contents, everything
from tests.support.documents import files_in, send_form, uploaded
from tests.support.world import World

# What is new each time, also where it is only supposed.
GENERATED = {"id", "createdAt", "updatedAt", "decidedAt", "closedAt"}

PERSON = "{ displayName }"
# What really is and what is supposed have in common, by the names of what is.
OVERRIDE = """{{ id: {override} status requestedStatus subjectStatusAtRequest version decidedBy {person} decidedAt
    createdAt createdBy {person} assignedReviewers {person} statusLabel }}"""
CASE = """{{ id: {case} reference title description status statusLabel resolution createdAt updatedAt closedAt version
    actionCount createdBy {person} closedBy {person} subject {{ id: {subject} label evaluationStatus version }}
    activeOverride {override_} overrides {{ totalCount nodes {override_} }}
    availableActions {{ action allowed code message statusAfter requiredInput }} }}"""
ROW = "{{ seq type typeLabel user {person} statusBefore statusAfter resolution createdAt }}"
COMMENT = "{{ body author {person} createdAt documents {{ filename contentType sizeBytes sha256 }} }}"


def shown(mutation: str, *, supposed: bool) -> str:
    """Return the selection of all that a payload shows, really or supposed."""
    names = {"case": "caseId", "subject": "subjectId", "override": "overrideId"} if supposed else {}
    names = {"case": "id", "subject": "id", "override": "id", "person": PERSON} | names
    names["override_"] = OVERRIDE.format(**names)
    made = f"case {CASE.format(**names)} action {ROW.format(**names)}"
    made += f" comment {COMMENT.format(**names)}" if supposed or mutation != "openCase" else ""
    made += f" override {names['override_']}" if supposed or mutation.endswith("Override") else ""
    return made


SUBJECT = {"type": "COMPANY_ACCOUNT_CHECK", "externalRef": "check-1", "label": "Moulins", "evaluationStatus": "ANOMALY"}

UUID_FORM = r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}"

Request = tuple[str, str, dict[str, Any], bool]
"""Who, which mutation, with what besides the case, and whether it is allowed."""


def story(world: World, document_id: str) -> list[Request]:
    """Return a case's life, allowed and refused, with every action."""
    requested = {"requestedStatus": "FAVORABLE", "reviewerIds": [str(world.rosa.id)], "reason": "Sure."}
    return [
        ("ada", "openCase", {"subject": SUBJECT, "title": "A changed IBAN"}, True),
        ("ada", "openCase", {"subject": SUBJECT, "title": "Again"}, False),
        ("carl", "addComment", {"body": "See.", "documentIds": [document_id], "idempotencyKey": "one"}, True),
        ("carl", "addComment", {"body": "See.", "documentIds": [document_id]}, False),
        ("rosa", "acceptOverride", {}, False),
        ("ada", "requestOverride", requested | {"expectedVersion": 7}, False),
        ("ada", "requestOverride", requested, True),
        ("bea", "requestOverride", requested, False),
        ("carl", "refuseOverride", {}, False),
        ("rosa", "refuseOverride", {"comment": "No.", "idempotencyKey": "two"}, True),
        ("bea", "requestOverride", requested, True),
        ("ada", "cancelOverride", {}, False),
        ("bea", "cancelOverride", {}, True),
        ("ada", "requestOverride", requested, True),
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
    case: dict[str, Any] = {} if mutation == "openCase" else {"caseId": case_id}
    if mutation in ("acceptOverride", "refuseOverride"):
        case = await world.decision(case_id)
    document = f"""mutation($input: {mutation[0].upper()}{mutation[1:]}Input!) {{ {mutation}(input: $input) {{
        replayed errors {{ __typename code message path }} {shown(mutation, supposed=False)}
        supposed {{ {shown(mutation, supposed=True)} }} }} }}"""
    data = await api.run(getattr(world, person).token, document, {"input": case | input | more})
    payload: dict[str, Any] = data[mutation]
    return payload


def made_of(payload: dict[str, Any]) -> dict[str, Any]:
    """Return what a payload shows of what was made, whether really or supposed."""
    really = {name: payload.get(name) for name in ("case", "action", "comment", "override")}
    if payload["supposed"] is None:
        return really
    assert set(really.values()) == {None}
    supposed: dict[str, Any] = payload["supposed"]
    return supposed


def ids_in(value: Any) -> set[str]:
    """Return all UUIDs in *value*, wherever they stand."""
    return set(re.findall(UUID_FORM, str(value)))


async def test_a_dry_run_of_every_action_writes_nothing_and_supposes_what_the_real_one_does(
    world: World, api: Api, tmp_path: Path
) -> None:
    case_id, differed = "", set()
    for request in story(world, await uploaded(api, world.carl.token)):
        before = await everything(world.database), files_in(tmp_path)

        dry = await act(api, world, request, case_id, dryRun=True)

        assert (await everything(world.database), files_in(tmp_path)) == before, request
        assert ids_in(dry) <= ids_in(before), request
        real = await act(api, world, request, case_id)
        assert (real["errors"], real["replayed"], real["supposed"]) == (dry["errors"], dry["replayed"], None)
        assert (dry["supposed"] is not None) == request[3], dry["errors"]
        found = set(differing(made_of(dry), made_of(real)))
        assert found <= GENERATED, (request, found)
        case_id = case_id or real["case"]["id"]
        differed |= found
    # Had nothing differed, the real ones would have been shown what the dry ones had made.
    assert {"id", "createdAt"} <= differed
    assert len((await contents(world.database))["case_actions"]) == 9


async def test_a_dry_run_supposes_the_case_as_it_would_be_and_leads_to_what_is(world: World, api: Api) -> None:
    case_id = str((await world.case_in(CaseStatus.IN_PROGRESS)).case.id)
    row = "id seq type case { id status version }"
    selection = f"""case {{ id }} action {{ id }} comment {{ id }} supposed {{ action {{ seq type }} comment {{ body }}
        override {{ overrideId }} case {{ caseId supposed asOf {{ seq }} headHash status version actionCount
            availableActions {{ code }} documents {{ totalCount }}
            actions {{ totalCount nodes {{ {row} }} }} }} }}"""

    for _ in range(2):  # the second time by a plan
        payload = await api.act(
            world.ada.token, "closeCase", {"caseId": case_id, "comment": "Done.", "dryRun": True}, selection
        )

        supposed = payload.pop("supposed")
        assert payload == {"errors": [], "case": None, "action": None, "comment": None}
        case = supposed.pop("case")
        assert supposed == {"action": {"seq": 3, "type": "CLOSE"}, "comment": {"body": "Done."}, "override": None}
        assert {item["code"] for item in case.pop("availableActions")} >= {"CASE_CLOSED"}
        actions = case.pop("actions")
        assert case == {
            "caseId": case_id,
            "supposed": True,
            "asOf": None,
            "headHash": None,
            "status": "CLOSED",
            "version": 3,
            "actionCount": 3,
            "documents": {"totalCount": 0},
        }
        # The rows that there are, and the case that they are of, which nobody has closed.
        assert [(node["seq"], node["type"]) for node in actions["nodes"]] == [(2, "COMMENT"), (1, "OPEN")]
        assert {(node["case"]["status"], node["case"]["version"]) for node in actions["nodes"]} == {("IN_PROGRESS", 2)}
        assert actions["totalCount"] == 2


async def test_a_supposed_opening_has_no_id_and_a_known_subject_its_own(world: World, api: Api) -> None:
    selection = """case { id } supposed { case { caseId reference subject { subjectId evaluationStatus version }
        actions { totalCount } overrides { totalCount nodes { status } } documents { totalCount } } }"""
    input = {"subject": SUBJECT, "title": "A changed IBAN"}

    new = (await api.act(world.ada.token, "openCase", input | {"dryRun": True}, selection))["supposed"]["case"]
    opened = await api.act(world.ada.token, "openCase", input, "case { id subject { id } }")
    await api.act(world.ada.token, "closeCase", {"caseId": opened["case"]["id"]})
    changed = input | {"subject": SUBJECT | {"evaluationStatus": "UNFAVORABLE"}, "dryRun": True}
    known = (await api.act(world.ada.token, "openCase", changed, selection))["supposed"]["case"]

    nothing = {
        "actions": {"totalCount": 0},
        "overrides": {"totalCount": 0, "nodes": []},
        "documents": {"totalCount": 0},
    }
    subject = {"subjectId": None, "evaluationStatus": "ANOMALY", "version": 1}
    assert new == nothing | {"caseId": None, "reference": "CASE-000001", "subject": subject}
    subject = {"subjectId": opened["case"]["subject"]["id"], "evaluationStatus": "UNFAVORABLE", "version": 2}
    assert known == nothing | {"caseId": None, "reference": "CASE-000002", "subject": subject}


async def test_the_overrides_of_what_is_supposed_are_paged_with_the_one_that_would_be_new(
    world: World, api: Api
) -> None:
    case_id = (await world.open_case()).case.id
    for _ in range(3):
        await world.request_override(case_id)
        await world.refuse(case_id)
    page = "edges { cursor node { overrideId status assignedReviewers { displayName } } } totalCount"
    document = f"""mutation($input: RequestOverrideInput!, $first: Int, $last: Int, $after: String, $before: String) {{
        requestOverride(input: $input) {{ supposed {{ case {{
            overrides(first: $first, last: $last, after: $after, before: $before) {{ {page} }} }} }} }} }}"""
    input = {
        "caseId": str(case_id),
        "requestedStatus": "FAVORABLE",
        "reason": "Sure.",
        "dryRun": True,
        "reviewerIds": [str(world.rolf.id), str(world.bea.id)],
    }

    async def part(**arguments: Any) -> Any:
        data = await api.run(world.ada.token, document, {"input": input} | arguments)
        return data["requestOverride"]["supposed"]["case"]["overrides"]

    whole = await part()
    nodes = [edge["node"] for edge in whole["edges"]]
    assert [node["status"] for node in nodes] == ["PENDING", "REFUSED", "REFUSED", "REFUSED"]
    assert nodes[0]["overrideId"] is None and None not in [node["overrideId"] for node in nodes[1:]]
    assert nodes[0]["assignedReviewers"] == [{"displayName": "Rolf"}, {"displayName": "Bea"}]
    assert whole["totalCount"] == 4
    cursor = whole["edges"][1]["cursor"]
    assert [edge["node"]["status"] for edge in (await part(first=1))["edges"]] == ["PENDING"]
    assert (await part(first=1, after=cursor))["edges"] == [whole["edges"][2]]
    assert (await part(last=2))["edges"] == whole["edges"][2:]
    assert [edge["node"] for edge in (await part(last=1, before=cursor))["edges"]] == nodes[:1]


async def test_files_that_come_along_with_a_dry_run_are_shown_and_not_stored(
    world: World, api: Api, tmp_path: Path
) -> None:
    case_id = str((await world.open_case()).case.id)
    selection = "errors { code } comment { id } supposed { comment { documents { filename sizeBytes } } }"
    operations = {
        "query": f"mutation($input: AddCommentInput!) {{ addComment(input: $input) {{ {selection} }} }}",
        "variables": {"input": {"caseId": case_id, "body": "See.", "documents": [None], "dryRun": True}},
    }
    before = await everything(world.database)

    answer = await send_form(
        api, world.ada.token, operations, {"0": ["variables.input.documents.0"]}, [("0", ("a.txt", b"words"))]
    )

    assert answer.json()["data"]["addComment"] == {
        "errors": [],
        "comment": None,
        "supposed": {"comment": {"documents": [{"filename": "a.txt", "sizeBytes": 5}]}},
    }
    assert await everything(world.database) == before
    assert files_in(tmp_path) == []


async def test_each_action_of_a_document_finds_what_really_is(world: World, api: Api) -> None:
    case_id = str((await world.open_case()).case.id)
    shown = "case { status version } supposed { case { status version } }"
    close = f'closeCase(input: {{caseId: "{case_id}", dryRun: %s}}) {{ {shown} errors {{ code }} }}'
    document = f"""mutation {{
        a: {close % "true"} b: {close % "true"}
        c: addComment(input: {{caseId: "{case_id}", body: "x"}}) {{ {shown} errors {{ code }} }}
        d: {close % "true"} e: {close % "false"} }}"""

    data = await api.run(world.ada.token, document)

    def payload(status: str, version: int, *, dry: bool) -> dict[str, Any]:
        case = {"status": status, "version": version}
        return {"case": None if dry else case, "supposed": {"case": case} if dry else None, "errors": []}

    assert list(data.values()) == [
        *[payload("CLOSED", 2, dry=True)] * 2,
        payload("IN_PROGRESS", 2, dry=False),
        payload("CLOSED", 3, dry=True),
        payload("CLOSED", 3, dry=False),
    ]


async def test_a_dry_run_shows_what_its_idempotency_key_has_done(world: World, api: Api) -> None:
    case_id = str((await world.open_case()).case.id)
    request: Request = ("ada", "addComment", {"body": "Once.", "idempotencyKey": "key"}, True)
    done = await act(api, world, request, case_id)
    before = await everything(world.database)

    again = await act(api, world, request, case_id, dryRun=True)
    other = await act(api, world, request, case_id, dryRun=True, body="Twice.")

    assert again == done | {"replayed": True}
    assert [error["code"] for error in other["errors"]] == ["IDEMPOTENCY_KEY_REUSED"]
    assert await everything(world.database) == before


async def test_a_dry_run_releases_its_locks_and_its_connection(world: World, api: Api) -> None:
    case_id = str((await world.open_case()).case.id)
    request: Request = ("ada", "addComment", {"body": "x"}, True)

    # More than there are connections for writing.
    dry = await asyncio.gather(*(act(api, world, request, case_id, dryRun=True) for _ in range(24)))
    real = await asyncio.gather(*(act(api, world, request, case_id) for _ in range(24)))

    assert [payload["supposed"]["action"]["seq"] for payload in dry] == [2] * 24
    assert sorted(payload["action"]["seq"] for payload in real) == list(range(2, 26))


@pytest.mark.parametrize("waits", [True, False])
async def test_a_cancelled_dry_run_blocks_no_other_request(world: World, waits: bool) -> None:
    case_id = (await world.open_case()).case.id
    comment = AddComment(case_id=case_id, comment="x")

    for n in range(40):
        task = asyncio.create_task(rehearse(world.database, world.ada.actor, comment, request_id="r"))
        await asyncio.sleep(n * 0.0005 if waits else 0)
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
    # Sooner than all tries have waited for a lock that was left behind.
    async with asyncio.timeout((RETRIES + 1) * Timeouts().lock / 2):
        outcome = await perform(world.database, world.ada.actor, comment, request_id="r")

    assert outcome.action.seq == 2
    assert len((await contents(world.database))["comments"]) == 1


async def test_a_dry_run_past_its_deadline_is_undone(fresh_url: str, world: World) -> None:
    """It takes so long because somebody holds the rows that it wants to write."""
    case = await world.case_in(CaseStatus.IN_PROGRESS)
    document = "mutation($input: CloseCaseInput!) { closeCase(input: $input) { supposed { case { status } } } }"
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

    with pytest.raises(CaseClosed):
        await rehearse(world.database, world.ada.actor, AddComment(case_id=case.id, comment="x"), request_id="r")


def test_what_differs_is_found() -> None:
    one = {"a": [{"id": 1, "x": 2}], "b": {"c": 3}}

    assert set(differing(one, {"a": [{"id": 2, "x": 2}], "b": {"c": 4}})) == {"id", "c"}
    assert set(differing(one, {"a": [], "b": {"c": 3}})) == {"a"}
