"""Audit samples: drawn by a seed and an anchored root, and recomputed by a script that has nothing of ours."""

import asyncio
import json
import subprocess
import sys
from collections import Counter
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import timedelta
from math import comb
from pathlib import Path
from typing import Any, cast
from uuid import UUID

import pytest

from app.audit.anchors.checkpoint import Anchor, AnchorError
from app.audit.anchors.sampling import sample_cases
from app.domain.sampling import draw
from tests.support.anchored_cases import Scene
from tests.support.gateway import casegate
from tests.support.paths import ROOT
from tests.support.world import World, make_world

SCRIPT = ROOT / "scripts" / "recompute_sample.py"


async def anchored(scene: Scene, cases: int) -> None:
    """Open so many cases more, half of them in another account, and anchor them."""
    elsewhere = await make_world(scene.database)
    for number in range(cases):
        await (elsewhere if number % 2 else scene.story.world).open_case()
    await scene.anchorer.anchor(lambda: scene.anchored_at + timedelta(hours=1))


def scripted(path: Path, account: str, seed: str, count: int, *more: str) -> "subprocess.CompletedProcess[str]":
    """Run the script to its end."""
    arguments = [str(path), "--account", account, "--seed", seed, "--count", str(count), *more]
    return subprocess.run(
        [sys.executable, "-I", str(SCRIPT), *arguments], capture_output=True, text=True, check=False, encoding="utf-8"
    )


def recomputed(path: Path, world: World, seed: str, count: int, *more: str) -> list[str]:
    done = scripted(path, str(world.account_id), seed, count, *more)
    assert done.returncode == 0, done.stderr
    return done.stdout.split()


async def sampled(scene: Scene, fresh_url: str, *arguments: str) -> Any:
    place = {"database_url": fresh_url, "data_dir": str(scene.path.parent)}
    account = ("--account", str(scene.story.world.account_id))
    return await asyncio.to_thread(casegate, "log", "sample", *account, *arguments, **place)


async def test_a_sample_is_what_the_script_recomputes_from_the_anchors(scene: Scene, fresh_url: str) -> None:
    world = scene.story.world
    await anchored(scene, 24)
    done = await sampled(scene, fresh_url, "--seed", "Été 2026:x", "--count", "6", "--json")
    found = json.loads(done.stdout)

    assert (found["population"], len(found["cases"]), found["anchor"]) == (14, 6, 2)
    assert all(case["reference"].startswith("CASE-") for case in found["cases"])
    assert recomputed(scene.path, world, "Été 2026:x", 6) == [case["caseId"] for case in found["cases"]]
    for seed in ("", "a", "a" * 200, "42", "\N{GRINNING FACE}"):
        for count in (1, 5, 14, 100):
            ours = await sample_cases(scene.anchorer.place, scene.key, world.account_id, seed, count)
            assert [str(drawn.case_id) for drawn in ours.drawn] == recomputed(scene.path, world, seed, count)


async def test_an_earlier_anchor_draws_from_what_it_held(scene: Scene, fresh_url: str) -> None:
    world = scene.story.world
    await anchored(scene, 6)

    done = await sampled(scene, fresh_url, "--seed", "s", "--count", "9", "--anchor", "1", "--json")
    early = json.loads(done.stdout)

    assert (early["population"], early["anchor"]) == (2, 1)
    assert {case["caseId"] for case in early["cases"]} == {str(scene.case_id), str(scene.other_id)}
    assert recomputed(scene.path, world, "s", 9, "--anchor", "1") == [case["caseId"] for case in early["cases"]]
    with pytest.raises(AnchorError, match="there is no anchor 7"):
        await sample_cases(scene.anchorer.place, scene.key, world.account_id, "s", 1, 7)


async def test_the_script_draws_by_no_anchor_and_for_no_account_that_is_not_there(scene: Scene) -> None:
    account, elsewhere = str(scene.story.world.account_id), str(UUID(int=7))

    for whose, more, words in (
        (account, ("--anchor", "7"), "has no anchor 7"),
        (elsewhere, (), f"no row of the account {elsewhere} is in these anchors"),
    ):
        done = scripted(scene.path, whose, "s", 9, *more)
        assert (done.returncode, done.stdout) == (2, "")
        assert words in done.stderr
    assert scripted(scene.path, account.upper(), "s", 9).stdout == scripted(scene.path, account, "s", 9).stdout != ""


async def test_a_forged_anchor_gives_no_sample(scene: Scene) -> None:
    line = scene.path.read_text()
    scene.path.write_text(line.replace(str(scene.other_id), str(UUID(int=7))))

    with pytest.raises(AnchorError, match="anchor 1 proves nothing: its leaves do not give its root"):
        await sample_cases(scene.anchorer.place, scene.key, scene.story.world.account_id, "s", 1)


async def test_the_cases_are_of_the_anchors_that_were_checked(scene: Scene) -> None:
    place, account_id = scene.anchorer.place, scene.story.world.account_id
    (anchor,) = [anchor async for anchor in place.anchors()]
    forged = replace(anchor, leaves=[leaf._replace(case_id=UUID(int=7)) for leaf in anchor.leaves])
    written = iter(([anchor], [forged]))

    class Rewritten:
        async def anchors(self) -> AsyncIterator[Anchor]:
            for found in next(written):
                yield found

    sample = await sample_cases(cast(Any, Rewritten()), scene.key, account_id, "s", 9)

    assert {drawn.case_id for drawn in sample.drawn} == {scene.case_id, scene.other_id}


@pytest.mark.parametrize("wrong", ["--count 0", "--count 1001", "--count 1 --anchor 0"])
async def test_a_number_out_of_range_is_wrong_usage(scene: Scene, fresh_url: str, wrong: str) -> None:
    done = await sampled(scene, fresh_url, "--seed", "s", *wrong.split())

    assert done.returncode == 2
    assert done.stdout == ""


def test_a_sample_has_no_case_twice_and_prefers_none() -> None:
    cases = [UUID(int=number) for number in range(1, 9)]
    drawn = Counter[UUID]()
    sets = Counter[frozenset[UUID]]()

    for seed in range(2_800):
        sample = [found.case_id for found in draw(str(seed), "0" * 64, cases, 3)]
        assert len(set(sample)) == 3
        drawn.update(sample)
        sets[frozenset(sample)] += 1

    # 2 800 * 3 / 8 = 1 050 of each case, and 50 of each of the 56 sets; four standard deviations are 103 and 28.
    assert all(950 <= drawn[case] <= 1_150 for case in cases)
    assert len(sets) == comb(8, 3) and all(22 <= number <= 78 for number in sets.values())
    assert draw("s", "0" * 64, reversed(cases), 8) == draw("s", "0" * 64, cases, 8)
