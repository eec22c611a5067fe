"""The URLs of replicas: each names one server."""

from collections.abc import Sequence

from sqlalchemy.engine import URL

from app.db.urls import database_url

MOST = 16
_WRITES = ("read-write", "primary")


def replica_urls(listed: str) -> tuple[URL, ...]:
    """Return the URLs that are *listed* with blanks between them.

    Raises: ValueError, which says of which one what is wrong, and nothing of passwords.
    """
    written = listed.split()
    if len(written) > MOST:
        raise ValueError(f"it has {len(written)} URLs, and {MOST} are the most")
    urls: list[URL] = []
    for number, url in enumerate(written, 1):
        try:
            urls.append(_replica_url(url, urls))
        except ValueError as error:
            raise ValueError(f"URL {number}: {error}") from None
    return tuple(urls)


def server_name(url: URL) -> str:
    """Return the host and port of a replica."""
    host = url.host or str(url.query.get("host", "")) or "the local socket"
    return f"{host}:{url.port or url.query.get('port') or 5432}"


def _replica_url(written: str, before: Sequence[URL]) -> URL:
    url = database_url(written)
    if url.get_backend_name() != "postgresql":
        raise ValueError("a replica is a server of PostgreSQL: use postgresql://user:password@host/name")
    if "," in str(url.query.get("host", "")):
        raise ValueError("it names several hosts: a replica's URL names one, since each server has its own position")
    attributes = url.query.get("target_session_attrs")
    if attributes in _WRITES:
        raise ValueError(f"its parameter target_session_attrs={attributes} asks for a server that takes writes")
    if server_name(url) in map(server_name, before):
        raise ValueError(f"{server_name(url)} is named twice")
    return url
