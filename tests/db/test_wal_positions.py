"""Positions in the write-ahead log: how they compare, how old data is by them, and who has seen what."""

import time
from pathlib import Path
from uuid import UUID

import pytest

from app.db.replicas.callers import Callers
from app.db.replicas.shared_memory import PLACES
from app.db.replicas.wal_positions import UNKNOWN, PrimaryHistory, WalPosition, lsn_of, position_of, sent_position

ADA, BOB = UUID(int=1), UUID(int=2)


def test_a_position_is_read_as_it_was_written() -> None:
    position = position_of("0000000A00000016000000B3", "16/B374D848")

    assert position == WalPosition(10, 0x16B374D848)
    assert str(position) == "A-16B374D848"
    assert sent_position(str(position)) == position
    assert lsn_of("0/0") == 0


@pytest.mark.parametrize("sent", ["", "A", "A-", "a-1", "1-G", "1-1 ", "123456789-1", "1-12345678901234567"])
def test_what_is_no_position_is_one_that_no_server_has_come_to(sent: str) -> None:
    assert sent_position(sent) == UNKNOWN
    assert sent_position(None) is None


def test_data_is_as_old_as_the_last_position_of_the_primary_that_is_replayed() -> None:
    history = PrimaryHistory()
    for second, lsn in enumerate((100, 200, 300)):
        history.note(second, WalPosition(1, lsn))

    assert history.covered_until(WalPosition(1, 99)) is None
    assert history.covered_until(WalPosition(1, 100)) == 0
    assert history.covered_until(WalPosition(1, 299)) == 1
    assert history.covered_until(WalPosition(1, 1_000)) == 2
    assert history.covered_until(WalPosition(2, 1_000)) is None


def test_positions_compare_within_a_timeline_alone() -> None:
    history = PrimaryHistory()
    history.note(0, WalPosition(1, 500))
    assert history.covers(WalPosition(1, 500), WalPosition(1, 500))
    assert not history.covers(WalPosition(1, 499), WalPosition(1, 500))
    assert not history.covers(WalPosition(1, 900), WalPosition(2, 1))

    history.note(1, WalPosition(2, 400))  # the new primary had not all of the old one

    assert history.timeline == 2
    assert history.covered_until(WalPosition(1, 900)) is None  # what was written there is gone
    assert history.covers(WalPosition(2, 400), WalPosition(1, 500))
    assert not history.covers(WalPosition(2, 399), WalPosition(1, 300))


def test_who_is_not_known_has_seen_all_that_was_acknowledged_before() -> None:
    callers, before = Callers(), time.monotonic()

    first, second = callers.seen(ADA), callers.seen(ADA)

    assert first.by >= before
    assert second == first
    assert first.position is None


def test_the_position_of_a_caller_goes_forwards_and_is_forgotten_with_the_caller() -> None:
    callers = Callers(most=1)
    callers.note_position(ADA, WalPosition(1, 20))
    callers.note_position(ADA, WalPosition(1, 10))
    assert callers.seen(ADA).position == WalPosition(1, 20)
    came = callers.seen(ADA).by

    callers.seen(BOB)

    assert callers.seen(ADA).position is None
    assert callers.seen(ADA).by > came


def test_the_workers_of_a_server_share_what_their_callers_have_seen(tmp_path: Path) -> None:
    one, other = Callers(tmp_path / "seen"), Callers(tmp_path / "seen")
    known = other.seen(ADA)

    one.note_position(ADA, WalPosition(3, 2**50))
    one.note_position(ADA, WalPosition(3, 10))
    assert other.seen(ADA) == (known.by, WalPosition(3, 2**50))
    before = time.monotonic()
    one.note_time(ADA)

    assert other.seen(ADA).by >= before
    assert other.seen(BOB).position is None
    one.close()
    other.close()


def test_who_shares_a_place_with_others_has_seen_the_most_of_them(tmp_path: Path) -> None:
    callers, neighbour = Callers(tmp_path / "seen"), UUID(int=ADA.int + PLACES)
    callers.note_position(ADA, WalPosition(1, 30))
    callers.note_position(neighbour, WalPosition(1, 20))

    assert callers.seen(neighbour).position == WalPosition(1, 30)
    callers.note_position(BOB, WalPosition(1, 2**60))
    assert Callers(tmp_path / "seen").seen(BOB).position == UNKNOWN
    callers.close()
