"""Whose documents a place has: one database's alone, as another's sweep would remove what that does not name."""

from uuid import uuid4

from app.db.engines import Database
from app.db.repository.keys import server_key
from app.db.shared_keys import shared_key
from app.documents.store import DocumentStore

IDENTITY = "database-id"


class OwnedByAnother(Exception):
    """The place has the documents of another database; the message says which, and what to do."""


async def claim(database: Database, store: DocumentStore) -> None:
    """Mark the place as this database's, where it has no owner yet. Raises: OwnedByAnother."""
    own = await shared_key(database, IDENTITY, str(uuid4()))
    found = await store.owner() or await store.own(own)
    if found != own:
        raise _another(store, found)


async def adopt(database: Database, store: DocumentStore) -> None:
    """Mark the place as this database's, whosever it was."""
    await store.own(await shared_key(database, IDENTITY, str(uuid4())), overwrite=True)


async def check(database: Database, store: DocumentStore) -> None:
    """See that the place is no other database's; nothing is changed. Raises: OwnedByAnother."""
    found = await store.owner()
    if found is None:
        return
    async with database.read() as connection:
        own = await server_key(connection, IDENTITY)
    if found != own:
        raise _another(store, found)


def _another(store: DocumentStore, owner: str) -> OwnedByAnother:
    return OwnedByAnother(
        f"{store.name} has the documents of another database ({owner}): name a place of its own by CASEGATE_DATA_DIR or"
        " CASEGATE_DOCUMENTS_URL, or, where that database is gone for good, run `casegate documents adopt`"
    )
