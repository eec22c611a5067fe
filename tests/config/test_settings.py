"""The settings: their defaults, what is refused and how it is told, and that no secret of theirs is shown."""

import json
import os
import sys
import traceback
from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError
from sqlalchemy import text

from app.config import settings_page
from app.config.gateway_settings import GatewaySettings
from app.config.settings import PREFIX, Settings, SettingsError, load_settings, unknown_settings
from app.db.engines import database_url, open_database
from tests.support.databases import Server

SECRET = "hunter2"
PERSON = {"id": "1", "display_name": "Ada", "email": "a@b.c", "roles": ["ADMIN"], "token": SECRET}


@pytest.fixture(autouse=True)
def no_settings(monkeypatch: pytest.MonkeyPatch) -> None:
    """Take away the settings that the tests were started with."""
    for name in list(os.environ):
        if name.startswith(PREFIX):
            monkeypatch.delenv(name)


def given(monkeypatch: pytest.MonkeyPatch, **settings: str) -> None:
    for name, value in settings.items():
        monkeypatch.setenv(PREFIX + name.upper(), value)


def faults() -> list[str]:
    with pytest.raises(SettingsError) as refused:
        load_settings()
    assert str(refused.value) == "; ".join(refused.value.faults)
    return refused.value.faults


def test_what_is_not_set_has_its_default() -> None:
    settings = load_settings()

    assert settings.model_dump(exclude=set(GatewaySettings.model_fields)) == {
        "data_dir": Path("data"),
        "database_url": "",
        "database_pool": 2,
        "replica_urls": "",
        "replica_lag": 5,
        "demo": True,
        "demo_seed": None,
        "graphiql": True,
        "desk": True,
        "introspection": True,
        "metrics": True,
        "documents_url": "",
        "anchors_url": "",
        "anchors_key": Path("data/anchors.key"),
        "anchors_every": 60,
        "public_url": "",
        "log_level": "info",
        "demo_people": (),
    }
    assert settings.url == "sqlite:///data/casegate.sqlite"


def test_what_is_empty_is_not_set(monkeypatch: pytest.MonkeyPatch) -> None:
    before = load_settings()
    given(monkeypatch, **dict.fromkeys(Settings.model_fields, ""))

    assert load_settings() == before


def test_each_setting_is_read_from_its_variable(monkeypatch: pytest.MonkeyPatch) -> None:
    given(
        monkeypatch,
        data_dir="/tmp/elsewhere",  # noqa: S108  # only read back
        database_pool="3",
        demo="false",
        graphiql="1",
        introspection="no",
        max_body_bytes="2048",
        documents_url="s3://evidence/a",
        public_url="https://cases.example.com/",
        log_level="debug",
        demo_people=json.dumps([PERSON]),
    )

    settings = load_settings()

    assert settings.url == "sqlite:////tmp/elsewhere/casegate.sqlite"
    assert (settings.database_pool, settings.max_body_bytes, settings.log_level) == (3, 2048, "debug")
    assert (settings.documents_url, settings.public_url) == ("s3://evidence/a", "https://cases.example.com")
    assert (settings.demo, settings.graphiql, settings.introspection) == (False, True, False)
    assert [(person.display_name, person.roles) for person in settings.demo_people] == [("Ada", ("ADMIN",))]


# database, demo, graphiql, introspection as set; then the three as they are.
SWITCHES: list[tuple[str, str, str, str, tuple[bool, bool, bool]]] = [
    ("sqlite:///x", "", "", "", (True, True, True)),
    ("postgresql://h/n", "", "", "", (False, False, False)),
    ("postgresql://h/n", "1", "", "", (True, True, True)),
    ("sqlite:///x", "0", "", "", (False, False, False)),
    ("sqlite:///x", "0", "1", "", (False, True, True)),
    ("sqlite:///x", "", "0", "", (True, False, False)),
    ("sqlite:///x", "", "0", "1", (True, False, True)),
    ("sqlite:///x", "", "", "0", (True, True, False)),
    ("postgresql://h/n", "", "1", "0", (False, True, False)),
]


@pytest.mark.parametrize(("url", "demo", "graphiql", "introspection", "expected"), SWITCHES)
def test_each_switch_follows_the_one_before_it_until_it_is_set(
    monkeypatch: pytest.MonkeyPatch,
    url: str,
    demo: str,
    graphiql: str,
    introspection: str,
    expected: tuple[bool, bool, bool],
) -> None:
    given(monkeypatch, database_url=url, demo=demo, graphiql=graphiql, introspection=introspection)

    settings = load_settings()

    assert (settings.demo, settings.graphiql, settings.introspection) == expected


