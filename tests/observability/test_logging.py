"""The log: what it says of a request and of a fault, and what it never says. Canaries go in, and none comes out."""

import io
import json
import logging
import re
import sys
from pathlib import Path
from typing import Any

import httpx2
import pytest
import structlog
from sqlalchemy import text

from app import clock
from app.db import tables
from app.observability import logging as logs
from app.observability.deferred import clear_all
from tests.support.api import Api
from tests.support.database_contents import set_by_hand, without
from tests.support.gateway import casegate_json, serving
from tests.support.ports import wait_until
from tests.support.world import World

CANARY = "canary-3f9a"
WHO = "query Who { viewer { language } }"
COMMENT = "mutation Comment($input: AddCommentInput!) { addComment(input: $input) { action { id } errors { code } } }"


def lines(text: str) -> list[dict[str, Any]]:
    return [json.loads(line) for line in text.splitlines() if line.startswith("{")]


async def test_a_request_is_one_line_with_its_id_name_and_hash(
    world: World, api: Api, capsys: pytest.CaptureFixture[str]
) -> None:
    await api.send(world.ada.token, WHO, x_request_id="r-1", x_graphql_client_name="web")
    await api.send(world.ada.token, "{ nothing }", x_request_id="r-2")
    await api.send(world.ada.token, COMMENT, {"input": {"caseId": "x", "body": " "}}, x_request_id="r-3")
    await api.send(None, "{ viewer { language } }", x_request_id="r-4")
    clear_all()

    said = {line["request_id"]: line for line in lines(capsys.readouterr().err) if line["event"] == "request"}
    assert said.keys() == {"r-1", "r-2", "r-3", "r-4"}
    reported = {name: (said[name].get("operation"), said[name]["status"], said[name]["codes"]) for name in said}
    assert reported == {
        "r-1": ("Who", 200, []),
        "r-2": (None, 200, ["GRAPHQL_INVALID"]),
        "r-3": ("Comment", 200, ["INVALID_ID", "REQUIRED"]),
        "r-4": (None, 401, ["UNAUTHENTICATED"]),
    }
    assert said["r-1"]["client"] == "web" and said["r-1"]["type"] == "query"
    assert len(said["r-1"]["document"]) == 16
    assert said["r-1"]["milliseconds"] > 0


async def test_no_variable_token_or_comment_gets_into_the_log_not_even_at_debug_or_in_a_fault(
    fresh_url: str, world: World, capsys: pytest.CaptureFixture[str], caplog: pytest.LogCaptureFixture
) -> None:
    case_id = (await world.open_case()).case.id
    good = {"input": {"caseId": str(case_id), "body": f"{CANARY} said.", "idempotencyKey": CANARY}}
    async with Api.opened(fresh_url, log_level="debug") as api:
        answers = [
            await api.send(world.ada.token, COMMENT, good),
            await api.send(world.ada.token, COMMENT, {"input": {"caseId": CANARY, "body": "x"}}),
            await api.send(world.ada.token, COMMENT, {"input": {"caseId": CANARY, CANARY: CANARY}}),
            await api.send(world.ada.token, f'{{ case(reference: "{CANARY}") {{ id }} }}'),
            await api.send(world.ada.token, f"{{ {CANARY.replace('-', '_')} }}"),
            await api.send(f"cgt_{CANARY}", "{ viewer { language } }"),
            await api.send(f"{CANARY}.{CANARY}.{CANARY}", "{ viewer { language } }"),
            await api.client.get("/graphql", params={"query": "{", "variables": CANARY}),
            await api.send(world.ada.token, f"query {CANARY.replace('-', '_')}{'x' * 90} {{ viewer {{ language }} }}"),
        ]
        faults = [await fault(api, world, table, good) for table in ("comments", "case_actions", "idempotency_records")]
        faults.append(await violation(api, world, good))

    assert all(answer.status_code in (200, 400, 401) for answer in answers)
    assert {answer.json()["errors"][0]["extensions"]["code"] for answer in faults} == {"INTERNAL_ERROR"}
    written = capsys.readouterr()
    for place in (written.err, written.out, *(record.getMessage() for record in caplog.records if record.levelno > 20)):
        assert "canary" not in place.lower()
        assert world.ada.token not in place
    assert written.err.count('"event":"fault"') == len(faults)
    for answer in faults:
        assert "canary" not in answer.text and "Error" not in answer.json()["errors"][0]["message"]


async def fault(api: Api, world: World, table: str, variables: dict[str, Any]) -> httpx2.Response:
    """Return the answer to a comment while a table is gone."""
    async with without(world.database, table):
        return await api.send(
            world.ada.token, COMMENT, {"input": variables["input"] | {"idempotencyKey": f"k-{table}"}}
        )


