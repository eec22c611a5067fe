"""Behind PgBouncer, which gives each transaction whatever connection is free, all is as it is without."""

import asyncio
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit, urlunsplit

import pytest

from app.audit.verification import verify_log
from tests.support.api import Api
from tests.support.ports import free_port, is_listening, wait_until
from tests.support.world import World

CLIENTS = 24
SERVER_CONNECTIONS = 3

WORKLIST = """{ cases(first: 20, filter: {not: {status: {eq: CLOSED}}}) { totalCount nodes { title status
    subject { label } actions(first: 3) { nodes { seq user { displayName } comment { body } } } } } }"""


@pytest.fixture
def pooled_url(fresh_url: str) -> Iterator[str]:
    """The database behind a real PgBouncer. Where there is none the tests are skipped, loudly, or fail in CI."""
    if fresh_url.startswith("sqlite"):
        pytest.skip("PgBouncer is PostgreSQL's")
    if shutil.which("pgbouncer") is None:
        if os.environ.get("CASEGATE_REQUIRE_PGBOUNCER") == "1":
            pytest.fail("there is no PgBouncer here")
        sys.stderr.write("\nNOT TESTED BEHIND PGBOUNCER: there is none here\n")
        pytest.skip("no PgBouncer")
    with tempfile.TemporaryDirectory() as folder, _running(Path(folder), fresh_url) as url:
        yield url


@contextmanager
def _running(folder: Path, url: str) -> Iterator[str]:
    port, server = free_port(), urlsplit(url)
    folder.chmod(0o755)  # as root it makes itself somebody else
    people, settings = folder / "people.txt", folder / "pgbouncer.ini"
    people.write_text(f'"{server.username}" "{server.password}"\n')
    settings.write_text(
        f"[databases]\n* = host=127.0.0.1 port={server.port}\n"
        f"[pgbouncer]\nlisten_addr = 127.0.0.1\nlisten_port = {port}\nunix_socket_dir =\n"
        f"auth_type = plain\nauth_file = {people}\npool_mode = transaction\n"
        f"default_pool_size = {SERVER_CONNECTIONS}\nmax_client_conn = 200\n"
    )
    command = ["pgbouncer", *(["-u", "nobody"] if os.geteuid() == 0 else []), str(settings)]
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        assert wait_until(lambda: is_listening(port), 60)
        yield urlunsplit(server._replace(netloc=f"{server.username}:{server.password}@127.0.0.1:{port}"))
    finally:
        process.terminate()
        process.wait(timeout=60)


@pytest.fixture
async def pooled(pooled_url: str, tmp_path: Path) -> AsyncIterator[Api]:
    async with Api.opened(pooled_url, data_dir=tmp_path, database_pooler=True, identity_cache=5) as opened:
        yield opened


async def test_many_read_and_write_at_once_over_few_connections(world: World, pooled: Api) -> None:
    case = (await world.open_case()).case
    bodies: list[str] = []

    async def work(client: int) -> None:
        for turn in range(4):
            body = f"{client}, {turn}"
            said: dict[str, Any] = {"caseId": str(case.id), "body": body, "idempotencyKey": f"{client}-{turn}"}
            payload = await pooled.act(world.carl.token, "addComment", said, "action { comment { body } }")
            assert payload == {"errors": [], "action": {"comment": {"body": body}}}
            rehearsed = await pooled.act(
                world.carl.token, "addComment", said | {"dryRun": True, "idempotencyKey": None}
            )
            assert rehearsed["errors"] == []
            page = (await pooled.run(world.ada.token, WORKLIST))["cases"]
            assert page["totalCount"] == len(page["nodes"]) == 1
            past = await pooled.run(
                world.ada.token,
                "query($id: ID!) { caseSnapshot(id: $id, asOf: {seq: 1}) { version } }",
                {"id": str(case.id)},
            )
            assert past == {"caseSnapshot": {"version": 1}}
            bodies.append(body)

    await asyncio.gather(*(work(client) for client in range(CLIENTS)))

    shown = "query($id: ID!) { case(id: $id) { actions { totalCount } } }"
    log = (await pooled.run(world.ada.token, shown, {"id": str(case.id)}))["case"]["actions"]
    assert log["totalCount"] == 1 + len(bodies) == 1 + 4 * CLIENTS
    assert [verdict async for verdict in verify_log(world.database) if verdict.fault is not None] == []


async def test_one_action_wins_of_many_over_few_connections(world: World, pooled: Api) -> None:
    case = (await world.open_case()).case
    input = {"caseId": str(case.id), "expectedVersion": 1, "body": "Me."}

    payloads = await asyncio.gather(*(pooled.act(world.carl.token, "addComment", input) for _ in range(CLIENTS)))

    codes = [error["code"] for payload in payloads for error in payload["errors"]]
    assert codes == ["VERSION_CONFLICT"] * (CLIENTS - 1)