@pytest.mark.parametrize(
    ("url", "place", "every", "expected"),
    [
        ("sqlite:///x", "", "", 60),
        ("sqlite:///x", "", "0", 0),
        ("postgresql://h/n", "", "", 0),
        ("postgresql://h/n", "s3://bucket", "", 60),
        ("postgresql://h/n", "", "5", 5),
    ],
)
def test_a_server_anchors_each_minute_where_it_has_a_place_for_it(
    monkeypatch: pytest.MonkeyPatch, url: str, place: str, every: str, expected: float
) -> None:
    given(monkeypatch, database_url=url, anchors_url=place, anchors_every=every)

    assert load_settings().anchors_every == expected


@pytest.mark.parametrize(("service", "is_there"), [("ledger", True), ("nowhere", False)])
def test_a_service_of_postgresql_must_be_in_its_file(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, service: str, is_there: bool
) -> None:
    services = tmp_path / "services"
    services.write_text("[ledger]\nhost=db.example\n")
    monkeypatch.setenv("PGSERVICEFILE", str(services))
    given(monkeypatch, database_url=f"postgresql://h/n?service={service}")

    if is_there:
        assert load_settings().url.endswith("service=ledger")
    else:
        assert [fault for fault in faults() if "names nowhere, which is not in PGSERVICEFILE" not in fault] == []


@pytest.mark.parametrize("name", ["data_dir", "database_url", "demo", "anchors_url", "graphiql"])
def test_a_setting_that_others_have_their_default_from_is_the_only_fault(
    monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    given(monkeypatch, **{name: "~nobody-here/x" if name == "data_dir" else "!"})

    (found,) = faults()

    assert found.startswith(f"{PREFIX}{name.upper()}: ")


@pytest.mark.parametrize(
    ("package", "setting", "value", "words"),
    [
        ("opentelemetry", "tracing", "true", "CASEGATE_TRACING needs OpenTelemetry: install casegate[otel]"),
        ("redis", "redis_url", "redis://localhost", "CASEGATE_REDIS_URL needs Redis' client: install casegate[redis]"),
    ],
)
def test_a_setting_whose_package_is_missing_says_what_to_install(
    monkeypatch: pytest.MonkeyPatch, package: str, setting: str, value: str, words: str
) -> None:
    for name in [name for name in sys.modules if name.partition(".")[0] == package]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setattr(sys, "path", [])
    given(monkeypatch, **{setting: value})

    assert faults() == [f"the settings: {words}"]


def test_a_manifest_that_can_not_be_read_is_reported_with_its_setting(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    missing = tmp_path / "none.json"
    given(monkeypatch, trusted_documents=str(missing))

    said = f"CASEGATE_TRUSTED_DOCUMENTS: {missing} can't be read: No such file or directory"
    assert faults() == [f"the settings: {said}"]


def test_settings_do_not_change() -> None:
    with pytest.raises(ValidationError, match="frozen"):
        load_settings().database_pool = 20


# --- The database's URL ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("postgresql://u:p@h:5/n", "postgresql+asyncpg://u:p@h:5/n"),
        ("postgres://u:p@h/n", "postgresql+asyncpg://u:p@h/n"),
        ("postgresql+psycopg://u:p@h/n", "postgresql+asyncpg://u:p@h/n"),
        ("postgresql+asyncpg://u:p@h/n", "postgresql+asyncpg://u:p@h/n"),
        ("postgresql://u:p%40%2F@h/n", "postgresql+asyncpg://u:p%40%2F@h/n"),
        ("postgresql://h/n?sslmode=require", "postgresql+asyncpg://h/n?sslmode=require"),
        ("postgresql:///n?host=/run/postgresql", "postgresql+asyncpg:///n?host=%2Frun%2Fpostgresql"),
        ("sqlite:///a/b.sqlite", "sqlite+casegate:///a/b.sqlite"),
        ("sqlite:////a/b.sqlite", "sqlite+casegate:////a/b.sqlite"),
    ],
)
def test_a_plain_url_gets_the_driver_that_we_use(url: str, expected: str) -> None:
    assert database_url(url).render_as_string(hide_password=False) == expected
    assert Settings(database_url=url).url == url


