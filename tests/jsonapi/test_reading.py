"""Reading: single resources, lists page by page, filters, inclusion, and what another account's ids give."""

from collections.abc import Sequence
from datetime import timedelta
from typing import Any
from urllib.parse import quote
from uuid import UUID, uuid4

import pytest

from app.actions.reminders import write_reminders
from app.db import tables
from app.domain.model import CaseStatus, EvaluationStatus, Scope
from tests.support.api import Api
from tests.support.database_contents import set_by_hand
from tests.support.jsonapi import ResourceClient, action_body, case_body, errors_of
from tests.support.recorded_sql import recorded
from tests.support.world import World, make_world, person_of


def ids_of(document: dict[str, Any]) -> list[str]:
    return [resource["id"] for resource in document["data"]]


def below(link: str) -> str:
    return link.removeprefix("http://test/api/v1")


async def test_a_list_is_walked_both_ways_by_its_links(world: World, api: Api, resources: ResourceClient) -> None:
    for _ in range(7):
        await world.open_case()
    everything = await api.run(world.ada.token, "{ cases(first: 100) { nodes { id } } }")
    expected = [node["id"] for node in everything["cases"]["nodes"]]

    pages, address = [], "/cases?limit=3&filter[status]=OPEN"
    while True:
        document = await resources.read(address, world.ada.token)
        assert document["links"]["self"] == f"http://test/api/v1{address}".replace("[", "%5B").replace("]", "%5D")
        assert document["meta"] == {"count": len(document["data"])}
        pages.append(ids_of(document))
        if document["links"]["next"] is None:
            break
        address = below(document["links"]["next"])
    assert [id for page in pages for id in page] == expected and [len(page) for page in pages] == [3, 3, 1]

    back = await resources.read(below(document["links"]["prev"]), world.ada.token)
    assert ids_of(back) == pages[1]
    first = await resources.read(below(back["links"]["prev"]), world.ada.token)
    assert ids_of(first) == pages[0] and first["links"]["prev"] is None
    assert ids_of(await resources.read(below(first["links"]["next"]), world.ada.token)) == pages[1]


async def test_the_total_is_counted_only_where_it_is_wanted(world: World, resources: ResourceClient) -> None:
    for _ in range(3):
        await world.open_case()

    assert (await resources.read("/cases?limit=2&with_total=true", world.ada.token))["meta"] == {"count": 2, "total": 3}
    assert (await resources.read("/cases?limit=2&with_total=false", world.ada.token))["meta"] == {"count": 2}
    assert (await resources.read("/users?limit=2&with_total=true", world.ada.token))["meta"] == {"count": 2, "total": 6}


