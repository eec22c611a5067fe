"""Two people press at once: one of them wins, the other is told why, and the log has one row of it.

Ten rounds of each pair run with the other tests, two hundred with `-m soak`.
"""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator
from random import Random
from typing import Any

import pytest

from app.audit.verification import verify_log
from app.domain.model import CaseStatus
from tests.support.api import Api
from tests.support.checklists import SECOND_SOURCE, record, with_checklist
from tests.support.database_contents import contents
from tests.support.world import World

ROUNDS = [pytest.param(10, id="10"), pytest.param(200, id="200", marks=pytest.mark.soak)]
SEED = 20261124

Call = tuple[str, str, dict[str, Any]]
"""Who, which mutation, with what besides the case."""

SURE = {"requestedStatus": "FAVORABLE", "reason": "Sure."}


def contest(world: World, pair: str) -> tuple[CaseStatus, list[Call], set[str]]:
    """Return the state of a pair's case, what the two ask for, and what the loser is told."""
    requested = SURE | {"reviewerIds": [str(world.rosa.id)]}
    accept: Call = ("rosa", "acceptOverride", {})
    contests: dict[str, tuple[CaseStatus, list[Call], set[str]]] = {
        "accept against cancel": (
            CaseStatus.PENDING_REVIEW,
            [accept, ("ada", "cancelOverride", {})],  # who cancels need not name what
            {"OVERRIDE_NOT_PENDING", "NO_PENDING_OVERRIDE"},
        ),
        "accept against refuse": (
            CaseStatus.PENDING_REVIEW,
            [accept, ("rolf", "refuseOverride", {"comment": "No."})],
            {"OVERRIDE_NOT_PENDING"},
        ),
        "request against request": (
            CaseStatus.IN_PROGRESS,
            [("ada", "requestOverride", requested), ("carl", "requestOverride", requested)],
            {"OVERRIDE_ALREADY_ACTIVE"},
        ),
    }
    return contests[pair]


@pytest.fixture
async def gateways(fresh_url: str, world: World) -> AsyncIterator[list[Api]]:
    """Two gateways on one database, as two workers or two machines are."""
    async with Api.opened(fresh_url) as one, Api.opened(fresh_url) as other:
        yield [one, other]


@pytest.mark.long
@pytest.mark.parametrize("rounds", ROUNDS)
@pytest.mark.parametrize("pair", ["accept against cancel", "accept against refuse", "request against request"])
async def test_of_two_who_press_at_once_one_wins(world: World, gateways: list[Api], pair: str, rounds: int) -> None:
    status, calls, codes = contest(world, pair)
    chance, winners = Random(SEED), Counter[str]()

    for number in range(rounds):
        case = (await world.case_in(status)).case
        read = await world.decision(case.id)

        async def press(
            index: int, wait: float, case_id: str = str(case.id), read: dict[str, Any] = read
        ) -> dict[str, Any]:
            await asyncio.sleep(wait)
            person, mutation, input = calls[index]
            token, about = getattr(world, person).token, {"caseId": case_id}
            if mutation in ("acceptOverride", "refuseOverride"):
                about = read
            return await gateways[index].act(token, mutation, about | input, "action { id seq type }")

        # A head start of some milliseconds for either, so that they meet at different places.
        starts = [chance.choice([0, 0, chance.random() * 0.008]) for _ in calls]
        payloads = await asyncio.gather(*(press(index, wait) for index, wait in enumerate(starts)))

        reported = sorted((payload["errors"] or [{"code": "-"}])[0]["code"] for payload in payloads)
        assert reported[0] == "-" and reported[1] in codes, (number, starts, payloads)
        (won,) = (payload["action"] for payload in payloads if not payload["errors"])
        assert won["seq"] == case.version + 1
        winners[calls[[payload["action"] for payload in payloads].index(won)][0]] += 1

    found = await contents(world.database)
    (lengths,) = {row["action_count"] for row in found["cases"].values()}
    assert len(found["case_actions"]) == rounds * lengths
    assert [verdict async for verdict in verify_log(world.database) if verdict.fault is not None] == []
    assert rounds < 100 or len(winners) == 2  # or it was no race


@pytest.mark.long
@pytest.mark.parametrize("rounds", ROUNDS)
async def test_no_case_is_closed_after_a_step_was_taken_back_that_closing_waits_for(
    world: World, gateways: list[Api], rounds: int
) -> None:
    checked = await with_checklist(world, SECOND_SOURCE)
    chance = Random(SEED)

    for _ in range(rounds):
        case_id = (await checked.open_case()).case.id
        await record(checked, case_id, SECOND_SOURCE)
        taken_back = {"step": "SECOND_SOURCE", "state": "OPEN", "comment": "It was forged."}
        calls: list[Call] = [("ada", "closeCase", {}), ("rosa", "recordStep", taken_back)]
        chance.shuffle(calls)

        payloads = await asyncio.gather(
            *(
                api.act(getattr(checked, name).token, mutation, {"caseId": str(case_id)} | more)
                for api, (name, mutation, more) in zip(gateways, calls, strict=True)
            )
        )

        codes = {call[1]: [error["code"] for error in it["errors"]] for call, it in zip(calls, payloads, strict=True)}
        assert codes in (
            {"closeCase": [], "recordStep": ["CASE_CLOSED"]},
            {"closeCase": ["CHECKLIST_OPEN"], "recordStep": []},
        )
    async for verdict in verify_log(checked.database):
        assert verdict.fault is None
