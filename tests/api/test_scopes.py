"""What a token may read and do by its scopes, an account by its features, and somebody who is not active any more."""

import pytest

from app.db import tables
from app.db.engines import Database
from app.domain.model import CaseStatus, Scope
from tests.support.api import Api
from tests.support.database_contents import set_by_hand
from tests.support.world import World, make_world, person_of

# Of each request what answers to a token of one scope alone, to one of all scopes, in an account that lacks a feature,
# and to somebody inactive.
TABLE = """
request      cases_read  cases_write  documents_read  users_read  all  -overrides  -cases    inactive
viewer       ok          ok           ok              ok          ok   ok          ok        ok
case         ok          SCOPE        SCOPE           SCOPE       ok   ok          FEATURE   INACTIVE
reference    ok          SCOPE        SCOPE           SCOPE       ok   ok          FEATURE   INACTIVE
cases        ok          SCOPE        SCOPE           SCOPE       ok   ok          FEATURE   INACTIVE
receipt      ok          SCOPE        SCOPE           SCOPE       ok   ok          FEATURE   INACTIVE
users        SCOPE       SCOPE        SCOPE           ok          ok   ok          ok        INACTIVE
node-case    ok          SCOPE        SCOPE           SCOPE       ok   ok          FEATURE   INACTIVE
node-action  ok          SCOPE        SCOPE           SCOPE       ok   ok          FEATURE   INACTIVE
node-user    SCOPE       SCOPE        SCOPE           ok          ok   ok          ok        INACTIVE
open         SCOPE       ok           SCOPE           SCOPE       ok   ok          FEATURE   INACTIVE
comment      SCOPE       ok           SCOPE           SCOPE       ok   ok          FEATURE   INACTIVE
request      SCOPE       ok           SCOPE           SCOPE       ok   FEATURE     FEATURE   INACTIVE
cancel       SCOPE       ok           SCOPE           SCOPE       ok   FEATURE     FEATURE   INACTIVE
accept       SCOPE       ok           SCOPE           SCOPE       ok   FEATURE     FEATURE   INACTIVE
"""
CODES = {"SCOPE": "INSUFFICIENT_SCOPE", "FEATURE": "FEATURE_DISABLED", "INACTIVE": "USER_INACTIVE"}


async def requests(world: World) -> dict[str, str]:
    """Return a document for each line of the table; it is Bea who asks, for whom there is one override to accept."""
    pending = await world.case_in(CaseStatus.PENDING_REVIEW)
    assert pending.override is not None
    mine = await world.request_override((await world.open_case()).case.id, world.bea)
    opened = (await world.open_case()).case.id
    to_do = "errors { code }"
    subject = '{type: COMPANY_ACCOUNT_AUDIT, externalRef: "new", label: "New"}'
    reviewers = f'["{world.rosa.id}"]'
    return {
        "viewer": "{ viewer { scopes } }",
        "case": f'{{ case(id: "{opened}") {{ createdBy {{ displayName }} }} }}',
        "reference": '{ case(reference: "CASE-000001") { id } }',
        "cases": "{ cases { totalCount } }",
        "receipt": f'{{ verifyReceipt(caseId: "{opened}", seq: 1, hash: "x") {{ stands }} }}',
        "users": "{ users { totalCount } }",
        "node-case": f'{{ node(id: "{opened}") {{ id }} }}',
        "node-action": f'{{ nodes(ids: ["{pending.action.id}"]) {{ id }} }}',
        "node-user": f'{{ node(id: "{world.ada.id}") {{ id }} }}',
        "open": f'mutation {{ openCase(input: {{subject: {subject}, title: "x"}}) {{ {to_do} }} }}',
        "comment": f'mutation {{ addComment(input: {{caseId: "{opened}", body: "x"}}) {{ {to_do} }} }}',
        "request": f"""mutation {{ requestOverride(input: {{caseId: "{opened}", requestedStatus: FAVORABLE,
            reviewerIds: {reviewers}, reason: "x"}}) {{ {to_do} }} }}""",
        "cancel": f'mutation {{ cancelOverride(input: {{caseId: "{mine.case.id}"}}) {{ {to_do} }} }}',
        "accept": f"""mutation {{ acceptOverride(input: {{caseId: "{pending.case.id}", expectedVersion: 2,
            overrideId: "{pending.override.id}"}}) {{ {to_do} }} }}""",
    }


async def answers(api: Api, token: str, documents: dict[str, str]) -> dict[str, str]:
    """Return of each document the code that it is refused with, or ok."""
    reported = {}
    for name, document in documents.items():
        body = (await api.send(token, document)).json()
        codes = [error["extensions"]["code"] for error in body.get("errors", [])]
        if not codes:
            (found,) = body["data"].values()
            codes = (
                [error["code"] for error in found["errors"]] if isinstance(found, dict) and "errors" in found else []
            )
        reported[name] = codes[0] if codes else "ok"
    return reported


@pytest.mark.long
async def test_scopes_features_and_activity_decide_what_is_answered(database: Database, api: Api) -> None:
    head, *lines = (line.split() for line in TABLE.strip().splitlines())
    reported: dict[str, dict[str, str]] = {}

    for column in head[1:]:
        world = await make_world(database)
        documents = await requests(world)
        scopes = [Scope(column)] if column in set(Scope) else list(Scope)
        bea = await person_of(database, world.bea.id, *scopes)
        if column.startswith("-"):
            await set_by_hand(database, tables.accounts, world.account_id, **{f"{column[1:]}_enabled": False})
        if column == "inactive":
            await set_by_hand(database, tables.users, bea.id, active=False)
        reported[column] = await answers(api, bea.token, documents)

    expected = {
        column: {line[0]: CODES.get(line[index], line[index]) for line in lines}
        for index, column in enumerate(head[1:], 1)
    }
    assert reported == expected


async def test_a_missing_scope_or_feature_is_named(world: World, api: Api) -> None:
    reader = await person_of(world.database, world.ada.id, Scope.CASES_READ)
    featureless = await make_world(world.database, cases=False)

    refused = [
        (await api.send(token, query)).json()
        for token, query in (
            (reader.token, "{ users { totalCount } }"),
            (featureless.ada.token, "{ cases { totalCount } }"),
        )
    ]

    assert [body["data"] for body in refused] == [{"users": None}, {"cases": None}]
    assert [body["errors"][0]["message"] for body in refused] == [
        "The access token lacks the scope users_read.",
        "The feature “cases” is not enabled for your account.",
    ]
