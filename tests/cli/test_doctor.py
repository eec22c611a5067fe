"""`casegate doctor` finds each fault of a database that is set up wrongly on purpose, and none where all is well."""

import asyncio
import json
import shutil
import sqlite3
import subprocess
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, closing, suppress
from datetime import timedelta
from pathlib import Path
from typing import Any

import asyncpg
import pytest
from sqlalchemy import text

from app import clock
from app.admin import accounts
from app.audit.anchors.diagnosis import anchor_findings
from app.audit.anchors.places import open_place
from app.db.diagnosis.diagnosis import Diagnosis, Level
from app.db.diagnosis.disk import disk_finding
from app.db.diagnosis.log import log_finding
from app.db.diagnosis.postgresql import server_findings, setting_findings
from app.db.diagnosis.schema import PERMANENT, schema_findings
from app.db.engines import Database, database_url, open_database
from app.db.migrate import migrate
from app.db.postgresql.engines import plain_engine
from app.domain.commands import AddComment
from tests.faults.cluster import Cluster, cluster
from tests.faults.replication import ReplicatedPair, replicated_pair, skipping_without_postgresql
from tests.faults.small_disk import CannotMount, small_disk
from tests.support.anchored_cases import Scene
from tests.support.databases import create_database
from tests.support.gateway import casegate
from tests.support.postgresql import run_as


def by_check(findings: list[Diagnosis]) -> dict[str, Diagnosis]:
    return {finding.check: finding for finding in findings}


def examined(**settings: str) -> tuple[int, dict[str, dict[str, Any]]]:
    """Return the command's exit code and its findings by their names."""
    done = casegate("doctor", "--json", **settings)
    assert done.returncode in (0, 1), done.stderr
    return done.returncode, {finding["check"]: finding for finding in json.loads(done.stdout)}


async def server(url: str, now: clock.Clock = clock.now) -> dict[str, Diagnosis]:
    engine = plain_engine(database_url(url), behind_pooler=False)
    try:
        return by_check(await server_findings(engine, now))
    finally:
        await engine.dispose()


@pytest.fixture
def postgresql_url(fresh_url: str) -> str:
    if fresh_url.startswith("sqlite"):
        pytest.skip("it is about PostgreSQL's server")
    return fresh_url


# --- A server ---------------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def healthy() -> Iterator[ReplicatedPair]:
    with skipping_without_postgresql(), replicated_pair() as pair:
        asyncio.run(_set(pair.primary, timezone="UTC"))
        create_database(pair.primary.admin_url, "casegate")
        asyncio.run(_populate(pair.url("casegate")))
        yield pair


async def _set(server: Cluster, **settings: str) -> None:
    admin = await asyncpg.connect(server.admin_url)
    try:
        for name, value in settings.items():
            await admin.execute(f"ALTER SYSTEM SET {name} = '{value}'")
        await admin.execute("SELECT pg_reload_conf()")
    finally:
        await admin.close()


async def _populate(url: str) -> None:
    database = open_database(url)
    try:
        await migrate(database)
        await accounts.create_account(database, "Acme Treasury")
    finally:
        await database.close()


def s3_client(address: str) -> Any:
    import boto3  # takes its time, of every process that runs a test

    return boto3.client("s3", endpoint_url=address)


def make_locked_bucket(address: str, name: str, mode: str) -> None:
    """Make a bucket that keeps each object for a day."""
    client = s3_client(address)
    place = {"LocationConstraint": "eu-west-1"}
    client.create_bucket(Bucket=name, ObjectLockEnabledForBucket=True, CreateBucketConfiguration=place)
    rule = {"DefaultRetention": {"Mode": mode, "Days": 1}}
    client.put_object_lock_configuration(
        Bucket=name, ObjectLockConfiguration={"ObjectLockEnabled": "Enabled", "Rule": rule}
    )


def put_anchors(address: str, name: str, file: Path) -> None:
    """Put each anchor of a file into a bucket, with the checksum of which the bucket's server knows only one form."""
    client = s3_client(address)
    for number, line in enumerate(file.read_bytes().splitlines(), 1):
        client.put_object(Bucket=name, Key=f"anchors/{number:012}.json", Body=line, ChecksumAlgorithm="SHA256")


