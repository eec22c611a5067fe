"""Receipts: whether a row of the log, which an action was answered with, still stands."""

import strawberry

from app.api.context import Context
from app.api.fields import described
from app.api.types.log import CaseAction
from app.db.repository import log
from app.domain.errors import InvalidId
from app.domain.validation import parse_id


@strawberry.type(description="What has become of a row that somebody has a receipt of.")
class Receipt:
    stands: bool = described("Whether the case's log has a row of this hash at this place.")
    action: CaseAction | None = described("The row that is at this place now; null where there is none.")


async def receipt(context: Context, case_id: str, seq: int, hash: str) -> Receipt | None:
    """Return what has become of the row; None where the account has no such case. Raises: InvalidId."""
    id_ = parse_id(case_id)
    if id_ is None:
        raise InvalidId("caseId")
    async with context.database.read() as connection:
        place = await log.row_at(connection, context.actor.account_id, id_, seq)
    if place is None:
        return None
    found = place.action
    return Receipt(stands=found is not None and found.hash == hash.lower(), action=found)  # type: ignore[arg-type]  # the row stands for its type
