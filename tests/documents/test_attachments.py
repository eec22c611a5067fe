"""Attaching: a document becomes part of an action once, by its uploader, in the action's transaction or not at all."""

import asyncio
import hashlib
import re
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import pytest
from sqlalchemy import select, text, update
from sqlalchemy.exc import DBAPIError

from app import clock
from app.audit.verification import verify_log
from app.db import tables
from app.db.engines import Database
from app.domain.errors import ErrorCode
from app.domain.model import CaseStatus, Scope
from tests.support.api import Api
from tests.support.documents import TEXT, comment_with, document_rows, files_in, send_form, uploaded
from tests.support.triggers import triggers_aside
from tests.support.world import World, make_world, person_of

DOCUMENTS = "comment { documents { id filename contentType sizeBytes sha256 uploader { displayName } } }"


async def comment(api: Api, token: str, case_id: Any, *document_ids: str, selection: str = DOCUMENTS) -> dict[str, Any]:
    command = {"caseId": str(case_id), "body": "See the file.", "documentIds": list(document_ids)}
    return await api.act(token, "addComment", command, selection)


def codes(payload: dict[str, Any]) -> list[tuple[str, str]]:
    return [(error["code"], ".".join(error["path"])) for error in payload["errors"]]


async def test_uploaded_documents_are_attached_in_the_order_they_are_named_in(api: Api, world: World) -> None:
    case = (await world.open_case()).case
    first = await uploaded(api, world.ada.token, b"first", "b.txt")
    second = await uploaded(api, world.ada.token, b"second", "a.txt")

    payload = await comment(api, world.ada.token, case.id, second, first)

    assert payload["errors"] == []
    assert [(row["id"], row["filename"], row["sha256"]) for row in payload["comment"]["documents"]] == [
        (second, "a.txt", hashlib.sha256(b"second").hexdigest()),
        (first, "b.txt", hashlib.sha256(b"first").hexdigest()),
    ]
    assert payload["comment"]["documents"][0]["uploader"] == {"displayName": "Ada"}


async def test_files_come_along_with_a_comment(api: Api, world: World, database: Database, tmp_path: Path) -> None:
    case = (await world.open_case()).case

    payload = await comment_with(api, world.ada.token, case.id, [("a.txt", TEXT), ("b.csv", b"a;b\n")])

    assert payload["errors"] == []
    found = payload["comment"]["documents"]
    assert [(row["filename"], row["contentType"]) for row in found] == [("a.txt", "text/plain"), ("b.csv", "text/csv")]
    assert {path.name for path in files_in(tmp_path)} == {row["id"] for row in found}
    assert (await api.client.get(found[0]["url"])).content == TEXT


async def test_named_documents_and_new_ones_go_together_into_a_request(api: Api, world: World) -> None:
    case = (await world.open_case()).case
    named = await uploaded(api, world.ada.token, b"first")
    input = {
        "caseId": str(case.id),
        "requestedStatus": "FAVORABLE",
        "reviewerIds": [str(world.rosa.id)],
        "reason": "See the files.",
        "documentIds": [named],
        "documents": [None],
    }
    query = (
        "mutation($input: RequestOverrideInput!) { requestOverride(input: $input) {"
        " errors { code path } action { comment { documents { filename sha256 } } } } }"
    )

    answer = await send_form(
        api,
        world.ada.token,
        {"query": query, "variables": {"input": input}},
        {"x": ["variables.input.documents.0"]},
        [("x", ("new.txt", b"second"))],
    )

    payload = answer.json()["data"]["requestOverride"]
    assert payload["errors"] == []
    assert [row["filename"] for row in payload["action"]["comment"]["documents"]] == ["note.txt", "new.txt"]


COMMENT_ON = 'addComment(input: {caseId: $case, body: "See.", documents: [$file]}) { ...Made }'
IN_MANY = '{addComment: {caseId: $case, body: "See.", documents: [$file]}}'
TWICE = {
    "two mutations": (f"one: {COMMENT_ON} two: {COMMENT_ON}", "input.documents.0"),
    "two of many actions": (
        f"performActions(input: {{inputs: [{IN_MANY}, {IN_MANY}]}}) {{ results {{ ...Made }} }}",
        "input.inputs.1.addComment.documents.0",
    ),
}