async def test_filters_are_those_of_the_schema(world: World, api: Api, resources: ResourceClient) -> None:
    pending = await world.case_in(CaseStatus.PENDING_REVIEW)
    await world.case_in(CaseStatus.CLOSED)
    await world.case_in(CaseStatus.RESOLVED)
    await world.open_case(world.carl, EvaluationStatus.ANOMALY)
    moment = (pending.case.created_at).isoformat()
    filters: dict[str, str] = {
        "status=OPEN,CLOSED": "status: {in: [OPEN, CLOSED]}",
        "resolution=NOT_CONCLUSIVE": "resolution: {in: [NOT_CONCLUSIVE]}",
        "requested_status=FAVORABLE": "requestedStatus: {in: [FAVORABLE]}",
        "subject_type=COMPANY_ACCOUNT_CHECK": "subject: {type: {in: [COMPANY_ACCOUNT_CHECK]}}",
        "evaluation_status=ANOMALY,FAVORABLE": "subject: {evaluationStatus: {in: [ANOMALY, FAVORABLE]}}",
        "country_code=FR": 'subject: {countryCode: {eq: "FR"}}',
        "reference=CASE-000001,CASE-000003": 'reference: {in: ["CASE-000001", "CASE-000003"]}',
        f"created_by={world.carl.id}": f'createdBy: {{in: ["{world.carl.id}"]}}',
        f"assigned_reviewer={world.rosa.id}": f'assignedReviewer: {{in: ["{world.rosa.id}"]}}',
        f"waiting_for={world.rosa.id}": f'waitingFor: "{world.rosa.id}"',
        "waiting_for_viewer=false": "waitingForViewer: false",
        "has_pending_override=true": "hasPendingOverride: true",
        f"created_since={moment}": f'createdAt: {{gte: "{moment}"}}',
        f"created_before={moment}": f'createdAt: {{lt: "{moment}"}}',
        f"updated_since={moment}": f'updatedAt: {{gte: "{moment}"}}',
        f"updated_before={moment}": f'updatedAt: {{lt: "{moment}"}}',
    }

    for parameter, filter in filters.items():
        name, _, value = parameter.partition("=")
        document = await resources.read(f"/cases?filter[{name}]={quote(value, safe=',')}", world.ada.token)
        data = await api.run(world.ada.token, f"{{ cases(filter: {{{filter}}}) {{ nodes {{ id }} }} }}")
        assert ids_of(document) == [node["id"] for node in data["cases"]["nodes"]], name
    both = "/cases?filter[status]=OPEN&filter[evaluation_status]=ANOMALY&filter[subject_type]=COMPANY_ACCOUNT_CHECK"
    assert len(ids_of(await resources.read(both, world.ada.token))) == 1
    assert len(ids_of(await resources.read("/cases?filter[search]=IBAN", world.ada.token))) == 4
    people = await resources.read("/users?filter[role]=REVIEWER&filter[active]=true&filter[search]=ro", world.ada.token)
    assert {person["attributes"]["display_name"] for person in people["data"]} == {"Rosa", "Rolf"}


async def test_a_log_is_read_by_its_case_newest_first(world: World, resources: ResourceClient) -> None:
    case_id = (await world.case_in(CaseStatus.RESOLVED)).case.id

    answer = await resources.send("GET", f"/cases/{case_id}/actions?include=user,override", world.ada.token)
    some = await resources.read(f"/cases/{case_id}/actions?filter[action_type]=accept,open", world.ada.token)
    hers = await resources.read(
        f"/cases/{case_id}/actions?filter[user]={world.rosa.id}&with_total=true", world.ada.token
    )

    document = answer.json()
    assert answer.headers["etag"].removeprefix("W/").startswith('"3-')
    types = [action["attributes"]["action_type"] for action in document["data"]]
    assert types == ["accept", "override_request", "open"]
    assert sorted(resource["type"] for resource in document["included"]) == ["override", "user", "user"]
    assert [action["attributes"]["action_type"] for action in some["data"]] == ["accept", "open"]
    assert hers["meta"] == {"count": 1, "total": 1}


async def test_a_row_of_the_account_s_own_rules_says_what_it_is_about(world: World, resources: ResourceClient) -> None:
    await set_by_hand(world.database, tables.accounts, world.account_id, escalation_hours=1)
    waiting = await world.request_override((await world.open_case()).case.id)
    since = waiting.action.created_at
    async for step in write_reminders(world.database, lambda: since + timedelta(hours=1)):
        assert step.is_written
    address = f"/cases/{waiting.case.id}/actions"

    rows = [row["attributes"] for row in (await resources.read(address, world.ada.token))["data"]]
    sparse = await resources.read(f"{address}?fields[case_action]=reminder_at", world.ada.token)

    names = ("action_type", "reminder_occasion", "reminder_at")
    assert [tuple(row[name] for name in names) for row in rows] == [
        ("escalate", "OVERRIDE_WAITING", since.isoformat()),
        ("override_request", None, None),
        ("open", None, None),
    ]
    assert [row["attributes"] for row in sparse["data"]] == [
        {"reminder_at": since.isoformat()},
        {"reminder_at": None},
        {"reminder_at": None},
    ]


