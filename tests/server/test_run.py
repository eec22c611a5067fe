"""The server process: what it prints, several workers, its probes, and how it starts and stops."""

import asyncio
import re
import socket
import subprocess
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import httpx2
import psutil
from sqlalchemy import text

from app.db.engines import open_database
from tests.support.gateway import casegate, casegate_json, serving

OPEN = """
mutation($ref: String!) {
  openCase(input: {subject: {type: COMPANY_ACCOUNT_CHECK, externalRef: $ref, label: "A", evaluationStatus: ANOMALY},
    title: "T"}) { case { reference } errors { code } }
}
"""


def test_what_serve_prints_can_be_pasted(tmp_path: Path) -> None:
    with serving(tmp_path, is_forked=False) as server:
        curl = re.search(r"^ +(curl .*)$", server.output, re.MULTILINE)
        assert curl is not None
        answer = subprocess.run(
            ["bash", "-c", curl[1].replace("localhost", "127.0.0.1")], capture_output=True, text=True, check=True
        ).stdout
        pages = re.findall(r"^(GraphiQL|Manual): +(\S+)$", server.output, re.MULTILINE)
        found = {name: httpx2.get(page) for name, page in pages}

    assert re.fullmatch(r'\{"data":\{"viewer":\{"user":\{"displayName":"[^"]+"\}\}\}\}', answer)
    assert set(found) == {"GraphiQL", "Manual"}
    assert {(page.status_code, page.headers["content-type"]) for page in found.values()} == {
        (200, "text/html; charset=utf-8")
    }


def test_every_person_of_the_demo_is_printed_with_roles_and_a_token_that_works(tmp_path: Path) -> None:
    with serving(tmp_path, is_forked=False) as server:
        printed = re.findall(r"^  (\S.*?) +(cgt_\S+)  (.*)$", server.output, re.MULTILINE)
        seen = [
            (user["displayName"], ", ".join(user["roles"]).lower())
            for _, token, _ in printed
            for user in [server.run(token, "{ viewer { user { displayName roles } } }")["viewer"]["user"]]
        ]

    assert len(printed) == 13
    assert seen == [(name, roles) for name, _, roles in printed]


def test_it_lives_and_is_ready_only_when_the_database_is_migrated(fresh_url: str, tmp_path: Path) -> None:
    with serving(tmp_path, is_forked=False, database_url=fresh_url, demo="false") as server:
        alive = httpx2.get(f"{server.address}/live")
        ready = httpx2.get(f"{server.address}/ready")
        asyncio.run(_set_revision(fresh_url, "0001"))  # `casegate migrate` refuses while a gateway serves
        unready = httpx2.get(f"{server.address}/ready")

    assert (alive.status_code, ready.status_code, unready.status_code) == (200, 200, 503)


async def _set_revision(url: str, revision: str) -> None:
    database = open_database(url)
    async with database.write() as connection:
        await connection.execute(text("UPDATE alembic_version SET version_num = :revision"), {"revision": revision})
    await database.close()


def test_several_workers_write_one_log(fresh_url: str, tmp_path: Path) -> None:
    token = casegate_json("demo", database_url=fresh_url)["people"][0]["token"]

    with (
        serving(tmp_path, "--workers", "2", database_url=fresh_url, demo="false") as server,
        ThreadPoolExecutor(8) as threads,
    ):
        answers = list(
            threads.map(lambda number: server.run(token, OPEN, {"ref": f"w-{number}"})["openCase"], range(40))
        )

    assert [answer["errors"] for answer in answers] == [[]] * 40
    assert len({answer["case"]["reference"] for answer in answers}) == 40
    assert casegate("log", "verify", database_url=fresh_url).returncode == 0


def test_a_process_takes_the_memory_that_the_manual_tells_of(fresh_url: str, tmp_path: Path) -> None:
    token = casegate_json("demo", database_url=fresh_url)["people"][0]["token"]

    with serving(tmp_path, is_forked=False, database_url=fresh_url, demo="false") as server:
        for number in range(20):
            server.run(token, OPEN, {"ref": f"m-{number}"})
        taken = psutil.Process(server.process.pid).memory_info().rss / 2**20

    assert taken < 180  # a third more than measured, as machines and versions of Python differ


def test_it_shuts_down_cleanly_on_a_signal(tmp_path: Path) -> None:
    with serving(tmp_path, is_forked=False) as server:
        code = server.stop()

    assert code == 0
    assert "Traceback" not in server.output


def test_a_port_in_use_fails_with_one_line(tmp_path: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()

        done = casegate("serve", "--port", str(taken.getsockname()[1]), data_dir=str(tmp_path))

    assert done.returncode == 1
    assert "Traceback" not in done.stderr


def test_the_demos_tokens_are_no_use_once_the_demo_is_switched_off_in_the_page(tmp_path: Path) -> None:
    with serving(tmp_path, is_forked=False, demo="false", graphiql="true") as server:
        page = httpx2.get(f"{server.address}/graphiql").text

    assert "cgt_" not in page
    assert "cgt_" not in server.output
