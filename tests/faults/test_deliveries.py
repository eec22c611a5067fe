"""What holds deliveries against the log finds each kind of fault, and none where there is none."""

from dataclasses import replace

import pytest

from tests.faults.deliveries import LoggedAction, Receipt, check_receipts, repeated

LOG = [LoggedAction(id, case, "account", "COMMENT") for id, case in (("a", "1"), ("b", "2"), ("c", "1"), ("d", "1"))]
RIGHT = [Receipt(id, f"bytes of {id}") for id in ("b", "a", "c", "d")]


def found(*receipts: Receipt, is_living: bool = True) -> list[str]:
    return list(check_receipts(receipts, LOG, is_living=is_living))


def test_deliveries_that_agree_with_the_log_are_found_right() -> None:
    assert found(*RIGHT) == []


def test_what_is_tried_or_taken_again_is_right() -> None:
    again = [replace(RIGHT[0], is_taken=False), *RIGHT, *RIGHT[1:]]

    assert found(*again) == []
    assert repeated(again) == 3


def test_an_endpoint_that_takes_nothing_need_not_have_all() -> None:
    receipts = [replace(RIGHT[0], is_taken=False), replace(RIGHT[1], is_taken=False)]

    assert found(*receipts, is_living=False) == []
    assert found(*receipts) == ["4 of 4 rows missing, as a"]


@pytest.mark.parametrize(
    ("receipts", "wrong"),
    [
        (RIGHT[:3], "1 of 4 rows missing, as d"),
        ([*RIGHT, Receipt("x", "bytes of x")], "x: sent to the wrong one: another account's, or not wanted"),
        ([*RIGHT, replace(RIGHT[3], digest="other")], "d: with other bytes than before"),
        ([*RIGHT, replace(RIGHT[3], flaw="No matching signature")], "d: not verified: No matching signature"),
        ([RIGHT[0], RIGHT[2], RIGHT[1], *RIGHT[2:]], "c: sent before a of the same case was taken"),
        (
            [replace(RIGHT[1], is_taken=False), RIGHT[2], RIGHT[0], RIGHT[1], *RIGHT[2:]],
            "c: sent before a of the same case was taken",
        ),
    ],
    ids=["lost", "of another account", "other bytes", "forged", "order", "not parked"],
)
def test_what_does_not_agree_with_the_log_is_found(receipts: list[Receipt], wrong: str) -> None:
    assert found(*receipts) == [wrong]
