"""The rules of JSON:API 1.1 that a server must keep, rule by rule, in the order of the specification."""

from collections.abc import Iterator
from typing import Any
from urllib.parse import quote, urlsplit
from uuid import UUID, uuid4

import pytest

from app.domain.commands import AddComment, AssignCase
from app.jsonapi.exchange import as_in_uri
from tests.support.api import Api
from tests.support.documents import comment_with, uploaded
from tests.support.evaluations import ITEM, check_system
from tests.support.jsonapi import MEDIA_TYPE, ResourceClient, action_body, errors_of, linked
from tests.support.openapi import assert_described, body_schema, validator
from tests.support.world import World

UNKNOWN = "01900000-0000-7000-8000-000000000001"
IN_URI = frozenset("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-._~:/?@!$&'()*+,;=%")
"""What a URI has outside a host and a fragment (RFC 3986)."""


# --- 5.2: media types ------------------------------------------------------------------------------------------------


async def test_a_content_type_with_other_parameters_is_refused_of_a_request_without_content_too(
    world: World, resources: ResourceClient
) -> None:
    case_id = (await world.open_case()).case.id

    for content_type, status in (
        (MEDIA_TYPE, 200),
        (f'{MEDIA_TYPE}; profile="https://example.com/p https://example.com/q"', 200),
        ("application/json; charset=utf-8", 200),
        ("text/plain; x=y", 200),
        (f"{MEDIA_TYPE}; charset=utf-8", 415),
        (f'{MEDIA_TYPE}; ext="https://jsonapi.org/ext/atomic"', 415),
    ):
        for path, described in (("/cases", "/cases"), (f"/cases/{case_id}", "/cases/{uuid}")):
            answer = await resources.send("GET", path, world.ada.token, Content_Type=content_type)
            assert answer.status_code == status, content_type
            assert_described(answer, described, "get")


# --- 7: documents ----------------------------------------------------------------------------------------------------


async def test_what_may_stand_beside_the_data_is_taken_and_says_nothing(
    world: World, resources: ResourceClient
) -> None:
    case_id = (await world.open_case()).case.id
    beside: dict[str, Any] = {"links": {"self": "/x", "about": None}, "meta": {"n": [1], "deep": {"x": None}}}
    assignee = {"data": {"type": "user", "id": str(world.carl.id), "meta": {}}, **beside}
    body = action_body("assign", {"assignee": assignee})
    body["data"] |= beside | {"lid": "a"}
    body |= beside | {"jsonapi": {"version": "1.1", "meta": {}}}

    answer = await resources.act(case_id, world.ada.token, body, "?include=assignee")

    assert answer.status_code == 201
    assert answer.json()["data"]["relationships"]["assignee"]["data"]["id"] == str(world.carl.id)
    validator(body_schema("/cases/{uuid}/actions")).validate(body)


WRONG: dict[str, tuple[dict[str, Any], str]] = {
    "meta that is no object": ({"meta": []}, "/meta"),
    "links that are none": ({"links": "x"}, "/links"),
    "a version of what": ({"jsonapi": "1.1"}, "/jsonapi"),
    "errors beside data": ({"errors": []}, "/errors"),
    "included resources, which would vanish": ({"included": []}, "/included"),
}
WRONG_DATA: dict[str, tuple[dict[str, Any], str]] = {
    "a number as lid": ({"lid": 5}, "/data/lid"),
    "meta that is null": ({"meta": None}, "/data/meta"),
    "links that are a list": ({"links": []}, "/data/links"),
}


async def test_what_stands_beside_the_data_is_of_its_type(world: World, resources: ResourceClient) -> None:
    case_id, schema = uuid4(), validator(body_schema("/cases/{uuid}/actions"))
    bodies = [(action_body("close") | more, pointer) for more, pointer in WRONG.values()]
    bodies += [({"data": action_body("close")["data"] | more}, pointer) for more, pointer in WRONG_DATA.values()]

    for body, pointer in bodies:
        answer = await resources.act(case_id, world.ada.token, body)
        assert errors_of(answer) == [("422", "INVALID_INPUT", {"pointer": pointer})], body
        assert not schema.is_valid(body)


def links_of(found: Any) -> Iterator[str]:
    """Yield every link of a document: `self` and `related` with their names before them."""
    if isinstance(found, dict):
        for name, value in found.items():
            if name == "links":
                yield from (f"{kind} {link}" for kind, link in value.items() if link is not None)
            else:
                yield from links_of(value)
    elif isinstance(found, list):
        for item in found:
            yield from links_of(item)


