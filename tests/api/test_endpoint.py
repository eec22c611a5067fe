"""GraphQL over HTTP: what cannot become an operation is answered as a GraphQL body, and every answer names its request.

What is asked and answered within an operation is in test_queries and test_mutations.
"""

import json
from typing import Any
from uuid import UUID

import httpx2
import pytest

from app.db import tables
from tests.support.api import Api
from tests.support.database_contents import contents, set_by_hand, without
from tests.support.world import World

NAME = "{ viewer { user { displayName } } }"
JSON = "application/json"
RESPONSE_JSON = "application/graphql-response+json"


def body_of(answer: httpx2.Response) -> dict[str, Any]:
    """Return the answer's body, which must be well-formed after the GraphQL specification, section 7.1."""
    assert answer.headers["content-type"] in (f"{JSON}; charset=utf-8", f"{RESPONSE_JSON}; charset=utf-8")
    body: dict[str, Any] = answer.json()
    assert body.keys() <= {"data", "errors", "extensions"}
    assert body.keys() & {"data", "errors"}
    for error in body.get("errors", [{"message": "none", "extensions": {"code": "NONE"}}]):
        assert isinstance(error["message"], str) and error["message"]
        assert error["extensions"]["code"]
    assert body.get("errors") != []
    return body


def reported(answer: httpx2.Response) -> tuple[int, str]:
    """Return the status and the code of the first error."""
    return answer.status_code, body_of(answer)["errors"][0]["extensions"]["code"]


