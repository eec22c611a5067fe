"""Purging: what was deleted leaves SQLite's files too, as far as it stands anywhere else than in free space.

Pages and rows that become free are overwritten as they do (`secure_delete`). What remains is in the index of words,
whose segments keep deleted words until they are merged, and in the write-ahead log until it is cut off.
"""

from app.db.engines import Database

STEP = 500
"""Pages of the index that are merged in one transaction."""
STEPS_MAX = 10_000
PATIENCE_MS = 200


async def purge(database: Database) -> bool:
    """Merge the index of words to one segment, step by step, and cut off the write-ahead log.

    Return whether that was possible: who reads an older state of the database keeps its log from being cut off.
    """
    pages = -STEP  # the first time, it starts a merge even of few segments (FTS5, section 6.8)
    for _ in range(STEPS_MAX):
        async with database.write() as connection:
            before = (await connection.exec_driver_sql("SELECT total_changes()")).scalar_one()
            await connection.exec_driver_sql("INSERT INTO case_words (case_words, rank) VALUES ('merge', ?)", (pages,))
            after = (await connection.exec_driver_sql("SELECT total_changes()")).scalar_one()
        if after - before < 2:
            break
        pages = STEP
    # One that reads begins no transaction by itself, in which nothing could be cut off; to do it is no change of data.
    async with database.reader.own() as connection:
        patience = (await connection.exec_driver_sql("PRAGMA busy_timeout")).scalar_one()
        await connection.exec_driver_sql(f"PRAGMA busy_timeout = {PATIENCE_MS}")
        try:
            is_busy = (await connection.exec_driver_sql("PRAGMA wal_checkpoint(TRUNCATE)")).one()[0]
        finally:
            await connection.exec_driver_sql(f"PRAGMA busy_timeout = {patience}")
    return not is_busy
