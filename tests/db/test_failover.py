"""Several hosts in a database's URL: connections find the one that takes writes, and follow it to another."""

import asyncio
import socket
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager

import pytest
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError

from app.admin import accounts
from app.db.engines import Database, open_database
from app.db.errors import unavailable_of
from app.db.migrate import migrate
from app.db.postgresql.hosts import GONE_S, HostUnavailable
from app.db.retry import attempt
from app.db.urls import asyncpg_arguments, database_url
from app.domain.model import PERSON_SCOPES, Role
from tests.faults.replication import ReplicatedPair, replicated_pair, skipping_without_postgresql
from tests.support.api import Api
from tests.support.databases import create_database
from tests.support.ports import free_port

NAME = "casegate"
OPEN = """mutation { openCase(input: {title: "Changed IBAN", subject: {type: COMPANY_ACCOUNT_CHECK, externalRef: "r-1",
    label: "Moulins", evaluationStatus: ANOMALY}}) { errors { code } case { id } } }"""


@pytest.fixture(scope="module")
def pair() -> Iterator[ReplicatedPair]:
    """A primary with a standby, and a migrated database."""
    with skipping_without_postgresql(), replicated_pair() as made:
        create_database(made.primary.admin_url, NAME)
        asyncio.run(_migrated(made.url(NAME)))
        asyncio.run(made.synchronize())
        yield made


async def _migrated(url: str) -> None:
    database = open_database(url)
    try:
        await migrate(database)
    finally:
        await database.close()


@asynccontextmanager
async def opened(pair: ReplicatedPair, ports: list[int], parameters: str = "") -> AsyncIterator[Database]:
    hosts = ",".join(f"127.0.0.1:{port}" for port in ports)
    database = open_database(f"postgresql://postgres:{pair.primary.password}@{hosts}/{NAME}?{parameters}", pool_size=2)
    try:
        yield database
    finally:
        await database.close()


async def is_standby(database: Database) -> bool:
    async with database.read() as connection:
        return bool((await connection.execute(text("SELECT pg_is_in_recovery()"))).scalar())


async def write(database: Database) -> None:
    await attempt(
        database,
        lambda connection: connection.execute(
            text("INSERT INTO server_keys (name, value) VALUES (gen_random_uuid(), '')")
        ),
    )


