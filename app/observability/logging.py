"""Logging: one JSON line for each event, on standard error. Variables, tokens and comments have no place in it.

So an exception is logged by where it was raised and not by its message, which may quote a person's words. Only the
database's messages are quoted, and only those about its own tables. Logging never fails its caller.
"""

import logging
import traceback
from collections.abc import Iterable
from typing import Required, TypedDict

import orjson
import structlog
from sqlalchemy.exc import DBAPIError
from structlog.typing import EventDict

from app import clock
from app.observability import log_output
from app.observability.metrics import dropped_lines

FRAMES_MAX = 30
_LINE = orjson.OPT_APPEND_NEWLINE | orjson.OPT_UTC_Z
_LEVELS = (logging.DEBUG, logging.INFO, logging.WARNING, logging.ERROR, logging.CRITICAL)

_threshold = logging.NOTSET


def configure(level: str) -> None:
    """Set up logging for this process; *level* is debug, info, warning or error.

    Libraries are heard from `warning` on whatever the level: at debug, drivers write down each value of a statement.
    """
    global _threshold  # noqa: PLW0603  # one for the process, as structlog's configuration is
    _threshold = logging.getLevelNamesMapping()[level.upper()]
    structlog.configure(
        processors=[structlog.processors.add_log_level, _line],
        wrapper_class=structlog.make_filtering_bound_logger(_threshold),
        logger_factory=_Lines,
        cache_logger_on_first_use=False,
    )
    root = logging.getLogger()
    for handler in [handler for handler in root.handlers if isinstance(handler, Forward)]:
        root.removeHandler(handler)
    root.addHandler(Forward(logging.WARNING))


def write(events: Iterable[EventDict]) -> None:
    """Write lines of the level info, all at once; none is looked at where they are not wanted.

    Each has what structlog would add: `event`, `level` and `timestamp`; its keys are texts. To send each line through
    structlog takes as long again, 7 % of the instructions of reading one case.
    """
    if _threshold <= logging.INFO:
        log_output.write(b"".join([_dumped(event) for event in events]))


def _line(_logger: object, _level: str, event: EventDict) -> bytes:
    event["timestamp"] = clock.now()
    cause = event.pop("exc_info", None)
    if isinstance(cause, BaseException):
        try:
            event["exception"] = exception_details(cause)
        except Exception:  # of a library that can't say what it has raised
            event["exception"] = type(cause).__name__
    return _dumped(event, _LINE | orjson.OPT_NON_STR_KEYS)


def _dumped(event: EventDict, option: int = _LINE) -> bytes:
    """Return *event* as a line; where a value can't be written as it is, all of them as texts in ASCII."""
    try:
        return orjson.dumps(event, default=repr, option=option)
    except TypeError:  # as of a path whose name is no text, or of a number beyond 64 bits
        plain = {_in_ascii(name): _in_ascii(value) for name, value in event.items()}
        return orjson.dumps(plain, option=_LINE)


def _in_ascii(value: object) -> str:
    try:
        return str(value).encode("ascii", "backslashreplace").decode()
    except Exception:  # it has no representation
        return type(value).__name__


class _Lines:
    """What structlog hands lines to."""

    def __init__(self, *_names: str) -> None:
        """Take the names that a logger is asked for by: none of them is written."""

    def msg(self, line: bytes) -> None:
        log_output.write(line)

    debug = info = warning = error = critical = msg


class Forward(logging.Handler):
    """Hands what libraries log to our own log: the template of the message, without what would be put into it."""

    def emit(self, record: logging.LogRecord) -> None:
        try:
            self._forward(record)
        except Exception:  # else the caller that logs would fail by it
            dropped_lines.inc()

    def _forward(self, record: logging.LogRecord) -> None:
        cause = record.exc_info[1] if record.exc_info else None
        event = _first_line(record.msg)[:200] if cause is None else ""
        # structlog has names for the standard levels alone.
        level = max((known for known in _LEVELS if known <= record.levelno), default=logging.DEBUG)
        logger = structlog.get_logger()
        logger.log(level, event or "library", logger=record.name, **({"exc_info": cause} if cause else {}))


class _DatabaseWords(TypedDict, total=False):
    """What a database said of an error."""

    sqlstate: str
    constraint: str
    says: str


class ExceptionDetails(_DatabaseWords):
    """One exception of a chain, as a line has it."""

    type: Required[str]
    at: Required[list[str]]


def exception_details(cause: BaseException) -> list[ExceptionDetails]:
    """Return *cause* and what led to it, each with its type, where it was raised, and what may be said of it."""
    chain: list[ExceptionDetails] = []
    seen: set[int] = set()
    current: BaseException | None = cause
    while current is not None and id(current) not in seen:
        seen.add(id(current))
        frames = traceback.extract_tb(current.__traceback__)[-FRAMES_MAX:]
        chain.append(
            {
                "type": f"{type(current).__module__}.{type(current).__qualname__}",
                **_database_words(current),
                "at": [f"{frame.filename}:{frame.lineno} {frame.name}" for frame in frames],
            }
        )
        current = current.__cause__ or (None if current.__suppress_context__ else current.__context__)
    return chain


def _database_words(cause: BaseException) -> _DatabaseWords:
    """Return what the database said, where it can't have quoted a value.

    PostgreSQL quotes values in some messages and in their details, but none where a name is unknown or forbidden
    (class 42 of its error codes); SQLite names tables and columns alone.
    """
    if not isinstance(cause, DBAPIError) or cause.orig is None:
        return {}
    state = getattr(cause.orig, "sqlstate", None)
    constraint = getattr(cause.orig.__cause__, "constraint_name", None)
    words: _DatabaseWords = {}
    if state:
        words["sqlstate"] = state
    if constraint:
        words["constraint"] = constraint
    if state is None or state.startswith("42"):
        words["says"] = _first_line(cause.orig)[:300]
    return words


def _first_line(words: object) -> str:
    return (str(words).splitlines() or [""])[0]
