"""One look-up of a token serves all its streams, and never for what was read before it began."""

import asyncio
import time

import pytest

from app.admin import accounts
from app.auth.authenticator import Authenticator
from app.auth.identity import Identity
from app.auth.shared_lookups import SharedLookups
from app.domain.errors import Unauthenticated
from app.domain.model import PERSON_SCOPES
from tests.support.world import World


class Counted:
    """Look-ups in the database, counted."""

    def __init__(self, world: World) -> None:
        self._authenticator = Authenticator(world.database)
        self.number = 0

    async def look_up(self, header: str | None) -> Identity:
        self.number += 1
        return (await self._authenticator.authenticate(header, fresh=True))[0]


async def test_who_asks_about_the_same_event_shares_a_look_up(world: World) -> None:
    counted = Counted(world)
    lookups, read_at = SharedLookups(counted.look_up), time.monotonic()
    header = f"Bearer {world.ada.token}"

    together = await asyncio.gather(*(lookups.identity(header, read_at) for _ in range(20)))

    assert {identity.user.id for identity in together} == {world.ada.id}
    assert counted.number == 1


async def test_tokens_share_nothing_with_each_other(world: World) -> None:
    lookups, read_at = SharedLookups(Counted(world).look_up), time.monotonic()
    tokens = [world.ada.token, world.rosa.token, world.ada.token]

    found = await asyncio.gather(*(lookups.identity(f"Bearer {token}", read_at) for token in tokens))

    assert [identity.user.id for identity in found] == [world.ada.id, world.rosa.id, world.ada.id]


async def test_what_is_read_later_is_looked_up_again_even_at_once(world: World) -> None:
    token = await accounts.create_token(world.database, world.ada.id, PERSON_SCOPES)
    lookups, header = SharedLookups(Counted(world).look_up), f"Bearer {token.secret}"
    before = time.monotonic()
    await lookups.identity(header, before)
    await accounts.revoke_token(world.database, token.row.id)

    with pytest.raises(Unauthenticated):
        await lookups.identity(header, time.monotonic())


async def test_a_look_up_that_is_under_way_is_too_old_for_what_is_read_meanwhile(world: World) -> None:
    counted = Counted(world)
    lookups, header = SharedLookups(counted.look_up), f"Bearer {world.ada.token}"
    first = asyncio.create_task(lookups.identity(header, time.monotonic()))
    await asyncio.sleep(0)
    second = asyncio.create_task(lookups.identity(header, time.monotonic()))

    await asyncio.gather(first, second)

    assert counted.number == 2


async def test_who_gives_up_leaves_the_look_up_to_the_others(world: World) -> None:
    counted = Counted(world)
    lookups, header, read_at = SharedLookups(counted.look_up), f"Bearer {world.ada.token}", time.monotonic()
    first = asyncio.create_task(lookups.identity(header, read_at))
    second = asyncio.create_task(lookups.identity(header, read_at))
    await asyncio.sleep(0)
    first.cancel()

    assert (await second).user.id == world.ada.id
    assert counted.number == 1


async def test_a_look_up_that_failed_is_tried_again(world: World) -> None:
    lookups, read_at = SharedLookups(Counted(world).look_up), time.monotonic()

    for _ in range(2):
        with pytest.raises(Unauthenticated):
            await lookups.identity("Bearer cgt_none", read_at)
