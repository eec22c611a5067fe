"""Six ways to change a log by hand, as somebody who owns the database could, and how each is found.

Two of them leave a database that agrees with itself. What was anchored before tells.
"""

import asyncio
import json
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
from sqlalchemy import text, update

from app.audit import verification
from app.audit.anchors import checking
from app.audit.anchors.checkpoint import Anchor, public_key, sign
from app.audit.anchors.keys import read_or_make_key
from app.db import tables
from app.domain.commands import AddComment
from app.domain.log_chain import FaultKind
from tests.support.anchored_cases import (
    Scene,
    Tampering,
    delete_a_middle_row,
    delete_the_tail,
    flip_a_byte,
    move_a_row,
    rewrite_the_chain,
    swap_rows,
)
from tests.support.gateway import casegate
from tests.support.tampering import cut_off_closing, everything_of, tamper
from tests.support.world import make_world

# Who does what; then which row of which case is found with the anchors, and without them.
TAMPERINGS: Sequence[tuple[Tampering, dict[str, tuple[int, str]], dict[str, tuple[int, str]]]] = [
    (flip_a_byte, {"story": (2, "content")}, {"story": (2, "content")}),
    (delete_a_middle_row, {"story": (4, "gap")}, {"story": (4, "gap")}),
    (delete_the_tail, {"story": (10, "truncated")}, {}),
    (swap_rows, {"story": (2, "link")}, {"story": (2, "link")}),
    (move_a_row, {"story": (3, "gap"), "other": (5, "link")}, {"story": (3, "gap"), "other": (5, "link")}),
    (rewrite_the_chain, {"story": (4, "rewritten")}, {}),
]


@pytest.mark.parametrize(
    ("change", "with_anchors", "without"), TAMPERINGS, ids=lambda value: getattr(value, "__name__", "")
)
async def test_each_tampering_is_found_with_its_first_row_and_kind(
    scene: Scene,
    change: Tampering,
    with_anchors: dict[str, tuple[int, str]],
    without: dict[str, tuple[int, str]],
) -> None:
    names = {scene.case_id: "story", scene.other_id: "other"}
    assert await scene.found(anchors=True) == {}

    await change(scene)

    assert {names[id]: found for id, found in (await scene.found(anchors=True)).items()} == with_anchors
    assert {names[id]: found for id, found in (await scene.found(anchors=False)).items()} == without


async def test_a_case_that_was_taken_away_whole_is_found_by_the_anchors(scene: Scene) -> None:
    await tamper(scene.database, *everything_of(scene.case_id))

    assert await scene.found(anchors=True) == {scene.case_id: (1, FaultKind.TRUNCATED)}
    assert await scene.found(anchors=False) == {}


async def test_a_row_that_took_the_place_of_a_cut_off_one_is_found(scene: Scene) -> None:
    await tamper(scene.database, *cut_off_closing(scene.story))
    await scene.story.world.do(scene.story.world.ada, AddComment(case_id=scene.case_id, comment="Not closed at all."))

    assert await scene.found(anchors=True) == {scene.case_id: (10, FaultKind.REWRITTEN)}


async def test_rows_that_came_after_the_last_anchor_are_no_fault(scene: Scene) -> None:
    await scene.story.world.do(scene.story.world.ada, AddComment(case_id=scene.other_id, comment="four"))

    assert await scene.found(anchors=True) == {}


@pytest.mark.parametrize(("column", "value"), [("status_after", "IN_PROGRESS?"), ("type", "COMMENt")])
async def test_a_value_that_is_none_of_its_kind_is_a_bad_row_and_hides_no_other(
    scene: Scene, column: str, value: str
) -> None:
    third = f"UPDATE case_actions SET {column} = '{value}' WHERE seq = 3 AND request_id = 'request-comment again'"
    await tamper(
        scene.database, text(third), update(tables.cases).where(tables.cases.c.id == scene.other_id).values(number=9)
    )

    assert await scene.found(anchors=True) == {scene.case_id: (3, "content"), scene.other_id: (1, "content")}


async def test_bytes_that_are_no_text_are_a_bad_row(scene: Scene) -> None:
    if not scene.database.is_sqlite:
        pytest.skip("PostgreSQL takes no such text")
    await tamper(scene.database, text("UPDATE comments SET body = CAST(x'63ff' AS TEXT) WHERE body = 'called'"))

    assert await scene.found(anchors=True) == {scene.case_id: (2, "content")}


async def test_a_case_whose_row_holds_a_value_that_is_none_is_bad(scene: Scene) -> None:
    await tamper(scene.database, text("UPDATE subjects SET type = 'WHAT' WHERE external_ref = 'check-1'"))

    assert await scene.found(anchors=True) == {scene.case_id: (1, "content")}


# --- The anchors themselves -------------------------------------------------------------------------------------------


def forged(scene: Scene, line: str) -> str:
    """Return the anchor signed with a key of one's own."""
    anchor = Anchor.parsed(line.encode())
    assert anchor is not None
    key, _ = read_or_make_key(scene.path.with_name("own.key"))
    checkpoint = replace(anchor.checkpoint, key=public_key(key))
    return replace(anchor, checkpoint=checkpoint, signature=sign(checkpoint, key)).line().decode()


def with_leaf(scene: Scene, line: str) -> str:
    found = json.loads(line)
    found["leaves"][0][3] = "0" * 64
    return json.dumps(found)


