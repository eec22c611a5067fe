"""The worklist against an oracle in memory: filters, orders, pages both ways while rows come in, and counts."""

from collections import Counter
from collections.abc import Callable, Iterator
from datetime import datetime, timedelta
from functools import cmp_to_key
from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, example, given, settings
from hypothesis import strategies as st

from app.domain.model import CaseStatus, EvaluationStatus, RequestedStatus, Resolution, SubjectType
from scripts.benchmarks.histories import COUNTRIES, FAR_AHEAD, START
from tests.support.api import Api
from tests.support.bulk import Archive, Record, archive, filled
from tests.support.world import World, make_world

PEOPLE = ("ada", "carl", "rosa", "rolf", "bea", "aldo")
CASES = """query(
    $filter: CaseFilter, $orderBy: [CaseOrder!], $first: Int, $last: Int, $after: String, $before: String
) { cases(filter: $filter, orderBy: $orderBy, first: $first, last: $last, after: $after, before: $before) {
        nodes { id } edges { cursor node { id } } totalCount
        pageInfo { hasNextPage hasPreviousPage startCursor endCursor } } }"""
FACETS = """query($filter: CaseFilter) { cases(filter: $filter) { totalCount facets {
    statuses { status count } subjectStatuses { status count } } } }"""
# Shrinking takes minutes with a database behind it: add Phase.shrink to look into a failure.
SETTINGS = settings(
    max_examples=25,
    phases=[Phase.reuse, Phase.generate],
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)


# --- Filters ---------------------------------------------------------------------------------------------------------


def comparators(values: list[Any], *, nullable: bool = False, opposites: bool = True) -> st.SearchStrategy[Any]:
    value, several = st.sampled_from(values), st.lists(st.sampled_from(values), max_size=3)
    optional: dict[str, Any] = {"eq": value, "in": several}
    if opposites:
        optional |= {"ne": value, "notIn": several}
    if nullable:
        optional["isNull"] = st.booleans()
    return st.fixed_dictionaries({}, optional=optional)


TIMES = [(START + timedelta(minutes=minutes)).isoformat() for minutes in (0, 5, 100, 200, 290, 1000, 5000)]
BOUNDS = dict.fromkeys(("gt", "gte", "lt", "lte"), st.sampled_from(TIMES))
RANGES = st.fixed_dictionaries({}, optional=BOUNDS)
PERSON = st.sampled_from(PEOPLE)
LEAVES: dict[str, Any] = {
    "status": comparators([*CaseStatus]),
    "resolution": comparators([*Resolution], nullable=True),
    "requestedStatus": comparators([*RequestedStatus], opposites=False),
    "subject": st.fixed_dictionaries(
        {},
        optional={
            "type": comparators([*SubjectType], opposites=False),
            "countryCode": comparators([country for country in COUNTRIES if country]),
            "evaluationStatus": comparators([*EvaluationStatus]),
        },
    ),
    "createdBy": comparators([*PEOPLE]),
    "owner": comparators([*PEOPLE], nullable=True),
    "ownedByViewer": st.booleans(),
    "dueAt": st.fixed_dictionaries({}, optional={**BOUNDS, "isNull": st.booleans()}),
    "overdue": st.booleans(),
    "assignedReviewer": comparators([*PEOPLE]),
    "waitingFor": PERSON,
    "waitingForViewer": st.booleans(),
    "hasPendingOverride": st.booleans(),
    "createdAt": RANGES,
    "updatedAt": RANGES,
    "reference": comparators([f"CASE-{number:06}" for number in (1, 2, 30, 60, 61)], opposites=False),
}
LEAF = st.sampled_from(sorted(LEAVES)).flatmap(lambda name: st.fixed_dictionaries({name: LEAVES[name]}))
FILTERS = st.recursive(
    LEAF,
    lambda inner: st.fixed_dictionaries(
        {}, optional={"and": st.lists(inner, max_size=2), "or": st.lists(inner, max_size=3), "not": inner}
    ),
    max_leaves=6,
)


def compared(value: Any, requested: dict[str, Any]) -> bool:
    """Tell whether *value* holds all of the comparators, each of them true or false and never unknown."""
    tests: dict[str, Callable[[Any], bool]] = {
        "eq": lambda other: value is not None and value == other,
        "ne": lambda other: value is None or value != other,
        "in": lambda others: value is not None and value in others,
        "notIn": lambda others: value is None or value not in others,
        "isNull": lambda wanted: (value is None) == wanted,
        "gt": lambda other: value is not None and value > datetime.fromisoformat(other),
        "gte": lambda other: value is not None and value >= datetime.fromisoformat(other),
        "lt": lambda other: value is not None and value < datetime.fromisoformat(other),
        "lte": lambda other: value is not None and value <= datetime.fromisoformat(other),
    }
    return all(tests[name](other) for name, other in requested.items())


