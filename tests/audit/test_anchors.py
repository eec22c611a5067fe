"""Anchoring: what is new is written, signed and chained, once, by whoever comes first, and nothing is passed over."""

import asyncio
import json
import stat
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from sqlalchemy import delete, select, text, update

from app.audit.anchors import writing
from app.audit.anchors.checkpoint import (
    NOTHING,
    Anchor,
    AnchorConflict,
    AnchorError,
    AnchorsUnusable,
    Checkpoint,
    Leaf,
    public_key,
)
from app.audit.anchors.keys import read_key, read_or_make_key
from app.audit.anchors.places import AnchorFile, AnchorStore, open_place
from app.audit.anchors.writing import Anchorer
from app.db import tables
from app.db.engines import Database, open_database
from app.db.repository.anchored import ANCHORING
from app.domain.commands import AddComment
from app.domain.merkle import Tree
from app.domain.model import CaseStatus
from tests.support.anchored_cases import ACCOUNT_ROWS
from tests.support.api import Api
from tests.support.gateway import casegate, casegate_json, demo_in
from tests.support.recorded_sql import recorded
from tests.support.tampering import tamper
from tests.support.world import World, make_world

# PostgreSQL's places are told from the oldest transaction and an offset in a table: see `app.db.log_position`.
NEW_ROWS = "SELECT case_actions accounts"


@pytest.fixture
def anchorer(database: Database, tmp_path: Path) -> Anchorer:
    return Anchorer(database, open_place("", tmp_path), tmp_path / "anchors.key")


@pytest.fixture(params=["file", "s3"])
def any_place(request: pytest.FixtureRequest, tmp_path: Path) -> AnchorStore:
    if request.param == "s3":
        request.getfixturevalue("s3")
        return open_place(f"s3://evidence/{uuid4()}", tmp_path, allow_http=True)
    return open_place((tmp_path / "place é" / "anchors.jsonl").as_uri(), tmp_path)


async def anchored(anchorer: Anchorer) -> list[Checkpoint]:
    written = await anchorer.anchor()
    assert written is not None
    return written


async def all_in(place: AnchorStore) -> list[Anchor]:
    return [anchor async for anchor in place.anchors()]


async def logged(database: Database) -> set[Leaf]:
    column, own = tables.case_actions.c, tables.account_actions.c
    async with database.read() as connection:
        rows = await connection.execute(select(column.account_id, column.case_id, column.seq, column.hash))
        own_rows = await connection.execute(select(own.account_id, own.seq, own.hash))
        return {Leaf(*row) for row in rows} | {Leaf(row[0], None, *row[1:]) for row in own_rows}


async def comment(world: World, case_id: Any, times: int = 1) -> None:
    for number in range(times):
        await world.do(world.ada, AddComment(case_id=case_id, comment=f"Call {number}."))


async def test_an_anchor_holds_each_row_that_is_new_under_one_signed_root(
    anchorer: Anchorer, world: World, database: Database, tmp_path: Path
) -> None:
    case = (await world.case_in(CaseStatus.RESOLVED)).case
    await world.open_case()
    (first,) = await anchored(anchorer)
    await comment(world, case.id)
    (second,) = await anchored(anchorer)

    one, two = await all_in(anchorer.place)

    assert {*one.leaves, *two.leaves} == await logged(database)
    assert [(leaf.case_id, leaf.seq) for leaf in two.leaves] == [(case.id, 4)]
    assert (first.size, first.cases, second.size, second.cases) == (ACCOUNT_ROWS + 4, 2, ACCOUNT_ROWS + 5, 2)
    assert (first.account_count, second.account_count) == (1, 1)
    assert second.account_root == first.account_root
    assert (first.number, first.previous) == (1, NOTHING)
    assert (second.number, second.previous) == (2, first.digest())
    tree = Tree()
    for leaf in [*one.leaves, *two.leaves]:
        tree.add(leaf.hashed())
    assert second.root == tree.root.hex()
    key = public_key(read_key(tmp_path / "anchors.key"))
    Ed25519PublicKey.from_public_bytes(bytes.fromhex(key)).verify(bytes.fromhex(two.signature), second.canonical())
    assert second.key == key