# Bodies that are no request, and what is answered to them.
BODIES: dict[str, tuple[bytes, int, str]] = {
    "empty": (b"", 400, "BAD_REQUEST"),
    "no JSON": (b"query { viewer }", 400, "BAD_REQUEST"),
    "cut off": (b'{"query": "{ viewer ', 400, "BAD_REQUEST"),
    "null": (b"null", 400, "BAD_REQUEST"),
    "a number": (b"1", 400, "BAD_REQUEST"),
    "a string": (b'"{ viewer { language } }"', 400, "BAD_REQUEST"),
    "a list": (b'[{"query": "{ viewer { language } }"}]', 400, "BAD_REQUEST"),
    "no UTF-8": (b'{"query": "\xff"}', 400, "BAD_REQUEST"),
    "UTF-16": ('{"query": "{ viewer { language } }"}'.encode("utf-16"), 400, "BAD_REQUEST"),
    "half a surrogate pair": (rb'{"query": "{ viewer { language } } # \ud800"}', 400, "BAD_REQUEST"),
    "not a number": (b'{"query": "{ viewer { language } }", "variables": {"a": NaN}}', 400, "BAD_REQUEST"),
    "an endless number": (b'{"query": "{ viewer { language } }", "variables": {"a": 1e999}}', 400, "BAD_REQUEST"),
    "6000 digits": (
        b'{"query": "{ viewer { language } }", "variables": {"a": %s}}' % (b"1" * 6000),
        400,
        "BAD_REQUEST",
    ),
    "a name twice": (b'{"query": "{ viewer { language } }", "query": "{ viewer { language } }"}', 400, "BAD_REQUEST"),
    "a name twice, one of them escaped": (
        rb'{"query":"query($a: Int) { cases(first: $a) { nodes { id } } }","variables":{"a":1,"\u0061":2}}',
        400,
        "BAD_REQUEST",
    ),
    "a name twice, as long as what is read": (
        b'{"query":"{ viewer { language } }","variables":{"a":1e15,"b":{"c":1,"c":2}}}',
        400,
        "BAD_REQUEST",
    ),
    "a name twice, 300 deep": (
        b'{"query":"{ viewer { language } }","variables":{"a":%s{"b":1,"b":1}%s}}' % (b"[" * 300, b"]" * 300),
        400,
        "BAD_REQUEST",
    ),
    "100 000 deep": (b"[" * 100_000 + b"]" * 100_000, 400, "BAD_REQUEST"),
    "no query": (b"{}", 400, "BAD_REQUEST"),
    "an empty query": (b'{"query": ""}', 400, "BAD_REQUEST"),
    "a query of blanks": (b'{"query": "  # nothing"}', 200, "GRAPHQL_INVALID"),
    "a query that is none": (b'{"query": 7}', 400, "BAD_REQUEST"),
    "variables that are none": (b'{"query": "{ viewer { language } }", "variables": [1]}', 400, "BAD_REQUEST"),
    "a name that is none": (b'{"query": "{ viewer { language } }", "operationName": 1}', 400, "BAD_REQUEST"),
    "extensions that are none": (b'{"query": "{ viewer { language } }", "extensions": 1}', 400, "BAD_REQUEST"),
    "another operation's name": (
        b'{"query": "query A { viewer { language } }", "operationName": "B"}',
        400,
        "BAD_REQUEST",
    ),
    "no operation": (b'{"query": "fragment A on Query { viewer { language } }"}', 400, "BAD_REQUEST"),
    "two operations": (
        b'{"query": "query A { viewer { language } } query B { viewer { language } }"}',
        200,
        "BAD_USER_INPUT",
    ),
    "bad syntax": (b'{"query": "{ viewer { "}', 200, "GRAPHQL_INVALID"),
    "an unknown field": (b'{"query": "{ nothing }"}', 200, "GRAPHQL_INVALID"),
    "a deep query": (b'{"query": "%s"}' % (b"{a" * 20_000), 200, "QUERY_TOO_COMPLEX"),
    "a literal of 6000 digits": (
        b'{"query": "{ cases(first: %s) { nodes { id } } }"}' % (b"1" * 6000),
        200,
        "GRAPHQL_INVALID",
    ),
    "half a pair in the query": (rb'{"query": "{ case(reference: \"\\uD800\") { id } }"}', 200, "GRAPHQL_INVALID"),
    "a missing variable": (b'{"query": "query($id: ID!) { node(id: $id) { id } }"}', 200, "BAD_USER_INPUT"),
    "a variable of another type": (
        b'{"query": "query($n: Int) { cases(first: $n) { nodes { id } } }", "variables": {"n": "1"}}',
        200,
        "BAD_USER_INPUT",
    ),
    "a subscription": (b'{"query": "subscription { cases }"}', 406, "BAD_REQUEST"),
    "too long": (b'{"query": "%s"}' % (b" " * 300_000), 413, "BAD_REQUEST"),
}


async def test_what_is_no_request_gets_a_graphql_error_and_no_fault(
    capsys: pytest.CaptureFixture[str], world: World, api: Api
) -> None:
    answers = {}
    for name, (content, _, _) in BODIES.items():
        headers = {"Authorization": f"Bearer {world.ada.token}", "Content-Type": JSON}
        answer = await api.client.post("/graphql", content=content, headers=headers)
        answers[name] = reported(answer)
        assert "data" not in body_of(answer), name

    assert answers == {name: (status, code) for name, (_, status, code) in BODIES.items()}
    assert "fault" not in capsys.readouterr().err


async def test_a_decision_that_could_be_read_in_two_ways_is_none(world: World, api: Api) -> None:
    case_id = (await world.open_case()).case.id
    document = "mutation($input: RequestOverrideInput!) { requestOverride(input: $input) { errors { code } } }"
    input = {"caseId": str(case_id), "reason": "Sure.", "reviewerIds": [str(world.rosa.id)]}
    body = json.dumps({"query": document, "variables": {"input": input | {"requestedStatus": "UNFAVORABLE"}}})
    twice = body.replace('"requestedStatus"', '"requestedStatus": "FAVORABLE", "requestedStatus"')
    headers = {"Authorization": f"Bearer {world.ada.token}"}
    before = await contents(world.database)

    refused = [
        await api.client.post("/graphql", content=twice, headers=headers | {"Content-Type": JSON}),
        await api.client.post("/graphql", files={"operations": (None, twice), "map": (None, "{}")}, headers=headers),
    ]

    assert [answer.status_code for answer in refused] == [400, 400]
    words = "has the name “requestedStatus” twice in one object: give it once."
    messages = [answer.json()["errors"][0]["message"] for answer in refused]
    assert messages == [f"The body {words}", f"The operations {words}"]
    assert await contents(world.database) == before