@pytest.mark.parametrize("how", TWICE)
async def test_a_file_that_two_actions_bring_stays_with_the_first(
    api: Api, world: World, tmp_path: Path, how: str
) -> None:
    case = (await world.open_case()).case
    fields, path = TWICE[how]
    made = "errors { code path } comment { documents { url } }"
    query = f"mutation($case: ID!, $file: Upload!) {{ {fields.replace('...Made', made)} }}"
    operations = {"query": query, "variables": {"case": str(case.id), "file": None}}

    answer = await send_form(api, world.ada.token, operations, {"x": ["variables.file"]}, [("x", ("a.txt", TEXT))])

    data = answer.json()["data"]
    first, second = data["performActions"]["results"] if "performActions" in data else data.values()
    assert (first["errors"], codes(second)) == ([], [("INVALID_INPUT", path)])
    (document,) = first["comment"]["documents"]
    assert (await api.client.get(document["url"])).content == TEXT
    assert len(files_in(tmp_path)) == 1


@pytest.mark.parametrize("dry_run", [False, True])
async def test_a_file_that_comes_twice_in_one_action_is_refused(
    api: Api, world: World, tmp_path: Path, dry_run: bool
) -> None:
    case = (await world.open_case()).case
    query = """mutation($case: ID!, $file: Upload!, $dry: Boolean!) { addComment(
        input: {caseId: $case, body: "See.", documents: [$file, $file], dryRun: $dry}) { errors { code path } } }"""
    operations = {"query": query, "variables": {"case": str(case.id), "file": None, "dry": dry_run}}

    answer = await send_form(api, world.ada.token, operations, {"x": ["variables.file"]}, [("x", ("a.txt", TEXT))])

    assert codes(answer.json()["data"]["addComment"]) == [("INVALID_INPUT", "input.documents.1")]
    assert files_in(tmp_path) == []


async def test_the_log_commits_to_the_documents(api: Api, world: World, database: Database) -> None:
    case = (await world.open_case()).case
    await comment_with(api, world.ada.token, case.id, [("a.txt", TEXT), ("b.txt", b"more")])
    assert [verdict.fault async for verdict in verify_log(database)] == [None]
    async with database.write() as connection, triggers_aside(connection, tables.documents):
        await connection.execute(
            update(tables.documents).where(tables.documents.c.position == 1).values(sha256="0" * 64)
        )

    (verdict,) = [verdict async for verdict in verify_log(database)]

    assert verdict.fault is not None
    assert verdict.fault.seq == 2


async def test_what_cannot_be_attached_gives_one_answer(api: Api, world: World, database: Database) -> None:
    case = (await world.open_case()).case
    elsewhere = await make_world(database)
    attached = await uploaded(api, world.ada.token)
    await comment(api, world.ada.token, case.id, attached)
    old = await uploaded(api, world.ada.token)
    async with database.write() as connection, triggers_aside(connection, tables.documents):  # as time would
        await connection.execute(
            update(tables.documents)
            .where(tables.documents.c.id == UUID(old))
            .values(created_at=clock.now() - timedelta(hours=25))
        )
    others = {
        "attached": attached,
        "somebody else's": await uploaded(api, world.carl.token),
        "another account's": await uploaded(api, elsewhere.ada.token),
        "unknown": str(uuid4()),
        "too old": old,
    }

    for what, document_id in others.items():
        payload = await comment(api, world.ada.token, case.id, document_id)
        assert codes(payload) == [("DOCUMENT_UNAVAILABLE", "input.documentIds.0")], what
        assert payload["errors"][0]["message"] == f"There is no document {document_id} that you could attach."


