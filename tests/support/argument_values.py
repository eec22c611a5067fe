"""What the arguments of random operations may be: good values of an account's own, odd ones, and wrong ones."""

from collections.abc import Sequence
from typing import Any
from uuid import uuid4

from tests.support.api import Api
from tests.support.bulk import archive
from tests.support.world import World


async def values_of(world: World, api: Api) -> dict[str, Sequence[Any]]:
    """Return what arguments may be, by their names."""
    kept = await archive(world.database, world.account_id)
    cases = [str(case["id"]) for case in kept.cases[:8]]
    people = [str(person.id) for person in (world.ada, world.rosa)]
    things = [*cases, *people, *(str(row["id"]) for rows in list(kept.actions.values())[:3] for row in rows[:2])]
    missing = [str(uuid4()), "not-an-id"]
    page = (await api.run(world.ada.token, "{ cases(first: 3) { edges { cursor } } }"))["cases"]["edges"]
    return {
        "id": [*things, *things, *missing],
        "ids": [things[:3], [things[0], missing[0]], [missing[1]], []],
        "user": [*people * 5, *missing],
        "reference": ["CASE-000001", "CASE-000002", "CASE-999999", "nonsense"],
        "first": [1, 2, 2, 3, 3, 3, 3, 3, 3, 3, 3, 0],
        "last": [1, 2, 2, 2, 2, 2, 0],
        "after": [*[None] * 9, page[0]["cursor"], "nonsense"],
        "before": [*[None] * 9, page[2]["cursor"], "nonsense"],
        "types": [["OPEN", "COMMENT"], [], None],
        "since": ["2025-01-10T00:00:00+00:00"],
        "language": ["FR", "EN", None],
        "role": ["REVIEWER", "ADMIN", None],
        "active": [True, False],
        "reasons": [["DECIDE"], [], None],
        "onlyEligible": [True, False],
        "search": ["societe", "lyon b", ""],
        "asOf": [*[{"seq": 1}, {"seq": 2}, {"time": "2027-01-01T00:00:00Z"}] * 3, {"seq": 0}],
        "filter": [{"status": {"in": ["OPEN", "IN_PROGRESS"]}}, {"waitingForViewer": True}, {"not": {}}, {}],
        "orderBy: UserOrder": [{"field": "NAME"}, {"field": "CREATED_AT", "direction": None}, None],
        "orderBy": [[{"field": "UPDATED_AT"}], [{"field": "STATUS", "direction": "ASC"}, {"field": "REFERENCE"}], []],
    }
