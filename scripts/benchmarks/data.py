"""The data that is measured on: three accounts, one to read, one to comment in, one whose overrides are decided.

What is read never changes, so that answers can be compared to the byte, and each decision finds an override of its own.
"""

import random
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from uuid import UUID

from sqlalchemy import func, select

from app.admin import accounts
from app.db import tables
from app.db.engines import Database, open_database
from app.db.migrate import migrate
from app.domain.model import PERSON_SCOPES, ActionType, Role
from scripts.benchmarks.bulk import fill_in_bulk
from scripts.benchmarks.generate import analyze, fill, make_people, write
from scripts.benchmarks.histories import START, History, People, opening

DOCUMENTED = 0.3
SOME = 20_000


@dataclass(frozen=True, slots=True)
class Size:
    """How many cases and actions there are to read, cases to comment on, and overrides to decide."""

    cases: int
    actions: int
    commented: int
    decided: int


@dataclass(frozen=True, slots=True)
class Desk:
    """An account and the token of somebody who may do everything there."""

    account_id: UUID
    user_id: UUID
    token: str


@dataclass(frozen=True, slots=True)
class Data:
    """What was made; the cases to read are (id, number), newest first, and decisions are (case, override).

    Of many cases there are some from all over the archive.
    """

    url: str
    reading: Desk
    commenting: Desk
    deciding: Desk
    cases: tuple[tuple[UUID, int], ...]
    commented: tuple[UUID, ...]
    decided: tuple[tuple[UUID, UUID], ...]


async def make_data(url: str, size: Size, bulk: Callable[[str], None] | None = None) -> Data:
    """Migrate the empty database at *url*, and fill it; where *bulk* says how far it is, in bulk, on PostgreSQL."""
    database = open_database(url)
    try:
        await migrate(database)
        reading, people = await _desk(database, "Reading")
        if bulk is None:
            await fill(database, reading.account_id, people, size.cases, size.actions)
        else:
            await fill_in_bulk(url, reading.account_id, people, size.actions, bulk)
        commenting, people = await _desk(database, "Commenting")
        open_cases = _open(commenting.account_id, people, size.commented)
        await write(database, commenting.account_id, open_cases)
        deciding, people = await _desk(database, "Deciding")
        await write(database, deciding.account_id, _pending(deciding.account_id, people, size.decided))
        await analyze(database)
        return await _found(database, url, reading, commenting, deciding)
    finally:
        await database.close()


async def data_at(url: str, reading: Desk, commenting: Desk, deciding: Desk) -> Data:
    """Return what was made at *url* before."""
    database = open_database(url)
    try:
        return await _found(database, url, reading, commenting, deciding)
    finally:
        await database.close()


async def _desk(database: Database, name: str) -> tuple[Desk, People]:
    account = await accounts.create_account(database, name)
    people = await make_people(database, account.id)
    roles = (Role.CONTRIBUTOR, Role.REVIEWER)
    email, start = f"bench@{account.id}.example", lambda: START  # who is a reviewer since then may decide on all of it
    user = await accounts.create_user(database, account.id, email=email, name="Bea Bench", roles=roles, now=start)
    token = await accounts.create_token(database, user.id, PERSON_SCOPES)
    return Desk(account.id, user.id, token.secret), People(people.ids, DOCUMENTED)


def _open(account_id: UUID, people: People, cases: int) -> Iterator[History]:
    """Yield cases with a few comments, on which anybody may comment."""
    dice = random.Random(2)
    for number in range(1, cases + 1):
        history = opening(account_id, people, number, dice)
        for _ in range(dice.randint(1, 4)):
            history.act(dice, people, ActionType.COMMENT)
        yield history


def _pending(account_id: UUID, people: People, cases: int) -> Iterator[History]:
    """Yield cases with an override that waits for a decision."""
    dice = random.Random(3)
    for number in range(1, cases + 1):
        history = opening(account_id, people, number, dice)
        history.act(dice, people, ActionType.REQUEST_OVERRIDE)
        yield history


async def _found(database: Database, url: str, reading: Desk, commenting: Desk, deciding: Desk) -> Data:
    case, override = tables.cases.c, tables.overrides.c
    newest = select(case.id, case.number).order_by(case.number.desc())
    pending = select(override.case_id, override.id).where(override.account_id == deciding.account_id)
    async with database.read() as connection:
        last = await connection.scalar(select(func.max(case.number)).where(case.account_id == reading.account_id)) or 0
        some = case.number % max(1, last // SOME) == 0
        read = (await connection.execute(newest.where(case.account_id == reading.account_id, some))).all()
        commented = (await connection.execute(newest.where(case.account_id == commenting.account_id))).all()
        decided = (await connection.execute(pending.order_by(override.id))).all()
    return Data(
        url=url,
        reading=reading,
        commenting=commenting,
        deciding=deciding,
        cases=tuple((row[0], row[1]) for row in read),
        commented=tuple(row[0] for row in commented),
        decided=tuple((row[0], row[1]) for row in decided),
    )
