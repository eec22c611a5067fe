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
from app.cli.printing import say
from app.cli.reading import read
from app.cli.terminal import fail, settings_or_fail
from app.config.settings import Settings
from app.db.engines import Database
from app.domain.counting import counted
from app.domain.model import Language


def export(
    file: Annotated[Path | None, typer.Argument(help="Where to write it; by default to standard output.")] = None,
    case: Annotated[str | None, typer.Option(help="The case: an id, or a reference as in CASE-000123.")] = None,
    account: Annotated[
        UUID | None, typer.Option(help="The case's account; without --case, whose own log to write.")
    ] = None,
    anchors: Anchors = None,
    key: PublicKeyOption = None,
    force: Annotated[bool, typer.Option("--force", help="Write over a file that is there.")] = False,
    pdf: Annotated[bool, typer.Option("--pdf", help="Write a case's evidence as a PDF for people, to FILE.")] = False,
    language: Annotated[Language, typer.Option(help="The language of the PDF.", case_sensitive=False)] = Language.EN,
) -> None:
    """Write one case's evidence: its log, comments and document digests, its chain, and the anchors' proof of it.

    Without --case, write that of an account's own log.

    `scripts/verify_evidence.py` verifies it anywhere, with nothing of Casegate but the public key of `log key`. A PDF
    is made of the evidence, to be read; it proves nothing by itself.
    """
    settings = settings_or_fail()
    if case is None and account is None:
        fail("name a case by --case, or by --account whose own log to write", 2)
    if pdf and (case is None or file is None):
        fail("a PDF is of a case, by --case, and goes to a file: name one", 2)
    work = partial(_evidence, settings=settings, case=case, account=account, anchors=anchors, key=key)
    evidence = read(settings, work)
    text = json.dumps(evidence, ensure_ascii=False, indent=1) + "\n"
    if file is None:
        say(*text.removesuffix("\n").split("\n"))
        return
    _write(file, _case_file(evidence, language) if pdf else text.encode(), force=force)
    leaves = len(evidence["anchor"]["leaves"]) if evidence["anchor"] else 0
    name = evidence.get("reference", f"the own log of account {account}")
    say(f"{name}: {counted(len(evidence['rows']), 'row')}, {leaves} of them anchored")


def _case_file(evidence: dict[str, object], language: Language) -> bytes:
    try:  # what makes PDFs takes long to be imported, and is an extra
        from app.audit.case_file.rendering import EvidenceUnfit, case_file_pdf
    except ModuleNotFoundError as error:
        fail(f"PDFs need the extra `pdf`, whose package {error.name} is not installed: casegate[pdf]", 2)
    try:
        return case_file_pdf(evidence, language)
    except EvidenceUnfit as error:
        fail(str(error))


def _write(file: Path, content: bytes, *, force: bool) -> None:
    try:
        with written_whole(file, overwrite=force) as output:
            output.write(content)
    except WrittenAlready:
        fail(f"{file} is there already: choose another name, or --force")
    except OSError as error:
        fail(f"{file} can't be written: {os.strerror(error.errno or 0)}")


async def _evidence(
    database: Database,
    *,
    settings: Settings,
    case: str | None,
    account: UUID | None,
    anchors: str | None,
    key: str | None,
) -> dict[str, Any]:
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