@pytest.mark.parametrize(
    ("first", "attributes"),
    [
        ("primary", ""),
        ("standby", ""),
        ("standby", "target_session_attrs=read-write&"),
        ("standby", "target_session_attrs=primary&"),
        ("refuses", ""),
        ("silent", ""),
    ],
)
async def test_readers_and_writers_find_the_primary_wherever_it_stands(
    pair: ReplicatedPair, first: str, attributes: str
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:  # it takes connections, and answers none
        others = {
            "primary": [],
            "standby": [pair.standby.port],
            "refuses": [free_port()],
            "silent": [silent.getsockname()[1]],
        }
        ports = [*others[first], pair.primary.port, pair.standby.port]

        async with opened(pair, ports, f"{attributes}connect_timeout=1") as database:
            assert not await is_standby(database)
            await write(database)
            async with database.dedicated_connection() as connection:
                await connection.execute(text("LISTEN something"))  # a standby can't


async def test_with_standbys_alone_it_is_said_what_each_host_is(pair: ReplicatedPair) -> None:
    refusing = free_port()
    async with opened(pair, [pair.standby.port, refusing]) as database:
        with pytest.raises(HostUnavailable) as raised:
            await write(database)

    message = str(raised.value)
    assert f"127.0.0.1:{pair.standby.port} is a standby, which takes no writes" in message
    assert f"127.0.0.1:{refusing}: " in message
    assert pair.primary.password not in message


async def test_a_fault_of_the_settings_is_reported_whatever_the_other_hosts_are(pair: ReplicatedPair) -> None:
    hosts = f"127.0.0.1:{pair.standby.port},127.0.0.1:{pair.primary.port}"
    database = open_database(f"postgresql://postgres:wrong@{hosts}/{NAME}")
    try:
        with pytest.raises(DBAPIError, match="password authentication failed"):
            await write(database)
    finally:
        await database.close()


async def test_a_fault_of_one_host_s_settings_is_an_outage_while_another_host_is_down(pair: ReplicatedPair) -> None:
    refusing = free_port()
    hosts = f"127.0.0.1:{refusing},127.0.0.1:{pair.standby.port}"
    database = open_database(f"postgresql://postgres:wrong@{hosts}/{NAME}")
    try:
        with pytest.raises(HostUnavailable) as raised:
            await write(database)
    finally:
        await database.close()

    assert unavailable_of(raised.value, "r-1") is not None
    assert "password authentication failed" in str(raised.value)
    assert f"127.0.0.1:{refusing}: " in str(raised.value)


async def test_any_host_will_do_where_the_url_says_so(pair: ReplicatedPair) -> None:
    async with opened(pair, [pair.standby.port, pair.primary.port], "target_session_attrs=any") as database:
        assert await is_standby(database)


async def test_connections_that_became_read_only_are_dropped_and_the_transaction_is_done_again(
    pair: ReplicatedPair,
) -> None:
    async with switchable(pair.standby.port) as (port, lead_to), opened(pair, [port]) as database:
        assert await is_standby(database)
        with pytest.raises(Exception, match="read-only transaction"):
            await write(database)  # on a connection that is kept then
        async with database.write() as connection:
            await connection.execute(text("SELECT 1"))

        lead_to(pair.primary.port)
        await write(database)

        assert not await is_standby(database)


async def test_what_a_standby_refuses_is_a_retryable_503_until_it_takes_writes(pair: ReplicatedPair) -> None:
    async with opened(pair, [pair.primary.port]) as database:
        account = await accounts.create_account(database, "Acme Treasury")
        user = await accounts.create_user(
            database, account.id, email="ada@acme.example", name="Ada", roles=(Role.CONTRIBUTOR,)
        )
        token = (await accounts.create_token(database, user.id, PERSON_SCOPES)).secret
    await pair.synchronize()
    async with switchable(pair.standby.port) as (port, lead_to):
        url = f"postgresql://postgres:{pair.primary.password}@127.0.0.1:{port}/{NAME}"
        async with Api.opened(url) as gateway:
            refused = await gateway.send(token, OPEN, x_request_id="late-1")
            lead_to(pair.primary.port)
            accepted = await gateway.send(token, OPEN)

    assert (refused.status_code, refused.headers["retry-after"]) == (503, "1")
    assert refused.json()["errors"][0]["extensions"]["code"] == "UNAVAILABLE"
    assert accepted.json()["data"]["openCase"]["errors"] == []


async def test_a_machine_that_vanishes_is_noticed_on_connections_that_say_nothing(pair: ReplicatedPair) -> None:
    async with opened(pair, [pair.primary.port]) as database, database.dedicated_connection() as connection:
        driver = (await connection.get_raw_connection()).driver_connection
        assert driver is not None
        peer = driver._transport.get_extra_info("socket")

        assert peer.getsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE) == 1
        assert peer.getsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT) == GONE_S * 1000
        assert peer.getsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPIDLE) < GONE_S


def test_several_hosts_are_looked_through_for_the_primary_unless_any_will_do() -> None:
    def target(parameters: str, hosts: str = "a,b") -> str:
        dsn: str = asyncpg_arguments(database_url(f"postgresql://{hosts}/n{parameters}"))["dsn"]
        return dsn.removeprefix("postgresql://?")

    assert target("") == "target_session_attrs=primary"
    assert target("?target_session_attrs=read-write") == "target_session_attrs=primary"
    assert target("?target_session_attrs=any") == "target_session_attrs=any"
    assert target("", "a") == ""
    assert target("?host=a,b", "") == "target_session_attrs=primary"


@asynccontextmanager
async def switchable(target: int) -> AsyncIterator[tuple[int, "Switch"]]:
    """Yield a port that leads to another one, and what has new connections lead elsewhere: those that are stay."""
    switch = Switch(target)
    server = await asyncio.start_server(switch.pass_on, "127.0.0.1", 0)
    async with server:
        yield server.sockets[0].getsockname()[1], switch


class Switch:
    """Leads connections to a port, as a balancer of TCP does."""

    def __init__(self, target: int) -> None:
        self._target = target

    def __call__(self, target: int) -> None:
        self._target = target

    async def pass_on(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        there, back = await asyncio.open_connection("127.0.0.1", self._target)
        try:
            await asyncio.gather(_copied(reader, back), _copied(there, writer))
        finally:
            for end in (writer, back):
                end.close()


async def _copied(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    try:
        while data := await reader.read(65_536):
            writer.write(data)
            await writer.drain()
    except ConnectionError:
        pass
    finally:
        writer.close()
