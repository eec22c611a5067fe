"""The checker on histories made by hand: each way in which a history and a log can disagree is found, and named."""

from dataclasses import replace
from pathlib import Path

import pytest

from tests.faults.checker import Violation, Wrong, check
from tests.faults.history import Event, History, Kind, Row, read_events, read_rows, write_rows


class Story:
    """Makes a history in the order that things are said, a second apart."""

    def __init__(self) -> None:
        self.events: list[Event] = []

    def say(self, kind: Kind, op: str, case: str = "c", seq: int | None = None, code: str | None = None) -> "Story":
        self.events.append(
            Event(
                kind=kind,
                at=float(len(self.events)),
                client="w",
                op=op,
                key=f"key-{op}",
                action="COMMENT",
                case=case,
                seq=seq,
                hash=None if seq is None else f"hash-{case}-{seq}",
                code=code,
            )
        )
        return self

    def ok(self, op: str, seq: int, case: str = "c") -> "Story":
        return self.say(Kind.INVOKE, op, case).say(Kind.OK, op, case, seq)

    def refused(self, op: str) -> "Story":
        return self.say(Kind.INVOKE, op).say(Kind.FAIL, op, code="CASE_CLOSED")

    def unknown(self, op: str) -> "Story":
        return self.say(Kind.INVOKE, op).say(Kind.UNKNOWN, op)


def row(op: str, seq: int, case: str = "c", action: str = "COMMENT") -> Row:
    return Row(case=case, seq=seq, action=action, hash=f"hash-{case}-{seq}", op=op)


def wrongs(story: Story, *rows: Row) -> list[tuple[Wrong, str]]:
    return [(found.wrong, found.op) for found in check(story.events, rows)]


def test_a_history_that_the_log_agrees_with_is_found_right() -> None:
    story = Story().ok("a", 1).refused("b").unknown("c").unknown("d").ok("d", 3).unknown("e")

    assert wrongs(story, row("a", 1), row("c", 2), row("d", 3)) == []


def test_an_acknowledged_action_that_is_not_in_the_log_is_lost() -> None:
    assert wrongs(Story().ok("a", 1).ok("b", 2), row("a", 1)) == [(Wrong.LOST, "b")]


def test_an_action_that_is_logged_twice_is_a_duplicate_even_if_its_outcome_is_unknown() -> None:
    assert wrongs(Story().unknown("a"), row("a", 1), row("a", 2)) == [(Wrong.DOUBLED, "a")]
    assert wrongs(Story().ok("a", 1), row("a", 1), row("a", 1, "d")) == [(Wrong.DOUBLED, "a")]


def test_a_refused_action_in_the_log_is_found() -> None:
    assert wrongs(Story().refused("a"), row("a", 1)) == [(Wrong.REFUSED, "a")]


def test_a_retry_that_is_refused_after_the_first_request_was_done_is_found() -> None:
    assert wrongs(Story().unknown("a").refused("a"), row("a", 1)) == [(Wrong.REFUSED, "a")]


@pytest.mark.parametrize(
    "place", [row("a", 2), row("a", 1, "d"), replace(row("a", 1), hash="another")], ids=["seq", "case", "hash"]
)
def test_a_receipt_that_names_another_place_than_the_log_is_found(place: Row) -> None:
    before = [row("b", 1)] if place.seq == 2 else []
    story = Story().unknown("b").ok("a", 1) if before else Story().ok("a", 1)

    assert wrongs(story, *before, place) == [(Wrong.RECEIPT, "a")]


def test_a_retry_that_gets_another_place_is_found() -> None:
    found = wrongs(Story().ok("a", 1).ok("a", 2), row("a", 1))

    assert found == [(Wrong.OUTCOMES, "a"), (Wrong.RECEIPT, "a")]


def test_a_retry_that_is_refused_after_an_acknowledgement_is_found() -> None:
    found = wrongs(Story().ok("a", 1).refused("a"), row("a", 1))

    assert found == [(Wrong.REFUSED, "a"), (Wrong.OUTCOMES, "a")]


def test_an_unrequested_action_is_found() -> None:
    assert wrongs(Story().ok("a", 1), row("a", 1), row("ghost", 2)) == [(Wrong.UNREQUESTED, "ghost")]


def test_an_action_that_became_another_is_found() -> None:
    assert wrongs(Story().ok("a", 1), row("a", 1, action="CLOSE")) == [(Wrong.ACTION, "a")]


def test_an_action_that_stands_before_one_that_was_over_when_it_began_is_found() -> None:
    assert wrongs(Story().ok("a", 2).ok("b", 1), row("b", 1), row("a", 2)) == [(Wrong.ORDER, "b")]


def test_actions_at_the_same_time_may_stand_in_either_order() -> None:
    story = Story().say(Kind.INVOKE, "a").say(Kind.INVOKE, "b").say(Kind.OK, "a", seq=2).say(Kind.OK, "b", seq=1)

    assert wrongs(story, row("b", 1), row("a", 2)) == []


def test_the_order_of_different_cases_does_not_matter() -> None:
    assert wrongs(Story().ok("a", 1).ok("b", 1, "d"), row("b", 1, "d"), row("a", 1)) == []


def test_a_case_with_a_missing_row_is_found() -> None:
    assert wrongs(Story().ok("a", 1).ok("b", 3), row("a", 1), row("b", 3)) == [(Wrong.GAP, "c")]


def test_a_key_that_two_operations_use_is_found() -> None:
    story = Story().ok("a", 1).ok("b", 2)
    story.events = [replace(event, key="one") for event in story.events]

    assert wrongs(story, row("a", 1), row("b", 2)) == [(Wrong.KEYS, "b")]


def test_a_violation_names_its_operation() -> None:
    assert str(Violation(Wrong.LOST, "w1-7", "seq 3")) == "w1-7: acknowledged, and not in the log (seq 3)"


def test_a_history_and_a_log_come_back_from_their_files_as_they_were(tmp_path: Path) -> None:
    story, rows = Story().ok("a", 1).refused("b").unknown("c"), [row("a", 1), row("c", 2)]
    with (tmp_path / "history.jsonl").open("w") as file:
        history = History(file)
        for event in story.events:
            history.note(event)
    write_rows(tmp_path / "log.jsonl", rows)

    assert read_events(tmp_path / "history.jsonl") == story.events == history.events
    assert read_rows(tmp_path / "log.jsonl") == rows


def test_the_first_acknowledgement_after_a_moment_is_of_a_later_request(tmp_path: Path) -> None:
    story = Story().ok("a", 1).say(Kind.INVOKE, "b").refused("c").say(Kind.OK, "b", seq=2).ok("d", 3)
    with (tmp_path / "history.jsonl").open("w") as file:
        history = History(file, story.events)

        assert [history.acknowledged_since(moment) for moment in (-1.0, 2.5, 7.0)] == [1.0, 7.0, None]
