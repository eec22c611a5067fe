"""SQLAlchemy's engines for PostgreSQL: one that writes, such as read, and one for connections to be kept.

Behind a pooler that gives a server's connection for a transaction, nothing may be left on a connection.
"""

import time
from collections.abc import Sequence
from typing import Any

from sqlalchemy import ExceptionContext, event
from sqlalchemy.engine import URL
from sqlalchemy.exc import DisconnectionError
from sqlalchemy.ext.asyncio import AsyncEngine, create_async_engine
from sqlalchemy.pool import ConnectionPoolEntry, NullPool

from app.db.connections import PING_AFTER_S, Connections
from app.db.errors import is_outdated, is_read_only
from app.db.postgresql.hosts import HostConnector
from app.db.sqlalchemy_internals import has_begun
from app.db.timeouts import Timeouts
from app.db.urls import asyncpg_arguments
from app.db.watching import watched

CONNECT_S = 5


def writer_engine(url: URL, size: int, timeouts: Timeouts, *, behind_pooler: bool) -> AsyncEngine:
    """Return the engine that writes. Its commits wait for the disk, wherever that is ours to say."""
    engine = _engine(url, _settings(timeouts, behind_pooler, read_only=False), timeouts.pool_options(size))
    _ping_after_a_pause(engine)
    if not behind_pooler:
        _commit_durably(engine)
    return engine


def reader_engine(url: URL, size: int, timeouts: Timeouts, *, behind_pooler: bool) -> AsyncEngine:
    """Return an engine of *size* connections that read, without a transaction around each statement."""
    options = timeouts.pool_options(size) | {"isolation_level": "AUTOCOMMIT"}
    engine = _engine(url, _settings(timeouts, behind_pooler, read_only=True), options)
    _ping_after_a_pause(engine)
    _prepare_outdated_anew(engine)
    return engine


def dedicated_engine(url: URL, timeouts: Timeouts) -> AsyncEngine:
    """Return an engine without a pool, for connections that are kept for as long as they last."""
    options = {"poolclass": NullPool, "hide_parameters": True, "isolation_level": "AUTOCOMMIT"}
    return _engine(url, _own(timeouts, read_only=True), options)


def plain_engine(url: URL, *, behind_pooler: bool) -> AsyncEngine:
    """Return an engine without a pool that sets nothing on its sessions: they are as the server makes them."""
    options = {"poolclass": NullPool, "hide_parameters": True, "isolation_level": "AUTOCOMMIT"}
    return _engine(url, {**(_shared() if behind_pooler else {}), "server_settings": {}}, options)


def drop_when_useless(writer: AsyncEngine, pools: Sequence[Connections]) -> None:
    """Drop the connections of all *pools* where the *writer* finds one that is of no use, as the others then are.

    A server that takes no writes any more has become a standby, or is reached by a name that now leads to one: what
    reads there would read what is past. Where a migration has changed the types of a result, each connection has
    statements that were prepared before; within a transaction, one of them fails it.
    """

    @event.listens_for(writer.sync_engine, "handle_error")
    def look(context: ExceptionContext) -> None:
        if is_read_only(context.original_exception):
            context.is_disconnect = True
        elif not is_outdated(context.original_exception):
            return
        for connections in pools:
            connections.renew()


def _settings(timeouts: Timeouts, behind_pooler: bool, *, read_only: bool) -> dict[str, object]:
    return _shared() if behind_pooler else _own(timeouts, read_only=read_only)


def _commit_durably(engine: AsyncEngine) -> None:
    """Wait for the disk with each commit, also where a server or a role is set not to; what waits for more is left."""

    @event.listens_for(engine.sync_engine, "connect")
    def connect(dbapi_connection: Any, _record: object) -> None:
        cursor = dbapi_connection.cursor()
        cursor.execute(
            "SELECT set_config('synchronous_commit', 'on', false) WHERE current_setting('synchronous_commit') = 'off'"
        )
        cursor.close()
        dbapi_connection.commit()