async def test_each_link_is_a_uri_and_what_it_leads_to_can_be_read(
    world: World, api: Api, resources: ResourceClient
) -> None:
    await world.open_case()
    case_id = (await world.open_case()).case.id
    await comment_with(api, world.ada.token, str(case_id), [("note.txt", b"Called.")])
    await world.request_override(case_id)
    await world.do(world.ada, AssignCase(case_id=case_id, assignee_id=world.carl.id))
    checks = await check_system(world)
    item = {"subject_type": ITEM["type"], "external_ref": "x", "label": "x", "evaluation_status": "ANOMALY"}
    result = {"type": "evaluation", "attributes": item | {"idempotency_key": "k"}}
    included = "include=user,comment.documents.uploader,override.subject,case.subject,assignee"

    documents = [
        (await resources.read(path, world.ada.token))
        for path in (
            f"/cases/{case_id}/actions?{included}&fields[user]=email",
            '/cases?filter[search]="IBAN" 100%&page[size]=1&include=owner'.replace(" ", "+").replace('"', "%22"),
            "/cases?page[size]=1&filter[status]=OPEN,PENDING_REVIEW",
        )
    ]
    commented = action_body("comment", comment="Called.")
    documents.append((await resources.act(case_id, world.ada.token, commented, "?include=case")).json())
    recorded = [
        await resources.send("POST", "/evaluations", checks.token, {"data": data}) for data in (result, [result])
    ]
    documents += [answer.json() for answer in recorded]
    links = {link for document in documents for link in links_of(document)}

    assert {link.partition(" ")[0] for link in links} >= {"self", "related", "next", "content"}
    for kind, _, link in (link.partition(" ") for link in links):
        assert set(link) <= IN_URI, link
        if kind in ("self", "related", "next", "prev"):
            await resources.read(link.removeprefix("http://test/api/v1"), world.ada.token)
    assert "links" not in documents[-1]


def test_what_no_query_can_have_is_encoded_in_links() -> None:
    for sent in (b"a=%zz", b"a=%", b"a=\xff\x22<>", b"fields[case]=title", b"a=%5B%41", b"a=b|c^d`e{f}"):
        written = as_in_uri(sent)
        assert set(written) <= IN_URI and urlsplit(f"http://test/?{written}").query == written
        assert all(written[at + 1 : at + 3].isalnum() for at, character in enumerate(written) if character == "%")
    assert as_in_uri(b"fields%5Bcase%5D=title,status&x=a+b") == "fields%5Bcase%5D=title,status&x=a+b"


# --- 8: fetching -----------------------------------------------------------------------------------------------------


async def test_an_empty_value_asks_for_no_fields_and_for_nothing_included(
    world: World, resources: ResourceClient
) -> None:
    case_id = (await world.open_case()).case.id

    for path in (f"/cases/{case_id}", "/cases"):
        document = await resources.read(f"{path}?include=&fields[case]=", world.ada.token)
        data = document["data"][0] if path == "/cases" else document["data"]
        assert (data["attributes"], "relationships" in data, document["included"]) == ({}, False, [])
        named = await resources.read(f"{path}?include=subject&fields[case]=&fields[subject]=", world.ada.token)
        assert [(item["type"], item["attributes"]) for item in named["included"]] == [("subject", {})]


async def test_a_page_can_be_named_by_its_family_and_its_links_are_of_the_same(
    world: World, resources: ResourceClient
) -> None:
    for _ in range(5):
        await world.open_case()
    own = await resources.read("/cases?limit=2", world.ada.token)
    family = await resources.read("/cases?page[size]=2", world.ada.token)
    cursor = own["links"]["next"].rpartition("starting_after=")[2]

    assert family["data"] == own["data"]
    assert family["links"]["next"] == f"http://test/api/v1/cases?page%5Bsize%5D=2&page%5Bafter%5D={cursor}"
    second = await resources.read(family["links"]["next"].removeprefix("http://test/api/v1"), world.ada.token)
    assert second["links"]["prev"].partition("&")[2].startswith("page%5Bbefore%5D=")
    first = await resources.read(second["links"]["prev"].removeprefix("http://test/api/v1"), world.ada.token)
    assert first["data"] == own["data"]
    mixed = await resources.read(f"/cases?limit=2&page[after]={cursor}", world.ada.token)
    assert mixed["data"] == second["data"] and mixed["links"]["next"].count("after") == 1


@pytest.mark.parametrize(
    ("query", "parameter"),
    [
        ("page[size]=0", "page[size]"),
        ("page[size]=101", "page[size]"),
        ("page[size]=", "page[size]"),
        ("page[after]=x", "page[after]"),
        ("page[before]=x", "page[before]"),
        ("limit=1&page[size]=1", "page[size]"),
        ("page[after]=x&starting_after=x", "starting_after"),
        ("page[number]=1", "page[number]"),
        ("page[offset]=1", "page[offset]"),
        ("page=1", "page"),
        ("page[]=1", "page[]"),
        # Names of other families, of none, and of no form that the specification knows.
        ("sort=title", "sort"),
        ("sort=", "sort"),
        ("filter[]=OPEN", "filter[]"),
        ("include[]=subject", "include[]"),
        ("fields[]=title", "fields[]"),
        ("fields[case][]=title", "fields[case][]"),
        ("camelCase=1", "camelCase"),
        ("x", "x"),
        ("=1", ""),
        ("ext:x=1", "ext:x"),
    ],
)
async def test_a_parameter_that_is_not_known_here_is_refused_by_its_name(
    world: World, resources: ResourceClient, query: str, parameter: str
) -> None:
    answer = await resources.send("GET", f"/cases?{query}", world.ada.token)

    (error,) = answer.json()["errors"]
    assert (answer.status_code, error["source"]) == (400, {"parameter": parameter})