def test_a_server_that_is_set_up_well_is_clean(healthy: ReplicatedPair, s3: str, tmp_path: Path) -> None:
    make_locked_bucket(s3, "locked", "COMPLIANCE")
    settings = {
        "database_url": healthy.url("casegate"),
        "anchors_url": "s3://locked/anchors",
        "data_dir": str(tmp_path),
    }
    assert casegate("log", "anchor", **{**settings, "anchors_url": ""}).returncode == 0
    put_anchors(s3, "locked", tmp_path / "anchors.jsonl")

    code, found = examined(**settings)

    assert {name: finding for name, finding in found.items() if finding["level"] != "ok"} == {}
    assert code == 0
    assert {"fsync", "synchronous_standby_names", "indexes", "guards", "log position", "anchors", "object lock"} <= {
        *found
    }
    assert found["object lock"]["found"].startswith("COMPLIANCE, until ")


def test_each_fault_of_a_server_that_is_set_up_wrongly_is_found(s3: str, tmp_path: Path) -> None:
    wrong = {
        "fsync": "off",
        "full_page_writes": "off",
        "synchronous_commit": "off",
        "wal_level": "minimal",
        "max_wal_senders": "0",
        "timezone": "Europe/Paris",
    }
    with skipping_without_postgresql(), cluster(log_inside=True) as made:
        url = create_database(made.admin_url, "casegate")
        asyncio.run(_populate(url))
        asyncio.run(_set(made, **wrong))
        made.control("stop", "--mode", "fast")
        disable: list[str | Path] = [made.binaries / "pg_checksums", "--disable", "--pgdata", made.data]
        subprocess.run(disable, check=True, capture_output=True, **run_as(made.account))
        made.start()

        settings = {"database_url": url, "anchors_url": "s3://evidence/doctor", "data_dir": str(tmp_path)}
        assert casegate("log", "anchor", **settings).returncode == 0

        code, found = examined(**settings)

    assert code == 1
    bad = {name: finding["level"] for name, finding in found.items() if finding["level"] in ("warning", "fault")}
    assert bad == {
        "fsync": "fault",
        "full_page_writes": "fault",
        "synchronous_commit": "fault",
        "wal_level": "warning",
        "data_checksums": "warning",
        "time zone": "warning",
        "synchronous_standby_names": "warning",
        "object lock": "warning",
    }
    assert all(found[name]["advice"] for name in bad)
    assert found["time zone"]["found"] == "Europe/Paris"


async def test_a_standby_that_commits_wait_for_and_that_is_gone_is_found(healthy: ReplicatedPair) -> None:
    assert (await server(healthy.primary.admin_url))["synchronous_standby_names"].level is Level.OK
    await asyncio.to_thread(healthy.standby.stop)
    try:
        await _until_gone(healthy.primary)

        found = (await server(healthy.primary.admin_url))["synchronous_standby_names"]

        assert found.level is Level.FAULT
        assert found.found == "*: there is no standby, and none that commits wait for is streaming"
    finally:
        await asyncio.to_thread(healthy.standby.start)
        await healthy.synchronize()


async def _until_gone(primary: Cluster) -> None:
    admin = await asyncpg.connect(primary.admin_url)
    try:
        async with asyncio.timeout(60):
            while await admin.fetchval("SELECT count(*) FROM pg_stat_replication"):  # noqa: ASYNC110  # nobody says so
                await asyncio.sleep(0.05)
    finally:
        await admin.close()


async def test_a_url_that_leads_to_a_standby_is_found(healthy: ReplicatedPair) -> None:
    found = await server(healthy.standby.admin_url)

    assert found["standby"].level is Level.FAULT


@pytest.mark.parametrize(
    ("setting", "value", "check"),
    [
        ("synchronous_commit", "local", "synchronous_commit"),
        ("synchronous_commit", "remote_write", "synchronous_commit"),
        ("timezone", "America/New_York", "time zone"),
    ],
)
async def test_what_is_set_for_one_database_counts_like_what_is_set_for_the_server(
    healthy: ReplicatedPair, setting: str, value: str, check: str
) -> None:
    assert (await server(healthy.url("casegate")))[check].level is Level.OK
    await _alter(healthy, f"SET {setting} = '{value}'")
    try:
        assert (await server(healthy.url("casegate")))[check].level is Level.WARNING
    finally:
        await _alter(healthy, f"RESET {setting}")


async def _alter(pair: ReplicatedPair, change: str) -> None:
    admin = await asyncpg.connect(pair.primary.admin_url)
    try:
        await admin.execute(f"ALTER DATABASE casegate {change}")
    finally:
        await admin.close()


def test_a_version_that_is_too_old_is_found() -> None:
    settings = {
        "server_version_num": "140012",
        "server_version": "14.12",
        "fsync": "on",
        "full_page_writes": "on",
        "synchronous_commit": "on",
        "wal_level": "replica",
        "data_checksums": "on",
        "TimeZone": "Etc/UTC",
    }

    assert [finding.check for finding in setting_findings(settings) if finding.is_bad] == ["version"]
    assert not any(finding.is_bad for finding in setting_findings({**settings, "server_version_num": "150000"}))


