"""`casegate log follow`: each row once, as the export has it, from a cursor on and for as long as it runs."""

import asyncio
import json
import signal
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
from sqlalchemy import literal_column, update

from app.audit.evidence import evidence_of
from app.clock import now
from app.db import tables
from app.domain.commands import AddComment
from app.domain.model import CaseStatus
from tests.support.api import Api
from tests.support.commands import DONE, REFUSED, WRONG, run
from tests.support.gateway import ROOT, environment
from tests.support.tampering import tamper
from tests.support.world import World, make_world

PATIENCE_S = 60
LOG = "query($after: String) { actions(first: 100, after: $after) { edges { cursor node { id seq hash } } } }"


@contextmanager
def following(url: str, *arguments: str) -> Iterator["subprocess.Popen[str]"]:
    """Yield the command as it runs, with its output to be read."""
    process = subprocess.Popen(
        [sys.executable, "-m", "app", "log", "follow", "--json", *arguments],
        cwd=ROOT,
        env=environment(database_url=url, live_poll="0.1"),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        yield process
    finally:
        process.kill()
        process.communicate()


async def lines(process: "subprocess.Popen[str]", number: int) -> list[dict[str, Any]]:
    """Return the next lines, as soon as there are so many."""
    assert process.stdout is not None
    async with asyncio.timeout(PATIENCE_S):
        return [json.loads(await asyncio.to_thread(process.stdout.readline)) for _ in range(number)]


def printed(url: str, *arguments: str) -> Sequence[dict[str, Any]]:
    """Return the lines of the log up to its end."""
    ended = run(["log", "follow", "--until-caught-up", "--json", *arguments], {"database_url": url})
    assert ended.code == DONE, ended
    return [json.loads(line) for line in ended.output.splitlines()]


async def comment(world: World, case_id: Any, text: str = 'é\u2028\n"x"') -> None:
    await world.do(world.carl, AddComment(case_id=case_id, comment=text))


async def test_rows_are_those_of_the_export_with_the_cursors_of_the_api(world: World, fresh_url: str, api: Api) -> None:
    case_id = (await world.case_in(CaseStatus.PENDING_REVIEW)).case.id
    await comment(world, case_id)
    await world.refuse(case_id)
    await world.request_override(case_id, reviewers=(world.rosa, world.rolf))
    await world.accept(case_id)

    found = await asyncio.to_thread(printed, fresh_url)

    evidence = await evidence_of(world.database, world.account_id, case_id, None, now())
    edges = (await api.run(world.ada.token, LOG))["actions"]["edges"]
    assert [{name: line[name] for name in ("entry", "hash", "contents")} for line in found] == evidence["rows"]
    assert [(line["cursor"], line["id"], line["seq"]) for line in found] == [
        (edge["cursor"], edge["node"]["id"], edge["node"]["seq"]) for edge in edges
    ]
    rest = await asyncio.to_thread(printed, fresh_url, "--after", found[2]["cursor"])
    assert rest == found[3:]
    assert await asyncio.to_thread(printed, fresh_url, "--after", found[-1]["cursor"]) == []


@pytest.mark.parametrize("ending", [signal.SIGINT, signal.SIGTERM])
async def test_it_goes_on_with_what_comes_until_a_signal(world: World, fresh_url: str, ending: signal.Signals) -> None:
    case_id = (await world.open_case()).case.id

    with following(fresh_url) as process:
        found = await lines(process, 1)
        for _ in range(3):
            await comment(world, case_id)
            found += await lines(process, 1)
        process.send_signal(ending)
        rest, errors = await asyncio.to_thread(process.communicate, timeout=PATIENCE_S)

    assert [line["seq"] for line in found] == [1, 2, 3, 4]
    assert (process.returncode, rest, errors) == (0, "", "")


async def test_a_reader_that_is_gone_ends_it_quietly(world: World, fresh_url: str) -> None:
    case_id = (await world.open_case()).case.id

    with following(fresh_url) as process:
        await lines(process, 1)
        assert process.stdout is not None and process.stderr is not None
        process.stdout.close()
        await comment(world, case_id)
        code = await asyncio.to_thread(process.wait, PATIENCE_S)
        errors = process.stderr.read()

    assert (code, errors) == (0, "")


async def test_connections_that_are_cut_do_not_end_it(world: World, fresh_url: str) -> None:
    if world.database.is_sqlite:
        pytest.skip("there is no server")
    case_id = (await world.open_case()).case.id

    with following(fresh_url) as process:
        found = await lines(process, 1)
        for _ in range(2):
            async with world.database.write() as connection:
                await connection.exec_driver_sql(
                    "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
                    " WHERE datname = current_database() AND pid <> pg_backend_pid()"
                )
            await asyncio.sleep(0.1)
            await comment(world, case_id)
            found += await lines(process, 1)

    assert [line["seq"] for line in found] == [1, 2, 3]


async def test_what_it_can_not_follow_is_one_line_and_wrong_usage(world: World, fresh_url: str) -> None:
    await world.open_case()
    only = printed(fresh_url)
    other = await make_world(world.database)
    await other.open_case()
    own = ("--account", str(world.account_id))
    tried = {
        (): "2 accounts",
        ("--account", str(uuid4())): "no account",
        (*own, "--after", "x"): "--after",
        (*own, "--after", ""): "--after",
        ("--account", str(other.account_id), "--after", only[0]["cursor"]): "--after",
    }

    for arguments, words in tried.items():
        ended = await asyncio.to_thread(
            run, ["log", "follow", "--until-caught-up", *arguments], {"database_url": fresh_url}
        )
        assert (ended.code, ended.output, ended.errors.count("\n")) == (WRONG, b"", 1), ended
        assert words in ended.errors
    assert len(printed(fresh_url, *own)) == 1


async def test_a_row_that_can_not_be_read_is_reported(world: World, fresh_url: str) -> None:
    case_id = (await world.open_case()).case.id
    await comment(world, case_id)
    row = tables.case_actions.c.seq == 2
    await tamper(world.database, update(tables.case_actions).where(row).values(type=literal_column("'NONE'")))

    ended = await asyncio.to_thread(run, ["log", "follow", "--json"], {"database_url": fresh_url})

    assert (ended.code, ended.errors.count("\n")) == (REFUSED, 1), ended
    assert "`casegate log verify` names it" in ended.errors


def test_no_database_is_made_where_there_is_none(tmp_path: Path) -> None:
    ended = run(["log", "follow", "--until-caught-up"], {"data_dir": str(tmp_path / "data")})

    assert ended.code == WRONG
    assert not (tmp_path / "data").exists()
