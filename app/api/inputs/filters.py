"""Filters of cases: typed comparators, `and`, `or` and `not`, turned into conditions. SQL is the repository's."""

from collections.abc import Callable, Iterator, Mapping
from datetime import datetime
from typing import Any
from uuid import UUID

import strawberry
from strawberry import ID, UNSET

from app.api.enums import SignalKind
from app.api.inputs.comparators import (
    VALUES_MAX,
    CaseStatusFilter,
    IdFilter,
    OptionalIdFilter,
    OptionalTimeFilter,
    ReferenceFilter,
    RequestedStatusFilter,
    ResolutionFilter,
    SignalFilter,
    SubjectFilter,
    TimeFilter,
    comparator,
)
from app.db.repository.conditions import Comparison, Condition, Conjunction, Disjunction, Field, Negation, Operator
from app.domain.errors import Detail, InvalidId, InvalidInput
from app.domain.text import Kind
from app.domain.validation import TITLE_MAX, in_utc, parse_id, parse_reference, read_country_code, read_text

COMPARISONS_MAX = 50
FILTERS_MAX = 200
DEPTH_MAX = 8


@strawberry.input(description="Which cases. All that is given must hold; an empty filter holds for every case.")
class CaseFilter:
    and_: list["CaseFilter"] | None = comparator("All of these; none at all holds.", "and")
    or_: list["CaseFilter"] | None = comparator("Any of these; none at all doesn't hold.", "or")
    not_: "CaseFilter | None" = comparator("This doesn't hold.", "not")
    status: CaseStatusFilter | None = comparator("Where it stands.")
    resolution: ResolutionFilter | None = comparator("How it ended.")
    requested_status: RequestedStatusFilter | None = comparator("What its pending override asks for.")
    subject: SubjectFilter | None = comparator("What it is about.")
    created_by: IdFilter | None = comparator("Who opened it.")
    owner: OptionalIdFilter | None = comparator("Who works on it; isNull for nobody.")
    owned_by_viewer: bool | None = comparator("Whether the viewer works on it.")
    due_at: OptionalTimeFilter | None = comparator("Until when it is to be finished.")
    overdue: bool | None = comparator("Whether it is not closed, and should have been finished by now.")
    assigned_reviewer: IdFilter | None = comparator("Somebody who was asked to decide on any of its overrides.")
    waiting_for: ID | None = comparator("Its pending override was put to this person.")
    waiting_for_viewer: bool | None = comparator("Whether its pending override was put to the viewer.")
    has_pending_override: bool | None = comparator("Whether an override waits for a decision.")
    has_signal: bool | None = comparator("Whether it has a signal, of whatever kind.")
    signal: SignalFilter | None = comparator("Which signals it has.")
    created_at: TimeFilter | None = comparator("When it was opened.")
    updated_at: TimeFilter | None = comparator("When the last action was.")
    reference: ReferenceFilter | None = comparator("Its reference, as in CASE-000123.")


_FIELDS: Mapping[str, Field] = {
    "status": Field.STATUS,
    "resolution": Field.RESOLUTION,
    "requested_status": Field.REQUESTED_STATUS,
    "created_by": Field.CREATED_BY,
    "owner": Field.OWNER,
    "due_at": Field.DUE_AT,
    "assigned_reviewer": Field.ASSIGNED_REVIEWER,
    "signal": Field.SIGNAL,
    "created_at": Field.CREATED_AT,
    "updated_at": Field.UPDATED_AT,
    "reference": Field.NUMBER,
}
_SUBJECT_FIELDS: Mapping[str, Field] = {
    "type": Field.SUBJECT_TYPE,
    "external_ref": Field.SUBJECT_REF,
    "country_code": Field.SUBJECT_COUNTRY,
    "evaluation_status": Field.SUBJECT_STATUS,
}
# Of each comparator the operator, and whether the opposite is meant.
_OPERATORS: Mapping[str, tuple[Operator, bool]] = {
    "eq": (Operator.EQ, False),
    "ne": (Operator.EQ, True),
    "in_": (Operator.IN, False),
    "not_in": (Operator.IN, True),
    "gt": (Operator.GT, False),
    "gte": (Operator.GTE, False),
    "lt": (Operator.LT, False),
    "lte": (Operator.LTE, False),
    "is_null": (Operator.IS_NULL, False),
}


