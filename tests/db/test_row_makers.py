"""Copies of rows with some changes."""

from dataclasses import fields, replace
from typing import Any

import pytest

from app.db.row_makers import changed, maker
from app.db.rows import ActionRow, CaseRow, OverrideRow, SubjectRow


@pytest.mark.parametrize("row", [ActionRow, CaseRow, OverrideRow, SubjectRow])
def test_a_changed_row_is_another_one_with_the_same_other_values(row: type[Any]) -> None:
    before = maker(row)(*(f"value {number}" for number, _ in enumerate(fields(row))))
    kept = replace(before)

    for field in fields(row):
        after = changed(before, **{field.name: "another"})
        assert after == replace(before, **{field.name: "another"})
        assert type(after) is row

    assert changed(before) == before == kept


def test_what_a_row_does_not_have_is_not_changed() -> None:
    case = maker(CaseRow)(*range(len(fields(CaseRow))))

    with pytest.raises(KeyError, match="colour"):
        changed(case, colour="red")
