"""The hand-written endpoints' statements on PostgreSQL, by asyncpg, on the lean schema.

A read is one statement beside the token's, the worklist three. A write takes the lock with all that the decision must
know, and writes all its rows by one statement.
"""

from typing import Any
from uuid import UUID

import asyncpg

from app import clock
from app.domain.model import CaseStatus, EvaluationStatus, OverrideStatus, RequestedStatus
from scripts.benchmarks.answers import (
    Json,
    accept_answer,
    case_answer,
    comment_answer,
    documents_answer,
    reviewers_answer,
    worklist_answer,
)
from scripts.benchmarks.decisions import (
    Holder,
    Locked,
    PendingOverride,
    Written,
    accepted,
    commented,
    holder_of,
    may_read,
)
from scripts.benchmarks.lean import SEARCH_PATH

CONNECTIONS = 20  # as many as the gateway has by default: 10 for reading, 10 for writing

TOKEN = """
SELECT t.id, t.account_id, t.scopes, t.expires_at, t.revoked_at, u.id, u.display_name, u.active,
    a.cases_enabled, a.overrides_enabled, a.restrict_to_assigned_reviewers, u.roles
FROM api_tokens t JOIN users u ON u.id = t.user_id JOIN accounts a ON a.id = t.account_id
WHERE t.secret_hash = $1
"""

CASE = "SELECT id, number, title, status FROM cases WHERE id = $2 AND account_id = $1"

# The log has no gaps, so that the latest five rows are found by their number.
WORKLIST = """
SELECT c.id, c.number, c.title, c.status, c.updated_at,
    a.id, a.seq, a.type, a.created_at, u.id, u.display_name, m.id, m.body, o.id, o.status, o.requested_status
FROM (
    SELECT id, number, title, status, updated_at, action_count FROM cases
    WHERE account_id = $1 AND number < $2 ORDER BY number DESC LIMIT $3
) c
JOIN case_actions a ON a.case_id = c.id AND a.seq > c.action_count - 5
JOIN users u ON u.id = a.user_id
LEFT JOIN comments m ON m.id = a.comment_id
LEFT JOIN overrides o ON o.id = a.override_id
ORDER BY c.number DESC, a.seq DESC
"""

DOCUMENTS = """
SELECT comment_id, id, filename, content_type, size_bytes FROM documents
WHERE comment_id = ANY ($1) ORDER BY comment_id, position
"""

REVIEWERS = """
SELECT r.override_id, u.id, u.display_name FROM override_reviewers r JOIN users u ON u.id = r.reviewer_id
WHERE r.override_id = ANY ($1) ORDER BY r.override_id, r.position
"""

LOCK = """
SELECT c.id, c.status, c.version, c.action_count, c.head_hash, c.updated_at, s.evaluation_status
FROM cases c JOIN subjects s ON s.id = c.subject_id
WHERE c.account_id = $1 AND c.id = $2
FOR UPDATE OF c
"""

LOCK_OVERRIDE = """
SELECT c.id, c.status, c.version, c.action_count, c.head_hash, c.updated_at, s.evaluation_status,
    o.id, o.created_by_id, o.subject_id, o.status, o.requested_status, o.subject_status_at_request,
    ARRAY(SELECT reviewer_id FROM override_reviewers WHERE override_id = o.id ORDER BY position)
FROM cases c JOIN subjects s ON s.id = c.subject_id JOIN overrides o ON o.case_id = c.id AND o.id = $3
WHERE c.account_id = $1 AND c.id = $2
FOR UPDATE OF c, s, o
"""

_ACTION = """
INSERT INTO case_actions (id, case_id, seq, type, user_id, status_before, status_after, created_at, request_id,
    prev_hash, hash, comment_id, override_id)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, {})
"""
_CASE = """
UPDATE cases SET status = $7, version = $12, action_count = $3, head_hash = $11, updated_at = $8 WHERE id = $2
"""

WRITE_COMMENT = f"""
WITH comment AS (
    INSERT INTO comments (id, case_id, author_id, body, created_at) VALUES ($13, $2, $5, $14, $8)
), action AS ({_ACTION.format("$13, NULL")})
{_CASE}
"""

