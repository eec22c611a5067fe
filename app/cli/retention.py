"""The command of retention."""

import json
from collections import Counter
from functools import partial
from typing import Annotated
from uuid import UUID

import typer

from app.actions.retention import count_by_account, erase_overdue
from app.cli.printing import say
from app.cli.reading import read
from app.cli.terminal import AsJson, fail, progress, run, settings_or_fail
from app.config.document_store import documents
from app.config.settings import Settings
from app.db.engines import Database
from app.db.repository.retention import Overdue, Retention
from app.documents.erasures import finish_erasures
from app.domain.counting import counted

retention = typer.Typer(help="Content of closed cases that accounts keep for no longer.", no_args_is_help=True)


@retention.command("run")
def retention_run(
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only say what would be erased; change nothing.")] = False,
    as_json: AsJson = False,
) -> None:
    """Erase all content of cases that were closed longer ago than their account keeps it, for good.

    What a legal hold keeps stays. A run that ends early is taken up by the next one. A gateway does the same each
    hour.
    """
    settings = settings_or_fail()
    found, failed = (read(settings, count_by_account), 0) if dry_run else run(partial(_erase, settings))
    if as_json:
        accounts = [_plain(*item, is_dry=dry_run) for item in found]
        say(json.dumps({"dryRun": dry_run, "accounts": accounts}, ensure_ascii=False))
    else:
        for item in found:
            say(_line(*item, is_dry=dry_run))
        if not found:
            say("no account has a retention", err=True)
    if failed:
        fail(f"{counted(failed, 'case')} could not be erased; the lines above say why, and the next run tries again")


async def _erase(settings: Settings, database: Database) -> tuple[list[tuple[Retention, Overdue]], int]:
    """Return what was erased by account, and how many cases failed."""
    before, failed = await count_by_account(database), 0
    erased: Counter[UUID] = Counter()
    with progress("cases", sum(overdue.due for _, overdue in before)) as advance:
        async for step in erase_overdue(database):
            erased[step.retention.account_id] += step.is_erased
            failed += step.is_failed
            advance(1)
    await finish_erasures(database, documents(settings))
    return [(retention, overdue._replace(due=erased[retention.account_id])) for retention, overdue in before], failed


def _plain(retention: Retention, overdue: Overdue, *, is_dry: bool) -> dict[str, object]:
    return {
        "accountId": str(retention.account_id),
        "retentionDays": retention.days,
        "due" if is_dry else "erased": overdue.due,
        "held": overdue.held,
        "covered": overdue.covered,
    }


def _line(retention: Retention, overdue: Overdue, *, is_dry: bool) -> str:
    kept = []
    if overdue.held:
        kept.append(f"{overdue.held} under legal hold")
    if overdue.covered:
        kept.append(f"{overdue.covered} with rows of format 1, which cover their texts")
    done = "to be erased" if is_dry else "erased"
    more = f"; kept: {', '.join(kept)}" if kept else ""
    cases, days = counted(overdue.due, "case"), counted(retention.days, "day")
    return f"{retention.name}: {cases} {done}, {days} after closing{more}"
