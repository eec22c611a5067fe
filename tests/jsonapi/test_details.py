"""What resources say in detail: all that the GraphQL API shows of the same objects, with the same values."""

from collections.abc import Mapping
from datetime import timedelta
from typing import Any, cast
from uuid import UUID

import pytest
from graphql import GraphQLObjectType

from app.actions.reminders import write_reminders
from app.api.schema import CORE
from app.api.write_only import SHARED, SHOWN
from app.db import tables
from app.domain.checklist import checklist_text
from app.domain.commands import AssignCase, CloseCase, SetDueDate
from app.domain.model import Scope, StepState
from app.jsonapi.resources import TYPES
from tests.support.api import Api
from tests.support.checklists import CALL_BACK, record
from tests.support.database_contents import set_by_hand
from tests.support.delegations import delegate
from tests.support.documents import comment_with
from tests.support.erasure import WHY, erase, hold
from tests.support.evaluations import check_system, details, opened
from tests.support.evaluations import record as record_result
from tests.support.jsonapi import ResourceClient, action_body, errors_of
from tests.support.openapi import assert_described
from tests.support.recorded_sql import recorded
from tests.support.world import World, make_world, person_of

ROW: Mapping[str, str] = {
    "seq": "seq",
    "action_type_label": "typeLabel",
    "status_before": "statusBefore",
    "status_after": "statusAfter",
    "resolution": "resolution",
    "reason": "reason",
    "held": "held",
    "due_at": "dueAt",
    "evaluation_status_before": "evaluation.statusBefore",
    "evaluation_status_before_label": "evaluation.statusBeforeLabel",
    "evaluation_status_after": "evaluation.statusAfter",
    "evaluation_status_after_label": "evaluation.statusAfterLabel",
    "evaluation_subject_version": "evaluation.subjectVersion",
    "reminder_occasion": "reminder.occasion",
    "reminder_occasion_label": "reminder.occasionLabel",
    "reminder_at": "reminder.at",
    "authority_token_id": "authority.tokenId",
    "authority_token_name": "authority.token.name",
    "authority_token_source": "authority.tokenSource",
    "authority_roles": "authority.roles",
    "authority_reviewed_version": "authority.reviewedVersion",
    "step": "step",
    "step_state": "stepState",
    "open_steps": "openSteps",
    "created_at": "createdAt",
    "request_id": "requestId",
    "hash": "hash",
    "prev_hash": "prevHash",
    "user": "user.id",
    "comment": "comment.id",
    "override": "override.id",
    "case": "case.id",
    "assignee": "assignment.assignee.id",
    "on_behalf_of": "authority.onBehalfOf.id",
    "replaced_override": "evaluation.replacedOverride.id",
    "waiting_override": "reminder.override.id",
}
ERASED = {"erased_at": "erasure.at", "erasure_reason": "erasure.reason", "erased_by": "erasure.by.id"}
CASE = ERASED | {
    "legal_hold_at": "legalHold.at",
    "legal_hold_reason": "legalHold.reason",
    "legal_hold_by": "legalHold.by.id",
    "status_label": "statusLabel",
    "resolution_label": "resolutionLabel",
    "title": "title",
}
COMMENT = ERASED | {"body": "body", "author": "author.id"}
DOCUMENT = ERASED | {"filename": "filename", "sha256": "sha256", "uploader": "uploader.id"}
USER = {
    "email": "email",
    "email_ascii": "emailAscii",
    "kind": "kind",
    "delegation_starts_at": "delegation.startsAt",
    "delegation_ends_at": "delegation.endsAt",
    "delegation_created_at": "delegation.createdAt",
    "delegate": "delegation.delegate.id",
}
OVERRIDE = {"status_label": "statusLabel", "requested_status_label": "requestedStatusLabel"}
SUBJECT = {"subject_type_label": "typeLabel", "evaluation_status_label": "evaluationStatusLabel"}

INCLUDED = {
    "case": "subject,owner,active_override,created_by",
    "case_action": "user,comment.documents,override,assignee,on_behalf_of,replaced_override,waiting_override",
}
LEFT_OUT = {
    # Lists have addresses of their own; the content's link is at the document's address of it.
    "Case": {"overrides", "actions", "documents", "availableActions", "checklist", "eligibleReviewers", "signals"},
    "Document": {"url"},
    "ReviewDelegation": {"delegator"},
}


def selection(paths: Mapping[str, str]) -> str:
    """Return what selects these paths, one by one."""
    return " ".join(path.replace(".", " { ") + " }" * path.count(".") for path in paths.values())


def at(found: Any, path: str) -> Any:
    for name in path.split("."):
        found = None if found is None else found[name]
    return found


