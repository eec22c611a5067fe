"""Requests that are wrong: media types, bodies, members, addresses and methods; each fault is named, nothing done."""

import json
from typing import Any
from uuid import uuid4

import pytest

from app.domain.model import Language
from app.i18n import WORDS
from app.jsonapi.negotiation import media_type
from tests.support.api import Api
from tests.support.database_contents import contents
from tests.support.jsonapi import MEDIA_TYPE, ResourceClient, action_body, case_body, errors_of, linked
from tests.support.world import World

COMMENT = action_body("comment", comment="Called.")

# --- Media types -----------------------------------------------------------------------------------------------------


ACCEPTED: list[tuple[str | None, str | None]] = [
    (None, MEDIA_TYPE),
    ("", MEDIA_TYPE),
    ("*/*", MEDIA_TYPE),
    ("application/*", MEDIA_TYPE),
    (MEDIA_TYPE, MEDIA_TYPE),
    ("APPLICATION/vnd.api+JSON", MEDIA_TYPE),
    ("application/json", "application/json"),
    ("application/json, text/plain, */*", "application/json"),
    (f"application/json;q=0.5, {MEDIA_TYPE};q=0.6", MEDIA_TYPE),
    (f"application/json, {MEDIA_TYPE};q=0.9", "application/json"),
    (f"application/json, {MEDIA_TYPE}", MEDIA_TYPE),
    (f"{MEDIA_TYPE};q=0, application/json", "application/json"),
    ("text/html", None),
    ("application/json;q=0", None),
    # JSON:API 1.1, section 4.2: instances with other parameters are passed over, unless all have them.
    (f"{MEDIA_TYPE}; charset=utf-8", None),
    (f"{MEDIA_TYPE}; charset=utf-8, */*", None),
    (f"{MEDIA_TYPE}; charset=utf-8, {MEDIA_TYPE}", MEDIA_TYPE),
    (f'{MEDIA_TYPE}; profile="https://example.com/a,b;c"', MEDIA_TYPE),
    (f'{MEDIA_TYPE}; ext="https://example.com/ext"', None),
    (f'{MEDIA_TYPE}; ext="https://example.com/ext", {MEDIA_TYPE}', MEDIA_TYPE),
    (f'{MEDIA_TYPE}; ext=""', MEDIA_TYPE),
    (f"{MEDIA_TYPE};q=nonsense", None),
    ('"' * 500, None),
    (f"{MEDIA_TYPE}, " * 500, MEDIA_TYPE),
]


def test_the_media_type_is_negotiated_as_the_specification_says() -> None:
    assert [(accept, media_type(accept)) for accept, _ in ACCEPTED] == ACCEPTED


async def test_the_negotiated_type_is_answered_without_a_charset_and_406_says_what_to_accept(
    world: World, resources: ResourceClient
) -> None:
    for accept, kind in (("application/json", "application/json"), ("*/*", MEDIA_TYPE)):
        answer = await resources.send("GET", "/cases", world.ada.token, accept=accept)
        assert answer.headers["content-type"] == kind
        assert {"Accept", "Accept-Language", "Authorization"} <= set(answer.headers["vary"].split(", "))
    refused = await resources.send("GET", "/cases", world.ada.token, accept="text/html")
    assert errors_of(refused) == [("406", "BAD_REQUEST", {"header": "Accept"})]


CONTENT_TYPES: list[tuple[str, bool]] = [
    (MEDIA_TYPE, True),
    ("application/json", True),
    ("application/json; charset=UTF-8", True),
    (f'{MEDIA_TYPE}; profile="https://example.com/p"', True),
    (f"{MEDIA_TYPE}; charset=utf-8", False),
    (f'{MEDIA_TYPE}; ext="https://jsonapi.org/ext/atomic"', False),
    ("application/json; charset=latin-1", False),
    # What a page of another origin can send without being asked first.
    ("text/plain", False),
    ("application/x-www-form-urlencoded", False),
    ("multipart/form-data; boundary=x", False),
    ("", False),
    ("text/plain; application/json", False),
]


