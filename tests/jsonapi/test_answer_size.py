"""The bound on an answer's bytes holds for the document that is sent, and not for the operation's result alone."""

import pytest

from tests.support.api import Api
from tests.support.jsonapi import ResourceClient, errors_of
from tests.support.world import World

LISTED = "/cases?limit=8&fields[case]=title,actions"
SAME = "{ cases(first: 8) { nodes { id title } pageInfo { hasNextPage hasPreviousPage startCursor endCursor } } }"


@pytest.mark.parametrize("plans", [True, False])
async def test_a_document_that_is_longer_than_an_answer_may_be_is_refused(
    world: World, fresh_url: str, plans: bool
) -> None:
    for _ in range(8):
        await world.open_case()

    async with Api.opened(fresh_url, plans=plans, max_answer_bytes=1400) as api:
        for _ in range(3):  # without a plan, and with one
            result = await api.send(world.ada.token, SAME)
            answer = await ResourceClient(api).send("GET", LISTED, world.ada.token)

            assert (result.status_code, "errors" in result.json()) == (200, False)
            assert [code for _, code, _ in errors_of(answer)] == ["QUERY_TOO_COMPLEX"]
            assert "1400" in answer.json()["errors"][0]["detail"]
        assert (await ResourceClient(api).read("/cases?limit=1", world.ada.token))["meta"] == {"count": 1}
