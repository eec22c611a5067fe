"""The application: settings in, an ASGI app out. Its components and their order are listed here, once."""

import asyncio
import warnings
from collections.abc import AsyncIterator, Callable, Coroutine, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass

from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.routing import BaseRoute, Route, WebSocketRoute
from starlette.types import ASGIApp

from app.actions.bank_accounts import BankAccountKeys
from app.api.context import Services
from app.api.endpoint import GraphQLView
from app.api.event_turns import QUIET_S, EventTurns
from app.api.operation_runner import EndpointOptions, OperationRunner
from app.api.reference.routes import reference_routes
from app.api.request_cycle import RequestCycle
from app.api.streams import Streams
from app.api.websocket.endpoint import WebSocketEndpoint
from app.audit.case_file.rendering_process import can_render
from app.auth.authenticator import Authenticator
from app.auth.identity import TokenUse
from app.auth.identity_cache import IdentityCache
from app.config import components, environment
from app.config.anchoring import keep_anchored
from app.config.document_store import documents
from app.config.settings import Settings, load_settings
from app.config.webhooks import Webhooks
from app.db.engines import Database
from app.db.replicas.routing import Replicas
from app.documents.case_files import PATH as CASE_FILES
from app.documents.case_files import CaseFileEndpoint
from app.documents.download import DownloadEndpoint
from app.documents.erasures import finish_when_erased
from app.documents.links import Links
from app.documents.store import DocumentStore
from app.documents.transfers import Transfers
from app.documents.upkeep import sweep_regularly
from app.documents.upload import UploadEndpoint
from app.jsonapi.endpoint import JsonApiView
from app.jsonapi.resources import PREFIX
from app.live.feed import Feed
from app.observability import log_output, logging, metrics
from app.observability.deferred import clear_all
from app.scim import resources as scim_resources
from app.scim.endpoint import ScimView
from app.server.background import background_tasks, keep_expiry, keep_reminders, keep_retention, run_housekeeping
from app.server.health import looking, metrics_route, probe_routes
from app.server.log_lag import LogWatch
from app.server.runtime import collect_between_requests, freeze_startup_objects, limit_allocator_arenas
from app.server.shutdown import ENDING, Shutdown
from app.web.admission import AdmissionController
from app.web.concurrency import ConcurrencyLimiter
from app.web.desk import desk_routes
from app.web.graphiql import graphiql_routes
from app.web.manual import manual_routes
from app.web.middleware.compression import Compression
from app.web.middleware.cors import CrossOriginRequests
from app.web.middleware.fast_path import FastPath, FastPrefix
from app.web.middleware.security_headers import SecurityHeaders
from app.web.rate_limit import RateLimiter
from app.web.slots import Slots


def application() -> Starlette:
    """Return the app as the environment describes it: what a worker process imports."""
    limit_allocator_arenas()
    log_output.start()
    # An operation that is given up in the middle leaves behind what it had not begun.
    warnings.filterwarnings("ignore", "coroutine .* was never awaited", RuntimeWarning)
    app = create_app(load_settings())
    freeze_startup_objects()
    return app


def create_app(settings: Settings, *, has_upkeep: bool = True) -> Starlette:
    """Return the app for *settings*. The database is opened here and closed at the end of the lifespan.

    *has_upkeep*: begin with what is done at the start and then now and then, beside requests.
    """
    logging.configure(settings.log_level)
    parts = _assembled(settings)

    @asynccontextmanager
    async def lifespan(_: Starlette) -> AsyncIterator[dict[str, asyncio.Event]]:
        parts.draining.watch()
        ending = asyncio.Event()
        async with background_tasks(*_works(parts, ending), *(_upkeep(parts) if has_upkeep else ())):
            yield {ENDING: ending}
        if parts.replicas is not None:
            await parts.replicas.close()
        await _end(parts.token_use, parts.rates, parts.database)

    middleware = _middleware(settings, parts.view, parts.resources)
    app = Starlette(routes=_routes(parts), middleware=middleware, lifespan=lifespan)
    app.state.database, app.state.streams, app.state.swept = parts.database, parts.streams, parts.swept
    return app


@dataclass(frozen=True, slots=True)
class _Parts:
    """What the app is put together of. `swept` is set once the first sweep of documents is over."""

    settings: Settings
    database: Database
    replicas: Replicas | None
    terms: EndpointOptions
    store: DocumentStore
    links: Links
    rates: RateLimiter
    memory: IdentityCache
    token_use: TokenUse
    feed: Feed
    webhooks: Webhooks
    services: Services
    runner: OperationRunner
    cycle: RequestCycle
    streams: Streams
    view: GraphQLView
    sockets: WebSocketEndpoint
    upload: UploadEndpoint
    case_files: CaseFileEndpoint | None
    resources: JsonApiView
    draining: Shutdown
    gate: ConcurrencyLimiter
    watch: LogWatch
    look: Callable[[], None]
    swept: asyncio.Event


