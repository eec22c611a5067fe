"""The end of erasures: deletes the bytes of documents, and on SQLite what is left of words in its files.

The transaction of an erasure notes down what is to be done (`unfinished_erasures`). It is done as soon as that is over;
what was cut off is done by the housekeeping.
"""

from uuid import UUID

from obstore.exceptions import BaseError
from sqlalchemy import delete

from app.db import background, tables
from app.db.engines import Database
from app.db.erasing import unfinished_erasures
from app.db.id_sets import among
from app.db.sqlite.purging import purge
from app.documents.store import DocumentStore

BATCH = 200
FAILURES_MAX = 20
"""After so many the store is taken for away until the next time."""


async def finish_when_erased(database: Database, store: DocumentStore) -> None:
    """Finish erasures as soon as they are made, for as long as the gateway runs."""
    while True:
        await database.erased.wait()
        database.erased.clear()
        await finish_to_the_end(database, store)


async def finish_to_the_end(database: Database, store: DocumentStore) -> None:
    """Finish erasures, also where whoever waits is cancelled: a transaction of SQLite's is not to be cut off."""
    await background.to_the_end(_finish_or_log(database, store))


async def _finish_or_log(database: Database, store: DocumentStore) -> None:
    with background.LoggedFailures("erasure_unfinished", BaseError):  # the housekeeping tries again
        await finish_erasures(database, store)


async def finish_erasures(database: Database, store: DocumentStore) -> int:
    """Do what erasures have left to be done; return of how many things. Several may do it at once.

    What can't be deleted is left for the next time, and holds up nothing else.
    """
    done, failures, after = 0, 0, None
    is_clean = True
    while failures < FAILURES_MAX:
        async with database.read() as connection:
            found = await unfinished_erasures(connection, after, BATCH)
        if not found:
            break
        after = found[-1][1]
        deleted = [id for account_id, id in found if await _is_deleted(store, account_id, id)]
        failures += len(found) - len(deleted)
        # Where somebody reads what was there before, the words go the next time; the bytes of all go now.
        is_clean = is_clean and (not database.is_sqlite or await purge(database))
        if is_clean and deleted:
            async with database.write() as connection:
                which = among(tables.unfinished_erasures.c.id, deleted)
                await connection.execute(delete(tables.unfinished_erasures).where(which))
            done += len(deleted)
    return done


async def _is_deleted(store: DocumentStore, account_id: UUID, document_id: UUID) -> bool:
    with background.LoggedFailures("bytes_not_deleted", BaseError, document=str(document_id)):
        await store.delete(account_id, [document_id])
        return True
    return False
