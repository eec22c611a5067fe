"""Logging: one JSON line for each event, on standard error. Variables, tokens and comments have no place in it."""

import logging
import sys

import structlog


def configure(level: str) -> None:
    """Set up logging for this process; *level* is debug, info, warning or error."""
    structlog.configure(
        processors=[
            structlog.contextvars.merge_contextvars,
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            structlog.processors.format_exc_info,
            structlog.processors.JSONRenderer(),
        ],
        wrapper_class=structlog.make_filtering_bound_logger(logging.getLevelNamesMapping()[level.upper()]),
        logger_factory=_standard_error,
        # A logger that is kept goes on writing to what standard error was at its first line, be it closed since.
        cache_logger_on_first_use=False,
    )


def _standard_error(*_names: str) -> structlog.WriteLogger:
    return structlog.WriteLogger(sys.stderr)
