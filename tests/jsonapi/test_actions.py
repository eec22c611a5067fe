"""The six actions and the opening of a case as resources: what is made, shown, included and refused."""

from typing import Any
from uuid import uuid4

import pytest

from app.domain.model import CaseStatus, Scope
from tests.support.api import Api
from tests.support.checklists import CALL_BACK, with_checklist
from tests.support.database_contents import contents
from tests.support.documents import uploaded
from tests.support.jsonapi import MEDIA_TYPE, ResourceClient, action_body, case_body, errors_of, linked
from tests.support.recorded_sql import recorded
from tests.support.world import World, make_world, person_of

EVERYTHING = "?include=user,comment,comment.documents,override,override.assigned_reviewers"


def types_of(document: dict[str, Any]) -> list[str]:
    return sorted(resource["type"] for resource in document["included"])


async def acted(resources: ResourceClient, case_id: str, token: str, body: dict[str, Any]) -> dict[str, Any]:
    """Do an action that must succeed, hold that its own address shows the same, and return its document."""
    answer = await resources.act(case_id, token, body, EVERYTHING)
    assert answer.status_code == 201, answer.text
    document: dict[str, Any] = answer.json()
    assert answer.headers["location"] == document["data"]["links"]["self"] == document["links"]["self"]
    tag = answer.headers["etag"].removeprefix("W/")  # where the answer is long enough to be compressed
    assert tag == f'"{document["data"]["attributes"]["seq"]}"'
    address = answer.headers["location"].removeprefix("http://test/api/v1")
    again = await resources.read(address + EVERYTHING, token)
    assert again["data"] == document["data"] and again["included"] == document["included"]
    return document


async def test_a_case_is_opened_at_the_address_that_its_answer_names(world: World, resources: ResourceClient) -> None:
    opened = await resources.send("POST", "/cases?include=subject,created_by", world.ada.token, case_body("check-1"))

    assert opened.status_code == 201
    case = opened.json()["data"]
    assert opened.headers["location"] == case["links"]["self"] == f"http://test/api/v1/cases/{case['id']}"
    assert opened.headers["etag"].removeprefix("W/") == '"1"'
    assert case["attributes"]["reference"] == "CASE-000001" and types_of(opened.json()) == ["subject", "user"]
    read = await resources.read(f"/cases/{case['id']}?include=subject,created_by", world.carl.token)
    assert read["data"] == case and read["included"] == opened.json()["included"]


async def test_a_comment_shows_its_documents(world: World, api: Api, resources: ResourceClient) -> None:
    case_id = str((await world.open_case()).case.id)
    document_id = await uploaded(api, world.ada.token)
    body = action_body("comment", {"documents": linked("document", document_id)}, comment="See.")

    commented = await acted(resources, case_id, world.ada.token, body)

    assert commented["data"]["attributes"]["action_type"] == "comment"
    assert types_of(commented) == ["comment", "document", "user"]
    (comment,) = [resource for resource in commented["included"] if resource["type"] == "comment"]
    assert comment["attributes"]["body"] == "See."
    assert comment["relationships"]["documents"] == {"data": [{"type": "document", "id": document_id}]}


async def test_the_five_other_actions_show_their_rows_and_what_they_include(
    world: World, resources: ResourceClient
) -> None:
    case_id = str((await world.open_case()).case.id)
    wanted = {"requested_status": "FAVORABLE", "comment": "Sure."}
    request = action_body("override_request", {"assigned_reviewers": linked("user", world.rosa.id)}, **wanted)
    as_attribute = action_body("override_request", reviewer_ids=[str(world.rolf.id)], **wanted)

    requested = await acted(resources, case_id, world.ada.token, request)
    assert types_of(requested) == ["comment", "override", "user", "user"]
    override = requested["data"]["relationships"]["override"]
    refused = action_body("refuse", comment="No.", override_id=override["data"]["id"], expected_version=2)
    document = await acted(resources, case_id, world.rosa.token, refused)
    assert document["data"]["attributes"]["status_after"] == "IN_PROGRESS"

    await acted(resources, case_id, world.ada.token, as_attribute)
    await acted(resources, case_id, world.ada.token, action_body("cancel"))
    requested = await acted(resources, case_id, world.ada.token, as_attribute)
    accepted = action_body("accept", {"override": requested["data"]["relationships"]["override"]}, expected_version=6)
    document = await acted(resources, case_id, world.rolf.token, accepted)
    assert document["data"]["attributes"]["status_after"] == "RESOLVED"
    assert document["data"]["relationships"]["comment"] == {"data": None}

    closed = await acted(resources, case_id, world.carl.token, action_body("close", resolution="RESULT_CONFIRMED"))
    assert closed["data"]["attributes"]["resolution"] == "RESULT_CONFIRMED"
    assert types_of(closed) == ["user"]


