"""Anchors regularly in the background of a server, where there is something new. It never ends the server."""

import asyncio

import structlog
from obstore.exceptions import BaseError

from app.audit.anchors.checkpoint import AnchorError, AnchorsUnusable
from app.audit.anchors.writing import Anchorer
from app.db import background

log = structlog.get_logger()


async def keep_anchoring(anchorer: Anchorer, every_s: float) -> None:
    """Anchor every so many seconds, until cancelled; what goes wrong is logged, and tried again."""
    while True:
        await asyncio.sleep(every_s)
        with background.LoggedFailures("anchoring_failed", BaseError):
            await _anchor(anchorer)


async def _anchor(anchorer: Anchorer) -> None:
    try:
        written = await anchorer.anchor()
    except AnchorsUnusable as error:
        log.warning("anchoring_failed", reason=str(error))
    except AnchorError as error:
        log.error("anchoring_refused", reason=str(error))
    else:
        if written:
            log.info("anchored", number=written[-1].number, rows=written[-1].size, key=written[-1].key)
