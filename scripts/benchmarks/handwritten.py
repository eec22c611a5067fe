"""The first yardstick: the same operations as a specialist writes them by hand, without GraphQL.

Starlette, orjson, and the driver itself with the fewest statements, on the lean schema (`lean`). The same token is
checked by the same hash and the same rules hold, and each action is a row of a hash chain. It has no limits, logs,
metrics or languages.
Served by `uvicorn --factory scripts.benchmarks.handwritten:application`, on the database of BENCH_DATABASE_URL.
"""

import os
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from typing import Any, Protocol
from uuid import UUID

import orjson
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from app import clock
from app.auth.identity import bearer, secret_hash
from app.domain.errors import Refusal
from scripts.benchmarks.handwritten_postgresql import Postgresql
from scripts.benchmarks.handwritten_sqlite import Sqlite

Answer = Mapping[str, Any]


class Archive(Protocol):
    """What is done on a database; the first argument is the hash of the token."""

    async def open(self) -> None: ...
    async def close(self) -> None: ...
    async def case(self, secret: str, case_id: UUID) -> Answer: ...
    async def worklist(self, secret: str, before: int | None, first: int) -> Answer: ...
    async def comment(self, secret: str, case_id: UUID, body: str, request_id: str) -> Answer: ...
    async def accept(self, secret: str, case_id: UUID, override_id: UUID, version: int, request_id: str) -> Answer: ...


def application() -> Starlette:
    """Return the app for the database that the environment names."""
    url = os.environ["BENCH_DATABASE_URL"]
    archive: Archive = Sqlite(url) if url.startswith("sqlite") else Postgresql(url)

    async def case(secret: str, body: Any) -> Answer:
        return await archive.case(secret, UUID(body["id"]))

    async def worklist(secret: str, body: Any) -> Answer:
        return await archive.worklist(secret, body.get("before"), body["first"])

    async def comment(secret: str, body: Any) -> Answer:
        words = body["body"].strip()
        if not 1 <= len(words) <= 10_000 or "\0" in words:
            raise ValueError(words)
        return await archive.comment(secret, UUID(body["caseId"]), words, str(clock.new_id()))

    async def accept(secret: str, body: Any) -> Answer:
        ids = UUID(body["caseId"]), UUID(body["overrideId"])
        return await archive.accept(secret, *ids, body["expectedVersion"], str(clock.new_id()))

    @asynccontextmanager
    async def lifespan(_app: Starlette) -> AsyncIterator[None]:
        await archive.open()
        yield
        await archive.close()

    endpoints = {"/case": case, "/worklist": worklist, "/comment": comment, "/accept": accept}
    routes = [Route(path, _endpoint(work), methods=["POST"]) for path, work in endpoints.items()]
    return Starlette(routes=routes, lifespan=lifespan)


def _endpoint(work: Callable[[str, Any], Awaitable[Answer]]) -> Callable[[Request], Awaitable[Response]]:
    async def respond(request: Request) -> Response:
        try:
            secret = secret_hash(bearer(request.headers.get("authorization")))
            data = await work(secret, orjson.loads(await request.body()))
        except Refusal as refusal:
            return _json(409, {"errors": [{"code": refusal.code}]})
        except (KeyError, ValueError):
            return _json(400, {"errors": [{"code": "INVALID_INPUT"}]})
        return _json(200, {"data": data})

    return respond


def _json(status: int, content: Answer) -> Response:
    # asyncpg's ids are a faster kind of their own, which orjson leaves to str.
    return Response(orjson.dumps(content, default=str), status, media_type="application/json")
