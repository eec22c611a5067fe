"""Places in the whole log: a made-up one ends nothing and is named, and so is a row that the anchors passed over."""

from dataclasses import replace
from typing import Any
from uuid import uuid4

import pytest
from sqlalchemy import insert, select, text, update

from app.audit.anchors.checking import check_anchors
from app.audit.anchors.checkpoint import Anchor
from app.audit.verification import entries_of, verify_log
from app.db import tables
from app.db.engines import Database
from app.db.migrate import migrate
from app.domain.action_log import chain_hash
from app.domain.canonical_json import canonical_json
from app.domain.commands import AddComment
from app.domain.log_chain import ChainedEntry
from app.domain.model import ActionType
from tests.support.anchored_cases import ACCOUNT_ROWS, Scene, signed_again
from tests.support.api import Api
from tests.support.tampering import tamper

actions, cases = tables.case_actions, tables.cases


async def add_row(scene: Scene, position: int) -> int:
    """Put a row at the end of the other case, whole and chained, as somebody who owns the database could."""
    account_id, case_id = scene.story.world.account_id, scene.other_id
    async with scene.database.read() as connection:
        last: ChainedEntry = [link async for link in entries_of(connection, account_id, case_id)][-1]
        which = actions.c.case_id == case_id, actions.c.seq == last.entry.seq
        stored = dict((await connection.execute(select(actions).where(*which))).mappings().one())
    assert last.entry.seal is not None
    seal = replace(last.entry.seal, commitments={})  # it brings no text
    entry = replace(
        last.entry,
        seq=last.entry.seq + 1,
        type=ActionType.COMMENT,
        status_before=last.entry.status_after,
        prev_hash=last.hash,
        comment=None,
        seal=seal,
    )
    row: dict[str, Any] = stored | {"id": uuid4(), "seq": entry.seq, "comment_id": None, "position": position}
    row["commitments"] = canonical_json(seal.commitments)
    row |= {"prev_hash": entry.prev_hash, "hash": chain_hash(entry), "status_before": entry.status_before}
    head = {"head_hash": row["hash"], "action_count": entry.seq, "version": entry.seq}
    await tamper(scene.database, insert(actions).values(row), update(cases).where(cases.c.id == case_id).values(head))
    return entry.seq


async def comment(scene: Scene) -> None:
    await scene.story.world.do(scene.story.world.ada, AddComment(case_id=scene.other_id, comment="more"))


async def anchors_of(scene: Scene) -> list[Anchor]:
    return [anchor async for anchor in scene.anchorer.place.anchors()]


@pytest.mark.parametrize("position", [2**62, 2**63 - 1, 2**47, 1_000_000_000, 0, -1, -(2**63)])
async def test_a_row_with_a_place_that_can_not_be_is_named_and_ends_no_anchoring(scene: Scene, position: int) -> None:
    seq = await add_row(scene, position)
    await comment(scene)

    written = await scene.anchorer.anchor()

    assert written is not None and [checkpoint.size for checkpoint in written] == [ACCOUNT_ROWS + 15]
    assert (await scene.found(anchors=True))[scene.other_id] == (seq, "position")
    assert (await scene.found(anchors=False))[scene.other_id] == (seq, "position")
    await comment(scene)
    assert [checkpoint.size for checkpoint in await scene.anchorer.anchor() or []] == [ACCOUNT_ROWS + 16]


async def test_anchoring_goes_on_where_a_place_to_come_was_anchored(scene: Scene) -> None:
    """As it was done before places were looked at."""
    if not scene.database.is_sqlite:
        pytest.skip("what is to come was never anchored on PostgreSQL")
    seq = await add_row(scene, 15)
    await scene.anchorer.anchor()
    await tamper(scene.database, update(actions).where(actions.c.position == 15).values(position=2**62))
    anchor = (await anchors_of(scene))[-1]

    lines = scene.path.read_text().splitlines()
    scene.path.write_text(f"{lines[0]}\n{signed_again(scene, lines[1], position=2**62)}\n")
    for _ in range(3):
        await comment(scene)

    written = await scene.anchorer.anchor()

    assert [checkpoint.size for checkpoint in written or []] == [anchor.checkpoint.size + 3]
    assert (await scene.findings()).fault is None
    assert (await scene.found(anchors=True)) == {scene.other_id: (seq, "position")}


async def test_a_row_that_was_put_before_the_last_anchor_is_named(scene: Scene) -> None:
    for _ in range(2):
        await comment(scene)
    await scene.anchorer.anchor()
    seq = await add_row(scene, 3)

    found = await scene.found(anchors=True)
    case = [
        verdict async for verdict in verify_log(scene.database, case_id=scene.other_id, findings=await scene.findings())
    ]

    assert scene.other_id in found
    kinds = {str(fault.kind) for fault in (case[0].fault, *case[0].others) if fault is not None and fault.seq == seq}
    assert "unanchored" in kinds


async def test_rows_that_anchoring_passed_over_are_named_and_later_ones_are_not(scene: Scene) -> None:
    await comment(scene)
    await comment(scene)
    kept = scene.path.read_text()
    await scene.anchorer.anchor()
    assert (await check_anchors(scene.database, scene.anchorer.place, scene.key)).cases == {}

    line = signed_again(scene, kept.splitlines()[0], position=2**62)
    scene.path.write_text(line + "\n")

    assert (await scene.found(anchors=True)) == {scene.other_id: (5, "unanchored")}


@pytest.mark.long
async def test_no_reader_of_the_account_s_log_is_led_away_by_a_made_up_place(scene: Scene, api: Api) -> None:
    await add_row(scene, 2**62)
    query = "query($after: String) { actions(first: 100, after: $after) { nodes { id } pageInfo { endCursor } } }"
    token = scene.story.world.ada.token
    first = (await api.run(token, query))["actions"]
    await comment(scene)

    more = (await api.run(token, query, {"after": first["pageInfo"]["endCursor"]}))["actions"]

    assert (len(first["nodes"]), len(more["nodes"])) == (14, 1)


async def test_a_made_up_place_does_not_move_those_that_come_after_a_migration(
    scene: Scene, database: Database
) -> None:
    await add_row(scene, 2**62)

    await migrate(database)

    await comment(scene)
    async with database.read() as connection:
        last = await connection.scalar(
            select(actions.c.position).order_by(actions.c.created_at.desc(), actions.c.seq.desc()).limit(1)
        )
        offset = await connection.scalar(text("SELECT value FROM server_keys WHERE name = 'log_offset'"))
    assert last is not None and last < 2**40
    assert offset is None
