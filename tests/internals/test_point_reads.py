"""What look-ups by ids are sent by: of a long operation on SQLite no batch, for which the short ones would wait."""

from app.api.dataloaders.loaders import PointReads
from app.api.execution.budget import Budget
from app.api.execution.slices import Slices
from app.db.sqlite.group_commit import GroupCommit
from tests.support.world import World


async def test_a_long_operation_has_a_connection_of_its_own_beside_other_accounts(world: World) -> None:
    slices = Slices()
    operation = slices.arrive()
    reads = PointReads(world.database, Budget(operation))

    async def shares() -> bool:
        async with reads.connection() as reader:
            return isinstance(reader, GroupCommit) or not world.database.is_sqlite

    await operation.begin(1)
    assert await shares()
    await operation.expect_long()
    assert await shares()
    await slices.arrive().begin(2)
    assert await shares() != world.database.is_sqlite