async def test_the_shape_of_documents_is_checked_with_the_rest(api: Api, world: World) -> None:
    case = (await world.open_case()).case
    document = await uploaded(api, world.ada.token)
    twice = await comment(api, world.ada.token, case.id, document, document)
    eleven = await comment(api, world.ada.token, case.id, *[str(uuid4()) for _ in range(11)])
    command = {"caseId": "x", "body": "", "documentIds": ["y"]}
    together = await api.act(world.ada.token, "addComment", command)

    assert codes(twice) == [("INVALID_INPUT", "input.documentIds.1")]
    assert codes(eleven) == [("TOO_MANY_DOCUMENTS", "input.documentIds")]
    assert codes(together) == [
        ("INVALID_ID", "input.caseId"),
        ("REQUIRED", "input.body"),
        ("INVALID_ID", "input.documentIds.0"),
    ]


async def test_invalid_files_are_reported_together_and_leave_nothing(
    api: Api, world: World, database: Database, tmp_path: Path
) -> None:
    case = (await world.open_case()).case

    payload = await comment_with(
        api, world.ada.token, case.id, [("a.txt", TEXT), ("a.png", b"<html>"), ("b.txt", b""), ("../c.txt", TEXT)]
    )

    assert codes(payload) == [
        ("DOCUMENT_TYPE_UNSUPPORTED", "input.documents.1"),
        ("DOCUMENT_EMPTY", "input.documents.2"),
        ("INVALID_INPUT", "input.documents.3"),
    ]
    assert await document_rows(database) == 0
    assert files_in(tmp_path) == []


@pytest.mark.parametrize("status", [CaseStatus.OPEN, CaseStatus.CLOSED])
async def test_a_mutation_that_fails_leaves_neither_row_nor_blob(
    api: Api, world: World, database: Database, tmp_path: Path, status: CaseStatus
) -> None:
    case = (await world.case_in(status)).case
    actor = world.ada if status is CaseStatus.CLOSED else world.aldo

    payload = await comment_with(api, actor.token, case.id, [("a.txt", TEXT)])

    assert [code for code, _ in codes(payload)] == ["CASE_CLOSED" if actor is world.ada else "ROLE_REQUIRED"]
    assert payload["comment"] is None
    assert await document_rows(database) == 0
    assert files_in(tmp_path) == []


async def test_files_need_the_scope_for_documents(api: Api, world: World, database: Database, tmp_path: Path) -> None:
    case = (await world.open_case()).case
    writer = await person_of(database, world.ada.id, Scope.CASES_READ, Scope.CASES_WRITE)

    payload = await comment_with(api, writer.token, case.id, [("a.txt", TEXT)])

    assert [code for code, _ in codes(payload)] == ["INSUFFICIENT_SCOPE"]
    assert files_in(tmp_path) == []


async def test_a_document_is_attached_once_however_many_try(api: Api, world: World, database: Database) -> None:
    cases = [(await world.open_case()).case for _ in range(8)]
    document = await uploaded(api, world.ada.token)

    payloads = await asyncio.gather(*(comment(api, world.ada.token, case.id, document) for case in cases))

    assert sorted(len(payload["errors"]) for payload in payloads) == [0, *[1] * 7]
    assert {error["code"] for payload in payloads for error in payload["errors"]} == {ErrorCode.DOCUMENT_UNAVAILABLE}
    assert [verdict async for verdict in verify_log(database) if verdict.fault] == []


async def test_a_retry_with_files_gives_the_first_answer_and_stores_nothing_more(
    api: Api, world: World, database: Database, tmp_path: Path
) -> None:
    case = (await world.open_case()).case
    first = await comment_with(api, world.ada.token, case.id, [("a.txt", TEXT)], idempotencyKey="k")
    again = await comment_with(api, world.ada.token, case.id, [("a.txt", TEXT)], idempotencyKey="k")
    other = await comment_with(api, world.ada.token, case.id, [("a.txt", b"other")], idempotencyKey="k")

    def ids(payload: dict[str, Any]) -> list[str]:
        return [row["id"] for row in payload["comment"]["documents"]]

    assert (first["comment"]["id"], ids(first)) == (again["comment"]["id"], ids(again))
    assert codes(other) == [("IDEMPOTENCY_KEY_REUSED", "input.idempotencyKey")]
    assert (await document_rows(database), len(files_in(tmp_path))) == (1, 1)


