"""What the demanding attacks are sent to: an account with an archive and two busy cases, and another beside it."""

import json
from dataclasses import asdict, dataclass
from pathlib import Path
from uuid import UUID

from app.db.engines import open_database
from app.db.migrate import migrate
from app.domain.commands import AddComment
from app.domain.model import Scope
from scripts.benchmarks.generate import analyze
from tests.support.bulk import filled
from tests.support.world import World, make_world, person_of

ACTIONS_A_CASE = 3
READERS = 12
BODY = "Rechnung über 1.000 € geprüft. "


@dataclass(frozen=True, slots=True)
class Archive:
    """Tokens and ids. `token` may do everything, `reading` may only read; `other` is somebody of another account.

    `others`: tokens of the same person, so many that who reads by them in turn reaches the rate of none.

    `disputed` has many overrides, `discussed` many comments as long as they can be, which begin with their numbers.
    """

    token: str
    reading: str
    other: str
    others: tuple[str, ...]
    disputed: UUID
    discussed: UUID
    other_case: UUID

    def keep(self, file: Path) -> None:
        """Write it down, so that it can be attacked again in the database where it is."""
        file.write_text(json.dumps(asdict(self), default=str))

    @classmethod
    def kept(cls, file: Path) -> "Archive":
        """Return what was written down."""
        values = json.loads(file.read_text())
        ids = {name: UUID(values[name]) for name in ("disputed", "discussed", "other_case")}
        return cls(**values | ids | {"others": tuple(values["others"])})


async def make_archive(url: str, *, cases: int, overrides: int = 300, comments: int = 300) -> Archive:
    """Migrate the empty database at *url* where it is not yet, and fill it."""
    database = open_database(url)
    try:
        await migrate(database)
        world, beside = await make_world(database), await make_world(database)
        await filled(world, cases, cases * ACTIONS_A_CASE)
        disputed = await _disputed(world, overrides)
        discussed = await _discussed(world, comments)
        await analyze(database)
        return Archive(
            world.bea.token,
            (await person_of(database, world.carl.id, Scope.CASES_READ)).token,
            beside.ada.token,
            tuple([(await person_of(database, beside.ada.id, Scope.CASES_READ)).token for _ in range(READERS)]),
            disputed,
            discussed,
            (await beside.open_case()).case.id,
        )
    finally:
        await database.close()


async def _disputed(world: World, overrides: int) -> UUID:
    case_id = (await world.open_case()).case.id
    for _ in range(overrides):
        await world.request_override(case_id)
        await world.cancel(case_id)
    return case_id


async def _discussed(world: World, comments: int) -> UUID:
    case_id = (await world.open_case()).case.id
    for number in range(comments):
        body = f"{number} {BODY * 400}"[:10_000].strip()
        await world.do(world.ada, AddComment(case_id=case_id, comment=body))
    return case_id
