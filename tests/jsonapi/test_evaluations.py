"""Results of checks as resources: one, and several at once, of which each has its own errors under `meta`."""

from typing import Any

import pytest

from app.domain.model import Scope
from app.jsonapi.examples import RESULT_EXAMPLE
from tests.support.database_contents import contents, differences
from tests.support.evaluations import check_system, faults, log_of, opened, subject_of
from tests.support.jsonapi import ResourceClient, errors_of
from tests.support.openapi import assert_described, body_schema, validator
from tests.support.world import Person, World

PATH = "/evaluations"


@pytest.fixture
async def checks(world: World) -> Person:
    """The system that makes checks."""
    return await check_system(world)


def result(**attributes: Any) -> dict[str, Any]:
    """Return one result as a resource."""
    given = {
        "subject_type": "COMPANY_ACCOUNT_CHECK",
        "external_ref": "check-1",
        "label": "Moulins Réunis",
        "evaluation_status": "ANOMALY",
    }
    return {"type": "evaluation", "attributes": given | attributes}


async def test_a_new_check_is_made_at_its_own_address_and_a_known_one_changed(
    world: World, resources: ResourceClient, checks: Person
) -> None:
    made = await resources.send("POST", PATH, checks.token, {"data": result()})
    changed = await resources.send("POST", PATH, checks.token, {"data": result(evaluation_status="PENDING")})
    known = await resources.send("POST", PATH, checks.token, {"data": result(evaluation_status="PENDING")})

    subject = await subject_of(world)
    assert [answer.status_code for answer in (made, changed, known)] == [201, 200, 200]
    assert made.headers["location"] == f"http://test/api/v1/subjects/{subject.id}"
    assert "location" not in changed.headers
    for answer in (made, changed, known):
        assert_described(answer, PATH, "post")
        assert answer.json()["data"]["id"] == str(subject.id)
    assert changed.json()["data"]["attributes"]["version"] == 2
    assert changed.json()["meta"] == {
        "replayed": False,
        "changed": True,
        "case": None,
        "action": None,
        "evaluation": {
            "status_before": "ANOMALY",
            "status_after": "PENDING",
            "subject_version": 2,
            "changed": ["evaluation_status"],
            "replaced_override": None,
        },
    }
    assert (known.json()["meta"]["changed"], known.json()["meta"]["evaluation"]) == (False, None)
    assert await faults(world) == []


async def test_the_answer_names_the_case_the_row_and_the_override_that_was_replaced(
    world: World, resources: ResourceClient, checks: Person
) -> None:
    case = await opened(world)
    requested = await world.request_override(case.id)
    await world.accept(case.id)
    assert requested.override is not None

    answer = await resources.send("POST", PATH, checks.token, {"data": result()})

    meta = answer.json()["meta"]
    assert (meta["case"], meta["evaluation"]["replaced_override"]) == (str(case.id), str(requested.override.id))
    row = await resources.read(f"/cases/{case.id}/actions/{meta['action']}", world.ada.token)
    assert row["data"]["attributes"]["action_type"] == "evaluation"
    listed = await resources.read(f"/cases/{case.id}/actions?filter[action_type]=evaluation", world.ada.token)
    assert [item["id"] for item in listed["data"]] == [meta["action"]]


async def test_the_example_can_be_sent_as_it_is(resources: ResourceClient, checks: Person) -> None:
    validator(body_schema(PATH)).validate(RESULT_EXAMPLE)
    answer = await resources.send("POST", PATH, checks.token, dict(RESULT_EXAMPLE), Idempotency_Key="a-key")
    again = await resources.send("POST", PATH, checks.token, dict(RESULT_EXAMPLE), Idempotency_Key='"a-key"')
    other = await resources.send("POST", PATH, checks.token, {"data": result()}, Idempotency_Key="a-key")

    assert (answer.status_code, again.status_code, again.json()["meta"]["replayed"]) == (201, 200, True)
    assert errors_of(other) == [("422", "IDEMPOTENCY_KEY_REUSED", {"header": "Idempotency-Key"})]


async def test_each_of_several_is_done_or_refused_by_itself(
    world: World, resources: ResourceClient, checks: Person
) -> None:
    case = await opened(world)
    sent = [
        result(idempotency_key="a"),
        result(external_ref="check-2", label=" ", country_code="x"),
        result(external_ref="check-3", expected_version=4),
        result(evaluation_status="PENDING"),
        result(external_ref="check-4"),
    ]

    answer = await resources.send("POST", f"{PATH}?fields[subject]=external_ref,version", checks.token, {"data": sent})

    assert answer.status_code == 200
    document = answer.json()
    results = document["meta"]["results"]
    assert [item["changed"] for item in results] == [True, False, False, True, True]
    found = [[(e["status"], e["code"], e["source"]["pointer"]) for e in item["errors"]] for item in results]
    assert found == [
        [],
        [
            ("422", "REQUIRED", "/data/1/attributes/label"),
            ("422", "INVALID_INPUT", "/data/1/attributes/country_code"),
        ],
        [("409", "VERSION_CONFLICT", "/data/2/attributes/expected_version")],
        [],
        [],
    ]
    # Each subject once, as it is now.
    shown = [resource["attributes"] for resource in document["data"]]
    assert shown == [{"external_ref": "check-1", "version": 3}, {"external_ref": "check-4", "version": 1}]
    assert results[0]["subject"] == results[3]["subject"] == document["data"][0]["id"]
    assert await log_of(world.database, case.id) == ["OPEN", "EVALUATION", "EVALUATION"]
    assert await faults(world) == []