def shown(resource: dict[str, Any], name: str) -> Any:
    """Return an attribute, or the id that a relationship leads to."""
    if name in resource["attributes"]:
        return resource["attributes"][name]
    linkage = resource["relationships"][name]["data"]
    return None if linkage is None else linkage["id"]


def assert_same(resource: dict[str, Any], found: Any, paths: Mapping[str, str]) -> None:
    """Hold that a resource shows what the GraphQL API does."""
    assert {name: shown(resource, name) for name in paths} == {name: at(found, path) for name, path in paths.items()}


async def full_log(world: World, api: Api) -> tuple[str, World]:
    """Live a case whose log has all that rows can say, and return its id, in an account of its own."""
    world = await make_world(
        world.database, restrict_to_assigned_reviewers=True, checklist=checklist_text((CALL_BACK,))
    )
    await set_by_hand(world.database, tables.accounts, world.account_id, escalation_hours=1)
    await delegate(world, world.rosa, world.rolf)
    case = await opened(world)
    await world.do(world.ada, AssignCase(case_id=case.id, assignee_id=world.carl.id))
    await world.do(world.ada, AssignCase(case_id=case.id, assignee_id=None))
    await world.do(world.ada, SetDueDate(case_id=case.id, due_at=case.created_at + timedelta(days=900)))
    commented = await comment_with(api, world.ada.token, str(case.id), [("letter.txt", b"A letter.")], body="See.")
    waiting = await world.request_override(case.id)
    moment = waiting.action.created_at + timedelta(hours=1)
    assert [step.is_written async for step in write_reminders(world.database, lambda: moment)] == [True]
    await record(world, case.id, CALL_BACK, StepState.DONE)
    await world.accept(case.id, world.rolf)
    checks = await check_system(world)
    await record_result(world, checks, details("ANOMALY"))
    await world.do(world.carl, CloseCase(case_id=case.id))
    await hold(world, case.id)
    await hold(world, case.id, held=False)
    await erase(world, case.id, comment_ids=(UUID(commented["comment"]["id"]),))
    return str(case.id), world


def named(document: dict[str, Any], type_: str) -> dict[str, Any]:
    """Return the newest row of a type."""
    return next(row for row in document["data"] if row["attributes"]["action_type"] == type_)


async def test_each_row_of_a_log_says_what_it_says_in_graphql(
    world: World, api: Api, resources: ResourceClient
) -> None:
    case_id, world = await full_log(world, api)
    query = f"query($id: ID!) {{ case(id: $id) {{ actions {{ nodes {{ {selection(ROW)} }} }} }} }}"
    fields = ",".join([*ROW, "action_type", "evaluation_changed"])

    expected = (await api.run(world.carl.token, query, {"id": case_id}, accept_language="fr"))["case"]["actions"]
    document = await resources.read(
        f"/cases/{case_id}/actions?fields[case_action]={fields}", world.carl.token, accept_language="fr"
    )

    for resource, row in zip(document["data"], expected["nodes"], strict=True):
        assert_same(resource, row, ROW)
    assert [shown(row, "assignee") for row in document["data"] if row["attributes"]["action_type"] == "assign"] == [
        None,
        str(world.carl.id),
    ]
    assert shown(named(document, "assign"), "action_type_label") == "Attribuer"
    assert shown(named(document, "set_due_date"), "due_at") > shown(named(document, "set_due_date"), "created_at")
    override = shown(named(document, "override_request"), "override")
    assert shown(named(document, "escalate"), "waiting_override") == override
    accepted = named(document, "accept")
    assert (shown(accepted, "user"), shown(accepted, "on_behalf_of")) == (str(world.rolf.id), str(world.rosa.id))
    assert shown(accepted, "authority_reviewed_version") == shown(accepted, "seq") - 1
    result = named(document, "evaluation")
    assert (shown(result, "evaluation_status_before"), shown(result, "evaluation_status_after")) == (
        "FAVORABLE",
        "ANOMALY",
    )
    assert (shown(result, "evaluation_changed"), shown(result, "replaced_override")) == (
        ["evaluation_status"],
        override,
    )
    assert [shown(row, "held") for row in document["data"]][:3] == [None, False, True]
    assert shown(named(document, "redact"), "reason") == WHY


