"""Classifies database errors: a refusal by constraint, a conflict to retry, an unavailable database, or a fault."""

import errno
import sqlite3

from asyncpg import InterfaceError, InvalidCachedStatementError, PostgresError
from sqlalchemy.exc import DBAPIError, IntegrityError, SQLAlchemyError
from sqlalchemy.exc import TimeoutError as PoolExhausted

from app.domain.errors import (
    ActiveCaseExists,
    CreatorCannotReview,
    OverrideAlreadyActive,
    Refusal,
    SelfReviewForbidden,
    Unavailable,
)

RETRY_S = 1

DATABASE_ERRORS = (SQLAlchemyError, OSError, PostgresError, InterfaceError)
"""What the use of a database raises: SQLAlchemy's errors, the system's, and the driver's own."""

# The guards refuse all of these first, under the lock; the constraints hold where a guard is wrong.
_REFUSALS: dict[str, type[Refusal]] = {
    "uq_cases_active_subject": ActiveCaseExists,
    "uq_overrides_pending_case": OverrideAlreadyActive,
    "uq_overrides_pending_subject": OverrideAlreadyActive,
    "ck_override_reviewers_reviewer_is_not_creator": CreatorCannotReview,
    "ck_overrides_decider_is_not_creator": SelfReviewForbidden,
}

# SQLite names the columns of a unique index, not the index.
_SQLITE_UNIQUE = {
    "cases.subject_id": "uq_cases_active_subject",
    "overrides.case_id": "uq_overrides_pending_case",
    "overrides.subject_id": "uq_overrides_pending_subject",
}

_ACTOR = "case_actions.user_id"


class AuthorityChanged(Exception):
    """What the actor may do has changed since they were looked up; nothing is done."""


# serialization_failure, deadlock_detected: PostgreSQL, appendix A. Where COMMIT tells of them, nothing is done.
_RETRYABLE = {"40001", "40P01"}

# read_only_sql_transaction: what a standby answers to each write, before anything of it is done.
_READ_ONLY = "25006"

# lock_not_available, also by `lock_timeout`.
_LOCK_TIMEOUT = "55P03"

# PostgreSQL, appendix A, by class or code: no connection, no resources (as disk_full), shut down, crashed, starting up;
# and what is given up after a while: a statement, a lock that is waited for, a transaction that says nothing.
_AWAY = ("08", "53", "57P01", "57P02", "57P03", "57014", "55P03", "25P03")

# https://www.sqlite.org/rescode.html, primary codes; where a disk is full, it may be reported as an I/O error too.
_SQLITE_AWAY = {
    sqlite3.SQLITE_BUSY,
    sqlite3.SQLITE_CANTOPEN,
    sqlite3.SQLITE_FULL,
    sqlite3.SQLITE_INTERRUPT,
    sqlite3.SQLITE_IOERR,
}

_SYSTEM_AWAY = {errno.EDQUOT, errno.EHOSTUNREACH, errno.ENETUNREACH, errno.ENOSPC, errno.ETIMEDOUT}


def violated_constraint(error: IntegrityError) -> str | None:
    """Return the name of the constraint that *error* is about, where the engine tells it."""
    name: str | None = getattr(error.orig.__cause__, "constraint_name", None) if error.orig else None
    if name is not None:
        return name
    _, _, what = str(error.orig).partition(" constraint failed: ")
    return _SQLITE_UNIQUE.get(what, what or None)


def refusal_of(error: IntegrityError) -> Refusal | None:
    """Return the refusal that the violated constraint stands for, None where it is a fault."""
    kind = _REFUSALS.get(violated_constraint(error) or "")
    return None if kind is None else kind("input")


def is_authority_gone(error: IntegrityError) -> bool:
    """Tell whether a row was refused since what its actor may do has changed (`changes.inserted_by`)."""
    cause = getattr(error.orig, "__cause__", None)
    where = f"{getattr(cause, 'table_name', None)}.{getattr(cause, 'column_name', None)}"
    return where == _ACTOR or str(error.orig) == f"NOT NULL constraint failed: {_ACTOR}"


def is_retryable(error: DBAPIError) -> bool:
    """Tell whether all was rolled back only because of another transaction, or of the connection it was sent by."""
    is_busy = getattr(error.orig, "sqlite_errorcode", 0) & 0xFF == sqlite3.SQLITE_BUSY
    is_of_connection = is_read_only(error.orig) or is_outdated(error.orig)
    return is_busy or is_of_connection or getattr(error.orig, "sqlstate", None) in _RETRYABLE


def is_read_only(error: BaseException | None) -> bool:
    """Tell whether PostgreSQL refused to write at all, as a standby does."""
    return getattr(error, "sqlstate", None) == _READ_ONLY


def is_outdated(error: BaseException | None) -> bool:
    """Tell whether PostgreSQL refused a prepared statement whose result has other types since a migration."""
    return isinstance(getattr(error, "__cause__", None), InvalidCachedStatementError)


def gave_up_waiting(error: DBAPIError) -> bool:
    """Tell whether PostgreSQL refused to wait any longer for a lock."""
    return getattr(error.orig, "sqlstate", None) == _LOCK_TIMEOUT


def unavailable_of(fault: BaseException, request_id: str) -> Unavailable | None:
    """Return how to tell that the database is away or full, or a disk is; None where *fault* is about anything else."""
    original = (fault.orig or fault) if isinstance(fault, DBAPIError) else fault
    is_away = (
        (isinstance(fault, DBAPIError) and fault.connection_invalidated)
        or isinstance(original, ConnectionError | PoolExhausted)
        or (isinstance(original, OSError) and original.errno in _SYSTEM_AWAY)
        or str(getattr(original, "sqlstate", None)).startswith(_AWAY)
        or getattr(original, "sqlite_errorcode", 0) & 0xFF in _SQLITE_AWAY
    )
    return Unavailable(seconds=RETRY_S, requestId=request_id) if is_away else None
