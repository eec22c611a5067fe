"""The command that verifies the logs, alone and against the anchors."""

import json
from dataclasses import dataclass, field
from functools import partial
from typing import Annotated
from uuid import UUID

import typer

from app.audit.account_logs import AccountVerdict, verify_account_logs
from app.audit.anchors.checking import Findings, check_anchors
from app.audit.anchors.checkpoint import Leaf
from app.audit.verification import NOT_COVERED, Verdict, verify_log
from app.cli.named import AccountOption, Anchors, PublicKeyOption, anchors_of, find_case, no_case
from app.cli.printing import say
from app.cli.reading import read
from app.cli.terminal import AsJson, progress, settings_or_fail
from app.config.settings import Settings
from app.db.engines import Database
from app.db.repository.cases import case_count
from app.domain.counting import counted
from app.domain.log_chain import Fault

FAULTS_REPORTED = 1_000
"""How many bad cases are printed one by one; all are counted."""


@dataclass(slots=True)
class Report:
    """What was found; its size does not depend on how much was read."""

    cases: int = 0
    rows: int = 0
    bad: int = 0
    nameless: int = 0
    reported: list[Verdict] = field(default_factory=list)
    accounts: int = 0
    account_rows: int = 0
    before: int = 0
    bad_accounts: list[AccountVerdict] = field(default_factory=list)
    findings: Findings | None = None

    def take(self, verdict: Verdict) -> None:
        self.cases += 1
        self.rows += verdict.rows
        self.nameless += verdict.nameless
        if verdict.fault is not None:
            self.bad += 1
            if len(self.reported) < FAULTS_REPORTED:
                self.reported.append(verdict)

    def take_account(self, verdict: AccountVerdict) -> None:
        self.accounts += 1
        self.account_rows += verdict.rows
        if verdict.fault is not None:
            self.bad_accounts.append(verdict)
        self.before += verdict.before

    @property
    def is_whole(self) -> bool:
        return not self.bad and not self.bad_accounts and (self.findings is None or self.findings.fault is None)


def verify(
    case: Annotated[str | None, typer.Option(help="Only this case's: an id, or a reference as in CASE-000123.")] = None,
    account: AccountOption = None,
    anchors: Anchors = None,
    key: PublicKeyOption = None,
    as_json: AsJson = False,
) -> None:
    """Verify every case's log and every account's own, and name the first bad row of each and its kind.

    A row's kind is content (it is not what its hash says), link (it does not follow the row before it), gap (it is
    missing), truncated (it and all later ones are), rewritten (it is whole, but another one was anchored), state (what
    is shown of the case, an override or the subject does not follow from it), unlogged (something is shown that no row
    has), unanchored (it is older than the last anchor, and in none), or position (its place can't be). What no hash
    covers is listed.

    Nothing is made or changed anywhere. Exits with 0 where all is whole, 1 where a log or an anchor is bad, 2 where it
    can't be told.
    """
    settings = settings_or_fail()
    work = partial(_verify, settings=settings, case=case, account_id=account, anchors=anchors, key=key)
    report = read(settings, work)
    if as_json:
        say(json.dumps(_as_json(report), default=str))
    else:
        _print_report(report)
    if not report.is_whole:
        raise typer.Exit(1)


async def _verify(
    database: Database,
    *,
    settings: Settings,
    case: str | None,
    account_id: UUID | None,
    anchors: str | None,
    key: str | None,
) -> Report:
    report, case_id = Report(), None
    if case is not None:
        account_id, case_id = await find_case(database, case, account_id)
    held = await anchors_of(settings, anchors, key)
    if held is not None:
        place, trusted = held
        last = await place.last()

        def concerns(leaf: Leaf) -> bool:
            return account_id in (None, leaf.account_id) and case_id in (None, leaf.case_id)

        with progress("anchors", last.checkpoint.size if last else 0) as advance:
            report.findings = await check_anchors(database, place, trusted, concerns, advance)
    async with database.read() as connection:
        total = 1 if case_id else await case_count(connection, account_id)
    with progress("cases", total) as advance:
        async for verdict in verify_log(database, account_id, case_id, report.findings):
            report.take(verdict)
            advance(1)
    if case is not None and not report.cases:
        raise no_case(case)
    if case is None:
        async for account_verdict in verify_account_logs(database, account_id, report.findings):
            report.take_account(account_verdict)
    return report


def _as_json(report: Report) -> dict[str, object]:
    found = report.findings
    reach = found and {"anchors": found.anchors, "rows": found.rows, "time": found.time, "fault": found.fault}
    faults = [_fault(verdict) for verdict in report.reported]
    return {
        "cases": report.cases,
        "rows": report.rows,
        "bad": report.bad,
        "faults": faults,
        "accounts": report.accounts,
        "accountRows": report.account_rows,
        "accountFaults": [_account_fault(verdict) for verdict in report.bad_accounts],
        "anchored": reach,
        "notCovered": [*NOT_COVERED, *_older(report)],
    }


def _older(report: Report) -> list[str]:
    """Return what is not covered because it is older than what covers it."""
    found = []
    if report.nameless:
        found.append(f"the names, types and sizes of {report.nameless} documents, whose rows know their bytes alone")
    if report.before:
        found.append(f"what {report.before} people and tokens were before their account's own log began")
    return found


def _print_report(report: Report) -> None:
    say(f"not covered by any hash: {'; '.join([*NOT_COVERED, *_older(report)])}")
    for verdict in report.reported:
        for fault in filter(None, (verdict.fault, *verdict.others)):
            which = f"row {fault.seq} is bad" if fault.seq else "bad"
            say(f"{verdict.reference or verdict.case_id}: {which} ({fault.kind}): {fault.reason}")
    if report.bad > len(report.reported):
        say(f"... and {report.bad - len(report.reported)} more")
    _print_accounts(report)
    found = report.findings
    if found is None:
        say("nothing is anchored: logs that were cut off or rewritten as a whole can't be told")
    elif found.fault is not None:
        say(f"{found.fault}; from there on no anchor was believed")
    else:
        say(f"{counted(found.anchors, 'anchor')}, the last of {found.time}: {counted(found.rows, 'row')} in all")
    if report.accounts:
        bad_accounts = len(report.bad_accounts) or "no"
        logs = counted(report.accounts, "account's own log", "accounts' own logs")
        say(f"{logs}, {counted(report.account_rows, 'row')}: {bad_accounts} bad")
    say(f"{counted(report.cases, 'case')}, {counted(report.rows, 'row')}: {report.bad or 'no'} bad")


def _print_accounts(report: Report) -> None:
    for bad in report.bad_accounts:
        for fault in filter(None, (bad.fault, *bad.others)):
            which = f"row {fault.seq} of its own log is bad" if fault.seq else "bad"
            say(f"the account {bad.account_id}: {which} ({fault.kind}): {fault.reason}")


def _account_fault(verdict: AccountVerdict) -> dict[str, object]:
    assert verdict.fault is not None
    others = [_plain(fault) for fault in verdict.others]
    return {"accountId": verdict.account_id, **_plain(verdict.fault), "others": others}


def _fault(verdict: Verdict) -> dict[str, object]:
    assert verdict.fault is not None
    return {
        "accountId": verdict.account_id,
        "caseId": verdict.case_id,
        "reference": verdict.reference,
        **_plain(verdict.fault),
        "others": [_plain(fault) for fault in verdict.others],
    }


def _plain(fault: Fault) -> dict[str, object]:
    return {"seq": fault.seq or None, "kind": fault.kind, "reason": fault.reason}
