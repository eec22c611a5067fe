"""The components of the application, each made from its settings. `main` puts them in order."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING

from app.api.operation_runner import EndpointOptions
from app.api.stream_registry import StreamOptions
from app.api.trusted_documents import Mode, TrustedDocuments, read_manifest
from app.config.settings import Settings
from app.db.engines import Database, open_database
from app.db.replicas.routing import Replicas
from app.db.watching import let_watch
from app.observability import tracing
from app.observability.trace_budget import TraceBudget
from app.web.rate_limit import RateLimiter
from app.webhooks.addresses import AddressPolicy

if TYPE_CHECKING:
    from opentelemetry.sdk.trace import SpanProcessor
    from opentelemetry.sdk.trace.sampling import Sampler

    from app.auth.jwt import Provider


def database(settings: Settings) -> Database:
    """Return the database, with as many connections as a server has."""
    return open_database(
        settings.url,
        pool_size=settings.database_pool,
        patience=settings.patience,
        behind_pooler=settings.database_pooler,
    )


def replicas(settings: Settings, primary: Database, folder: Path | None = None) -> Replicas | None:
    """Return the replicas that queries may read from; None where there are none. Workers share *folder*."""
    if not settings.replicas:
        return None
    return Replicas(
        primary,
        settings.replicas,
        settings.replica_lag,
        pool_size=settings.database_pool,
        patience=settings.patience,
        behind_pooler=settings.database_pooler,
        shared=None if folder is None else folder / "seen",
    )


def rates(settings: Settings) -> RateLimiter:
    """Return what counts requests."""
    return RateLimiter(
        requests=settings.rate_limit,
        seconds=settings.rate_window,
        failures=settings.failed_auth_limit,
        streams=settings.rate_streams,
        redis_url=settings.redis_url,
    )


def allowance(settings: Settings) -> TraceBudget | None:
    """Return how much may be traced; None where there is no bound."""
    return TraceBudget(settings.traces_per_second) if settings.traces_per_second else None


def start_tracing(
    database: Database,
    processor: SpanProcessor | None = None,
    sampler: Sampler | None = None,
    allowance: TraceBudget | None = None,
    replicas: Replicas | None = None,
) -> None:
    """Do as `tracing.start`, and have the statements on *database* and *replicas* traced. Raises: TracingMissing."""
    if tracing.start("sqlite" if database.is_sqlite else "postgresql", processor, sampler, allowance):
        read_from = [replica.database.reader for replica in replicas.servers] if replicas else []
        for connections in (database.reader, database.writer, *read_from):
            let_watch(connections.engine)


def terms(settings: Settings) -> EndpointOptions:
    """Return what the endpoint allows."""
    return EndpointOptions(
        limits=settings.limits,
        development=settings.introspection,
        plans=settings.plans,
        max_body_bytes=settings.max_body_bytes,
        max_answer_bytes=settings.max_answer_bytes,
        answer_memory=settings.answer_memory,
        receive_s=settings.receive_timeout,
        deadline_s=settings.deadline,
        key_lifetime=timedelta(hours=settings.idempotency_hours),
    )


def streaming(settings: Settings) -> StreamOptions:
    """Return the bounds of streams."""
    return StreamOptions(
        per_token=settings.streams_per_token,
        per_process=settings.streams_max,
        slow_s=settings.streams_slow_timeout,
        comment_s=settings.streams_comment_interval,
        init_s=settings.streams_init_timeout,
    )


def identity_provider(database: Database, settings: Settings) -> Provider | None:
    """Return the company's identity provider, None where none is set."""
    if not settings.jwt_issuer:
        return None
    from app.auth.jwks import KeySet  # 9 MiB with PyJWT and httpx2, which no other gateway needs
    from app.auth.jwt import Provider, TokenRequirements

    demanded = TokenRequirements(
        issuer=settings.jwt_issuer,
        audience=settings.jwt_audience,
        algorithms=settings.jwt_algorithms,
        account_id=settings.jwt_account,
        account_claim=settings.jwt_account_claim,
        email_claim=settings.jwt_email_claim,
        name_claim=settings.jwt_name_claim,
        roles_claim=settings.jwt_roles_claim,
        scopes=settings.jwt_scopes,
        create_users=settings.jwt_create_users,
        addresses_are_verified=settings.jwt_emails_are_verified,
    )
    return Provider(database, KeySet(settings.jwt_jwks_url), demanded)


def trusted_documents(settings: Settings) -> TrustedDocuments:
    """Return the documents of the manifest. Raises: ManifestError."""
    documents = {} if settings.trusted_documents is None else read_manifest(settings.trusted_documents)
    return TrustedDocuments(documents, Mode(settings.trusted_documents_mode), settings.persisted_queries)


def webhook_policy(settings: Settings) -> AddressPolicy:
    """Return where webhooks may be sent."""
    return AddressPolicy(
        ports=frozenset(settings.webhooks_ports),
        hosts=settings.webhooks_hosts,
        denied=settings.webhooks_denied_networks,
        allow_private=settings.webhooks_allow_private,
    )
