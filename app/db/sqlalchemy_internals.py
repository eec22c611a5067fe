"""The private parts of SQLAlchemy, and of its adapter for asyncpg, that statements sent without it go by.

What they gain stands in `app.db.prepared` and `app.db.transactions`; tests/internals/test_private_names.py holds them
against the library. *adapted* is the adapter's connection (`Connection.connection.dbapi_connection`).
"""

from typing import Any, NoReturn

from sqlalchemy import Connection
from sqlalchemy.types import TypeEngine

from app.db.columns import Processor


def result_types(compiled: Any) -> list[TypeEngine[Any]]:
    """Return the types of the columns that a compiled statement gives, in their order."""
    return [column[3] for column in compiled._result_columns]  # noqa: SLF001


def bind_processor(compiled: Any, name: str) -> Processor | None:
    """Return what a compiled statement writes a parameter by; None where the driver takes it as it is."""
    processor: Processor | None = compiled._bind_processors.get(name)  # noqa: SLF001
    return processor


def has_listeners(connection: Connection) -> bool:
    """Tell whether anything listens to the connection's events, as SQLAlchemy asks itself before it dispatches them."""
    return connection._has_events or connection.engine._has_events  # noqa: SLF001


def has_begun(adapted: Any) -> bool:
    """Tell whether the driver's transaction has begun: the adapter begins it with the first statement."""
    return adapted._transaction is not None  # noqa: SLF001


async def begin(adapted: Any) -> None:
    """Begin the driver's transaction."""
    await adapted._start_transaction()  # noqa: SLF001


async def commit(adapted: Any) -> None:
    """Commit the driver's transaction, as the adapter's own `commit` does."""
    await adapted._call_and_discard(adapted._transaction.commit)  # noqa: SLF001


def raise_adapted(adapted: Any, error: Exception) -> None:
    """Raise the driver's *error* as the interface of databases (PEP 249) has it, where it is one of those."""
    adapted._handle_exception(error)  # noqa: SLF001


def fail_execution(
    connection: Connection, error: BaseException, statement: str | None, parameters: Any, execution: Any
) -> NoReturn:
    """Do what SQLAlchemy does where its own execution fails: tell listeners, let go of what is lost, and raise."""
    connection._handle_dbapi_exception(error, statement, parameters, None, execution)  # noqa: SLF001
