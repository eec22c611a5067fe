"""Documents that clients name instead of sending them: registered beforehand in a manifest, or by themselves.

What a name stands for is decided here, not whether the document is any good.
"""

import hashlib
from collections import OrderedDict
from collections.abc import Mapping
from enum import StrEnum
from pathlib import Path

import orjson
import structlog

from app.domain.errors import (
    DocumentNotTrusted,
    PersistedQueryMismatch,
    PersistedQueryNotFound,
    PersistedQueryNotSupported,
)

REMEMBERED_BYTES = 8 * 1024 * 1024

log = structlog.get_logger()


class Mode(StrEnum):
    """What the manifest is for: nothing; to learn what else is sent; to refuse it; to refuse even its own texts."""

    OFF = "off"
    LOG = "log"
    ALLOW_LIST = "allow-list"
    ONLY = "only"


class ManifestError(ValueError):
    """The manifest can't be used; the message says why."""


def read_manifest(path: Path) -> dict[str, str]:
    """Return a manifest's documents by their ids, in Relay's format (an object) or Apollo's (with `operations`).

    Raises: ManifestError.
    """
    try:
        found = orjson.loads(path.read_bytes())
    except (OSError, orjson.JSONDecodeError) as error:
        raise ManifestError(f"{path} can't be read: {getattr(error, 'strerror', None) or 'it is not JSON'}") from None
    if isinstance(found, dict) and found.get("format") == "apollo-persisted-query-manifest":
        operations = found.get("operations")
        listed = operations if isinstance(operations, list) else [None]
        pairs = [(item.get("id"), item.get("body")) if isinstance(item, dict) else (None, None) for item in listed]
    else:
        pairs = list(found.items()) if isinstance(found, dict) else [(None, None)]
    documents = {id_: text for id_, text in pairs if isinstance(id_, str) and isinstance(text, str)}
    if len(documents) != len(pairs):
        raise ManifestError(f"{path} is no manifest: an object of texts by their ids, or Apollo's format")
    return documents


class TrustedDocuments:
    """Finds the document that a request names or brings."""

    def __init__(self, documents: Mapping[str, str], mode: Mode, remembered: int = 0) -> None:
        self._documents = documents
        self._texts = frozenset(documents.values())
        self._mode = mode
        self._remembered_max = remembered
        self._remembered: OrderedDict[str, str] = OrderedDict()
        self._bytes = 0

    def find(
        self, query: str | None, document_id: str | None, extensions: Mapping[str, object]
    ) -> tuple[str | None, bool]:
        """Return the document, None where the request has none, and whether it is a trusted one, named by its id.

        Raises: PersistedQueryNotFound, PersistedQueryNotSupported, PersistedQueryMismatch, DocumentNotTrusted.
        """
        named = document_id or _persisted_hash(extensions)
        if named is None:
            return (None, False) if query is None else (self._sent(query), False)
        if self._mode is not Mode.OFF and named in self._documents:
            return self._documents[named], True
        if document_id is not None and query is None and document_id not in self._remembered:
            raise PersistedQueryNotFound()
        text = self._automatic(named, query)
        return self._sent(text), False

    @property
    def _learns(self) -> bool:
        return self._remembered_max > 0 and self._mode in (Mode.OFF, Mode.LOG)

    def _sent(self, query: str) -> str:
        """Return a text that was sent as such, if such are taken."""
        if self._mode is Mode.OFF or (query in self._texts and self._mode is not Mode.ONLY):
            return query
        if self._mode is Mode.LOG:
            log.warning("document_not_trusted", document=hashlib.sha256(query.encode()).hexdigest()[:16])
            return query
        raise DocumentNotTrusted()

    def _automatic(self, named: str, query: str | None) -> str:
        """Return what the hash stands for, or learn it: Apollo's automatic persisted queries."""
        if query is None:
            if not self._learns:
                raise PersistedQueryNotSupported()
            if named not in self._remembered:
                raise PersistedQueryNotFound()
            self._remembered.move_to_end(named)
            return self._remembered[named]
        if hashlib.sha256(query.encode()).hexdigest() != named:
            raise PersistedQueryMismatch()
        self._remember(named, query)
        return query

    def _remember(self, named: str, query: str) -> None:
        if not self._learns or named in self._remembered:
            return
        self._remembered[named] = query
        self._bytes += len(query)
        while len(self._remembered) > self._remembered_max or self._bytes > REMEMBERED_BYTES:
            _, forgotten = self._remembered.popitem(last=False)
            self._bytes -= len(forgotten)


def _persisted_hash(extensions: Mapping[str, object]) -> str | None:
    persisted = extensions.get("persistedQuery")
    found = persisted.get("sha256Hash") if isinstance(persisted, dict) else None
    return found if isinstance(found, str) and found else None
