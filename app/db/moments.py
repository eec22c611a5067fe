"""Arithmetic of stored times in SQL, exact to the microsecond on both engines."""

from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import BigInteger, ColumnElement, literal_column
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.compiler import SQLCompiler
from sqlalchemy.sql.functions import FunctionElement

from app.db.columns import UtcDateTime


class _Shifted(FunctionElement[datetime]):
    inherit_cache = True
    type = UtcDateTime()


def shifted(time: ColumnElement[datetime], by: timedelta) -> ColumnElement[datetime]:
    """Return the time that is *by*, whole seconds, later than the stored *time*, or earlier."""
    return _Shifted(time, literal_column(str(int(by.total_seconds()))))


@compiles(_Shifted, "postgresql")
def _plus(element: _Shifted, compiler: SQLCompiler, **kw: Any) -> str:
    time, seconds = (compiler.process(clause, **kw) for clause in element.clauses)
    return f"({time} + interval '1 second' * {seconds})"


@compiles(_Shifted, "sqlite")
def _text(element: _Shifted, compiler: SQLCompiler, **kw: Any) -> str:
    # SQLite's own times have milliseconds: only whole seconds are shifted, and the fraction is put behind them again.
    time, seconds = (compiler.process(clause, **kw) for clause in element.clauses)
    return f"(datetime(substr({time}, 1, 19), {seconds} || ' seconds') || substr({time}, 20))"


class _Elapsed(FunctionElement[int]):
    inherit_cache = True
    type = BigInteger()


def elapsed(since: ColumnElement[datetime], until: ColumnElement[datetime]) -> ColumnElement[int]:
    """Return the microseconds between two stored times."""
    return _Elapsed(since, until)


@compiles(_Elapsed, "postgresql")
def _difference(element: _Elapsed, compiler: SQLCompiler, **kw: Any) -> str:
    since, until = (compiler.process(clause, **kw) for clause in element.clauses)
    return f"CAST(extract(epoch FROM {until} - {since}) * 1000000 AS bigint)"


@compiles(_Elapsed, "sqlite")
def _counted(element: _Elapsed, compiler: SQLCompiler, **kw: Any) -> str:
    since, until = (compiler.process(clause, **kw) for clause in element.clauses)

    def microseconds(time: str) -> str:
        return f"(strftime('%s', substr({time}, 1, 19)) * 1000000 + substr({time}, 21))"

    return f"({microseconds(until)} - {microseconds(since)})"
