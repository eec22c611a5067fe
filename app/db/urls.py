"""Database URLs: SQLite's paths, and what libpq knows of PostgreSQL's as asyncpg takes it.

What can't be kept is refused by its name: a parameter that is passed over would be believed to hold. The parameters are
those of https://www.postgresql.org/docs/current/libpq-connect.html, sections 32.1.1.2 and 32.1.2.
"""

import difflib
import os
import re
import ssl
from collections.abc import Mapping
from pathlib import Path
from typing import Any
from urllib.parse import quote, unquote, unquote_to_bytes, urlencode

from sqlalchemy.engine import URL

from app.db.sqlite.driver import DRIVER

EXAMPLES = "postgresql://user:password@host/name or sqlite:///path"
_NO_URL = f"not a database URL, as in {EXAMPLES}"

_FORM = re.compile(r"(?P<scheme>[a-z][a-z0-9]*)(\+\w+)?://(?P<rest>.*)", re.DOTALL | re.IGNORECASE)
_HOST = re.compile(r"(?:\[(?P<ipv6>[^\]]+)\]|(?P<host>[^:\[\]]*))(?::(?P<port>\d*))?")

# What asyncpg reads from a URL itself, and the files among it.
_PASSED = {"sslmode", "sslnegotiation", "sslcert", "sslkey", "sslpassword", "sslrootcert", "sslcrl", "passfile"}
_PASSED |= {"ssl_min_protocol_version", "ssl_max_protocol_version", "service", "krbsrvname", "gsslib"}
_PASSED |= {"target_session_attrs"}
_FILES = ("sslcert", "sslkey", "sslrootcert", "sslcrl", "passfile")
_WHERE = {"host", "hostaddr", "port", "dbname", "user", "password"}
_OURS = {"application_name", "fallback_application_name", "options", "connect_timeout"}

_TLS = ("TLSv1", "TLSv1.1", "TLSv1.2", "TLSv1.3")
_CHOICES: Mapping[str, tuple[str, ...]] = {
    "sslmode": ("disable", "allow", "prefer", "require", "verify-ca", "verify-full"),
    "sslnegotiation": ("postgres", "direct"),
    "ssl_min_protocol_version": _TLS,
    "ssl_max_protocol_version": _TLS,
    "gsslib": ("gssapi",),
    "target_session_attrs": ("any", "read-write", "primary"),
    # Of these the driver knows one way only: what says the same is taken.
    "channel_binding": ("disable", "prefer"),
    "client_encoding": ("utf8", "utf-8", "unicode", "auto"),
    "gssdelegation": ("0",),
    "gssencmode": ("disable", "prefer"),
    "keepalives": ("1",),
    "load_balance_hosts": ("disable",),
    "replication": ("0", "off", "false", "no"),
    "sslcertmode": ("allow",),
    "sslcompression": ("0",),
    "sslsni": ("1",),
}
_WHY = {
    "channel_binding": "the driver can't bind channels, and sslmode=verify-full proves the server by its certificate",
    "target_session_attrs": "Casegate writes",
    "require_auth": "the driver takes what the server asks for",
    "requiressl": "use sslmode=require",
    "pgbouncer": "set CASEGATE_DATABASE_POOLER=true",
    "statement_timeout": "set CASEGATE_DATABASE_STATEMENT_TIMEOUT",
    "lock_timeout": "set CASEGATE_DATABASE_LOCK_TIMEOUT",
    "pool_size": "set CASEGATE_DATABASE_POOL",
    "connection_limit": "set CASEGATE_DATABASE_POOL",
    "schema": "use options=-c%20search_path%3Dname",
    "search_path": "use options=-c%20search_path%3Dname",
}
ACCEPTED = sorted({*_PASSED, *_WHERE, *_OURS, *_CHOICES})


def database_url(url: str) -> URL:
    """Return *url* with the asynchronous driver that we use; PostgreSQL's with its hosts among the parameters.

    Raises: ValueError, which says what is wrong with it and what would do.
    """
    found = _FORM.fullmatch(url)
    if found is None:
        raise ValueError(_NO_URL)
    if "\0" in unquote(url):
        raise ValueError("it has a NUL, which no name has")
    match found["scheme"].lower():
        case "sqlite":
            return URL.create(DRIVER, database=_sqlite_path(found["rest"]))
        case "postgresql" | "postgres":
            return _postgresql_url(found["rest"])
        case other:
            raise ValueError(f"{other} is not supported: use {EXAMPLES}")


