"""Dispatches SQLAlchemy's events for statements that go to a driver without SQLAlchemy."""

from collections.abc import Sequence
from typing import Any

from sqlalchemy import Connection

from app.db.sqlite.driver import BoundStatement


class Execution:
    """What listeners get to know one execution by."""

    executemany = False

    def handle_dbapi_exception(self, _error: BaseException) -> None:
        """Do nothing: there is no cursor."""


def dispatch_before(connection: Connection, sent: Sequence[BoundStatement], execution: Execution) -> None:
    """Tell that statements are about to be executed."""
    if _are_there(connection):
        _dispatch(connection.dispatch.before_cursor_execute, connection, sent, execution)


def dispatch_after(connection: Connection, sent: Sequence[BoundStatement], execution: Execution) -> None:
    """Tell that statements were executed."""
    if _are_there(connection):
        _dispatch(connection.dispatch.after_cursor_execute, connection, sent, execution)


def _are_there(connection: Connection) -> bool:
    return connection._has_events or connection.engine._has_events  # noqa: SLF001  # as it asks itself


def _dispatch(listeners: Any, connection: Connection, sent: Sequence[BoundStatement], execution: Execution) -> None:
    for listen in listeners:
        for sql, parameters in sent:
            listen(connection, None, sql, tuple(parameters), execution, False)