def _assembled(settings: Settings) -> _Parts:
    database, terms = components.database(settings), components.terms(settings)
    replicas = components.replicas(settings, database, environment.shared_folder())
    if settings.tracing:
        components.start_tracing(database, allowance=components.allowance(settings), replicas=replicas)
    memory, token_use, rates = IdentityCache(settings.identity_cache), TokenUse(), components.rates(settings)
    provider = components.identity_provider(database, settings)
    door = AdmissionController(Authenticator(database, provider, memory, token_use, terms.deadline_s), rates)
    gate = ConcurrencyLimiter(settings.max_concurrency, settings.database_pool_timeout)
    webhooks, transfers, trusted = Webhooks(database, settings), Transfers(), components.trusted_documents(settings)
    turns = EventTurns(lambda: gate.idle_s() < QUIET_S)
    feed = Feed(database, settings.live_poll, turns)
    services = _services(settings, database, replicas, feed, terms, webhooks, rates)
    store = services.store
    runner = OperationRunner(services, terms)
    cycle = RequestCycle(door, gate, runner)
    streams = Streams(runner, gate, trusted, terms, components.streaming(settings), turns)
    upload = UploadEndpoint(database, store, door, transfers, settings.receive_timeout, replicas)
    return _Parts(
        settings=settings,
        database=database,
        replicas=replicas,
        terms=terms,
        store=store,
        links=services.links,
        rates=rates,
        memory=memory,
        token_use=token_use,
        feed=feed,
        webhooks=webhooks,
        services=services,
        runner=runner,
        cycle=cycle,
        streams=streams,
        view=GraphQLView(cycle, trusted, terms, store, transfers, streams),
        sockets=WebSocketEndpoint(streams, door),
        upload=upload,
        case_files=CaseFileEndpoint(database, door, services.slots) if can_render() else None,
        resources=JsonApiView(cycle, terms, upload, settings.public_url, has_case_files=can_render()),
        draining=Shutdown(settings.drain),
        gate=gate,
        watch=LogWatch(database, settings.log_lag_alarm),
        look=looking(gate, database, replicas),
        swept=asyncio.Event(),
    )


def _services(
    settings: Settings,
    database: Database,
    replicas: Replicas | None,
    feed: Feed,
    terms: EndpointOptions,
    webhooks: Webhooks,
    rates: RateLimiter,
) -> Services:
    """Return what operations are executed with."""
    return Services(
        database,
        documents(settings),
        Links(database, settings.public_url),
        Slots.beside(database.reader.size, database.reader.patience),
        feed,
        BankAccountKeys(database),
        terms.key_lifetime,
        webhooks.registration,
        rates,
        replicas,
    )


def _works(parts: _Parts, ending: asyncio.Event) -> Iterator[Coroutine[None, None, None]]:
    """Yield what requests need in the background as long as the app serves."""
    database, settings = parts.database, parts.settings
    yield finish_when_erased(database, parts.store)
    yield run_housekeeping(database, parts.token_use, settings.idempotency_hours)
    yield collect_between_requests(lambda: parts.gate.inside > 0)
    yield parts.watch.keep()
    if parts.replicas is not None:
        yield parts.replicas.keep_watched()
    yield parts.memory.keep_subscribed(database)
    yield parts.feed.run()
    yield parts.webhooks.deliver(parts.services, parts.runner, parts.gate)
    yield _end_streams(ending, parts.view, parts.sockets)
    if environment.metrics_are_shared():
        yield metrics.share_gauges(parts.look)


def _upkeep(parts: _Parts) -> Iterator[Coroutine[None, None, None]]:
    """Yield what is done at the start, and then now and then."""
    database = parts.database
    yield sweep_regularly(database, parts.store, swept=parts.swept)
    yield keep_retention(database)
    yield keep_expiry(database)
    yield keep_reminders(database)
    yield keep_anchored(database, parts.settings)


def _routes(parts: _Parts) -> list[BaseRoute]:
    settings, database = parts.settings, parts.database
    people = ScimView(parts.cycle, database, parts.terms, settings.scim_groups, settings.public_url)
    download = DownloadEndpoint(database, parts.store, parts.links)
    routes: list[BaseRoute] = [
        Route("/graphql", parts.view),
        WebSocketRoute("/graphql", parts.sockets),
        Route(f"{PREFIX}/{{path:path}}", parts.resources),
        Route(f"{scim_resources.PREFIX}/{{path:path}}", people),
        Route("/documents", parts.upload.respond, methods=["POST"]),
        Route("/documents/{id}", download.respond, methods=["GET"]),
        *probe_routes(database, parts.draining, parts.watch, parts.replicas),
        *(reference_routes() if settings.introspection else ()),
        *manual_routes(has_graphiql=settings.graphiql, has_desk=settings.desk, has_reference=settings.introspection),
    ]
    if settings.metrics:
        is_shared = environment.metrics_are_shared()
        routes.append(metrics_route(settings.metrics_token, parts.look, is_shared=is_shared))
    if parts.case_files is not None:
        routes.append(Route(CASE_FILES, parts.case_files.respond, methods=["GET"]))
    people_shown = settings.demo_people if settings.demo else ()
    if settings.graphiql:
        routes.extend(graphiql_routes(people_shown))
    if settings.desk:
        routes.extend(desk_routes(people_shown, has_case_files=parts.case_files is not None))
    return routes


def _middleware(settings: Settings, view: ASGIApp, resources: ASGIApp) -> list[Middleware]:
    """Return the middleware, from the outside in."""
    compression = [Middleware(Compression, min_bytes=settings.compress_min_bytes)]
    return [
        Middleware(SecurityHeaders),
        Middleware(CrossOriginRequests, origins=settings.cors_origins),
        *(compression if settings.compress_min_bytes else ()),
        Middleware(FastPath, path="/graphql", to=view),
        Middleware(FastPrefix, prefix=f"{PREFIX}/", to=resources),
    ]


async def _end_streams(ending: asyncio.Event, view: GraphQLView, sockets: WebSocketEndpoint) -> None:
    """Have streams end when the server ends."""
    await ending.wait()
    await asyncio.gather(view.drain(), sockets.drain())


async def _end(token_use: TokenUse, rates: RateLimiter, database: Database) -> None:
    """Write down what is left, and close what is open."""
    clear_all()
    await token_use.flush(database)
    await rates.close()
    await database.close()
    await asyncio.to_thread(log_output.flush)
