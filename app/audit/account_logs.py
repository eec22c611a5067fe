"""Verifying the accounts' own logs, as `verification` does the cases': the first bad row of each is named.

Then what is stored of people, roles, tokens and policies is held against what the rows say. An account's rows are read
in pieces, and what they say of its people and tokens is kept: memory grows with those of one account.
"""

from collections.abc import AsyncIterator
from dataclasses import dataclass, replace
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncConnection

from app.audit.anchors.checking import Findings
from app.audit.unreadable import UNREADABLE, demand_unreadable
from app.db.engines import Database
from app.db.repository import account_state, administration, verifying
from app.db.repository.administration import AccountHead
from app.domain.account_fold import AccountFold
from app.domain.account_log import AccountChain
from app.domain.log_chain import Fault, FaultKind
from app.domain.log_results import SubjectState, recorded_fault

PIECE = 500


@dataclass(frozen=True, slots=True)
class AccountVerdict:
    """What the verifier says of one account's own log.

    `fault` is None where it is whole, `others` are what else is wrong. `before` counts the people and tokens that are
    older than the log, of which it knows what was changed since.
    """

    account_id: UUID
    rows: int
    fault: Fault | None
    others: tuple[Fault, ...] = ()
    before: int = 0


async def verify_account_logs(
    database: Database, account_id: UUID | None = None, findings: Findings | None = None
) -> AsyncIterator[AccountVerdict]:
    """Yield a verdict on the own log of one account, or of each.

    *findings* are what the anchors say: the earlier row is named, of those that the log and the anchors find to be bad.
    """
    remaining = dict(findings.accounts) if findings else {}
    async with database.read() as connection:
        heads = await administration.account_heads(connection, account_id)
    for head in heads:
        async with database.snapshot() as connection:
            (current,) = await administration.account_heads(connection, head.account_id)
            yield _with(await _verdict(connection, current), remaining.pop(head.account_id, None))
    for gone, fault in remaining.items():
        if account_id in (None, gone):
            yield AccountVerdict(gone, 0, fault)


def _with(verdict: AccountVerdict, anchored: Fault | None) -> AccountVerdict:
    known = verdict.fault
    if anchored is None:
        return verdict
    if known is None:
        return replace(verdict, fault=anchored)
    if 0 < known.seq <= anchored.seq:
        return replace(verdict, others=(*verdict.others, anchored))
    return replace(verdict, fault=anchored, others=(known, *verdict.others))


async def _verdict(connection: AsyncConnection, head: AccountHead) -> AccountVerdict:
    chain, fold = AccountChain(), AccountFold()
    try:
        await _read_rows(connection, head, chain, fold)
        found = [*filter(None, [chain.end(head.count, head.hash)])]
        if chain.fault is None:  # what follows from a bad row is not known
            found += [*fold.faults, *await _state_faults(connection, head.account_id, fold)]
    except UNREADABLE as error:
        demand_unreadable(error)
        reason = "it holds a value that is none of its kind"
        fault = chain.fault or Fault(chain.count + 1, FaultKind.CONTENT, reason)
        return AccountVerdict(head.account_id, chain.count, fault)
    first = found[0] if found else None
    return AccountVerdict(head.account_id, chain.count, first, tuple(found[1:]), fold.before)


async def _read_rows(connection: AsyncConnection, head: AccountHead, chain: AccountChain, fold: AccountFold) -> None:
    """Go through the rows; a value that is none of its kind is found row by row."""
    after, size = 0, PIECE
    while True:
        try:
            links = await administration.account_log_piece(connection, head.account_id, after, size)
        except UNREADABLE as error:
            demand_unreadable(error)
            if size == 1:
                raise
            size = 1
            continue
        for link in links:
            chain.add(link)
            if chain.fault is None:
                fold.add(link.entry)
        if len(links) < size:
            return
        after = links[-1].entry.seq


async def _state_faults(connection: AsyncConnection, account_id: UUID, fold: AccountFold) -> list[Fault]:
    """Return what is stored and does not follow from the log."""
    faults = [*fold.setting_faults(await account_state.stored_settings(connection, account_id))]
    after: UUID | None = None
    while users := await account_state.users_piece(connection, account_id, after, PIECE):
        faults += [fault for user in users for fault in fold.user_faults(user)]
        after = users[-1].id
    after = None
    while tokens := await account_state.tokens_piece(connection, account_id, after, PIECE):
        faults += [fault for token in tokens for fault in fold.token_faults(token)]
        after = tokens[-1].id
    after = None
    while stored := await account_state.delegations_piece(connection, account_id, after, PIECE):
        faults += [fault for delegation in stored for fault in fold.delegations.faults(delegation)]
        after = stored[-1].id
    gone = [*fold.missing(), *fold.delegations.missing()]
    return [*faults, *gone, *await _subject_faults(connection, account_id)]


async def _subject_faults(connection: AsyncConnection, account_id: UUID) -> list[Fault]:
    """Return what is wrong with subjects that never had a case: their log is the account's alone."""
    faults: list[Fault] = []
    after: UUID | None = None
    while subjects := await verifying.caseless_subjects(connection, account_id, after, PIECE):
        recorded = await verifying.recorded_evaluations(connection, account_id, [subject.id for subject in subjects])
        for subject in subjects:
            stored = SubjectState(subject.evaluation_status, subject.version, subject.override_id)
            fault = recorded_fault(subject.id, stored, recorded[subject.id])
            faults += [] if fault is None else [fault]
        after = subjects[-1].id
    return faults
