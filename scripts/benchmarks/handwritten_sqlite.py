"""The hand-written endpoints' statements on SQLite, by the standard library's sqlite3, on the lean schema.

A request is one hop into a thread, where all its statements run: four threads read, and one writes.
"""

import asyncio
import json
import sqlite3
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from typing import Any, TypeVar
from uuid import UUID

from app import clock
from app.domain.model import CaseStatus, EvaluationStatus, OverrideStatus, RequestedStatus
from scripts.benchmarks import handwritten_postgresql as postgresql
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
from scripts.benchmarks.lean import PRAGMAS

T = TypeVar("T")

READERS = 4

TOKEN = """
SELECT t.id, t.account_id, t.scopes, t.expires_at, t.revoked_at, u.id, u.display_name, u.active,
    a.cases_enabled, a.overrides_enabled, a.restrict_to_assigned_reviewers, u.roles
FROM api_tokens t JOIN users u ON u.id = t.user_id JOIN accounts a ON a.id = t.account_id
WHERE t.secret_hash = ?
"""
CASE = "SELECT id, number, title, status FROM cases WHERE id = ?2 AND +account_id = ?1"
WORKLIST = postgresql.WORKLIST.replace("$", "?")
DOCUMENTS = postgresql.DOCUMENTS.replace("= ANY ($1)", "IN (SELECT value FROM json_each(?1))")
REVIEWERS = postgresql.REVIEWERS.replace("= ANY ($1)", "IN (SELECT value FROM json_each(?1))")

LOCK = """
SELECT c.id, c.status, c.version, c.action_count, c.head_hash, c.updated_at, s.evaluation_status
FROM cases c JOIN subjects s ON s.id = c.subject_id
WHERE c.id = ?2 AND +c.account_id = ?1
"""
LOCK_OVERRIDE = """
SELECT c.id, c.status, c.version, c.action_count, c.head_hash, c.updated_at, s.evaluation_status,
    o.id, o.created_by_id, o.subject_id, o.status, o.requested_status, o.subject_status_at_request,
    (SELECT json_group_array(reviewer_id) FROM (
        SELECT reviewer_id FROM override_reviewers WHERE override_id = o.id ORDER BY position
    ))
FROM cases c JOIN subjects s ON s.id = c.subject_id JOIN overrides o ON o.case_id = c.id AND o.id = ?3
WHERE c.id = ?2 AND +c.account_id = ?1
"""
COMMENT = "INSERT INTO comments (id, case_id, author_id, body, created_at) VALUES (?, ?, ?, ?, ?)"
ACTION = """
INSERT INTO case_actions (id, case_id, seq, type, user_id, status_before, status_after, created_at, request_id,
    prev_hash, hash, comment_id, override_id)
VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
"""
UPDATE_CASE = "UPDATE cases SET status = ?, version = ?, action_count = ?, head_hash = ?, updated_at = ? WHERE id = ?"
OVERRIDE = """
UPDATE overrides SET status = 'ACCEPTED', decided_by_id = ?, decided_at = ?, version = version + 1 WHERE id = ?
"""
SUBJECT = "UPDATE subjects SET evaluation_status = ?, version = version + 1 WHERE id = ?"


def connect(path: str) -> sqlite3.Connection:
    """Return a connection that commits as durably as the gateway's."""
    connection = sqlite3.connect(path, isolation_level=None, check_same_thread=False)
    for pragma in PRAGMAS:
        connection.execute(f"PRAGMA {pragma}")
    return connection


def path_of(url: str) -> str:
    return url.removeprefix("sqlite:///")