async def test_a_body_of_another_type_does_nothing(world: World, resources: ResourceClient) -> None:
    case_id = (await world.open_case()).case.id

    for content_type, is_taken in CONTENT_TYPES:
        answer = await resources.act(case_id, world.ada.token, json.dumps(COMMENT), Content_Type=content_type)
        if is_taken:
            assert answer.status_code == 201, content_type
            continue
        assert errors_of(answer) == [("415", "BAD_REQUEST", {"header": "Content-Type"})], content_type
        assert answer.headers["accept-post"]
    taken = sum(is_taken for _, is_taken in CONTENT_TYPES)
    assert len((await contents(world.database))["case_actions"]) == 1 + taken


# --- Bodies ----------------------------------------------------------------------------------------------------------


UNREADABLE: list[str | bytes] = [
    "",
    "{",
    "nonsense",
    '{"data": {"type": "case_action"',
    b'{"data": "\xff"}',
    r'{"data": {"type": "case_action", "attributes": {"action_type": "comment", "comment": "\ud800"}}}',
    '{"data": NaN}',
    '{"a":' * 5_000 + "1" + "}" * 5_000,
    "[" * 100_000,
    '{"data": {"type": "case_action", "type": "case_action"}}',
    '{"data": {}, "data": {}}',
    '{"data": {"type": "case_action", "attributes": {"action_type": "comment", "comment": "a", "comment": "b"}}}',
]


async def test_a_body_that_is_no_json_or_says_something_twice_is_400(world: World, resources: ResourceClient) -> None:
    case_id = (await world.open_case()).case.id

    statuses = [(await resources.act(case_id, world.ada.token, body)).status_code for body in UNREADABLE]

    assert statuses == [400] * len(UNREADABLE)
    assert len((await contents(world.database))["case_actions"]) == 1


async def test_a_body_is_bounded_as_others_are(world: World, resources: ResourceClient) -> None:
    answer = await resources.act(uuid4(), world.ada.token, action_body("comment", comment="x" * 300_000))

    assert (answer.status_code, answer.headers["connection"]) == (413, "close")


