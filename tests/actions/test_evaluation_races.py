"""Results of checks beside what people do at the same time: each is whole, in one order, on both engines."""

import asyncio
from collections import Counter
from collections.abc import Awaitable, Sequence
from typing import Any

import pytest

from app.domain.commands import AcceptOverride, CloseCase, OpenCase
from app.domain.errors import Refusal
from tests.support.evaluations import check_system, details, faults, log_of, opened, record, subject_of
from tests.support.world import Person, World

RESULTS = ["ANOMALY", "PENDING", "UNCONFIRMED", "FAVORABLE", "UNFAVORABLE"]


@pytest.fixture
async def checks(world: World) -> Person:
    """The system that makes checks."""
    return await check_system(world)


async def at_once(*work: Awaitable[Any]) -> list[Any]:
    """Return what each gives, or the code that it is refused with."""

    async def ended(item: Awaitable[Any]) -> Any:
        try:
            return await item
        except Refusal as refusal:
            return refusal.code.value

    return await asyncio.gather(*map(ended, work))


def codes(found: Sequence[Any]) -> Counter[str]:
    return Counter(item if isinstance(item, str) else "done" for item in found)


async def test_a_decision_and_a_result_at_once_are_in_one_order(world: World, checks: Person) -> None:
    ends = Counter[str]()
    for n in range(8):
        case = await opened(world, ref=f"check-{n}")
        await world.request_override(case.id)
        read = await world.read(case.id)
        work = [
            world.do(world.rosa, AcceptOverride(**read)),
            record(world, checks, details("ANOMALY", f"check-{n}")),
        ]
        decided, recorded = await at_once(*(work if n % 2 else reversed(work)))
        if not n % 2:
            decided, recorded = recorded, decided

        subject = await subject_of(world, f"check-{n}")
        log = await log_of(world.database, case.id)
        assert subject.evaluation_status == "ANOMALY"
        assert recorded.evaluation is not None
        if isinstance(decided, str):  # the result came first: what was read is not what there is
            assert (decided, log[2:]) == ("VERSION_CONFLICT", ["EVALUATION"])
            assert recorded.evaluation.replaced_override_id is None
        else:
            assert log[2:] == ["ACCEPT", "EVALUATION"]
            assert recorded.evaluation.replaced_override_id == read["override_id"]
        ends[log[2]] += 1
    assert sum(ends.values()) == 8
    assert await faults(world) == []


async def test_many_results_at_once_make_a_check_once_and_each_its_version(world: World, checks: Person) -> None:
    other = await check_system(world)
    work = [record(world, (checks, other)[n % 2], details(RESULTS[n % 5])) for n in range(20)]

    found = await at_once(*work)

    assert codes(found) == {"done": 20}
    changed = [item.evaluation for item in found if item.evaluation is not None]
    assert sorted(item.subject_version for item in changed) == list(range(1, len(changed) + 1))
    assert sum(item.is_new for item in found) == 1
    assert (await subject_of(world)).version == len(changed)
    assert await faults(world) == []


async def test_many_results_at_once_in_an_open_case_each_make_a_row(world: World, checks: Person) -> None:
    case = await opened(world)

    found = await at_once(*(record(world, checks, details("ANOMALY", label=f"Moulins {n}")) for n in range(12)))

    assert codes(found) == {"done": 12}
    assert await log_of(world.database, case.id) == ["OPEN", *["EVALUATION"] * 12]
    assert await faults(world) == []


async def test_one_key_at_once_records_once(world: World, checks: Person) -> None:
    found = await at_once(
        *(record(world, checks, details("ANOMALY", label=f"Moulins {n % 1}"), idempotency_key="k") for n in range(10))
    )

    assert sorted(item.replayed for item in found) == [False] + [True] * 9
    assert len({item.evaluation for item in found}) == 1
    assert (await subject_of(world)).version == 1


async def test_a_version_is_taken_once(world: World, checks: Person) -> None:
    await record(world, checks, details("PENDING"))

    found = await at_once(*(record(world, checks, details(RESULTS[n]), expected_version=1) for n in (0, 2, 3, 4)))

    assert codes(found) == {"done": 1, "VERSION_CONFLICT": 3}


@pytest.mark.parametrize("is_known", [True, False], ids=["known", "new"])
async def test_a_result_and_an_opening_at_once_are_in_one_order(world: World, checks: Person, is_known: bool) -> None:
    for n in range(6):
        ref = f"check-{n}"
        if is_known:
            await record(world, checks, details("PENDING", ref))
        command = OpenCase(subject=details("PENDING", ref), title="A changed IBAN")
        case, recorded = await at_once(
            world.do(world.ada, command), record(world, checks, details("ANOMALY", ref, label="Moulins SA"))
        )
        # Whichever was first, both are there: in the case's log, or before its first row.
        log = await log_of(world.database, case.case.id)
        assert log == (["OPEN"] if recorded.case is None else ["OPEN", "EVALUATION"])
        assert (await subject_of(world, ref)).evaluation_status in ("ANOMALY", "PENDING")
    assert await faults(world) == []


async def test_a_result_and_a_closing_at_once_are_in_one_order(world: World, checks: Person) -> None:
    for n in range(6):
        case = await opened(world, ref=f"check-{n}")
        _, recorded = await at_once(
            world.do(world.ada, CloseCase(case_id=case.id)),
            record(world, checks, details("ANOMALY", f"check-{n}")),
        )
        log = await log_of(world.database, case.id)
        assert log == (["OPEN", "CLOSE"] if recorded.case is None else ["OPEN", "EVALUATION", "CLOSE"])
        assert (await subject_of(world, f"check-{n}")).evaluation_status == "ANOMALY"
    assert await faults(world) == []
