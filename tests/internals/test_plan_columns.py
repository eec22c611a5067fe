"""What an operation with a plan reads: the columns that are looked at, of what is shown, and each thing once."""

import re
from typing import Any

import pytest

from app.domain.commands import AddComment
from app.domain.model import CaseStatus
from tests.support.api import Api
from tests.support.recorded_sql import outline, sql
from tests.support.worklists import LOG, USERS, WHO, make_worklist
from tests.support.world import World

WORKLIST = """query Worklist($first: Int!) { cases(first: $first) { nodes { reference status
    actions(first: 5) { nodes { seq createdAt user { displayName } comment { body documents { filename } }
        override { status assignedReviewers { displayName } } } } } } }"""


def read(statement: str) -> set[str]:
    """Return the columns that a statement gives back."""
    return set(re.findall(r"\b(\w+\.\w+)", " ".join(statement.split()).split(" FROM ")[0]))


async def planned(api: Api, token: str, document: str, variables: dict[str, Any] | None = None) -> list[str]:
    """Return the statements of a document that has a plan."""
    await api.run(token, document, variables)
    with sql() as sent:
        await api.run(token, document, variables)
    return sent


@pytest.mark.long
async def test_a_worklist_reads_what_it_shows_by_four_statements_whatever_its_length(world: World, api: Api) -> None:
    await make_worklist(world, api)

    costs = {}
    for first in (1, 10, 100):
        sent = await planned(api, world.aldo.token, WORKLIST, {"first": first})
        costs[first] = {outline(statement): read(statement) for statement in sent if outline(statement) != WHO}

    # The numbers of a case's log say where its part ends; an id is what the next statement asks by.
    assert costs[1] == costs[10] == costs[100]
    assert costs[1] == {
        "SELECT cases": {"cases.id", "cases.number", "cases.status", "cases.action_count"},
        f"{LOG} users": {
            *("requested.place", "case_actions.seq", "case_actions.created_at", "users.id", "users.display_name"),
            *("comments.id", "comments.body", "overrides.id", "overrides.status"),
        },
        "SELECT documents": {"requested.place", "documents.id", "documents.filename"},
        "SELECT reassigned_reviewers override_reviewers users": {"requested.place", "users.id", "users.display_name"},
    }


async def test_people_come_with_all_that_any_part_of_the_operation_shows_of_them(world: World, api: Api) -> None:
    case = (await world.case_in(CaseStatus.PENDING_REVIEW)).case
    document = """query($id: ID!) { case(id: $id) { createdBy { displayName } closedBy { email }
        activeOverride { createdBy { active } } } }"""

    sent = await planned(api, world.aldo.token, document, {"id": str(case.id)})
    people = [statement for statement in sent if " users" in statement and outline(statement) != WHO]

    assert {outline(statement) for statement in people} == {"SELECT users"}
    wanted = {"requested.place", "users.id", "users.display_name", "users.email", "users.active"}
    assert all(read(statement) == wanted for statement in people)


async def test_roles_are_read_where_they_are_shown(world: World, api: Api) -> None:
    case = (await world.open_case()).case
    document = "query($id: ID!) { case(id: $id) { createdBy { displayName roles } } }"

    sent = await planned(api, world.aldo.token, document, {"id": str(case.id)})

    assert [outline(statement) for statement in sent] == [WHO, "SELECT cases", USERS]


async def test_what_code_asks_for_comes_whole_and_once(world: World, api: Api) -> None:
    """What can be done on a case hangs on the subject's result and the override, which are not shown."""
    case = (await world.case_in(CaseStatus.PENDING_REVIEW)).case
    document = """query($id: ID!) { case(id: $id) { availableActions { action allowed } subject { label }
        activeOverride { id } } }"""

    sent = await planned(api, world.rosa.token, document, {"id": str(case.id)})

    reported = sorted(outline(statement) for statement in sent)
    assert reported == sorted([WHO, "SELECT cases", "SELECT subjects", "SELECT overrides"])


async def test_a_row_that_is_selected_in_two_places_is_read_once(world: World, api: Api) -> None:
    case = (await world.open_case()).case
    await world.do(world.carl, AddComment(case_id=case.id, comment="See."))
    document = """query($id: ID!) { a: case(id: $id) { actions(first: 1) { nodes { seq } } }
        b: case(id: $id) { actions(first: 1) { nodes { seq type } } title } }"""

    sent = await planned(api, world.ada.token, document, {"id": str(case.id)})

    assert [outline(statement) for statement in sent].count("SELECT cases") == 1
