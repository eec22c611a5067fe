"""Queries read from replicas that have what their caller has seen, and from the primary wherever there is none."""

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from itertools import count
from pathlib import Path
from typing import Any, TypeVar
from urllib.parse import quote
from uuid import UUID

import asyncpg
import httpx2
import pytest

from app.admin import accounts
from app.db.engines import open_database
from app.db.migrate import migrate
from app.domain.model import PERSON_SCOPES, Role
from app.web.requests import POSITION_HEADER
from tests.faults.cluster import Cluster, cluster
from tests.faults.gateway import gateway
from tests.faults.replication import ReplicatedPair, replicated_pair, skipping_without_postgresql, standby_of
from tests.support.api import Api
from tests.support.databases import create_database
from tests.support.gateway import ROOT, casegate

T = TypeVar("T")

NAME = "casegate"
READER = "reader"
SOON_S = 60
FOREVER_S = 60
TRIES = 12
OPEN = """mutation { openCase(input: {title: "Changed IBAN", subject: {type: COMPANY_ACCOUNT_CHECK, externalRef: "%s",
    label: "Moulins", evaluationStatus: ANOMALY}}) { errors { code } case { id } } }"""
COMMENT = 'mutation { addComment(input: {caseId: "%s", body: "Called."}) { errors { code } case { version } } }'
VERSION = '{ case(id: "%s") { version } }'
LAST = "{ actions(last: 1) { nodes { case { id } } } }"


@dataclass(frozen=True, slots=True)
class Servers:
    """A primary, a standby that the gateways read from as a role without rights of its own, and an account."""

    primary: Cluster
    standby: Cluster
    account: UUID

    @property
    def url(self) -> str:
        return f"postgresql://postgres:{quote(self.primary.password)}@127.0.0.1:{self.primary.port}/{NAME}"

    def replica_url(self, database: str = NAME, port: int | None = None) -> str:
        return f"postgresql://{READER}:secret@127.0.0.1:{port or self.standby.port}/{database}"

    async def token(self) -> tuple[str, UUID]:
        """Return the token of a new person, and its id."""
        database = open_database(self.url)
        try:
            roles = (Role.CONTRIBUTOR, Role.REVIEWER)
            user = await accounts.create_user(
                database, self.account, email=f"{new_name()}@acme.example", name="Ada", roles=roles
            )
            made = await accounts.create_token(database, user.id, PERSON_SCOPES)
            return made.secret, made.row.id
        finally:
            await database.close()

    @asynccontextmanager
    async def paused(self) -> AsyncIterator[None]:
        """Have the standby replay nothing meanwhile."""
        await on(self.standby, "SELECT pg_wal_replay_pause()")
        try:
            await until(
                lambda: on(self.standby, "SELECT pg_get_wal_replay_pause_state()"),
                lambda state: bool(state == "paused"),
            )
            yield
        finally:
            await on(self.standby, "SELECT pg_wal_replay_resume()")


_numbers = count()


def new_name() -> str:
    return f"name-{next(_numbers)}"


async def on(server: Cluster, statement: str, database: str = "postgres") -> Any:
    admin = await asyncpg.connect(server.admin_url.removesuffix("/postgres") + f"/{database}")
    try:
        return await admin.fetchval(statement)
    finally:
        await admin.close()


@pytest.fixture(scope="module")
def servers(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Servers]:
    with skipping_without_postgresql(), cluster(log_inside=True) as primary:
        create_database(primary.admin_url, NAME)
        account = asyncio.run(_populated(primary))
        with standby_of(primary, primary.folder / "standby") as standby:
            yield Servers(primary, standby, account)


async def _populated(primary: Cluster) -> UUID:
    database = open_database(primary.admin_url.removesuffix("/postgres") + f"/{NAME}")
    try:
        await migrate(database)
        account = await accounts.create_account(database, "Acme Treasury")
    finally:
        await database.close()
    await on(primary, f"CREATE ROLE {READER} LOGIN PASSWORD 'secret'", NAME)
    await on(primary, f"GRANT SELECT ON ALL TABLES IN SCHEMA public TO {READER}", NAME)
    return account.id