async def test_nothing_new_writes_nothing_and_makes_no_key(
    anchorer: Anchorer, tmp_path: Path, database: Database
) -> None:
    assert await anchorer.anchor() == []
    assert not (tmp_path / "anchors.key").exists()

    world = await make_world(database)
    await world.open_case()
    await anchorer.anchor()
    before = (tmp_path / "anchors.jsonl").read_bytes()

    assert await anchorer.anchor() == []
    assert (tmp_path / "anchors.jsonl").read_bytes() == before


async def test_all_accounts_rows_are_in_one_tree(anchorer: Anchorer, world: World, database: Database) -> None:
    other = await make_world(database)
    await other.open_case()
    await world.open_case()

    (checkpoint,) = await anchored(anchorer)

    (anchor,) = await all_in(anchorer.place)
    assert checkpoint.cases == 2
    assert {leaf.account_id for leaf in anchor.leaves} == {world.account_id, other.account_id}


async def test_much_that_is_new_is_cut_into_several_anchors(
    anchorer: Anchorer, world: World, database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    await anchorer.anchor()
    monkeypatch.setattr(writing, "LEAVES", 3)
    case = (await world.open_case()).case
    await comment(world, case.id, 7)

    written = await anchored(anchorer)

    anchors = await all_in(anchorer.place)
    assert [len(anchor.leaves) for anchor in anchors] == [ACCOUNT_ROWS, 3, 3, 2]
    assert [checkpoint.previous for checkpoint in written[1:]] == [checkpoint.digest() for checkpoint in written[:-1]]
    assert {leaf for anchor in anchors for leaf in anchor.leaves} == await logged(database)


async def test_anchoring_asks_the_same_few_statements_whatever_there_is(anchorer: Anchorer, world: World) -> None:
    case = (await world.open_case()).case
    await anchorer.anchor()
    found = []
    for more in (1, 12):
        await comment(world, case.id, more)
        with recorded() as reported:
            await anchorer.anchor()
        found.append(reported)

    # Who may anchor, what the last anchored row is now, where the accounts' own logs end, on SQLite whether the last
    # row's place can be, and the new rows.
    is_sqlite = world.database.is_sqlite
    lock, place = ([], ["SELECT case_actions"]) if is_sqlite else (["SELECT"], [])
    under_way = "" if is_sqlite else " pg_snapshot_xip pg_stat_get_activity pg_database pg_prepared_xacts"
    assert found[0] == found[1] == [*lock, "SELECT case_actions", "SELECT accounts", *place, NEW_ROWS + under_way]


async def test_each_place_gives_back_what_was_written_and_finds_its_end(
    any_place: AnchorStore, database: Database, world: World, tmp_path: Path
) -> None:
    anchorer = Anchorer(database, any_place, tmp_path / "anchors.key")
    assert await any_place.last() is None
    case = (await world.open_case()).case
    for _ in range(6):
        await anchorer.anchor()
        await comment(world, case.id)

    anchors = await all_in(any_place)

    assert [anchor.checkpoint.number for anchor in anchors] == [1, 2, 3, 4, 5, 6]
    assert await any_place.last() == anchors[-1]


async def test_a_bucket_takes_no_anchor_twice(s3: str, database: Database, world: World, tmp_path: Path) -> None:
    place = open_place(f"s3://evidence/{uuid4()}", tmp_path, allow_http=True)
    await world.open_case()
    await Anchorer(database, place, tmp_path / "anchors.key").anchor()
    (anchor,) = await all_in(place)

    with pytest.raises(AnchorConflict, match="somebody else wrote anchor 1"):
        await place.append(anchor)


async def test_a_missing_bucket_fails_with_one_line(s3: str, database: Database, world: World, tmp_path: Path) -> None:
    await world.open_case()
    nowhere = open_place(f"s3://nowhere/{uuid4()}", tmp_path, allow_http=True)

    with pytest.raises(AnchorsUnusable, match="the anchors' bucket is not there"):
        await Anchorer(database, nowhere, tmp_path / "anchors.key").anchor()


async def test_a_cancelled_anchoring_is_written_before_the_next_begins(
    anchorer: Anchorer, world: World, tmp_path: Path
) -> None:
    await world.open_case()
    await anchorer.anchor()
    (anchor,) = await all_in(anchorer.place)
    place = open_place("", tmp_path / "another")
    (tmp_path / "another").mkdir()
    (tmp_path / "another/anchors.jsonl").touch()
    appending = asyncio.create_task(place.append(anchor))
    await asyncio.sleep(0)

    appending.cancel()

    with pytest.raises(asyncio.CancelledError):
        await appending
    assert await place.last() == anchor


async def test_several_who_anchor_in_a_bucket_at_once_write_one_chain(
    s3: str, database: Database, world: World, tmp_path: Path
) -> None:
    url, case_id = f"s3://evidence/{uuid4()}", (await world.open_case()).case.id
    anchorers = [
        Anchorer(database, open_place(url, tmp_path, allow_http=True), tmp_path / "anchors.key") for _ in range(4)
    ]
    for _ in range(5):
        await asyncio.gather(comment(world, case_id), *(anchorer.anchor() for anchorer in anchorers))
    await anchorers[0].anchor()

    anchors = await all_in(open_place(url, tmp_path, allow_http=True))
    leaves = [leaf for anchor in anchors for leaf in anchor.leaves]
    assert [anchor.checkpoint.number for anchor in anchors] == list(range(1, len(anchors) + 1))
    assert len(leaves) == len(set(leaves))
    assert set(leaves) == await logged(database)


async def test_a_line_that_a_crash_cut_off_is_passed_over_and_nothing_is_taken_away(
    anchorer: Anchorer, world: World, tmp_path: Path
) -> None:
    case = (await world.open_case()).case
    await anchorer.anchor()
    path = tmp_path / "anchors.jsonl"
    with path.open("ab") as file:
        file.write(b'{"checkpoint":{"for')
    torn = path.read_bytes()
    await comment(world, case.id)

    await anchorer.anchor()

    anchors = await all_in(anchorer.place)
    assert path.read_bytes().startswith(torn)
    assert [anchor.checkpoint.size for anchor in anchors] == [ACCOUNT_ROWS + 1, ACCOUNT_ROWS + 2]
    assert anchors[1].checkpoint.previous == anchors[0].checkpoint.digest()


async def test_several_who_anchor_at_once_write_one_chain(
    database: Database, fresh_url: str, world: World, tmp_path: Path
) -> None:
    case = (await world.open_case()).case
    nodes = [open_database(fresh_url) for _ in range(4)]
    anchorers = [Anchorer(node, open_place("", tmp_path), tmp_path / "anchors.key") for node in nodes]

    async def write() -> None:
        await comment(world, case.id, 15)

    async def anchor(anchorer: Anchorer) -> None:
        for _ in range(10):
            await anchorer.anchor()
            await asyncio.sleep(0.005)

    await asyncio.gather(write(), *map(anchor, anchorers))
    await anchorers[0].anchor()
    for node in nodes:
        await node.close()

    anchors = await all_in(anchorers[0].place)
    leaves = [leaf for anchor in anchors for leaf in anchor.leaves]
    assert [anchor.checkpoint.number for anchor in anchors] == list(range(1, len(anchors) + 1))
    assert len(leaves) == len(set(leaves)) == ACCOUNT_ROWS + 16
    assert set(leaves) == await logged(database)


async def test_while_one_node_anchors_another_leaves_it_to_that_one(
    fresh_url: str, world: World, tmp_path: Path
) -> None:
    await world.open_case()
    place = open_place("", tmp_path)
    anchorer = Anchorer(world.database, place, tmp_path / "anchors.key")

    async with place.held() as is_held:
        assert is_held
        assert await anchorer.anchor() is None

    assert len(await anchored(anchorer)) == 1


async def test_on_postgresql_nodes_with_files_of_their_own_take_turns(world: World, tmp_path: Path) -> None:
    if world.database.is_sqlite:
        pytest.skip("SQLite is on one machine, where the file's lock is enough")
    await world.open_case()
    anchorer = Anchorer(world.database, open_place("", tmp_path), tmp_path / "anchors.key")

    async with world.database.write() as connection:
        await connection.execute(text(f"SELECT pg_advisory_xact_lock({ANCHORING})"))
        assert await anchorer.anchor() is None

    assert len(await anchored(anchorer)) == 1


@pytest.mark.parametrize("how", ["cut off", "rewritten"])
async def test_it_does_not_go_on_over_a_log_whose_anchored_end_is_gone(
    anchorer: Anchorer, world: World, database: Database, how: str
) -> None:
    case = (await world.case_in(CaseStatus.IN_PROGRESS)).case
    await anchorer.anchor()
    row = tables.case_actions.c.seq == 2
    change = delete(tables.case_actions) if how == "cut off" else update(tables.case_actions).values(hash="1" * 64)
    await tamper(database, change.where(row))
    await world.open_case()

    with pytest.raises(AnchorError, match=f"row 2 of case {case.id}, the last of anchor 1, is gone or is another"):
        await anchorer.anchor()

    assert len(await all_in(anchorer.place)) == 1


async def test_it_does_not_go_on_from_an_anchor_of_another_key(
    anchorer: Anchorer, world: World, tmp_path: Path
) -> None:
    case = (await world.open_case()).case
    await anchorer.anchor()
    (tmp_path / "anchors.key").unlink()
    await comment(world, case.id)

    with pytest.raises(AnchorError, match="can't be read"):
        await anchorer.anchor()
    read_or_make_key(tmp_path / "anchors.key")
    with pytest.raises(AnchorError, match="is not signed by this key"):
        await anchorer.anchor()


# --- The key ---------------------------------------------------------------------------------------------------------


def test_the_key_is_made_once_for_its_owner_alone(tmp_path: Path) -> None:
    path = tmp_path / "new" / "anchors.key"

    made, was_new = read_or_make_key(path)
    again, is_new = read_or_make_key(path)

    assert (was_new, is_new) == (True, False)
    assert public_key(made) == public_key(again)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert [entry.name for entry in path.parent.iterdir()] == ["anchors.key"]


@pytest.mark.parametrize(
    ("spoil", "words"),
    [
        (lambda path: path.chmod(0o640), "may be read by others"),
        (lambda path: path.write_text("no key"), "holds no Ed25519 key"),
        (lambda path: (path.unlink(), path.mkdir(0o700)), "can't be read"),
    ],
)
def test_a_key_that_is_none_or_is_not_secret_is_refused(
    tmp_path: Path, spoil: Callable[[Path], object], words: str
) -> None:
    path = tmp_path / "anchors.key"
    read_or_make_key(path)
    spoil(path)

    with pytest.raises(AnchorError, match=words):
        read_or_make_key(path)


# --- The command and the server --------------------------------------------------------------------------------------


def test_the_commands_anchor_and_print_the_key(fresh_url: str, tmp_path: Path) -> None:
    place = {"database_url": fresh_url, "data_dir": str(tmp_path)}
    casegate_json("demo", **place)

    key = casegate("log", "key", **place)
    reported = casegate("log", "anchor", **place)
    again = casegate("log", "anchor", **place)

    (line,) = (tmp_path / "anchors.jsonl").read_text().splitlines()
    checkpoint = json.loads(line)["checkpoint"]
    assert f"made {tmp_path / 'anchors.key'}" in key.stderr
    assert key.stdout.strip() == checkpoint["key"] == casegate_json("log", "key", **place)["key"]
    assert reported.stdout == f"anchor 1: {checkpoint['size']} rows of 40 cases and 1 account, {checkpoint['root']}\n"
    assert again.stdout == "nothing is new\n"


def test_a_command_that_can_not_run_prints_one_line(tmp_path: Path) -> None:
    demo_in(tmp_path)
    casegate("log", "key", data_dir=str(tmp_path))
    (tmp_path / "anchors.key").chmod(0o644)

    for command in ("anchor", "key"):
        done = casegate("log", command, data_dir=str(tmp_path))
        assert (done.returncode, done.stdout) == (1, "")
        assert "may be read by others" in done.stderr
        assert "Traceback" not in done.stderr


async def test_a_server_anchors_by_itself_while_there_is_something_new(
    fresh_url: str, world: World, tmp_path: Path
) -> None:
    case = (await world.open_case()).case
    place = open_place("", tmp_path)

    async def until(size: int) -> None:
        for _ in range(400):
            last = await place.last()
            if last is not None and last.checkpoint.size >= size:
                return
            await asyncio.sleep(0.05)
        raise AssertionError("nothing was anchored")

    async with Api.with_upkeep(fresh_url, data_dir=tmp_path, anchors_every=0.05):
        await until(ACCOUNT_ROWS + 1)
        await comment(world, case.id)
        await until(ACCOUNT_ROWS + 2)
        await asyncio.sleep(0.2)

    assert [anchor.checkpoint.size for anchor in await all_in(place)] == [ACCOUNT_ROWS + 1, ACCOUNT_ROWS + 2]


async def test_a_place_that_can_t_be_used_is_no_sign_of_tampering(
    fresh_url: str, world: World, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    await world.open_case()
    (tmp_path / "folder").mkdir()

    reported = ""
    place = (tmp_path / "folder").as_uri()
    async with Api.with_upkeep(fresh_url, data_dir=tmp_path, anchors_every=0.02, anchors_url=place):
        for _ in range(400):
            await asyncio.sleep(0.05)
            reported += capsys.readouterr().err
            if reported.count("anchoring_failed") >= 2:
                break

    reported += capsys.readouterr().err
    assert "can't be written: Is a directory" in reported
    assert "anchoring_failed" in reported
    assert "anchoring_refused" not in reported


async def test_a_server_says_that_it_cannot_anchor_and_serves_on(
    fresh_url: str, world: World, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    await world.open_case()
    (tmp_path / "anchors.key").write_text("no key")
    (tmp_path / "anchors.key").chmod(0o600)

    async with Api.with_upkeep(fresh_url, data_dir=tmp_path, anchors_every=0.02) as api:
        refused: list[str] = []
        for _ in range(1_200):
            refused += [line for line in capsys.readouterr().err.splitlines() if "anchoring_refused" in line]
            if len(refused) >= 2:
                break
            await asyncio.sleep(0.05)
        data = await api.run(world.ada.token, "{ cases { totalCount } }")

    assert len(refused) >= 2
    assert "holds no Ed25519 key" in json.loads(refused[0])["reason"]
    assert data["cases"]["totalCount"] == 1


async def test_who_is_cancelled_as_the_file_is_opened_leaves_it_closed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    place = AnchorFile(tmp_path / "anchors.jsonl")
    opened: list[Any] = []
    really_open = place._open  # to be slower than it is
    begins, goes_on = threading.Event(), threading.Event()

    def open_slowly() -> Any:
        begins.set()
        assert goes_on.wait(60)
        opened.append(really_open())
        return opened[0]

    async def hold() -> None:
        async with place.held():
            raise AssertionError("it was cancelled before")

    monkeypatch.setattr(place, "_open", open_slowly)
    holding = asyncio.create_task(hold())
    await asyncio.to_thread(begins.wait, 60)
    holding.cancel()
    asyncio.get_running_loop().call_later(0.05, goes_on.set)
    with pytest.raises(asyncio.CancelledError):
        await holding

    assert [file.closed for file in opened] == [True]