def sqlite_url(path: Path) -> str:
    """Return the URL of the SQLite file, whatever its name has in it."""
    return f"sqlite:///{quote(os.fsencode(path), safe='/')}"


def _sqlite_path(rest: str) -> str:
    path, _, parameters = rest.partition("?")
    if parameters:
        raise ValueError("SQLite's URL takes no parameters; where a ? is part of the file's name, write %3F")
    if path and not path.startswith("/"):
        raise ValueError("SQLite's URL has no host: write sqlite:///path, or sqlite:////path from the root")
    name = os.fsdecode(unquote_to_bytes(os.fsencode(path[1:])))
    if name in ("", ":memory:"):
        raise ValueError("SQLite needs a file, as in sqlite:///path")
    if not name.startswith("~"):
        return name
    try:
        return str(Path(name).expanduser())
    except RuntimeError:
        raise ValueError(
            f"nobody's home is known by {name.partition('/')[0]}; write ./~ for a folder of that name"
        ) from None


# --- PostgreSQL ------------------------------------------------------------------------------------------------------


def _postgresql_url(rest: str) -> URL:
    where, _, query = rest.partition("?")
    authority, _, path = where.partition("/")
    login, at, hosts = authority.rpartition("@")
    if not at and "@" in rest:  # nothing of it is shown: a part of the password may be anywhere
        raise ValueError(f"{_NO_URL}; in a password, write %2F for / and %3F for ?")
    user, _, password = login.partition(":")
    parameters = _parameters(query)
    if hosts:
        named, ports = _hosts(hosts)
        parameters = {"host": named, "port": ports} | parameters
    _check_hosts(parameters)
    return URL.create(
        "postgresql+asyncpg",
        username=parameters.pop("user", unquote(user)) or None,
        password=parameters.pop("password", unquote(password)) or None,
        database=parameters.pop("dbname", unquote(path)) or None,
        **_place_of(parameters),
        query=parameters,
    )


def _place_of(parameters: dict[str, str]) -> dict[str, Any]:
    """Take the host and port of *parameters* where there is one, for a URL to be shown as it usually is."""
    host, port = parameters.get("host", ""), parameters.get("port", "")
    if not host or re.search("[,/]", host):
        return {}
    return {"host": parameters.pop("host"), "port": int(port) if parameters.pop("port", None) else None}


def _hosts(listed: str) -> tuple[str, str]:
    """Return the hosts and the ports of a URL, each as libpq's parameter has them."""
    hosts, ports = [], []
    for item in listed.split(","):
        found = _HOST.fullmatch(item)
        if found is None:
            raise ValueError(f"{_NO_URL}: a host is db.example, db.example:5432, [::1] or %2Frun%2Fpostgresql")
        hosts.append(unquote(found["ipv6"] or found["host"] or ""))
        ports.append(found["port"] or "")
    return ",".join(hosts), ",".join(ports)


def _parameters(query: str) -> dict[str, str]:
    """Return the parameters, those that the driver can keep. Raises: ValueError."""
    found: dict[str, str] = {}
    for item in filter(None, query.split("&")):
        name, is_pair, value = item.partition("=")
        name, value = unquote(name), unquote(value)  # a + stays one: it is libpq's URL, and no form
        if not is_pair:
            raise ValueError(f"its parameter {name} has no value, as in {name}=value")
        name, value = ("sslmode", _mode_of(value)) if name == "ssl" else (name, value)
        found[name] = _checked(name, value)
    return found


def _mode_of(value: str) -> str:
    """Return the `sslmode` that other libraries' `ssl` means."""
    return {"true": "require", "1": "require", "false": "disable", "0": "disable"}.get(value.lower(), value)


