"""Verification of the lean schema's log: that what the servers wrote there is whole, as their answers said.

Rows that came with the copy have the gateway's hashes, and are looked at for their links alone.
"""

import sqlite3
from collections.abc import Iterable, Sequence
from contextlib import closing
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

import asyncpg

from app.domain.action_log import GENESIS
from scripts.benchmarks.decisions import milliseconds, row_hash
from scripts.benchmarks.driver import WrongAnswer
from scripts.benchmarks.handwritten_sqlite import path_of
from scripts.benchmarks.histories import REQUEST_ID
from scripts.benchmarks.lean import SEARCH_PATH

_ROWS = """
SELECT a.case_id, a.seq, a.type, a.user_id, a.status_before, a.status_after, a.created_at, a.request_id, a.prev_hash,
    a.hash, m.id, m.body, o.id, c.action_count, c.head_hash
FROM case_actions a JOIN cases c ON c.id = a.case_id
LEFT JOIN comments m ON m.id = a.comment_id
LEFT JOIN overrides o ON o.id = a.override_id
ORDER BY a.case_id, a.seq
"""


async def verify_lean(url: str) -> str:
    """Return how many rows the lean log at *url* has and how many the servers wrote. Raises: WrongAnswer: it is bad."""
    if url.startswith("sqlite"):
        with closing(sqlite3.connect(path_of(url))) as file:
            return _verify(map(_typed, file.execute(_ROWS)))
    connection = await asyncpg.connect(url, server_settings=SEARCH_PATH)
    try:
        return _verify(await connection.fetch(_ROWS))
    finally:
        await connection.close()


def _typed(record: Sequence[Any]) -> Sequence[Any]:
    """Return a row of SQLite with the types that PostgreSQL's has."""
    case, seq, type, user, before, after, at, request, previous, hash, comment, body, override, *rest = record
    moment = datetime.fromisoformat(at).replace(tzinfo=UTC)
    made = (comment and UUID(comment), body, override and UUID(override))
    return (UUID(case), seq, type, UUID(user), before, after, moment, request, previous, hash, *made, *rest)


def _verify(records: Iterable[Sequence[Any]]) -> str:
    """Follow each case's chain. Raises: WrongAnswer, which names the first bad row."""
    rows = written = 0
    last: Sequence[Any] | None = None
    for record in records:
        case, seq, *_ = record
        request, previous, hash, comment, body, override = record[7:13]
        if last is not None and last[0] != case:
            _check_head(last)
            last = None
        if (seq, previous) != ((1, GENESIS) if last is None else (last[1] + 1, last[9])):
            raise WrongAnswer(f"the lean log is bad: row {seq} of case {case} does not follow the row before it")
        if request != REQUEST_ID:
            written += 1
            content = (comment, body) if comment else (override, "ACCEPTED")
            if row_hash((*record[:6], milliseconds(record[6]), request, previous, *content)) != hash:
                raise WrongAnswer(f"the lean log is bad: row {seq} of case {case} does not give its hash")
        rows, last = rows + 1, record
    if last is not None:
        _check_head(last)
    return f"lean log: {rows} rows, {written} of them written by the servers, no bad"


def _check_head(last: Sequence[Any]) -> None:
    case, seq, count, head = last[0], last[1], last[13], last[14]
    if (count, head) != (seq, last[9]):
        raise WrongAnswer(f"the lean log is bad: case {case} does not end with row {seq}")
