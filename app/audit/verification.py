"""Verifying the logs: every case's rows are read with all that their hashes cover, and the first bad one is named.

Then what people are shown is held against what the rows say: the case's columns, overrides, the subject's result, and
that every comment, document and override hangs on a row. What nothing covers is listed in `NOT_COVERED`.

It only reads, and repairs nothing. Cases come in batches and their rows in pieces, so that memory stays flat, whatever
the number of cases and the length of a log.
"""

from collections import Counter
from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass, replace
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncConnection

from app.audit.anchors.checking import CaseFinding, Findings
from app.audit.entries import EntryParts, entry_parts
from app.audit.unreadable import UNREADABLE, demand_unreadable
from app.db.engines import Database
from app.db.repository import anchored, cases, log, people, verifying
from app.db.rows import ActionRow, CaseRow, SubjectRow
from app.domain.log_chain import Chain, ChainedEntry, Fault, FaultKind, Head
from app.domain.log_results import SubjectState, TimedEvaluation, result_fault
from app.domain.log_state import CaseState, Folded, OverrideState, ResultChange
from app.domain.workflow import TRANSITIONS

BATCH = 200
PIECE = 500

NOT_COVERED = (
    "people's names and languages, and which subject of an identity provider stands for them",
    "accounts' names",
    "tokens' names",
    "subjects' labels and countries, and the keys that references are compared by",
    "documents' warnings",
    "which bank account a case was opened with",
    "what search finds by",
    "what an idempotency key stands for",
    "rows' own ids",
)
"""What people are shown and no hash covers."""


@dataclass(frozen=True, slots=True)
class Verdict:
    """What the verifier says of one case; `fault` is None where its log is whole, `others` are what else is wrong.

    `nameless` counts the documents of which the rows know the bytes alone.
    """

    account_id: UUID
    case_id: UUID
    reference: str
    rows: int
    fault: Fault | None
    others: tuple[Fault, ...] = ()
    nameless: int = 0


async def verify_log(
    database: Database,
    account_id: UUID | None = None,
    case_id: UUID | None = None,
    findings: Findings | None = None,
) -> AsyncIterator[Verdict]:
    """Yield a verdict on each case: of one account, or of all; or on one case alone.

    *findings* are what the anchors say: the earlier row is named, of those that the log and the anchors find to be bad.
    """
    remaining = dict(findings.cases) if findings else {}
    async with database.read() as connection:
        accounts = [account.id for account in await people.accounts(connection)]
        strangers = await _misplaced(connection)
    for account in accounts if account_id is None else [account_id]:
        after: UUID | None = None
        while True:
            async with database.snapshot() as connection:
                ids = await log.case_ids(connection, account, after, BATCH) if case_id is None else [case_id]
                async for verdict in _verdicts(connection, account, ids):
                    known = _with(verdict, strangers.get(verdict.case_id))
                    yield _with(known, remaining.pop(verdict.case_id, None))
            if len(ids) < BATCH:
                break
            after = ids[-1]
    for gone, finding in remaining.items():
        yield Verdict(finding.account_id, gone, "", 0, finding.fault)


async def _misplaced(connection: AsyncConnection) -> dict[UUID, CaseFinding]:
    """Return the first row of each case whose place in the whole log can't be."""
    found: dict[UUID, CaseFinding] = {}
    for account_id, case_id, seq, position in await anchored.misplaced(connection):
        reason = f"its place in the whole log, {position}, can't be"
        found.setdefault(case_id, CaseFinding(account_id, Fault(seq, FaultKind.POSITION, reason)))
    return found


def _with(verdict: Verdict, finding: CaseFinding | None) -> Verdict:
    if finding is None:
        return verdict
    known = verdict.fault
    if known is not None and 0 < known.seq <= finding.fault.seq:
        return replace(verdict, others=(*verdict.others, finding.fault))
    if known is None:
        return replace(verdict, fault=finding.fault)
    return replace(verdict, fault=finding.fault, others=(known, *verdict.others))


async def entries_of(connection: AsyncConnection, account_id: UUID, case_id: UUID) -> AsyncIterator[ChainedEntry]:
    """Yield one case's rows with all that their hashes cover, as they are found, good or bad."""
    batch = await _batch(connection, account_id, [case_id])
    async for _, link in _links(connection, batch, PIECE):
        if link is not None:
            yield link


@dataclass(frozen=True, slots=True)
class _Batch:
    """Some cases, with what stands in one row for each."""

    account_id: UUID
    ids: Sequence[UUID]
    cases: Mapping[UUID, CaseRow | None]
    subjects: Mapping[UUID, SubjectRow | None]
    overrides: Mapping[UUID, Mapping[UUID, OverrideState]]
    results: Mapping[UUID, Sequence[ResultChange]]
    recorded: Mapping[UUID, Sequence[TimedEvaluation]]
    unlogged: Sequence[verifying.Unlogged]