DATA = {"type": "case_action"}
LINK = {"type": "user", "id": str(uuid4())}
REQUEST = {"action_type": "override_request", "comment": "Sure.", "requested_status": "FAVORABLE"}
SHAPES: dict[str, tuple[Any, list[tuple[str, str, str]]]] = {
    "no object": ([], [("422", "INVALID_INPUT", "")]),
    "a number": (5, [("422", "INVALID_INPUT", "")]),
    "no data": ({}, [("422", "REQUIRED", "")]),
    "data beside others": (
        {"data": {**DATA, "attributes": {"action_type": "close"}}, "included": []},
        [("422", "INVALID_INPUT", "/included")],
    ),
    "null": ({"data": None}, [("422", "INVALID_INPUT", "/data")]),
    "a list": ({"data": [{}]}, [("422", "INVALID_INPUT", "/data")]),
    "no type": ({"data": {"attributes": {"action_type": "close"}}}, [("422", "REQUIRED", "/data")]),
    "another type": ({"data": {"type": "case"}}, [("409", "INVALID_INPUT", "/data/type")]),
    "a type that is a number": ({"data": {"type": 5}}, [("409", "INVALID_INPUT", "/data/type")]),
    "an id": ({"data": {**DATA, "id": str(uuid4())}}, [("403", "INVALID_INPUT", "/data/id")]),
    "no attributes": ({"data": DATA}, [("422", "REQUIRED", "/data")]),
    "attributes that are null": (
        {"data": {**DATA, "attributes": None}},
        [("422", "INVALID_INPUT", "/data/attributes")],
    ),
    "no action": ({"data": {**DATA, "attributes": {}}}, [("422", "REQUIRED", "/data/attributes")]),
    "an action of the schema": (action_body("COMMENT"), [("422", "INVALID_INPUT", "/data/attributes/action_type")]),
    "an action that is not taken": (
        action_body("reassign"),
        [("422", "INVALID_INPUT", "/data/attributes/action_type")],
    ),
    "opening": (action_body("open"), [("422", "INVALID_INPUT", "/data/attributes/action_type")]),
    "a list of actions": (action_body(["close"]), [("422", "INVALID_INPUT", "/data/attributes/action_type")]),  # type: ignore[arg-type]  # wrong by intention
    "a misspelt reviewer list": (
        {"data": {**DATA, "attributes": {**REQUEST, "reviewers_ids": [str(uuid4())]}}},
        [("422", "INVALID_INPUT", "/data/attributes/reviewers_ids"), ("422", "REVIEWER_REQUIRED", "/data/attributes")],
    ),
    "a misspelt relationship": (
        {"data": {**DATA, "attributes": REQUEST, "relationships": {"reviewers": linked("user", uuid4())}}},
        [("422", "INVALID_INPUT", "/data/relationships/reviewers"), ("422", "REVIEWER_REQUIRED", "/data/attributes")],
    ),
    "an attribute of another action": (
        action_body("close", requested_status="FAVORABLE", reviewer_ids=[]),
        [("422", "INVALID_INPUT", f"/data/attributes/{name}") for name in ("requested_status", "reviewer_ids")],
    ),
    "a name with a slash": (
        action_body("close", **{"a/b~c": 1}),
        [("422", "INVALID_INPUT", "/data/attributes/a~1b~0c")],
    ),
    "a very long name": (action_body("close", **{"x" * 5_000: 1}), [("422", "INVALID_INPUT", "/data/attributes")]),
    "another type of reviewers": (
        action_body(relationships={"assigned_reviewers": linked("users", uuid4())}, **REQUEST),
        [("422", "INVALID_INPUT", "/data/relationships/assigned_reviewers/data/0/type")],
    ),
    "a reviewer without an id": (
        action_body(relationships={"assigned_reviewers": {"data": [{"type": "user"}]}}, **REQUEST),
        [("422", "REQUIRED", "/data/relationships/assigned_reviewers/data/0")],
    ),
    "one reviewer for a list": (
        action_body(relationships={"assigned_reviewers": {"data": LINK}}, **REQUEST),
        [("422", "INVALID_INPUT", "/data/relationships/assigned_reviewers/data")],
    ),
    "a relationship without data": (
        action_body(relationships={"assigned_reviewers": {"links": {}}}, **REQUEST),
        [("422", "REQUIRED", "/data/relationships/assigned_reviewers")],
    ),
    "reviewers in both ways": (
        action_body(relationships={"assigned_reviewers": {"data": [LINK]}}, reviewer_ids=[str(uuid4())], **REQUEST),
        [("422", "INVALID_INPUT", "/data/relationships/assigned_reviewers")],
    ),
    "ids that are none, twice, and too many": (
        action_body(
            relationships={"assigned_reviewers": {"data": [LINK, LINK, {"type": "user", "id": "x"}]}}, **REQUEST
        )
        | {},
        [
            ("422", "INVALID_INPUT", "/data/relationships/assigned_reviewers/data/1/id"),
            ("422", "INVALID_ID", "/data/relationships/assigned_reviewers/data/2/id"),
        ],
    ),
    "eleven reviewers": (
        action_body(reviewer_ids=[str(uuid4()) for _ in range(11)], **REQUEST),
        [("422", "TOO_MANY_REVIEWERS", "/data/attributes/reviewer_ids")],
    ),
    "no reviewer": (
        action_body(reviewer_ids=[], **REQUEST),
        [("422", "REVIEWER_REQUIRED", "/data/attributes/reviewer_ids")],
    ),
    "an empty comment, a long one, a NUL": (
        action_body("comment", comment=" \n "),
        [("422", "REQUIRED", "/data/attributes/comment")],
    ),
    "a comment that is too long": (
        action_body("comment", comment="x" * 10_001),
        [("422", "TOO_LONG", "/data/attributes/comment")],
    ),
    "a NUL": (action_body("comment", comment="a\0b"), [("422", "INVALID_INPUT", "/data/attributes/comment")]),
    "a comment that is a number": (
        action_body("comment", comment=5),
        [("422", "INVALID_INPUT", "/data/attributes/comment")],
    ),
    "null where there must be something": (
        action_body("comment", comment=None),
        [("422", "REQUIRED", "/data/attributes/comment")],
    ),
    "a decision that names nothing": (
        action_body("accept"),
        [("422", "REQUIRED", "/data/attributes"), ("422", "REQUIRED", "/data/attributes")],
    ),
    "an override that is null": (
        action_body("refuse", relationships={"override": {"data": None}}, expected_version=1),
        [("422", "REQUIRED", "/data/attributes")],
    ),
    "versions": (
        action_body("cancel", expected_version="1"),
        [("422", "INVALID_INPUT", "/data/attributes/expected_version")],
    ),
    "a version that is true": (
        action_body("cancel", expected_version=True),
        [("422", "INVALID_INPUT", "/data/attributes/expected_version")],
    ),
    "half a version": (
        action_body("cancel", expected_version=1.5),
        [("422", "INVALID_INPUT", "/data/attributes/expected_version")],
    ),
    "a huge version": (
        action_body("cancel", expected_version=10**30),
        [("422", "INVALID_INPUT", "/data/attributes/expected_version")],
    ),
    "a negative version": (
        action_body("cancel", expected_version=-1),
        [("422", "INVALID_INPUT", "/data/attributes/expected_version")],
    ),
    # Faults of members and those of the input's own checks, together.
    "everything": (
        action_body(
            "override_request",
            {"assigned_reviewers": {"data": [{"type": "user", "id": "x"}]}, "document": {}},
            comment="",
            requested_status="GOOD",
            document_ids=["y"],
            expected_version=-5,
        ),
        [
            ("422", "INVALID_INPUT", "/data/attributes/requested_status"),
            ("422", "INVALID_INPUT", "/data/relationships/document"),
            ("422", "INVALID_INPUT", "/data/attributes/expected_version"),
            ("422", "INVALID_ID", "/data/relationships/assigned_reviewers/data/0/id"),
            ("422", "REQUIRED", "/data/attributes/comment"),
            ("422", "INVALID_ID", "/data/attributes/document_ids/0"),
        ],
    ),
}


