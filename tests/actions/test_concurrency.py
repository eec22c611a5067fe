"""What happens at once: many people, two gateways and one case, on both databases.

Tasks of one process stand for the clients; of the gateways, which share nothing but the database, there are two.
"""

import asyncio
import random
from collections import Counter
from collections.abc import AsyncIterator
from typing import Any
from uuid import UUID

import pytest

from app.audit.verification import verify_log
from app.db.engines import Timeouts
from app.db.retry import RETRIES
from app.domain.commands import AddComment, CloseCase
from app.domain.model import CaseStatus
from tests.support.api import Api
from tests.support.database_contents import contents
from tests.support.world import World

SUBJECT = {"type": "COMPANY_ACCOUNT_CHECK", "externalRef": "check-1", "label": "Moulins Réunis"}
SEQ = "replayed action { id seq type hash createdAt } case { id reference status version headHash }"


@pytest.fixture
async def gateways(fresh_url: str, world: World) -> AsyncIterator[list[Api]]:
    """Two gateways on one database, as two workers or two machines are."""
    async with Api.opened(fresh_url) as one, Api.opened(fresh_url) as other:
        yield [one, other]


Call = tuple[str, str, dict[str, Any]]
"""A token, a mutation and its input."""


async def at_once(gateways: list[Api], calls: list[Call]) -> list[dict[str, Any]]:
    """Send all *calls*, every other one to the other gateway, and return their payloads."""
    return await asyncio.gather(*(gateways[index % 2].act(*call, selection=SEQ) for index, call in enumerate(calls)))


def codes(payloads: list[dict[str, Any]]) -> Counter[str]:
    """Return how many *payloads* there are of each code; "ok" are those without."""
    return Counter(payload["errors"][0]["code"] if payload["errors"] else "ok" for payload in payloads)


async def seqs(world: World, case_id: UUID) -> list[int]:
    """Return the log's numbers in their order, once the verifier has found it whole and the case has agreed with it."""
    (verdict,) = [verdict async for verdict in verify_log(world.database, world.account_id, case_id)]
    assert verdict.fault is None
    found = await contents(world.database)
    log = sorted(row["seq"] for row in found["case_actions"].values() if row["case_id"] == case_id)
    assert found["cases"][(case_id,)]["action_count"] == len(log)
    return log


async def test_64_conflicting_actions_at_once_make_one_decision_and_a_whole_log(
    world: World, gateways: list[Api]
) -> None:
    requested = await world.case_in(CaseStatus.PENDING_REVIEW)
    case_id = requested.case.id
    assert requested.override is not None
    decision = {"caseId": str(case_id)}
    named = decision | {"overrideId": str(requested.override.id)}
    read = named | {"expectedVersion": requested.case.version}
    commenters = [world.ada, world.carl, world.rosa, world.bea]
    calls: list[Call] = [
        *((commenters[n % 4].token, "addComment", {"caseId": str(case_id), "body": f"{n}"}) for n in range(40)),
        *((person.token, "acceptOverride", read) for person in (world.rosa, world.rolf, world.bea) for _ in range(3)),
        *((person.token, "refuseOverride", read) for person in (world.rosa, world.rolf) for _ in range(4)),
        *((world.ada.token, "cancelOverride", named if n % 2 else decision) for n in range(7)),
    ]
    assert len(calls) == 64
    random.Random(7).shuffle(calls)

    payloads = await at_once(gateways, calls)

    done = [payload["action"] for payload in payloads if not payload["errors"]]
    assert sorted(action["seq"] for action in done) == list(range(3, 44))
    assert await seqs(world, case_id) == list(range(1, 44))
    assert Counter(action["type"] == "COMMENT" for action in done) == {True: 40, False: 1}
    reported = codes(payloads)
    assert reported["ok"] == 41
    # What they have read is the past once anybody has commented.
    assert reported.keys() <= {"ok", "NO_PENDING_OVERRIDE", "OVERRIDE_NOT_PENDING", "VERSION_CONFLICT"}
    (override,) = (await contents(world.database))["overrides"].values()
    decisions = {"ACCEPT": "ACCEPTED", "REFUSE": "REFUSED", "CANCEL": "CANCELLED"}
    (decided,) = (action["type"] for action in done if action["type"] != "COMMENT")
    assert override["status"] == decisions[decided]


async def test_32_openings_on_one_subject_at_once_make_one_case(world: World, gateways: list[Api]) -> None:
    people = [world.ada, world.carl, world.rosa, world.bea]

    async def open_all() -> dict[str, Any]:
        calls: list[Call] = [
            (people[n % 4].token, "openCase", {"subject": SUBJECT, "title": f"{n}"}) for n in range(32)
        ]
        payloads = await at_once(gateways, calls)
        assert codes(payloads) == {"ok": 1, "ACTIVE_CASE_EXISTS": 31}
        opened: dict[str, Any]
        (opened,) = (payload["case"] for payload in payloads if not payload["errors"])
        return opened

    # Once with a subject that is new to all of them, and once with one that is known.
    first = await open_all()
    await world.do(world.ada, CloseCase(case_id=UUID(first["id"])))
    second = await open_all()

    found = await contents(world.database)
    assert {str(case["id"]) for case in found["cases"].values()} == {first["id"], second["id"]}
    assert len(found["subjects"]) == 1 and len(found["case_actions"]) == 3
    assert await seqs(world, UUID(second["id"])) == [1]


