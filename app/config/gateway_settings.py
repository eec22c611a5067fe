"""Settings of the gateway: limits, times, rates, origins, identity, documents, and what is seen from outside."""

import re
from pathlib import Path
from typing import Annotated, Literal
from uuid import UUID

from pydantic import AfterValidator, BeforeValidator, Field
from pydantic_settings import BaseSettings, NoDecode

from app.domain.directory import user_name_key
from app.domain.model import ADMIN_SCOPES, PERSON_SCOPES, SERVICE_SCOPES, Role, Scope
from app.webhooks.addresses import IPNetwork


def _words(value: object) -> object:
    """Return words that are separated by commas or blanks as a tuple."""
    return tuple(value.replace(",", " ").split()) if isinstance(value, str) else value


def _of_people(scopes: tuple[Scope, ...]) -> tuple[Scope, ...]:
    """Refuse what no person may do: whom the identity provider knows are people."""
    refused = SERVICE_SCOPES & {*scopes}
    if refused:
        raise ValueError(f"{' and '.join(sorted(refused))}: for service accounts alone")
    return scopes


def _origin(value: str) -> str:
    """Return an origin as browsers write it (RFC 6454, section 6.2): small letters, no default port, no path."""
    if value == "*":
        return value
    found = _ORIGIN.fullmatch(value.lower().removesuffix("/"))
    if found is None:
        raise ValueError(f"{value} is not an origin, as in https://app.example, nor * for any")
    scheme, host, port = found.groups()
    return f"{scheme}://{host}" if port in (None, _DEFAULT_PORTS.get(scheme)) else f"{scheme}://{host}:{port}"


def _group_roles(value: object) -> object:
    """Return the roles by the names of groups, which may have anything in them but `;` and `=`."""
    if not isinstance(value, str):
        return value
    roles: dict[str, str] = {}
    for pair in filter(None, map(str.strip, value.split(";"))):
        name, _, role = (part.strip() for part in pair.partition("="))
        if not 0 < len(name) <= GROUP_NAME_MAX or role.upper() not in GROUP_ROLES:
            form = f"a name of 1 to {GROUP_NAME_MAX} characters, =, CONTRIBUTOR or REVIEWER"
            raise ValueError(f"{pair} is not {form}; write ; between several")
        if user_name_key(name) in map(user_name_key, roles):
            raise ValueError(f"{name} is named twice")
        roles[name] = role.upper()
    return roles


GROUP_ROLES = (Role.CONTRIBUTOR.value, Role.REVIEWER.value)
GROUP_NAME_MAX = 100
GroupRoles = Annotated[dict[str, Role], NoDecode, BeforeValidator(_group_roles)]


def _host(value: str) -> str:
    """Return a host, or a pattern of hosts, in small letters."""
    host = value.lower().removesuffix(".")
    if not re.fullmatch(r"(\*\.)?[a-z0-9_-]+(\.[a-z0-9_-]+)*", host):
        raise ValueError(f"{value} is no host, as in hooks.example.com or *.example.com")
    return host


_ORIGIN = re.compile(r"([a-z][a-z0-9+.-]*)://(\[[0-9a-f:.]+\]|[^\s/:?#@*\[\]]+)(?::(\d{1,5}))?")
_DEFAULT_PORTS = {"http": "80", "https": "443"}
Origin = Annotated[str, AfterValidator(_origin)]
NameList = Annotated[tuple[str, ...], NoDecode, BeforeValidator(_words)]
Count = Annotated[int, Field(ge=0)]
Positive = Annotated[int, Field(ge=1)]
Port = Annotated[int, Field(ge=1, le=65_535)]
HostPattern = Annotated[str, AfterValidator(_host)]
Seconds = Annotated[float, Field(gt=0, le=3600)]
LimitName = Literal[
    "tokens",
    "nesting",
    "depth",
    "aliases",
    "root_fields",
    "mutations",
    "directives",
    "fragments",
    "selections",
    "cost",
    "introspection",
    "inputs",
]
Algorithm = Literal[
    "RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512", "EdDSA"
]  # asymmetric ones alone: with HS256 a public key would be a secret