@pytest.mark.parametrize("language", ["en", "fr"])
async def test_each_fault_of_a_body_is_named_at_its_place_and_all_at_once(
    world: World, resources: ResourceClient, language: str
) -> None:
    case_id = (await world.open_case()).case.id

    for name, (body, expected) in SHAPES.items():
        sent = body if isinstance(body, dict) else json.dumps(body)
        answer = await resources.act(case_id, world.ada.token, sent, accept_language=language)
        found = [(status, code, source["pointer"]) for status, code, source in errors_of(answer)]
        assert sorted(found) == sorted(expected), name
        assert answer.headers["content-language"] == language
        titles = WORDS[Language(language.upper())]["titles"]
        assert [error["title"] for error in answer.json()["errors"]] == [titles[status] for status, _, _ in found]
    assert len((await contents(world.database))["case_actions"]) == 1


async def test_what_is_accepted_is_named_as_it_is_sent_in_each_language(
    world: World, resources: ResourceClient
) -> None:
    case_id = (await world.open_case()).case.id
    assignee = {"assignee": {"data": {"type": "people", "id": str(world.carl.id)}}}

    answer = await resources.act(case_id, world.ada.token, action_body("assign", assignee), accept_language="fr")

    details = [error["detail"] for error in answer.json()["errors"]]
    assert details == ["Cette valeur ne peut pas être acceptée : elle vaut “people” ; valeurs acceptées : user."]


