"""The heads: one leaf for each case under a root that each anchor signs, kept so that a change costs its path alone."""

import stat
from collections.abc import Sequence
from contextlib import closing
from pathlib import Path
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import text

from app.audit.anchors.checkpoint import AnchorsUnusable, Leaf
from app.audit.anchors.heads import Heads, HeadsPosition, head_hash, temporary_heads
from app.audit.anchors.places import AnchorFile, open_place
from app.audit.anchors.writing import Anchorer
from app.db.engines import Database
from app.domain.commands import AddComment
from app.domain.merkle import Tree, root_of
from app.domain.model import CaseStatus
from tests.support.anchored_cases import ACCOUNT_ROWS, Scene, signed_again, without_accounts
from tests.support.recorded_sql import recorded
from tests.support.tampering import tamper
from tests.support.world import World

ACCOUNT = UUID(int=1)


def leaf(case: int, seq: int) -> Leaf:
    return Leaf(ACCOUNT, UUID(int=case), seq, f"{case * 1_000 + seq:064x}")


def defined_root(leaves: Sequence[Leaf]) -> bytes:
    """Return the root of the cases' last rows, in the order in which the cases came, from all of them at once."""
    heads: dict[UUID, Leaf] = {}
    for one in leaves:
        assert one.case_id is not None
        if one.case_id not in heads or one.seq > heads[one.case_id].seq:
            heads[one.case_id] = one
    tree = Tree()
    for head in heads.values():
        tree.add(head_hash(head))
    return tree.root


PARTS = st.lists(st.lists(st.tuples(st.integers(1, 40), st.integers(1, 9)), max_size=30), max_size=8)


@given(PARTS)
def test_the_root_is_that_of_all_last_rows_however_they_came(parts: list[list[tuple[int, int]]]) -> None:
    given: list[Leaf] = []
    with temporary_heads() as heads:
        for part in parts:
            heads.apply([leaf(*one) for one in part])
            given += [leaf(*one) for one in part]
            assert heads.root() == defined_root(given)

        for case_id in {one.case_id for one in given if one.case_id is not None}:
            proven = heads.head_of(case_id)
            last = max(one for one in given if one.case_id == case_id)
            assert proven is not None
            assert (proven.seq, proven.hash) == (last.seq, last.hash)
            assert root_of(proven.place, heads.count, head_hash(last), proven.path) == heads.root()
        assert heads.head_of(UUID(int=99)) is None


def test_a_row_that_comes_late_does_not_become_the_head_again() -> None:
    with temporary_heads() as heads:
        heads.apply([leaf(1, 6), leaf(1, 5)])

        assert heads.root() == defined_root([leaf(1, 6)])


def test_a_change_reads_and_writes_its_path_alone(tmp_path: Path) -> None:
    with closing(Heads(tmp_path / "heads")) as heads:
        heads.begin()
        heads.apply([leaf(case, 1) for case in range(1, 5_001)])
        heads.root()
        statements: list[str] = []
        heads._database.set_trace_callback(statements.append)
        heads.apply([leaf(77, 2)])
        heads.root()

    assert len(statements) < 4 * 13 + 10


def test_what_was_rolled_back_is_gone_and_what_was_committed_is_kept_for_its_owner_alone(tmp_path: Path) -> None:
    path, reached = tmp_path / "heads", HeadsPosition(3, 17, UUID(int=4))
    with closing(Heads(path)) as heads:
        heads.begin()
        heads.apply([leaf(1, 1), leaf(2, 1)])
        heads.commit(reached)
        heads.begin()
        heads.apply([leaf(2, 2), leaf(3, 1)])
        heads.roll_back()

    with closing(Heads(path)) as again:
        assert again.begin()
        assert (again.reached, again.count, again.root()) == (reached, 2, defined_root([leaf(1, 1), leaf(2, 1)]))
        with closing(Heads(path)) as third:
            assert not third.begin()
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


# --- Beside the anchors -----------------------------------------------------------------------------------------------


def node(database: Database, folder: Path, name: str) -> Anchorer:
    """Return a node that has a file of heads of its own, and anchors in the place of all."""
    place = open_place("", folder)
    return Anchorer(database, place, folder / "anchors.key", folder / name / "anchors.heads")


async def last_root(anchorer: Anchorer) -> tuple[str | None, bytes]:
    """Return what the last anchor signs, and what all anchors together give."""
    anchors = [anchor async for anchor in anchorer.place.anchors()]
    of_cases = [one for anchor in anchors for one in anchor.leaves if one.case_id is not None]
    return anchors[-1].checkpoint.head_root, defined_root(of_cases)


async def test_nodes_that_anchor_in_turn_sign_the_heads_of_all_rows(
    world: World, database: Database, tmp_path: Path
) -> None:
    nodes = [node(database, tmp_path, name) for name in ("one", "two", "three")]
    case = (await world.open_case()).case
    for turn in range(7):
        await world.do(world.ada, AddComment(case_id=case.id, comment=f"{turn}"))
        if turn % 2:
            await world.open_case()
        if turn == 4:
            (tmp_path / "two" / "anchors.heads").unlink(missing_ok=True)
            nodes[1] = node(database, tmp_path, "two")
        await nodes[turn % 3].anchor()

        signed, given = await last_root(nodes[0])
        assert signed == given.hex()