async def test_a_parameter_of_an_address_is_given_once(world: World, api: Api) -> None:
    headers = {"Authorization": f"Bearer {world.ada.token}"}
    query = "query={viewer{language}}"

    one = await api.client.get(f"/graphql?{query}&page=1&page=2", headers=headers)
    two = await api.client.get(f"/graphql?{query}&{query}", headers=headers)

    assert one.json() == {"data": {"viewer": {"language": "EN"}}}
    assert reported(two) == (400, "BAD_REQUEST")


async def test_a_client_that_knows_the_newer_media_type_gets_400_for_a_bad_document(world: World, api: Api) -> None:
    accept = f"{RESPONSE_JSON}, {JSON};q=0.9"

    good = await api.send(world.ada.token, NAME, accept=accept)
    bad = await api.send(world.ada.token, "{ nothing }", accept=accept)
    refused = await api.send(world.ada.token, '{ case(id: "nonsense") { id } }', accept=accept)

    assert {answer.headers["content-type"] for answer in (good, bad, refused)} == {f"{RESPONSE_JSON}; charset=utf-8"}
    assert (good.status_code, bad.status_code, refused.status_code) == (200, 400, 200)
    assert body_of(refused)["data"] == {"case": None}


async def test_no_form_of_another_page_can_act(world: World, api: Api) -> None:
    kinds = ["", "text/plain", "application/x-www-form-urlencoded", "json"]
    content = json.dumps({"query": NAME}).encode()

    for kind in kinds:
        headers = {"Authorization": f"Bearer {world.ada.token}", "Content-Type": kind}
        answer = await api.client.post("/graphql", content=content, headers=headers)

        assert reported(answer) == (415, "BAD_REQUEST"), kind
        assert answer.headers["accept-post"] == JSON


async def test_get_asks_and_never_acts(world: World, api: Api) -> None:
    async def get(method: str = "GET", **parameters: str) -> httpx2.Response:
        headers = {"Authorization": f"Bearer {world.ada.token}"}
        return await api.client.request(method, "/graphql", params=parameters, headers=headers)

    close = 'mutation A { closeCase(input: {caseId: "x"}) { errors { code } } }'
    with_variable = "query($id: ID!) { node(id: $id) { __typename } }"
    requested = await get(query=with_variable, variables=json.dumps({"id": str(world.ada.id)}), extensions="{}")

    assert body_of(requested) == {"data": {"node": {"__typename": "User"}}}
    assert (await get("HEAD", query=NAME)).status_code == 200
    assert reported(await get(query=close)) == (405, "BAD_REQUEST")
    assert (await get(query=close)).headers["allow"] == "POST"
    assert reported(await get(query=close + " query B { viewer { language } }", operationName="A")) == (
        405,
        "BAD_REQUEST",
    )
    for bad in ({"variables": "{"}, {"variables": "[]"}, {"extensions": "1"}):
        assert reported(await get(query=NAME, **bad)) == (400, "BAD_REQUEST")
    assert reported(await get()) == (400, "BAD_REQUEST")
    assert (await get("PUT", query=NAME)).status_code == 405


async def test_a_response_is_not_cacheable_and_has_vary(world: World, api: Api) -> None:
    answer = await api.send(world.ada.token, NAME)

    assert answer.headers["cache-control"] == "no-store"
    assert answer.headers["vary"] == "Accept, Accept-Encoding, Accept-Language, Authorization, Origin"
    assert answer.headers["x-content-type-options"] == "nosniff"


