"""The command that writes the evidence of a case, or of an account's own log, to a file."""

import json
import os
from functools import partial
from pathlib import Path
from typing import Annotated, Any
from uuid import UUID

import typer

from app import clock
from app.atomic_file import WrittenAlready, written_whole
from app.audit.anchors.proving import prove, prove_account_log
from app.audit.evidence import account_evidence_of, evidence_of
from app.cli.named import Anchors, PublicKeyOption, anchors_of, demand_account, find_case, no_case
from app.cli.reading import read
from app.cli.terminal import fail, settings_or_fail
from app.config.settings import Settings
from app.db.engines import Database


def export(
    file: Annotated[Path | None, typer.Argument(help="Where to write it; by default to standard output.")] = None,
    case: Annotated[str | None, typer.Option(help="The case: an id, or a reference as in CASE-000123.")] = None,
    account: Annotated[
        UUID | None, typer.Option(help="The case's account; without --case, whose own log to write.")
    ] = None,
    anchors: Anchors = None,
    key: PublicKeyOption = None,
    force: Annotated[bool, typer.Option("--force", help="Write over a file that is there.")] = False,
) -> None:
    """Write one case's evidence: its log, comments and document digests, its chain, and the anchors' proof of it.

    Without --case, write that of an account's own log.

    `scripts/verify_evidence.py` verifies it anywhere, with nothing of Casegate but the public key of `log key`.
    """
    settings = settings_or_fail()
    if case is None and account is None:
        fail("name a case by --case, or by --account whose own log to write", 2)
    work = partial(_evidence, settings=settings, case=case, account=account, anchors=anchors, key=key)
    evidence = read(settings, work)
    text = json.dumps(evidence, ensure_ascii=False, indent=1) + "\n"
    if file is None:
        typer.echo(text, nl=False)
        return
    try:
        with written_whole(file, overwrite=force) as output:
            output.write(text.encode())
    except WrittenAlready:
        fail(f"{file} is there already: choose another name, or --force")
    except OSError as error:
        fail(f"{file} can't be written: {os.strerror(error.errno or 0)}")
    leaves = len(evidence["anchor"]["leaves"]) if evidence["anchor"] else 0
    name = evidence.get("reference", f"the own log of account {account}")
    typer.echo(f"{name}: {len(evidence['rows'])} rows, {leaves} of them anchored")


async def _evidence(
    database: Database, *, settings: Settings, case: str | None, account: UUID | None, anchors: Any, key: Any
) -> Any:
    # The anchors first: a row that is anchored meanwhile would look cut off.
    if case is None:
        assert account is not None
        held = await anchors_of(settings, anchors, key)
        proof = None if held is None else await prove_account_log(*held, account)
        if proof is None or proof.head is None:
            await demand_account(database, account)
        return await account_evidence_of(database, account, proof, clock.now())
    account_id, case_id = await find_case(database, case, account)
    if account_id is None:
        raise no_case(case)
    held = await anchors_of(settings, anchors, key)
    proof = None if held is None else await prove(*held, case_id)
    return await evidence_of(database, account_id, case_id, proof, clock.now())