@pytest.mark.parametrize(("hours", "word"), [(1, "3600.0 s ahead of"), (-1, "3600.0 s behind"), (0, "agree")])
async def test_a_clock_that_is_not_the_servers_is_found(postgresql_url: str, hours: int, word: str) -> None:
    found = (await server(postgresql_url, lambda: clock.now() + timedelta(hours=hours)))["clock"]

    assert (found.level is Level.OK) == (hours == 0)
    assert word.partition(".")[0] in found.found or word in found.found


# --- What is in it ----------------------------------------------------------------------------------------------------


@asynccontextmanager
async def other_session(url: str) -> AsyncIterator[asyncpg.Connection]:
    connection = await asyncpg.connect(url)
    try:
        yield connection
    finally:
        await connection.close()


async def test_a_missing_index_is_found(database: Database) -> None:
    async with database.read() as connection:
        before = by_check(await schema_findings(connection))["indexes"]
    async with database.write() as connection:
        await connection.execute(text("DROP INDEX ix_cases_account_id_created_at_id"))

    async with database.read() as connection:
        found = by_check(await schema_findings(connection))["indexes"]

    assert (before.level, found.level) == (Level.OK, Level.FAULT)
    assert found.found == "missing: ix_cases_account_id_created_at_id"


async def test_an_index_that_was_not_made_whole_is_found(postgresql_url: str, database: Database) -> None:
    async with other_session(postgresql_url) as session:
        await session.execute("UPDATE pg_index SET indisvalid = false WHERE indexrelid = 'pk_cases'::regclass")

    async with database.read() as connection:
        found = by_check(await schema_findings(connection))["indexes"]

    assert (found.level, found.found) == (Level.FAULT, "invalid: pk_cases")


async def test_a_guard_that_is_switched_off_is_found(postgresql_url: str, database: Database) -> None:
    async with other_session(postgresql_url) as session:
        await session.execute("ALTER TABLE case_actions DISABLE TRIGGER USER")

    async with database.read() as connection:
        found = by_check(await schema_findings(connection))["guards"]

    assert found.level is Level.FAULT
    assert "case_actions." in found.found


@pytest.mark.parametrize("table", PERMANENT)
async def test_a_guard_that_is_missing_is_found(database: Database, table: str) -> None:
    async with database.read() as connection:
        before = by_check(await schema_findings(connection))["guards"]
    names = [f"{table}_{event}_refused" for event in ("delete", "update")]
    async with database.write() as connection:
        for name in names:
            await connection.execute(text(f"DROP TRIGGER {name}" + ("" if database.is_sqlite else f" ON {table}")))

    async with database.read() as connection:
        found = by_check(await schema_findings(connection))["guards"]

    assert before.level is Level.OK, before.found
    assert found.level is Level.FAULT
    assert found.found == f"triggers that are missing: {', '.join(f'{table}.{name}' for name in names)}"


@pytest.mark.parametrize("name", ["cases.cases_closed_refused", "overrides.overrides_request_refused"])
async def test_a_second_guard_of_updates_that_is_missing_is_found(
    postgresql_url: str, database: Database, name: str
) -> None:
    table, trigger = name.split(".")
    async with other_session(postgresql_url) as session:
        await session.execute(f"DROP TRIGGER {trigger} ON {table}")

    async with database.read() as connection:
        found = by_check(await schema_findings(connection))["guards"]

    assert found.found == f"triggers that are missing: {name}"


@pytest.mark.parametrize("is_prepared", [False, True])
async def test_an_old_transaction_is_found_also_where_no_row_waits_for_it(
    postgresql_url: str, database: Database, is_prepared: bool
) -> None:
    assert (await log_finding(database, 0)).level is Level.OK
    async with other_session(postgresql_url) as session:
        await session.execute("BEGIN")
        await session.execute("SELECT pg_current_xact_id()")
        pid = session.get_server_pid()
        if is_prepared:
            await session.execute("PREPARE TRANSACTION 'doctor'")
        try:
            found = await log_finding(database, 0)
            young = await log_finding(database, 3_600)
        finally:
            await session.execute("ROLLBACK PREPARED 'doctor'" if is_prepared else "ROLLBACK")

    assert found.level is Level.FAULT
    assert ("the prepared transaction doctor" if is_prepared else f"pid {pid}") in found.found
    assert young.level is Level.OK


