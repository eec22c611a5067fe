"""A client of the gateway's app: documents in, bodies out, the real application on a real database."""

import asyncio
import importlib.util
import sys
import tempfile
from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx2

from app.main import create_app
from tests.support.given_settings import GivenSettings

SWEPT_S = 3
"""How long the first sweep may take."""

if importlib.util.find_spec("sniffio") is None:
    # httpx2's ASGI transport imports it for each request, and each time Python looks through all folders in vain.
    sys.modules["sniffio"] = None  # type: ignore[assignment]  # that is how an import is made to fail at once


@dataclass(frozen=True, slots=True)
class Api:
    """The app, reached over ASGI."""

    client: httpx2.AsyncClient

    @classmethod
    def opened(cls, url: str, **settings: Any) -> AbstractAsyncContextManager["Api"]:
        """Yield the app of these settings, its lifespan running; files go to a folder that is gone afterwards.

        It goes without what a server does beside requests, at its start and now and then: that takes longer than the
        requests of most tests, and what it asks and writes is nothing of a test's own doing.
        """
        return cls._opened(url, settings, has_upkeep=False)

    @classmethod
    def with_upkeep(cls, url: str, **settings: Any) -> AbstractAsyncContextManager["Api"]:
        """Do as `opened`, with all that a server does; the first sweep is over."""
        return cls._opened(url, settings, has_upkeep=True)

    @classmethod
    @asynccontextmanager
    async def _opened(cls, url: str, settings: dict[str, Any], *, has_upkeep: bool) -> AsyncIterator["Api"]:
        unlimited: dict[str, Any] = {"rate_limit": 0, "failed_auth_limit": 0, "database_pool_timeout": 15}
        unlimited["identity_cache"] = 0  # tests change who may do what, and wait for no news of it
        unlimited["deadline"] = 120  # a slow machine takes its time
        unlimited["webhooks"] = False  # what delivers reads now and then, which is nothing of a test's own doing
        with tempfile.TemporaryDirectory() as folder:
            given = GivenSettings(database_url=url, **({"data_dir": Path(folder)} | unlimited | settings))
            app = create_app(given, has_upkeep=has_upkeep)
            transport = httpx2.ASGITransport(app=app, raise_app_exceptions=False)
            async with (
                app.router.lifespan_context(app),
                httpx2.AsyncClient(transport=transport, base_url="http://test") as client,
            ):
                if has_upkeep:
                    with suppress(TimeoutError):
                        await asyncio.wait_for(app.state.swept.wait(), SWEPT_S)
                yield cls(client)

    async def send(
        self, token: str | None, query: str, variables: dict[str, Any] | None = None, **headers: str
    ) -> httpx2.Response:
        """Send a document; a header's underscores become hyphens."""
        sent = {name.replace("_", "-"): value for name, value in headers.items()}
        if token is not None:
            sent["Authorization"] = f"Bearer {token}"
        return await self.client.post("/graphql", json={"query": query, "variables": variables}, headers=sent)

    async def run(
        self, token: str | None, query: str, variables: dict[str, Any] | None = None, **headers: str
    ) -> dict[str, Any]:
        """Send a document that must succeed, and return its data."""
        body = (await self.send(token, query, variables, **headers)).json()
        assert "errors" not in body, body
        data: dict[str, Any] = body["data"]
        return data

    async def act(self, token: str | None, mutation: str, input: dict[str, Any], selection: str = "") -> dict[str, Any]:
        """Run one mutation, and return its payload with `errors` and what *selection* adds."""
        type_name = mutation[0].upper() + mutation[1:] + "Input!"
        document = (
            f"mutation($input: {type_name}) {{ {mutation}(input: $input) {{"
            f" errors {{ __typename code message path }} {selection} }} }}"
        )
        data = await self.run(token, document, {"input": input})
        payload: dict[str, Any] = data[mutation]
        return payload


async def refusals(api: Api, token: str, query: str) -> list[tuple[str, list[str]]]:
    """Return of each refusal its code and the argument that it is about."""
    body = (await api.send(token, query)).json()
    return [(error["extensions"]["code"], error["extensions"]["argument"]) for error in body["errors"]]
