"""Verifying the accounts' own logs, as `verification` does the cases': the first bad row of each is named."""

from collections.abc import AsyncIterator
from dataclasses import dataclass, replace
from uuid import UUID

from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncConnection

from app.audit.anchors.checking import Findings
from app.db.engines import Database
from app.db.repository import administration
from app.db.repository.administration import AccountHead
from app.domain.account_log import AccountChain
from app.domain.action_log import Fault, FaultKind

PIECE = 500


@dataclass(frozen=True, slots=True)
class AccountVerdict:
    """What the verifier says of one account's own log; `fault` is None where it is whole."""

    account_id: UUID
    rows: int
    fault: Fault | None


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
        yield AccountVerdict(gone, 0, fault)


def _with(verdict: AccountVerdict, anchored: Fault | None) -> AccountVerdict:
    known = verdict.fault
    if anchored is None or (known is not None and known.seq <= anchored.seq):
        return verdict
    return replace(verdict, fault=anchored)


async def _verdict(connection: AsyncConnection, head: AccountHead) -> AccountVerdict:
    chain, after, size = AccountChain(), 0, PIECE
    while True:
        try:
            links = await administration.account_log_piece(connection, head.account_id, after, size)
        except (LookupError, ValueError, TypeError, DBAPIError) as error:
            if isinstance(error, DBAPIError) and "decode" not in str(error.orig):
                raise
            if size > 1:  # a value that is none of its kind is found row by row
                size = 1
                continue
            reason = "it holds a value that is none of its kind"
            fault = chain.fault or Fault(chain.count + 1, FaultKind.CONTENT, reason)
            return AccountVerdict(head.account_id, chain.count, fault)
        for link in links:
            chain.add(link)
        if len(links) < size:
            return AccountVerdict(head.account_id, chain.count, chain.end(head.count, head.hash))
        after = links[-1].entry.seq
