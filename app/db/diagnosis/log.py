"""Whether an old transaction holds the account's whole log back."""

from app.db.diagnosis.diagnosis import Diagnosis, fault, ok
from app.db.engines import Database
from app.db.log_lag import BlockingTransaction, blocking_transactions

MINE = "end it: SELECT pg_terminate_backend(pid), or ROLLBACK PREPARED by its name"


async def log_finding(database: Database, longest: float) -> Diagnosis:
    """Return which transactions have been under way for more than *longest* seconds, and so hold the log back."""
    old = [holder for holder in await blocking_transactions(database) if holder.seconds >= longest]
    if old:
        return fault(
            "log position",
            f"held back by {'; '.join(map(_described, old))}",
            f"{MINE}. Until then streams, webhooks, exports and anchors show nothing that was written since",
        )
    return ok("log position", "no transaction holds the log back")


def _described(holder: BlockingTransaction) -> str:
    whose = f"the prepared transaction {holder.application}" if holder.pid is None else f"pid {holder.pid}"
    name = f" ({holder.application}, {holder.state})" if holder.pid is not None else ""
    return f"{whose}{name}, for {holder.seconds} s"