SPOILED: dict[str, tuple[Callable[[Scene, list[str]], list[str]], str]] = {
    "a count changed": (
        lambda _scene, lines: [lines[0].replace('"cases":2', '"cases":1'), lines[1]],
        "anchor 1: its signature",
    ),
    "a leaf changed": (
        lambda scene, lines: [lines[0], with_leaf(scene, lines[1])],
        "anchor 2: its leaves do not give its root",
    ),
    "one taken out": (lambda _scene, lines: lines[1:], "anchor 1: its signature|anchor 1: it has number 2"),
    "signed by somebody else": (
        lambda scene, lines: [forged(scene, lines[0]), lines[1]],
        "anchor 1: it is signed by another key",
    ),
    "one twice": (lambda _scene, lines: [lines[0], lines[0]], "anchor 2: it has number 1"),
}


@pytest.mark.parametrize("what", SPOILED)
async def test_an_anchor_that_is_not_as_it_was_written_is_named_and_believed_no_more(scene: Scene, what: str) -> None:
    await scene.story.world.do(scene.story.world.ada, AddComment(case_id=scene.other_id, comment="four"))
    await scene.anchorer.anchor()
    assert (await scene.findings()).anchors == 2
    spoil, words = SPOILED[what]
    lines = scene.path.read_text().splitlines()

    scene.path.write_text("\n".join(spoil(scene, lines)) + "\n")

    fault = (await scene.findings()).fault
    assert fault is not None
    assert any(fault.startswith(word) for word in words.split("|"))


async def test_many_rows_are_held_against_the_anchors_in_pieces(scene: Scene, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(checking, "BATCH", 3)
    monkeypatch.setattr(verification, "PIECE", 3)

    assert await scene.found(anchors=True) == {}
    await rewrite_the_chain(scene)
    assert await scene.found(anchors=True) == {scene.case_id: (4, FaultKind.REWRITTEN)}


# --- The command ------------------------------------------------------------------------------------------------------


async def verified(scene: Scene, fresh_url: str, *arguments: str) -> Any:
    place = {"database_url": fresh_url, "data_dir": str(scene.path.parent)}
    return await asyncio.to_thread(casegate, "log", "verify", *arguments, **place)


async def test_the_command_holds_the_logs_against_the_anchors_by_itself(scene: Scene, fresh_url: str) -> None:
    whole = await verified(scene, fresh_url)
    await rewrite_the_chain(scene)
    await scene.database.close()

    reported = await verified(scene, fresh_url)
    listed = await verified(scene, fresh_url, "--json", "--case", str(scene.case_id))
    other = await verified(scene, fresh_url, "--case", "CASE-000001", "--account", str(scene.story.world.account_id))

    assert (whole.returncode, reported.returncode, listed.returncode, other.returncode) == (0, 1, 1, 0)
    assert "1 anchor, the last of " in whole.stdout
    assert whole.stdout.endswith("27 rows in all\n1 account's own log, 13 rows: no bad\n2 cases, 14 rows: no bad\n")
    assert "CASE-000002: row 4 is bad (rewritten): another row was anchored\n" in reported.stdout
    report = json.loads(listed.stdout)
    assert (report["cases"], report["bad"], report["anchored"]["rows"]) == (1, 1, 27)
    assert (report["faults"][0]["seq"], report["faults"][0]["kind"]) == (4, "rewritten")
    assert other.stdout.endswith("1 case, 4 rows: no bad\n")


async def test_the_command_takes_anchors_and_the_key_from_elsewhere(
    scene: Scene, fresh_url: str, tmp_path: Path
) -> None:
    kept = tmp_path / "elsewhere.jsonl"
    scene.path.rename(kept)
    (tmp_path / "anchors.key").unlink()
    alone = await verified(scene, fresh_url)
    without_key = await verified(scene, fresh_url, "--anchors", str(kept))
    whole = await verified(scene, fresh_url, "--anchors", str(kept), "--key", scene.key)
    not_ours = await verified(scene, fresh_url, "--anchors", str(kept), "--key", "0" * 64)
    missing = await verified(scene, fresh_url, "--anchors", str(tmp_path / "none"), "--key", scene.key)

    assert "nothing is anchored" in alone.stdout
    assert [done.returncode for done in (alone, without_key, whole, not_ours, missing)] == [0, 2, 0, 1, 2]
    assert "anchor 1: it is signed by another key" in not_ours.stdout
    assert "there are no anchors in" in missing.stderr


async def test_the_command_reports_a_case_that_only_the_anchors_have(scene: Scene, fresh_url: str) -> None:
    await tamper(scene.database, *everything_of(scene.case_id))
    await scene.database.close()

    reported = await verified(scene, fresh_url, "--case", str(scene.case_id))
    unknown = await verified(scene, fresh_url, "--case", str(uuid4()))
    nonsense = await verified(scene, fresh_url, "--case", "CASE")

    assert f"{scene.case_id}: row 1 is bad (truncated): seq 1 was anchored and is missing\n" in reported.stdout
    assert (reported.returncode, unknown.returncode, nonsense.returncode) == (1, 2, 2)
    assert "there is no case" in unknown.stderr
    assert "neither a case's id nor a reference" in nonsense.stderr


async def test_a_reference_that_several_accounts_have_must_say_whose(scene: Scene, fresh_url: str) -> None:
    await (await make_world(scene.database)).open_case()

    done = await verified(scene, fresh_url, "--case", "CASE-000001")

    assert done.returncode == 2
    assert "several accounts have a CASE-000001" in done.stderr