async def test_a_case_is_assigned_by_id_or_relationship_and_left_without_owner_by_null(
    world: World, resources: ResourceClient
) -> None:
    case_id, token = str((await world.open_case()).case.id), world.carl.token
    rosa = {"data": {"type": "user", "id": str(world.rosa.id)}}
    owners = []
    for body in (
        action_body("assign", assignee_id=str(world.ada.id)),
        action_body("assign", {"assignee": rosa}, comment="You know them."),
        action_body("assign", {"assignee": {"data": None}}),
    ):
        await acted(resources, case_id, token, body)
        read = await resources.read(f"/cases/{case_id}?include=owner", token)
        owners.append(read["data"]["relationships"]["owner"]["data"])

    assert owners == [{"type": "user", "id": str(world.ada.id)}, rosa["data"], None]
    missing = await resources.act(case_id, token, action_body("assign"))
    assert errors_of(missing) == [("422", "REQUIRED", {"pointer": "/data/attributes"})]
    admin = action_body("assign", {"assignee": {"data": {"type": "user", "id": str(world.aldo.id)}}})
    refused = await resources.act(case_id, token, admin)
    assert errors_of(refused) == [("404", "INVALID_ASSIGNEE", {"pointer": "/data/relationships/assignee/data/id"})]
    named = await resources.act(case_id, token, action_body("assign", assignee_id=str(world.aldo.id)))
    assert errors_of(named) == [("422", "INVALID_ASSIGNEE", {"pointer": "/data/attributes/assignee_id"})]


async def test_a_due_date_is_read_as_graphql_reads_it(world: World, resources: ResourceClient) -> None:
    case_id, token = str((await world.open_case()).case.id), world.carl.token
    shown = []
    for due_at in ("2999-01-31T17:00:00+01:00", "2020-01-31t17:00Z", None):
        await acted(resources, case_id, token, action_body("set_due_date", due_at=due_at))
        read = await resources.read(f"/cases/{case_id}", token)
        shown.append((read["data"]["attributes"]["due_at"], read["data"]["attributes"]["overdue"]))

    assert shown == [("2999-01-31T16:00:00+00:00", False), ("2020-01-31T17:00:00+00:00", True), (None, False)]
    for wrong in ("2999-01-31T17:00:00", "2999-02-31T17:00:00Z", "tomorrow", "0001-01-01T00:00:00+14:00", 5, ["x"]):
        refused = await resources.act(case_id, token, action_body("set_due_date", due_at=wrong))
        assert errors_of(refused) == [("422", "INVALID_INPUT", {"pointer": "/data/attributes/due_at"})], wrong
    both = await resources.act(case_id, token, action_body("set_due_date", due_at="2999-01-31", comment="x" * 10_001))
    assert [code for _, code, _ in errors_of(both)] == ["INVALID_INPUT", "TOO_LONG"]
    missing = await resources.act(case_id, token, action_body("set_due_date"))
    assert errors_of(missing) == [("422", "REQUIRED", {"pointer": "/data/attributes"})]


@pytest.mark.parametrize(("action_type", "member"), [("assign", "assignee_id"), ("set_due_date", "due_at")])
async def test_a_member_that_may_be_null_and_is_missing_is_named(
    world: World, resources: ResourceClient, action_type: str, member: str
) -> None:
    case_id = (await world.open_case()).case.id

    lone = await resources.act(case_id, world.carl.token, action_body(action_type))
    beside = await resources.act(case_id, world.carl.token, action_body(action_type, comment="x" * 10_001))

    said = f"This value can't be accepted: the member “{member}” is missing."
    assert [error["detail"] for error in lone.json()["errors"]] == [said]
    assert [code for _, code, _ in errors_of(beside)] == ["REQUIRED", "TOO_LONG"]


async def test_a_day_that_there_is_not_is_not_called_a_missing_offset(world: World, resources: ResourceClient) -> None:
    case_id = (await world.open_case()).case.id

    body = action_body("set_due_date", due_at="2027-02-29T00:00:00Z")
    in_body = await resources.act(case_id, world.carl.token, body)
    address = "/cases?filter[created_since]=2026-01-01T00:00:00+01:00"  # a blank, in an address
    in_address = await resources.send("GET", address, world.carl.token)

    assert "of a day that there is" in in_body.json()["errors"][0]["detail"]
    assert "+ is written as %2B" in in_address.json()["errors"][0]["detail"]