async def test_twins_with_one_key_keep_the_files_of_one(
    api: Api, world: World, database: Database, tmp_path: Path
) -> None:
    case = (await world.open_case()).case

    payloads = await asyncio.gather(
        *(comment_with(api, world.ada.token, case.id, [("a.txt", TEXT)], idempotencyKey="k") for _ in range(6))
    )

    assert [payload["errors"] for payload in payloads] == [[]] * 6
    assert len({payload["comment"]["documents"][0]["id"] for payload in payloads}) == 1
    assert (await document_rows(database), len(files_in(tmp_path))) == (1, 1)


async def test_the_database_refuses_to_change_what_is_attached(api: Api, world: World, database: Database) -> None:
    case = (await world.open_case()).case
    await comment_with(api, world.ada.token, case.id, [("a.txt", TEXT)])
    statements = [
        "UPDATE documents SET filename = 'b.txt'",
        "UPDATE documents SET comment_id = NULL",
        "DELETE FROM documents",
    ]
    if not database.is_sqlite:
        statements.append("TRUNCATE documents")

    for statement in statements:
        with pytest.raises(DBAPIError, match="permanent"):
            async with database.write() as connection:
                await connection.execute(text(statement))


async def test_an_unattached_document_only_changes_by_being_attached(
    api: Api, world: World, database: Database
) -> None:
    await uploaded(api, world.ada.token)

    with pytest.raises(DBAPIError, match="permanent"):
        async with database.write() as connection:
            await connection.execute(text("UPDATE documents SET sha256 = 'x'"))
    async with database.write() as connection:
        await connection.execute(text("DELETE FROM documents"))


async def test_an_unattached_document_is_visible_to_no_person(api: Api, world: World) -> None:
    document = await uploaded(api, world.ada.token)
    query = "query($id: ID!) { node(id: $id) { __typename id } }"

    assert await api.run(world.ada.token, query, {"id": document}) == {"node": None}
    case = (await world.open_case()).case
    await comment(api, world.ada.token, case.id, document)
    assert await api.run(world.carl.token, query, {"id": document}) == {
        "node": {"__typename": "Document", "id": document}
    }


async def test_a_cases_documents_are_a_connection(api: Api, world: World) -> None:
    case = (await world.open_case()).case
    for index in range(3):
        await comment_with(api, world.ada.token, case.id, [(f"{index}.txt", TEXT)])
    query = """query($id: ID!, $first: Int, $after: String) { case(id: $id) { documents(first: $first, after: $after) {
        totalCount nodes { filename } pageInfo { hasNextPage endCursor } } } }"""

    first = await api.run(world.rosa.token, query, {"id": str(case.id), "first": 2})
    page = first["case"]["documents"]
    rest = await api.run(
        world.rosa.token, query, {"id": str(case.id), "first": 2, "after": page["pageInfo"]["endCursor"]}
    )

    assert [row["filename"] for row in page["nodes"]] == ["2.txt", "1.txt"]
    assert (page["totalCount"], page["pageInfo"]["hasNextPage"]) == (3, True)
    assert [row["filename"] for row in rest["case"]["documents"]["nodes"]] == ["0.txt"]
    assert rest["case"]["documents"]["pageInfo"]["hasNextPage"] is False


