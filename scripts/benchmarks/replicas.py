"""The gateway with two read replicas beside the gateway with none, where PostgreSQL is what is short.

Each of PostgreSQL's servers has a share of a core, so that the gateway and the driver have what they need of the rest.
"""

import asyncio
import json
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory
from urllib.parse import quote
from urllib.request import urlopen

from app.admin import accounts
from app.db.engines import Database, open_database
from app.domain.model import Role, Scope
from scripts.benchmarks import driver
from scripts.benchmarks.alone import Q1, Q2, SMALL, lines_of
from scripts.benchmarks.compare import Prepared, Say, Wanted, prepare
from scripts.benchmarks.cores import CORES, free
from scripts.benchmarks.data import Data, Desk, make_data
from scripts.benchmarks.measuring import Supply, UnderLoad
from scripts.benchmarks.report import Line, Report
from scripts.benchmarks.servers import Server, ServerFailed, gateway
from scripts.benchmarks.shares import shared
from tests.faults.cluster import Cluster, cluster
from tests.faults.replication import standby_of
from tests.support.databases import create_database
from tests.support.ports import wait_until

REPLICAS = 2
PEOPLE = 8
IN_USE_S = 60
READS = "casegate_reads_total{server="


def replicas(wanted: Wanted, share: float | None, say: Say) -> Report:
    """Compare reads of the gateway without replicas and with two. Raises: WrongAnswer, NoShares."""
    with ExitStack() as stack, driver.process() as loader:
        folder = Path(stack.enter_context(TemporaryDirectory(prefix="casegate-bench-")))
        say("starting PostgreSQL, making the data")
        primary = stack.enter_context(cluster(log_inside=True))
        url = create_database(primary.admin_url, "bench")
        data = asyncio.run(make_data(url, SMALL))
        standbys = [
            stack.enter_context(standby_of(primary, primary.folder / f"standby-{number}"))
            for number in range(1, REPLICAS + 1)
        ]
        if share is not None:  # before any connection is made: its process is a child's
            stack.enter_context(shared([_postmaster(one) for one in (primary, *standbys)], share))
        servers = list(_gateways(stack, folder, url, standbys, say))
        readers = asyncio.run(_readers(data))
        beforehand, lines = free(), list[Line]()
        for operation in [operation for operation in (Q1, Q2) if operation.key in wanted.operations]:
            prepared = [prepare([operation], reader, servers, say)[0] for reader in readers]
            contestants = [UnderLoad(one, _supply(one, prepared), loader) for one in servers]
            lines += lines_of(wanted, operation, contestants, say)
        peak = {server.name: server.peak_mib() for server in servers}
        return Report(wanted.engine, lines, peak, list(_notes(servers, beforehand, share)))


async def _readers(data: Data) -> list[Data]:
    """Return the same data for each of several people who read them: one person stays with one replica."""
    database = open_database(data.url)
    try:
        return [replace(data, reading=await _reader(database, data.reading, number)) for number in range(PEOPLE)]
    finally:
        await database.close()


async def _reader(database: Database, desk: Desk, number: int) -> Desk:
    email, roles = f"reader-{number}@{desk.account_id}.example", (Role.CONTRIBUTOR,)
    user = await accounts.create_user(database, desk.account_id, email=email, name=f"Reader {number}", roles=roles)
    token = await accounts.create_token(database, user.id, [Scope.CASES_READ])
    return Desk(desk.account_id, user.id, token.secret)


def _supply(server: Server, prepared: Sequence[Prepared]) -> Supply:
    """Return the requests of all readers, one of each in turn."""
    each = [load.supplies[server.name].stretch(0) for load in prepared]
    return Supply([shot for one_of_each in zip(*each, strict=True) for shot in one_of_each], once=False)


def _gateways(stack: ExitStack, folder: Path, url: str, standbys: Sequence[Cluster], say: Say) -> Iterator[Server]:
    """Yield the gateway without replicas, and the one with them once it reads from all."""
    yield stack.enter_context(gateway(folder, url, name="none"))
    urls = [f"postgresql://postgres:{quote(standby.password)}@127.0.0.1:{standby.port}/bench" for standby in standbys]
    settings = {"replica_urls": " ".join(urls)}
    server = stack.enter_context(gateway(folder, url, name=f"{REPLICAS} replicas", settings=settings))
    say("waiting until the replicas are in use")
    if not wait_until(lambda: _are_used(server), IN_USE_S):
        raise ServerFailed(f"not all replicas are used: {_fetch(server, '/ready')}")
    yield server


def _are_used(server: Server) -> bool:
    return all(replica["inUse"] for replica in json.loads(_fetch(server, "/ready"))["replicas"])


def _fetch(server: Server, path: str) -> str:
    with urlopen(f"http://127.0.0.1:{server.port}{path}") as answer:
        content: bytes = answer.read()
        return content.decode()


def _postmaster(one: Cluster) -> int:
    return int((one.data / "postmaster.pid").read_text().splitlines()[0])


def _notes(servers: Sequence[Server], beforehand: float, share: float | None) -> Iterator[str]:
    yield ""
    if share is not None:
        yield f"Each server of PostgreSQL had at most {share:g} of a core."
    yield f"{beforehand:.2f} of {CORES} cores were free beforehand."
    for server in servers:
        found = [line.split(" ") for line in _fetch(server, "/metrics").splitlines() if line.startswith(READS)]
        counts = ", ".join(f"{labels.split(chr(34))[1]} {float(count):.0f}" for labels, count in found)
        yield f"Reads of {server.name} by server: {counts or 'all by the primary'}."
