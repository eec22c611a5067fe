"""The application: settings in, an ASGI app out. Its parts and their order are listed here, once."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress

import structlog
from sqlalchemy.exc import SQLAlchemyError
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Mount, Route

from app import logs
from app.api.view import GraphQLView
from app.auth import TokenUse
from app.db.engine import Database, open_database
from app.db.migrate import head, revision
from app.idempotency import forget_old_keys
from app.pages import graphiql_routes
from app.request_id import RequestId
from app.settings import Settings, load_settings

HOUSEKEEPING_S = 60

log = structlog.get_logger()


def application() -> Starlette:
    """Return the app as the environment describes it: what a worker process imports."""
    return create_app(load_settings())


def create_app(settings: Settings) -> Starlette:
    """Return the app for *settings*. The database is opened here and closed at the end of the lifespan."""
    logs.configure(settings.log_level)
    database = open_database(settings.url, pool_size=settings.database_pool)
    token_use = TokenUse()
    view = GraphQLView(
        database,
        token_use,
        introspection=bool(settings.introspection),
        max_body_bytes=settings.max_body_bytes,
    )

    @asynccontextmanager
    async def lifespan(_app: Starlette) -> AsyncIterator[None]:
        keeper = asyncio.create_task(_keep_house(database, token_use))
        yield
        keeper.cancel()
        with suppress(asyncio.CancelledError):
            await keeper
        await token_use.flush(database)
        await database.close()

    async def ready(_request: Request) -> Response:
        return await _ready(database)

    routes: list[Route | Mount] = [
        Route("/graphql", view.respond, methods=["GET", "POST"]),
        Route("/live", _live),
        Route("/ready", ready),
    ]
    if settings.graphiql:
        routes.extend(graphiql_routes(settings.demo_people if settings.demo else ()))
    return Starlette(routes=routes, middleware=[Middleware(RequestId)], lifespan=lifespan)


async def _live(_request: Request) -> Response:
    """Say that the process runs."""
    return JSONResponse({"status": "live"})


async def _ready(database: Database) -> Response:
    """Say whether the database answers and is migrated; why not is for the log."""
    try:
        found, wanted = await revision(database), head()
    except (SQLAlchemyError, OSError) as error:
        log.warning("not_ready", reason=type(error).__name__)
        return JSONResponse({"status": "unavailable", "database": "does not answer"}, 503)
    if found != wanted:
        return JSONResponse({"status": "unavailable", "database": "is not migrated"}, 503)
    return JSONResponse({"status": "ready"})


async def _keep_house(database: Database, token_use: TokenUse) -> None:
    """Now and then, out of every request's way, write down the use of tokens and forget old idempotency keys."""
    while True:
        await asyncio.sleep(HOUSEKEEPING_S)
        try:
            await token_use.flush(database)
            await forget_old_keys(database)
        except SQLAlchemyError as error:
            log.warning("housekeeping_failed", reason=type(error).__name__)
