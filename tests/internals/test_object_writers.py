"""The code that makes the objects of an answer: of attributes, of columns, of both in the order of the selection."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import pytest

from app.api.execution.object_writers import Declined, PlainField, objects_of


@dataclass(frozen=True, slots=True)
class Thing:
    name: str | None
    size: int | None = 1


def plain(
    attribute: str, written: Callable[[Any], Any] | None = None, *, is_required: bool = False, is_text: bool = False
) -> PlainField:
    return PlainField(attribute, written, is_required, is_text)


def test_fields_stand_in_the_order_in_which_they_are_selected() -> None:
    make = objects_of((("class", None), ("name", plain("name")), ("__typename", None), ("None", plain("size"))))

    made, size = make([Thing("a", 1), Thing("b", 2)], [[3, 4], ["T", "U"]])

    assert size == 0

    assert [list(item.items()) for item in made] == [
        [("class", 3), ("name", "a"), ("__typename", "T"), ("None", 1)],
        [("class", 4), ("name", "b"), ("__typename", "U"), ("None", 2)],
    ]


@pytest.mark.parametrize("written", [None, {"a": "A", 1: 1}.__getitem__])
def test_null_stays_null_where_it_may(written: Callable[[Any], Any] | None) -> None:
    make = objects_of((("name", plain("name", written)),))

    assert make([Thing("a"), Thing(None)], [])[0] == [{"name": "A" if written else "a"}, {"name": None}]


@pytest.mark.parametrize("written", [None, str.upper])
def test_null_where_something_is_required_declines_the_plan(written: Callable[[Any], Any] | None) -> None:
    make = objects_of((("name", plain("name", written, is_required=True)), ("size", plain("size", is_required=True))))

    assert make([Thing("A", 0)], [])[0] == [{"name": "A", "size": 0}]
    for lacking in (Thing(None), Thing("A", None)):
        with pytest.raises(Declined):
            make([Thing("A"), lacking], [])


def test_without_fields_there_is_an_empty_object_for_each() -> None:
    assert objects_of(())([None, None], []) == ([{}, {}], 0)


def test_the_size_is_that_of_the_texts_that_may_be_long() -> None:
    fields = (("a", plain("name", is_text=True)), ("b", plain("name")), ("c", plain("size")))
    required = (("name", plain("name", is_required=True, is_text=True)),)

    assert objects_of(fields)([Thing("four"), Thing(None), Thing("é")], [])[1] == 5
    assert objects_of(required)([Thing("four"), Thing("")], [])[1] == 4
