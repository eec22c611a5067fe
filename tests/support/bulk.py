"""An account full of cases, written in bulk by the benchmarks' generator, and all of it read back as plain rows."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from sqlalchemy import select

from app.db import tables
from app.db.engines import Database
from scripts.benchmarks.generate import fill
from scripts.benchmarks.histories import People
from tests.support.world import World

Record = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Archive:
    """What is in the tables, put together by hand: the oracle of what is read."""

    cases: Sequence[Record]
    subjects: Mapping[UUID, Record]
    overrides: Mapping[UUID, Sequence[Record]]
    reviewers: Mapping[UUID, Sequence[UUID]]
    actions: Mapping[UUID, Sequence[Record]]

    def pending(self, case: Record) -> Record | None:
        return next((row for row in self.overrides[case["id"]] if row["status"] == "PENDING"), None)


async def filled(world: World, cases: int = 60, actions: int = 400, seed: int = 1) -> None:
    """Fill the world's account with cases of Ada, Carl, Rosa, Rolf and Bea, who here all do everything."""
    people = People([person.id for person in (world.ada, world.carl, world.rosa, world.rolf, world.bea)])
    await fill(world.database, world.account_id, people, cases, actions, seed)


async def archive(database: Database, account_id: UUID) -> Archive:
    """Read back all that an account has."""
    async with database.read() as connection:

        async def rows(name: str) -> list[Record]:
            table = tables.metadata.tables[name]
            statement = select(table)
            if "account_id" in table.c:
                statement = statement.where(table.c.account_id == account_id)
            return [dict(row) for row in (await connection.execute(statement)).mappings()]

        overrides, actions = defaultdict(list), defaultdict(list)
        for row in await rows("overrides"):
            overrides[row["case_id"]].append(row)
        for row in sorted(await rows("case_actions"), key=lambda row: row["seq"]):
            actions[row["case_id"]].append(row)
        reviewers = defaultdict(list)
        for row in sorted(await rows("override_reviewers"), key=lambda row: row["position"]):
            reviewers[row["override_id"]].append(row["reviewer_id"])
        subjects = {row["id"]: row for row in await rows("subjects")}
        return Archive(await rows("cases"), subjects, overrides, reviewers, actions)