def is_overdue(case: Record) -> bool:
    """Tell whether a case should have been finished by now; dates are long ago or far ahead."""
    return case["status"] != "CLOSED" and case["due_at"] is not None and case["due_at"] < FAR_AHEAD


class Oracle:
    """What a filter means, apart from any SQL."""

    def __init__(self, world: World, found: Archive, viewer: str = "ada") -> None:
        self.names = {getattr(world, name).id: name for name in PEOPLE}
        self.found = found
        self.viewer = viewer

    def holds(self, case: Record, requested: dict[str, Any]) -> bool:
        return all(self._holds(case, name, value) for name, value in requested.items())

    def _holds(self, case: Record, name: str, value: Any) -> bool:
        pending = self.found.pending(case)
        waiting = [self.names[id] for id in self.found.reviewers[pending["id"]]] if pending else []
        tests: dict[str, Callable[[], bool]] = {
            "and": lambda: all(self.holds(case, part) for part in value),
            "or": lambda: any(self.holds(case, part) for part in value),
            "not": lambda: not self.holds(case, value),
            "requestedStatus": lambda: (
                not value or (pending is not None and compared(pending["requested_status"], value))
            ),
            "subject": lambda: self._subject_holds(self.found.subjects[case["subject_id"]], value),
            "assignedReviewer": lambda: self._requested(case, value),
            "waitingFor": lambda: value in waiting,
            "waitingForViewer": lambda: (self.viewer in waiting) == value,
            "hasPendingOverride": lambda: (pending is not None) == value,
            "status": lambda: compared(case["status"], value),
            "resolution": lambda: compared(case["resolution"], value),
            "createdBy": lambda: compared(self.names[case["created_by_id"]], value),
            "owner": lambda: compared(self.names.get(case["owner_id"]), value),
            "dueAt": lambda: compared(case["due_at"], value),
            "overdue": lambda: is_overdue(case) == value,
            "ownedByViewer": lambda: (self.names.get(case["owner_id"]) == self.viewer) == value,
            "createdAt": lambda: compared(case["created_at"], value),
            "updatedAt": lambda: compared(case["updated_at"], value),
            "reference": lambda: compared(f"CASE-{case['number']:06}", value),
        }
        return tests[name]()

    def _subject_holds(self, subject: Record, requested: dict[str, Any]) -> bool:
        columns = {"type": "type", "countryCode": "country_code", "evaluationStatus": "evaluation_status"}
        return all(compared(subject[columns[part]], value) for part, value in requested.items())

    def _requested(self, case: Record, requested: dict[str, Any]) -> bool:
        """Each comparator is about somebody who was asked; the opposite ones about nobody having been."""
        people = [self.names[id] for row in self.found.overrides[case["id"]] for id in self.found.reviewers[row["id"]]]
        opposites = {"ne": "eq", "notIn": "in"}
        return all(
            not any(compared(person, {opposites[name]: value}) for person in people)
            if name in opposites
            else any(compared(person, {name: value}) for person in people)
            for name, value in requested.items()
        )


def with_ids(world: World, requested: Any, *, is_people: bool = False) -> Any:
    """Return *asked* with the ids of the people that it names."""
    if isinstance(requested, dict):
        people = {"createdBy", "owner", "assignedReviewer", "waitingFor"}
        return {
            name: with_ids(world, value, is_people=is_people or name in people) for name, value in requested.items()
        }
    if isinstance(requested, list):
        return [with_ids(world, item, is_people=is_people) for item in requested]
    return str(getattr(world, requested).id) if is_people and isinstance(requested, str) else requested


# --- Orders ----------------------------------------------------------------------------------------------------------

COLUMNS = {
    "REFERENCE": "number",
    "CREATED_AT": "created_at",
    "UPDATED_AT": "updated_at",
    "CLOSED_AT": "closed_at",
    "DUE_AT": "due_at",
    "STATUS": "status",
    "RESOLUTION": "resolution",
    "ACTION_COUNT": "action_count",
}
ORDERS = st.lists(
    st.fixed_dictionaries(
        {"field": st.sampled_from(sorted(COLUMNS)), "direction": st.sampled_from(["ASC", "DESC"])},
        optional={"nulls": st.sampled_from(["FIRST", "LAST"])},
    ),
    max_size=3,
    unique_by=lambda order: order["field"],
)


