"""The limits of documents, one by one: just at the limit and just beyond, by their settings, and as mere warnings."""

import json
import time
from typing import Any

import pytest
from graphql import (
    GraphQLObjectType,
    get_introspection_query,
    get_named_type,
    get_nullable_type,
    is_composite_type,
    is_list_type,
    parse,
)
from hypothesis import given
from hypothesis import strategies as st

from app.api.limits.bounds import Limits
from app.api.limits.enforcement import as_limits
from app.api.limits.measurement import Measures, measure
from app.api.limits.prices import INTROSPECTED_SIZES, LIST_SIZES
from app.api.limits.scanner import scan
from app.api.limits.variables import coerced
from app.api.schema import CORE
from app.config.gateway_settings import GatewaySettings
from tests.support.api import Api
from tests.support.world import World


def measured(query: str, operation: str | None = None, **variables: Any) -> Measures:
    document = parse(query)
    found = measure(CORE, document, operation, coerced(CORE, document, operation, variables))
    assert found is not None
    return found[0]


# --- Before parsing --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "tokens", "nesting"),
    [
        ("", 0, 0),
        ("{ a }", 3, 1),
        ("{a(b:[1,2]){c}}", 14, 3),
        ('{ a(b: "}}}{{{ # \\" ") }', 8, 2),
        ('{ a(b: """ }}} " \\""" """) }', 8, 2),
        ("# {{{\n{ a }", 4, 1),
        ("query A($x: Int = -1.5e3) { ...F @skip(if: true) }", 21, 2),
        ("\ufeff{,a,}", 3, 1),
        ('{ a(b: "never ends', 5, 2),
        ("{ a ? b }", 2, 1),
    ],
)
def test_tokens_are_counted_and_brackets_are_matched(text: str, tokens: int, nesting: int) -> None:
    assert scan(text, None, None) == (tokens, nesting)


def test_the_scan_stops_where_it_has_seen_enough() -> None:
    assert scan("a " * 1_000_000, 10, None) == (11, 0)
    assert scan("{" * 1_000_000, None, 10) == (11, 11)


@pytest.mark.parametrize(
    "text", ['"""\n' * 80_000, '"""' + '\n\\"""' * 50_000, '"' * 250_000, '"\\' * 125_000, "#" * 250_000, " " * 250_000]
)
def test_the_scan_is_linear_whatever_the_text(text: str) -> None:
    started = time.process_time()
    scan(text, None, None)

    # A square would be minutes, on any machine.
    assert time.process_time() - started < 30


@given(st.text(alphabet='{}[]()"\\#\n ,.!$:@a1-eé\x00\ufeff', max_size=60))
def test_the_scan_ends_on_any_text(text: str) -> None:
    tokens, nesting = scan(text, None, None)

    assert 0 <= nesting <= tokens <= len(text)


# --- After parsing ---------------------------------------------------------------------------------------------------


def test_each_thing_is_counted_with_its_fragments_expanded() -> None:
    query = """
        query Q @a { x: case(id: "1") @b { ...F ...F } node(id: "2") { ... on User { id @c } } }
        fragment F on Case @d { y: title subject { z: label } }
    """

    found = measured(query, "Q")

    assert as_limits(found) == {
        "root_fields": 2,
        "depth": 3,
        "aliases": 1 + 2 * 2,
        "directives": 1 + 1 + 1 + 2,
        "fragments": 1,
        "selections": 1 + 2 + 2 * 3 + 1 + 1 + 1,
        "cost": 1 + 2 * 3 + 1 + 1,
        "introspection": 0,
    }


CONFLICT = "... on VersionConflictError { case { actions(first: 100) { nodes { id } } } }"  # 202 fields, once