@pytest.mark.parametrize(
    ("url", "words"),
    [
        ("mysql://u:hunter2@h/n", "mysql is not supported"),
        ("hunter2", "not a database URL"),
        ("://hunter2", "not a database URL"),
        ("postgresql://u:hunter2@h:port/n", "not a database URL"),
        ("sqlite://", "SQLite needs a file"),
        ("sqlite:///:memory:", "SQLite needs a file"),
    ],
)
def test_another_url_is_refused_with_a_reason(monkeypatch: pytest.MonkeyPatch, url: str, words: str) -> None:
    given(monkeypatch, database_url=url)

    (fault,) = faults()

    assert fault.startswith("CASEGATE_DATABASE_URL: ")
    assert words in fault


@pytest.mark.parametrize(
    ("urls", "words"),
    [
        ("postgresql://r1/n sqlite:///n", "URL 2: a replica is a server of PostgreSQL"),
        ("postgresql://r1,r2/n", "URL 1: it names several hosts: a replica's URL names one"),
        ("postgresql://r1/n postgresql://r1:5432/n", "URL 2: r1:5432 is named twice"),
        ("postgresql://r1/n?target_session_attrs=read-write", "asks for a server that takes writes"),
        ("postgresql://u:hunter2@r1:port/n", "URL 1: not a database URL"),
        (" ".join(f"postgresql://r{number}/n" for number in range(17)), "it has 17 URLs, and 16 are the most"),
    ],
)
def test_what_can_be_no_replica_is_refused_with_a_reason(
    monkeypatch: pytest.MonkeyPatch, urls: str, words: str
) -> None:
    given(monkeypatch, database_url="postgresql://primary/n", replica_urls=urls)

    (fault,) = faults()

    assert fault.startswith("CASEGATE_REPLICA_URLS: ")
    assert words in fault
    assert SECRET not in fault


def test_replicas_need_a_primary_on_postgresql(monkeypatch: pytest.MonkeyPatch) -> None:
    given(monkeypatch, replica_urls="postgresql://r1/n")

    assert faults() == ["the settings: CASEGATE_REPLICA_URLS needs CASEGATE_DATABASE_URL, the primary, on PostgreSQL"]


def test_replicas_are_separated_by_blanks(monkeypatch: pytest.MonkeyPatch) -> None:
    given(
        monkeypatch, database_url="postgres://primary/n", replica_urls=" postgresql://u:a,b@r1/n\tpostgres://r2:5433/n "
    )

    assert [(url.host, url.port, url.password) for url in load_settings().replicas] == [
        ("r1", None, "a,b"),
        ("r2", 5433, None),
    ]


async def test_a_url_with_libpqs_sslmode_opens(postgresql: Server) -> None:
    opened = open_database(f"{postgresql.admin_url}?sslmode=prefer")
    try:
        async with opened.read() as connection:
            assert await connection.scalar(text("SELECT 1")) == 1
    finally:
        await opened.close()


# --- Faults ----------------------------------------------------------------------------------------------------------


def test_all_errors_are_reported_at_once_each_with_its_variable(monkeypatch: pytest.MonkeyPatch) -> None:
    given(
        monkeypatch,
        database_url="mysql://h/n",
        database_pool="0",
        demo="perhaps",
        max_body_bytes="1 MB",
        log_level="loud",
    )

    reported = faults()

    assert sorted(fault.partition(":")[0] for fault in reported) == [
        "CASEGATE_DATABASE_POOL",
        "CASEGATE_DATABASE_URL",
        "CASEGATE_DEMO",
        "CASEGATE_LOG_LEVEL",
        "CASEGATE_MAX_BODY_BYTES",
    ]
    assert all(len(fault.partition(": ")[2]) > 10 for fault in reported)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        *[("database_pool", value) for value in ("0", "201", "-1", "ten", "1.5")],
        *[("max_body_bytes", value) for value in ("1023", "0", "-1")],
        *[("anchors_every", value) for value in ("-1", "86401", "often")],
        *[("anchors_url", value) for value in ("http://host/x", "s3://", "/folder/x")],
        *[("replica_lag", value) for value in ("0.4", "61")],
        *[("log_level", value) for value in ("INFO", "trace")],
        *[("demo_people", value) for value in ("no JSON", "[1]", "{}")],
    ],
)
def test_a_value_out_of_range_is_a_fault(monkeypatch: pytest.MonkeyPatch, name: str, value: str) -> None:
    given(monkeypatch, **{name: value})

    assert name in faults()[0].lower()


