"""Whether PostgreSQL keeps what it acknowledges: its settings as a session gets them, its standbys, and its clock.

It is looked at over a connection on which Casegate sets nothing, so that it shows what the server does by itself.
"""

import shutil
from collections.abc import Iterator, Mapping
from datetime import timedelta
from pathlib import Path
from typing import Any

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from app.clock import Clock
from app.db.diagnosis.diagnosis import Diagnosis, fault, note, ok, warning
from app.db.diagnosis.disk import disk_finding

OLDEST = 150_000
SKEW_MAX = timedelta(seconds=1)
UTC = frozenset({"utc", "etc/utc", "gmt", "etc/gmt", "uct", "etc/uct", "zulu", "universal"})
LOCAL = "host(inet_server_addr()) IN ('127.0.0.1', '::1') OR inet_server_addr() IS NULL"

_SETTINGS = text("""
SELECT name, setting FROM pg_settings WHERE name IN ('server_version_num', 'server_version', 'fsync',
    'full_page_writes', 'synchronous_commit', 'synchronous_standby_names', 'wal_level', 'data_checksums', 'TimeZone',
    'data_directory', 'default_transaction_read_only')
""")
_STANDBYS = text("""
SELECT coalesce(application_name, ''), state, sync_state,
    coalesce(reply_time > clock_timestamp() + :skew, false)
FROM pg_stat_replication
""")


async def server_findings(engine: AsyncEngine, now: Clock) -> list[Diagnosis]:
    """Return what there is to say of the server at *engine*, which sets nothing on its sessions."""
    async with engine.connect() as connection:
        settings = {row.name: row.setting for row in await connection.execute(_SETTINGS)}
        findings = [*setting_findings(settings), *await _standbys(connection, settings)]
        findings.append(await _clock(connection, now))
        is_here = await connection.scalar(text(f"SELECT {LOCAL}"))
    findings.append(_disk(settings, is_here=bool(is_here)))
    return findings


def setting_findings(settings: Mapping[str, str]) -> Iterator[Diagnosis]:
    """Yield what there is to say of each setting of the server."""
    yield _version(settings)
    yield _switch(settings, "fsync", "a power cut may destroy the whole database: set fsync = on")
    yield _switch(settings, "full_page_writes", "a power cut may leave pages half written: set full_page_writes = on")
    yield _commit(settings)
    yield _wal(settings)
    yield _checksums(settings)
    yield _time_zone(settings)


def _version(settings: Mapping[str, str]) -> Diagnosis:
    if int(settings["server_version_num"]) < OLDEST:
        return fault("version", f"PostgreSQL {settings['server_version']}", "upgrade it to 15 or later")
    return ok("version", f"PostgreSQL {settings['server_version']}")


def _switch(settings: Mapping[str, str], name: str, advice: str) -> Diagnosis:
    return ok(name, "on") if settings[name] == "on" else fault(name, settings[name], advice)


def _commit(settings: Mapping[str, str]) -> Diagnosis:
    value = settings["synchronous_commit"]
    if value == "off":
        return fault(
            "synchronous_commit",
            "off: a commit is acknowledged before it is on the disk",
            "set synchronous_commit = on, for the server and for the role. Casegate's own sessions wait for the disk"
            " all the same, but not behind a pooler, and no other session does",
        )
    if value == "local":
        return warning(
            "synchronous_commit",
            "local: a commit does not wait for a standby",
            "set synchronous_commit = on, so that what is acknowledged is on the standby's disk too",
        )
    if value == "remote_write":
        return warning(
            "synchronous_commit",
            "remote_write: a commit does not wait for the standby's disk",
            "set synchronous_commit = on, so that what is acknowledged survives a power cut of the standby too",
        )
    return ok("synchronous_commit", value)


def _wal(settings: Mapping[str, str]) -> Diagnosis:
    if settings["wal_level"] == "minimal":
        return warning(
            "wal_level",
            "minimal: there can be no standby, and no recovery to a point in time",
            "set wal_level = replica, and start the server again",
        )
    return ok("wal_level", settings["wal_level"])


def _checksums(settings: Mapping[str, str]) -> Diagnosis:
    if settings["data_checksums"] != "on":
        return warning(
            "data_checksums",
            "off: a page that a disk has changed is not noticed",
            "stop the server, run pg_checksums --enable, and start it again",
        )
    return ok("data_checksums", "on")


def _time_zone(settings: Mapping[str, str]) -> Diagnosis:
    zone = settings["TimeZone"]
    if zone.lower() not in UTC:
        return warning(
            "time zone",
            zone,
            "set timezone = 'UTC': Casegate's own sessions use UTC, but dumps and reports of others show local times",
        )
    return ok("time zone", zone)


async def _standbys(connection: AsyncConnection, settings: Mapping[str, str]) -> list[Diagnosis]:
    if await connection.scalar(text("SELECT pg_is_in_recovery()")):
        return [fault("standby", "the server is a standby itself", "name the primary in CASEGATE_DATABASE_URL")]
    found = [tuple(row) for row in await connection.execute(_STANDBYS, {"skew": SKEW_MAX})]
    findings = [_synchronous(found, settings["synchronous_standby_names"])]
    findings += [
        fault("clock", f"the clock of the standby {name} is ahead of the primary's", "let NTP keep both")
        for name, _, _, is_ahead in found
        if is_ahead
    ]
    return findings


def _synchronous(standbys: list[tuple[Any, ...]], names: str) -> Diagnosis:
    check = "synchronous_standby_names"
    if not names.strip():
        return warning(
            check,
            f"empty: {_number(standbys)}, and no commit waits for any",
            "set up a standby and synchronous_standby_names, as in 'ANY 1 (*)'; until then what was acknowledged last"
            " is lost with this machine",
        )
    if standbys and all(state is None for _, state, _, _ in standbys):
        return note(check, f"{names}; this role may not see the standbys", "GRANT pg_monitor to it")
    waited_for = [name for name, state, kind, _ in standbys if state == "streaming" and kind in ("sync", "quorum")]
    if not waited_for:
        return fault(
            check,
            f"{names}: {_number(standbys)}, and none that commits wait for is streaming",
            "every write waits without an end: start the standby, or name one that is there",
        )
    return ok(check, f"{names}: {', '.join(waited_for)}")


def _number(standbys: list[tuple[object, ...]]) -> str:
    return {0: "there is no standby", 1: "there is 1 standby"}.get(len(standbys), f"there are {len(standbys)} standbys")


async def _clock(connection: AsyncConnection, now: Clock) -> Diagnosis:
    before = now()
    theirs = await connection.scalar(text("SELECT clock_timestamp()"))
    after = now()
    assert theirs is not None
    skew = max(before - theirs, theirs - after, timedelta(0))
    if skew > SKEW_MAX:
        which = "ahead of" if before > theirs else "behind"
        return warning(
            "clock",
            f"this machine's is {skew.total_seconds():.1f} s {which} the server's",
            "let NTP keep both: the log's times, tokens and links go by the nodes' clocks",
        )
    return ok("clock", "this machine's and the server's agree within a second")


def _disk(settings: Mapping[str, str], *, is_here: bool) -> Diagnosis:
    place = settings.get("data_directory")
    if not is_here or place is None:
        return note("disk of the server", "can't be seen from here", "watch it: without room PostgreSQL stops writing")
    try:
        return disk_finding("disk of the server", shutil.disk_usage(Path(place)))
    except OSError:
        return note("disk of the server", "can't be seen from here", "watch it: without room PostgreSQL stops writing")
