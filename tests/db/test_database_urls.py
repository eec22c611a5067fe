"""Database URLs: what libpq knows is kept or refused by its name, and a file lies where its name says."""

import getpass
import ipaddress
import os
import select
import socket
import ssl
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from threading import Thread
from typing import Any
from urllib.parse import quote, urlsplit
from uuid import uuid4

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import NameOID
from sqlalchemy import text

from app.db.engines import database_url, open_database
from app.db.urls import ACCEPTED, asyncpg_arguments, sqlite_url
from tests.support.gateway import casegate, casegate_json
from tests.support.paths import ROOT
from tests.support.ports import free_port
from tests.support.postgresql import SERVER_OPTIONS, Account, postgresql_server

# --- PostgreSQL, on a server with a socket and a certificate ----------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Secured:
    """A server, by TCP and by a socket; by TCP it is behind what speaks TLS for it, where a client wants that."""

    port: int
    folder: Path
    password: str
    certificate: Path
    encrypted: list[bool]

    def url(self, template: str) -> str:
        socket_ = quote(str(self.folder), safe="")
        known = {"port": self.port, "socket": socket_, "folder": self.folder, "password": self.password}
        return template.format(**known, dead=free_port(), certificate=quote(str(self.certificate)))


@pytest.fixture(autouse=True)
def without_mode(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let the URL alone say whether a connection is encrypted: the server of the other tests has no TLS."""
    monkeypatch.delenv("PGSSLMODE", raising=False)


@pytest.fixture(scope="module")
def secured() -> Iterator[Secured]:
    if "TEST_DATABASE_URL" in os.environ:
        pytest.skip("the server is somebody else's")
    with tempfile.TemporaryDirectory(prefix="cg", dir="/tmp") as name:  # a socket's path has to be short
        folder = Path(name)
        certificate = make_certificate(folder)
        account = Account.needed()
        if account:
            account.own(folder)
        with postgresql_server(SERVER_OPTIONS | {"unix_socket_directories": name}) as url:
            parts = urlsplit(url)
            assert parts.port and parts.password
            # Under the port's name there is the socket too.
            encrypted: list[bool] = []
            with speaking_tls(certificate, parts.port, encrypted) as port:
                (folder / f".s.PGSQL.{port}").symlink_to(folder / f".s.PGSQL.{parts.port}")
                yield Secured(port, folder, parts.password, certificate, encrypted)


@contextmanager
def speaking_tls(certificate: Path, server: int, encrypted: list[bool]) -> Iterator[int]:
    """Yield a port that leads to PostgreSQL's *server* port, encrypted where a client asks for it.

    PostgreSQL's manual, sections 54.2.10: a client asks by eight bytes, or begins with TLS's own first byte, 22.
    """
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, certificate.with_name("server.key"))
    context.set_alpn_protocols(["postgresql"])

    def serve(client: socket.socket) -> None:
        with client:
            asks, direct = (first := client.recv(8, socket.MSG_PEEK)) == ASKS_FOR_TLS, first[:1] == b"\x16"
            if asks:
                client.recv(8)
                client.sendall(b"S")
            encrypted.append(asks or direct)
            with suppress(OSError), socket.create_connection(("127.0.0.1", server)) as database:
                if asks or direct:
                    with context.wrap_socket(client, server_side=True) as wrapped:
                        pipe(wrapped, database)
                else:
                    pipe(client, database)

    with socket.create_server(("127.0.0.1", 0)) as listener:

        def accept() -> None:
            with suppress(OSError):
                while True:
                    Thread(target=serve, args=(listener.accept()[0],), daemon=True).start()

        Thread(target=accept, daemon=True).start()
        yield listener.getsockname()[1]
        listener.shutdown(socket.SHUT_RDWR)


ASKS_FOR_TLS = bytes.fromhex("0000000804d2162f")


def pipe(client: socket.socket, database: socket.socket) -> None:
    """Carry bytes both ways until either side ends."""
    while True:
        pending = isinstance(client, ssl.SSLSocket) and client.pending()
        ready = [client] if pending else select.select([client, database], [], [])[0]
        for source in ready:
            content = source.recv(65_536)
            if not content:
                return
            (database if source is client else client).sendall(content)


def make_certificate(folder: Path) -> Path:
    """Make a certificate for localhost and 127.0.0.1, signed by itself."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "localhost")])
    names = [x509.DNSName("localhost"), x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]
    now = datetime.now(UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=30))
        .add_extension(x509.SubjectAlternativeName(names), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    (folder / "server.key").write_bytes(key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
    (folder / "server.key").chmod(0o600)
    (folder / "server.crt").write_bytes(made.public_bytes(Encoding.PEM))
    return folder / "server.crt"


REPORTED = text(
    "SELECT current_setting('application_name'), current_database(), current_setting('search_path'),"
    " current_setting('timezone'), inet_server_addr() IS NULL"
)
NAMES = ("application_name", "database", "search_path", "timezone", "is_socket")
USUAL = {"application_name": "casegate", "ssl": True, "database": "postgres", "timezone": "UTC", "is_socket": False}
USUAL |= {"search_path": '"$user", public'}

TCP = "postgresql://postgres:{password}@127.0.0.1:{port}/postgres"
REACHED: dict[str, dict[str, Any]] = {
    TCP: {},
    TCP.replace("postgresql", "postgres"): {},
    TCP.replace("postgresql", "postgresql+asyncpg"): {},
    TCP.replace("postgresql", "POSTGRESQL"): {},
    f"{TCP}?sslmode=disable": {"ssl": False},
    f"{TCP}?ssl=disable": {"ssl": False},
    f"{TCP}?sslmode=allow": {"ssl": False},
    f"{TCP}?sslmode=prefer": {},
    f"{TCP}?sslmode=require": {},
    f"{TCP}?sslmode=REQUIRE": {},
    f"{TCP}?sslmode=verify-ca&sslrootcert={{certificate}}": {},
    f"{TCP}?sslmode=verify-full&sslrootcert={{certificate}}": {},
    f"{TCP}?sslmode=require&sslrootcert={{certificate}}&ssl_min_protocol_version=TLSv1.3": {},
    f"{TCP}?sslmode=require&sslnegotiation=direct": {},
    f"{TCP}?channel_binding=prefer&gssencmode=prefer&sslsni=1&keepalives=1&client_encoding=UTF8": {},
    f"{TCP}?connect_timeout=3": {},
    f"{TCP}?connect_timeout=0": {},
    f"{TCP}?application_name=ledger": {"application_name": "ledger"},
    f"{TCP}?application_name=a%20b+c": {"application_name": "a b+c"},
    f"{TCP}?fallback_application_name=ledger": {"application_name": "ledger"},
    f"{TCP}?fallback_application_name=one&application_name=other": {"application_name": "other"},
    f"{TCP}?options=-c%20search_path%3Dledger": {"search_path": "ledger"},
    f"{TCP}?target_session_attrs=read-write": {},
    f"{TCP}?target_session_attrs=primary": {},
    "postgresql://postgres:{password}@127.0.0.1:{dead},127.0.0.1:{port}/postgres?target_session_attrs=any": {},
    "postgresql://postgres:{password}@127.0.0.1,127.0.0.1/postgres?port={dead},{port}": {},
    "postgresql:///postgres?host=127.0.0.1,localhost&port={dead},{port}&user=postgres&password={password}": {},
    "postgresql://?hostaddr=127.0.0.1&port={port}&user=postgres&password={password}&dbname=postgres": {},
    "postgresql://other:wrong@127.0.0.1:{port}/else?user=postgres&password={password}&dbname=postgres": {},
    "postgresql://postgres:{password}@{socket}:{port}/postgres": {"is_socket": True, "ssl": False},
    "postgresql://postgres:{password}@/postgres?host={folder}&port={port}": {"is_socket": True, "ssl": False},
    "postgresql://postgres:{password}@/postgres?host={socket}&port={port}": {"is_socket": True, "ssl": False},
    "postgresql://postgres:{password}@{socket}:{dead},127.0.0.1:{port}/postgres": {},
    "postgresql://postgres:{password}@127.0.0.1:{port}": {},  # the user's own database
}


async def reported_by(url: str) -> dict[str, Any]:
    database = open_database(url)
    try:
        async with database.read() as connection:
            record = (await connection.execute(REPORTED)).one()
        async with database.write() as connection:
            assert (await connection.execute(REPORTED)).one() == record
    finally:
        await database.close()
    return dict(zip(NAMES, record, strict=True))


@pytest.mark.parametrize("template", REACHED)
async def test_what_libpq_knows_is_kept(secured: Secured, template: str) -> None:
    secured.encrypted.clear()

    found = await reported_by(secured.url(template))

    assert found | {"ssl": any(secured.encrypted)} == USUAL | REACHED[template]


@pytest.mark.parametrize("name", ["p@ss", "a:b/c?d#e", "100%", "%41", "a b", "é한", "[x]", "+", "'\";--", "\\"])
async def test_names_and_passwords_may_have_any_character(secured: Secured, name: str) -> None:
    admin = open_database(secured.url(TCP))
    quoted, literal = '"' + name.replace('"', '""') + '"', "'" + name.replace("'", "''") + "'"
    async with admin.write() as connection:
        await connection.exec_driver_sql("COMMIT")
        await connection.exec_driver_sql(f"CREATE ROLE {quoted} SUPERUSER LOGIN PASSWORD {literal}")
        await connection.exec_driver_sql(f"CREATE DATABASE {quoted}")
    await admin.close()
    encoded = quote(name, safe="")

    found = await reported_by(f"postgresql://{encoded}:{encoded}@127.0.0.1:{secured.port}/{encoded}")

    assert found["database"] == name


async def test_an_at_sign_in_a_password_is_understood() -> None:
    assert asyncpg_arguments(database_url("postgresql://me:p@ss:w@[::1]:5433/x"))["password"] == "p@ss:w"


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("postgresql://me@[::1]:5433/x", {"host": ["::1"], "port": [5433]}),
        ("postgresql://me@[fe80::1%25eth0]/x", {"host": ["fe80::1%eth0"], "port": [5432]}),
        ("postgresql://me@a,[::1]:2,c:3/x", {"host": ["a", "::1", "c"], "port": [5432, 2, 3]}),
        ("postgresql://me@a,b/x?port=7", {"host": ["a", "b"], "port": [7, 7]}),
        ("postgresql://me@/x?port=7", {"port": 7}),
        ("postgresql://", {"user": None, "password": None, "database": None}),
        ("postgresql:///", {"database": None}),
        ("postgresql://h?dbname=x", {"database": "x"}),
        ("postgresql://h/x?connect_timeout=-1", {"timeout": None}),
        ("postgresql://h/x?connect_timeout=7", {"timeout": 7}),
    ],
)
def test_where_it_is_comes_to_the_driver(url: str, expected: Mapping[str, Any]) -> None:
    arguments = asyncpg_arguments(database_url(url))

    assert {name: arguments.get(name) for name in expected} == expected


