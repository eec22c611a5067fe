"""What the screens of an SPA and of a phone cost: a fixed number of statements, and the columns that are shown.

What the page of a worklist costs piece by piece is in test_statements.
"""

import re
from collections import Counter
from typing import Any

import pytest

from app.domain.model import CaseStatus
from tests.support.api import Api
from tests.support.paths import ROOT
from tests.support.recorded_sql import outline, recorded, sql
from tests.support.worklists import LOG, REVIEWERS, SCREEN, USERS, WHO, make_worklist
from tests.support.world import World

# One for each kind of thing.
SCREEN_COSTS = [
    WHO,
    "SELECT cases",
    "SELECT cases subjects",  # the facets, which give the total too
    "SELECT subjects",
    LOG,
    "SELECT documents",
    "SELECT overrides",  # those that wait
    REVIEWERS,
    USERS,
]


@pytest.mark.long
async def test_the_worklist_s_screen_costs_these_statements_for_1_case_and_for_100(world: World, api: Api) -> None:
    await make_worklist(world, api)

    async def screen(first: int) -> tuple[Counter[str], list[dict[str, Any]]]:
        with recorded() as reported:
            data = await api.run(world.carl.token, SCREEN, {"first": first})
        assert data["cases"]["totalCount"] == 100
        assert len(data["cases"]["nodes"]) == first
        return Counter(reported), data["cases"]["nodes"]

    await screen(100)  # the first link to a file of a new gateway makes the key for all of them
    costs = {first: (await screen(first))[0] for first in (1, 50, 100)}
    _, cases = await screen(50)

    assert costs == {first: Counter(SCREEN_COSTS) for first in costs}
    assert all(len(case["actions"]["nodes"]) >= 4 and case["activeOverride"] for case in cases)
    assert any(row["comment"]["documents"] for case in cases for row in case["actions"]["nodes"] if row["comment"])


async def test_four_fields_of_a_case_are_one_statement_of_the_columns_that_they_need(world: World, api: Api) -> None:
    case = (await world.open_case()).case
    needed = {
        "{ id reference title status }": {"id", "number", "title", "status"},
        "{ status version updatedAt headHash }": {"id", "status", "version", "updated_at", "head_hash"},
        "{ ...Four } } fragment Four on Case { title ... @include(if: true) { status description createdAt }": {
            *("id", "title", "status", "description", "created_at")
        },
    }
    for shown, columns in needed.items():
        with sql() as sent:
            await api.run(world.ada.token, f'{{ case(id: "{case.id}") {shown} }}')

        who, read = sent
        assert (outline(who), outline(read)) == (WHO, "SELECT cases")
        assert set(re.findall(r"cases\.(\w+)", read.split("FROM")[0])) == columns


async def test_a_page_of_four_fields_reads_no_other_columns_but_what_it_is_sorted_by(world: World, api: Api) -> None:
    await world.open_case()

    with sql() as sent:
        await api.run(world.ada.token, "{ cases { nodes { id reference title status } } }")

    _, read = sent
    assert set(re.findall(r"cases\.(\w+)", read.split("FROM")[0])) == {"id", "number", "title", "status"}


async def test_the_manual_s_worklist_answers(world: World, api: Api) -> None:
    await world.case_in(CaseStatus.PENDING_REVIEW)
    manual = (ROOT / "app/docs/api.md").read_text(encoding="utf-8")
    query = manual[manual.index("query Worklist") :].partition("```")[0]

    data = await api.run(world.rosa.token, query, {"search": "iban"})

    (edge,) = data["cases"]["edges"]
    assert "".join(part["text"] for part in edge["match"]["snippet"] if part["highlighted"]) == "IBAN"
    assert [item["reasons"] for item in data["viewer"]["inbox"]["edges"]] == [["DECIDE"]]
