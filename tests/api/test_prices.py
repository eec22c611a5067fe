"""What takes the database or the memory long has its price: what harms is refused, and what people look at is not."""

import re
from typing import Any

import pytest
from graphql import GraphQLObjectType, OperationDefinitionNode, get_named_type, parse

from app.api.execution.budget import FIELD_BYTES, STEP
from app.api.execution.document_cache import BYTES_MAX, LENGTH_MAX
from app.api.inputs.comparators import VALUES_MAX
from app.api.inputs.filters import COMPARISONS_MAX, DEPTH_MAX, FILTERS_MAX
from app.api.limits.bounds import NAMES, Limits
from app.api.limits.enforcement import as_limits
from app.api.limits.measurement import Measures, measure
from app.api.limits.prices import ARGUMENT_PRICES, FIELD_PRICES, LONG_TEXT, MEMBER_PRICES, TOTAL_PRICES, VALUE_PRICES
from app.api.limits.variables import coerced
from app.api.pagination import PAGE_DEFAULT, PAGE_MAX
from app.api.queries import NODES_MAX
from app.api.resolvers.worklist import ORDER_MAX
from app.api.schema import CORE
from app.config.gateway_settings import GatewaySettings
from scripts.benchmarks.operations import OPERATIONS, WORKLIST
from tests.support.paths import ROOT
from tests.support.worklists import SCREEN

COST_MAX = Limits().cost


def measured(query: str, operation: str | None = None, **variables: Any) -> Measures:
    document = parse(query)
    found = measure(CORE, document, operation, coerced(CORE, document, operation, variables))
    assert found is not None
    return found[0]


EVENTS = "subscription($a: String, $c: ID, $t: [ActionType!]) { actions(after: $a, caseId: $c, types: $t) { cursor } }"


@pytest.mark.parametrize(
    ("query", "variables", "cost"),
    [
        (EVENTS, {}, 2),
        (EVENTS, {"a": None, "c": None, "t": None}, 2),
        (EVENTS, {"a": "x"}, 2 + ARGUMENT_PRICES["Subscription.actions.after"]),
        (EVENTS, {"c": "x"}, 2 + ARGUMENT_PRICES["Subscription.actions.caseId"]),
        (EVENTS, {"t": ["OPEN"]}, 2 + ARGUMENT_PRICES["Subscription.actions.types"]),
        ("subscription { inboxChanged { __typename } }", {}, 2 + FIELD_PRICES["Subscription.inboxChanged"]),
        ('subscription { caseChanged(id: "x") { id title } }', {}, 3),
    ],
)
def test_a_subscription_is_priced_as_a_query_is(query: str, variables: dict[str, Any], cost: int) -> None:
    assert measured(query, **variables).cost == cost


SEARCH = ARGUMENT_PRICES["Query.cases.search"]
FILTER = ARGUMENT_PRICES["Query.cases.filter"]
KEY = VALUE_PRICES["Query.cases.orderBy"]
FACETS = FIELD_PRICES["CaseConnection.facets"]
TOTAL = TOTAL_PRICES["Query.cases"]
_, ACTION = MEMBER_PRICES["Mutation.performActions.input"]
BULK = "mutation($b: PerformActionsInput!) { performActions(input: $b) { results { status } } }"
BULK_IN_PLACE = "mutation { performActions(input: {onError: STOP, inputs: %s}) { results { status } } }"
CLOSE = {"closeCase": {"caseId": "1"}}
BULK_OF_LIST = "mutation($i: [ActionInput!]!) { performActions(input: {inputs: $i}) { results { status } } }"
ORDERED = "query($o: [CaseOrder!]) { cases(first: 1, orderBy: $o) { nodes { id } } }"


