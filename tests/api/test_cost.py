"""The cost of an operation is an upper bound of the fields that its answer has, however its sizes are given."""

import random
from collections.abc import AsyncIterator
from typing import Any

import pytest

from app.api.limits.prices import ARGUMENT_PRICES, VALUE_PRICES
from app.domain.model import CaseStatus
from tests.support.api import Api
from tests.support.argument_values import values_of
from tests.support.bulk import filled
from tests.support.random_operations import Author, Operation
from tests.support.world import World


@pytest.fixture
async def plain(fresh_url: str) -> AsyncIterator[Api]:
    """The same gateway without plans."""
    async with Api.opened(fresh_url, plans=False) as opened:
        yield opened


def fields_in(value: Any) -> int:
    """Return how many fields there are in an answer's data."""
    if isinstance(value, dict):
        return len(value) + sum(map(fields_in, value.values()))
    return sum(map(fields_in, value)) if isinstance(value, list) else 0


async def cost_and_fields(api: Api, token: str, operation: Operation) -> tuple[int, int]:
    answer = await api.send(token, operation.document, dict(operation.variables), x_graphql_cost="1")
    body = answer.json()
    if "cost" not in body.get("extensions", {}):  # refused before it was measured
        assert "data" not in body, body
        return 0, 0
    return body["extensions"]["cost"]["requested"], fields_in(body.get("data"))


EXAMPLES: dict[str, dict[str, Any]] = {
    "query($n: Int = 100) { cases(first: $n) { nodes { id title } } }": {},
    "query($n: Int) { cases(first: $n) { nodes { id title } } }": {"n": 100.0},
    "query($n: Int, $m: Int = 100) { cases(first: $n, last: $m) { edges { node { id } } } }": {"n": None},
    """query($n: Int = 30) { ...P @skip(if: false) } fragment P on Query { a: cases(last: $n) { ...N b: nodes { id } } }
    fragment N on CaseConnection { nodes { reference actions(first: 9) { nodes { seq } } } }""": {},
    """{ users(last: 50) { nodes { id email } } labels { enum value text } workflow { states { status }
    actions { action outcomes { to } } } }""": {},
    '{ cases(search: "a", first: 100) { edges { match { snippet { text highlighted } } } } }': {},
    """{ cases(first: 50) { facets { statuses { status count } subjectStatuses { status count } }
    nodes { availableActions { action } } } }""": {},
    "{ viewer { inbox(first: 100) { counts { reason count } edges { node { id } reasons } } } }": {},
}


@pytest.mark.long
@pytest.mark.parametrize("document", EXAMPLES)
async def test_no_answer_has_more_fields_than_its_operation_costs(
    world: World, api: Api, plain: Api, document: str
) -> None:
    await filled(world, cases=110, actions=400)

    for client in (plain, api, api):  # the second time there is a plan
        cost, fields = await cost_and_fields(client, world.bea.token, Operation(document, EXAMPLES[document]))
        assert cost >= fields > 20


async def test_ids_that_are_a_default_are_counted(world: World, api: Api) -> None:
    id_ = str((await world.open_case()).case.id)
    one = 'query($ids: [ID!]! = "{}") {{ nodes(ids: $ids) {{ id ... on Case {{ title }} }} }}'
    many = "query($ids: [ID!]! = [" + f'"{id_}"' * 60 + "]) { nodes(ids: $ids) { id } }"

    for _ in range(2):
        assert await cost_and_fields(api, world.ada.token, Operation(one.format(id_), {})) == (3, 3)
        assert await cost_and_fields(api, world.ada.token, Operation(many, {})) == (61 + 61 // 20, 61)


async def test_the_cached_cost_of_a_document_depends_on_the_operation(world: World, api: Api) -> None:
    document = "query($s: String, $o: [CaseOrder!]) { cases(first: 1, search: $s, orderBy: $o) { nodes { id } } }"
    order = [{"field": "STATUS", "direction": "ASC"}]
    requested: list[dict[str, Any]] = [
        {},
        {"s": "a"},
        {"s": "b"},
        {"s": None},
        {"o": order},
        {"s": "a", "o": order * 2},
    ]
    search, key = ARGUMENT_PRICES["Query.cases.search"], VALUE_PRICES["Query.cases.orderBy"]

    for _ in range(3):
        costs = [(await cost_and_fields(api, world.ada.token, Operation(document, values)))[0] for values in requested]
        assert costs == [3, 3 + search, 3 + search, 3, 3 + key, 3 + search + 2 * key]


async def assert_cost_is_an_upper_bound(world: World, api: Api, plain: Api, seed: int, number: int) -> None:
    """Hold the costs of *number* random queries to their answers, with a plan and without."""
    dice = random.Random(seed)
    await filled(world, cases=60, actions=500, seed=seed)
    await world.case_in(CaseStatus.PENDING_REVIEW)
    values = {**await values_of(world, api), "first": [100, 100, 50, 30, 3], "last": [100, 60, 2]}
    answered = fields = 0

    for _ in range(number):
        operation = Author(dice, values, coerced=True).query()
        for client in (plain, api, api):
            cost, fields = await cost_and_fields(client, world.bea.token, operation)
            assert cost >= fields, operation
        answered += fields > 0

    assert answered > 0.3 * number


@pytest.mark.long
async def test_no_random_answer_has_more_fields_than_its_operation_costs(world: World, api: Api, plain: Api) -> None:
    await assert_cost_is_an_upper_bound(world, api, plain, seed=3, number=60)


@pytest.mark.soak
@pytest.mark.parametrize("seed", range(4))
async def test_none_of_4_000_random_answers_has_more_fields_than_its_operation_costs(
    world: World, api: Api, plain: Api, seed: int
) -> None:
    await assert_cost_is_an_upper_bound(world, api, plain, seed=100 + seed, number=1000)