def test_the_files_of_tls_and_of_passwords_come_to_the_driver(tmp_path: Path) -> None:
    file = tmp_path / "a b#?.pem"
    file.write_text("")
    names = ("sslcert", "sslkey", "sslrootcert", "sslcrl", "passfile")
    url = "postgresql://h/x?" + "&".join(f"{name}={quote(str(file))}" for name in names)
    dsn = asyncpg_arguments(database_url(f"{url}&service=ledger"))["dsn"]

    assert dsn.count("a+b%23%3F.pem") == len(names)
    assert "service=ledger" in dsn


REFUSED = {
    "channel_binding=require": ["channel_binding=require", "sslmode=verify-full", "accepted is disable or prefer"],
    "sslmode=": ["sslmode=", "accepted is disable or allow or prefer"],
    "sslmode=verify": ["sslmode=verify", "verify-full"],
    "sslmode": ["sslmode has no value"],
    "ssl=maybe": ["sslmode=maybe"],
    "sslmodus=require": ["sslmodus", "is sslmode meant?"],
    "sslrootcert=/nowhere/root.crt": ["sslrootcert names /nowhere/root.crt, which is no file"],
    "sslcert=/nowhere": ["sslcert"],
    "sslrootcert=system&sslmode=require": ["sslrootcert=system needs sslmode=verify-full"],
    "passfile=/nowhere": ["passfile"],
    "connect_timeout=soon": ["connect_timeout=soon is no whole number of seconds"],
    "connect_timeout=1.5": ["connect_timeout=1.5"],
    "connect_timeout=": ["connect_timeout"],
    "target_session_attrs=read-only": ["target_session_attrs=read-only", "Casegate writes", "read-write"],
    "target_session_attrs=standby": ["target_session_attrs=standby"],
    "load_balance_hosts=random": ["load_balance_hosts=random", "accepted is disable"],
    "require_auth=scram-sha-256": ["require_auth", "the driver takes what the server asks for"],
    "gssencmode=require": ["gssencmode=require"],
    "client_encoding=latin1": ["client_encoding=latin1"],
    "sslsni=0": ["sslsni=0"],
    "requiressl=1": ["requiressl", "sslmode=require"],
    "keepalives_idle=30": ["keepalives_idle", "accepted are application_name, "],
    "tcp_user_timeout=3": ["tcp_user_timeout"],
    "pgbouncer=true": ["pgbouncer", "CASEGATE_DATABASE_POOLER=true"],
    "schema=public": ["schema", "options=-c%20search_path%3Dname"],
    "statement_timeout=5": ["CASEGATE_DATABASE_STATEMENT_TIMEOUT"],
    "prepared_statement_cache_size=0": ["prepared_statement_cache_size"],
    "async_fallback=true": ["async_fallback"],
    "port=0": ["0 is no port"],
    "port=70000": ["70000 is no port"],
    "port=x": ["x is no port"],
    "port=1,2,3": ["1 hosts and 3 ports"],
    "host=a,,b": ["one of its hosts is empty"],
    "application_name=%00": ["a NUL"],
}


