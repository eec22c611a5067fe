"""Fixtures of the tests that look inside."""

from collections.abc import AsyncIterator
from dataclasses import replace

import pytest

from app.db.engines import open_database
from tests.support.world import World


@pytest.fixture
async def elsewhere(fresh_url: str, world: World) -> AsyncIterator[World]:
    """The world as another gateway has it."""
    database = open_database(fresh_url)
    yield replace(world, database=database)
    await database.close()
