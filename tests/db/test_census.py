"""What a downgrade would lose, counted by column: only values that are not what the column has by default."""

from collections.abc import Mapping
from dataclasses import replace

import pytest
from sqlalchemy import update

from app.db import tables
from app.db.census import Counted, census, lost
from tests.support.account_logs import log_size
from tests.support.tampering import tamper
from tests.support.world import World

PERMANENT = ("account_actions", "case_actions")
"""What the database itself says by its triggers, which tampering puts aside."""


async def counted(world: World) -> Mapping[str, Counted]:
    async with world.database.read() as connection:
        return await connection.run_sync(census, PERMANENT)


def without(found: Mapping[str, Counted], table: str, column: str) -> Mapping[str, Counted]:
    """Return the census as it is once the column is gone."""
    was = found[table]
    left = {name: value for name, value in was.columns.items() if name != column}
    given = {name: value for name, value in was.given.items() if name != column}
    return {**found, table: replace(was, columns=left, given=given)}


async def test_a_column_that_goes_with_its_default_alone_is_no_loss(world: World) -> None:
    before = await counted(world)
    rows = await log_size(world.database, world.account_id)

    # The command line's rows name no change, and Casegate's first rows had the format that is the default.
    assert lost(before, without(before, "account_actions", "change_id")) == []
    (loss,) = lost(before, without(before, "account_actions", "details"))
    assert (loss.table, loss.column, loss.rows) == ("account_actions", "details", rows)


@pytest.mark.parametrize(("version", "losses"), [(1, []), (2, ["case_actions.format (1 row)"])])
async def test_the_format_of_rows_is_lost_where_it_is_not_the_first(
    world: World, version: int, losses: list[str]
) -> None:
    await world.open_case()
    await tamper(world.database, update(tables.case_actions).values(format=version))
    before = await counted(world)

    after = without(before, "case_actions", "format")

    assert [str(loss) for loss in lost(before, after)] == losses


async def test_the_salts_of_addresses_are_a_loss_where_there_are_any(world: World) -> None:
    before = await counted(world)
    (loss,) = lost(before, without(before, "users", "email_salt"))
    assert str(loss) == "users.email_salt (6 rows)"

    await tamper(world.database, update(tables.users).values(email_salt=None))
    none = await counted(world)
    assert lost(none, without(none, "users", "email_salt")) == []


async def test_a_value_that_changes_is_a_loss(world: World) -> None:
    before = await counted(world)
    await tamper(world.database, update(tables.account_actions).values(request_id="another"))

    (loss,) = lost(before, await counted(world))

    assert (loss.table, loss.column) == ("account_actions", "request_id")
