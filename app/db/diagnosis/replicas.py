"""Whether the replicas that queries are to read from can be read from."""

import asyncio
import time
from collections.abc import Sequence

from sqlalchemy.engine import URL
from sqlalchemy.exc import SQLAlchemyError

from app.db.diagnosis.diagnosis import Diagnosis, note, ok, warning
from app.db.engines import Database
from app.db.replicas.replica import TOO_FAR_BEHIND, Replica
from app.db.replicas.routing import LOOK_S, look_at_primary
from app.db.replicas.wal_positions import PrimaryHistory
from app.db.timeouts import Timeouts

_BEHIND = "it is not read from: see what holds its replay back, as a long query there, or raise CASEGATE_REPLICA_LAG"
_ADVICE = "it is not read from: see that its URL leads to one standby of the primary, on which Casegate's role may read"


async def replica_findings(
    primary: Database, urls: Sequence[URL], lag_max: float, *, behind_pooler: bool
) -> list[Diagnosis]:
    """Return what there is to say of each replica, which has *lag_max* seconds to replay what the primary has now."""
    replicas = [
        Replica(number, url, primary, 1, Timeouts(), behind_pooler=behind_pooler) for number, url in enumerate(urls, 1)
    ]
    try:
        return list(await asyncio.gather(*(_finding(replica, primary, lag_max) for replica in replicas)))
    finally:
        for replica in replicas:
            await replica.close()


async def _finding(replica: Replica, primary: Database, lag_max: float) -> Diagnosis:
    history, began = PrimaryHistory(), time.monotonic()
    try:
        identity = await look_at_primary(primary, history)
    except (SQLAlchemyError, OSError) as error:
        reason = type(error).__name__
        return note(replica.name, f"{replica.server} was not looked at: the primary does not answer ({reason})")
    while True:
        await replica.look(history, identity, lag_max)
        seconds = time.monotonic() - began
        if replica.reason != TOO_FAR_BEHIND or seconds > lag_max:
            break
        await asyncio.sleep(LOOK_S)
    if replica.reason is None:
        return ok(replica.name, f"{replica.server} had replayed all of the primary within {seconds:.1f} s")
    advice = _BEHIND if replica.reason == TOO_FAR_BEHIND else _ADVICE
    return warning(replica.name, f"{replica.server} {replica.reason}", advice)