async def test_of_very_many_faults_as_many_are_named_as_an_answer_shows(
    world: World, resources: ResourceClient
) -> None:
    many = {f"a{number}": 1 for number in range(20_000)}
    bodies = [
        action_body("comment", comment=5, **many),
        action_body("override_request", reviewer_ids=[5] * 20_000, comment=5, requested_status=5),
        action_body("override_request", {"assigned_reviewers": {"data": [5] * 20_000}}, comment=5),
        {"data": {"type": "case_action", **many}},
        many,
    ]

    for body in bodies:
        answer = await resources.act(uuid4(), world.ada.token, body)
        assert answer.status_code == 422 and len(answer.json()["errors"]) == 50


async def test_members_that_begin_with_an_at_sign_are_passed_over_and_integers_may_have_a_point(
    world: World, resources: ResourceClient
) -> None:
    case_id = (await world.open_case()).case.id
    body = action_body("comment", comment="Called.", expected_version=1.0, **{"@note": 1})
    body["data"]["lid"] = "local"
    body["jsonapi"] = {"version": "1.0"}

    assert (await resources.act(case_id, world.ada.token, body)).status_code == 201


async def test_the_faults_of_a_new_case_are_named_at_their_places(world: World, resources: ResourceClient) -> None:
    def without(name: str) -> Any:
        body = case_body("check-1")
        del body["data"]["attributes"][name]
        return body

    subject: Any = case_body("check-1")["data"]["attributes"]["subject"]
    cases: list[tuple[Any, list[tuple[str, str]]]] = [
        (without("title"), [("REQUIRED", "/data/attributes")]),
        (without("subject"), [("REQUIRED", "/data/attributes")]),
        (
            case_body("", title="x" * 201),
            [("TOO_LONG", "/data/attributes/title"), ("REQUIRED", "/data/attributes/subject/external_ref")],
        ),
        (case_body("a", subject=subject | {"kind": 1}), [("INVALID_INPUT", "/data/attributes/subject/kind")]),
        (case_body("a", subject=subject | {"type": "x"}), [("INVALID_INPUT", "/data/attributes/subject/type")]),
        (
            case_body("a", subject=subject | {"subject_type": "X"}),
            [("INVALID_INPUT", "/data/attributes/subject/subject_type")],
        ),
        (
            case_body("a", subject=subject | {"country_code": "fr"}),
            [("INVALID_INPUT", "/data/attributes/subject/country_code")],
        ),
        (case_body("a", subject="check"), [("INVALID_INPUT", "/data/attributes/subject")]),
        (case_body("a", subject={}), [("REQUIRED", "/data/attributes/subject")] * 3),
        (case_body("a", status="OPEN"), [("INVALID_INPUT", "/data/attributes/status")]),
        (case_body("a") | {"included": []}, [("INVALID_INPUT", "/included")]),
    ]

    for body, expected in cases:
        answer = await resources.send("POST", "/cases", world.ada.token, body)
        found = [(code, source["pointer"]) for _, code, source in errors_of(answer)]
        assert (answer.status_code, sorted(found)) == (422, sorted(expected)), body
    taken = await resources.send("POST", "/cases", world.ada.token, case_body("check-1"))
    again = await resources.send("POST", "/cases", world.ada.token, case_body("check-1"))
    assert taken.status_code == 201
    assert errors_of(again) == [("409", "ACTIVE_CASE_EXISTS", {"pointer": "/data/attributes/subject"})]


# --- Addresses and methods -------------------------------------------------------------------------------------------


