"""How long an endpoint asks to be left alone: seconds or a date, and nonsense is nothing."""

from datetime import UTC, datetime, timedelta

import pytest

from app.webhooks.sending import retry_after

NOW = datetime(2026, 11, 30, 12, tzinfo=UTC)


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (None, None),
        ("0", 0),
        ("120", 120),
        ("99999999999999999999", 86_400),
        ("Mon, 30 Nov 2026 12:01:00 GMT", 60),
        ("Mon, 30 Nov 2026 11:00:00 GMT", 0),
        ("Mon, 30 Nov 2099 12:00:00 GMT", 86_400),
        ("Mon, 30 Nov 2026 12:01:00 -0000", 60),
        ("", None),
        ("-1", None),
        ("1.5", None),
        ("soon", None),
        ("٣", None),
        ("Mon, 99 Nov 2026 12:01:00 GMT", None),
        ("Fri, 31 Dec 99999 23:59:59 GMT", None),
        ("Mon, 30 Nov 2026 12:01:00 +99999999999999999999", None),
    ],
)
def test_what_an_endpoint_asks_for_is_read_and_bounded(value: str | None, expected: int | None) -> None:
    assert retry_after(value, NOW) == (None if expected is None else timedelta(seconds=expected))