def ordering(field: str, direction: str, **nulls: str) -> dict[str, str]:
    return {"field": field, "direction": direction, **nulls}


def compare(one: Record, other: Record, order: list[dict[str, str]]) -> int:
    """Return which of two cases comes first: a negative number for *one*."""
    for key in order:
        descending = key["direction"] == "DESC"
        left, right = (row[COLUMNS[key["field"]]] for row in (one, other))
        if left == right:
            continue
        if left is None or right is None:
            nulls_last = key.get("nulls", "LAST" if descending else "FIRST") == "LAST"
            return 1 if (left is None) == nulls_last else -1
        return -1 if (left < right) != descending else 1
    descending = not order or order[-1]["direction"] == "DESC"
    last = "number" if [key["field"] for key in order] in ([], ["STATUS"]) else "id"
    left, right = (row[last] for row in (one, other))
    return -1 if (left < right) != descending else 1


def ordered(rows: list[Record], order: list[dict[str, str]]) -> list[str]:
    def by_order(one: Record, other: Record) -> int:
        return compare(one, other, order)

    return [str(row["id"]) for row in sorted(rows, key=cmp_to_key(by_order))]


# --- The tests -------------------------------------------------------------------------------------------------------


def ids(page: dict[str, Any]) -> list[str]:
    assert [edge["node"] for edge in page["edges"]] == page["nodes"]
    return [node["id"] for node in page["nodes"]]


@pytest.fixture
async def full(world: World) -> World:
    """The world with cases in every state, beside another account's."""
    elsewhere = await make_world(world.database)
    await filled(elsewhere, 20, 100, seed=2)
    await filled(world)
    return world


@pytest.mark.long
@SETTINGS
@given(requested=FILTERS, order=ORDERS, size=st.integers(1, 25))
@example(requested={}, order=[ordering("STATUS", "ASC")], size=7)
@example(requested={}, order=[ordering("STATUS", "ASC"), ordering("DUE_AT", "DESC", nulls="FIRST")], size=7)
@example(requested={}, order=[ordering("STATUS", "DESC"), ordering("REFERENCE", "ASC")], size=25)
@example(requested={}, order=[ordering("DUE_AT", "DESC", nulls="FIRST"), ordering("CLOSED_AT", "ASC")], size=5)
@example(requested={}, order=[ordering(name, "DESC", nulls="FIRST") for name in ("DUE_AT", "CLOSED_AT")], size=5)
async def test_a_filter_an_order_and_a_page_are_what_they_are_in_memory(
    full: World, api: Api, requested: dict[str, Any], order: list[dict[str, str]], size: int
) -> None:
    found = await archive(full.database, full.account_id)
    oracle = Oracle(full, found)
    expected = ordered([case for case in found.cases if oracle.holds(case, requested)], order)
    variables: dict[str, Any] = {"filter": with_ids(full, requested), "orderBy": order}

    first = (await api.run(full.ada.token, CASES, variables | {"first": size}))["cases"]
    rest = await api.run(full.ada.token, CASES, variables | {"first": 100, "after": first["pageInfo"]["endCursor"]})
    last = (await api.run(full.ada.token, CASES, variables | {"last": size}))["cases"]

    assert ids(first) == expected[:size]
    assert first["totalCount"] == len(expected)
    assert ids(last) == expected[-size:]
    if expected:
        assert ids(rest["cases"]) == expected[size:]
    assert first["pageInfo"]["hasNextPage"] == (len(expected) > size) == last["pageInfo"]["hasPreviousPage"]
    assert not first["pageInfo"]["hasPreviousPage"] and not last["pageInfo"]["hasNextPage"]


def walks() -> Iterator[tuple[list[dict[str, str]], bool]]:
    for order in (
        [],
        [ordering("STATUS", "DESC")],
        [ordering("STATUS", "ASC"), ordering("UPDATED_AT", "DESC")],
        [ordering("STATUS", "DESC"), ordering("CLOSED_AT", "ASC", nulls="LAST"), ordering("REFERENCE", "DESC")],
        [ordering("ACTION_COUNT", "DESC"), ordering("DUE_AT", "ASC", nulls="LAST"), ordering("RESOLUTION", "ASC")],
    ):
        for backward in (False, True):
            yield order, backward