@asynccontextmanager
async def node(servers: Servers, **settings: Any) -> AsyncIterator[Api]:
    """Yield a gateway that reads from the standby, as soon as it does."""
    given: dict[str, Any] = {"replica_urls": servers.replica_url(), "replica_lag": FOREVER_S, "metrics": True}
    async with Api.opened(servers.url, **given | settings) as api:
        await in_use(api)
        yield api


async def replica(api: Api) -> dict[str, Any]:
    """Return what `/ready` tells of the replica."""
    (found,) = (await api.client.get("/ready")).json()["replicas"]
    return dict(found)


async def until(look: Callable[[], Awaitable[T]], holds: Callable[[T], bool]) -> T:
    """Look until it *holds* of what is found, and return that."""
    async with asyncio.timeout(SOON_S):
        while not holds(found := await look()):  # noqa: ASYNC110  # it is found out by looking
            await asyncio.sleep(0.05)
    return found


async def in_use(api: Api) -> None:
    await until(lambda: replica(api), lambda found: bool(found["inUse"]))


async def out_of_use(api: Api) -> str:
    """Return why it is not read from, once it is not."""
    found = await until(lambda: replica(api), lambda found: not found["inUse"])
    return str(found["reason"])


async def served(api: Api, token: str, query: str, **headers: str) -> tuple[dict[str, Any], str]:
    """Return the data of a query, and which server it was read from."""
    before = await _counts(api)
    data = await api.run(token, query, None, **headers)
    after = await _counts(api)
    grown = [server for server, number in after.items() if number > before.get(server, 0)]
    return data, " ".join(grown)


async def _counts(api: Api) -> dict[str, float]:
    lines = (await api.client.get("/metrics")).text.splitlines()
    counted = (line.rsplit(" ", 1) for line in lines if line.startswith("casegate_reads_total{"))
    return {labels.split('"')[1]: float(number) for labels, number in counted}


async def known(api: Api, token: str) -> None:
    """Have somebody read until a replica serves them."""
    await until(lambda: served(api, token, "{ viewer { language } }"), lambda found: found[1] == "replica_1")


async def opened(api: Api, token: str) -> str:
    data = await api.run(token, OPEN % new_name())
    assert data["openCase"]["errors"] == []
    return str(data["openCase"]["case"]["id"])


async def test_what_a_caller_has_written_is_read_at_once_and_soon_from_a_replica(servers: Servers) -> None:
    token, _ = await servers.token()
    async with node(servers) as api:
        await known(api, token)
        async with servers.paused():
            case = await opened(api, token)
            at_once = await served(api, token, VERSION % case)
        await known(api, token)
        later = await served(api, token, VERSION % case)

    assert at_once == ({"case": {"version": 1}}, "primary")
    assert later == ({"case": {"version": 1}}, "replica_1")


async def test_who_is_not_known_to_a_node_reads_the_primary_first(servers: Servers) -> None:
    token, _ = await servers.token()
    async with node(servers) as api:
        first = await served(api, token, "{ viewer { language } }")
        await known(api, token)

    assert first == ({"viewer": {"language": "EN"}}, "primary")


@pytest.mark.parametrize(
    ("query", "server"),
    [
        ("{ actions(first: 1) { nodes { seq } } }", "primary"),
        ("{ ...Log } fragment Log on Query { ... on Query { log: actions(first: 1) { nodes { seq } } } }", "primary"),
        ("{ cases(first: 1) { nodes { actions(first: 1) { nodes { seq } } } } }", "replica_1"),
    ],
)
async def test_the_accounts_log_in_its_order_is_read_from_the_primary(
    servers: Servers, query: str, server: str
) -> None:
    token, _ = await servers.token()
    async with node(servers) as api:
        await known(api, token)

        assert [(await served(api, token, query))[1] for _ in range(3)] == [server] * 3