async def test_a_request_keeps_its_id_from_the_client_to_the_log(world: World, api: Api) -> None:
    case = await world.open_case()
    comment = 'mutation($id: ID!) { addComment(input: {caseId: $id, body: "One."}) { action { requestId } } }'

    named = await api.send(world.ada.token, comment, {"id": str(case.case.id)}, x_request_id="from-the_Client-1")
    unnamed = await api.send(world.ada.token, comment, {"id": str(case.case.id)})

    assert named.headers["x-request-id"] == "from-the_Client-1"
    for answer in (named, unnamed):
        assert body_of(answer)["data"]["addComment"]["action"]["requestId"] == answer.headers["x-request-id"]
    assert UUID(unnamed.headers["x-request-id"]).version == 7


async def test_an_id_that_could_do_harm_in_a_log_is_replaced(api: Api) -> None:
    for given in ("", "a b", "x" * 65, "é", '"><script>', "a\tb"):
        answer = await api.client.get("/live", headers={b"X-Request-ID": given.encode("latin-1")})

        assert UUID(answer.headers["x-request-id"]).version == 7, given


@pytest.mark.parametrize("first", [True, False], ids=["on, then off", "off, then on"])
async def test_introspection_is_switched_by_a_setting(fresh_url: str, world: World, first: bool) -> None:
    reported_of = {}
    # In one process, so that what one app has validated does not pass for validated in the other.
    for introspection in (first, not first):
        async with Api.opened(fresh_url, introspection=introspection) as api:
            answers = [
                await api.send(world.ada.token, query)
                for query in ("{ __schema { queryType { name } } }", '{ __type(name: "Case") { name } }')
            ]
            reported_of[introspection] = [answer.json().get("data") for answer in answers]
            assert (await api.run(world.ada.token, "{ __typename }")) == {"__typename": "Query"}

    assert reported_of[True] == [{"__schema": {"queryType": {"name": "Query"}}}, {"__type": {"name": "Case"}}]
    assert reported_of[False] == [None, None]


async def test_a_fault_before_any_field_shows_a_request_id_and_nothing_else(
    capsys: pytest.CaptureFixture[str], world: World, api: Api
) -> None:
    async with without(world.database, "api_tokens"):
        answer = await api.send(world.ada.token, NAME, x_request_id="lost-1", accept_language="fr")

    assert reported(answer) == (500, "INTERNAL_ERROR")
    assert answer.headers["x-request-id"] == "lost-1"
    assert answer.headers["content-language"] == "fr"
    assert body_of(answer)["errors"] == [
        {
            "message": "Une erreur est survenue de notre côté. Merci de citer lost-1 si vous demandez de l’aide.",
            "extensions": {"code": "INTERNAL_ERROR", "requestId": "lost-1"},
        }
    ]
    (line,) = [json.loads(line) for line in capsys.readouterr().err.splitlines() if '"fault"' in line]
    assert line["request_id"] == "lost-1" and "api_tokens" in str(line["exception"])
    assert world.ada.token not in str(line["exception"])
    assert (await api.send(world.ada.token, NAME)).status_code == 200


# PostgreSQL's integers are those of GraphQL, so no such value can be stored there.
@pytest.mark.parametrize("origin", ["sqlite"], indirect=True)
async def test_a_value_of_ours_that_cannot_be_shown_is_a_fault_and_not_the_clients(world: World, api: Api) -> None:
    subject_id = (await world.open_case()).case.subject_id
    await set_by_hand(world.database, tables.subjects, subject_id, version=2**40)

    answer = await api.send(
        world.ada.token, f'{{ node(id: "{subject_id}") {{ ... on Subject {{ version }} }} }}', x_request_id="odd-1"
    )

    assert reported(answer) == (200, "INTERNAL_ERROR")
    assert str(2**40) not in answer.text
