"""Anchoring of the accounts' own logs: each row once, and each log's end, by one node or several."""

from contextlib import closing
from pathlib import Path
from uuid import UUID

import pytest
from sqlalchemy import select

from app import clock
from app.admin import accounts
from app.audit.anchors import account_rows
from app.audit.anchors.checkpoint import Anchor, Leaf, public_key
from app.audit.anchors.heads import Heads, head_hash, temporary_heads
from app.audit.anchors.keys import read_key
from app.audit.anchors.places import AnchorFile, open_place
from app.audit.anchors.proving import prove_account_log
from app.audit.anchors.writing import Anchorer
from app.db import tables
from app.db.engines import Database
from app.domain.merkle import Tree, root_of
from tests.support.anchored_cases import ACCOUNT_ROWS
from tests.support.recorded_sql import recorded
from tests.support.world import World, make_world


def node(database: Database, folder: Path, name: str) -> Anchorer:
    """Return a node that has a file of heads of its own, and anchors in the place of all."""
    place = open_place("", folder)
    return Anchorer(database, place, folder / "anchors.key", folder / name / "anchors.heads")


async def all_anchors(anchorer: Anchorer) -> list[Anchor]:
    return [anchor async for anchor in anchorer.place.anchors()]


async def assert_all_is_anchored(anchorer: Anchorer) -> None:
    """Assert that each row of each account's own log is in one anchor, and that the last one signs their ends."""
    anchors = await all_anchors(anchorer)
    leaves = [leaf for anchor in anchors for leaf in anchor.leaves if leaf.case_id is None]
    row = tables.account_actions.c
    async with anchorer.database.read() as connection:
        rows = await connection.execute(select(row.account_id, row.seq, row.hash).order_by(row.account_id, row.seq))
        stored = [Leaf(account_id, None, seq, hashed) for account_id, seq, hashed in rows]
    assert sorted(leaves, key=Leaf.plain) == sorted(stored, key=Leaf.plain)
    ends = {leaf.account_id: leaf for leaf in sorted(stored, key=lambda leaf: leaf.seq)}
    tree = Tree()
    for account_id in sorted(ends):
        tree.add(head_hash(ends[account_id]))
    last = anchors[-1].checkpoint
    assert (last.account_count, last.account_root) == (tree.size, tree.root.hex())


async def administer(world: World, times: int = 1) -> None:
    for _ in range(times):
        await accounts.change_email(world.database, world.rolf.id, "rolf2@acme.example")


async def test_each_row_is_anchored_once_with_the_log_s_end(world: World, database: Database, tmp_path: Path) -> None:
    anchorer = node(database, tmp_path, "one")
    await anchorer.anchor()
    other = await make_world(database)
    await administer(world, 3)
    await anchorer.anchor()
    await other.open_case()
    await anchorer.anchor()
    await administer(other)
    await anchorer.anchor()

    anchors = await all_anchors(anchorer)

    assert [len(anchor.leaves) for anchor in anchors] == [ACCOUNT_ROWS, ACCOUNT_ROWS + 3, 1, 1]
    assert [anchor.checkpoint.cases for anchor in anchors] == [0, 0, 1, 1]
    assert [anchor.checkpoint.account_count for anchor in anchors] == [1, 2, 2, 2]
    await assert_all_is_anchored(anchorer)
    assert await anchorer.anchor() == []


async def test_nodes_in_turn_and_files_that_are_lost_anchor_each_row_once(
    world: World, database: Database, tmp_path: Path
) -> None:
    nodes = [node(database, tmp_path, name) for name in ("one", "two", "three")]
    for turn in range(7):
        await administer(world, turn % 3)
        await world.open_case()
        if turn == 4:
            (tmp_path / "two" / "anchors.heads").unlink()
            nodes[1] = node(database, tmp_path, "two")
        await nodes[turn % 3].anchor()

        await assert_all_is_anchored(nodes[0])


@pytest.mark.parametrize("year", [2020, 2090])
async def test_an_anchor_of_a_wrong_time_is_gone_on_from(
    world: World, database: Database, tmp_path: Path, year: int
) -> None:
    """Where the anchor's time does not tell which rows it holds, the anchors do."""
    await node(database, tmp_path, "one").anchor(lambda: clock.now().replace(year=year))
    await administer(world, 2)

    await node(database, tmp_path, "two").anchor()

    await assert_all_is_anchored(node(database, tmp_path, "one"))