@pytest.mark.parametrize(
    ("name", "value", "words"),
    [
        (
            "deadline",
            "0",
            "It takes: number above 0 to 3600. Seconds after which an operation and its reads are given up.",
        ),
        ("deadline", "10s", "It takes: number above 0 to 3600. Seconds"),
        (
            "rate_limit",
            "-5",
            "It takes: whole number from 0. Requests of one token in `CASEGATE_RATE_WINDOW`; 0 for no limit.",
        ),
        ("max_body_bytes", "256KB", "It takes: whole number from 1024. The largest request body, in bytes."),
        ("demo", "maybe", "It takes: true, false. Demo data, and tokens that anybody who can reach the page can see."),
        ("log_level", "verbose", "It takes: debug, info, warning, error. "),
        ("jwt_account", "acme", "It takes: UUID. The account of everybody that the provider knows."),
        ("jwt_scopes", "everything", "'cases_read'"),
        (
            "redis_url",
            "localhost:6379",
            ": It has another form. Count rates in this Redis, as in redis://host:6379/0, for",
        ),
        ("jwt_jwks_url", "login.example", "as in https://login.example/keys."),
        ("scim_groups", "Reviewers=REVIEWER,Workers=CONTRIBUTOR", "CONTRIBUTOR or REVIEWER; write ; between several"),
        ("webhooks_ports", "https", ". Ports that webhooks may be sent to."),
    ],
)
def test_a_fault_says_what_is_accepted_and_in_which_unit(
    monkeypatch: pytest.MonkeyPatch, name: str, value: str, words: str
) -> None:
    given(monkeypatch, **{name: value})

    fault = faults()[0]

    assert fault.startswith(f"{PREFIX}{name.upper()}: ")
    assert words in fault


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("database_url", f"mysql://u:{SECRET}@h/n"),
        ("database_url", SECRET),
        ("database_url", f"postgresql://u:{SECRET}@h:port/n"),
        ("replica_urls", f"postgresql://u:{SECRET}@h:port/n"),
        ("demo_people", json.dumps([{**PERSON, "email": None}])),
        ("demo_people", SECRET),
    ],
)
def test_a_fault_shows_no_secret_not_even_with_its_whole_traceback(
    monkeypatch: pytest.MonkeyPatch, name: str, value: str
) -> None:
    given(monkeypatch, **{name: value})

    with pytest.raises(SettingsError) as refused:
        load_settings()

    assert SECRET not in "".join(traceback.format_exception(refused.value))


def test_settings_that_are_printed_show_no_secret() -> None:
    people: Any = [PERSON]
    settings = Settings(database_url=f"postgresql://u:{SECRET}@h/n", demo_people=people)

    assert SECRET not in f"{settings!r} {settings}"
    assert SECRET not in repr(open_database(settings.url))
    assert "database_pool=10" in repr(settings)


def test_an_unknown_variable_is_reported_with_the_nearest_setting(monkeypatch: pytest.MonkeyPatch) -> None:
    given(monkeypatch, databse_url="x", zzzzzz="x", require_postgresql="1", log_level="info")
    monkeypatch.setenv("CASEGATES_OTHER", "x")

    assert unknown_settings() == [
        "CASEGATE_DATABSE_URL is not a setting; is CASEGATE_DATABASE_URL meant?",
        "CASEGATE_ZZZZZZ is not a setting",
    ]


def test_the_manual_s_page_is_the_one_that_the_settings_make() -> None:
    page = settings_page.PAGE.read_text(encoding="utf-8")

    assert page.partition(settings_page.MARK)[2] == settings_page.tables(), "run: python -m app.config.settings_page"


def test_the_manual_lists_each_setting_with_its_default() -> None:
    lines = settings_page.PAGE.read_text(encoding="utf-8").splitlines()
    listed = {cells[1].strip(" `"): cells[2].strip() for cells in (line.split("|") for line in lines) if len(cells) > 3}

    # The demo's people are handed to workers by the server itself.
    names = {PREFIX + name.upper() for name in Settings.model_fields if name != "demo_people"}
    assert {name for name in listed if name.startswith(PREFIX)} == names
    defaults = {name: listed[f"{PREFIX}{name}"].strip("`") for name in ("DATA_DIR", "DATABASE_POOL", "LOG_LEVEL")}
    assert defaults == {"DATA_DIR": "data", "DATABASE_POOL": "10, on SQLite 2", "LOG_LEVEL": "info"}
    assert listed[f"{PREFIX}MAX_BODY_BYTES"] == "`262144`"


def test_each_setting_says_what_it_is_for() -> None:
    assert {name for name, field in Settings.model_fields.items() if not field.description} == set()