async def test_anchors_that_stopped_are_found(scene: Scene) -> None:
    place = scene.anchorer.place
    up_to_date = by_check(await anchor_findings(scene.database, place, 60, lambda: scene.anchored_at))["anchors"]
    world = scene.story.world
    await world.do(world.ada, AddComment(case_id=scene.other_id, comment="late"))
    later = clock.now() + timedelta(minutes=11)

    late = by_check(await anchor_findings(scene.database, place, 60, lambda: later))["anchors"]
    soon = by_check(await anchor_findings(scene.database, place, 60, clock.now))["anchors"]
    by_hand = by_check(await anchor_findings(scene.database, place, 0, lambda: later))["anchors"]

    assert [finding.level for finding in (up_to_date, late, soon, by_hand)] == [
        Level.OK,
        Level.FAULT,
        Level.OK,
        Level.OK,
    ]


async def test_without_anchors_at_all_that_is_said(database: Database, tmp_path: Path) -> None:
    place = open_place("", tmp_path)

    switched_off = by_check(await anchor_findings(database, place, 0, clock.now))["anchors"]
    to_come = by_check(await anchor_findings(database, place, 60, clock.now))["anchors"]

    assert (switched_off.level, to_come.level) == (Level.WARNING, Level.NOTE)


async def test_a_bucket_whose_lock_can_be_lifted_is_found(scene: Scene, s3: str, tmp_path: Path) -> None:
    name = f"lifted-{scene.database.writer.engine.dialect.name}"
    make_locked_bucket(s3, name, "GOVERNANCE")
    place = open_place(f"s3://{name}/anchors", tmp_path, allow_http=True)
    before = by_check(await anchor_findings(scene.database, place, 60, clock.now))["object lock"]
    put_anchors(s3, name, scene.path)

    found = by_check(await anchor_findings(scene.database, place, 60, clock.now))["object lock"]

    assert before.level is Level.NOTE
    assert found.level is Level.WARNING
    assert found.found.startswith("GOVERNANCE, until ")


def test_a_disk_without_room_is_found(tmp_path: Path) -> None:
    with suppress(CannotMount), small_disk(tmp_path / "small", 8):
        assert disk_finding("disk", shutil.disk_usage(tmp_path / "small")).level is Level.FAULT
    assert disk_finding("disk", (1 << 40, 1 << 39, 1 << 39)).level is Level.OK
    assert disk_finding("disk", (1 << 40, (1 << 40) - 1, 1)).level is Level.FAULT


# --- SQLite -----------------------------------------------------------------------------------------------------------


@pytest.fixture
def file(fresh_url: str, tmp_path: Path) -> Path:
    if not fresh_url.startswith("sqlite"):
        pytest.skip("it is about SQLite's file")
    return tmp_path / "casegate.sqlite"


def test_an_sqlite_file_that_is_well_is_clean(file: Path, tmp_path: Path) -> None:
    code, found = examined(data_dir=str(tmp_path))

    assert {name: finding for name, finding in found.items() if finding["level"] in ("warning", "fault")} == {}
    assert code == 0


def test_the_faults_of_an_sqlite_file_are_found(file: Path, tmp_path: Path) -> None:
    with closing(sqlite3.connect(file)) as connection:
        connection.execute("DROP INDEX ix_cases_account_id_created_at_id")
        connection.execute("PRAGMA journal_mode = delete")

    code, found = examined(data_dir=str(tmp_path), anchors_every="0")

    assert code == 1
    bad = {name for name, finding in found.items() if finding["level"] in ("warning", "fault")}
    assert bad == {"journal_mode", "indexes", "anchors"}


def test_a_page_that_was_overwritten_is_found(file: Path, tmp_path: Path) -> None:
    with closing(sqlite3.connect(file)) as connection:
        root, size = connection.execute(
            "SELECT rootpage, (SELECT page_size FROM pragma_page_size) FROM sqlite_master WHERE name = 'pk_users' OR"
            " name = 'sqlite_autoindex_users_1'"
        ).fetchone()
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    with file.open("r+b") as opened:
        opened.seek((root - 1) * size)
        opened.write(b"\xff" * 64)

    code, found = examined(data_dir=str(tmp_path))

    assert (code, found["file"]["level"]) == (1, "fault")


def test_what_is_found_is_shown_with_what_to_do(file: Path, tmp_path: Path) -> None:
    done = casegate("doctor", data_dir=str(tmp_path), anchors_every="0")

    assert done.returncode == 1
    assert "WARNING  anchors" in done.stdout
    assert "CASEGATE_ANCHORS_URL" in done.stdout
