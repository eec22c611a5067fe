"""A scene for tampering: two anchored cases, and six ways to change one of them by hand."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
from sqlalchemy import update

from app import clock
from app.audit.anchors.checking import Findings, check_anchors
from app.audit.anchors.checkpoint import Anchor, public_key, sign
from app.audit.anchors.keys import read_key
from app.audit.anchors.places import AnchorFile
from app.audit.anchors.writing import Anchorer
from app.audit.verification import verify_log
from app.db.engines import Database
from app.domain.commands import AddComment
from app.domain.merkle import Tree
from tests.support.played_story import STEPS, Story
from tests.support.tampering import actions, cut_off_closing, rewrite, swapped, tamper, without_row, words_of
from tests.support.world import World

ACCOUNT_ROWS = 13
"""The rows of the own log of a world's account."""

Found = dict[UUID, tuple[int, str]]


@dataclass(frozen=True, slots=True)
class Scene:
    """A story of ten rows and another case of four, anchored an hour after it or later; then somebody comes by."""

    story: Story
    other_id: UUID
    anchorer: Anchorer
    key: str
    anchored_at: datetime

    @property
    def database(self) -> Database:
        return self.story.world.database

    @property
    def case_id(self) -> UUID:
        return self.story.case_id

    @property
    def path(self) -> Path:
        assert isinstance(self.anchorer.place, AnchorFile)
        return self.anchorer.place.path

    async def findings(self) -> Findings:
        return await check_anchors(self.database, self.anchorer.place, self.key)

    async def found(self, *, anchors: bool) -> Found:
        """Return the first bad row of each bad case, and its kind."""
        findings = await self.findings() if anchors else None
        verdicts = [verdict async for verdict in verify_log(self.database, findings=findings)]
        return {
            verdict.case_id: (verdict.fault.seq, verdict.fault.kind)
            for verdict in verdicts
            if verdict.fault is not None
        }


@pytest.fixture
async def scene(world: World, tmp_path: Path) -> Scene:
    other = (await world.open_case()).case
    for words in ("one", "two", "three"):
        await world.do(world.ada, AddComment(case_id=other.id, comment=words))
    story = Story(world)
    for name in STEPS:
        await story.play(name)
    anchorer = Anchorer(world.database, AnchorFile(tmp_path / "anchors.jsonl"), tmp_path / "anchors.key")
    anchored_at = max(story.now + timedelta(hours=1), clock.now())
    await anchorer.anchor(lambda: anchored_at)
    return Scene(story, other.id, anchorer, public_key(read_key(tmp_path / "anchors.key")), anchored_at)


async def flip_a_byte(scene: Scene) -> None:
    await tamper(scene.database, words_of("called", "calleD"))


async def delete_a_middle_row(scene: Scene) -> None:
    await tamper(scene.database, without_row(scene.case_id, 4))


async def delete_the_tail(scene: Scene) -> None:
    await tamper(scene.database, *cut_off_closing(scene.story))


async def swap_rows(scene: Scene) -> None:
    await tamper(scene.database, *swapped(scene.case_id, 2))


async def move_a_row(scene: Scene) -> None:
    third = (actions.c.case_id == scene.case_id, actions.c.seq == 3)
    await tamper(scene.database, update(actions).where(*third).values(case_id=scene.other_id, seq=5))


async def rewrite_the_chain(scene: Scene) -> None:
    await rewrite(scene.database, scene.story.world.account_id, scene.case_id, words_of("sure", "never sure"))


def without_accounts(scene: Scene, line: str, **changes: object) -> str:
    """Return the anchor as it was written before anchors held the accounts' own logs, or cases' ends either."""
    anchor = Anchor.parsed(line.encode())
    assert anchor is not None
    leaves = [leaf for leaf in anchor.leaves if leaf.case_id is not None]
    tree = Tree()
    for leaf in leaves:
        tree.add(leaf.hashed())
    older = replace(anchor, leaves=leaves, peaks=tree.peaks).line().decode()
    changes = {"format": 2, "account_count": None, "account_root": None} | changes
    return signed_again(scene, older, size=tree.size, root=tree.root.hex(), **changes)


def signed_again(scene: Scene, line: str, **changes: object) -> str:
    """Return the anchor with changes to its checkpoint, signed by the key of all."""
    anchor = Anchor.parsed(line.encode())
    assert anchor is not None
    checkpoint = replace(anchor.checkpoint, **changes)  # type: ignore[arg-type]  # by name
    key = read_key(scene.path.with_name("anchors.key"))
    return replace(anchor, checkpoint=checkpoint, signature=sign(checkpoint, key)).line().decode()


Tampering = Callable[[Scene], Any]
