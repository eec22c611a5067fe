"""The end of erasures: deletes the bytes of documents, and on SQLite what is left of words in its files.

The transaction of an erasure notes down what is to be done (`unfinished_erasures`). It is done as soon as that is over;
what was cut off is done by the housekeeping.
"""

import structlog
from sqlalchemy import delete

from app.db import background, tables
from app.db.engines import Database
from app.db.erasing import unfinished_erasures
from app.db.id_sets import among
from app.db.sqlite.purging import purge
from app.documents.store import DocumentStore

BATCH = 200

log = structlog.get_logger()


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
    try:
        await finish_erasures(database, store)
    except Exception as error:  # the store is another system; the housekeeping tries again
        log.warning("erasure_unfinished", reason=type(error).__name__)


async def finish_erasures(database: Database, store: DocumentStore) -> int:
    """Do what erasures have left to be done; return of how many things. Several may do it at once."""
    done = 0
    while True:
        async with database.read() as connection:
            found = await unfinished_erasures(connection, BATCH)
        if not found:
            return done
        for account_id, document_id in found:
            await store.delete(account_id, [document_id])
        if database.is_sqlite and not await purge(database):
            return done  # somebody reads what was there before; the next time it goes
        async with database.write() as connection:
            which = among(tables.unfinished_erasures.c.id, [item[1] for item in found])
            await connection.execute(delete(tables.unfinished_erasures).where(which))
        done += len(found)