async def test_what_takes_another_look_or_is_for_people_is_shown_only_where_it_is_named(
    world: World, api: Api, resources: ResourceClient
) -> None:
    case_id, world = await full_log(world, api)

    for address, type_name in ((f"/cases/{case_id}", "case"), (f"/cases/{case_id}/actions", "case_action")):
        document = await resources.read(f"{address}?include={INCLUDED[type_name]}", world.carl.token)
        data = document["data"] if isinstance(document["data"], list) else [document["data"]]
        for resource in [*data, *document["included"]]:
            type_ = TYPES[resource["type"]]
            assert resource["attributes"].keys() == type_.attributes.keys() - type_.on_request
            assert not resource.get("relationships", {}).keys() & type_.on_request
    everything = {name: ",".join(type_.members) for name, type_ in TYPES.items()}
    for name in ("case_action", "comment", "user"):
        row = named(await resources.read(f"/cases/{case_id}/actions", world.carl.token), "comment")
        address = f"/cases/{case_id}/actions/{row['id']}?include=user,comment&fields[{name}]={everything[name]}"
        answer = await resources.send("GET", address, world.carl.token)
        assert_described(answer, "/cases/{uuid}/actions/{action}", "get")
        resource = next(item for item in [answer.json()["data"], *answer.json()["included"]] if item["type"] == name)
        assert resource["attributes"].keys() == TYPES[name].attributes.keys()


async def test_erasures_holds_and_labels_are_those_of_graphql(
    world: World, api: Api, resources: ResourceClient
) -> None:
    case_id, world = await full_log(world, api)
    await hold(world, UUID(case_id))
    query = f"""query($id: ID!) {{ case(id: $id) {{ {selection(CASE)} subject {{ {selection(SUBJECT)} }}
        actions(types: [COMMENT, ACCEPT]) {{ nodes {{ override {{ {selection(OVERRIDE)} }}
            comment {{ {selection(COMMENT)} documents {{ {selection(DOCUMENT)} }} }} }} }} }} }}"""
    sets = {"case": CASE, "subject": SUBJECT, "override": OVERRIDE, "comment": COMMENT, "document": DOCUMENT}
    fields = "&".join(f"fields[{name}]={','.join(paths)}" for name, paths in sets.items())

    case = (await api.run(world.ada.token, query, {"id": case_id}, accept_language="fr"))["case"]
    accepted, commented = case["actions"]["nodes"]
    one = await resources.read(f"/cases/{case_id}?include=subject&{fields}", world.ada.token, accept_language="fr")
    log = await resources.read(
        f"/cases/{case_id}/actions?filter[action_type]=comment,accept&include=override,comment.documents&{fields}",
        world.ada.token,
        accept_language="fr",
    )

    assert_same(one["data"], case, CASE)
    assert_same(one["included"][0], case["subject"], SUBJECT)
    found = {resource["type"]: resource for resource in log["included"]}
    assert_same(found["override"], accepted["override"], OVERRIDE)
    assert_same(found["comment"], commented["comment"], COMMENT)
    assert_same(found["document"], commented["comment"]["documents"][0], DOCUMENT)
    assert (shown(one["data"], "legal_hold_by"), shown(one["data"], "status_label")) == (str(world.aldo.id), "Clos")
    assert (shown(found["comment"], "erasure_reason"), shown(found["comment"], "body")) == (WHY, None)


async def test_the_overrides_and_documents_of_a_case_are_lists_as_in_graphql(
    world: World, api: Api, resources: ResourceClient
) -> None:
    case_id, world = await full_log(world, api)
    another = str((await world.open_case()).case.id)
    await comment_with(api, world.ada.token, another, [("a.txt", b"A."), ("b.txt", b"B.")])
    other = (await make_world(world.database)).bea

    for name, inside in (("overrides", "id status"), ("documents", "id filename")):
        query = (
            f"query($id: ID!) {{ case(id: $id) {{ version {name}(first: 1) {{ totalCount nodes {{ {inside} }} }} }} }}"
        )
        for id in (case_id, another):
            expected = (await api.run(world.ada.token, query, {"id": id}))["case"]
            address = f"/cases/{id}/{name}"
            answer = await resources.send("GET", f"{address}?page[size]=1&with_total=true", world.ada.token)
            assert_described(answer, f"/cases/{{uuid}}/{name}", "get")
            assert answer.json()["meta"]["total"] == expected[name]["totalCount"]
            assert [row["id"] for row in answer.json()["data"]] == [node["id"] for node in expected[name]["nodes"]]
            assert answer.headers["etag"].removeprefix("W/").startswith(f'"{expected["version"]}-')
            case = await resources.read(f"/cases/{id}?fields[case]={name}", world.ada.token)
            link = case["data"]["relationships"][name]["links"]["related"]
            assert link == f"http://test/api/v1{address}"
            assert errors_of(await resources.send("GET", address, other.token)) == [("404", "NOT_FOUND", {})]
    included = await resources.read(
        f"/cases/{case_id}/overrides?include=assigned_reviewers,decided_by", world.ada.token
    )
    assert {person["attributes"]["display_name"] for person in included["included"]} == {"Rosa", "Rolf"}


