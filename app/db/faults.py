"""What a database's error means: a constraint that is a refusal, a conflict worth another try, or a fault."""

from sqlalchemy.exc import DBAPIError, IntegrityError

from app.domain.errors import (
    ActiveCaseExists,
    CreatorCannotReview,
    OverrideAlreadyActive,
    Refusal,
    SelfReviewForbidden,
)

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

_RETRYABLE = {"40001", "40P01"}  # serialization_failure, deadlock_detected: PostgreSQL, appendix A


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


def is_retryable(error: DBAPIError) -> bool:
    """Tell whether the whole transaction was rolled back only because of another one."""
    return getattr(error.orig, "sqlstate", None) in _RETRYABLE
