"""The command that follows an account's log: its rows as lines, those that there are and those that come."""

import asyncio
import json
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Annotated
from uuid import UUID

import structlog
import typer
from sqlalchemy.exc import SQLAlchemyError

from app.admin import accounts
from app.audit.entries import links_of
from app.audit.evidence import exported_row
from app.cli.ending import ended_by_its_reader
from app.cli.printing import say
from app.cli.reading import Unreadable, require_database
from app.cli.terminal import AsJson, fail, failure_of, settings_or_fail
from app.config.settings import Settings
from app.db.engines import Database, database_url, open_database
from app.db.repository import people
from app.db.repository.log import LogKey, LogPlace
from app.db.repository.log_tail import BEGINNING
from app.db.revisions import readable
from app.domain.errors import InvalidCursor
from app.domain.log_chain import ChainedEntry
from app.live.cursors import log_cursors, read_log_cursor
from app.live.feed import Feed
from app.live.tail_reads import UNREADABLE

log = structlog.get_logger()

Write = Callable[[str], None]


def follow(
    account: Annotated[UUID | None, typer.Option(help="Whose log; needed where there are several accounts.")] = None,
    after: Annotated[
        str | None, typer.Option(help="The cursor of the last row you have; by default from the first row on.")
    ] = None,
    until_caught_up: Annotated[
        bool, typer.Option("--until-caught-up", help="End when all rows that there are were printed.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Print an account's log as lines, the oldest row first, and go on with each row that comes.

    With --json a line is a row as in `log export`, with its cursor. A signal ends it; by the last cursor it goes on.
    """
    settings = settings_or_fail()
    try:
        with ended_by_its_reader():
            asyncio.run(
                _run(settings, account, after, _json_line if as_json else _line, is_endless=not until_caught_up)
            )
    except InvalidCursor:
        fail("--after is no cursor of this account's log", 2)
    except (accounts.AdminError, Unreadable) as error:
        fail(str(error), 2)
    except (SQLAlchemyError, OSError) as error:
        fail(failure_of(error, "read"), 2)
    except UNREADABLE:
        fail("a row of the log holds a value that is none of its kind: `casegate log verify` names it")


async def _run(settings: Settings, account: UUID | None, after: str | None, line: "Line", *, is_endless: bool) -> None:
    url = database_url(settings.url)
    if url.get_backend_name() == "sqlite":
        await asyncio.to_thread(require_database, Path(url.database or ""))
    database = open_database(settings.url, patience=settings.patience, behind_pooler=settings.database_pooler)
    try:
        reason = await readable(database)
        if reason is not None:
            raise Unreadable(f"the database can't be read: {reason}")
        account_id = await _account(database, account)
        key = BEGINNING if after is None else read_log_cursor(account_id, after, "after")
        await _print_rows(database, Feed(database, settings.live_poll), account_id, key, line, is_endless=is_endless)
    finally:
        await database.close()


async def _account(database: Database, named: UUID | None) -> UUID:
    """Return the account that is named, or the only one. Raises: AdminError."""
    async with database.read() as connection:
        ids = [row.id for row in await people.accounts(connection)]
    if named is not None:
        if named not in ids:
            raise accounts.AdminError(f"there is no account {named}")
        return named
    if len(ids) != 1:
        raise accounts.AdminError(f"there are {len(ids)} accounts: say which, with --account")
    return ids[0]


async def _print_rows(
    database: Database, feed: Feed, account_id: UUID, after: LogKey, line: "Line", *, is_endless: bool
) -> None:
    cursors = log_cursors(account_id)
    running = asyncio.create_task(feed.run())
    try:
        async with feed.listening(account_id, after) as listener:
            is_last = False
            while is_endless or not is_last:
                places, is_last, _ = await listener.take()
                links = await _links(database, account_id, places)
                for place, link in zip(places, links, strict=True):
                    say(line(cursors.encode(place.key), place, link))
                if is_last and is_endless:
                    await listener.wait()
    finally:
        running.cancel()
        with suppress(asyncio.CancelledError):
            await running


async def _links(database: Database, account_id: UUID, places: Sequence[LogPlace]) -> list[ChainedEntry | None]:
    """Return the rows with all that their hashes cover; where the database is away, wait for it."""
    actions = [place.action for place in places]
    while actions:
        try:
            async with database.read() as connection:
                return await links_of(connection, account_id, actions)
        except (SQLAlchemyError, OSError) as error:
            log.warning("log_rows_not_read", reason=type(error).__name__)
        await asyncio.sleep(1)
    return []


Line = Callable[[str, LogPlace, ChainedEntry | None], str]


def _json_line(cursor: str, place: LogPlace, link: ChainedEntry | None) -> str:
    """Return a row as `log export` has it, with its cursor; without an entry where its case is missing."""
    row = place.action
    found = {"hash": row.hash, "entry": None, "contents": None} if link is None else exported_row(link)
    shown = {"cursor": cursor, "id": str(row.id), "caseId": str(row.case_id), "seq": row.seq}
    return json.dumps(shown | found, ensure_ascii=False)


def _line(cursor: str, place: LogPlace, _link: ChainedEntry | None) -> str:
    row = place.action
    return "  ".join(
        [
            row.created_at.isoformat(timespec="seconds"),
            str(row.case_id),
            str(row.seq),
            row.type,
            str(row.user_id),
            cursor,
        ]
    )