async def test_what_the_log_has_shown_is_found_by_the_next_query(servers: Servers) -> None:
    (ada, _), (bob, _) = await servers.token(), await servers.token()
    async with node(servers) as api:
        await known(api, bob)
        async with servers.paused():
            case = await opened(api, ada)
            before = await served(api, bob, VERSION % case)
            await until(lambda: api.run(bob, LAST), lambda log: log["actions"]["nodes"] == [{"case": {"id": case}}])
            after = await served(api, bob, VERSION % case)

    assert before == ({"case": None}, "replica_1")
    assert after == ({"case": {"version": 1}}, "primary")


async def test_a_receipt_stands_however_far_behind_a_replica_is(servers: Servers) -> None:
    (ada, _), (bob, _) = await servers.token(), await servers.token()
    async with node(servers) as api:
        await known(api, bob)
        async with servers.paused():
            case = await opened(api, ada)
            made = await api.run(ada, COMMENT.replace("case { version }", "action { seq hash }") % case)
            row = made["addComment"]["action"]
            receipt = f'{{ verifyReceipt(caseId: "{case}", seq: {row["seq"]}, hash: "{row["hash"]}") {{ stands }} }}'
            found = await served(api, bob, receipt)

    assert found == ({"verifyReceipt": {"stands": True}}, "primary")


async def test_a_position_of_another_node_is_read_and_what_has_none_may_be_as_old_as_is_set(servers: Servers) -> None:
    token, _ = await servers.token()
    async with node(servers) as writing, node(servers) as reading:
        case = await opened(writing, token)
        await known(reading, token)
        async with servers.paused():
            written = await writing.send(token, COMMENT % case)
            position = written.headers[POSITION_HEADER]
            with_position = await served(reading, token, VERSION % case, casegate_position=position)
            unreadable = await served(reading, token, VERSION % case, casegate_position="here")
            without = await served(reading, token, VERSION % case)
        await known(reading, token)
        later = await until(
            lambda: served(reading, token, VERSION % case, casegate_position=position),
            lambda found: found[1] != "primary",
        )

    assert written.json()["extensions"]["position"] == position
    assert with_position == unreadable == ({"case": {"version": 2}}, "primary")
    assert without == ({"case": {"version": 1}}, "replica_1")
    assert later == ({"case": {"version": 2}}, "replica_1")


async def test_a_replica_that_is_too_far_behind_is_not_read_from_until_it_has_caught_up(servers: Servers) -> None:
    token, _ = await servers.token()
    async with node(servers, replica_lag=1) as api:
        await known(api, token)
        async with servers.paused():
            await opened(api, token)
            reason = await out_of_use(api)
            _, server = await served(api, token, "{ viewer { language } }")
            lagging = (await api.client.get("/ready")).json()
        await in_use(api)
        await known(api, token)

    assert (reason, server) == ("is too far behind", "primary")
    assert lagging["status"] == "ready"
    assert lagging["replicas"][0]["lagSeconds"] > 1


async def test_a_revoked_token_is_refused_however_far_behind_a_replica_is(servers: Servers) -> None:
    token, token_id = await servers.token()
    database = open_database(servers.url)
    async with node(servers) as api:
        await known(api, token)
        async with servers.paused():
            await accounts.revoke_token(database, token_id)
            answer = await api.send(token, "{ viewer { language } }")
    await database.close()

    assert answer.status_code == 401


async def test_a_query_that_a_replica_cancels_for_what_it_replays_is_answered_by_the_primary(servers: Servers) -> None:
    token, _ = await servers.token()
    async with node(servers) as api:
        case = await opened(api, token)
        await known(api, token)
        for statement in CONFLICTING:
            await on(servers.primary, statement, NAME)
        try:
            found = await until(lambda: served(api, token, VERSION % case), lambda found: found[1] != "replica_1")
            is_in_use = (await replica(api))["inUse"]
        finally:
            await on(servers.primary, "ALTER TABLE cases DISABLE ROW LEVEL SECURITY", NAME)

    assert found == ({"case": {"version": 1}}, "primary replica_1")
    assert is_in_use