@pytest.mark.parametrize(
    ("query", "variables", "cost"),
    [
        ('{ cases(first: 1, search: "a") { nodes { id } } }', {}, 3 + SEARCH),
        ('{ cases(first: 1, search: "") { nodes { id } } }', {}, 3 + SEARCH),
        ("{ cases(first: 1, search: null) { nodes { id } } }", {}, 3),
        ("query($s: String) { cases(first: 1, search: $s) { nodes { id } } }", {"s": "a"}, 3 + SEARCH),
        ("query($s: String) { cases(first: 1, search: $s) { nodes { id } } }", {"s": None}, 3),
        ("query($s: String) { cases(first: 1, search: $s) { nodes { id } } }", {}, 3),
        ('query($s: String = "a") { cases(first: 1, search: $s) { nodes { id } } }', {}, 3 + SEARCH),
        ("{ cases(first: 1, filter: {hasPendingOverride: true}) { nodes { id } } }", {}, 3 + FILTER),
        ("query($f: CaseFilter) { cases(first: 1, filter: $f) { nodes { id } } }", {"f": {}}, 3 + FILTER),
        ("{ cases(first: 1, orderBy: {field: STATUS}) { nodes { id } } }", {}, 3 + KEY),
        (ORDERED, {"o": [{"field": "STATUS"}, {"field": "REFERENCE"}]}, 3 + 2 * KEY),
        (ORDERED, {"o": {"field": "STATUS"}}, 3 + KEY),
        (ORDERED, {"o": []}, 3),
        ("{ cases(first: 1) { totalCount } }", {}, 2 + TOTAL),
        ("{ cases(first: 1) { a: totalCount ...B } } fragment B on CaseConnection { totalCount }", {}, 3 + TOTAL),
        ("{ ...A } fragment A on Query { cases(first: 1) { ... { totalCount } } }", {}, 2 + TOTAL),
        ("query($t: Boolean!) { cases(first: 1) { totalCount @include(if: $t) } }", {"t": False}, 1),
        ("{ cases(first: 1) { facets { statuses { count } } } }", {}, 3 + FACETS + 5),
        ("{ cases(first: 3) { nodes { actions(first: 2) { totalCount } } } }", {}, 1 + 3 * 3),
        ("{ cases(first: 2) { nodes { description } } }", {}, 1 + 2 * (2 + LONG_TEXT)),
        ('{ caseSnapshot(id: "1", asOf: {seq: 1}) { id: caseId } }', {}, 2 + FIELD_PRICES["Query.caseSnapshot"]),
        (BULK, {"b": {"inputs": [CLOSE, CLOSE]}}, 102 + 2 * ACTION),
        (BULK, {"b": {"inputs": [CLOSE] * 3}}, 102 + 3 * ACTION),
        (BULK, {"b": {"inputs": CLOSE}}, 102 + ACTION),
        (BULK, {"b": {"inputs": []}}, 102),
        (BULK_IN_PLACE % "[{}, {}]", {}, 102 + 2 * ACTION),
        (BULK_IN_PLACE % "{}", {}, 102 + ACTION),
        (BULK_OF_LIST, {"i": [CLOSE] * 3}, 102 + 3 * ACTION),
        ("{ viewer { inbox(first: 1) { totalCount counts { count } } } }", {}, 4 + 6 + 12_000),
    ],
)
def test_the_cost_includes_the_prices_of_the_selection(query: str, variables: dict[str, Any], cost: int) -> None:
    assert measured(query, **variables).cost == cost


def parent_of(name: str) -> tuple[GraphQLObjectType, str]:
    type_name, field, *_ = name.split(".")
    parent = CORE.type_map[type_name]
    assert isinstance(parent, GraphQLObjectType)
    return parent, field


def test_every_price_is_of_something_that_there_is() -> None:
    for name in (*FIELD_PRICES, *TOTAL_PRICES):
        parent, field = parent_of(name)
        assert field in parent.fields, name
    for name in TOTAL_PRICES:
        parent, field = parent_of(name)
        connection = get_named_type(parent.fields[field].type)
        assert isinstance(connection, GraphQLObjectType) and "totalCount" in connection.fields, name
    for name in (*ARGUMENT_PRICES, *VALUE_PRICES, *MEMBER_PRICES):
        parent, field = parent_of(name)
        assert name.rpartition(".")[2] in parent.fields[field].args, name


