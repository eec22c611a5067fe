"""Arithmetic of stored times in SQL, exact to the microsecond on both engines."""

from datetime import datetime, timedelta

from sqlalchemy import BigInteger, ColumnElement, String, cast, literal_column
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


def shifted_by(time: ColumnElement[datetime], hours: ColumnElement[int]) -> ColumnElement[datetime]:
    """Return the time that is so many *hours* later than *time*, or earlier where there are fewer than none."""
    return _Shifted(time, cast(cast(hours, BigInteger) * literal_column("3600"), BigInteger))


@compiles(_Shifted, "postgresql")
def _plus(element: _Shifted, compiler: SQLCompiler, **kw: object) -> str:
    time, seconds = (compiler.process(clause, **kw) for clause in element.clauses)
    return f"({time} + interval '1 second' * {seconds})"


@compiles(_Shifted, "sqlite")
def _text(element: _Shifted, compiler: SQLCompiler, **kw: object) -> str:
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
def _difference(element: _Elapsed, compiler: SQLCompiler, **kw: object) -> str:
    since, until = (compiler.process(clause, **kw) for clause in element.clauses)
    return f"CAST(extract(epoch FROM {until} - {since}) * 1000000 AS bigint)"


@compiles(_Elapsed, "sqlite")
def _counted(element: _Elapsed, compiler: SQLCompiler, **kw: object) -> str:
    since, until = (compiler.process(clause, **kw) for clause in element.clauses)

    def microseconds(time: str) -> str:
        return f"(strftime('%s', substr({time}, 1, 19)) * 1000000 + substr({time}, 21))"

    return f"({microseconds(until)} - {microseconds(since)})"


class _LogTime(FunctionElement[str]):
    inherit_cache = True
    type = String()


def log_time(time: ColumnElement[datetime]) -> ColumnElement[str]:
    """Return a stored time as the log's rows have it: see `app.domain.action_log.time_text`."""
    return _LogTime(time)


@compiles(_LogTime, "postgresql")
def _formatted(element: _LogTime, compiler: SQLCompiler, **kw: object) -> str:
    time = compiler.process(element.clauses, **kw)
    return f"to_char({time} AT TIME ZONE 'UTC', 'YYYY-MM-DD\"T\"HH24:MI:SS.US\"Z\"')"


@compiles(_LogTime, "sqlite")
def _rewritten(element: _LogTime, compiler: SQLCompiler, **kw: object) -> str:
    time = compiler.process(element.clauses, **kw)
    return f"(substr({time}, 1, 10) || 'T' || substr({time}, 12) || 'Z')"
