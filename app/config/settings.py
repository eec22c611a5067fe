"""Settings: read once from `CASEGATE_*` variables, checked whole, frozen.

All faults are reported at once. What is not set has its default, some from settings before it.
"""

import difflib
import importlib.util
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import Field, ValidationError, field_validator, model_validator
from pydantic_settings import SettingsConfigDict
from pydantic_settings import SettingsError as UnreadableSetting
from sqlalchemy.engine import URL

from app.api.limits.bounds import NAMES, Limits
from app.api.trusted_documents import ManifestError, read_manifest
from app.config.accepted import TEXT, WORDS, accepted
from app.config.environment import PREFIX as PREFIX
from app.config.environment import has_postgresql_service, variables
from app.config.gateway_settings import GatewaySettings
from app.db.engines import Timeouts
from app.db.replicas.urls import replica_urls
from app.db.urls import database_url, sqlite_url
from app.documents.store import check_url
from app.web.built_pages import DemoPerson


class SettingsError(Exception):
    """The settings are not usable; `faults` has a line for each reason."""

    def __init__(self, faults: list[str]) -> None:
        super().__init__("; ".join(faults))
        self.faults = faults


SEED_MAX = 2**31 - 1


def _is_installed(package: str) -> bool:
    """Tell whether a package can be imported; one within another has to be looked for in that one."""
    try:
        return importlib.util.find_spec(package) is not None
    except ModuleNotFoundError:
        return False


def _is_sqlite(set_: Mapping[str, Any]) -> bool:
    """Tell it of settings of which the first are validated."""
    return not set_["database_url"] or str(set_["database_url"]).startswith("sqlite")


class Settings(GatewaySettings):
    """What can be set. Each field is the variable of its name in capitals behind `CASEGATE_`."""

    # A database's password and the demo's tokens are not to be seen: neither here (repr=False) nor in a traceback.
    model_config = SettingsConfigDict(
        env_prefix=PREFIX, frozen=True, extra="ignore", env_ignore_empty=True, hide_input_in_errors=True
    )

    data_dir: Path = Field(
        default=Path("data"), description="The data folder: the SQLite database, and what has no place of its own."
    )
    database_url: str = Field(
        default="",
        repr=False,
        description="`postgresql://user:password@host/name`, or `sqlite:///path`;"
        " by default SQLite in the data folder.",
    )
    # On SQLite each is a thread, and more of them only wait for each other's use of the interpreter.
    database_pool: Annotated[int, Field(ge=1, le=200)] = Field(
        default_factory=lambda set_: 2 if _is_sqlite(set_) else 10,
        description="Connections that a worker keeps for reading, on PostgreSQL as many again for writing;"
        " by default 10, on SQLite 2.",
    )
    replica_urls: str = Field(
        default="",
        repr=False,
        description="Standbys of PostgreSQL that queries may read from: URLs, separated by blanks; by default none.",
    )
    replica_lag: Annotated[float, Field(ge=0.5, le=60)] = Field(
        default=5, description="How many seconds old the data of a replica may be at most."
    )
    demo: bool = Field(
        default_factory=_is_sqlite,
        description="Demo data, and tokens that anybody who can reach the page can see; by default on SQLite alone.",
    )
    demo_seed: Annotated[int, Field(ge=0, le=SEED_MAX)] | None = Field(
        default=None,
        description="A number that the demo's ids and times are made of, the same ones in each database;"
        " by default they differ.",
    )
    graphiql: bool = Field(
        default_factory=lambda set_: set_["demo"], description="Serve `/graphiql`; by default as `CASEGATE_DEMO`."
    )
    desk: bool = Field(
        default_factory=lambda set_: set_["demo"],
        description="Serve `/desk`, an app for looking at cases and working on them; by default as `CASEGATE_DEMO`.",
    )
    introspection: bool = Field(
        default_factory=lambda set_: set_["graphiql"],
        description="Answer introspection; by default as `CASEGATE_GRAPHIQL`.",
    )
    metrics: bool = Field(
        default_factory=lambda set_: set_["demo"], description="Serve `/metrics`; by default as `CASEGATE_DEMO`."
    )
    documents_url: str = Field(
        default="",
        description="`s3://bucket/prefix`, with the usual `AWS_*` variables, or `file:///path`;"
        " by default a folder in the data folder.",
    )
    anchors_url: str = Field(
        default="",
        description="`s3://bucket/prefix`, or `file:///path` of a file, best out of the reach of the database's owner;"
        " by default `anchors.jsonl` in the data folder.",
    )
    anchors_key: Path = Field(
        default_factory=lambda set_: set_["data_dir"] / "anchors.key",
        description="The file of the Ed25519 key that anchors are signed with, made with mode 0600 where there is none;"
        " by default `anchors.key` in the data folder.",
    )
    anchors_every: Annotated[float, Field(ge=0, le=86_400)] = Field(
        default_factory=lambda set_: 60 if _is_sqlite(set_) or set_["anchors_url"] else 0,
        description="Seconds between anchors, while there is something new, 0 for none;"
        " by default 60 on SQLite or with `CASEGATE_ANCHORS_URL`, else 0.",
    )
    public_url: str = Field(
        default="",
        description="Where clients reach the gateway: download links begin with it; by default as the request says.",
    )
    log_level: Literal["debug", "info", "warning", "error"] = Field(
        default="info", description="The least level that is logged: one JSON line an event, on standard error."
    )
    demo_people: tuple[DemoPerson, ...] = Field(
        default=(), repr=False, description="Set by `casegate serve` for its workers."
    )

    @field_validator("data_dir")
    @classmethod
    def _is_at_home(cls, value: Path) -> Path:
        try:
            return value.expanduser()
        except RuntimeError:
            raise ValueError(f"nobody's home is known by {value.parts[0]}") from None

    @field_validator("database_url")
    @classmethod
    def _is_supported(cls, value: str) -> str:
        service = database_url(value).query.get("service") if value else None
        if service is not None and not has_postgresql_service(str(service)):
            raise ValueError(
                f"its parameter service names {service}, which is not in PGSERVICEFILE or ~/.pg_service.conf"
            )
        return value

    @field_validator("replica_urls")
    @classmethod
    def _are_replicas(cls, value: str) -> str:
        replica_urls(value)
        return value

    @field_validator("documents_url", "anchors_url")
    @classmethod
    def _is_location(cls, value: str) -> str:
        return check_url(value) if value else value

    @field_validator("public_url")
    @classmethod
    def _is_an_address(cls, value: str) -> str:
        if value and not re.fullmatch(r"https?://[^/\s?#]+(/[^\s?#]*)?", value):
            raise ValueError("not an address, as in https://casegate.example.com")
        return value.rstrip("/")

    @model_validator(mode="after")
    def _fit_together(self) -> "Settings":
        """Refuse settings that say nothing, or too much, without others."""
        if self.replica_urls.strip() and not self.database_url.startswith("postgres"):
            raise ValueError("CASEGATE_REPLICA_URLS needs CASEGATE_DATABASE_URL, the primary, on PostgreSQL")
        if self.tracing and not _is_installed("opentelemetry.sdk"):
            raise ValueError("CASEGATE_TRACING needs OpenTelemetry: install casegate[otel]")
        if self.redis_url and not _is_installed("redis"):
            raise ValueError("CASEGATE_REDIS_URL needs Redis' client: install casegate[redis]")
        if self.trusted_documents is not None:
            try:
                read_manifest(self.trusted_documents)
            except ManifestError as error:
                raise ValueError(f"CASEGATE_TRUSTED_DOCUMENTS: {error}") from None
        if self.trusted_documents_mode != "off" and self.trusted_documents is None:
            raise ValueError("CASEGATE_TRUSTED_DOCUMENTS_MODE needs CASEGATE_TRUSTED_DOCUMENTS, the manifest")
        if self.jwt_issuer:
            self._check_issuer()
        return self

    def _check_issuer(self) -> None:
        if not self.jwt_jwks_url or not self.jwt_audience:
            raise ValueError("CASEGATE_JWT_ISSUER needs CASEGATE_JWT_JWKS_URL and CASEGATE_JWT_AUDIENCE")
        if (self.jwt_account is None) == (not self.jwt_account_claim):
            raise ValueError(
                "CASEGATE_JWT_ISSUER needs CASEGATE_JWT_ACCOUNT or CASEGATE_JWT_ACCOUNT_CLAIM, and not both"
            )

    @property
    def replicas(self) -> tuple[URL, ...]:
        """The URLs of the replicas."""
        return replica_urls(self.replica_urls)

    @property
    def limits(self) -> Limits:
        """The limits of documents."""
        values = {name: getattr(self, f"max_{name}") for name in NAMES}
        return Limits(**values, warn_only=frozenset(self.warn_only))

    @property
    def patience(self) -> Timeouts:
        """How long the database is waited for."""
        return Timeouts(
            pool=self.database_pool_timeout,
            lock=self.database_lock_timeout,
            statement=self.database_statement_timeout,
            idle=self.database_idle_timeout,
        )

    @property
    def url(self) -> str:
        """The database's URL, with the default filled in."""
        return self.database_url or sqlite_url(self.data_dir / "casegate.sqlite")


