"""Tampering with the account's own log: what leaves it consistent is found by what was anchored before."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import pytest
from sqlalchemy import delete, insert, select, text, update

from app.admin import accounts
from app.audit.account_logs import verify_account_logs
from app.audit.anchors.checking import Findings, check_anchors
from app.audit.anchors.checkpoint import AnchorError, public_key
from app.audit.anchors.keys import read_key
from app.audit.anchors.places import open_place
from app.audit.anchors.writing import Anchorer
from app.db import tables
from app.db.engines import Database
from app.domain.action_log import GENESIS
from app.domain.model import CaseStatus
from tests.support.account_logs import cut_account_log, log_size, rewrite_account_log, verdict_on
from tests.support.anchored_cases import ACCOUNT_ROWS
from tests.support.tampering import tamper, undone
from tests.support.world import World, make_world

LOG = tables.account_actions

Faults = dict[UUID, tuple[int, str]]


@dataclass(frozen=True, slots=True)
class Archive:
    """Two accounts whose own logs are anchored; then somebody comes by."""

    world: World
    other: World
    anchorer: Anchorer
    key_path: Path

    @property
    def database(self) -> Database:
        return self.world.database

    @property
    def account_id(self) -> UUID:
        return self.world.account_id

    async def findings(self) -> Findings:
        return await check_anchors(self.database, self.anchorer.place, public_key(read_key(self.key_path)))

    async def faults(self, *, anchors: bool) -> Faults:
        """Return the first bad row of each bad log, and its kind."""
        findings = await self.findings() if anchors else None
        assert findings is None or findings.fault is None
        verdicts = [verdict async for verdict in verify_account_logs(self.database, None, findings)]
        return {
            verdict.account_id: (verdict.fault.seq, verdict.fault.kind)
            for verdict in verdicts
            if verdict.fault is not None
        }


@pytest.fixture
async def archive(world: World, tmp_path: Path) -> Archive:
    other = await make_world(world.database)
    key_path = tmp_path / "anchors.key"
    anchorer = Anchorer(world.database, open_place("", tmp_path), key_path, tmp_path / "anchors.heads")
    await anchorer.anchor()
    return Archive(world, other, anchorer, key_path)


def row_of(account_id: UUID, seq: int) -> Any:
    return (LOG.c.account_id == account_id) & (LOG.c.seq == seq)


# --- Ways that leave the log consistent -------------------------------------------------------------------------------


def changed(column: str, value: Callable[[Archive], Any]) -> Callable[[Archive], Awaitable[None]]:
    async def change(archive: Archive) -> None:
        statement = update(LOG).where(row_of(archive.account_id, 4)).values({column: value(archive)})
        await rewrite_account_log(archive.database, archive.account_id, statement)

    return change


async def cut_the_end_off(archive: Archive) -> None:
    await cut_account_log(archive.database, archive.account_id, ACCOUNT_ROWS - 2)


async def cut_all_off(archive: Archive) -> None:
    await cut_account_log(archive.database, archive.account_id, 0)


async def cut_and_go_on(archive: Archive) -> None:
    await cut_account_log(archive.database, archive.account_id, 5)
    await accounts.revoke_account(archive.database, archive.account_id)


async def take_a_row_out(archive: Archive) -> None:
    statement = delete(LOG).where(row_of(archive.account_id, 7))
    await rewrite_account_log(archive.database, archive.account_id, statement)


async def put_a_row_in(archive: Archive) -> None:
    moved = [
        update(LOG).where(row_of(archive.account_id, seq)).values(seq=seq + 1) for seq in range(ACCOUNT_ROWS, 5, -1)
    ]
    async with archive.database.read() as connection:
        row = dict((await connection.execute(select(LOG).where(row_of(archive.account_id, 5)))).mappings().one())
    added = insert(LOG).values(row | {"id": uuid4(), "seq": 6})
    await rewrite_account_log(archive.database, archive.account_id, *moved, added)


async def swap_two_rows(archive: Archive) -> None:
    steps = [(3, 99), (4, 3), (99, 4)]
    swapped = [update(LOG).where(row_of(archive.account_id, old)).values(seq=new) for old, new in steps]
    await rewrite_account_log(archive.database, archive.account_id, *swapped)


async def take_another_account_s_row(archive: Archive) -> None:
    theirs = update(LOG).where(row_of(archive.other.account_id, ACCOUNT_ROWS))
    gone = delete(LOG).where(row_of(archive.account_id, 6))
    moved = theirs.values(account_id=archive.account_id, seq=6)
    await rewrite_account_log(archive.database, archive.account_id, gone, moved)
    await rewrite_account_log(archive.database, archive.other.account_id)


async def exchange_the_logs(archive: Archive) -> None:
    ids, between = (archive.account_id, archive.other.account_id), 1_000
    parked = update(LOG).where(LOG.c.account_id == ids[0]).values(account_id=ids[1], seq=LOG.c.seq + between)
    there = update(LOG).where(LOG.c.account_id == ids[1], LOG.c.seq < between).values(account_id=ids[0])
    back = update(LOG).where(LOG.c.seq > between).values(seq=LOG.c.seq - between)
    await tamper(archive.database, parked, there, back)
    for account_id in ids:
        await rewrite_account_log(archive.database, account_id)


# Who does what; then where the anchors say that the account's log, and the other's, is bad.
CONSISTENT: dict[str, tuple[Callable[[Archive], Awaitable[None]], tuple[int, str], tuple[int, str] | None]] = {
    **{
        f"{column} changed": (changed(column, value), (4, "rewritten"), None)
        for column, value in {
            "id": lambda _: uuid4(),
            "type": lambda _: "UPDATE_USER",
            "source": lambda _: "API",
            "user_id": lambda archive: archive.world.aldo.id,
            "token_id": lambda archive: archive.world.aldo.identity.actor.token_id,
            "roles": lambda _: "ADMIN",
            "approval": lambda _: "GIVEN",
            "target_user_id": lambda archive: archive.world.bea.id,
            "target_token_id": lambda archive: archive.world.bea.identity.actor.token_id,
            "change_id": lambda _: uuid4(),
            "details": lambda _: '{"roles":["ADMIN"]}',
            "created_at": lambda archive: archive.world.aldo.identity.user.created_at.replace(year=2021),
            "request_id": lambda _: "another",
        }.items()
    },
    "the end cut off": (cut_the_end_off, (ACCOUNT_ROWS - 1, "truncated"), None),
    "all cut off": (cut_all_off, (1, "truncated"), None),
    "cut off and gone on from": (cut_and_go_on, (6, "rewritten"), None),
    "a row taken out": (take_a_row_out, (7, "rewritten"), None),
    "a row put in": (put_a_row_in, (6, "rewritten"), None),
    "two rows swapped": (swap_two_rows, (3, "rewritten"), None),
    "another account's row": (take_another_account_s_row, (6, "rewritten"), (ACCOUNT_ROWS, "truncated")),
    "the logs exchanged": (exchange_the_logs, (1, "rewritten"), (1, "rewritten")),
}


async def test_a_log_that_was_made_consistent_again_is_found_by_its_anchors(archive: Archive) -> None:
    for what, (tampering, own, others) in CONSISTENT.items():
        assert await archive.faults(anchors=True) == {}, what
        expected = {archive.account_id: own} | ({} if others is None else {archive.other.account_id: others})
        async with undone(archive.database, tables.accounts, tables.users, tables.api_tokens, LOG):
            await tampering(archive)

            found = (await archive.findings()).accounts
            assert {id: (fault.seq, fault.kind) for id, fault in found.items()} == expected, what
            assert (await archive.faults(anchors=True)).keys() == expected.keys(), what
            # What is bad is not anchored over.
            with pytest.raises(AnchorError, match="own log, the last that was anchored, is gone or is another"):
                await archive.anchorer.anchor()


def test_every_column_is_tried_or_is_of_the_chain() -> None:
    # `subject_id` is held against the row's details, which are hashed: tests/audit/test_evaluations.py changes it.
    chain = {"account_id", "seq", "prev_hash", "hash", "subject_id"}
    assert {f"{column.name} changed" for column in LOG.c if column.name not in chain} <= set(CONSISTENT)


async def test_rows_that_came_after_the_last_anchor_are_no_fault(archive: Archive) -> None:
    await accounts.revoke_account(archive.database, archive.account_id)

    assert await archive.faults(anchors=True) == {}


async def test_the_earlier_of_two_faults_is_named(archive: Archive) -> None:
    await cut_the_end_off(archive)
    await tamper(archive.database, update(LOG).where(row_of(archive.account_id, 3)).values(details="{}"))

    assert await archive.faults(anchors=True) == {archive.account_id: (3, "content")}


async def test_an_account_that_was_taken_away_whole_is_found(archive: Archive) -> None:
    made = await accounts.create_account(archive.database, "Gone")
    await archive.anchorer.anchor()
    account = tables.accounts
    await tamper(
        archive.database,
        delete(LOG).where(LOG.c.account_id == made.id),
        delete(account).where(account.c.id == made.id),
    )

    assert await archive.faults(anchors=True) == {made.id: (1, "truncated")}
    with pytest.raises(AnchorError, match="an account whose log is anchored is gone"):
        await archive.anchorer.anchor()


async def test_a_count_or_hash_that_is_set_back_alone_is_found_without_anchors(archive: Archive) -> None:
    account = tables.accounts
    own = update(account).where(account.c.id == archive.account_id)
    other = update(account).where(account.c.id == archive.other.account_id)
    await tamper(archive.database, own.values(admin_action_count=11), other.values(admin_head_hash=GENESIS))

    assert await archive.faults(anchors=False) == {
        archive.account_id: (12, "link"),
        archive.other.account_id: (ACCOUNT_ROWS, "link"),
    }


async def test_a_log_that_is_whole_to_its_anchored_row_is_named_where_it_is_cut_later(archive: Archive) -> None:
    """Rows that no anchor holds are in the chain's care alone."""
    for _ in range(3):
        await accounts.revoke_account(archive.database, archive.account_id)
    await tamper(archive.database, delete(LOG).where(row_of(archive.account_id, ACCOUNT_ROWS + 2)))

    assert (await archive.faults(anchors=True))[archive.account_id] == (ACCOUNT_ROWS + 2, "gap")


