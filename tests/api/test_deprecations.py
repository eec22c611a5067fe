"""Deprecated elements: whoever uses one is warned in the answer, counted by client, and served as before."""

import json
import re
from collections.abc import Iterator
from datetime import date
from typing import Any

import pytest
from graphql import GraphQLSchema, parse, print_schema

from app.api import schema as api_schema
from app.api.contract.deprecations import Deprecation, DeprecationError, deprecate, elements, read_table
from app.api.contract.uses import DeprecatedUses
from app.api.limits.bounds import Limits
from app.api.operation_runner import EndpointOptions, OperationRunner
from app.api.webhook_documents import WebhookDocuments, WebhookRenderer
from app.db.engines import Database
from app.db.repository.log import LogPlace
from app.documents.store import DocumentStore
from app.observability import metrics
from tests.support.api import Api
from tests.support.jsonapi import ResourceClient
from tests.support.subscriptions import Live
from tests.support.world import World

DAY = date(2027, 6, 30)
REPLACEMENTS = {
    "Case.title": "Case.description",
    "Case.description": "Case.reference",
    "Query.cases(search:)": "Query.cases(filter:)",
    "CaseFilter.resolution": "CaseFilter.status",
    "CaseStatus.RESOLVED": "CaseStatus.CLOSED",
    "AddCommentInput.idempotencyKey": "AddCommentInput.dryRun",
    "CaseActionConnection.nodes": "CaseActionConnection.edges",
    "CaseAction.createdAt": "CaseAction.seq",
    "Subscription.inboxChanged": "Subscription.actions",
}
TABLE = [Deprecation(name, other, DAY) for name, other in REPLACEMENTS.items() if name != "Case.title"]


@pytest.fixture(autouse=True)
def deprecated() -> Iterator[None]:
    """Deprecate what is in the table for as long as the test runs; documents that are known stay as they are."""
    core, preparation = api_schema.CORE, api_schema.PREPARATION
    before = preparation.deprecated
    deprecate(core, TABLE)
    preparation.deprecated = DeprecatedUses(core)
    try:
        yield
    finally:
        for deprecation in TABLE:
            elements(core)[deprecation.coordinate].deprecation_reason = None
        preparation.deprecated = before


def warned(body: Any) -> list[str]:
    return [warning["coordinate"] for warning in body.get("extensions", {}).get("warnings", [])]


async def test_an_answer_says_what_is_deprecated_what_to_use_instead_and_until_when(api: Api, world: World) -> None:
    case_id = (await world.open_case()).case.id
    document = "query($id: ID!) { case(id: $id) { description } }"

    bodies = [
        (await api.send(world.ada.token, document, {"id": str(case_id)}, accept_language=language)).json()
        for language in ("en", "fr-CA")
    ]

    assert [body["data"] for body in bodies] == [{"case": {"description": None}}] * 2
    facts = {"code": "DEPRECATED", "coordinate": "Case.description", "replacement": "Case.reference"}
    facts["removedAfter"] = "2027-06-30"
    english = "“Case.description” is deprecated and works until 2027-06-30. Use “Case.reference” instead."
    french = (
        "« Case.description » est obsolète et fonctionnera jusqu’au 2027-06-30. Utilisez « Case.reference » à la place."
    )
    assert [body["extensions"] for body in bodies] == [
        {"warnings": [facts | {"message": message}]} for message in (english, french)
    ]