WRITE_ACCEPTANCE = f"""
WITH override AS (
    UPDATE overrides SET status = 'ACCEPTED', decided_by_id = $5, decided_at = $8, version = version + 1 WHERE id = $13
), subject AS (
    UPDATE subjects SET evaluation_status = $14, version = version + 1 WHERE id = $15
), action AS ({_ACTION.format("NULL, $13")})
{_CASE}
"""


async def _nothing(_connection: Any) -> None:
    """Leave a connection as it is: nothing is ever set on one."""


class Postgresql:
    """The statements on the database at *url*."""

    def __init__(self, url: str) -> None:
        self._url = url

    async def open(self) -> None:
        self._pool = await asyncpg.create_pool(
            self._url,
            min_size=CONNECTIONS,
            max_size=CONNECTIONS,
            reset=_nothing,
            server_settings={"timezone": "UTC"} | SEARCH_PATH,
        )

    async def close(self) -> None:
        await self._pool.close()

    async def case(self, secret: str, case_id: UUID) -> Json:
        async with self._pool.acquire() as connection:
            account_id = may_read(await _holder(connection, secret))
            return case_answer(await connection.fetchrow(CASE, account_id, case_id))

    async def worklist(self, secret: str, before: int | None, first: int) -> Json:
        async with self._pool.acquire() as connection:
            account_id = may_read(await _holder(connection, secret))
            records = await connection.fetch(WORKLIST, account_id, before or 2**31 - 1, first + 1)
            comments = [record[11] for record in records if record[11] is not None]
            overrides = list({record[13] for record in records if record[13] is not None})
            documents = documents_answer(await connection.fetch(DOCUMENTS, comments))
            reviewers = reviewers_answer(await connection.fetch(REVIEWERS, overrides))
        return worklist_answer(records, documents, reviewers, first)

    async def comment(self, secret: str, case_id: UUID, body: str, request_id: str) -> Json:
        async with self._pool.acquire() as connection:
            holder = await _holder(connection, secret)
            async with connection.transaction():
                case = _locked(await connection.fetchrow(LOCK, holder.actor.account_id, case_id))
                comment_id = clock.new_id()
                action = commented(holder, case, comment_id, body, request_id)
                await connection.execute(WRITE_COMMENT, *_values(action), comment_id, body)
        return comment_answer(holder, action, comment_id, body)

    async def accept(self, secret: str, case_id: UUID, override_id: UUID, version: int, request_id: str) -> Json:
        async with self._pool.acquire() as connection:
            holder = await _holder(connection, secret)
            async with connection.transaction():
                record = await connection.fetchrow(LOCK_OVERRIDE, holder.actor.account_id, case_id, override_id)
                pending = _pending_override(record)
                action = accepted(holder, _locked(record), pending, version, request_id)
                assert pending is not None
                result = pending.requested_status.value
                values = (*_values(action), override_id, result, pending.subject_id)
                await connection.execute(WRITE_ACCEPTANCE, *values)
        return accept_answer(holder, action, override_id)


async def _holder(connection: Any, secret: str) -> Holder:
    record = await connection.fetchrow(TOKEN, secret)
    return holder_of(record and tuple(record))


def _locked(record: Any) -> Locked | None:
    if record is None:
        return None
    id, status, version, count, head, updated_at, evaluation, *_ = record
    return Locked(id, CaseStatus(status), version, count, head, updated_at, EvaluationStatus(evaluation))


def _pending_override(record: Any) -> PendingOverride | None:
    if record is None:
        return None
    id, creator_id, subject_id, status, requested, at_request, reviewers = tuple(record)[7:]
    return PendingOverride(
        id=id,
        creator_id=creator_id,
        subject_id=subject_id,
        status=OverrideStatus(status),
        requested_status=RequestedStatus(requested),
        subject_status_at_request=EvaluationStatus(at_request),
        reviewer_ids=tuple(reviewers),
    )


def _values(action: Written) -> tuple[Any, ...]:
    """Return the parameters $1 to $12 of a write."""
    return (
        action.id,
        action.case_id,
        action.seq,
        action.type,
        action.user_id,
        action.status_before,
        action.status_after,
        action.created_at,
        action.request_id,
        action.prev_hash,
        action.hash,
        action.version,
    )
