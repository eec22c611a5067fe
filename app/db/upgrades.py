"""Rolling upgrades: which programs can go on with a database that a later one has migrated.

A migration says `phase = "expand"`, where every program that could serve before it can serve after it, or
`phase = "contract"` and `oldest_program`, the revision of the oldest program that can. One that says nothing needs the
program that it comes with. A program does not know the migrations that come after it, so the database says it.
"""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from sqlalchemy import delete, inspect, select
from sqlalchemy.ext.asyncio import AsyncConnection

from app.db import tables

if TYPE_CHECKING:
    from alembic.script import Script

OLDEST_PROGRAM = "oldest-program"
"""The row of `server_keys` with the revision of the oldest program that can serve."""

EXPAND, CONTRACT = "expand", "contract"


def needed_program(step: "Script") -> str | None:
    """Return the oldest program that a migration leaves room for, None where it leaves it for all.

    Raises: ValueError, where the migration says something else.
    """
    phase, oldest = getattr(step.module, "phase", None), getattr(step.module, "oldest_program", None)
    match phase, oldest:
        case None, None:
            return step.revision
        case "expand", None:
            return None
        case "contract", str(revision):
            return revision
    raise ValueError(f"migration {step.revision}: phase is expand, or contract with an oldest_program")


def phase_of(step: "Script") -> str:
    """Return what the migration is: expand, or contract, which is also what says nothing."""
    return CONTRACT if needed_program(step) else EXPAND


def oldest_of(steps: "Sequence[Script]") -> str | None:
    """Return the oldest program that can serve after all *steps*, None where any can."""
    order = {step.revision: index for index, step in enumerate(steps)}
    needed = [program for step in steps if (program := needed_program(step)) is not None]
    return max(needed, key=lambda program: order.get(program, -1), default=None)


async def oldest_program(connection: AsyncConnection) -> str | None:
    """Return the oldest program that can serve the database, as a later one has noted it; None where none has."""
    if not await connection.run_sync(lambda sync: inspect(sync).has_table("server_keys")):
        return None
    keys = tables.server_keys.c
    found: str | None = await connection.scalar(select(keys.value).where(keys.name == OLDEST_PROGRAM))
    return found


async def note_oldest_program(connection: AsyncConnection, steps: "Sequence[Script]") -> None:
    """Note the oldest program that can serve after all *steps*, unless that is the newest one."""
    if not steps:
        return
    oldest, keys = oldest_of(steps), tables.server_keys
    wanted = None if oldest == steps[-1].revision else oldest
    if await oldest_program(connection) == wanted:
        return
    await connection.execute(delete(keys).where(keys.c.name == OLDEST_PROGRAM))
    if wanted is not None:
        await connection.execute(keys.insert().values(name=OLDEST_PROGRAM, value=wanted))