async def test_a_step_is_recorded_and_shown_and_an_open_one_is_named(world: World, resources: ResourceClient) -> None:
    world = await with_checklist(world, CALL_BACK)
    case_id, token = str((await world.open_case()).case.id), world.carl.token
    taken = {"step": "CALL_BACK", "state": "NOT_NEEDED", "comment": "They came in person."}

    refused = await resources.act(case_id, token, action_body("close"))
    recorded = await acted(resources, case_id, token, action_body("record_step", **taken))
    closed = await acted(resources, case_id, token, action_body("close"))

    assert errors_of(refused) == [("409", "CHECKLIST_OPEN", {})]
    assert refused.json()["errors"][0]["detail"] == "Steps of the checklist are open: Call back."
    shown = [
        {name: body["data"]["attributes"][name] for name in ("action_type", "step", "step_state", "open_steps")}
        for body in (recorded, closed)
    ]
    assert shown == [
        {"action_type": "record_step", "step": "CALL_BACK", "step_state": "NOT_NEEDED", "open_steps": None},
        {"action_type": "close", "step": None, "step_state": None, "open_steps": []},
    ]
    for wrong in ({"step": "CALL_BACK", "state": "GONE", "comment": "x"}, {"step": "CALL_BACK", "state": "DONE"}):
        assert (await resources.act(case_id, token, action_body("record_step", **wrong))).status_code == 422


async def test_included_is_there_even_where_it_is_empty_and_only_where_include_is_given(
    world: World, resources: ResourceClient
) -> None:
    case_id = (await world.open_case()).case.id

    without = (await resources.act(case_id, world.ada.token, action_body("comment", comment="One."))).json()
    empty = (await resources.act(case_id, world.ada.token, action_body("close"), "?include=comment")).json()

    assert "included" not in without and "relationships" not in without["data"]
    assert empty["included"] == [] and empty["data"]["relationships"] == {"comment": {"data": None}}


async def test_one_person_in_two_places_is_included_once(world: World, resources: ResourceClient) -> None:
    case_id = (await world.open_case()).case.id
    query = "?include=user,comment.author,override.created_by,override.case.created_by,case.created_by"
    body = action_body(
        "override_request", reviewer_ids=[str(world.rosa.id)], comment="Sure.", requested_status="FAVORABLE"
    )

    document = (await resources.act(case_id, world.ada.token, body, query)).json()

    assert types_of(document) == ["case", "comment", "override", "user"]
    (case,) = [resource for resource in document["included"] if resource["type"] == "case"]
    assert case["relationships"]["created_by"]["data"]["id"] == str(world.ada.id)


async def test_sparse_fieldsets_select_attributes_and_the_ids_of_relationships(
    world: World, resources: ResourceClient
) -> None:
    case_id = (await world.open_case()).case.id
    query = "?include=user&fields[case_action]=seq,comment&fields[user]=display_name"

    document = (await resources.act(case_id, world.ada.token, action_body("comment", comment="One."), query)).json()

    assert document["data"]["attributes"] == {"seq": 2}
    assert document["data"]["relationships"].keys() == {"comment"}  # user is included, and not among the fields
    assert [resource["attributes"] for resource in document["included"]] == [{"display_name": "Ada"}]


# --- Versions and keys -----------------------------------------------------------------------------------------------


async def test_if_match_is_the_expected_version_and_412_where_it_is_another(
    world: World, resources: ResourceClient
) -> None:
    case_id = (await world.case_in(CaseStatus.PENDING_REVIEW)).case.id
    read = await world.decision(case_id)
    body = action_body("accept", override_id=read["overrideId"])

    late = await resources.act(case_id, world.rosa.token, body, if_match='"1"')
    assert (late.status_code, errors_of(late)) == (412, [("412", "VERSION_CONFLICT", {"header": "If-Match"})])
    attribute = action_body("accept", override_id=read["overrideId"], expected_version=1)
    late = await resources.act(case_id, world.rosa.token, attribute)
    pointer = {"pointer": "/data/attributes/expected_version"}
    assert (late.status_code, errors_of(late)) == (409, [("409", "VERSION_CONFLICT", pointer)])

    for wrong in (
        "1",
        'w/"2"',
        "W/2",
        '"2-"',
        '"2-abc"',
        f'"{"0" * 24}"',
        f'"2-{"A" * 24}"',
        '"1", "2"',
        '"abc"',
        '"-1"',
        '"99999999999999999999"',
        '""',
    ):
        refused = await resources.act(case_id, world.rosa.token, body, if_match=wrong)
        assert errors_of(refused) == [("400", "INVALID_INPUT", {"header": "If-Match"})], wrong
    contradiction = await resources.act(case_id, world.rosa.token, attribute, if_match='"2"')
    assert errors_of(contradiction) == [("400", "INVALID_INPUT", {"header": "If-Match"})]
    star = await resources.act(case_id, world.rosa.token, body, if_match="*")
    assert errors_of(star) == [("422", "REQUIRED", {"pointer": "/data/attributes"})]

    case = await resources.send("GET", f"/cases/{case_id}", world.rosa.token)
    assert (await resources.act(case_id, world.rosa.token, body, if_match=case.headers["etag"])).status_code == 201