CONFLICTING = (
    """CREATE FUNCTION conflict() RETURNS boolean LANGUAGE plpgsql AS $$ BEGIN
        RAISE 'canceling statement due to conflict with recovery' USING ERRCODE = '40001'; END $$""",
    f"CREATE POLICY conflicting ON cases TO {READER} USING (conflict())",
    "ALTER TABLE cases ENABLE ROW LEVEL SECURITY",
)
"""What has the reading role fail with the code that PostgreSQL gives such a query."""


async def test_queries_go_on_while_a_replica_ends_and_starts_again(servers: Servers) -> None:
    token, _ = await servers.token()
    async with node(servers) as api:
        case = await opened(api, token)
        await known(api, token)
        await asyncio.to_thread(servers.standby.stop)
        without = await served(api, token, VERSION % case)
        reason = await out_of_use(api)
        await asyncio.to_thread(servers.standby.start)
        await in_use(api)
        await known(api, token)
        again = await served(api, token, VERSION % case)

    assert without[0] == again[0] == {"case": {"version": 1}}
    assert "primary" in without[1]
    assert reason.startswith(("does not answer", "has lost a connection"))
    assert again[1] == "replica_1"


@pytest.mark.parametrize(
    ("database", "is_primary", "reason"),
    [(NAME, True, "is no standby"), ("postgres", False, "is a replica of another database")],
)
async def test_a_server_that_is_no_replica_of_the_database_is_never_read_from(
    servers: Servers, database: str, is_primary: bool, reason: str
) -> None:
    token, _ = await servers.token()
    url = servers.replica_url(database, servers.primary.port if is_primary else None)
    async with Api.opened(servers.url, replica_urls=url, metrics=True) as api:
        found = await until(lambda: replica(api), lambda found: bool(found["reason"] == reason))
        case = await opened(api, token)
        answers = [await served(api, token, VERSION % case) for _ in range(3)]

    assert found["inUse"] is False
    assert answers == [({"case": {"version": 1}}, "primary")] * 3


async def test_a_standby_that_is_promoted_is_not_read_from_any_more(servers: Servers) -> None:
    with standby_of(servers.primary, servers.primary.folder / "promoted") as promoted:
        async with node(servers, replica_urls=servers.replica_url(port=promoted.port)) as api:
            await asyncio.to_thread(promoted.control, "promote")
            reason = await out_of_use(api)

    assert reason == "is no standby"


async def test_uploads_tell_a_position_and_pages_of_other_origins_may_read_it(servers: Servers) -> None:
    token, _ = await servers.token()
    async with node(servers, cors_origins="https://app.example") as api:
        headers = {"Authorization": f"Bearer {token}", "Content-Type": "text/plain", "Origin": "https://app.example"}
        answers = [
            await api.client.post(address, content=b"A letter.", headers=headers)
            for address in ("/documents?filename=letter.txt", "/api/v1/documents?filename=letter.txt")
        ]

    assert [answer.status_code for answer in answers] == [201, 201], [answer.text for answer in answers]
    assert all(answer.headers[POSITION_HEADER] for answer in answers)
    assert all(POSITION_HEADER in answer.headers["access-control-expose-headers"] for answer in answers)


async def test_the_workers_of_a_node_know_what_a_person_has_written_or_was_sent(
    servers: Servers, tmp_path: Path
) -> None:
    watcher, writer = (await servers.token())[0], (await servers.token())[0]
    given = {"database_url": servers.url, "replica_urls": servers.replica_url(), "replica_lag": str(FOREVER_S)}
    apart = httpx2.Limits(max_keepalive_connections=0)  # so that each request may come to another worker
    with gateway(tmp_path, ROOT, 2, **given, webhooks="false") as running:
        async with httpx2.AsyncClient(base_url=running.address, limits=apart, timeout=SOON_S) as client:
            api = Api(client)
            case = await opened(api, writer)
            for _ in range(TRIES):
                await in_use(api)
                for token in (watcher, writer):
                    await api.run(token, VERSION % case)
            await asyncio.sleep(1)
            async with servers.paused(), stream(client, watcher, case) as events:
                await api.run(writer, COMMENT % case)
                by_writer = [await api.run(writer, VERSION % case) for _ in range(TRIES)]
                while '"version":2' not in await anext(events):  # the case as it is may come first
                    pass
                by_watcher = [await api.run(watcher, VERSION % case) for _ in range(TRIES)]

    assert by_writer == by_watcher == [{"case": {"version": 2}}] * TRIES


