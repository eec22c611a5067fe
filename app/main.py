"""The application: settings in, an ASGI app out. Its parts and their order are listed here, once."""

import asyncio
import ctypes
import gc
import warnings
from collections.abc import AsyncIterator, Coroutine
from contextlib import asynccontextmanager, suppress
from datetime import timedelta

import structlog
from sqlalchemy.exc import SQLAlchemyError
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.routing import Mount, Route

from app.actions.idempotency import forget_old_keys
from app.api.endpoint import GraphQLView
from app.auth.authenticator import Authenticator
from app.auth.identity import TokenUse
from app.auth.identity_cache import Memory
from app.config import components
from app.config.anchoring import keep_anchored
from app.config.settings import Settings, load_settings
from app.db.engines import Database
from app.documents.download import DownloadEndpoint
from app.documents.links import Links
from app.documents.store import open_store
from app.documents.transfers import Transfers
from app.documents.upkeep import keep_swept
from app.documents.upload import UploadEndpoint
from app.observability import log_output, logging, metrics
from app.observability.deferred import clear_all
from app.server.health import looking, metrics_route, probe_routes
from app.server.log_lag import LogWatch
from app.server.shutdown import Draining
from app.web.admission import Door
from app.web.concurrency import Gate
from app.web.graphiql import graphiql_routes
from app.web.manual import manual_routes
from app.web.middleware.compression import Compression
from app.web.middleware.cors import Origins
from app.web.middleware.fast_path import Shortcut
from app.web.middleware.security_headers import Envelope
from app.web.rate_limit import Rates

HOUSEKEEPING_S = 60
M_ARENA_MAX = -8  # malloc.h
M_MMAP_THRESHOLD = -3

log = structlog.get_logger()


def application() -> Starlette:
    """Return the app as the environment describes it: what a worker process imports."""
    _bound_allocation()
    log_output.start()
    # An operation that is given up in the middle leaves behind what it had not begun.
    warnings.filterwarnings("ignore", "coroutine .* was never awaited", RuntimeWarning)
    app = create_app(load_settings())
    _spare_what_stays()
    return app


def _spare_what_stays() -> None:
    """Let the collector leave alone what lives as long as the process, and look at the rest less often.

    Modules and the schema are half a million objects; to walk them takes a tenth of a second, and nobody is answered.
    To clear 50 000 new ones takes as long, so that it is done for a few at a time.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(10_000, 20, 20)


def _bound_allocation() -> None:
    """Let all threads allocate from two arenas, and give back what was large, where the C library is glibc.

    By default each thread may get an arena of its own, and the size from which memory goes back rises with what was
    freed: the buffers of documents that arrive at once would each stay.
    """
    with suppress(OSError, AttributeError):
        library = ctypes.CDLL("libc.so.6")
        library.mallopt(M_ARENA_MAX, 2)
        library.mallopt(M_MMAP_THRESHOLD, 131_072)


def create_app(settings: Settings) -> Starlette:
    """Return the app for *settings*. The database is opened here and closed at the end of the lifespan."""
    logging.configure(settings.log_level)
    database = components.database(settings)
    if settings.tracing:
        components.start_tracing(database, allowance=components.allowance(settings))
    token_use = TokenUse()
    store, links = open_store(settings.documents_url, settings.data_dir), Links(database, settings.public_url)
    transfers, rates = Transfers(), components.rates(settings)
    memory = Memory(settings.identity_cache)
    door = Door(Authenticator(database, components.identity_provider(database, settings), memory), rates, token_use)
    gate = Gate(settings.max_concurrency, settings.database_pool_timeout)
    draining, watch = Draining(settings.drain), LogWatch(database, settings.log_lag_alarm)
    trusted, terms = components.trusted_documents(settings), components.terms(settings)
    view = GraphQLView(database, door, gate, trusted, terms, store, links, transfers)
    upload = UploadEndpoint(database, store, door, transfers, settings.receive_timeout)
    look = looking(gate, database)

    @asynccontextmanager
    async def lifespan(app: Starlette) -> AsyncIterator[None]:
        draining.watch()
        works = (
            keep_swept(database, store, swept=app.state.swept),
            _keep_house(database, token_use, settings.idempotency_hours),
            keep_anchored(database, settings),
            watch.keep(),
            memory.stay_told(database),
            metrics.tell_others(look),
        )
        async with _beside(*works):
            yield
        await _end(token_use, rates, database)

    routes: list[Route | Mount] = [
        Route("/graphql", view),
        Route("/documents", upload.respond, methods=["POST"]),
        Route("/documents/{id}", DownloadEndpoint(database, store, links).respond, methods=["GET"]),
        *probe_routes(database, draining, watch),
        *manual_routes(has_graphiql=bool(settings.graphiql)),
    ]
    if settings.metrics:
        routes.append(metrics_route(settings.metrics_token, look))
    if settings.graphiql:
        routes.extend(graphiql_routes(settings.demo_people if settings.demo else ()))
    onion = [
        Middleware(Envelope),
        Middleware(Origins, origins=settings.cors_origins),
        *([Middleware(Compression, min_bytes=settings.compress_min_bytes)] if settings.compress_min_bytes else ()),
        Middleware(Shortcut, path="/graphql", to=view),
    ]
    app = Starlette(routes=routes, middleware=onion, lifespan=lifespan)
    app.state.database, app.state.swept = database, asyncio.Event()
    return app


@asynccontextmanager
async def _beside(*works: Coroutine[None, None, None]) -> AsyncIterator[None]:
    """Do these works beside what is done inside, and end them with it."""
    tasks = [asyncio.create_task(work) for work in works]
    yield
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)


async def _end(token_use: TokenUse, rates: Rates, database: Database) -> None:
    """Write down what is left, and close what is open."""
    clear_all()
    await token_use.flush(database)
    await rates.close()
    await database.close()
    await asyncio.to_thread(log_output.flush)


async def _keep_house(database: Database, token_use: TokenUse, key_hours: int) -> None:
    """Now and then, out of every request's way, write down the use of tokens and forget old idempotency keys."""
    while True:
        await asyncio.sleep(HOUSEKEEPING_S)
        try:
            await token_use.flush(database)
            await forget_old_keys(database, lifetime=timedelta(hours=key_hours))
        except SQLAlchemyError as error:
            log.warning("housekeeping_failed", reason=type(error).__name__)
