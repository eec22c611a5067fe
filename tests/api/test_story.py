"""The whole story from outside: three people work a supplier-fraud case from opening to closing, over HTTP.

The people are made by the command line, the server is a process of its own, on SQLite and on PostgreSQL.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tests.support.gateway import Server, casegate, casegate_json, serving

ERRORS = "errors { __typename code path }"
SCOPES = ("--scope", "cases_read", "--scope", "cases_write", "--scope", "users_read")
SUBJECT = {
    "type": "COMPANY_ACCOUNT_CHECK",
    "externalRef": "check-4711",
    "label": "Moulins Réunis",
    "countryCode": "FR",
    "evaluationStatus": "UNFAVORABLE",
}
STORY = ["OPEN", "COMMENT", "REQUEST_OVERRIDE", "ACCEPT", "CLOSE"]


@dataclass(frozen=True, slots=True)
class Cast:
    """The people of the story, each with an id and a token."""

    opener: tuple[str, str]
    colleague: tuple[str, str]
    reviewer: tuple[str, str]


def person(url: str, account: str, name: str, *roles: str) -> tuple[str, str]:
    options = [option for role in roles for option in ("--role", role)]
    email = f"{name.lower()}@example.com"
    made = casegate_json(
        "user", "create", "--account", account, "--email", email, "--name", name, *options, database_url=url
    )
    token = casegate_json("token", "create", "--user", made["id"], *SCOPES, database_url=url)
    return made["id"], token["token"]


@pytest.fixture
def cast(fresh_url: str) -> Cast:
    account = casegate_json("account", "create", "--name", "Acme Treasury", database_url=fresh_url)["id"]
    return Cast(
        opener=person(fresh_url, account, "Bea", "CONTRIBUTOR", "REVIEWER"),
        colleague=person(fresh_url, account, "Carl", "CONTRIBUTOR"),
        reviewer=person(fresh_url, account, "Rosa", "REVIEWER"),
    )


@pytest.fixture
def server(fresh_url: str, tmp_path: Path) -> Iterator[Server]:
    with serving(tmp_path, database_url=fresh_url, demo="false") as running:
        yield running


def act(server: Server, token: str, mutation: str, input: dict[str, Any], selection: str) -> dict[str, Any]:
    name = mutation[0].upper() + mutation[1:]
    document = f"mutation($input: {name}Input!) {{ {mutation}(input: $input) {{ {ERRORS} {selection} }} }}"
    payload: dict[str, Any] = server.run(token, document, {"input": input})[mutation]
    return payload


def test_three_people_work_a_case_from_opening_to_closing(fresh_url: str, cast: Cast, server: Server) -> None:
    (_, bea), (_, carl), (rosa_id, rosa) = cast.opener, cast.colleague, cast.reviewer

    opened = act(server, bea, "openCase", {"subject": SUBJECT, "title": "A changed IBAN"}, "case { id status }")
    case_id = opened["case"]["id"]
    assert opened["case"]["status"] == "OPEN"

    commented = act(server, carl, "addComment", {"caseId": case_id, "body": "I called them."}, "case { status }")
    assert commented["case"]["status"] == "IN_PROGRESS"

    request = {"caseId": case_id, "requestedStatus": "FAVORABLE", "reviewerIds": [rosa_id], "reason": "Confirmed."}
    requested = act(server, bea, "requestOverride", request, "case { status version } override { id status }")
    assert requested["case"]["status"] == "PENDING_REVIEW"

    decision = {"caseId": case_id, "overrideId": requested["override"]["id"]}
    decision["expectedVersion"] = requested["case"]["version"]
    alone = act(server, bea, "acceptOverride", decision, "case { id }")
    assert alone["errors"] == [
        {"__typename": "AccessError", "code": "SELF_REVIEW_FORBIDDEN", "path": ["input", "overrideId"]}
    ]
    assert alone["case"] is None

    accepted = act(server, rosa, "acceptOverride", decision, "case { status subject { evaluationStatus } }")
    assert accepted["case"] == {"status": "RESOLVED", "subject": {"evaluationStatus": "FAVORABLE"}}

    closed = act(server, carl, "closeCase", {"caseId": case_id}, "case { status resolution }")
    assert closed["case"] == {"status": "CLOSED", "resolution": "OVERRIDE_APPLIED"}

    log = server.run(
        rosa,
        "query($id: ID!) { case(id: $id) { actions { nodes { seq type user { displayName } hash prevHash } } } }",
        {"id": case_id},
    )["case"]["actions"]["nodes"][::-1]
    assert [(row["seq"], row["type"]) for row in log] == list(enumerate(STORY, 1))
    assert [row["user"]["displayName"] for row in log] == ["Bea", "Carl", "Bea", "Rosa", "Carl"]
    assert [row["prevHash"] for row in log] == ["0" * 64, *(row["hash"] for row in log[:-1])]
    assert casegate("log", "verify", database_url=fresh_url).stdout.endswith("1 case, 5 rows: no bad\n")


def test_a_revoked_token_is_refused_at_the_next_request(fresh_url: str, cast: Cast, server: Server) -> None:
    _, token = cast.colleague
    assert server.send(token, "{ viewer { user { id } } }").status_code == 200
    (row,) = casegate_json("token", "list", "--user", cast.colleague[0], database_url=fresh_url)

    casegate("token", "revoke", row["id"], database_url=fresh_url)

    refused = server.send(token, "{ viewer { user { id } } }")
    assert refused.status_code == 401
    assert refused.json()["errors"][0]["extensions"]["code"] == "UNAUTHENTICATED"
