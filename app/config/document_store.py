"""The documents' store as settings have it."""

from app.config.environment import allows_http
from app.config.settings import Settings
from app.documents.store import DocumentStore, open_store


def documents(settings: Settings, *, make: bool = True) -> DocumentStore:
    """Return where the documents are kept; *make*: see `open_store`. Raises: OSError."""
    return open_store(settings.documents_url, settings.data_dir, make=make, allow_http=allows_http())
