"""Entity tags of what is read: the same answer is not sent twice, and another one always is (RFC 9110)."""

from typing import Any

import pytest

from app.db import tables
from app.domain.commands import AddComment
from app.domain.model import Scope
from tests.support.database_contents import set_by_hand
from tests.support.jsonapi import MEDIA_TYPE, ResourceClient, action_body
from tests.support.recorded_sql import recorded
from tests.support.world import World, person_of

REVALIDATED = "private, no-cache"


async def tag_of(resources: ResourceClient, address: str, token: str, **headers: str) -> str:
    answer = await resources.send("GET", address, token, **headers)
    assert (answer.status_code, answer.headers["cache-control"]) == (200, REVALIDATED)
    tag: str = answer.headers["etag"]
    return tag


async def test_each_answer_that_is_read_has_a_tag_by_which_it_is_not_sent_again(
    world: World, resources: ResourceClient
) -> None:
    case = (await world.request_override((await world.open_case()).case.id)).case
    log = await resources.read(f"/cases/{case.id}/actions?include=comment,override", world.ada.token)
    row = log["data"][0]["id"]
    addresses = ["/cases", "/cases?limit=1&filter[status]=OPEN", f"/cases/{case.id}", f"/cases/{case.id}/actions"]
    addresses += [
        f"/cases/{case.id}/actions/{row}",
        "/users",
        f"/users/{world.rosa.id}",
        f"/subjects/{case.subject_id}",
    ]
    addresses += [f"/{resource['type']}s/{resource['id']}" for resource in log["included"]]

    for address in addresses:
        for method in ("GET", "HEAD"):
            first = await resources.send(method, address, world.ada.token)
            tag = first.headers["etag"]
            again = await resources.send(method, address, world.ada.token, if_none_match=tag)
            assert (again.status_code, again.content) == (304, b""), address
            assert {name: again.headers[name] for name in ("etag", "cache-control", "vary", "x-request-id")} == {
                "etag": tag,
                "cache-control": REVALIDATED,
                "vary": first.headers["vary"],
                "x-request-id": again.headers["x-request-id"],
            }
            assert not {"content-type", "content-language", "content-length"} & again.headers.keys()


@pytest.mark.parametrize("form", ["{0}", "W/{0}", '"other", {0}', '"a", W/{0} , "b"', "*", '"x,y",{0}'])
async def test_tags_are_compared_as_weak_ones_in_a_list_or_any(
    world: World, resources: ResourceClient, form: str
) -> None:
    tag = (await tag_of(resources, "/users", world.ada.token)).removeprefix("W/")

    answer = await resources.send("GET", "/users", world.ada.token, if_none_match=form.format(tag))

    assert answer.status_code == 304


@pytest.mark.parametrize("other", ['"other"', "", "nonsense", '"1"', 'W/"1"', '"*"'])
async def test_another_tag_is_answered_in_full(world: World, resources: ResourceClient, other: str) -> None:
    case_id = (await world.open_case()).case.id

    for address in ("/users", f"/cases/{case_id}"):
        answer = await resources.send("GET", address, world.ada.token, if_none_match=other)
        assert (answer.status_code, "data" in answer.json()) == (200, True)


async def test_what_is_shown_otherwise_has_another_tag(world: World, resources: ResourceClient) -> None:
    case_id = (await world.open_case()).case.id
    address = f"/cases/{case_id}"
    included = f"{address}?include=created_by"
    labelled = f"{address}?fields[case]=status_label"
    before = {path: await tag_of(resources, path, world.rosa.token) for path in (address, included, labelled)}

    variants = [
        await tag_of(resources, address, world.rosa.token, accept=media_type, accept_language=language)
        for media_type in (MEDIA_TYPE, "application/json")
        for language in ("en", "fr")
    ]
    assert len(set(variants)) == 4
    # A name that is shown with the case is no version of it.
    await set_by_hand(world.database, tables.users, world.ada.id, display_name="Ada L.")
    assert await tag_of(resources, address, world.rosa.token) == before[address]
    assert await tag_of(resources, included, world.rosa.token) != before[included]
    await world.do(world.ada, AddComment(case_id=case_id, comment="Called."))
    for path, tag in before.items():
        answer = await resources.send("GET", path, world.rosa.token, if_none_match=tag)
        assert answer.status_code == 200 and answer.headers["etag"] != tag


async def test_what_may_not_be_read_any_more_is_refused_and_not_said_to_be_the_same(
    world: World, resources: ResourceClient
) -> None:
    case_id = (await world.open_case()).case.id
    writer = await person_of(world.database, world.ada.id, Scope.CASES_WRITE)

    for token, address, status in (
        (writer.token, f"/cases/{case_id}", 403),
        (world.ada.token, f"/cases/{world.ada.id}", 404),
        (world.ada.token, "/cases?limit=0", 400),
        (None, "/cases", 401),
    ):
        answer = await resources.send("GET", address, token, if_none_match="*")
        assert (answer.status_code, answer.headers["cache-control"]) == (status, "no-store")
        assert "etag" not in answer.headers


async def test_the_tag_of_a_case_or_of_its_log_is_a_version_to_act_on(world: World, resources: ResourceClient) -> None:
    case_id = (await world.open_case()).case.id
    body: Any = action_body("comment", comment="Called.")

    for path in (f"/cases/{case_id}?include=subject", f"/cases/{case_id}/actions"):
        tag = await tag_of(resources, path, world.ada.token)
        assert (await resources.act(case_id, world.ada.token, body, if_match=tag)).status_code == 201
        assert (await resources.act(case_id, world.ada.token, body, if_match=tag)).status_code == 412
    people = await tag_of(resources, "/users", world.ada.token)
    assert (await resources.act(case_id, world.ada.token, body, if_match=people)).status_code == 400


async def test_an_answer_that_is_not_sent_again_takes_the_same_statements(
    world: World, resources: ResourceClient
) -> None:
    await world.open_case()
    tag = await tag_of(resources, "/cases", world.ada.token)
    costs = []

    for headers in ({}, {"if_none_match": tag}):
        with recorded() as sent:
            await resources.send("GET", "/cases", world.ada.token, **headers)
        costs.append(sorted(sent))

    assert costs[0] == costs[1]