def test_whatever_searches_filters_or_orders_or_holds_a_long_text_has_a_price() -> None:
    for type_ in CORE.type_map.values():
        for name, field in (type_.fields if isinstance(type_, GraphQLObjectType) else {}).items():
            of = f"{type_.name}.{name}"
            requested = {f"{of}.{argument}" for argument in field.args if argument in ("search", "filter", "since")}
            known = ARGUMENT_PRICES.keys() | {"Case.actions.since", "CaseSnapshot.actions.since"}  # of one case's log
            assert requested <= known, of
            if name in ("body", "description") and not type_.name.startswith("__"):
                assert FIELD_PRICES[of] == LONG_TEXT


# --- What harms ------------------------------------------------------------------------------------------------------

KEYS = "[{field: STATUS}, {field: RESOLUTION}, {field: CLOSED_AT}, {field: ACTION_COUNT}, {field: UPDATED_AT}]"
LIST = "facets { statuses { count } }"
ATTACKS = {
    "searches": f'a%d: cases(search: "a", first: 1, orderBy: {KEYS}) {{ totalCount {LIST} }}',
    "searches by nothing": f'a%d: cases(search: "", first: 1, orderBy: {KEYS}) {{ totalCount {LIST} }}',
    "filters": f"a%d: cases(filter: {{}}, first: 1, orderBy: {KEYS}) {{ totalCount {LIST} }}",
    "inboxes": "a%d: viewer { inbox(first: 1) { totalCount counts { count } } }",
    "logs": 'a%d: actions(first: 1, types: [OPEN], since: "2020-01-01T00:00:00Z", user: "x") { totalCount }',
    "long texts": 'a%d: case(id: "1") { actions(first: 100) { nodes { comment { body } } } }',
}


@pytest.mark.parametrize(
    ("attack", "times"), [("searches", 4), ("filters", 5), ("inboxes", 7), ("searches by nothing", 4), ("logs", 7)]
)
def test_some_times_what_takes_the_database_longest_is_refused(attack: str, times: int) -> None:
    query = "{ " + " ".join(ATTACKS[attack] % number for number in range(times)) + " }"

    (error,) = Limits().check(as_limits(measured(query)), "")

    assert error.original_error is not None
    assert getattr(error.original_error, "params")["what"] == "cost"  # noqa: B009  # any refusal's


def test_many_long_texts_are_no_small_part_of_what_an_operation_may_cost() -> None:
    query = "{ " + " ".join(ATTACKS["long texts"] % number for number in range(25)) + " }"

    assert measured(query).cost > COST_MAX


# --- What people look at ---------------------------------------------------------------------------------------------

STORY = sorted((ROOT / "app/graphiql/src/story").glob("*.graphql"))
RELAY = sorted((ROOT / "tests/relay/src").glob("*.jsx"))


def screens() -> dict[str, int]:
    """Return what each operation costs that the page, the sample, and the benchmarks send."""
    found = {f"the worklist's screen, {n}": measured(SCREEN, first=n).cost for n in (25, 50, 100)}
    found |= {f"{o.key}, 50": measured(o.document, first=50, id="1", input={}).cost for o in OPERATIONS}
    sample = "\n".join(text for path in RELAY for text in re.findall(r"graphql`([^`]*)`", path.read_text()))
    for text in [*(path.read_text() for path in STORY), sample]:
        for node in parse(text).definitions:
            if isinstance(node, OperationDefinitionNode) and node.name is not None:
                found[node.name.value] = measured(text, node.name.value).cost
    return found


def test_ordinary_screens_are_well_within_what_an_operation_may_cost() -> None:
    costs = screens()

    assert len(costs) > 15
    assert max(costs.values()) < 0.7 * COST_MAX, costs


