"""Background tasks: what fails in one is logged, and holds up nothing that comes after it."""

import asyncio

import pytest
from sqlalchemy.exc import SQLAlchemyError
from structlog.testing import capture_logs

from app.db.background import LoggedFailures


@pytest.mark.parametrize("away", [ConnectionRefusedError(), SQLAlchemyError(), TimeoutError(), LookupError()])
def test_what_is_away_for_a_while_is_a_warning_without_a_traceback(away: Exception) -> None:
    with capture_logs() as lines, LoggedFailures("look_failed", LookupError, server="a"):
        raise away

    assert lines == [{"event": "look_failed", "log_level": "warning", "reason": type(away).__name__, "server": "a"}]


def test_a_fault_is_an_error_with_its_traceback() -> None:
    fault = ValueError("x")

    with capture_logs() as lines, LoggedFailures("look_failed"):
        raise fault

    assert lines == [{"event": "look_failed", "log_level": "error", "reason": "ValueError", "exc_info": fault}]


def test_a_cancellation_is_no_failure() -> None:
    with capture_logs() as lines, pytest.raises(asyncio.CancelledError), LoggedFailures("look_failed"):
        raise asyncio.CancelledError

    assert lines == []