async def test_each_resource_has_an_address_that_shows_it_as_it_was_included(
    world: World, resources: ResourceClient
) -> None:
    case_id = (await world.case_in(CaseStatus.PENDING_REVIEW)).case.id
    query = "include=case.subject,user,comment,override&fields[case]=title"
    document = await resources.read(f"/cases/{case_id}/actions?{query}", world.ada.token)

    for resource in [*document["data"], *document["included"]]:
        found = await resources.read(below(resource["links"]["self"]) + "?fields[case]=title", world.ada.token)
        assert found["data"]["attributes"] == resource["attributes"], resource["type"]
    assert {resource["type"] for resource in document["included"]} == {"case", "subject", "user", "comment", "override"}


async def test_a_case_leads_to_its_case_file_where_its_reader_can_download_it(
    world: World, api: Api, resources: ResourceClient
) -> None:
    case_id = (await world.open_case()).case.id
    writer = await person_of(world.database, world.ada.id, Scope.CASES_WRITE)
    sparse = await resources.read(f"/cases/{case_id}?fields[case]=title&include=subject", world.ada.token)
    listed = await resources.read("/cases", world.ada.token)
    written = await resources.send("POST", "/cases", writer.token, case_body("check-unread"))

    links = [sparse["data"]["links"], listed["data"][0]["links"]]
    assert (
        links == [{"self": f"http://test/api/v1/cases/{case_id}", "case_file": f"http://test/case-files/{case_id}"}] * 2
    )
    assert [list(resource["links"]) for resource in sparse["included"]] == [["self"]]
    assert list(written.json()["data"]["links"]) == ["self"]
    headers = {"Authorization": f"Bearer {world.ada.token}"}
    answer = await api.client.get(links[0]["case_file"], headers=headers)
    assert (answer.status_code, answer.headers["content-type"]) == (200, "application/pdf")


async def test_a_resource_that_is_met_again_is_shown_once_with_all_that_was_included(
    world: World, resources: ResourceClient
) -> None:
    cases = [await world.case_in(status) for status in (CaseStatus.PENDING_REVIEW, CaseStatus.OPEN)]
    pending, without = (str(made.case.id) for made in cases)

    document = await resources.read(
        "/cases?include=subject,active_override.case.created_by,active_override.assigned_reviewers", world.ada.token
    )

    found = {resource["id"]: resource for resource in document["data"]}
    assert [resource["id"] for resource in document["data"]] == [without, pending]
    assert found[pending]["relationships"].keys() == {"actions", "subject", "active_override", "created_by"}
    assert found[without]["relationships"].keys() == {"actions", "subject", "active_override"}
    assert found[without]["relationships"]["active_override"] == {"data": None}
    kinds = sorted(resource["type"] for resource in document["included"])
    override = next(resource for resource in document["included"] if resource["type"] == "override")
    reviewers = override["relationships"]["assigned_reviewers"]["data"]
    assert override["relationships"]["case"] == {"data": {"type": "case", "id": pending}}
    people = {person["id"] for person in reviewers} | {found[pending]["relationships"]["created_by"]["data"]["id"]}
    assert kinds == ["override", "subject", "subject", *["user"] * len(people)]


async def test_what_is_listed_and_met_on_the_way_to_what_is_included_is_shown_once(
    world: World, resources: ResourceClient
) -> None:
    first, second = [str((await world.case_in(CaseStatus.PENDING_REVIEW)).case.id) for _ in range(2)]

    document = await resources.read("/cases?include=active_override.case&fields[case]=title", world.ada.token)
    log = await resources.read(f"/cases/{first}/actions?include=case.created_by,user&limit=1", world.ada.token)

    assert ids_of(document) == [second, first]
    assert [resource["type"] for resource in document["included"]] == ["override", "override"]
    assert sorted(resource["type"] for resource in log["included"]) == ["case", "user"]


async def test_the_same_parameters_are_read_and_refused_alike_again(world: World, resources: ResourceClient) -> None:
    for person in (world.ada, world.carl):
        await world.open_case(person)
    other = await make_world(world.database)
    await other.open_case()

    for _ in range(2):
        for token, filter_, count in (
            (world.ada.token, "filter[status]=OPEN&limit=1", 1),
            (world.ada.token, f"filter[created_by]={world.carl.id}&filter[status]=OPEN", 1),
            (world.ada.token, "filter[status]=OPEN", 2),
            (other.ada.token, "filter[status]=OPEN", 1),
        ):
            assert (await resources.read(f"/cases?{filter_}", token))["meta"] == {"count": count}
        answer = await resources.send("GET", "/cases?filter[status]=open&limit=0", world.ada.token)
        assert [source["parameter"] for _, _, source in errors_of(answer)] == ["filter[status]", "limit"]
        people = await resources.send("GET", "/users?filter[status]=OPEN", world.ada.token)
        assert [source["parameter"] for _, _, source in errors_of(people)] == ["filter[status]"]


