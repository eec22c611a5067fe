"""What an operation makes is gone with it: nothing goes round in circles until the collector comes."""

import gc

import pytest

from app.domain.model import CaseStatus
from tests.support.api import Api
from tests.support.world import World

CALLS = 20
# What the client of the tests, and what it calls the app by, leave behind themselves.
CLIENTS_OWN = 60

WORKLIST = """{ cases(first: 10) { nodes { title createdBy { displayName } subject { label }
    actions(first: 5) { nodes { user { displayName } comment { body documents { filename } }
        override { assignedReviewers { displayName } } } } } } }"""


async def left_behind(api: Api, token: str, document: str, variables: dict[str, object]) -> float:
    """Return how many objects an operation leaves to the collector."""
    for _ in range(3):
        await api.run(token, document, variables)
    gc.collect()
    gc.disable()
    try:
        for _ in range(CALLS):
            await api.run(token, document, variables)
        return gc.collect() / CALLS
    finally:
        gc.enable()


@pytest.mark.long
@pytest.mark.parametrize("what", ["a case", "the worklist", "an action"])
async def test_an_operation_leaves_next_to_nothing_to_the_collector(world: World, api: Api, what: str) -> None:
    case_id = str((await world.case_in(CaseStatus.PENDING_REVIEW)).case.id)
    for _ in range(9):
        await world.case_in(CaseStatus.RESOLVED)
    comment = 'mutation($id: ID!) { addComment(input: {caseId: $id, body: "x"}) { action { user { displayName } } } }'
    documents: dict[str, tuple[str, dict[str, object]]] = {
        "a case": ("query($id: ID!) { case(id: $id) { title status } }", {"id": case_id}),
        "the worklist": (WORKLIST, {}),
        "an action": (comment, {"id": case_id}),
    }

    nothing = await left_behind(api, world.ada.token, "{ __typename }", {})
    left = await left_behind(api, world.ada.token, *documents[what])

    assert nothing < CLIENTS_OWN
    assert left < CLIENTS_OWN, (left, nothing)
