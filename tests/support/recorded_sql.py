"""Records the SQL that a piece of a test causes, each statement as its verb and its tables.

What runs beside it, as the gateway's housekeeping, has another context and is not recorded.
"""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any

from sqlalchemy import Engine, event

_TABLE = re.compile(r"\b(?:FROM|JOIN|INTO|UPDATE) (\w+)")
# The last is what a dump's transactions are numbered from.
_NO_TABLE = re.compile(r"anon_\d+|write_\d+|json_each|unnest|OF|server_keys")
_sent: ContextVar[list[str] | None] = ContextVar("sent", default=None)


def outline(statement: str) -> str:
    """Return `SELECT users user_roles` for a statement: the verb, and each table once, in the order of the text."""
    tables = dict.fromkeys(_TABLE.findall(" ".join(statement.split())))
    return " ".join([statement.split()[0], *(name for name in tables if not _NO_TABLE.fullmatch(name))])


def _note(_connection: Any, _cursor: Any, statement: str, *_more: Any) -> None:
    sent = _sent.get()
    # BEGIN and ROLLBACK are no round trips on SQLite, and PostgreSQL's driver sends them unseen. The last asks a
    # connection that nobody has used for some seconds whether it is still good, as there is on a slow machine.
    if sent is not None and not statement.startswith(("BEGIN", "ROLLBACK")) and statement != "SELECT 1":
        sent.append(statement)


@contextmanager
def sql() -> Iterator[list[str]]:
    """Yield a list that fills with the statements, to whatever database."""
    sent: list[str] = []
    token = _sent.set(sent)
    event.listen(Engine, "before_cursor_execute", _note)
    try:
        yield sent
    finally:
        event.remove(Engine, "before_cursor_execute", _note)
        _sent.reset(token)


@contextmanager
def recorded() -> Iterator[list[str]]:
    """Yield a list that has the outlines of the statements once the block is left."""
    reported: list[str] = []
    with sql() as sent:
        yield reported
    reported += map(outline, sent)