async def test_another_account_s_ids_give_what_unknown_ones_give(world: World, resources: ResourceClient) -> None:
    other = await make_world(world.database)
    case_id = (await other.case_in(CaseStatus.PENDING_REVIEW)).case.id
    theirs = await resources.read(
        f"/cases/{case_id}/actions?include=case.subject,user,comment,override", other.ada.token
    )
    own = (await world.open_case()).case.id

    for resource in [*theirs["data"], *theirs["included"]]:
        address = below(resource["links"]["self"])
        answers = [await resources.send("GET", path, world.ada.token) for path in (address, _unknown(address))]
        assert [answer.status_code for answer in answers] == [404, 404], address
        assert [errors_of(answer) for answer in answers] == [[("404", "NOT_FOUND", {})]] * 2
    action_id = theirs["data"][0]["id"]
    for path in (f"/cases/{case_id}/actions", f"/cases/{own}/actions/{action_id}"):
        assert (await resources.send("GET", path, world.ada.token)).status_code == 404
    wrong_case = await resources.send("GET", f"/cases/{own}/actions/{action_id}", other.ada.token)
    assert wrong_case.status_code == 404
    for name in ("created_by", "assigned_reviewer", "waiting_for"):
        found = await resources.read(f"/cases?filter[{name}]={other.ada.id}", world.ada.token)
        assert found["data"] == []


def _unknown(address: str) -> str:
    return address.rpartition("/")[0] + f"/{uuid4()}"


async def test_an_id_of_another_type_is_not_found(world: World, resources: ResourceClient) -> None:
    case_id = (await world.open_case()).case.id

    for name, id in (("overrides", case_id), ("users", case_id), ("comments", world.ada.id), ("documents", case_id)):
        answer = await resources.send("GET", f"/{name}/{id}", world.ada.token)
        assert errors_of(answer) == [("404", "NOT_FOUND", {})], name


WRONG: list[tuple[str, list[str]]] = [
    ("/cases?limit=0", ["limit"]),
    ("/cases?limit=101", ["limit"]),
    ("/cases?limit=1e1", ["limit"]),
    ("/cases?limit=%D9%A3", ["limit"]),
    ("/cases?limit=", ["limit"]),
    ("/cases?with_total=yes", ["with_total"]),
    ("/cases?starting_after=nonsense", ["starting_after"]),
    ("/cases?ending_before=", ["ending_before"]),
    ("/cases?starting_after=" + "x" * 2_000, ["starting_after"]),
    ("/cases?filter[status]=open", ["filter[status]"]),
    ("/cases?filter[status]=OPEN,", ["filter[status]"]),
    ("/cases?filter[statuses]=OPEN", ["filter[statuses]"]),
    ("/cases?filter[status][in]=OPEN", ["filter[status][in]"]),
    ("/cases?filter=OPEN", ["filter"]),
    ("/cases?filter[created_by]=ada", ["filter[created_by]"]),
    ("/cases?filter[created_by]=%00", ["filter[created_by]"]),
    ("/cases?filter[created_since]=yesterday", ["filter[created_since]"]),
    ("/cases?filter[created_since]=2026-11-29T10:00:00", ["filter[created_since]"]),
    ("/cases?filter[reference]=CASE-1", ["filter[reference]"]),
    ("/cases?filter[external_ref]=", ["filter[external_ref]"]),
    ("/cases?filter[country_code]=fr", ["filter[country_code]"]),
    ("/cases?filter[has_pending_override]=1", ["filter[has_pending_override]"]),
    ("/cases?filter[status]=" + ",".join(["OPEN"] * 101), ["filter[status]"]),
    ("/cases?sort=-created_at", ["sort"]),
    ("/users?include=cases", ["include"]),
    ("/users?filter[role]=BOSS", ["filter[role]"]),
]


