"""A client library of JSON:API, as its makers ship it, reads lists, inclusion and errors of a running gateway."""

import asyncio
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from jsonapi_client import Filter, Inclusion, Modifier, Session
from jsonapi_client.exceptions import DocumentError

from app.db.engines import open_database
from tests.support.gateway import serving
from tests.support.world import make_world

UNKNOWN = "01900000-0000-7000-8000-000000000001"


class Account(NamedTuple):
    """A session of somebody, and a case in which an override is pending."""

    session: Any
    case_id: str


async def populated(url: str) -> tuple[str, str]:
    database = open_database(url)
    try:
        world = await make_world(database)
        for _ in range(4):
            await world.open_case()
        case = (await world.request_override((await world.open_case()).case.id)).case
        return world.bea.token, str(case.id)
    finally:
        await database.close()


@pytest.fixture
def account(fresh_url: str, tmp_path: Path) -> Iterator[Account]:
    token, case_id = asyncio.run(populated(fresh_url))
    with serving(tmp_path, database_url=fresh_url, demo="false") as server:
        arguments = {"headers": {"Authorization": f"Bearer {token}"}}
        with Session(f"{server.address}/api/v1", request_kwargs=arguments) as session:
            yield Account(session, case_id)


def test_it_reads_pages_inclusion_and_errors(account: Account) -> None:
    session = account.session

    # It follows `links.next`, and holds each document against the schema of JSON:API.
    walked = [case["reference"] for case in session.iterate("cases", Modifier("limit=2"))]
    assert walked == [f"CASE-00000{number}" for number in (5, 4, 3, 2, 1)]

    found = session.get("cases", Inclusion("subject", "created_by") + Filter(status="OPEN"))
    assert len(found.resources) == 4 and found.meta.count == 4
    case = found.resources[0]
    assert case.subject.label == "Moulins Réunis"
    assert case.relationships["created_by"].resource["display_name"] == "Ada"

    log = session.get(f"cases/{account.case_id}/actions", Inclusion("user", "override.assigned_reviewers"))
    assert [row["action_type"] for row in log.resources] == ["override_request", "open"]
    (reviewer,) = log.resources[0].override.relationships["assigned_reviewers"].resources
    assert reviewer["display_name"] == "Rosa"

    with pytest.raises(DocumentError) as refused:
        session.get("cases", UNKNOWN)
    (error,) = refused.value.response.json()["errors"]
    assert (refused.value.response.status_code, error["code"]) == (404, "NOT_FOUND")
