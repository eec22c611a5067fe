"""What tests of the identity cache share: an app that remembers who holds a token, and whether it does."""

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from tests.support.api import Api
from tests.support.recorded_sql import recorded

LOOKED_UP = "SELECT api_tokens users accounts user_roles"
SOON_S = 60


@asynccontextmanager
async def remembering_api(url: str, folder: Path, **settings: Any) -> AsyncIterator[Api]:
    """Yield the app with its memory of identities."""
    async with Api.opened(url, data_dir=folder, identity_cache=60, **settings) as opened:
        yield opened


async def looks_up(api: Api, token: str) -> bool:
    """Tell whether a read asks the database who holds *token*."""
    with recorded() as reported:
        await api.send(token, "{ __typename }")
    return LOOKED_UP in reported


async def until(holds: Callable[[], Awaitable[bool]]) -> None:
    """Wait until it *holds*."""
    end = time.monotonic() + SOON_S
    while not await holds():
        assert time.monotonic() < end, "it never came about"
        await asyncio.sleep(0.02)


async def remember(api: Api, token: str) -> None:
    """Have *api* remember who holds *token*."""

    async def remembers() -> bool:
        return not await looks_up(api, token)

    await until(remembers)