# --- 9: creating -----------------------------------------------------------------------------------------------------


async def test_a_related_resource_that_is_not_there_is_404_and_an_id_that_is_wrong_422(
    world: World, api: Api, resources: ResourceClient
) -> None:
    case_id = (await world.open_case()).case.id
    attached = await uploaded(api, world.ada.token)
    await world.do(world.ada, AddComment(case_id=case_id, comment="See.", document_ids=(UUID(attached),)))
    request = {"comment": "Sure.", "requested_status": "FAVORABLE"}
    one = {"data": {"type": "user", "id": UNKNOWN}}
    related = [
        (action_body("assign", {"assignee": one}), "INVALID_ASSIGNEE"),
        (action_body("comment", {"documents": linked("document", UNKNOWN)}, comment="x"), "DOCUMENT_UNAVAILABLE"),
        (action_body("comment", {"documents": linked("document", attached)}, comment="x"), "DOCUMENT_UNAVAILABLE"),
        (
            action_body("override_request", {"assigned_reviewers": linked("user", UNKNOWN)}, **request),
            "INVALID_REVIEWER",
        ),
    ]
    named = [
        (action_body("assign", assignee_id=UNKNOWN), "INVALID_ASSIGNEE"),
        (action_body("comment", comment="x", document_ids=[UNKNOWN]), "DOCUMENT_UNAVAILABLE"),
        (action_body("override_request", reviewer_ids=[UNKNOWN], **request), "INVALID_REVIEWER"),
    ]

    for status, bodies in (("404", related), ("422", named)):
        for body, code in bodies:
            answer = await resources.act(case_id, world.ada.token, body)
            assert [error[:2] for error in errors_of(answer)] == [(status, code)]
            assert_described(answer, "/cases/{uuid}/actions", "post")


async def test_a_state_that_does_not_allow_it_is_409_and_nothing_in_the_request_is_at_fault(
    world: World, resources: ResourceClient
) -> None:
    case_id = (await world.open_case()).case.id
    body = action_body("cancel")

    refused = await resources.act(case_id, world.ada.token, body)
    await resources.act(case_id, world.ada.token, action_body("close"))
    closed = await resources.act(case_id, world.ada.token, action_body("comment", comment="x"))
    unknown = await resources.act(uuid4(), world.ada.token, body)
    wrong = await resources.act("x", world.ada.token, body)

    found = [errors_of(answer) for answer in (refused, closed, unknown, wrong)]
    assert [[error[0] for error in errors] for errors in found] == [["409"], ["409"], ["404"], ["400"]]
    assert [errors[0][1] for errors in found] == ["NO_PENDING_OVERRIDE", "CASE_CLOSED", "NOT_FOUND", "INVALID_ID"]
    assert all("parameter" not in source for errors in found for _, _, source in errors)  # the address has none


@pytest.mark.parametrize("id", [UNKNOWN, None, "", 5])
async def test_an_id_of_the_client_is_403_whatever_it_is(world: World, resources: ResourceClient, id: Any) -> None:
    body = action_body("close")
    body["data"]["id"] = id

    assert errors_of(await resources.act(uuid4(), world.ada.token, body)) == [
        ("403", "INVALID_INPUT", {"pointer": "/data/id"})
    ]


# --- 11: errors ------------------------------------------------------------------------------------------------------


async def test_an_error_leads_to_what_the_manual_says_of_its_type(
    world: World, api: Api, resources: ResourceClient
) -> None:
    answer = await resources.send("GET", f"/cases/{quote('x')}", world.ada.token)

    (error,) = answer.json()["errors"]
    assert error["links"]["type"] == error["links"]["about"] == "http://test/docs/errors#invalid_id"
    assert_described(answer, "/cases/{uuid}", "get")


async def test_an_address_has_no_slash_at_its_end(world: World, resources: ResourceClient) -> None:
    case_id = (await world.open_case()).case.id

    for path in ("/cases/", f"/cases/{case_id}/", f"/cases/{case_id}/actions/", "/users/", "/documents/"):
        for method in ("GET", "POST"):
            answer = await resources.send(method, path, world.ada.token, {} if method == "POST" else None)
            assert errors_of(answer) == [("404", "NOT_FOUND", {})], path