@pytest.mark.parametrize(
    ("query", "variables", "cost"),
    [
        ("{ viewer { language } }", {}, 2),
        ("{ cases { nodes { id } } }", {}, 1 + 25 * 2),
        ("{ cases(first: 3) { nodes { id } } }", {}, 1 + 3 * 2),
        ("{ cases(last: 3) { edges { cursor node { id } } } }", {}, 1 + 3 * 4),
        ("{ cases(first: 3) { pageInfo { hasNextPage } nodes { id } } }", {}, 1 + 2 + 3 * 2),
        ("query($n: Int) { cases(first: $n) { nodes { id } } }", {"n": 7}, 1 + 7 * 2),
        ("query($n: Int) { cases(first: $n) { nodes { id } } }", {}, 1 + 25 * 2),
        ("query($n: Int) { cases(first: $n) { nodes { id } } }", {"n": "7"}, 1 + 25 * 2),  # refused
        ("query($n: Int = 100) { cases(first: $n) { nodes { id } } }", {}, 1 + 100 * 2),
        ("query($n: Int = 100) { cases(first: $n) { nodes { id } } }", {"n": None}, 1 + 25 * 2),
        ("query($n: Int = 100) { cases(first: $n) { nodes { id } } }", {"n": 3}, 1 + 3 * 2),
        ("query($n: Int) { cases(first: $n) { nodes { id } } }", {"n": 100.0}, 1 + 100 * 2),
        ("query($n: Int, $m: Int = 90) { cases(first: $n, last: $m) { nodes { id } } }", {}, 1 + 90 * 2),
        ("query($n: Int, $m: Int = 90) { cases(last: $m, first: $n) { nodes { id } } }", {"n": 2}, 1 + 2 * 2),
        ('query($i: [ID!]! = ["1", "2", "3"]) { nodes(ids: $i) { id } }', {}, 1 + 3),
        ('query($i: [ID!]! = "1") { nodes(ids: $i) { id } }', {}, 1 + 1),
        ("query($i: [ID!]!) { nodes(ids: $i) { id } }", {"i": "1"}, 1 + 1),
        ('query($i: ID! = "1") { nodes(ids: [$i, $i, $i]) { id } }', {}, 1 + 3),
        ('{ nodes(ids: "1") { id } }', {}, 1 + 1),
        ("query($n: Int = 40) { ...P } fragment P on Query { cases(first: $n) { nodes { id } } }", {}, 1 + 40 * 2),
        ("query($a: Boolean = false) { cases @include(if: $a) { nodes { id } } a: __typename }", {}, 1),
        ("query($a: Boolean!) { cases @skip(if: $a) { nodes { id } } a: __typename }", {"a": True}, 1),
        ("query($a: Boolean!) { ...P @skip(if: $a) } fragment P on Query { cases { nodes { id } } }", {"a": True}, 0),
        ("query($a: Boolean!) { ... @include(if: $a) { cases { nodes { id } } } }", {"a": False}, 0),
        ("{ cases @skip(if: false) @include(if: true) { nodes { id } } }", {}, 1 + 25 * 2),
        ("{ cases(first: 3) { ...P } } fragment P on CaseConnection { nodes { id } }", {}, 1 + 3 * 2),
        ("{ cases(first: 3) { nodes { actions(first: 4) { nodes { id } } } } }", {}, 1 + 3 * (1 + 1 + 4 * 2)),
        ("{ cases(first: 1000000) { nodes { id } } }", {}, 1 + 100 * 2),
        ("{ cases(first: -1) { nodes { id } } }", {}, 1 + 1 * 2),
        ('{ nodes(ids: ["1", "2"]) { id } }', {}, 1 + 2),
        ("query($i: [ID!]!) { nodes(ids: $i) { id } }", {"i": ["1", "2", "3"]}, 1 + 3),
        ('{ case(id: "1") { overrides { nodes { id } } } }', {}, 1 + 1 + 25 * 2),
        ('{ node(id: "1") { ... on Override { assignedReviewers { id } } } }', {}, 1 + 1 + 10),
        ("{ nothing { at { all } } }", {}, 3),
        (f"mutation {{ addComment {{ errors {{ code {CONFLICT} }} }} }}", {}, 1 + 1 + 50 * (1 + 5)),
    ],
)
def test_the_cost_is_how_many_fields_the_answer_can_have(query: str, variables: dict[str, Any], cost: int) -> None:
    assert measured(query, **variables).cost == cost


def test_every_list_that_has_no_page_has_a_bound() -> None:
    """A list that is not known here counts as a page, which has to be thought about."""
    lists = set()
    for name, type_ in CORE.type_map.items():
        for field_name, field in (type_.fields if isinstance(type_, GraphQLObjectType) else {}).items():
            inner = get_named_type(field.type)
            is_items = name.endswith("Connection") and field_name in ("nodes", "edges")
            if is_list_type(get_nullable_type(field.type)) and is_composite_type(inner) and not is_items:
                lists.add(f"{name}.{field_name}")

    known = {*LIST_SIZES, *INTROSPECTED_SIZES, "Query.nodes", "__Schema.types", "__Schema.directives"}
    known |= {name for name in lists if name.endswith("Payload.errors")}
    assert lists <= known
    assert set(LIST_SIZES) <= lists


def test_what_graphiql_asks_about_the_schema_is_within_the_limits() -> None:
    for options in ({}, {"specified_by_url": True, "input_value_deprecation": True, "schema_description": True}):
        query = get_introspection_query(**options)
        tokens, nesting = scan(query, None, None)
        measures = {"tokens": tokens, "nesting": nesting, **as_limits(measured(query))}

        assert Limits().check(measures, "") == []