async def test_heads_of_another_place_are_not_taken_for_those_of_this_one(
    world: World, database: Database, tmp_path: Path
) -> None:
    first = node(database, tmp_path, "one")
    await first.anchor()
    place = AnchorFile(tmp_path / "other.jsonl")
    other = Anchorer(database, place, tmp_path / "anchors.key", tmp_path / "one" / "anchors.heads")
    for anchorer in (other, first):
        await administer(world)
        await anchorer.anchor()

    await assert_all_is_anchored(first)
    await other.anchor()
    await assert_all_is_anchored(other)


async def test_anchoring_asks_the_same_few_statements_whatever_is_new(
    world: World, database: Database, tmp_path: Path
) -> None:
    anchorer = node(database, tmp_path, "one")
    await anchorer.anchor()
    found = []
    for more in (1, 12):
        await administer(world, more)
        with recorded() as reported:
            await anchorer.anchor()
        found.append([words for words in reported if "account" in words and "case_actions" not in words])

    assert found[0] == found[1] == ["SELECT accounts", "SELECT account_actions"]


async def test_many_accounts_are_read_in_pages(
    world: World, database: Database, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(account_rows, "ACCOUNTS", 3)
    monkeypatch.setattr(account_rows, "LOGS", 2)
    for number in range(7):
        await accounts.create_account(database, f"Account {number}")
    anchorer = node(database, tmp_path, "one")
    await anchorer.anchor()
    await administer(world)
    await anchorer.anchor()

    await assert_all_is_anchored(anchorer)


async def test_an_account_s_proof_leads_to_the_signed_roots(world: World, database: Database, tmp_path: Path) -> None:
    for _ in range(4):
        await make_world(database)
    await world.open_case()
    anchorer = node(database, tmp_path, "one")
    await anchorer.anchor()
    key = public_key(read_key(tmp_path / "anchors.key"))

    proof = await prove_account_log(anchorer.place, key, world.account_id)

    checkpoint, head = proof.checkpoint, proof.head
    assert head is not None
    assert [proven.leaf.seq for proven in proof.leaves] == list(range(1, ACCOUNT_ROWS + 1))
    roots = {root_of(it.index, checkpoint.size, it.leaf.hashed(), it.path) for it in proof.leaves}
    assert roots == {bytes.fromhex(checkpoint.root)}
    leaf = head_hash(Leaf(world.account_id, None, head.seq, head.hash))
    assert checkpoint.account_count == 5
    assert root_of(head.place, 5, leaf, head.path) == bytes.fromhex(checkpoint.account_root or "")


def own_leaf(account: int, seq: int) -> Leaf:
    return Leaf(UUID(int=account), None, seq, f"{account * 1_000 + seq:064x}")


def test_an_account_and_a_case_of_one_id_are_kept_apart() -> None:
    case = Leaf(UUID(int=9), UUID(int=1), 4, "4" * 64)

    with temporary_heads() as heads:
        heads.apply([own_leaf(1, 5), case, own_leaf(1, 4)])

        of_case, of_account = heads.head_of(UUID(int=1)), heads.account_head_of(UUID(int=1))
        assert of_case is not None and of_account is not None
        assert (of_case.seq, of_account.seq) == (4, 5)
        assert heads.head_of(UUID(int=9)) is heads.account_head_of(UUID(int=9)) is None
    assert len({case.hashed(), Leaf(UUID(int=9), None, 4, "4" * 64).hashed()}) == 2


def test_a_file_of_heads_from_before_accounts_were_anchored_is_gone_on_from(tmp_path: Path) -> None:
    with closing(Heads(tmp_path / "heads")) as heads:
        heads.begin()
        heads.apply([Leaf(UUID(int=9), UUID(int=1), 1, "4" * 64)])
        heads._database.execute("DROP TABLE accounts")
        heads._database.execute("COMMIT")

        assert heads.begin()
        assert heads.account_count == 0
        assert heads.count == 1