async def test_one_account_s_verdict_does_not_depend_on_another_s(archive: Archive) -> None:
    await cut_the_end_off(archive)
    findings = await archive.findings()

    assert (await verdict_on(archive.database, archive.other.account_id, findings)).fault is None
    assert await log_size(archive.database, archive.account_id) == ACCOUNT_ROWS - 2


# --- Anchoring goes on, or does not -----------------------------------------------------------------------------------


@pytest.mark.parametrize("how", ["cut off", "rewritten"])
async def test_a_case_s_end_is_looked_at_where_the_last_anchor_holds_accounts_rows_alone(
    archive: Archive, how: str
) -> None:
    await archive.world.case_in(CaseStatus.IN_PROGRESS)
    await archive.anchorer.anchor()
    await accounts.revoke_user(archive.database, archive.world.aldo.id)
    await archive.anchorer.anchor()
    rows = tables.case_actions
    change: Any = delete(rows) if how == "cut off" else update(rows).values(hash="1" * 64)
    await tamper(archive.database, change.where(rows.c.seq == 2))
    await accounts.revoke_user(archive.database, archive.world.bea.id)

    with pytest.raises(AnchorError, match="case's row that was anchored before anchor 3 is gone or is another"):
        await archive.anchorer.anchor()


async def test_a_value_that_is_none_of_its_kind_is_named_before_what_the_anchors_say(archive: Archive) -> None:
    await cut_the_end_off(archive)
    await tamper(archive.database, text("UPDATE account_actions SET type = 'NO_SUCH_THING' WHERE seq = 5"))

    assert (await archive.faults(anchors=True))[archive.account_id] == (5, "content")