@pytest.mark.long
async def test_a_list_is_walked_whole_both_ways_while_cases_come_in(full: World, api: Api) -> None:
    for order, backward in walks():
        before = await archive(full.database, full.account_id)
        known = ordered(list(before.cases), order)
        seen: list[str] = []
        cursor = None
        for _ in range(30):
            edge = {"last": 7, "before": cursor} if backward else {"first": 7, "after": cursor}
            page = (await api.run(full.ada.token, CASES, {"orderBy": order, **edge}))["cases"]
            seen = ids(page) + seen if backward else seen + ids(page)
            if not page["pageInfo"]["hasPreviousPage" if backward else "hasNextPage"]:
                break
            cursor = page["pageInfo"]["startCursor" if backward else "endCursor"]
            await full.open_case()

        assert len(set(seen)) == len(seen)
        assert [id for id in seen if id in set(known)] == known, (order, backward)


async def test_facets_count_what_the_filter_leaves_and_nothing_of_another_account(full: World, api: Api) -> None:
    found = await archive(full.database, full.account_id)
    filters: list[dict[str, Any]] = [
        {},
        {"hasPendingOverride": True},
        {"not": {"status": {"eq": "OPEN"}}},
        {"or": []},
        {"requestedStatus": {"eq": "FAVORABLE"}},
        {"subject": {"evaluationStatus": {"in": ["FAVORABLE", "ANOMALY"]}}},
        {"not": {"subject": {"type": {"eq": "COMPANY_ACCOUNT_AUDIT"}, "evaluationStatus": {"ne": "UNEVALUATED"}}}},
    ]
    for requested in filters:
        rows = [case for case in found.cases if Oracle(full, found).holds(case, requested)]

        cases = (await api.run(full.ada.token, FACETS, {"filter": requested}))["cases"]

        reported = {
            name: {item["status"]: item["count"] for item in counts} for name, counts in cases["facets"].items()
        }
        statuses = Counter(row["status"] for row in rows)
        results = Counter(found.subjects[row["subject_id"]]["evaluation_status"] for row in rows)
        assert reported == {
            "statuses": {status: statuses[status] for status in CaseStatus},
            "subjectStatuses": {status: results[status] for status in EvaluationStatus},
        }
        assert cases["totalCount"] == len(rows)


async def test_counts_are_made_only_when_they_are_selected(
    full: World, api: Api, statements: Callable[[], list[str]]
) -> None:
    async def sent(selection: str) -> list[str]:
        statements()
        await api.run(full.ada.token, f"{{ cases(filter: {{ status: {{ ne: CLOSED }} }}) {{ {selection} }} }}")
        return reading(statements())

    page = "nodes { id } pageInfo { hasNextPage }"
    facets = "facets { statuses { count } subjectStatuses { count } }"
    assert len(await sent(page)) == 1
    assert [("count(*)" in statement) for statement in sorted(await sent(f"{page} totalCount"), key=len)] == [
        True,
        False,
    ]
    with_facets = await sent(f"{page} totalCount {facets}")
    assert len(with_facets) == 2
    assert sum("GROUP BY" in statement for statement in with_facets) == 1


def reading(sent: list[str]) -> list[str]:
    """Return the statements that read, without the token's and those of the housekeeping."""
    return [statement for statement in sent if statement.startswith("SELECT") and "api_tokens" not in statement]


