"""The command that looks at the database and its surroundings, and says what to do about what it finds."""

import asyncio
import json
import shutil
from collections.abc import AsyncIterator, Iterator
from dataclasses import asdict
from functools import partial
from pathlib import Path
from urllib.parse import unquote, urlsplit

import typer

from app import clock
from app.audit.anchors.checkpoint import AnchorError
from app.audit.anchors.diagnosis import anchor_findings
from app.cli.printing import say
from app.cli.reading import read
from app.cli.terminal import AsJson, settings_or_fail
from app.config.anchoring import anchors
from app.config.settings import Settings
from app.db.diagnosis.diagnosis import Diagnosis, Level, fault
from app.db.diagnosis.disk import disk_finding
from app.db.diagnosis.log import log_finding
from app.db.diagnosis.postgresql import server_findings
from app.db.diagnosis.replicas import replica_findings
from app.db.diagnosis.schema import schema_findings
from app.db.diagnosis.sqlite import file_findings
from app.db.engines import Database, database_url
from app.db.postgresql.engines import plain_engine


def doctor(as_json: AsJson = False) -> None:
    """Look for what may lose acknowledged actions, stop the gateway, or slow it down; say what to do about each.

    It looks at the database server and its standbys, the clock, disks, indexes and guards, old transactions, and the
    anchors with their lock. Run it on each node. Nothing is made or changed.

    Exits with 0 where all is well, 1 where something is not, 2 where it can't be told.
    """
    settings = settings_or_fail()
    findings = read(settings, partial(_examine, settings))
    if as_json:
        say(json.dumps([asdict(finding) for finding in findings], ensure_ascii=False))
    else:
        for line in _lines(findings):
            say(line)
    if any(finding.is_bad for finding in findings):
        raise typer.Exit(1)


async def _examine(settings: Settings, database: Database) -> list[Diagnosis]:
    return [finding async for finding in _findings(settings, database)]


async def _findings(settings: Settings, database: Database) -> AsyncIterator[Diagnosis]:
    for finding in await _of_database(settings, database):
        yield finding
    async with database.read() as connection:
        for finding in await schema_findings(connection):
            yield finding
    for finding in await asyncio.to_thread(lambda: list(_disks(settings))):
        yield finding
    try:
        for finding in await anchor_findings(database, anchors(settings), settings.anchors_every, clock.now):
            yield finding
    except AnchorError as error:
        yield fault("anchors", str(error), "see that the place of CASEGATE_ANCHORS_URL can be read from here")


async def _of_database(settings: Settings, database: Database) -> list[Diagnosis]:
    """Return what there is to say of SQLite's file, or of PostgreSQL's servers."""
    if database.is_sqlite:
        async with database.read() as connection:
            return list(await file_findings(connection, Path(database_url(settings.url).database or "")))
    pooler = settings.database_pooler
    engine = plain_engine(database_url(settings.url), behind_pooler=pooler)
    try:
        findings = list(await server_findings(engine, clock.now))
    finally:
        await engine.dispose()
    findings.append(await log_finding(database, settings.log_lag_alarm))
    return findings + await replica_findings(database, settings.replicas, settings.replica_lag, behind_pooler=pooler)


def _disks(settings: Settings) -> Iterator[Diagnosis]:
    """Yield what there is to say of the disks that Casegate itself writes to."""
    places = {"data folder": settings.data_dir}
    url = database_url(settings.url)
    if url.get_backend_name() == "sqlite":
        places["database"] = Path(url.database or "").parent
    if settings.documents_url.startswith("file:"):
        places["documents"] = Path(unquote(urlsplit(settings.documents_url).path))
    for name, folder in places.items():
        if folder.is_dir():
            yield disk_finding(f"disk of the {name}", shutil.disk_usage(folder))


def _lines(findings: list[Diagnosis]) -> Iterator[str]:
    width = max(len(finding.check) for finding in findings)
    indent = " " * (width + 2)
    for finding in findings:
        yield f"{finding.level.value.upper():7}  {finding.check:{width}}  {finding.found}"
        if finding.advice and finding.level is not Level.OK:
            yield f"{indent}         {finding.advice}"
