"""Watches the log's lag in the background of a server; an alarm names what holds the log back."""

import asyncio
from typing import Any

import structlog

from app.db import background
from app.db.engines import Database
from app.db.log_lag import LogLag, log_lag
from app.observability import metrics

log = structlog.get_logger()

LOOK_S = 10
"""Seconds between two looks."""
FIRST_LOOK_S = 2
"""Seconds until the first one: a server that has just started has something else to do."""


class LogWatch:
    """How far the logs lag behind, as it was last seen; *alarm*: from how many seconds on it is logged."""

    def __init__(self, database: Database, alarm: float) -> None:
        self._database = database
        self._alarm = alarm
        self.lag = LogLag()

    @property
    def is_late(self) -> bool:
        return self.lag.rows > 0 and self.lag.seconds >= self._alarm

    def details(self) -> dict[str, Any]:
        """Return what `/ready` tells of it: nothing, while rows wait no longer than is usual."""
        return {"log": self._details()} if self.is_late else {}

    async def keep(self) -> None:
        """Look again and again, until cancelled; what goes wrong is logged."""
        await asyncio.sleep(FIRST_LOOK_S)
        while not self._database.is_sqlite:
            with background.LoggedFailures("log_lag_unknown"):
                await self.look()
            await asyncio.sleep(LOOK_S)

    async def look(self) -> None:
        """Look once, note it in the metrics, and log it where it is late, or is not any more."""
        was_late = self.is_late
        self.lag = await log_lag(self._database)
        metrics.note_log_lag(self.lag.rows, self.lag.seconds)
        if self.is_late:
            log.warning("log_held_back", **self._details())
        elif was_late:
            log.info("log_goes_on")

    def _details(self) -> dict[str, object]:
        holders = [holder.plain() for holder in self.lag.holders]
        return {"rows": self.lag.rows, "seconds": round(self.lag.seconds), "heldBackBy": holders}