def _checked(name: str, value: str) -> str:
    """Return a parameter's value as the driver knows it. Raises: ValueError."""
    why = f": {_WHY[name]}" if name in _WHY else ""
    if name not in ACCEPTED:
        near = difflib.get_close_matches(name, ACCEPTED, 1)
        meant = f" (is {near[0]} meant?)" if near and not why else ""
        raise ValueError(f"its parameter {name} can't be kept{why}{meant}; accepted are {', '.join(ACCEPTED)}")
    if name in _CHOICES:
        choices = {choice.lower(): choice for choice in _CHOICES[name]}
        if value.lower() not in choices:
            listed = " or ".join(choices.values())
            raise ValueError(f"its parameter {name}={value} can't be kept{why}; accepted is {listed}")
        return choices[value.lower()]
    _check_value(name, value)
    return value


def _check_value(name: str, value: str) -> None:
    if name == "connect_timeout" and not re.fullmatch(r"-?\d{1,6}", value):
        raise ValueError(f"its parameter connect_timeout={value} is no whole number of seconds")
    if name in _FILES and not (name, value) == ("sslrootcert", "system") and not Path(value).is_file():
        raise ValueError(f"its parameter {name} names {value}, which is no file")


def _check_hosts(parameters: dict[str, str]) -> None:
    if "hostaddr" in parameters:
        if parameters.get("sslmode") == "verify-full" and parameters.get("host"):
            raise ValueError("its parameter hostaddr can't be kept with sslmode=verify-full: name the host alone")
        parameters["host"] = parameters.pop("hostaddr")
    hosts = parameters.get("host", "").split(",")
    ports = parameters.get("port", "").split(",")
    for port in ports:
        if port and not (port.isascii() and port.isdigit() and 0 < int(port[:6]) < 65_536):
            raise ValueError(f"{port} is no port, from 1 to 65535")
    if len(ports) not in (1, len(hosts)):
        raise ValueError(f"it has {len(hosts)} hosts and {len(ports)} ports: name one port, or one for each host")
    if len(hosts) > 1:
        _check_several(hosts, parameters)
    if parameters.get("sslrootcert") == "system" and parameters.setdefault("sslmode", "verify-full") != "verify-full":
        raise ValueError("its parameter sslrootcert=system needs sslmode=verify-full")


def _check_several(hosts: list[str], parameters: dict[str, str]) -> None:
    if not all(hosts):
        raise ValueError("one of its hosts is empty")
    parameters.setdefault("target_session_attrs", "read-write")


def asyncpg_arguments(url: URL) -> dict[str, Any]:
    """Return what asyncpg connects by, of a URL that `database_url` has made."""
    parameters = {name: str(value) for name, value in url.query.items()}
    if url.host is not None:
        parameters |= {"host": url.host, "port": str(url.port or "")}
    hosts = [host for host in parameters.get("host", "").split(",") if host]
    ports = [int(port or 5432) for port in parameters.get("port", "").split(",")]
    settings = {name: parameters[name] for name in ("application_name", "options") if name in parameters}
    if "fallback_application_name" in parameters:
        settings.setdefault("application_name", parameters["fallback_application_name"])
    timeout = int(parameters.get("connect_timeout", "0"))
    arguments: dict[str, Any] = {
        "user": url.username,
        "password": url.password,
        "database": url.database,
        "server_settings": settings,
    }
    if hosts:
        arguments |= {"host": hosts, "port": ports * len(hosts) if len(ports) == 1 else ports}
    elif parameters.get("port"):
        arguments["port"] = ports[0]
    if "connect_timeout" in parameters:
        arguments["timeout"] = timeout if timeout > 0 else None
    passed = {name: value for name, value in parameters.items() if name in _PASSED}
    if passed.get("target_session_attrs") == "read-write":
        passed["target_session_attrs"] = "primary"  # readers set themselves to read only, and would find no other host
    if passed.get("sslrootcert") == "system":
        arguments["ssl"] = _system_context(passed)
    return arguments | {"dsn": f"postgresql://?{urlencode(passed)}"}


def _system_context(passed: dict[str, str]) -> ssl.SSLContext:
    """Return the context that trusts whom the operating system trusts, and takes *passed* parameters that it is for."""
    context = ssl.create_default_context()
    for name in ("sslrootcert", "sslmode"):
        passed.pop(name, None)
    certificate, key = passed.pop("sslcert", None), passed.pop("sslkey", None)
    password = passed.pop("sslpassword", "")
    if certificate is not None:
        context.load_cert_chain(certificate, key, lambda: password)
    return context
