"""Whether the logs are anchored, lately, and in a place where nobody can change the anchors."""

from datetime import datetime, timedelta
from uuid import UUID

from sqlalchemy import func, select, tuple_

from app.audit.anchors.checkpoint import Anchor
from app.audit.anchors.places import AnchorStore, Bucket
from app.clock import Clock
from app.db import tables
from app.db.diagnosis.diagnosis import Diagnosis, fault, note, ok, warning
from app.db.engines import Database

LONGEST = timedelta(minutes=10)
BY_HAND = timedelta(days=1)
"""How late anchors may be where no server writes them, but `casegate log anchor` does."""
ROWS = 10_000


async def anchor_findings(database: Database, place: AnchorStore, every: float, now: Clock) -> list[Diagnosis]:
    """Return what there is to say of the anchors at *place*, which a server writes each *every* seconds, 0 for never.

    Raises: AnchorError.
    """
    last = await place.last()
    return [await _age(database, last, every, now()), await _lock(place, last)]


async def _age(database: Database, last: Anchor | None, every: float, now: datetime) -> Diagnosis:
    if last is None and not every:
        return warning(
            "anchors",
            "none are written",
            "set CASEGATE_ANCHORS_URL to a bucket with object lock: without anchors the database's owner can rewrite"
            " the log unseen",
        )
    if last is None:
        return note("anchors", "none yet", "a server writes the first one soon after it starts, where there are rows")
    since = await _unanchored_since(database, last)
    longest = max(LONGEST, timedelta(seconds=10 * every)) if every else BY_HAND
    said = f"the last one is of {last.checkpoint.time}"
    if since is not None and now - since > longest:
        return fault(
            "anchors",
            f"{said}, and rows have waited for one since {since.isoformat(timespec='seconds')}",
            "look for anchoring_refused and anchoring_failed in the servers' log; `casegate log anchor` says why not",
        )
    return ok("anchors", said)


async def _unanchored_since(database: Database, last: Anchor) -> datetime | None:
    """Return when the first rows were written that come after the *last* anchor; it looks at some of them."""
    column = tables.case_actions.c
    position, action_id = last.checkpoint.position, UUID(last.checkpoint.action_id)
    waiting = (
        select(column.created_at)
        .where(
            column.account_id.in_(select(tables.accounts.c.id)),
            tuple_(column.position, column.id) > tuple_(position, action_id),
        )
        .limit(ROWS)
        .subquery()
    )
    async with database.read() as connection:
        found: datetime | None = await connection.scalar(select(func.min(waiting.c.created_at)))
    return found


async def _lock(place: AnchorStore, last: Anchor | None) -> Diagnosis:
    check, advice = "object lock", "use a bucket with object lock in compliance mode, and a default retention"
    if not isinstance(place, Bucket):
        return note(check, "the anchors are in a file, which its owner can rewrite", advice)
    if last is None:
        return note(check, "no anchor yet to look at", advice)
    retention = await place.retention(last.checkpoint.number)
    if retention is None:
        return warning(
            check,
            "the last anchor has no lock, or this role may not see it (s3:GetObjectRetention)",
            f"{advice}: who can write to this one can take anchors away",
        )
    mode, until = retention
    if mode.upper() != "COMPLIANCE":
        return warning(check, f"{mode}, until {until}", f"{advice}: a lock of another mode can be lifted")
    return ok(check, f"{mode}, until {until}")