async def test_the_tag_of_a_compressed_answer_is_weak_and_the_same_version(
    world: World, resources: ResourceClient
) -> None:
    case_id = (await world.case_in(CaseStatus.PENDING_REVIEW)).case.id
    address = f"/cases/{case_id}?include=subject,created_by,active_override.assigned_reviewers"
    sent = [
        await resources.send("GET", address, world.rosa.token, accept=media_type, accept_encoding=coding)
        for media_type in (MEDIA_TYPE, "application/json")
        for coding in ("identity", "gzip")
    ]

    assert [answer.headers.get("content-encoding") for answer in sent] == [None, "gzip", None, "gzip"]
    tags = [answer.headers["etag"] for answer in sent]
    assert [tag.startswith("W/") for tag in tags] == [False, True, False, True]
    assert [tag.removeprefix("W/").partition("-")[0] for tag in tags] == ['"2'] * 4
    assert tags[1] == f"W/{tags[0]}" and tags[3] == f"W/{tags[2]}" and tags[0] != tags[2]
    assert len({str(answer.json()) for answer in sent}) == 1
    commented = await resources.act(
        case_id, world.rosa.token, action_body("comment", comment="I look at it."), if_match=sent[1].headers["etag"]
    )
    assert commented.status_code == 201
    late = await resources.act(case_id, world.rosa.token, action_body("comment", comment="Again."), if_match='W/"2"')
    assert (late.status_code, errors_of(late)) == (412, [("412", "VERSION_CONFLICT", {"header": "If-Match"})])


async def test_a_case_that_is_not_open_yet_has_no_tag(world: World, resources: ResourceClient) -> None:
    for tag in ("*", '"0"', '"1"'):
        answer = await resources.send("POST", "/cases", world.ada.token, case_body("check-1"), if_match=tag)
        assert errors_of(answer) == [("400", "INVALID_INPUT", {"header": "If-Match"})]
    body = case_body("check-1", expected_version=0)
    assert (await resources.send("POST", "/cases", world.ada.token, body)).status_code == 201
    again = await resources.send("POST", "/cases", world.ada.token, case_body("check-2", expected_version=1))
    pointer = {"pointer": "/data/attributes/expected_version"}
    assert errors_of(again) == [("409", "VERSION_CONFLICT", pointer)]


async def test_a_key_does_nothing_twice_whichever_api_it_is_used_with(
    world: World, api: Api, resources: ResourceClient
) -> None:
    case_id = (await world.open_case()).case.id
    body, token = action_body("comment", comment="Once."), world.ada.token

    first = await resources.act(case_id, token, body, idempotency_key="key-1")
    second = await resources.act(case_id, token, body, idempotency_key='"key-1"')
    input = {"caseId": str(case_id), "body": "Once.", "idempotencyKey": "key-1"}
    payload = await api.act(token, "addComment", input, "replayed action { id }")

    assert [answer.json()["meta"]["replayed"] for answer in (first, second)] == [False, True]
    assert first.json()["data"] == second.json()["data"]
    assert payload["replayed"] and payload["action"]["id"] == first.json()["data"]["id"]
    other = await resources.act(case_id, token, action_body("comment", comment="Other."), idempotency_key="key-1")
    assert errors_of(other) == [("422", "IDEMPOTENCY_KEY_REUSED", {"header": "Idempotency-Key"})]
    wrong = await resources.act(case_id, token, body, idempotency_key="a key")
    assert errors_of(wrong) == [("422", "INVALID_INPUT", {"header": "Idempotency-Key"})]


# --- Who may ---------------------------------------------------------------------------------------------------------