UNKNOWN_PARAMETERS: list[tuple[str, list[str]]] = [
    ("include=users", ["include"]),
    ("include=user,", ["include"]),
    ("include=comment.user", ["include"]),
    ("include=user.", ["include"]),
    ("include=case.subject.x", ["include"]),
    ("include=case.active_override.case.active_override.case", ["include"]),
    ("include= user", ["include"]),
    ("inclde=user", ["inclde"]),
    ("fields[users]=email", ["fields[users]"]),
    ("fields[user]=email,name", ["fields[user]"]),
    ("fields=email", ["fields"]),
    ("fields[user=email", ["fields[user"]),
    ("include=user&include=comment", ["include"]),
    ("limit=5", ["limit"]),
    ("sort=seq", ["sort"]),
    ("page[size]=5", ["page[size]"]),
    ("include=x&fields[user]=y&z=1", ["include", "fields[user]", "z"]),
    ("include=%ff", [""]),
    ("&".join(f"a{index}=1" for index in range(60)), [""]),
]


async def test_parameters_that_are_not_there_are_refused_by_name(world: World, resources: ResourceClient) -> None:
    case_id = (await world.open_case()).case.id

    for query, expected in UNKNOWN_PARAMETERS:
        answer = await resources.act(case_id, world.ada.token, COMMENT, f"?{query}")
        assert errors_of(answer) == [("400", "INVALID_INPUT", {"parameter": name}) for name in expected], query
    assert len((await contents(world.database))["case_actions"]) == 1


async def test_an_address_says_what_methods_it_takes(world: World, resources: ResourceClient) -> None:
    id = uuid4()
    addresses = {
        "/cases": "GET, HEAD, POST",
        f"/cases/{id}": "GET, HEAD",
        f"/cases/{id}/actions": "GET, HEAD, POST",
        f"/cases/{id}/actions/{id}": "GET, HEAD",
        f"/overrides/{id}": "GET, HEAD",
        "/users": "GET, HEAD",
    }

    for address, allowed in addresses.items():
        for method in ("DELETE", "PATCH", "PUT", "OPTIONS"):
            answer = await resources.send(method, address, world.ada.token)
            assert (answer.status_code, answer.headers["allow"]) == (405, allowed)
    for address in ("/", "/cases/", f"/cases/{id}/", f"/cases/{id}/action", "/overrides", "/cases//actions"):
        assert (await resources.send("GET", address, world.ada.token)).status_code == 404, address


async def test_an_address_that_is_no_uuid_is_named_with_the_faults_of_the_body(
    world: World, resources: ResourceClient
) -> None:
    for id in ("x", "0", "%00", "%0A", "a%0Ab", "01900000-0000-7000-8000-00000000000g", "..", "CASE-000001"):
        answer = await resources.act(id, world.ada.token, action_body("comment", comment=""))
        assert answer.status_code in (400, 404), id
        if answer.status_code == 400:
            pointer = {"pointer": "/data/attributes/comment"}
            assert errors_of(answer) == [("400", "INVALID_ID", {}), ("422", "REQUIRED", pointer)]


async def test_requests_are_counted_by_the_one_rate_limit(world: World, fresh_url: str) -> None:
    async with Api.opened(fresh_url, rate_limit=3) as api:
        resources = ResourceClient(api)
        await api.run(world.ada.token, "{ viewer { language } }")
        first = await resources.send("GET", "/cases", world.ada.token)
        assert first.headers["ratelimit"].startswith('"token";r=1;t=')
        assert (await resources.send("POST", "/cases", world.ada.token, {})).status_code == 422
        refused = await resources.send("POST", "/cases", world.ada.token, case_body("check-1"))

    assert errors_of(refused) == [("429", "RATE_LIMITED", {})]
    assert int(refused.headers["retry-after"]) >= 1


@pytest.mark.parametrize("language", Language)
def test_each_status_has_a_title_in_each_language(language: Language) -> None:
    titles = WORDS[language]["titles"]

    assert titles.keys() == WORDS[Language.EN]["titles"].keys()
    assert len(set(titles.values())) == len(titles)