class Sqlite:
    """The statements on the database file of *url*."""

    def __init__(self, url: str) -> None:
        self._path = path_of(url)
        self._threads = threading.local()
        self._readers = ThreadPoolExecutor(READERS)
        self._writer = ThreadPoolExecutor(1)

    async def open(self) -> None:
        """Connect as the threads come to work."""

    async def close(self) -> None:
        self._readers.shutdown()
        self._writer.shutdown()

    async def _read(self, work: Callable[[sqlite3.Connection], T]) -> T:
        return await asyncio.get_running_loop().run_in_executor(self._readers, lambda: work(self._connection()))

    async def _write(self, work: Callable[[sqlite3.Connection], T]) -> T:
        def transact() -> T:
            connection = self._connection()
            connection.execute("BEGIN IMMEDIATE")
            try:
                done = work(connection)
                connection.execute("COMMIT")
            except BaseException:
                connection.execute("ROLLBACK")
                raise
            return done

        return await asyncio.get_running_loop().run_in_executor(self._writer, transact)

    def _connection(self) -> sqlite3.Connection:
        if not hasattr(self._threads, "connection"):
            self._threads.connection = connect(self._path)
        connection: sqlite3.Connection = self._threads.connection
        return connection

    async def case(self, secret: str, case_id: UUID) -> Json:
        def work(connection: sqlite3.Connection) -> Json:
            account_id = may_read(find_holder(connection, secret))
            record = connection.execute(CASE, (account_id.hex, case_id.hex)).fetchone()
            return case_answer(record and (_id(record[0]), *record[1:]))

        return await self._read(work)

    async def worklist(self, secret: str, before: int | None, first: int) -> Json:
        def work(connection: sqlite3.Connection) -> Json:
            account_id = may_read(find_holder(connection, secret))
            records = connection.execute(WORKLIST, (account_id.hex, before or 2**31 - 1, first + 1)).fetchall()
            comments = json.dumps([record[11] for record in records if record[11]])
            overrides = json.dumps(list({record[13] for record in records if record[13]}))
            documents = documents_answer(
                (comment, _id(id), *rest) for comment, id, *rest in connection.execute(DOCUMENTS, (comments,))
            )
            reviewers = reviewers_answer(
                (override, _id(id), name) for override, id, name in connection.execute(REVIEWERS, (overrides,))
            )
            return worklist_answer(
                map(_readable, records),
                {_id(comment): found for comment, found in documents.items()},
                {_id(override): found for override, found in reviewers.items()},
                first,
            )

        return await self._read(work)

    async def comment(self, secret: str, case_id: UUID, body: str, request_id: str) -> Json:
        def work(connection: sqlite3.Connection) -> Json:
            holder = find_holder(connection, secret)
            return write_comment(connection, holder, case_id, body, request_id)

        return await self._write(work)

    async def accept(self, secret: str, case_id: UUID, override_id: UUID, version: int, request_id: str) -> Json:
        def work(connection: sqlite3.Connection) -> Json:
            holder = find_holder(connection, secret)
            keys = (holder.actor.account_id.hex, case_id.hex, override_id.hex)
            record = connection.execute(LOCK_OVERRIDE, keys).fetchone()
            pending = _pending_override(record)
            action = accepted(holder, _locked(record), pending, version, request_id)
            assert pending is not None
            now = _stored(action.created_at)
            _write_action(connection, action, None, override_id.hex)
            connection.execute(OVERRIDE, (action.user_id.hex, now, override_id.hex))
            connection.execute(SUBJECT, (pending.requested_status, pending.subject_id.hex))
            return accept_answer(holder, action, override_id)

        return await self._write(work)


def write_comment(connection: sqlite3.Connection, holder: Holder, case_id: UUID, body: str, request_id: str) -> Json:
    """Write a comment's rows, in a transaction that has begun, and return the answer."""
    case = _locked(connection.execute(LOCK, (holder.actor.account_id.hex, case_id.hex)).fetchone())
    comment_id = clock.new_id()
    action = commented(holder, case, comment_id, body, request_id)
    now, author = _stored(action.created_at), action.user_id.hex
    values = (comment_id.hex, case_id.hex, author, body, now)
    _write_action(connection, action, comment_id.hex, None)
    connection.execute(COMMENT, values)
    return comment_answer(holder, action, comment_id, body)


def _write_action(connection: sqlite3.Connection, action: Written, comment: str | None, override: str | None) -> None:
    now, case = _stored(action.created_at), action.case_id.hex
    ids = (action.id.hex, case)
    states = (action.status_before, action.status_after, now, action.request_id, action.prev_hash, action.hash)
    connection.execute(ACTION, (*ids, action.seq, action.type, action.user_id.hex, *states, comment, override))
    connection.execute(UPDATE_CASE, (action.status_after, action.version, action.seq, action.hash, now, case))


def find_holder(connection: sqlite3.Connection, secret: str) -> Holder:
    """Return who holds the token with this hash. Raises: Unauthenticated, TokenExpired."""
    record = connection.execute(TOKEN, (secret,)).fetchone()
    if record is None:
        return holder_of(None)
    id, account, scopes, expires, revoked, user, *rest = record
    times = [value and _moment(value) for value in (expires, revoked)]
    return holder_of((UUID(id), UUID(account), scopes, *times, UUID(user), *rest))


def _locked(record: Any) -> Locked | None:
    if record is None:
        return None
    id, status, version, count, head, updated_at, evaluation, *_ = record
    state = EvaluationStatus(evaluation)
    return Locked(UUID(id), CaseStatus(status), version, count, head, _moment(updated_at), state)


def _pending_override(record: Any) -> PendingOverride | None:
    if record is None:
        return None
    id, creator_id, subject_id, status, requested, at_request, reviewers = record[7:]
    return PendingOverride(
        id=UUID(id),
        creator_id=UUID(creator_id),
        subject_id=UUID(subject_id),
        status=OverrideStatus(status),
        requested_status=RequestedStatus(requested),
        subject_status_at_request=EvaluationStatus(at_request),
        reviewer_ids=tuple(map(UUID, json.loads(reviewers))),
    )


# SQLite has ids as 32 hexadecimal digits and times without a zone, as SQLAlchemy stores them.


def _readable(record: Any) -> tuple[Any, ...]:
    id, number, title, status, updated, action, seq, type, created, user, name, comment, body, override, *rest = record
    return (
        *(_id(id), number, title, status, _time(updated), _id(action), seq, type, _time(created), _id(user), name),
        *(comment and _id(comment), body, override and _id(override), *rest),
    )


def _id(digits: str) -> str:
    return f"{digits[:8]}-{digits[8:12]}-{digits[12:16]}-{digits[16:20]}-{digits[20:]}"


def _time(stored: str) -> str:
    return f"{stored[:10]}T{stored[11:].removesuffix('.000000')}+00:00"


def _moment(stored: str) -> datetime:
    return datetime.fromisoformat(stored).replace(tzinfo=UTC)


def _stored(moment: datetime) -> str:
    return moment.astimezone(UTC).strftime("%Y-%m-%d %H:%M:%S.%f")