FORM_FAULTS: dict[str, tuple[Any, Any, list[str]]] = {
    "map of nothing": ({}, {}, []),
    "place that is not there": ({"input": {}}, {"0": ["variables.input.documents.0"]}, ["0"]),
    "place that is taken": ({"input": {"documents": ["x"]}}, {"0": ["variables.input.documents.0"]}, ["0"]),
    "one file at two places": ({"a": None, "b": None}, {"0": ["variables.a", "variables.b"]}, ["0"]),
    "two files at one place": ({"a": None}, {"0": ["variables.a"], "1": ["variables.a"]}, ["0", "1"]),
    "query as the place": ({"a": None}, {"0": ["query"]}, ["0"]),
    "very deep place": ({"a": None}, {"0": [".".join(["variables"] * 3000)]}, ["0"]),
    "very large index": ({"a": [None]}, {"0": ["variables.a.99999999999999999999"]}, ["0"]),
    "place that is no text": ({"a": None}, {"0": [7]}, ["0"]),
    "map of eleven": ({"a": [None] * 11}, {str(n): [f"variables.a.{n}"] for n in range(11)}, list("0123456789")),
    "file that is missing": ({"a": None}, {"0": ["variables.a"]}, []),
    "file that is not in the map": ({"a": None}, {"0": ["variables.a"]}, ["0", "1"]),
    "file that comes twice": ({"a": None}, {"0": ["variables.a"]}, ["0", "0"]),
    "map that is no object": ({"a": None}, [["variables.a"]], ["0"]),
    "map that is no JSON": ({"a": None}, "{", ["0"]),
}


async def test_a_form_that_is_not_as_specified_is_refused(api: Api, world: World, tmp_path: Path) -> None:
    for fault, (variables, places, names) in FORM_FAULTS.items():
        operations = {"query": "{ __typename }", "variables": variables}

        answer = await send_form(api, world.ada.token, operations, places, [(name, ("a.txt", TEXT)) for name in names])

        assert answer.status_code == 400, fault
        assert answer.json()["errors"][0]["extensions"]["code"] == "BAD_REQUEST", fault
        assert files_in(tmp_path) == [], fault


async def test_a_form_without_a_token_is_not_even_read(api: Api, tmp_path: Path) -> None:
    answer = await send_form(api, None, {"query": "{ __typename }"}, {"0": ["variables.a"]}, [("0", ("a.txt", TEXT))])

    assert answer.status_code == 401
    assert files_in(tmp_path) == []


async def test_an_upload_that_is_no_file_is_refused(api: Api, world: World) -> None:
    case = (await world.open_case()).case
    command = {"caseId": str(case.id), "body": "x", "documents": ["not a file"]}
    document = "mutation($input: AddCommentInput!) { addComment(input: $input) { errors { code } } }"

    answer = await api.send(world.ada.token, document, {"input": command})

    assert answer.json()["errors"][0]["extensions"]["code"] == "BAD_USER_INPUT"


async def test_rows_of_documents_name_their_case(api: Api, world: World, database: Database) -> None:
    case = (await world.open_case()).case
    await comment_with(api, world.ada.token, case.id, [("a.txt", TEXT)])

    async with database.read() as connection:
        row = (await connection.execute(select(tables.documents.c.case_id, tables.documents.c.position))).one()
    assert tuple(row) == (case.id, 0)


@pytest.mark.long
async def test_a_page_of_documents_takes_as_many_statements_as_one(
    api: Api, world: World, database: Database, statements: Callable[[], list[str]]
) -> None:
    case = (await world.open_case()).case
    query = """query($id: ID!, $first: Int!) { case(id: $id) {
        documents(first: $first) { totalCount nodes { filename } }
        actions(first: $first) { nodes { comment { body documents { filename url uploader { displayName } } } } } } }"""

    async def ask(first: int) -> list[str]:
        statements()
        await api.run(world.rosa.token, query, {"id": str(case.id), "first": first})
        # Siblings are loaded at once, in any order; a connection that has rested is tried first.
        return sorted(statement for statement in statements() if statement != "SELECT 1")

    await comment_with(api, world.ada.token, case.id, [("a.txt", TEXT)])
    await ask(1)  # the key of the links is read once in a server's life
    of_one = await ask(1)
    for number in range(99):
        ids = [await uploaded(api, world.ada.token, f"{number} {index}".encode()) for index in range(2)]
        await comment(api, world.ada.token, case.id, *ids)
    of_many = await ask(100)

    assert len(of_many) == len(of_one)  # a single id is looked for by a statement of its own
    assert [statement.split(" ", 1)[0] for statement in of_one] == ["SELECT"] * 7
    assert sum(bool(re.search(r"(FROM|JOIN) documents", statement)) for statement in of_one) == 3, (
        "the page, its count, those of the comments"
    )
