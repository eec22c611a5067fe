"""Probes: liveness, readiness and metrics of the process."""

import asyncio
import hmac
from collections.abc import Callable

import structlog
from prometheus_client import CONTENT_TYPE_LATEST
from sqlalchemy.exc import SQLAlchemyError
from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response
from starlette.routing import Route

from app.db.engines import Database
from app.db.replicas.routing import Replicas
from app.db.revisions import can_serve, is_of_later_version, revision
from app.observability import metrics
from app.server.log_lag import LogWatch
from app.server.shutdown import Shutdown
from app.web.concurrency import ConcurrencyLimiter

ANSWER_S = 5
"""Seconds after which the database is taken for one that does not answer."""

log = structlog.get_logger()


def probe_routes(
    database: Database, draining: Shutdown, watch: LogWatch, replicas: Replicas | None = None
) -> list[Route]:
    """Return the routes of `/live` and `/ready`."""

    async def respond(_request: Request) -> Response:
        if draining.has_begun:
            return JSONResponse({"status": "unavailable", "process": "is coming to its end"}, 503)
        return await ready(database, watch, replicas)

    return [Route("/live", live), Route("/ready", respond)]


def metrics_route(token: str, look: Callable[[], None], *, is_shared: bool) -> Route:
    """Return the route of `/metrics`, open to those who have the token, or to all where there is none.

    *look* sets the gauges that are only read on a scrape; *is_shared*: see `metrics.exposition`.
    """

    async def respond(request: Request) -> Response:
        given = request.headers.get("authorization", "")
        if token and not hmac.compare_digest(given.encode(), f"Bearer {token}".encode()):
            return PlainTextResponse("unauthorized\n", 401, {"WWW-Authenticate": "Bearer"})
        look()
        return Response(metrics.exposition(is_shared=is_shared), media_type=CONTENT_TYPE_LATEST)

    return Route("/metrics", respond)


def looking(gate: ConcurrencyLimiter, database: Database, replicas: Replicas | None = None) -> Callable[[], None]:
    """Return what notes how full the process is now."""

    def look() -> None:
        of_replicas = replicas.connections_in_use() if replicas else {}
        metrics.note_fullness(gate.inside, database.connections_in_use() | of_replicas)

    return look


async def live(_request: Request) -> Response:
    """Say that the process runs."""
    return JSONResponse({"status": "live"})


async def ready(database: Database, watch: LogWatch, replicas: Replicas | None = None) -> Response:
    """Say whether the database answers and can be served; why not is for the log.

    Where the logs are held back it is ready, since it reads and writes; the answer says what holds them back. So it is
    without its replicas, of which the answer says how they are.
    """
    try:
        async with asyncio.timeout(ANSWER_S):
            found = await revision(database)
            can = await can_serve(database, found)
    except (SQLAlchemyError, OSError, TimeoutError) as error:
        log.warning("not_ready", reason=type(error).__name__)
        return JSONResponse({"status": "unavailable", "database": "does not answer"}, 503)
    if not can:
        reason = "was migrated by a later version" if is_of_later_version(found) else "is not migrated"
        return JSONResponse({"status": "unavailable", "database": reason}, 503)
    of_replicas = replicas.details() if replicas else {}
    return JSONResponse({"status": "ready", **watch.details(), **of_replicas})