async def _batch(connection: AsyncConnection, account_id: UUID, ids: Sequence[UUID]) -> _Batch:
    found = await cases.cases_by_id(connection, account_id, ids)
    subject_ids = [case.subject_id for case in found if case is not None]
    subjects = await cases.subjects_by_id(connection, account_id, subject_ids)
    return _Batch(
        account_id,
        ids,
        dict(zip(ids, found, strict=True)),
        dict(zip(subject_ids, subjects, strict=True)),
        await verifying.override_states(connection, account_id, ids),
        await verifying.result_changes(connection, account_id, subject_ids),
        await verifying.recorded_evaluations(connection, account_id, subject_ids),
        await verifying.unlogged(connection, ids),
    )


class _CaseVerification:
    """One case's log as it is verified: its chain, and the state that follows from it."""

    def __init__(self) -> None:
        self.chain = Chain()
        self.folded = Folded()

    def add(self, link: ChainedEntry) -> None:
        self.chain.add(link)
        if self.chain.fault is None:  # what follows from a bad row is not known
            self.folded.add(link.entry, link.row_id)


async def _verdicts(connection: AsyncConnection, account_id: UUID, ids: Sequence[UUID]) -> AsyncIterator[Verdict]:
    try:
        batch = await _batch(connection, account_id, ids)
        logs = {id: _CaseVerification() for id in ids}
        await _verify(connection, batch, logs, PIECE)
    except UNREADABLE as error:
        demand_unreadable(error)
        for id in ids:
            yield await _verdict_row_by_row(connection, account_id, id)
        return
    for id in ids:
        if batch.cases[id] is not None or logs[id].chain.count:
            yield _verdict(batch, id, logs[id])


async def _verify(
    connection: AsyncConnection, batch: _Batch, logs: Mapping[UUID, _CaseVerification], piece: int
) -> None:
    async for action, link in _links(connection, batch, piece):
        if link is None:
            logs[action.case_id].chain.count += 1
        else:
            logs[action.case_id].add(link)


async def _verdict_row_by_row(connection: AsyncConnection, account_id: UUID, case_id: UUID) -> Verdict:
    """Return the verdict on a case that may have a row of which a value is none of its kind, which no row holds."""
    log, reference = _CaseVerification(), ""
    chain = log.chain
    try:
        batch = await _batch(connection, account_id, [case_id])
        reference = case.reference if (case := batch.cases[case_id]) else ""
        await _verify(connection, batch, {case_id: log}, 1)
    except UNREADABLE as error:
        demand_unreadable(error)
        fault = chain.fault or Fault(chain.count + 1, FaultKind.CONTENT, "it holds a value that is none of its kind")
        return Verdict(account_id, case_id, reference, chain.count, fault)
    return _verdict(batch, case_id, log)


def _verdict(batch: _Batch, case_id: UUID, log: _CaseVerification) -> Verdict:
    case, chain = batch.cases[case_id], log.chain
    subject = None if case is None else batch.subjects.get(case.subject_id)
    if case is None or subject is None:
        fault = Fault(1, FaultKind.CONTENT, "the case's own row, or its subject, is missing")
        return Verdict(batch.account_id, case_id, case.reference if case else "", chain.count, fault)
    overrides = batch.overrides[case_id]
    statuses = {id: state.status for id, state in overrides.items()}
    found: list[Fault | None] = [
        chain.end(Head(case.action_count, case.head_hash, case.status, case.resolution, statuses))
    ]
    if chain.fault is None:
        found += log.folded.faults(_state(case), overrides)
    stored = SubjectState(subject.evaluation_status, subject.version, subject.override_id)
    changes, recorded = batch.results[case.subject_id], batch.recorded[case.subject_id]
    found.append(result_fault(changes, case_id, stored, recorded))
    found += [
        Fault(0, FaultKind.UNLOGGED, f"the {what} {id} is in no row of the log")
        for of, what, id in batch.unlogged
        if of == case_id
    ]
    faults = [fault for fault in found if fault is not None]
    first = faults[0] if faults else None
    return Verdict(batch.account_id, case_id, case.reference, chain.count, first, tuple(faults[1:]), chain.nameless)


def _state(case: CaseRow) -> CaseState:
    return CaseState(
        case.created_by_id,
        case.created_at,
        case.updated_at,
        case.version,
        case.closed_by_id,
        case.closed_at,
        case.held_by_id,
        case.owner_id,
        case.due_at,
    )


async def _links(
    connection: AsyncConnection, batch: _Batch, size: int
) -> AsyncIterator[tuple[ActionRow, ChainedEntry | None]]:
    """Yield each row of the cases in order, and as a link, where the case and its subject are there."""
    after: tuple[UUID, int] | None = None
    namings: Counter[UUID] = Counter()
    while True:
        actions = await log.log_piece(connection, batch.account_id, batch.ids, after, size)
        parts = await entry_parts(connection, batch.account_id, actions)
        for action in actions:
            if action.override_id is not None and TRANSITIONS[action.type].names_reviewers:
                namings[action.override_id] += 1
            yield action, _link(batch, parts, action, namings)
        if len(actions) < size:
            return
        after = actions[-1].case_id, actions[-1].seq


def _link(batch: _Batch, parts: EntryParts, action: ActionRow, namings: Mapping[UUID, int]) -> ChainedEntry | None:
    case = batch.cases[action.case_id]
    subject = batch.subjects.get(case.subject_id) if case is not None else None
    naming = 0 if action.override_id is None else namings[action.override_id]
    return parts.link(batch.account_id, action, case, subject, naming)
