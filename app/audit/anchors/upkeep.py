"""Anchors regularly in the background of a server, where there is something new. It never ends the server."""

import asyncio

import structlog

from app.audit.anchors.checkpoint import AnchorError, AnchorsUnusable
from app.audit.anchors.writing import Anchorer

log = structlog.get_logger()


async def keep_anchoring(anchorer: Anchorer, every_s: float) -> None:
    """Anchor every so many seconds, until cancelled; what goes wrong is logged, and tried again."""
    while True:
        await asyncio.sleep(every_s)
        try:
            written = await anchorer.anchor()
        except AnchorsUnusable as error:
            log.warning("anchoring_failed", reason=str(error))
        except AnchorError as error:
            log.error("anchoring_refused", reason=str(error))
        except Exception as error:  # the database or the bucket may be away for a while
            log.warning("anchoring_failed", reason=type(error).__name__)
        else:
            if written:
                log.info("anchored", number=written[-1].number, rows=written[-1].size, key=written[-1].key)