async def test_another_account_s_case_is_answered_as_one_that_is_not_there(
    world: World, resources: ResourceClient
) -> None:
    other = await make_world(world.database)
    case_id = (await other.case_in(CaseStatus.PENDING_REVIEW)).case.id
    read = await other.decision(case_id)
    before = await contents(world.database)
    bodies = [
        action_body("comment", comment="Hello."),
        action_body("accept", override_id=read["overrideId"], expected_version=2),
        action_body("cancel"),
        action_body("close"),
    ]

    for body in bodies:
        found = [await resources.act(id, world.bea.token, body) for id in (case_id, uuid4())]
        assert [answer.status_code for answer in found] == [404, 404]
        assert errors_of(found[0]) == errors_of(found[1])
    assert (await contents(world.database))["case_actions"] == before["case_actions"]


async def test_what_the_account_and_the_token_may_not_do_comes_before_the_shape(
    world: World, resources: ResourceClient
) -> None:
    reader = await person_of(world.database, world.ada.id, Scope.CASES_READ)
    case_id = (await world.open_case()).case.id
    unable = await make_world(world.database, cases=False)
    wrong: list[Any] = [{}, {"data": {"type": "other"}}, '{"a": 1, "a": 2}', action_body("comment"), action_body("x")]

    for body in wrong:
        refused = await resources.act(case_id, reader.token, body, "?inclde=user")
        assert errors_of(refused) == [("403", "INSUFFICIENT_SCOPE", {})], body
        refused = await resources.act(case_id, reader.token, body)
        assert errors_of(refused) == [("403", "INSUFFICIENT_SCOPE", {})], body
        refused = await resources.act(case_id, unable.ada.token, body)
        assert errors_of(refused) == [("403", "FEATURE_DISABLED", {})], body


async def test_who_may_act_and_not_read_is_shown_the_action_and_refused_more_before_anything_is_done(
    world: World, resources: ResourceClient
) -> None:
    writer = await person_of(world.database, world.ada.id, Scope.CASES_WRITE)
    case_id = (await world.open_case()).case.id
    body = action_body(
        "override_request", reviewer_ids=[str(world.rosa.id)], comment="Sure.", requested_status="FAVORABLE"
    )

    for query, parameter in (
        ("?include=override.assigned_reviewers", "include"),
        ("?fields[override]=requested_status&include=override", "fields[override]"),
        ("?include=case.subject", "include"),
    ):
        refused = await resources.act(case_id, writer.token, body, query)
        assert errors_of(refused) == [("403", "INSUFFICIENT_SCOPE", {"parameter": parameter})]
    done = await resources.act(case_id, writer.token, body, "?include=user,comment,comment.documents,override,case")

    assert done.status_code == 201
    shown = {resource["type"]: set(resource["attributes"]) for resource in done.json()["included"]}
    assert shown["override"] == {"status", "decided_at", "version"}
    assert shown["case"] == {"reference", "status", "version"}
    assert done.json()["data"]["attributes"]["seq"] == 2
    assert errors_of(await resources.send("GET", f"/cases/{case_id}", writer.token))[0][1] == "INSUFFICIENT_SCOPE"


@pytest.mark.parametrize("header", [None, "Bearer nothing", "Basic YTpi"])
async def test_without_a_token_nothing_is_answered_but_a_challenge(
    world: World, resources: ResourceClient, header: str | None
) -> None:
    headers = {} if header is None else {"authorization": header}

    for method, path in (
        ("GET", "/cases"),
        ("POST", "/cases"),
        ("GET", f"/cases/{uuid4()}/actions"),
        ("GET", "/users"),
    ):
        answer = await resources.send(method, path, None, {} if method == "POST" else None, **headers)
        assert (answer.status_code, errors_of(answer)) == (401, [("401", "UNAUTHENTICATED", {})])
        assert answer.headers["www-authenticate"] == 'Bearer realm="casegate"'


# --- Statements ------------------------------------------------------------------------------------------------------


async def test_an_action_costs_the_statements_of_its_mutation(
    world: World, api: Api, resources: ResourceClient
) -> None:
    ids = [(await world.open_case()).case.id for _ in range(4)]
    selection = """errors { code } replayed case { version } action { id seq type statusBefore statusAfter
        resolution createdAt requestId hash prevHash user { id email displayName roles active language createdAt }
        comment { id body createdAt documents { id filename } } override { id assignedReviewers { id } } }"""
    body = action_body("comment", comment="Called.")
    for case_id in ids[:2]:  # what a process does once
        await resources.act(case_id, world.ada.token, body, EVERYTHING)
        await api.act(world.ada.token, "addComment", {"caseId": str(case_id), "body": "Called."}, selection)

    with recorded() as through_graphql:
        await api.act(world.ada.token, "addComment", {"caseId": str(ids[2]), "body": "Called."}, selection)
    with recorded() as through_resources:
        await resources.act(ids[3], world.ada.token, body, EVERYTHING)

    assert through_resources == through_graphql and len(through_resources) >= 3