async def test_several_are_as_the_document_says(world: World, resources: ResourceClient, checks: Person) -> None:
    body = {"data": [result(), result(external_ref="check-2", label="")]}
    validator(body_schema(PATH)).validate(body)
    assert_described(await resources.send("POST", PATH, checks.token, body), PATH, "post")


BAD: dict[str, tuple[Any, list[tuple[str, str, dict[str, str]]]]] = {
    "nothing": ({}, [("422", "REQUIRED", {"pointer": ""})]),
    "null": ({"data": None}, [("422", "INVALID_INPUT", {"pointer": "/data"})]),
    "none": ({"data": []}, [("422", "INVALID_INPUT", {"pointer": "/data"})]),
    "too many": ({"data": [result()] * 101}, [("422", "INVALID_INPUT", {"pointer": "/data"})]),
    "another type": (
        {"data": result() | {"type": "subject"}},
        [("409", "INVALID_INPUT", {"pointer": "/data/type"})],
    ),
    "an id": ({"data": result() | {"id": "x"}}, [("403", "INVALID_INPUT", {"pointer": "/data/id"})]),
    "no attributes": ({"data": {"type": "evaluation"}}, [("422", "REQUIRED", {"pointer": "/data"})]),
    "unknown members": (
        {"data": [result(), result(comment="x")]},
        [("422", "INVALID_INPUT", {"pointer": "/data/1/attributes/comment"})],
    ),
    "missing and wrong": (
        {"data": {"type": "evaluation", "attributes": {"label": 1, "evaluation_status": "GOOD"}}},
        [
            ("422", "REQUIRED", {"pointer": "/data/attributes"}),
            ("422", "REQUIRED", {"pointer": "/data/attributes"}),
            ("422", "INVALID_INPUT", {"pointer": "/data/attributes/label"}),
            ("422", "INVALID_INPUT", {"pointer": "/data/attributes/evaluation_status"}),
        ],
    ),
    "a null": ({"data": result(label=None)}, [("422", "REQUIRED", {"pointer": "/data/attributes/label"})]),
}


async def test_what_is_no_result_is_refused_at_its_place(
    world: World, resources: ResourceClient, checks: Person
) -> None:
    before = await contents(world.database)

    for what, (body, expected) in BAD.items():
        answer = await resources.send("POST", PATH, checks.token, body)

        assert errors_of(answer) == expected, what
        assert differences(before, await contents(world.database)) == set(), what
        if answer.status_code != 400:
            assert_described(answer, PATH, "post")


async def test_headers_that_mean_nothing_here_are_refused(resources: ResourceClient, checks: Person) -> None:
    one, two = {"data": result(idempotency_key="a")}, {"data": [result()]}
    both = await resources.send("POST", PATH, checks.token, one, Idempotency_Key="b")
    of_list = await resources.send("POST", PATH, checks.token, two, Idempotency_Key="b")
    tagged = await resources.send("POST", PATH, checks.token, {"data": result()}, If_Match='"1"')

    header = {"header": "Idempotency-Key"}
    assert [errors_of(answer) for answer in (both, of_list)] == [[("400", "INVALID_INPUT", header)]] * 2
    assert errors_of(tagged) == [("400", "INVALID_INPUT", {"header": "If-Match"})]


async def test_a_person_and_other_scopes_are_refused_before_the_body_is_looked_at(
    world: World, resources: ResourceClient
) -> None:
    clerk = await check_system(world, Scope.CASES_WRITE, Scope.CASES_READ)
    for token in (world.aldo.token, clerk.token):
        for body in ({"data": result()}, {}, {"data": [1]}):
            answer = await resources.send("POST", PATH, token, body)
            assert [error[:2] for error in errors_of(answer)] == [("403", "INSUFFICIENT_SCOPE")]


async def test_who_may_not_read_is_shown_the_subject_alone(world: World, resources: ResourceClient) -> None:
    writer = await check_system(world, Scope.SUBJECTS_WRITE)
    await opened(world)

    answer = await resources.send("POST", PATH, writer.token, {"data": result()})

    assert answer.status_code == 200
    assert answer.json()["data"]["attributes"].keys() == {
        *("subject_type", "external_ref", "label", "country_code", "evaluation_status", "version"),
    }
