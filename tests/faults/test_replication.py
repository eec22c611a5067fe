"""Two kinds of fault, each on PostgreSQL servers that follow one another: a round of it."""

import secrets
from pathlib import Path

import pytest

from tests.faults.runs import Fault, run

WRITERS = 16
PATIENCE_S = 60  # other tests may be running; how long things take is shown by scripts/faults


def test_writes_and_streams_go_on_when_a_synchronous_standby_takes_the_place_of_the_primary(tmp_path: Path) -> None:
    seed = secrets.randbelow(10**6)

    report = run(Fault.FAILOVER, "postgresql", tmp_path, seed, WRITERS, 1, patience_s=PATIENCE_S, is_forked=True)

    if report is None:
        pytest.skip("it can't be had here, as is told above")
    assert report.site.problems == [], f"seed {seed}"
    assert report.row()["acknowledged"] > 0


def test_queries_over_two_nodes_and_two_late_replicas_show_all_that_was_written_before(tmp_path: Path) -> None:
    seed = secrets.randbelow(10**6)

    report = run(Fault.REPLICAS, "postgresql", tmp_path, seed, WRITERS, 1, is_forked=True)

    if report is None:
        pytest.skip("it can't be had here, as is told above")
    assert report.site.problems == [], f"seed {seed}"