@pytest.mark.parametrize("query", REFUSED)
def test_what_can_t_be_kept_is_refused_by_its_name(query: str) -> None:
    with pytest.raises(ValueError, match=r"\S") as raised:
        database_url(f"postgresql://me:secret@db.example/name?{query}")

    reported = str(raised.value)
    assert [words for words in REFUSED[query] if words not in reported] == []
    assert "secret" not in reported
    assert "\n" not in reported


@pytest.mark.parametrize(
    "url",
    [
        "",
        "nothing",
        "://",
        "/var/lib/casegate.sqlite",
        "C:\\data",
        "mysql://host/name",
        "mongodb+srv://host",
        "postgresql:name",
        "postgresql://me:pa/ss@host/name",
        "postgresql://me@host:port/name",
        "postgresql://me@ho:st:1/name",
        "postgresql://me@[::1/name",
        "postgresql://a:99999/x",
        "sqlite://",
        "sqlite:///",
        "sqlite:///:memory:",
        "sqlite:///%3Amemory%3A",
        "sqlite://host/path",
        "sqlite:///file?mode=ro",
        "sqlite:///file::memory:?cache=shared",
        "sqlite:///a%00b",
        "sqlite:///~nobody-of-that-name/x",
    ],
)
def test_an_invalid_database_url_fails_with_one_line(url: str) -> None:
    done = casegate("migrate", database_url=url or " ")

    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.startswith("casegate: the settings are not usable:\n  CASEGATE_DATABASE_URL: ")
    assert done.stderr.count("\n") == 2, done.stderr