async def test_openings_at_once_on_different_subjects_get_different_references(
    world: World, gateways: list[Api]
) -> None:
    calls: list[Call] = [
        (world.ada.token, "openCase", {"subject": SUBJECT | {"externalRef": f"{n}"}, "title": "x"}) for n in range(32)
    ]

    payloads = await at_once(gateways, calls)

    assert codes(payloads) == {"ok": 32}
    assert {payload["case"]["reference"] for payload in payloads} == {f"CASE-{n:06}" for n in range(1, 33)}


async def test_50_requests_with_one_idempotency_key_make_one_action_and_get_the_same_answer(
    world: World, gateways: list[Api]
) -> None:
    case_id = (await world.open_case()).case.id
    comment = {"caseId": str(case_id), "body": "Once.", "idempotencyKey": "key"}

    payloads = await at_once(gateways, [(world.carl.token, "addComment", comment)] * 50)

    assert sorted(payload.pop("replayed") for payload in payloads) == [False] + [True] * 49
    assert payloads == [payloads[0]] * 50
    assert payloads[0]["errors"] == [] and payloads[0]["action"]["seq"] == payloads[0]["case"]["version"] == 2
    assert await seqs(world, case_id) == [1, 2]
    assert len((await contents(world.database))["comments"]) == 1


async def test_twins_that_are_refused_leave_their_key_to_the_next(world: World, gateways: list[Api]) -> None:
    case_id = (await world.open_case()).case.id
    cancel = {"caseId": str(case_id), "idempotencyKey": "key"}

    payloads = await at_once(gateways, [(world.ada.token, "cancelOverride", cancel)] * 16)
    await world.request_override(case_id)
    cancelled = await gateways[0].act(world.ada.token, "cancelOverride", cancel, SEQ)

    assert codes(payloads) == {"NO_PENDING_OVERRIDE": 16}
    assert cancelled["action"]["seq"] == 3


async def test_of_32_requests_for_an_override_at_once_one_is_active(world: World, gateways: list[Api]) -> None:
    case_id = (await world.open_case()).case.id
    request = {
        "caseId": str(case_id),
        "requestedStatus": "FAVORABLE",
        "reviewerIds": [str(world.rosa.id)],
        "reason": "Sure.",
    }
    people = [world.ada, world.carl, world.bea]

    payloads = await at_once(gateways, [(people[n % 3].token, "requestOverride", request) for n in range(32)])

    assert codes(payloads) == {"ok": 1, "OVERRIDE_ALREADY_ACTIVE": 31}
    assert len((await contents(world.database))["overrides"]) == 1
    assert await seqs(world, case_id) == [1, 2]


async def test_of_32_people_who_read_the_same_version_one_wins(world: World, gateways: list[Api]) -> None:
    case_id = (await world.open_case()).case.id
    comment = {"caseId": str(case_id), "body": "Mine.", "expectedVersion": 1}

    payloads = await at_once(gateways, [(world.carl.token, "addComment", comment)] * 32)

    assert codes(payloads) == {"ok": 1, "VERSION_CONFLICT": 31}
    assert await seqs(world, case_id) == [1, 2]


async def test_closing_and_everything_else_at_once_leaves_nothing_after_the_close(
    world: World, gateways: list[Api]
) -> None:
    case_id = (await world.open_case()).case.id
    comment, close = {"caseId": str(case_id), "body": "Wait."}, {"caseId": str(case_id)}
    calls: list[Call] = [(world.carl.token, "addComment", comment)] * 24 + [(world.rosa.token, "closeCase", close)] * 8
    random.Random(11).shuffle(calls)

    payloads = await at_once(gateways, calls)

    done = {payload["action"]["seq"]: payload["action"]["type"] for payload in payloads if not payload["errors"]}
    assert codes(payloads).keys() <= {"ok", "CASE_CLOSED"}
    assert list(done.values()).count("CLOSE") == 1
    assert done[max(done)] == "CLOSE"
    assert await seqs(world, case_id) == list(range(1, len(done) + 2))


async def test_a_client_that_gave_up_can_retry_and_blocks_no_other(world: World) -> None:
    case_id = (await world.open_case()).case.id
    comments = [AddComment(case_id=case_id, comment=f"{n}", idempotency_key=f"{n}") for n in range(80)]
    ends: list[Any] = []  # a traceback that somebody keeps, keeps what is in its frames

    # Sooner than all tries have waited for a lock that was left behind.
    async with asyncio.timeout((RETRIES + 1) * Timeouts().lock / 2):
        for n, comment in enumerate(comments):
            task = asyncio.create_task(world.do(world.carl, comment))
            await asyncio.sleep(n * 0.00025)
            task.cancel()
            ends += await asyncio.gather(task, return_exceptions=True)
        outcomes = await asyncio.gather(*(world.do(world.carl, comment) for comment in comments))

    assert any(isinstance(end, asyncio.CancelledError) for end in ends)
    assert sorted(outcome.action.seq for outcome in outcomes) == list(range(2, 82))
    assert await seqs(world, case_id) == list(range(1, 82))
    assert len((await contents(world.database))["comments"]) == 80
