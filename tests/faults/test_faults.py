"""Each kind of fault: one round of it on a site that they share, and where asked for at length, as scripts/faults."""

import asyncio
import os
import secrets
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest

from tests.faults.runs import RUNS, Fault, run
from tests.faults.site import Site, site
from tests.faults.small_disk import CannotMount
from tests.support.postgresql import PostgresqlMissing

WRITERS = 16
# Other tests may be running; how long things take, a start too, is shown by scripts/faults.
USUAL: Mapping[str, Any] = {"patience_s": 60, "is_forked": True}
DISK_MIB = RUNS[Fault.DISK].disk_mib


@pytest.fixture(scope="module")
def place(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    """A site on the engine that is asked for, on a disk of its own where one may be mounted."""
    engine, seed = request.param, secrets.randbelow(10**6)
    folder = tmp_path_factory.mktemp(engine)
    try:
        try:
            with site(engine, folder, seed, WRITERS, disk_mib=DISK_MIB[engine], **USUAL) as made:
                yield made
        except CannotMount as refused:
            sys.stderr.write(f"\nNO DISK IS FILLED UP: {refused}\n")
            with site(engine, folder, seed, WRITERS, **USUAL) as made:
                yield made
    except PostgresqlMissing as missing:
        if os.environ.get("CASEGATE_REQUIRE_POSTGRESQL") == "1":
            raise
        sys.stderr.write(f"\nNO FAULTS ON POSTGRESQL: {missing}\n")
        pytest.skip(f"no PostgreSQL: {missing}")


def assert_withstands(fault: Fault, place: Site) -> None:
    """Do a round, and demand that all that clients were told is what the log has."""
    place.problems.clear()

    report = asyncio.run(RUNS[fault].work(place, 1))

    assert place.problems == [], f"seed {place.load.seed}"
    assert report.row()["acknowledged"] > 0
    assert place.rows > 0


both = pytest.mark.parametrize("place", ["sqlite", "postgresql"], indirect=True)
on_postgresql = pytest.mark.parametrize("place", ["postgresql"], indirect=True)


@both
def test_a_killed_gateway_starts_by_itself_and_has_lost_and_doubled_nothing(place: Site) -> None:
    assert_withstands(Fault.KILL, place)


@both
def test_requests_with_one_key_are_one_action_and_lost_answers_are_replayed(place: Site) -> None:
    assert_withstands(Fault.ANSWERS, place)


@both
def test_a_full_disk_allows_reads_and_writes_resume_when_there_is_room(place: Site) -> None:
    if place.disk is None:
        pytest.skip("no small disk may be mounted here")
    assert_withstands(Fault.DISK, place)


@both
def test_subscribers_whose_streams_are_cut_have_the_whole_log_once_and_in_order(place: Site) -> None:
    assert_withstands(Fault.STREAMS, place)


@both
def test_webhooks_of_killed_nodes_reach_every_living_endpoint_in_order(place: Site) -> None:
    assert_withstands(Fault.WEBHOOKS, place)


@both
def test_a_later_version_migrates_and_serves_beside_this_one_and_nothing_is_refused_for_it(place: Site) -> None:
    assert_withstands(Fault.UPGRADE, place)


@on_postgresql
def test_while_postgresql_is_down_clients_get_retry_after_and_then_writes_resume(place: Site) -> None:
    assert_withstands(Fault.RESTART, place)


@on_postgresql
def test_a_commit_without_an_answer_is_settled_by_its_idempotency_key(place: Site) -> None:
    assert_withstands(Fault.COMMIT, place)


@pytest.mark.soak
@pytest.mark.parametrize(
    ("fault", "engine"), [(fault, engine) for fault, usual in RUNS.items() for engine in usual.engines]
)
def test_at_length(fault: Fault, engine: str, tmp_path: Path) -> None:
    seed = secrets.randbelow(10**6)

    report = run(fault, engine, tmp_path, seed, WRITERS, RUNS[fault].rounds)

    if report is None:
        pytest.skip("it can't be had here, as is told above")
    assert report.site.problems == [], f"seed {seed}"
