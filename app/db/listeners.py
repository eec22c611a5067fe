"""Dispatches SQLAlchemy's events for statements that go to a driver without SQLAlchemy."""

from collections.abc import Sequence
from typing import Any

from sqlalchemy import Connection

from app.db.sqlalchemy_internals import has_listeners
from app.db.sqlite.driver import BoundStatement


class Execution:
    """What listeners get to know one execution by."""

    executemany = False

    def handle_dbapi_exception(self, _error: BaseException) -> None:
        """Do nothing: there is no cursor."""


def dispatch_before(connection: Connection, sent: Sequence[BoundStatement], execution: Execution) -> None:
    """Tell that statements are about to be executed."""
    if has_listeners(connection):
        _dispatch(connection.dispatch.before_cursor_execute, connection, sent, execution)


def dispatch_after(connection: Connection, sent: Sequence[BoundStatement], execution: Execution) -> None:
    """Tell that statements were executed."""
    if has_listeners(connection):
        _dispatch(connection.dispatch.after_cursor_execute, connection, sent, execution)


def _dispatch(listeners: Any, connection: Connection, sent: Sequence[BoundStatement], execution: Execution) -> None:
    for listen in listeners:
        for sql, parameters in sent:
            listen(connection, None, sql, tuple(parameters), execution, False)
