"""Numbers with their nouns."""

from app.domain.counting import counted


def test_one_is_singular_and_all_other_numbers_are_plural_in_english() -> None:
    assert [counted(number, "case") for number in (0, 1, 2)] == ["0 cases", "1 case", "2 cases"]
    assert counted(2, "account's own log", "accounts' own logs") == "2 accounts' own logs"