async def violation(api: Api, world: World, variables: dict[str, Any]) -> httpx2.Response:
    """Return the answer to a comment that breaks a constraint, whose error quotes the row on PostgreSQL."""
    if world.database.is_sqlite:
        rule = (
            "CREATE TRIGGER canary_less BEFORE INSERT ON comments"
            " BEGIN SELECT RAISE(ABORT, 'CHECK constraint failed: no_words'); END"
        )
    else:
        rule = "ALTER TABLE comments ADD CONSTRAINT no_words CHECK (length(body) < 3) NOT VALID"
    async with world.database.write() as connection:
        await connection.execute(text(rule))
    return await api.send(world.ada.token, COMMENT, {"input": variables["input"] | {"idempotencyKey": None}})


@pytest.mark.parametrize("origin", ["sqlite"], indirect=True)
async def test_a_fault_in_a_field_shows_its_request_id_alone_and_where_it_was_is_logged(
    world: World, api: Api, capsys: pytest.CaptureFixture[str]
) -> None:
    subject_id = (await world.open_case()).case.subject_id
    await set_by_hand(world.database, tables.subjects, subject_id, version=2**40)

    answer = await api.send(
        world.ada.token, f'{{ node(id: "{subject_id}") {{ ... on Subject {{ version }} }} }}', x_request_id="odd"
    )

    (error,) = answer.json()["errors"]
    assert error["extensions"] == {"code": "INTERNAL_ERROR", "requestId": "odd"}
    (line,) = [line for line in lines(capsys.readouterr().err) if line["event"] == "fault"]
    assert line["request_id"] == "odd" and line["path"] == ["node", "version"]
    assert str(2**40) not in json.dumps(line)
    assert any("graphql" in frame for frame in line["exception"][0]["at"])


def test_what_a_library_logs_comes_without_what_it_would_put_into_its_words(capsys: pytest.CaptureFixture[str]) -> None:
    logs.configure("debug")
    logger = logging.getLogger("some.library")

    logger.debug("executing %s", CANARY)
    logger.warning("could not read %s", CANARY)
    try:
        raise ValueError(CANARY)
    except ValueError:
        logger.exception("it failed: %s", CANARY)

    said = lines(capsys.readouterr().err)
    assert [line["event"] for line in said] == ["could not read %s", "library"]
    assert said[1]["exception"][0]["type"] == "builtins.ValueError"
    assert CANARY not in json.dumps(said)


@pytest.mark.parametrize("level", ["debug", "info", "warning"])
def test_the_line_of_a_request_is_the_one_that_structlog_would_write(
    level: str, capsys: pytest.CaptureFixture[str]
) -> None:
    logs.configure(level)
    fields: dict[str, Any] = {"request_id": "é-1", "codes": ["A"], "operation": None, "document": "ab", "other": Path()}

    logs.write([{**fields, "event": "request", "level": "info", "timestamp": clock.now()}])
    structlog.get_logger().info("request", **fields)

    written = [
        json.loads(re.sub(r'"timestamp":"[-0-9]+T[:0-9]+(\.\d+)?Z"', '"timestamp":""', line))
        for line in capsys.readouterr().err.splitlines()
    ]
    expected = json.loads(json.dumps(fields, default=repr)) | {"event": "request", "level": "info", "timestamp": ""}
    assert written == ([] if level == "warning" else [expected] * 2)


def test_a_line_goes_to_what_standard_error_is_at_that_time(monkeypatch: pytest.MonkeyPatch) -> None:
    logs.configure("info")
    written = io.BytesIO()
    first, second = io.TextIOWrapper(io.BytesIO()), io.TextIOWrapper(written)

    for place in (first, second):
        monkeypatch.setattr(sys, "stderr", place)
        logs.write([{"event": "request"}])
        first.close()

    assert written.getvalue().count(b"\n") == 1


def test_an_exception_s_causes_are_logged_each_with_its_location() -> None:
    try:
        try:
            raise KeyError(CANARY)
        except KeyError as error:
            raise RuntimeError(CANARY) from error
    except RuntimeError as error:
        reported = logs.exception_details(error)

    assert [item["type"] for item in reported] == ["builtins.RuntimeError", "builtins.KeyError"]
    assert all(Path(__file__).name in item["at"][0] for item in reported)
    assert CANARY not in json.dumps(reported)


def test_a_live_server_writes_json_only_once_it_serves(fresh_url: str, tmp_path: Path) -> None:
    token = casegate_json("demo", database_url=fresh_url)["people"][0]["token"]

    with serving(tmp_path, database_url=fresh_url, demo="false", log_level="debug") as server:
        greeting = len(server.output)
        server.run(token, "{ viewer { language } }")
        assert wait_until(lambda: '"event":"request"' in server.output[greeting:], 60)
        server.run(token, "query Last { viewer { language } }")
        server.stop()
        written = server.output[greeting:]

    assert '"operation":"Last"' in written  # what waits at the end is written, too
    assert [line for line in written.splitlines() if not line.startswith("{")] == []