UNKNOWN_ID = "00000000-0000-7000-8000-000000000000"
FILTERED = "query($f: CaseFilter) { cases(filter: $f) { nodes { id } } }"
DESCRIBED, RESOLVED = ["Case.description"], ["CaseStatus.RESOLVED"]
USES: list[tuple[str, dict[str, Any] | None, list[str]]] = [
    ("{ cases { nodes { title } } }", None, []),
    ("{ cases { nodes { description } } }", None, DESCRIBED),
    ("{ cases { nodes { title: description x: description } } }", None, DESCRIBED),
    ("{ cases { nodes { description: title } } }", None, []),
    (
        "{ ...F } fragment F on Query { cases { nodes { ...G } } } fragment G on Case { description }",
        None,
        ["Case.description"],
    ),
    (f'{{ node(id: "{UNKNOWN_ID}") {{ ... on Case {{ description }} }} }}', None, DESCRIBED),
    (
        "query($no: Boolean = false) { cases { nodes { id description @include(if: $no) } } }",
        None,
        ["Case.description"],
    ),
    ('{ cases(search: "a") { nodes { id } } }', None, ["Query.cases(search:)"]),
    ("query($s: String) { cases(search: $s) { nodes { id } } }", {}, ["Query.cases(search:)"]),
    ("{ cases(filter: {status: {in: [OPEN, RESOLVED]}}) { nodes { id } } }", None, RESOLVED),
    ("{ cases(filter: {status: {eq: OPEN}}) { nodes { id } } }", None, []),
    (FILTERED, {}, []),
    (FILTERED, {"f": None}, []),
    (FILTERED, {"f": {"status": {"in": ["OPEN"]}}}, []),
    (
        FILTERED,
        {"f": {"not": {"status": {"in": ["OPEN", "RESOLVED"]}}}},
        RESOLVED,
    ),
    (
        FILTERED,
        {"f": {"or": {"status": {"in": "RESOLVED"}}}},
        RESOLVED,
    ),
    (
        "query($f: CaseFilter = {status: {ne: RESOLVED}}) { cases(filter: $f) { nodes { id } } }",
        {},
        RESOLVED,
    ),
    (
        "query($s: [CaseStatus!]) { cases(filter: {status: {in: $s}}) { nodes { id } } }",
        {"s": ["RESOLVED"]},
        RESOLVED,
    ),
    (
        FILTERED,
        {"f": {"and": [{"resolution": {"eq": "DUPLICATE"}}, {"status": {"ne": "RESOLVED"}}]}},
        ["CaseFilter.resolution", "CaseStatus.RESOLVED"],
    ),
    (
        "{ cases { nodes { description actions { nodes { seq } } } } }",
        None,
        ["Case.description", "CaseActionConnection.nodes"],
    ),
]


@pytest.mark.parametrize("number", range(len(USES)))
async def test_a_use_is_found_wherever_it_stands_and_each_time(number: int, api: Api, world: World) -> None:
    document, variables, expected = USES[number]
    document += f" # {number}"

    bodies = [(await api.send(world.ada.token, document, variables)).json() for _ in range(3)]

    assert all("errors" not in body for body in bodies), bodies
    assert [warned(body) for body in bodies] == [expected] * 3


async def test_of_several_operations_the_one_that_is_executed_counts(api: Api, world: World) -> None:
    document = "query A { cases { nodes { description } } } query B { cases { nodes { id } } }"
    headers = {"Authorization": f"Bearer {world.ada.token}"}

    found = [
        warned(
            (await api.client.post("/graphql", json={"query": document, "operationName": name}, headers=headers)).json()
        )
        for name in "ABAB"
    ]

    assert found == [["Case.description"], []] * 2


async def test_a_document_is_looked_at_once(api: Api, world: World) -> None:
    document = "query Once { cases { nodes { description } } }"
    found = []
    for _ in range(3):
        await api.send(world.ada.token, document)
        kept = api_schema.CACHE.get(document)
        assert kept is not None
        found.append(kept.deprecated["Once"])

    assert found[0].coordinates == ("Case.description",)
    assert found[0] is found[1] is found[2]


async def test_a_mutation_is_warned_of_a_field_of_its_input_and_cost_stays_beside_it(api: Api, world: World) -> None:
    case_id = str((await world.open_case()).case.id)
    document = "mutation($input: AddCommentInput!) { addComment(input: $input) { errors { code } } }"

    first, second = [
        (
            await api.send(
                world.ada.token, document, {"input": {"caseId": case_id, "body": "x"} | more}, x_graphql_cost="1"
            )
        ).json()
        for more in ({}, {"idempotencyKey": "k"})
    ]

    assert (warned(first), warned(second)) == ([], ["AddCommentInput.idempotencyKey"])
    assert first["extensions"]["cost"] == second["extensions"]["cost"]
    assert second["data"] == {"addComment": {"errors": []}}


async def test_each_event_of_a_subscription_has_the_warnings(api: Api, world: World) -> None:
    document = "subscription($id: ID!) { caseChanged(id: $id) { description } }"
    sent = {"query": document, "variables": {"id": UNKNOWN_ID}}
    headers = {"Authorization": f"Bearer {world.ada.token}", "Accept": "text/event-stream"}

    answer = await api.client.post("/graphql", json=sent, headers=headers)

    (data,) = [line.removeprefix("data: ") for line in answer.text.splitlines() if line.startswith("data: {")]
    body = json.loads(data)
    assert (body["data"], warned(body)) == ({"caseChanged": None}, ["Case.description"])


async def test_what_is_refused_as_a_whole_has_no_warnings(api: Api, world: World) -> None:
    body = (await api.send(world.ada.token, "{ cases { nodes { description nothing } } }")).json()

    assert "extensions" not in body and body["errors"]


async def test_json_api_says_so_in_meta(api: Api, world: World) -> None:
    case_id = (await world.open_case()).case.id
    client = ResourceClient(api)

    used = await client.read(f"/cases/{case_id}?fields[case]=description", world.ada.token)
    without = await client.read(f"/cases/{case_id}?fields[case]=title", world.ada.token)

    assert [warning["coordinate"] for warning in used["meta"]["warnings"]] == ["Case.description"]
    assert "warnings" not in without.get("meta", {})