def test_a_document_costs_what_it_is_long_and_not_what_it_expands_to() -> None:
    chain = " ".join(f"fragment f{i} on Query {{ ...f{i + 1} ...f{i + 1} }}" for i in range(1_000))
    document = parse(f"{{ ...f0 }} {chain} fragment f1000 on Query {{ __typename }}")
    started = time.process_time()

    found = measure(CORE, document, None, {})

    assert found is not None and found[0].selections > 2**1000
    assert time.process_time() - started < 30  # what it expands to would take for ever


def test_circular_fragments_are_left_to_validation() -> None:
    assert measure(CORE, parse("{ ...a } fragment a on Query { ...b } fragment b on Query { ...a }"), None, {}) is None


# --- Through the door ------------------------------------------------------------------------------------------------

# A document that is just at the limit, and one that is just beyond, when the limit is 3 (2 for mutations).
COMMENT = 'addComment(input: {caseId: "x", body: "y"}) { errors { code } }'
SKIP = "@skip(if: false)"
AT_AND_BEYOND = {
    "tokens": ("{__typename}", "{__typename,__typename}"),
    "nesting": ("{viewer{user{id}}}", "{cases(first:1){nodes{a:documents{__typename}}}}"),
    "depth": ("{ viewer { user { id } } }", "{ cases { nodes { subject { id } } } }"),
    "aliases": (
        "{ a: __typename b: __typename c: __typename }",
        "{ ...F ...F } fragment F on Query { a: __typename b: __typename }",
    ),
    "root_fields": (
        "{ a: __typename b: __typename c: __typename }",
        "{ ...F ...F } fragment F on Query { a: __typename b: __typename }",
    ),
    "mutations": (
        f"mutation {{ a: {COMMENT} b: {COMMENT} c: {COMMENT} }}",
        f"mutation {{ a: {COMMENT} b: {COMMENT} c: {COMMENT} d: {COMMENT} }}",
    ),
    "directives": (
        f"{{ a: __typename {SKIP} b: __typename {SKIP} c: __typename {SKIP} }}",
        f"{{ ...F ...F }} fragment F on Query {{ a: __typename {SKIP} b: __typename {SKIP} }}",
    ),
    "fragments": (
        "{ ...A } fragment A on Query { __typename }",
        "{ ...A ...B ...C ...D }" + "".join(f" fragment {name} on Query {{ __typename }}" for name in "ABCD"),
    ),
    "selections": ("{ viewer { user { id } } }", "{ viewer { user { id email } } }"),
    "cost": ("{ viewer { user { id } } }", "{ cases(first: 2) { nodes { id } } }"),
    "inputs": ("{ __typename }", "{ __typename }"),
    "introspection": ('{ __type(name: "Case") { name kind } }', '{ __type(name: "Case") { fields { name } } }'),
}


@pytest.mark.parametrize("origin", ["sqlite"], indirect=True)  # no table is touched but for the token's
@pytest.mark.parametrize("what", AT_AND_BEYOND)
async def test_each_limit_has_a_setting_and_can_be_a_mere_warning(
    fresh_url: str, world: World, what: str, capsys: pytest.CaptureFixture[str]
) -> None:
    at, beyond = AT_AND_BEYOND[what]
    few, many = ({"a": {"b": [1]}}, {"a": {"b": [1, 2]}}) if what == "inputs" else ({}, {})
    async with Api.opened(fresh_url, **{f"max_{what}": 3}) as api:
        fine = await api.send(world.ada.token, at, few)
        refused = await api.send(world.ada.token, beyond, many, accept_language="fr")
        newer = await api.send(world.ada.token, beyond, many, accept="application/graphql-response+json")
    async with Api.opened(fresh_url, **{f"max_{what}": 3}, warn_only=(what,)) as api:
        warned = await api.send(world.ada.token, beyond, many)

    assert "errors" not in fine.json(), fine.text
    (error,) = refused.json()["errors"]
    assert error["extensions"].pop("actual") > 3
    assert error["extensions"] == {"code": "QUERY_TOO_COMPLEX", "what": what, "limit": 3}
    assert "data" not in refused.json() and error["message"].startswith("L’opération en demande trop")
    assert (refused.status_code, newer.status_code) == (200, 400)
    assert "data" in warned.json()
    (line,) = [
        line for line in map(json.loads, capsys.readouterr().err.splitlines()) if line["event"] == "limit_passed"
    ]
    assert (line["what"], line["limit"], line["level"]) == (what, 3, "warning")


def test_the_settings_are_the_limits() -> None:
    found = GatewaySettings()

    for what in AT_AND_BEYOND:
        assert getattr(found, f"max_{what}") == getattr(Limits(), what)