REFUSED = {
    'filter: { createdBy: { eq: "nobody" } }': ("INVALID_ID", ["filter", "createdBy", "eq"]),
    'filter: { and: [{}, { createdBy: { in: ["x"] } }] }': (
        "INVALID_ID",
        ["filter", "and", "1", "createdBy", "in", "0"],
    ),
    'filter: { reference: { eq: "1" } }': ("INVALID_ID", ["filter", "reference", "eq"]),
    'filter: { createdAt: { gt: "2026-01-01T00:00:00" } }': ("INVALID_INPUT", ["filter", "createdAt", "gt"]),
    "filter: { subject: { externalRef: { in: [LONG] } } }": (
        "INVALID_INPUT",
        ["filter", "subject", "externalRef", "in"],
    ),
    "filter: { status: { eq: null } }": ("INVALID_INPUT", ["filter", "status", "eq"]),
    "filter: { status: { in: null } }": ("INVALID_INPUT", ["filter", "status", "in"]),
    "filter: { status: null }": ("INVALID_INPUT", ["filter", "status"]),
    "filter: { resolution: { ne: null } }": ("INVALID_INPUT", ["filter", "resolution", "ne"]),
    "filter: { resolution: { isNull: null } }": ("INVALID_INPUT", ["filter", "resolution", "isNull"]),
    "filter: { subject: null }": ("INVALID_INPUT", ["filter", "subject"]),
    "filter: { subject: { type: { eq: null } } }": ("INVALID_INPUT", ["filter", "subject", "type", "eq"]),
    "filter: { or: [{}, { not: null }] }": ("INVALID_INPUT", ["filter", "or", "1", "not"]),
    "filter: { and: null }": ("INVALID_INPUT", ["filter", "and"]),
    "filter: { waitingFor: null }": ("INVALID_INPUT", ["filter", "waitingFor"]),
    "filter: { waitingForViewer: null }": ("INVALID_INPUT", ["filter", "waitingForViewer"]),
    "filter: { hasPendingOverride: null }": ("INVALID_INPUT", ["filter", "hasPendingOverride"]),
    "filter: { createdAt: { gt: null } }": ("INVALID_INPUT", ["filter", "createdAt", "gt"]),
    'filter: { createdAt: { lt: "9999-12-31T23:59:59-05:00" } }': ("INVALID_INPUT", ["filter", "createdAt", "lt"]),
    'filter: { updatedAt: { gte: "0001-01-01T00:00:00+00:01" } }': ("INVALID_INPUT", ["filter", "updatedAt", "gte"]),
    'filter: { subject: { externalRef: { eq: "" } } }': ("REQUIRED", ["filter", "subject", "externalRef", "eq"]),
    'filter: { subject: { countryCode: { in: ["FR", "f"] } } }': (
        "INVALID_INPUT",
        ["filter", "subject", "countryCode", "in", "1"],
    ),
    "filter: DEEP": ("INVALID_INPUT", ["filter"]),
    "filter: WIDE": ("INVALID_INPUT", ["filter"]),
    "orderBy: [{ field: STATUS }, { field: STATUS }]": ("INVALID_INPUT", ["orderBy", "1", "field"]),
}
SHORT = {
    "LONG": ", ".join(['"x"'] * 101),
    "DEEP": "{ not: " * 8 + "{}" + " }" * 8,
    "WIDE": "{ or: [" + "{ hasPendingOverride: true } " * 51 + "] }",
}


async def test_a_null_of_a_variable_widens_no_filter_and_the_whole_filter_may_be_null(world: World, api: Api) -> None:
    await world.open_case()
    query = "query($filter: CaseFilter) { cases(filter: $filter) { totalCount } }"

    reported = (await api.send(world.ada.token, query, {"filter": {"resolution": {"eq": None}}})).json()

    (error,) = reported["errors"]
    assert (error["extensions"]["code"], error["path"]) == ("INVALID_INPUT", ["cases"])
    assert error["extensions"]["argument"] == ["filter", "resolution", "eq"]
    assert "isNull" in error["message"]
    none: list[dict[str, Any]] = [{"filter": None}, {}, {"filter": {}}]
    for whole in none:
        assert (await api.run(world.ada.token, query, whole))["cases"]["totalCount"] == 1
    absent = "query($status: CaseStatus) { cases(filter: {status: {eq: $status}}) { totalCount } }"
    assert (await api.run(world.ada.token, absent, {}))["cases"]["totalCount"] == 1
    assert (await api.send(world.ada.token, absent, {"status": None})).json()["errors"]


async def test_a_filter_or_an_order_that_can_not_be_is_refused_by_its_place(world: World, api: Api) -> None:
    for arguments, expected in REFUSED.items():
        document = f"{{ cases({arguments}) {{ nodes {{ id }} }} }}"
        for short, long in SHORT.items():
            document = document.replace(short, long)
        body = (await api.send(world.ada.token, document)).json()
        (error,) = body["errors"]
        assert (error["extensions"]["code"], error["extensions"]["argument"]) == expected, arguments


async def test_a_cursor_belongs_to_its_filter_and_its_order(full: World, api: Api) -> None:
    lists: list[dict[str, Any]] = [
        {},
        {"filter": {"status": {"ne": "CLOSED"}}},
        {"filter": {"status": {"in": ["OPEN", "IN_PROGRESS", "PENDING_REVIEW", "RESOLVED"]}}},
        {"orderBy": [{"field": "CREATED_AT", "direction": "DESC"}]},
        {"orderBy": [{"field": "CREATED_AT", "direction": "ASC"}]},
        {"orderBy": [{"field": "CLOSED_AT", "direction": "ASC", "nulls": "LAST"}]},
    ]
    cursors = [
        (await api.run(full.ada.token, CASES, {**arguments, "first": 1}))["cases"]["pageInfo"]["endCursor"]
        for arguments in lists
    ]
    for place, arguments in enumerate(lists):
        for origin, cursor in enumerate(cursors):
            body = (await api.send(full.ada.token, CASES, {**arguments, "after": cursor})).json()
            reported = [error["extensions"]["code"] for error in body.get("errors", [])]
            assert reported == ([] if place == origin else ["INVALID_CURSOR"]), (origin, place)