# --- The manual ------------------------------------------------------------------------------------------------------

MANUAL = (ROOT / "app/docs/limits.md").read_text()


def rows(heading: str) -> list[list[str]]:
    """Return the cells of the table below *heading*, without its head."""
    below = MANUAL.partition(f"## {heading}\n")[2].partition("\n## ")[0]
    lines = [line.strip("|").split("|") for line in below.splitlines() if line.startswith("|")]
    return [[cell.strip() for cell in line] for line in lines[2:]]


def test_the_manual_lists_each_limit_with_its_default_and_setting() -> None:
    reported = {what.strip("`"): (int(default), setting.strip("`")) for what, _, default, setting in rows("Operations")}

    assert reported == {name: (getattr(Limits(), name), f"CASEGATE_MAX_{name.upper()}") for name in NAMES}


def test_the_manual_lists_each_price() -> None:
    expected = {f"`{name}`": price for name, price in FIELD_PRICES.items()}
    for prices, end in ((ARGUMENT_PRICES, ""), (VALUE_PRICES, ", each key")):
        for name, price in prices.items():
            field, _, argument = name.rpartition(".")
            expected[f"`{field}({argument}:)`{end}"] = price
    expected |= {f"`{name}`, `totalCount` of it": price for name, price in TOTAL_PRICES.items()}

    for name, (member, price) in MEMBER_PRICES.items():
        field, _, argument = name.rpartition(".")
        expected[f"`{field}({argument}:)`, each of its `{member}`"] = price

    assert {name: int(price) for name, price in rows("Cost")} == expected


def test_the_manual_lists_the_bounds_of_requests_and_responses() -> None:
    reported = {settings: bound for _, bound, settings, _ in rows("Answers and what is in hand")}
    found = GatewaySettings()

    assert reported == {
        "`CASEGATE_MAX_ANSWER_BYTES`": f"{found.max_answer_bytes} bytes",
        "`CASEGATE_ANSWER_MEMORY`": f"{found.answer_memory} bytes",
        "`CASEGATE_MAX_CONCURRENCY`": f"{found.max_concurrency}",
        "`CASEGATE_DEADLINE`": f"{found.deadline:g} s",
        "`CASEGATE_MAX_BODY_BYTES`": f"{found.max_body_bytes} bytes",
        "`CASEGATE_RATE_LIMIT`, `CASEGATE_RATE_WINDOW`": f"{found.rate_limit} in {found.rate_window} s",
        "`CASEGATE_FAILED_AUTH_LIMIT`": f"{found.failed_auth_limit} a minute",
    }
    assert f"up to {BYTES_MAX // 2**20} MiB, each up to {LENGTH_MAX} characters" in MANUAL
    assert "2.5 s, gets 503" in MANUAL and found.database_pool_timeout == 2.5
    assert f"first {STEP // 1024} KiB are free" in MANUAL and f"some {FIELD_BYTES} bytes\nfor a field" in MANUAL


def test_the_manual_lists_the_bounds_of_arguments() -> None:
    reported = " ".join(MANUAL.partition("## Arguments\n")[2].split())

    assert f"1 to {PAGE_MAX}, {PAGE_DEFAULT} without" in reported
    assert f"more than {NODES_MAX} `ids`" in reported and f"more than {ORDER_MAX} keys" in reported
    filters = f"{FILTERS_MAX} objects, {COMPARISONS_MAX} comparisons, {VALUES_MAX} values in one of them or {DEPTH_MAX}"
    assert filters in reported


def test_the_example_in_the_manual_costs_what_it_says() -> None:
    query = """query($first: Int) { cases(first: $first, search: "a", filter: {status: {ne: CLOSED}},
        orderBy: [{field: UPDATED_AT}]) { totalCount facets { statuses { status count } } ...P } }
        fragment P on CaseConnection """ + WORKLIST.partition("first: $first)")[2].rsplit("}", 1)[0]

    assert abs(measured(query, first=50).cost - 46_000) < 2_000