@asynccontextmanager
async def stream(client: httpx2.AsyncClient, token: str, case: str) -> AsyncIterator[AsyncIterator[str]]:
    """Yield the events of a case, from when they would come."""
    headers = {"Authorization": f"Bearer {token}", "Accept": "text/event-stream"}
    query = f'subscription {{ caseChanged(id: "{case}") {{ version }} }}'
    async with client.stream("POST", "/graphql", json={"query": query}, headers=headers) as answer:
        assert answer.status_code == 200
        yield (line async for line in answer.aiter_lines() if line.startswith("data:"))


@pytest.fixture
def pair_and_follower() -> Iterator[tuple[ReplicatedPair, Servers]]:
    """A primary with a standby that takes its place, and another one that is read from."""
    with skipping_without_postgresql(), replicated_pair() as pair:
        create_database(pair.primary.admin_url, NAME)
        account = asyncio.run(_populated(pair.primary))
        asyncio.run(on(pair.primary, f"GRANT pg_monitor TO {READER}"))  # who sees at once which timeline it follows
        with standby_of(pair.primary, pair.primary.folder / "replica") as follower:
            yield pair, Servers(pair.primary, follower, account)


async def test_a_replica_that_follows_the_promoted_standby_is_read_from_again_with_positions_from_before(
    pair_and_follower: tuple[ReplicatedPair, Servers],
) -> None:
    pair, servers = pair_and_follower
    token, _ = await servers.token()
    urls = {"replica_urls": servers.replica_url(), "replica_lag": FOREVER_S}
    async with Api.opened(pair.url(NAME), **urls, metrics=True) as api:
        await in_use(api)
        case = await opened(api, token)
        before = (await api.send(token, COMMENT % case)).headers[POSITION_HEADER]
        await until(lambda: on(pair.primary, ALL_REPLAYED), bool)

        await asyncio.to_thread(pair.kill_primary)
        await asyncio.to_thread(pair.promote)
        await follow(servers.standby, pair.primary)
        after = await until(lambda: written(api, token, case), bool)
        await until(lambda: on(pair.primary, ALL_REPLAYED), bool)
        found = await until(
            lambda: served(api, token, VERSION % case, casegate_position=before),
            lambda found: found[1] == "replica_1",
        )

    assert before.startswith("1-")
    assert after.startswith("2-")
    assert found == ({"case": {"version": 3}}, "replica_1")


async def follow(standby: Cluster, primary: Cluster) -> None:
    """Have a standby follow another primary from now on."""
    place = f"host=127.0.0.1 port={primary.port} user=postgres password={primary.password}"
    await on(standby, f"ALTER SYSTEM SET primary_conninfo = '{place}'")
    await on(standby, "SELECT pg_reload_conf()")


ALL_REPLAYED = "SELECT coalesce(bool_and(replay_lsn = pg_current_wal_flush_lsn()), false) FROM pg_stat_replication"


async def written(api: Api, token: str, case: str) -> str:
    """Return the position of a comment, nothing while none can be written."""
    answer = await api.send(token, COMMENT % case)
    return str(answer.headers.get(POSITION_HEADER, "")) if answer.status_code == 200 else ""


def test_doctor_says_of_each_replica_how_it_is(servers: Servers, tmp_path: Path) -> None:
    urls = f"{servers.replica_url()} {servers.replica_url(port=servers.primary.port)}"

    done = casegate("doctor", "--json", data_dir=str(tmp_path), database_url=servers.url, replica_urls=urls)

    found = {finding["check"]: finding for finding in json.loads(done.stdout)}
    assert found["replica_1"]["level"] == "ok"
    assert "had replayed all of the primary within" in found["replica_1"]["found"]
    assert (found["replica_2"]["level"], found["replica_2"]["found"]) == (
        "warning",
        f"127.0.0.1:{servers.primary.port} is no standby",
    )
