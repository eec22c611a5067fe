"""When a delivery is tried again, and which versions of a secret sign."""

from datetime import UTC, datetime, timedelta
from itertools import pairwise

import pytest

from app.domain.webhooks import RETRY_AFTER_MAX, TRY_OFFSETS, next_try

FIRST = datetime(2026, 1, 1, tzinfo=UTC)


def test_a_delivery_is_tried_ten_times_in_a_day() -> None:
    tries = [FIRST]
    while (moment := next_try(FIRST, len(tries), tries[-1], 0)) is not None:
        tries.append(moment)

    assert [int((moment - FIRST).total_seconds()) for moment in tries] == [
        *(0, 5, 300, 1800, 7200, 18_000, 36_000, 50_400, 72_000, 86_400)
    ]
    assert len(tries) == len(TRY_OFFSETS)


@pytest.mark.parametrize("failed", range(1, 10))
def test_tries_are_spread_by_a_tenth_and_stay_in_their_order(failed: int) -> None:
    early, late = (next_try(FIRST, failed, FIRST, jitter) for jitter in (0, 1))
    following = next_try(FIRST, failed + 1, FIRST, 0)

    assert early is not None
    assert late is not None
    assert late - FIRST == (early - FIRST) * 1.1
    assert following is None or late < following


def test_tries_that_are_late_are_not_used_up_at_once() -> None:
    tries = [FIRST, FIRST + timedelta(days=3)]
    while (moment := next_try(FIRST, len(tries), tries[-1], 0)) is not None:
        tries.append(moment)
    planned = [later - earlier for earlier, later in pairwise(TRY_OFFSETS)]

    assert len(tries) == len(TRY_OFFSETS)
    assert [later - earlier for earlier, later in pairwise(tries)][1:] == [gap / 2 for gap in planned[1:]]


def test_an_endpoint_that_asks_for_time_gets_it_and_a_day_at_most() -> None:
    assert next_try(FIRST, 1, FIRST, 0, timedelta(seconds=1)) == FIRST + timedelta(seconds=5)
    assert next_try(FIRST, 1, FIRST, 0, timedelta(minutes=7)) == FIRST + timedelta(minutes=7)
    assert next_try(FIRST, 1, FIRST, 0, timedelta(days=400)) == FIRST + RETRY_AFTER_MAX
    assert next_try(FIRST, 10, FIRST, 0, timedelta(minutes=7)) is None