class GatewaySettings(BaseSettings):
    """The settings of HTTP, authentication and limits."""

    max_body_bytes: Annotated[int, Field(ge=1024)] = Field(
        default=262_144, description="The largest request body, in bytes."
    )
    max_answer_bytes: Annotated[int, Field(ge=1024)] = Field(
        default=16_777_216, description="The largest answer to an operation, in bytes."
    )
    compress_min_bytes: Count = Field(
        default=1024, description="Compress answers of so many bytes or more, where the client takes it; 0 for none."
    )
    answer_memory: Annotated[int, Field(ge=1024)] = Field(
        default=50_331_648, description="Memory for the answers that a worker has in hand at once, in bytes."
    )
    max_tokens: Positive = Field(default=4_000, description="Lexical tokens of a document.")
    max_nesting: Positive = Field(default=32, description="Brackets within brackets, of all three kinds.")
    max_depth: Positive = Field(default=12, description="Fields within fields.")
    max_aliases: Count = Field(default=30, description="Aliases of an operation.")
    max_root_fields: Positive = Field(default=20, description="Fields at a query's root.")
    max_mutations: Positive = Field(default=5, description="Fields at a mutation's root.")
    max_directives: Count = Field(default=50, description="Directives of an operation.")
    max_fragments: Count = Field(default=50, description="Fragments that a document defines.")
    max_selections: Positive = Field(default=1_000, description="Selections, fragments expanded.")
    max_cost: Positive = Field(
        default=75_000, description="Fields that an answer can have at most, with prices; pages multiply."
    )
    max_introspection: Positive = Field(default=400_000, description="The same for what is asked about the schema.")
    max_inputs: Positive = Field(default=5_000, description="Values in an operation's variables, nested ones too.")
    warn_only: Annotated[tuple[LimitName, ...], NoDecode, BeforeValidator(_words)] = Field(
        default=(), description="Limits, as in `depth,cost`, that are logged where they are passed, and not enforced."
    )
    plans: bool = Field(default=True, description="Execute documents that were seen before by a plan.")
    receive_timeout: Seconds = Field(default=10, description="Seconds in which a request must have arrived.")
    deadline: Seconds = Field(default=10, description="Seconds after which an operation and its reads are given up.")
    database_pooler: bool = Field(
        default=False, description="PostgreSQL is behind a pooler that shares connections out by the transaction."
    )
    database_pool_timeout: Seconds = Field(default=2.5, description="Seconds to wait for a free connection.")
    database_lock_timeout: Seconds = Field(
        default=5, description="Seconds to wait for what another action has locked; SQLite's write lock is tried again."
    )
    database_statement_timeout: Seconds = Field(
        default=10, description="Seconds after which a statement is given up, on SQLite one that reads."
    )
    database_idle_timeout: Seconds = Field(
        default=20, description="Seconds after which PostgreSQL gives up a transaction that says nothing."
    )
    idempotency_hours: Annotated[int, Field(ge=1, le=8760)] = Field(
        default=24, description="Hours for which an idempotency key is remembered."
    )
    max_connections: Annotated[int, Field(ge=16)] = Field(
        default=1_000, description="Connections that a worker has open at once; the one that idles longest goes first."
    )
    max_concurrency: Positive = Field(default=50, description="Operations that a worker has in hand at once.")
    rate_limit: Count = Field(
        default=100, description="Requests of one token in `CASEGATE_RATE_WINDOW`; 0 for no limit."
    )
    rate_window: Positive = Field(
        default=10, description="Seconds that `CASEGATE_RATE_LIMIT` and `CASEGATE_RATE_STREAMS` are counted over."
    )
    rate_streams: Count = Field(
        default=60, description="Streams that one token may begin in `CASEGATE_RATE_WINDOW`; 0 for no limit."
    )
    failed_auth_limit: Count = Field(default=60, description="Failed authentications of an address in a minute.")
    redis_url: str = Field(
        default="",
        repr=False,
        pattern="^(rediss?://.+)?$",
        description="Count rates in this Redis, as in redis://host:6379/0, for all workers.",
    )
    live_poll: Annotated[float, Field(ge=0.05, le=60)] = Field(
        default=1, description="Seconds between looks at the logs that streams follow, where no commit wakes them."
    )
    identity_cache: Annotated[float, Field(ge=0, le=60)] = Field(
        default=5,
        description="Seconds for which it is remembered who holds a token, while PostgreSQL tells of changes.",
    )
    cors_origins: Annotated[tuple[Origin, ...], NoDecode, BeforeValidator(_words)] = Field(
        default=(), description="Origins whose pages may call, as in https://app.example; * for any."
    )
    trusted_documents: Path | None = Field(default=None, description="A manifest of Relay's or Apollo's format.")
    trusted_documents_mode: Literal["off", "log", "allow-list", "only"] = Field(
        default_factory=lambda set_: "off" if set_["trusted_documents"] is None else "log",
        description="What the manifest is for; by default `log` with a manifest, else `off`.",
    )
    persisted_queries: Count = Field(default=0, description="Automatic persisted queries to remember; 0 for none.")
    jwt_issuer: str = Field(default="", description="The identity provider, as in the tokens' `iss`.")
    jwt_audience: str = Field(default="", description="Who its tokens are for, as in their `aud`.")
    jwt_jwks_url: str = Field(
        default="",
        pattern="^(https?://.+)?$",
        description="Where its public keys are, as in https://login.example/keys.",
    )
    jwt_algorithms: Annotated[tuple[Algorithm, ...], NoDecode, BeforeValidator(_words)] = Field(
        default=("RS256", "ES256", "EdDSA"), description="Algorithms that are accepted."
    )
    jwt_account: UUID | None = Field(default=None, description="The account of everybody that the provider knows.")
    jwt_account_claim: str = Field(default="", description="Or the claim that names the account's id.")
    jwt_email_claim: str = Field(default="email", description="The claim with the person's address.")
    jwt_emails_are_verified: bool = Field(
        default=False, description="The provider verifies every address, and its tokens do not say so."
    )
    jwt_name_claim: str = Field(default="name", description="The claim with the name to show.")
    jwt_roles_claim: str = Field(default="", description="The claim with the roles; without it those that we know.")
    jwt_scopes: Annotated[tuple[Scope, ...], NoDecode, BeforeValidator(_words), AfterValidator(_of_people)] = Field(
        default=tuple(scope for scope in PERSON_SCOPES if scope not in ADMIN_SCOPES),
        description="What its tokens may do.",
    )
    jwt_create_users: bool = Field(default=False, description="Make people that are seen for the first time.")
    scim_groups: GroupRoles = Field(
        default_factory=dict,
        description="The groups that SCIM may give roles by, as in `Case workers=CONTRIBUTOR; Case reviewers=REVIEWER`;"
        " by default none.",
    )
    metrics_token: str = Field(default="", repr=False, description="The bearer token that /metrics asks for.")
    tracing: bool = Field(default=False, description="Send OpenTelemetry spans, as the OTEL_* variables say.")
    traces_per_second: Annotated[float, Field(ge=0)] = Field(
        default=50,
        description="How many operations a second each process traces at most; 0 leaves it to OTEL_TRACES_SAMPLER.",
    )
    log_lag_alarm: Annotated[float, Field(ge=1, le=86_400)] = Field(
        default=60,
        description="Seconds that rows of the logs may wait to be shown before the log and /ready say so.",
    )
    streams_per_token: Positive = Field(default=20, description="Streams that one token has open at once in a worker.")
    streams_max: Positive = Field(default=1_000, description="Streams that a worker has open at once.")
    streams_init_timeout: Seconds = Field(
        default=10, description="Seconds for a WebSocket's `connection_init` to arrive."
    )
    streams_max_message_bytes: Annotated[int, Field(ge=1024)] = Field(
        default=1_048_576, description="The largest message that a client may send over a WebSocket, in bytes."
    )
    streams_slow_timeout: Seconds = Field(
        default=30, description="Seconds without progress after which a stream that is not read is ended."
    )
    streams_comment_interval: Seconds = Field(
        default=12, description="Seconds between the comments that keep a stream of server-sent events open."
    )
    drain: Annotated[float, Field(ge=0, le=300)] = Field(
        default=0, description="Seconds for which /ready says no before the server stops to listen."
    )
    webhooks: bool = Field(default=True, description="Deliver webhooks from this node.")
    webhooks_least_share: float = Field(
        default=0.02,
        gt=0,
        le=1,
        description="Share of a core that deliveries get however busy the process is with requests; 1 to give no way.",
    )
    webhooks_ports: Annotated[tuple[Port, ...], NoDecode, BeforeValidator(_words)] = Field(
        default=(443,), min_length=1, description="Ports that webhooks may be sent to."
    )
    webhooks_hosts: Annotated[tuple[HostPattern, ...], NoDecode, BeforeValidator(_words)] = Field(
        default=(),
        description="Hosts that webhooks may be sent to, as in hooks.example.com, or *.example.com; none for any.",
    )
    webhooks_denied_networks: Annotated[tuple[IPNetwork, ...], NoDecode, BeforeValidator(_words)] = Field(
        default=(), description="Public networks that are used inside, as in 192.0.2.0/24: no webhook is sent there."
    )
    webhooks_allow_private: bool = Field(
        default=False, description="For development: webhooks to private addresses, over HTTP, and to any port."
    )