@pytest.mark.parametrize(
    ("template", "words"),
    [
        ("postgresql://postgres:wrong@127.0.0.1:{port}/postgres", "password authentication failed"),
        ("postgresql://postgres:{password}@127.0.0.1:{port}/nowhere", 'database "nowhere" does not exist'),
        ("postgresql://postgres:{password}@127.0.0.1:{dead}/postgres", "Connect call failed"),
        ("postgresql://postgres:{password}@nowhere.invalid/postgres", "not known"),
        ("postgresql://postgres:{password}@/postgres?host=/nowhere", "No such file"),
        ("postgresql://postgres:{password}@localhost:{port}/postgres?sslmode=verify-full", "root"),
        ("postgresql://postgres:{password}@127.0.0.1:{port}/postgres?sslrootcert=system", "certificate verify failed"),
        ("postgresql://postgres:{password}@127.0.0.1:{port}/postgres?options=-c%20no%3Dway", "no"),
    ],
)
def test_an_unusable_server_fails_with_one_line(secured: Secured, template: str, words: str) -> None:
    for command, code in ((("account", "revoke", str(uuid4())), 1), (("log", "verify"), 2)):
        done = casegate(*command, database_url=secured.url(template))

        assert (done.returncode, done.stdout) == (code, ""), done.stderr
        assert done.stderr.startswith("casegate: the database can't be ")
        assert words in done.stderr
        assert secured.password not in done.stderr
        assert done.stderr.count("\n") == 1


def test_every_parameter_that_is_accepted_is_in_the_manual() -> None:
    manual = (ROOT / "app/docs/operations.md").read_text()

    assert [name for name in ACCEPTED if f"`{name}`" not in manual] == []


# --- SQLite -----------------------------------------------------------------------------------------------------------