class FilterReader:
    """Reads one filter; refuses one that is too large or names what can't be.

    A null is refused wherever it stands: it compares with nothing, and to pass over it would find more than was asked.
    """

    def __init__(self, viewer_id: UUID) -> None:
        self._viewer_id = viewer_id
        self._comparisons = 0
        self._filters = 0

    def read(self, filter_input: CaseFilter, *path: str, depth: int = 1) -> Condition:
        """Return *asked* as a condition. Raises: InvalidInput, InvalidId, Required, TooLong."""
        if depth > DEPTH_MAX:
            raise InvalidInput("filter", detail=Detail("nested", {"maximum": DEPTH_MAX}))
        self._filters += 1
        if self._filters > FILTERS_MAX:
            raise InvalidInput("filter", detail=Detail.of_length(self._filters, FILTERS_MAX))
        parts = list(self._combined(filter_input, path, depth))
        for name, field in _FIELDS.items():
            parts += self._compared(field, _given(filter_input, name, path), (*path, name))
        subject = _given(filter_input, "subject", path)
        if subject is not None:
            inside = (*path, "subject")
            for name, field in _SUBJECT_FIELDS.items():
                parts += self._compared(field, _given(subject, name, inside), (*inside, name))
        parts += self._of_state(filter_input, path)
        parts += self._of_people(filter_input, path)
        return Conjunction(tuple(parts))

    def _of_state(self, filter_input: CaseFilter, path: tuple[str, ...]) -> Iterator[Condition]:
        for name, field in (("has_pending_override", Field.HAS_PENDING_OVERRIDE), ("overdue", Field.OVERDUE)):
            holds = _given(filter_input, name, path)
            if holds is not None:
                yield self._one(field, Operator.EQ, holds)
        has_signal = _given(filter_input, "has_signal", path)
        if has_signal is not None:
            any_of_them = self._one(Field.SIGNAL, Operator.IN, tuple(SignalKind))
            yield any_of_them if has_signal else Negation(any_of_them)

    def _of_people(self, filter_input: CaseFilter, path: tuple[str, ...]) -> Iterator[Condition]:
        person = _given(filter_input, "waiting_for", path)
        if person is not None:
            yield self._one(Field.WAITING_FOR, Operator.EQ, _id(person, (*path, "waiting_for")))
        for name, field in (("waiting_for_viewer", Field.WAITING_FOR), ("owned_by_viewer", Field.OWNER)):
            wanted = _given(filter_input, name, path)
            if wanted is not None:
                mine = self._one(field, Operator.EQ, self._viewer_id)
                yield mine if wanted else Negation(mine)

    def _combined(self, filter_input: CaseFilter, path: tuple[str, ...], depth: int) -> Iterator[Condition]:
        for name, combination in (("and_", Conjunction), ("or_", Disjunction)):
            filters = _given(filter_input, name, path)
            if filters is not None:
                yield combination(
                    tuple(
                        self.read(item, *path, name, str(index), depth=depth + 1) for index, item in enumerate(filters)
                    )
                )
        opposite = _given(filter_input, "not_", path)
        if opposite is not None:
            yield Negation(self.read(opposite, *path, "not_", depth=depth + 1))

    def _compared(self, field: Field, comparison: object, path: tuple[str, ...]) -> Iterator[Condition]:
        if comparison is None:
            return
        for name, (operator, is_opposite) in _OPERATORS.items():
            value = _given(comparison, name, path)
            if value is None:
                continue
            compared = self._one(field, operator, _value(field, value, (*path, name)))
            yield Negation(compared) if is_opposite else compared

    def _one(self, field: Field, operator: Operator, value: object) -> Comparison:
        self._comparisons += 1
        if self._comparisons > COMPARISONS_MAX:
            raise InvalidInput("filter", detail=Detail.of_length(self._comparisons, COMPARISONS_MAX))
        return Comparison(field, operator, value)


def _given(filter_input: object, name: str, path: tuple[str, ...]) -> Any:
    """Return what the input *asked* has by this name, None where it is not given. Raises: InvalidInput, for a null."""
    value = getattr(filter_input, name, UNSET)
    if value is None:
        detail = "null_asked" if hasattr(filter_input, "is_null") and name != "is_null" else "null"
        raise InvalidInput(*_names((*path, name)), detail=Detail(detail))
    return None if value is UNSET else value


def _value(field: Field, value: Any, path: tuple[str, ...]) -> Any:
    """Return *value* as the database compares with it."""
    if isinstance(value, list):
        if len(value) > VALUES_MAX:
            raise InvalidInput(*_names(path), detail=Detail.of_length(len(value), VALUES_MAX))
        return tuple(_value(field, item, (*path, str(index))) for index, item in enumerate(value))
    if isinstance(value, datetime):
        return in_utc(value, *_names(path))
    read = _READERS.get(field)
    return value if read is None or isinstance(value, bool) else read(value, path)


def _id(value: str, path: tuple[str, ...]) -> UUID:
    parsed = parse_id(value)
    if parsed is None:
        raise InvalidId(*_names(path))
    return parsed


def _number(value: str, path: tuple[str, ...]) -> int:
    number = parse_reference(value)
    if number is None:
        raise InvalidId(*_names(path), expected="reference_form")
    return number


# Of the fields that are compared with texts and ids, what reads these.
_READERS: Mapping[Field, Callable[[str, tuple[str, ...]], Any]] = {
    Field.CREATED_BY: _id,
    Field.OWNER: _id,
    Field.ASSIGNED_REVIEWER: _id,
    Field.NUMBER: _number,
    Field.SUBJECT_REF: lambda value, path: read_text(value, Kind.IDENTIFIER, *_names(path), maximum=TITLE_MAX),
    Field.SUBJECT_COUNTRY: lambda value, path: read_country_code(value, *_names(path)),
}


def _names(path: tuple[str, ...]) -> Iterator[str]:
    """Yield the names of a path in the filter as they stand in the schema."""
    yield "filter"
    for name in path:
        first, *rest = name.rstrip("_").split("_")
        yield first + "".join(word.title() for word in rest)
