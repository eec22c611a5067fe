"""Records the statements of traced operations; for others it costs a look at a context variable.

SQLAlchemy's cursor events are an engine's: it would make objects for each connection, traced or not.
"""

from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, nullcontext
from typing import Any

from sqlalchemy import event
from sqlalchemy.ext.asyncio import AsyncEngine

from app.db.sqlite.driver import BoundStatement
from app.observability.recorder import AROUND

_UNWATCHED = nullcontext()


def watched(sent: Sequence[BoundStatement]) -> AbstractContextManager[Any]:
    """Return what is to be entered while these statements are executed."""
    around = AROUND.get()
    return _UNWATCHED if around is None else around.statements([sql for sql, _parameters in sent])


def let_watch(engine: AsyncEngine) -> None:
    """Let those be watched as well that SQLAlchemy executes on *engine*."""
    for name in ("do_execute", "do_executemany", "do_execute_no_params"):
        event.listen(engine.sync_engine, name, _done_by(name))


def _done_by(name: str) -> Callable[..., bool]:
    def execute(cursor: Any, statement: str, *rest: Any) -> bool:
        """Do it in place of the dialect, if it is watched, and tell whether it was."""
        around = AROUND.get()
        if around is None:
            return False
        context = rest[-1]
        with around.statements([statement]):  # its parameters are not recorded
            getattr(context.dialect, name)(cursor, statement, *rest)
        return True

    return execute
