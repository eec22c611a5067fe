"""The commands for the action log."""

import json
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict
from typing import Annotated, Any
from uuid import UUID

import typer

from app import parts
from app.anchors.checkpoint import AnchorError, Checkpoint, public_key
from app.anchors.keys import read_or_make_key
from app.audit import Verdict, verify_log
from app.cli.terminal import AsJson, fail, run, settings_or_fail
from app.db.engine import Database

log = typer.Typer(help="The action log.", no_args_is_help=True)


@log.command()
def anchor(as_json: AsJson = False) -> None:
    """Write a signed checkpoint of all logs to the place of CASEGATE_ANCHORS_URL, where there is something new."""
    settings = settings_or_fail()

    async def work(database: Database) -> list[Checkpoint] | None:
        return await parts.anchorer(database, settings).anchor()

    written = run(work)
    if as_json:
        typer.echo(json.dumps([asdict(checkpoint) for checkpoint in written or ()]))
    elif written is None:
        typer.echo("somebody else is anchoring")
    else:
        for checkpoint in written:
            typer.echo(
                f"anchor {checkpoint.number}: {checkpoint.size} rows of {checkpoint.cases} cases, {checkpoint.root}"
            )
        if not written:
            typer.echo("nothing is new")


@log.command()
def key(as_json: AsJson = False) -> None:
    """Print the public key of the anchors, for those who verify them; the key is made where there is none yet."""
    path = settings_or_fail().anchors_key
    assert path is not None  # its default is filled in
    try:
        found, is_new = read_or_make_key(path)
    except AnchorError as error:
        fail(str(error))
    if is_new:
        typer.echo(f"made {path}: keep a copy where the database's owner can't reach it", err=True)
    typer.echo(json.dumps({"key": public_key(found)}) if as_json else public_key(found))


@log.command("verify")
def log_verify(
    account: Annotated[UUID | None, typer.Option(help="Only this account's.")] = None,
    as_json: AsJson = False,
) -> None:
    """Verify every case's log, and name the first bad row of each; exit with 1 where there is one."""

    async def verify(database: Database) -> list[Verdict]:
        verdicts = []
        with _progress() as advance:
            async for verdict in verify_log(database, account):
                verdicts.append(verdict)
                advance()
        return verdicts

    verdicts = run(verify)
    bad = [verdict for verdict in verdicts if verdict.fault is not None]
    rows = sum(verdict.rows for verdict in verdicts)
    if as_json:
        typer.echo(json.dumps({"cases": len(verdicts), "rows": rows, "faults": [_fault(v) for v in bad]}, default=str))
    else:
        for verdict in bad:
            fault = _fault(verdict)
            typer.echo(f"{fault['reference'] or fault['caseId']}: row {fault['seq']} is bad: {fault['reason']}")
        typer.echo(f"{len(verdicts)} cases, {rows} rows: {len(bad) or 'no'} bad")
    if bad:
        raise typer.Exit(1)


def _fault(verdict: Verdict) -> dict[str, Any]:
    assert verdict.fault is not None
    return {
        "accountId": verdict.account_id,
        "caseId": verdict.case_id,
        "reference": verdict.reference,
        "seq": verdict.fault.seq,
        "reason": verdict.fault.reason,
    }


@contextmanager
def _progress() -> Iterator[Callable[[], None]]:
    """Yield a function that counts one more case, shown on a terminal only."""
    count = 0

    def advance() -> None:
        nonlocal count
        count += 1
        if sys.stderr.isatty() and count % 100 == 0:
            typer.echo(f"\r{count} cases", nl=False, err=True)

    yield advance
    if sys.stderr.isatty() and count >= 100:
        typer.echo("\r", nl=False, err=True)