async def test_parameters_that_can_not_be_are_refused_by_name(world: World, resources: ResourceClient) -> None:
    for address, expected in WRONG:
        answer = await resources.send("GET", address, world.ada.token)
        assert answer.status_code == 400, address
        assert [source.get("parameter") for _, _, source in errors_of(answer)] == expected, address


async def test_a_cursor_of_another_list_is_refused(world: World, resources: ResourceClient) -> None:
    for _ in range(2):
        await world.open_case()
    link = (await resources.read("/cases?limit=1", world.ada.token))["links"]["next"]
    cursor = link.rpartition("starting_after=")[2]

    for address in (f"/users?starting_after={cursor}", f"/cases?starting_after={cursor}&filter[status]=OPEN"):
        answer = await resources.send("GET", address, world.ada.token)
        assert errors_of(answer) == [("400", "INVALID_CURSOR", {"parameter": "starting_after"})]


@pytest.mark.parametrize("scopes", [(Scope.CASES_WRITE,), (Scope.DOCUMENTS_READ,)])
async def test_who_may_not_read_is_refused_before_the_parameters_are_looked_at(
    world: World, resources: ResourceClient, scopes: Sequence[Scope]
) -> None:
    person = await person_of(world.database, world.ada.id, *scopes)
    case_id = (await world.open_case()).case.id

    for path in ("/cases", f"/cases/{case_id}", f"/cases/{case_id}/actions", f"/overrides/{case_id}", "/users"):
        for query in ("", "?limit=0&include=x"):
            answer = await resources.send("GET", path + query, person.token)
            assert errors_of(answer) == [("403", "INSUFFICIENT_SCOPE", {})], path + query


async def test_head_answers_as_get_does(world: World, resources: ResourceClient) -> None:
    case_id = (await world.open_case()).case.id

    for path in ("/cases", f"/cases/{case_id}", "/users"):
        headers = [(await resources.send(method, path, world.ada.token)).headers for method in ("GET", "HEAD")]
        for name in ("content-type", "content-language", "content-length", "vary"):
            assert headers[0][name] == headers[1][name]


async def test_a_page_costs_the_same_statements_as_the_operation_whatever_its_length(
    world: World, api: Api, resources: ResourceClient
) -> None:
    for _ in range(6):
        await world.case_in(CaseStatus.PENDING_REVIEW)
    query = "include=subject,created_by,active_override.assigned_reviewers"
    selection = (
        "id title subject { id label } createdBy { id roles } activeOverride { id assignedReviewers { id roles } }"
    )
    document = f"{{ cases(first: 6) {{ nodes {{ {selection} }} pageInfo {{ endCursor }} }} }}"
    costs = {}

    for size in (1, 6):
        await resources.read(f"/cases?limit={size}&{query}", world.aldo.token)
        with recorded() as sent:
            found = await resources.read(f"/cases?limit={size}&{query}", world.aldo.token)
        assert len(found["data"]) == size
        costs[size] = sorted(sent)
    await api.run(world.aldo.token, document)
    with recorded() as through_graphql:
        await api.run(world.aldo.token, document)

    assert costs[1] == costs[6] == sorted(through_graphql)


async def test_deep_inclusion_is_refused_by_the_limits_that_operations_have(
    world: World, resources: ResourceClient
) -> None:
    paths = [f"override.case.{name}" for name in ("subject", "created_by", "closed_by", "active_override")]
    case_id = (await world.open_case()).case.id

    for include in (",".join(paths), ",".join(["user"] * 51), "a." * 2_000, "," * 1_000):
        answer = await resources.send("GET", f"/cases/{case_id}/actions?limit=100&include={include}", world.ada.token)
        assert answer.status_code in (200, 400)
    body = action_body("comment", comment="Called.")
    assert (await resources.act(UUID(int=1), world.ada.token, body)).status_code == 404