async def test_the_delegation_of_a_reviewer_is_shown_with_them(
    world: World, api: Api, resources: ResourceClient
) -> None:
    await delegate(world, world.rosa, world.rolf)
    query = f"query($id: ID!) {{ node(id: $id) {{ ... on User {{ {selection(USER)} }} }} }}"
    address = f"/users/{world.rosa.id}?fields[user]={','.join(USER)},display_name&include=delegate"

    expected = (await api.run(world.ada.token, query, {"id": str(world.rosa.id)}))["node"]
    document = await resources.read(address, world.ada.token)
    undelegated = await resources.read(address.replace(str(world.rosa.id), str(world.ada.id)), world.ada.token)

    assert_same(document["data"], expected, USER)
    assert [person["attributes"]["display_name"] for person in document["included"]] == ["Rolf"]
    assert {name: shown(undelegated["data"], name) for name in ("delegate", "delegation_ends_at", "kind")} == {
        "delegate": None,
        "delegation_ends_at": None,
        "kind": "PERSON",
    }


async def test_details_cost_the_statements_of_the_operation(world: World, api: Api, resources: ResourceClient) -> None:
    case_id, world = await full_log(world, api)
    address = f"/cases/{case_id}/actions?fields[case_action]={','.join(ROW)}"
    query = (
        f"query($id: ID!) {{ case(id: $id) {{ id version actions(first: 25) {{ nodes {{ id {selection(ROW)} }}"
        " pageInfo { endCursor } } } }"
    )

    await resources.read(address, world.carl.token)  # what a process does once
    await api.run(world.carl.token, query, {"id": case_id})
    with recorded() as through_resources:
        await resources.read(address, world.carl.token)
    with recorded() as through_graphql:
        await api.run(world.carl.token, query, {"id": case_id})

    assert sorted(through_resources) == sorted(through_graphql)


async def test_who_may_act_and_not_read_is_shown_no_detail_beyond_the_action(
    world: World, resources: ResourceClient
) -> None:
    writer = await person_of(world.database, world.ada.id, Scope.CASES_WRITE)
    case_id = (await world.open_case()).case.id
    body = action_body("assign", assignee_id=str(world.carl.id))

    for query, parameter in (
        ("include=assignee", "include"),
        ("include=on_behalf_of", "include"),
        ("fields[case_action]=due_at", "fields[case_action]"),
        ("fields[case_action]=authority_roles", "fields[case_action]"),
        ("include=user&fields[user]=delegation_ends_at", "fields[user]"),
        ("include=user.delegate", "include"),
    ):
        refused = await resources.act(case_id, writer.token, body, f"?{query}")
        assert errors_of(refused) == [("403", "INSUFFICIENT_SCOPE", {"parameter": parameter})], query
    done = await resources.act(case_id, writer.token, body, "?include=user,replaced_override")

    assert done.json()["data"]["attributes"].keys() >= {"seq", "evaluation_changed", "hash"}
    assert not done.json()["data"]["attributes"].keys() & {"due_at", "reason", "held", "reminder_at"}


# --- The tables ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", TYPES)
def test_each_field_of_an_object_is_shown_but_what_is_left_out_for_a_reason(name: str) -> None:
    type_ = TYPES[name]
    paths = [*type_.attributes.values(), *(relationship.field for relationship in type_.relationships.values())]

    def fields_of(object_type: GraphQLObjectType, below: list[str]) -> None:
        heads = {path.partition(".")[0] for path in below}
        assert object_type.fields.keys() - {"id"} - LEFT_OUT.get(object_type.name, set()) == heads - {"id"}
        for head in heads:
            inner = [path.partition(".")[2] for path in below if path.startswith(f"{head}.")]
            if inner:
                named_type = object_type.fields[head].type
                fields_of(cast(GraphQLObjectType, getattr(named_type, "of_type", named_type)), inner)

    fields_of(cast(GraphQLObjectType, CORE.type_map[type_.object_type]), paths)


def test_an_object_inside_another_is_shown_as_a_whole_or_not_at_all_to_who_may_not_read() -> None:
    for type_ in TYPES.values():
        object_type = cast(GraphQLObjectType, CORE.type_map[type_.object_type])
        for path in type_.attributes.values():
            outer, _, inner = path.partition(".")
            if inner and (object_type.name in SHARED or outer in SHOWN[object_type.name]):
                within = cast(GraphQLObjectType, object_type.fields[outer].type).name
                insides = {other.split(".")[1] for other in type_.attributes.values() if other.startswith(f"{outer}.")}
                assert insides <= SHOWN.get(within, set()) or not insides & SHOWN.get(within, set())