async def test_heads_of_another_place_are_not_taken_for_those_of_this_one(
    world: World, database: Database, tmp_path: Path
) -> None:
    await world.open_case()
    first = node(database, tmp_path, "one")
    await first.anchor()
    other = Anchorer(
        database, AnchorFile(tmp_path / "other.jsonl"), tmp_path / "anchors.key", tmp_path / "one" / "anchors.heads"
    )
    await world.open_case()
    await other.anchor()
    await world.open_case()
    await first.anchor()

    for anchorer in (first, other):
        signed, given = await last_root(anchorer)
        assert signed == given.hex()


async def test_heads_that_the_log_does_not_give_any_more_are_made_from_the_anchors(
    world: World, database: Database, tmp_path: Path
) -> None:
    case = (await world.case_in(CaseStatus.IN_PROGRESS)).case
    await world.open_case()
    await node(database, tmp_path, "one").anchor()
    await tamper(database, text("UPDATE case_actions SET hash = '" + "1" * 64 + "' WHERE seq = 2"))
    await world.do(world.ada, AddComment(case_id=case.id, comment="more"))

    await node(database, tmp_path, "two").anchor()

    signed, given = await last_root(node(database, tmp_path, "one"))
    assert signed == given.hex()


async def test_with_its_file_of_heads_anchoring_asks_no_more_of_the_log(
    world: World, database: Database, tmp_path: Path
) -> None:
    case = (await world.open_case()).case
    await node(database, tmp_path, "one").anchor()
    await world.do(world.ada, AddComment(case_id=case.id, comment="more"))

    with recorded() as reported:
        await node(database, tmp_path, "one").anchor()

    assert len(reported) == 4


async def test_a_file_without_heads_is_reported(world: World, database: Database, tmp_path: Path) -> None:
    await world.open_case()
    anchorer = node(database, tmp_path, "one")
    (tmp_path / "one").mkdir()
    (tmp_path / "one" / "anchors.heads").write_bytes(b"no database" * 100)

    with pytest.raises(AnchorsUnusable, match="the file of the cases' last rows can't be used"):
        await anchorer.anchor()


# --- Held against the anchors -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("changes", [{}, {"format": 1, "head_count": None, "head_root": None}], ids=["2", "1"])
async def test_anchors_of_older_formats_go_on_being_verified_and_are_gone_on_from(
    scene: Scene, changes: dict[str, object]
) -> None:
    line = scene.path.read_text().splitlines()[0]
    scene.path.write_text(without_accounts(scene, line, **changes) + "\n")
    assert (await scene.findings()).fault is None
    await scene.story.world.do(scene.story.world.ada, AddComment(case_id=scene.other_id, comment="four"))

    await scene.anchorer.anchor()

    assert (await scene.findings()).fault is None
    signed, given = await last_root(scene.anchorer)
    assert signed == given.hex()
    last = await scene.anchorer.place.last()
    assert last is not None
    assert last.checkpoint.account_count == 1
    assert len(last.leaves) == ACCOUNT_ROWS + 1


@pytest.mark.parametrize(
    ("changes", "reported"),
    [
        ({"head_root": "0" * 64}, "anchor 1: its leaves do not give its root of the cases' last rows"),
        ({"head_count": 3}, "anchor 1: its leaves do not give its root of the cases' last rows"),
        ({"format": 1}, "anchor 1: its format is 1"),
        ({"format": 2}, "anchor 1: its format is 2"),
        ({"format": 4}, "anchor 1: its format is 4"),
        ({"head_root": None}, "anchor 1: its format is 3"),
        ({"account_root": "0" * 64}, "anchor 1: its leaves do not give its root of the accounts' last rows"),
        ({"account_count": 2}, "anchor 1: its leaves do not give its root of the accounts' last rows"),
        ({"account_root": None}, "anchor 1: its format is 3"),
        ({"account_root": None, "account_count": None, "format": 2}, "anchor 1: its format is 2"),
    ],
)
async def test_an_anchor_that_says_other_heads_is_bad(scene: Scene, changes: dict[str, object], reported: str) -> None:
    line = scene.path.read_text().splitlines()[0]

    scene.path.write_text(signed_again(scene, line, **changes) + "\n")

    assert (await scene.findings()).fault == reported


async def test_no_anchor_goes_back_to_saying_less(scene: Scene) -> None:
    await scene.story.world.do(scene.story.world.ada, AddComment(case_id=scene.other_id, comment="four"))
    await scene.anchorer.anchor()
    first, second = scene.path.read_text().splitlines()

    gone = {"account_count": None, "account_root": None}
    for version, more in ((2, gone), (1, gone | {"head_count": None, "head_root": None})):
        older = signed_again(scene, second, format=version, **more)
        scene.path.write_text(f"{first}\n{older}\n")

        assert (await scene.findings()).fault == f"anchor 2: its format is {version}"
