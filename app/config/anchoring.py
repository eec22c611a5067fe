"""The anchors as settings have them: their place, what writes them, and the server's work beside its requests."""

from app.audit.anchors.places import AnchorStore, open_place
from app.audit.anchors.upkeep import keep_anchoring
from app.audit.anchors.writing import Anchorer
from app.config.environment import allows_http
from app.config.settings import Settings
from app.db.engines import Database

HEADS = "anchors.heads"
"""The file in the data folder that keeps the last row of each case; it is made anew where it is missing."""


def anchors(settings: Settings, named: str | None = None) -> AnchorStore:
    """Return where the anchors are kept, or the place that is *named*."""
    return open_place(settings.anchors_url if named is None else named, settings.data_dir, allow_http=allows_http())


def anchorer(database: Database, settings: Settings) -> Anchorer:
    """Return what anchors the logs."""
    return Anchorer(database, anchors(settings), settings.anchors_key, settings.data_dir / HEADS)


async def keep_anchored(database: Database, settings: Settings) -> None:
    """Anchor the logs again and again, where the settings want it."""
    if settings.anchors_every:
        await keep_anchoring(anchorer(database, settings), settings.anchors_every)