async def test_uses_are_counted_by_coordinate_and_client(
    fresh_url: str, world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(metrics, "client_names", metrics.Names(metrics.CLIENTS_MAX))
    async with Api.opened(fresh_url, metrics=True) as api:
        before = (await api.client.get("/metrics")).text
        for name in ("desk", "desk", "night-job"):
            await api.send(world.ada.token, "{ cases { nodes { description } } }", x_graphql_client_name=name)
        await api.send(world.ada.token, "{ cases { nodes { id } } }", x_graphql_client_name="desk")
        after = (await api.client.get("/metrics")).text

    counted = [uses_by_client(text) for text in (before, after)]
    grown = {client: number - counted[0].get(client, 0) for client, number in counted[1].items()}
    assert {client: number for client, number in grown.items() if number} == {"desk": 2, "night-job": 1}


def uses_by_client(text: str, coordinate: str = "Case.description") -> dict[str, float]:
    label = re.escape(coordinate)
    pattern = rf'^casegate_deprecated_uses_total\{{client="([^"]+)",coordinate="{label}"\}} (\S+)$'
    return {client: float(number) for client, number in re.findall(pattern, text, re.MULTILINE)}


async def test_a_webhook_s_uses_are_counted_and_its_body_stays_as_it_is(
    database: Database, store: DocumentStore, world: World
) -> None:
    actions = [(await world.open_case()).action for _ in range(2)]
    before = uses_by_client(metrics.exposition(is_shared=False).decode(), "CaseAction.createdAt")
    async with Live.opened(database, store) as live:
        runner = OperationRunner(live.services, EndpointOptions(deadline_s=120))
        renderer = WebhookRenderer(WebhookDocuments(Limits()), runner)
        document = "subscription { actions { action { seq createdAt } } }"
        bodies = [
            await renderer.render(document, world.ada.identity, LogPlace(action, (1, action.id))) for action in actions
        ]

    after = uses_by_client(metrics.exposition(is_shared=False).decode(), "CaseAction.createdAt")
    assert after["webhook"] - before.get("webhook", 0) == 2
    assert [json.loads(body).keys() for body in bodies] == [{"type", "timestamp", "data"}] * 2


# --- The table -------------------------------------------------------------------------------------------------------


def test_the_table_is_put_into_the_schema() -> None:
    printed = print_schema(api_schema.CORE)

    reason = '@deprecated(reason: "Use `Case.reference` instead. Removed after 2027-06-30.")'
    assert f"  description: String {reason}\n" in printed
    assert printed.count("@deprecated") == len(TABLE)


@pytest.mark.parametrize(
    "entry",
    [
        '["Case.nothing"]\nreplacement = "Case.reference"\nremoved_after = 2027-06-30',
        '["Nothing.title"]\nreplacement = "Case.reference"\nremoved_after = 2027-06-30',
        '[Case]\nreplacement = "Subject"\nremoved_after = 2027-06-30',
        '["Case.title"]\nreplacement = "Case.nothing"\nremoved_after = 2027-06-30',
        '["Case.title"]\nreplacement = "Case.title"\nremoved_after = 2027-06-30',
        '["Case.title"]\nreplacement = "Case.description"\nremoved_after = 2027-06-30',
        '["AddCommentInput.body"]\nreplacement = "Case.reference"\nremoved_after = 2027-06-30',
        '["Query.case(id:)"]\nreplacement = "Case.reference"\nremoved_after = "2027-06-30"',
        '["Case.title"]\nreplacement = "Case.reference"',
        '["Case.title"]\nremoved_after = 2027-06-30',
        '["Case.title"]\nreplacement = "Case.reference"\nremoved_after = 2027-06-30\nwhy = "x"',
    ],
)
def test_what_is_wrong_in_the_table_is_refused(entry: str) -> None:
    core: GraphQLSchema = api_schema.CORE
    reasons = {name: element.deprecation_reason for name, element in elements(core).items()}
    try:
        with pytest.raises(DeprecationError):
            deprecate(core, read_table(entry))
    finally:
        for name, element in elements(core).items():
            element.deprecation_reason = reasons[name]


def test_a_schema_without_deprecations_has_no_uses(deprecated: None) -> None:
    for deprecation in TABLE:
        elements(api_schema.CORE)[deprecation.coordinate].deprecation_reason = None

    uses = DeprecatedUses(api_schema.CORE)

    assert not uses
    assert uses.of_document(parse("{ cases { nodes { description } } }"), None).coordinates == ()