def _prepare_outdated_anew(engine: AsyncEngine) -> None:
    """Prepare a statement anew whose result has other types since a migration, where no transaction is around it.

    Of those who listen to an engine the first one that executes is the last one that is asked, so that it has to let
    others watch itself.
    """

    driver_error: type[Exception] = engine.dialect.loaded_dbapi.Error

    @event.listens_for(engine.sync_engine, "do_execute")
    def execute(cursor: Any, statement: str, parameters: Any, context: Any) -> bool:
        with watched([(statement, parameters)]):
            execute_anew(cursor, statement, parameters, context)
        return True

    def execute_anew(cursor: Any, statement: str, parameters: Any, context: Any) -> None:
        try:
            cursor.execute(statement, parameters)
        except driver_error as error:
            is_alone = not has_begun(context.root_connection.connection.dbapi_connection)
            if not (is_alone and is_outdated(error)):
                raise
            context.handle_dbapi_exception(error)  # as after an error: what is prepared by now is forgotten
            context.pre_exec()  # the cursor knows of that
            cursor.execute(statement, parameters)


def _own(timeouts: Timeouts, *, read_only: bool) -> dict[str, object]:
    """Return what asyncpg needs for a connection that is ours alone."""
    return {
        "server_settings": {
            **_NAMED,
            "lock_timeout": str(round(timeouts.lock * 1000)),
            "statement_timeout": str(round(timeouts.statement * 1000)),
            "idle_in_transaction_session_timeout": str(round(timeouts.idle * 1000)),
            "default_transaction_read_only": "on" if read_only else "off",
            # To compile a statement, or to begin other processes for it, takes tens of milliseconds. It is done for its
            # cost as it is guessed: that of a search in a large account is guessed to be large, and is a millisecond.
            "jit": "off",
            "max_parallel_workers_per_gather": "0",
        }
    }


def _shared() -> dict[str, object]:
    """Return what asyncpg needs where the server's end changes with each transaction: nothing may be left there.

    PgBouncer takes no other settings, and knows no prepared statements before its version 1.21.
    """
    nothing_kept = {"statement_cache_size": 0, "prepared_statement_cache_size": 0}
    return {"server_settings": _NAMED, **nothing_kept, "prepared_statement_name_func": lambda: ""}


_NAMED = {"application_name": "casegate", "timezone": "UTC"}


def _engine(url: URL, settled: dict[str, Any], options: dict[str, Any]) -> AsyncEngine:
    wanted = asyncpg_arguments(url)
    settings = {**settled["server_settings"], **wanted["server_settings"]}
    connector = HostConnector(wanted)
    arguments = {"timeout": CONNECT_S, **wanted, **settled, "server_settings": settings}
    engine = create_async_engine(
        URL.create("postgresql+asyncpg", database=url.database),
        **options,
        skip_autocommit_rollback=True,
        connect_args={**arguments, "async_creator_fn": connector.connect},
    )
    event.listen(engine.sync_engine, "handle_error", _forget_values)
    return engine


def _ping_after_a_pause(engine: AsyncEngine) -> None:
    """See whether a connection is still there when it was not used for a while; a busy one would cost a round trip."""
    dialect = engine.dialect

    @event.listens_for(engine.sync_engine, "checkin")
    def used(_dbapi_connection: object, record: ConnectionPoolEntry) -> None:
        record.info["used"] = time.monotonic()

    @event.listens_for(engine.sync_engine, "checkout")
    def look(dbapi_connection: Any, record: ConnectionPoolEntry, _proxy: object) -> None:
        if time.monotonic() - record.info.get("used", time.monotonic()) < PING_AFTER_S:
            return
        try:
            dialect.do_ping(dbapi_connection)
        except Exception as error:
            raise DisconnectionError("the connection was lost while it was idle") from error


def _forget_values(context: ExceptionContext) -> None:
    """Drop the row that PostgreSQL tells in an error's DETAIL: a log would show it with the traceback."""
    cause = context.original_exception.__cause__
    if getattr(cause, "detail", None):
        cause.detail = None  # type: ignore[union-attr]  # asyncpg's, which has no types