def load_settings() -> Settings:
    """Return the settings of this process.

    Raises: SettingsError, with every fault.
    """
    try:
        return Settings()
    except ValidationError as error:
        faults = [_fault(dict(item)) for item in error.errors() if item["type"] != "default_factory_not_called"]
        raise SettingsError(faults) from error
    except UnreadableSetting as error:
        raise SettingsError([str(error)]) from None


def _fault(item: dict[str, object]) -> str:
    """Return what is wrong with a setting; what pydantic has found, with what is accepted, and in which unit."""
    where = item["loc"]
    name = str(where[0]) if isinstance(where, tuple) and where else ""
    found = str(item["msg"]).removeprefix("Value error, ")
    if name not in Settings.model_fields:
        return f"the settings: {found}"
    if item["type"] == "value_error":  # ours, which says what would be accepted
        return f"{PREFIX}{name.upper()}: {found}"
    if item["type"] == "string_pattern_mismatch":  # it shows the pattern
        found = "It has another form"
    values = accepted(Settings.model_json_schema()["properties"][name]).replace("`", "")
    takes = [] if values in (TEXT, WORDS) else [f"It takes: {values}"]
    meaning = (Settings.model_fields[name].description or "").removesuffix(".").partition("; by default ")[0]
    return f"{PREFIX}{name.upper()}: {'. '.join([found, *takes, meaning])}."


COMMANDS_OWN = {"TOKEN"}
"""Variables that are of one command: of `webhooks listen`."""


def unknown_settings() -> list[str]:
    """Return a line for each `CASEGATE_*` variable that is none of ours: most likely a slip of the pen."""
    known = {name.upper() for name in Settings.model_fields}
    lines = []
    for name in variables():
        if not name.startswith("REQUIRE_") and name not in known | COMMANDS_OWN:
            near = difflib.get_close_matches(name, known, 1)
            lines.append(f"{PREFIX}{name} is not a setting" + (f"; is {PREFIX}{near[0]} meant?" if near else ""))
    return lines
