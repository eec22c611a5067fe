"""The OpenAPI document: valid, true of what is answered, and its examples can be sent as they are."""

import json
from collections.abc import Mapping
from typing import Any

from openapi_spec_validator import OpenAPIV31SpecValidator

from app.domain.model import CaseStatus
from app.jsonapi.action_inputs import REQUESTED
from app.jsonapi.examples import CASE_EXAMPLE, EXAMPLES, OVERRIDE, REVIEWER, VERSION
from app.jsonapi.resources import TYPES
from tests.support.checklists import CALL_BACK, with_checklist
from tests.support.jsonapi import ResourceClient, action_body, case_body, errors_of
from tests.support.openapi import DOCUMENT, assert_described, body_schema, validator
from tests.support.world import World


def test_the_document_is_valid_openapi() -> None:
    assert list(OpenAPIV31SpecValidator(DOCUMENT).iter_errors()) == []


async def test_it_is_served_to_anybody_and_kept_by_its_tag(resources: ResourceClient) -> None:
    answer = await resources.api.client.get("/api/v1/openapi.json")
    again = await resources.api.client.get("/api/v1/openapi.json", headers={"If-None-Match": answer.headers["etag"]})

    assert (answer.status_code, answer.json()) == (200, DOCUMENT)
    assert again.status_code == 304
    assert (await resources.api.client.post("/api/v1/openapi.json")).headers["allow"] == "GET, HEAD"


def test_each_type_of_action_has_an_example_that_is_as_it_says() -> None:
    assert tuple(EXAMPLES) == REQUESTED
    for example in EXAMPLES.values():
        validator(body_schema("/cases/{uuid}/actions")).validate(example)
    validator(body_schema("/cases")).validate(CASE_EXAMPLE)


def own(example: Mapping[str, Any], **ids: Any) -> Any:
    """Return an example with ids of the account in the places of those that stand for them."""
    text = json.dumps(example).replace(REVIEWER, str(ids["reviewer"])).replace(OVERRIDE, str(ids.get("override", "")))
    return json.loads(text.replace(f'"expected_version": {VERSION}', f'"expected_version": {ids.get("version", 0)}'))


async def test_the_examples_can_be_sent_as_they_are(world: World, resources: ResourceClient) -> None:
    world = await with_checklist(world, CALL_BACK)
    opened = await resources.send("POST", "/cases", world.ada.token, dict(CASE_EXAMPLE))
    assert_described(opened, "/cases", "post")
    case_id = opened.json()["data"]["id"]
    story = [
        "comment",
        "assign",
        "set_due_date",
        "record_step",
        "override_request",
        "refuse",
        "override_request",
        "cancel",
        "override_request",
        "accept",
        "close",
    ]
    override, version = "", 1

    for name in story:
        person = world.rosa if name in ("accept", "refuse") else world.ada
        body = own(EXAMPLES[name], reviewer=world.rosa.id, override=override, version=version)
        answer = await resources.act(case_id, person.token, body, "?include=user,comment,override.assigned_reviewers")
        assert answer.status_code == 201, answer.text
        assert_described(answer, "/cases/{uuid}/actions", "post")
        version = answer.json()["data"]["attributes"]["seq"]
        found = answer.json()["data"]["relationships"]["override"]["data"]
        override = found["id"] if found else override


async def test_what_is_read_and_refused_is_as_it_says(world: World, resources: ResourceClient) -> None:
    case_id = (await world.case_in(CaseStatus.RESOLVED)).case.id
    include = "include=subject,created_by,closed_by,active_override"
    lists = (("/cases", f"?{include}&with_total=true"), ("/users", ""), ("/users", "?fields[user]=email"))
    for path, query in lists:
        assert_described(await resources.send("GET", path + query, world.ada.token), path, "get")
    actions = f"/cases/{case_id}/actions?include=user,comment.documents,override.assigned_reviewers,case"
    assert_described(await resources.send("GET", actions, world.ada.token), "/cases/{uuid}/actions", "get")
    assert_described(
        await resources.send("GET", f"/cases/{case_id}?{include}", world.ada.token), "/cases/{uuid}", "get"
    )
    refused = [
        await resources.send("POST", "/cases", world.ada.token, case_body("", title="")),
        await resources.send("POST", "/cases", None, {}),
        await resources.send("POST", "/cases?x=1", world.ada.token, {}),
        await resources.send("POST", "/cases", world.aldo.token, case_body("check-1")),
        await resources.send("POST", "/cases", world.ada.token, {}, accept="text/html"),
        await resources.send("POST", "/cases", world.ada.token, {}, Content_Type="text/plain"),
    ]
    for answer in refused:
        assert_described(answer, "/cases", "post")
    assert [answer.status_code for answer in refused] == [422, 401, 400, 403, 406, 415]


async def test_what_the_schema_of_a_body_refuses_is_refused(world: World, resources: ResourceClient) -> None:
    case_id = (await world.open_case()).case.id
    schema = validator(body_schema("/cases/{uuid}/actions"))
    bodies = [
        action_body("comment"),
        action_body("comment", comment="a", documents=[]),
        action_body("open"),
        action_body("close", resolution="GOOD"),
        action_body("accept", {"overide": {"data": None}}, expected_version=1),
        {"data": {"type": "case", "attributes": {"action_type": "close"}}},
    ]

    for body in bodies:
        assert not schema.is_valid(body)
        assert errors_of(await resources.act(case_id, world.ada.token, body))[0][0] in ("409", "422"), body


def test_each_member_of_a_resource_has_its_description() -> None:
    for name, type_ in TYPES.items():
        attributes = DOCUMENT["components"]["schemas"][name]["properties"]["attributes"]["properties"]
        assert attributes.keys() == type_.attributes.keys()
        assert all(schema.get("description") or schema.get("enum") for schema in attributes.values())


async def test_each_address_is_there_and_asks_who_it_is(resources: ResourceClient) -> None:
    for path, methods in DOCUMENT["paths"].items():
        address = path.replace("{uuid}", REVIEWER).replace("{action}", REVIEWER)
        for method in methods:
            assert (await resources.send(method.upper(), address, None)).status_code == 401, address