FILES = [
    "a?b",
    "a#b",
    "%41",
    "a%",
    "a b",
    "é한",
    "a:b",
    "a\nb",
    "a'b",
    'a"b',
    "a&b=c",
    "~",
    "$HOME",
    "file:x",
    "a\\b",
    "[1]",
]


@pytest.mark.parametrize("name", FILES)
def test_a_data_folder_may_have_any_name(tmp_path: Path, name: str) -> None:
    folder = tmp_path / name / "data"

    casegate_json("account", "create", "--name", "Acme", data_dir=str(folder))
    report = casegate_json("log", "verify", data_dir=str(folder))
    backup = casegate("backup", str(tmp_path / "casegate.tar"), data_dir=str(folder))

    assert report["cases"] == 0
    assert backup.returncode == 0, backup.stderr
    assert (folder / "casegate.sqlite").stat().st_size > 0
    assert [path.name for path in tmp_path.iterdir() if path.suffix != ".tar"] == [name]


@pytest.mark.parametrize("name", FILES)
def test_a_file_may_have_any_name_that_is_encoded(tmp_path: Path, name: str) -> None:
    url = f"sqlite:///{quote(str(tmp_path / name))}"

    casegate_json("account", "create", "--name", "Acme", database_url=url, data_dir=str(tmp_path / "data"))

    assert url == sqlite_url(tmp_path / name)
    assert (tmp_path / name).stat().st_size > 0


def test_a_name_that_is_not_utf_8_is_kept_as_it_is(tmp_path: Path) -> None:
    folder = Path(os.fsdecode(os.fsencode(tmp_path) + b"/\xff\xfe"))

    casegate_json("account", "create", "--name", "Acme", data_dir=str(folder))
    listed = casegate_json("account", "list", database_url=sqlite_url(folder / "casegate.sqlite"))
    report = casegate_json("log", "verify", data_dir=str(folder))

    assert len(listed) == 1
    assert report["cases"] == 0
    assert (folder / "casegate.sqlite").stat().st_size > 0


def test_a_path_is_relative_to_where_one_is_or_to_one_s_home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    name = f"casegate-{uuid4()}"

    casegate("migrate", database_url=f"sqlite:///~/{name}.sqlite")
    casegate("migrate", data_dir=f"~/{name}")
    relative = os.path.relpath(tmp_path / "relative.sqlite")
    casegate("migrate", database_url=f"sqlite:///{relative}")

    assert (tmp_path / f"{name}.sqlite").is_file()
    assert (tmp_path / name / "casegate.sqlite").is_file()
    assert (tmp_path / "relative.sqlite").is_file()


@pytest.mark.parametrize(
    "command", [("account", "list"), ("migrate",), ("demo",), ("log", "verify"), ("backup", "b.tar")]
)
def test_an_unusable_file_fails_with_one_line_that_names_it(tmp_path: Path, command: tuple[str, ...]) -> None:
    (tmp_path / "folder").mkdir()
    (tmp_path / "text").write_text("this is no database, " * 100)
    (tmp_path / "text").chmod(0o600)  # else that would be told too
    places = {
        tmp_path / "folder": "folder",
        tmp_path / "missing" / "casegate.sqlite": "missing",
        tmp_path / "text" / "casegate.sqlite": "text",
        tmp_path / "text": "not a database",
    }
    for path, words in places.items():
        done = casegate(*command, database_url=sqlite_url(path), data_dir=str(tmp_path / "data"))

        assert done.returncode in (1, 2)
        assert done.stdout == ""
        assert words in done.stderr
        assert done.stderr.count("\n") == 1, done.stderr
    assert not (tmp_path / "missing").exists()


def test_a_file_s_url_of_documents_or_anchors_takes_no_parameters(tmp_path: Path) -> None:
    for name in ("documents_url", "anchors_url"):
        for url in (f"file://{tmp_path}/a?b", f"file://{tmp_path}/a#b"):
            done = casegate("migrate", data_dir=str(tmp_path / "data"), **{name: url})

            assert done.returncode == 2
            assert "write %3F or %23" in done.stderr


def test_the_default_database_user_is_the_operating_system_s(secured: Secured) -> None:
    done = casegate("migrate", database_url=f"postgresql://:secret@127.0.0.1:{secured.port}/postgres")

    assert done.returncode == 1
    assert f'"{getpass.getuser()}"' in done.stderr
