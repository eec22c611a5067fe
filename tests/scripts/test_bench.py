"""The benchmark as it is run: it measures what it says, and only servers that answer alike and rightly."""

import asyncio
import json
import re
import shutil
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, closing
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import psutil
import pytest

from app.auth.identity import secret_hash
from scripts.benchmarks.__main__ import main
from scripts.benchmarks.commits import commit_comments
from scripts.benchmarks.compare import YARDSTICKS, Prepared, prepare, yardstick_urls
from scripts.benchmarks.data import Data, Size, make_data
from scripts.benchmarks.driver import Load, Shot, WrongAnswer, shoot
from scripts.benchmarks.handwritten_sqlite import connect, path_of
from scripts.benchmarks.lean import make_lean_copy
from scripts.benchmarks.lean_verification import verify_lean
from scripts.benchmarks.measuring import Round, figures, percentile
from scripts.benchmarks.node_peers import PEERS
from scripts.benchmarks.operations import OPERATIONS, Operation
from scripts.benchmarks.servers import Server, gateway, yardstick
from scripts.benchmarks.shares import LEAST, NoShares, shared
from tests.support.browser import opened_browser
from tests.support.desk import require_build
from tests.support.node import PATH as NODE_PATH
from tests.support.paths import ROOT


def bench(*arguments: str) -> dict[str, Any]:
    command = [sys.executable, "-m", "scripts.benchmarks", "--quick", "--json", *arguments]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=280, check=False)
    assert done.returncode == 0, done.stderr
    report: dict[str, Any] = json.loads(done.stdout)
    return report


def assert_refused(arguments: Sequence[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "argv", ["bench", *arguments])
    with pytest.raises(SystemExit) as ended:
        main()
    assert ended.value.code == 2


def assert_whole(report: dict[str, Any], bare: str) -> None:
    found = {(line["operation"], line["server"]): line for line in report["lines"]}
    servers = ("casegate", "handwritten", "naive")
    expected = {(operation, server) for operation in ("Q1", "Q2", "M1", "M2") for server in servers}
    assert set(found) == expected | {("M1", bare)}
    assert all(line["figures"]["answers"] > 0 for line in found.values())
    assert all(found[operation, "handwritten"]["ratio"] == 1 for operation in ("Q1", "Q2", "M1", "M2"))
    assert {server for server, peak in report["peak_mib"].items() if peak > 10} == set(servers)
    assert report["notes"][-1].endswith(": no bad")


def statements(report: dict[str, Any]) -> dict[str, float]:
    lines = [line for line in report["lines"] if line["server"] == "handwritten"]
    return {line["operation"]: line["statements"] for line in lines}


@pytest.mark.soak
def test_quick_run_compares_all_operations_on_sqlite_and_leaves_a_log_that_verifies() -> None:
    report = bench("--engine", "sqlite", "--concurrency", "2", "--rounds", "1")

    assert_whole(report, "sqlite3")
    # Token and case; token, actions, documents and reviewers; begin, token, lock, the rows one by one, and commit.
    assert statements(report) == {"Q1": 2, "Q2": 4, "M1": 7, "M2": 8}


@pytest.mark.soak
def test_quick_run_compares_all_operations_on_postgresql_and_leaves_a_log_that_verifies() -> None:
    report = bench("--engine", "postgresql", "--concurrency", "2", "--rounds", "1")

    assert_whole(report, "pgbench")
    # As above, but that all rows are written by one statement.
    assert statements(report) == {"Q1": 2, "Q2": 4, "M1": 5, "M2": 5}


@pytest.mark.soak
@pytest.mark.skipif(shutil.which("npm") is None, reason="no Node.js")
def test_quick_run_compares_the_peers_which_answer_alike_and_leave_a_lean_log_that_verifies() -> None:
    report = bench("--engine", "postgresql", "--peers", "--concurrency", "2", "--rounds", "1")

    found = {(line["operation"], line["server"]): line for line in report["lines"]}
    for operation in ("Q1", "Q2", "M1", "M2"):
        assert all(found[operation, name]["figures"]["answers"] > 0 for name in PEERS)
    # The holder of a token that reads is known for a while; begin, token, lock, write and commit.
    assert [found[operation, "mercurius"]["statements"] for operation in ("Q1", "Q2", "M1", "M2")] == [1, 7, 5, 5]
    assert report["notes"][0].endswith("no bad")


@pytest.mark.parametrize("arguments", [(), ("--engine", "sqlite"), ("--engine", "postgresql", "--size")])
def test_peers_are_refused_where_they_are_not_measured(
    arguments: tuple[str, ...], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert_refused(["--peers", *arguments], monkeypatch)

    output, errors = capsys.readouterr()
    assert output == ""
    assert "--peers" in errors.splitlines()[-1]


@pytest.mark.soak
def test_soak_reports_memory_throughout() -> None:
    report = bench("--engine", "sqlite", "--soak", "100")

    assert len(report["notes"]) == 11
    assert report["notes"][-1].startswith("after 100 requests: ")


@pytest.mark.soak
def test_memory_is_reported_after_the_start_and_after_each_load() -> None:
    report = bench("--engine", "sqlite", "--memory", "--operation", "Q1", "--operation", "M1", "--concurrency", "2")

    moments = [note.partition("  ")[0] for note in report["notes"]]
    assert moments == ["as it has started", "after the first answers", "after Q1 at 2", "after M1 at 2"]
    assert report["peak_mib"]["casegate"] > 10


@pytest.mark.soak
def test_json_api_is_compared_with_the_same_operations_by_graphql() -> None:
    report = bench("--engine", "sqlite", "--jsonapi", "--concurrency", "2")

    found = {(line["operation"], line["server"]): line for line in report["lines"]}
    assert list(found) == [(key, name) for key in ("Q1", "Q2", "M1", "M2") for name in ("graphql", "jsonapi")]
    assert all(line["figures"]["answers"] > 0 and line["ratio"] > 0 for line in found.values())
    assert all(found[key, "graphql"]["ratio"] == 1 for key in ("Q1", "Q2", "M1", "M2"))


def test_a_large_account_is_measured_by_what_it_takes_of_the_disk_and_of_time() -> None:
    report = bench("--large", "500")

    tables = {table["relname"]: table for table in report["tables"]}
    assert tables["case_actions"]["n_live_tup"] >= 500
    assert tables["case_actions"]["heap"] > 0 and tables["case_actions"]["indexes"] > 0
    assert {"one case", "addComment", "casegate log verify", "an index on case_actions"} <= set(report["seconds"])
    assert all(seconds > 0 for seconds in report["seconds"].values())


@pytest.mark.long
def test_a_page_of_a_sorted_list_reads_as_many_rows_of_a_large_archive_as_of_a_small_one() -> None:
    notes = bench("--engine", "postgresql", "--size", "--rows", "15000", "--part", "plans")["notes"]

    rows = {
        name: re.findall(r"(\d+)(?: rows are read)? of the", line)
        for name, _, line in (n.partition(": ") for n in notes)
    }
    for name in ("by status", "by status, page 41", "by change, and by number the other way"):
        small, large = map(int, rows[name])
        assert 20 <= small <= large <= 30, name


@pytest.mark.soak
@pytest.mark.parametrize("engine", ["sqlite", "postgresql"])
def test_a_small_and_a_large_archive_are_compared_in_all_that_is_said_of_sizes(engine: str) -> None:
    report = bench("--engine", engine, "--size", "--rows", "20000", "--concurrency", "1", "--rounds", "1")

    found = {(line["operation"], line["words"], line["server"]) for line in report["lines"]}
    assert ("search", "for a reference", "20000 rows") in found
    assert all(line["figures"]["answers"] > 0 for line in report["lines"])
    said = "\n".join(report["notes"])
    for part in ("20000 rows: ready", "log verify, 20000 rows: ", "log anchor, 20000 rows: ", "inbox counted: "):
        assert part in said
    assert ("kill -9 of PostgreSQL: " in said) == (engine == "postgresql")


@pytest.mark.parametrize("arguments", [("--rows", "100"), ("--size", "--keep", "x"), ("--part", "reads")])
def test_what_goes_with_sizes_is_refused_without(
    arguments: tuple[str, ...], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert_refused(arguments, monkeypatch)

    assert capsys.readouterr().out == ""


@pytest.mark.filterwarnings("default:no Chromium")
def test_the_desk_is_measured_by_the_clock_of_the_browser() -> None:
    require_build()
    with opened_browser():  # skipped where there is none
        pass
    (visit,) = bench("--desk", "--rounds", "1")["visits"]

    assert 0 < visit["first_paint"] <= visit["rows_painted"]
    assert visit["longest_loading"] >= 0 <= visit["longest_scrolling"]


@pytest.mark.soak
def test_one_process_is_compared_with_itself_without_observability() -> None:
    report = bench("--engine", "sqlite", "--observability", "--operation", "Q1", "--concurrency", "2", "--rounds", "1")

    assert [line["server"] for line in report["lines"]] == ["silent", "as usual", "traced"]
    assert all(line["figures"]["answers"] > 0 for line in report["lines"])
    assert report["peak_mib"].keys() == {"casegate"}


@pytest.mark.soak
def test_one_worker_is_compared_with_two_beside_who_had_the_cores() -> None:
    report = bench("--workers", "--rounds", "1")

    found = {(line["operation"], line["server"]): line["figures"]["cores"] for line in report["lines"]}
    assert list(found) == [(operation, name) for operation in ("Q1", "Q2", "M1") for name in ("1 worker", "2 workers")]
    for (_, name), cores in found.items():
        assert set(cores) == {"server", "busiest", "postgresql", "driver", "idle"}
        assert 0 < cores["busiest"] <= cores["server"]
        assert name == "2 workers" or cores["busiest"] == cores["server"]
        assert min(cores["postgresql"], cores["driver"]) > 0
        assert sum(cores.values()) - cores["busiest"] < report["machine"]["cores"] + 0.5


@pytest.mark.soak
def test_reads_by_two_replicas_are_compared_with_reads_by_the_primary() -> None:
    report = bench("--replicas", "--operation", "Q1", "--rounds", "1")

    assert [line["server"] for line in report["lines"]] == ["none", "2 replicas"]
    assert all(line["figures"]["answers"] > 0 for line in report["lines"])
    without, beside = report["notes"][-2:]
    assert "replica_1" not in without
    assert "replica_1" in beside and "replica_2" in beside


def test_a_process_has_its_share_of_a_core_for_a_while_and_then_all_of_it() -> None:
    def used(of: psutil.Process) -> float:
        times = of.cpu_times()  # what of it was the system's, the kernel guesses
        return float(times.user + times.system)

    def rate(of: psutil.Process) -> float:
        before, start = used(of), time.perf_counter()
        time.sleep(2)  # time is accounted for by ticks of ten milliseconds
        return (used(of) - before) / (time.perf_counter() - start)

    with subprocess.Popen([sys.executable, "-c", "while True: pass"]) as process:
        try:
            with shared([process.pid], LEAST):
                limited = rate(psutil.Process(process.pid))
            unlimited = rate(psutil.Process(process.pid))
        except NoShares as error:
            pytest.skip(str(error))
        finally:
            process.kill()

    assert limited < 0.1 < unlimited


@dataclass(frozen=True, slots=True)
class Compared:
    """The gateway and the yardsticks on one small database."""

    data: Data
    servers: Sequence[Server]

    def prepare(self, *operations: Operation) -> list[Prepared]:
        return prepare(operations, self.data, self.servers, lambda _words: None)


@pytest.fixture
def compared(fresh_url: str, tmp_path: Path) -> Iterator[Compared]:
    data = asyncio.run(make_data(fresh_url, Size(cases=60, actions=300, commented=10, decided=10)))
    urls = yardstick_urls(fresh_url)
    starting = [gateway(tmp_path, fresh_url), *(yardstick(tmp_path, urls[module], module) for module in YARDSTICKS)]
    with ExitStack() as stack:
        with ThreadPoolExecutor() as threads:
            servers = list(threads.map(stack.enter_context, starting))
        yield Compared(data, servers)


def test_servers_are_measured_if_all_answer_alike_and_not_otherwise(compared: Compared) -> None:
    requests = {load.operation.key: load.supplies for load in compared.prepare(*OPERATIONS)}

    assert list(requests) == ["Q1", "Q2", "M1", "M2"]
    for supplies in requests.values():
        assert {name for name, supply in supplies.items() if supply.stretch(1)} == {"casegate", *YARDSTICKS}
    q1, _, m1, _ = OPERATIONS
    for operation, complaint in ((q1, "handwritten, Q1: .* is not .*version"), (m1, "M1: not the same: .*version")):
        more = operation.document.replace("status", "status version", 1)
        with pytest.raises(WrongAnswer, match=complaint):
            compared.prepare(replace(operation, document=more))


def test_sqlite_by_itself_commits_each_comment_and_its_row_of_the_log_durably(tmp_path: Path) -> None:
    path = tmp_path / "bench.sqlite"
    data = asyncio.run(make_data(f"sqlite:///{path}", Size(cases=2, actions=4, commented=3, decided=1)))
    lean = asyncio.run(make_lean_copy(data.url))
    count = "SELECT (SELECT count(*) FROM comments), (SELECT count(*) FROM case_actions)"

    with closing(connect(path_of(lean))) as connection:
        before = connection.execute(count).fetchone()
        taken = commit_comments(path_of(lean), secret_hash(data.commenting.token), data.commented, 0.05)
        after = connection.execute(count).fetchone()
        pragmas = [connection.execute(f"PRAGMA {name}").fetchone()[0] for name in ("journal_mode", "synchronous")]

    assert len(taken.latencies) >= 1
    assert after == tuple(rows + len(taken.latencies) for rows in before)
    assert pragmas == ["wal", 2]  # 2 is FULL
    assert sum(taken.latencies) == pytest.approx(taken.elapsed)
    assert asyncio.run(verify_lean(lean)) == (
        f"lean log: {after[1]} rows, {len(taken.latencies)} of them written by the servers, no bad"
    )


@pytest.mark.parametrize(
    ("change", "complaint"),
    [
        ("UPDATE comments SET body = body || '.'", "does not give its hash"),
        ("UPDATE cases SET head_hash = 'x'", "does not end with row"),
        ("DELETE FROM case_actions WHERE seq = 1", "does not follow the row before it"),
    ],
)
def test_a_lean_log_that_was_changed_is_not_measured(tmp_path: Path, change: str, complaint: str) -> None:
    url = f"sqlite:///{tmp_path / 'bench.sqlite'}"
    data = asyncio.run(make_data(url, Size(cases=2, actions=4, commented=3, decided=1)))
    lean = asyncio.run(make_lean_copy(url))
    commit_comments(path_of(lean), secret_hash(data.commenting.token), data.commented, 0.05)

    with closing(connect(path_of(lean))) as connection:
        connection.execute(change)

    with pytest.raises(WrongAnswer, match=complaint):
        asyncio.run(verify_lean(lean))


@pytest.fixture
def answering() -> Any:
    """A function that starts a server which answers each request with the next of these, and returns its port."""
    listener = socket.create_server(("127.0.0.1", 0))

    def serve(answers: list[bytes]) -> None:
        connection, _ = listener.accept()
        with connection:
            for answer in answers:
                if not connection.recv(4096):
                    return
                for part in (answer[:20], answer[20:]):
                    connection.sendall(part)

    def start(*answers: bytes) -> int:
        threading.Thread(target=serve, args=(list(answers),), daemon=True).start()
        port: int = listener.getsockname()[1]
        return port

    yield start
    listener.close()


def http(status: str, body: bytes) -> bytes:
    return f"HTTP/1.1 {status}\r\nContent-Length: {len(body)}\r\n\r\n".encode() + body


SHOT = Shot(b"GET / HTTP/1.1\r\n\r\n", b'{"data":1}', exact=True)


def test_driver_takes_right_answers_whatever_their_parts(answering: Any) -> None:
    port = answering(http("200 OK", SHOT.expected), http("200 OK", SHOT.expected))

    taken = shoot(Load(port, [SHOT, SHOT], 1, 10, once=True))

    assert len(taken.latencies) == 2
    assert 0 < max(taken.latencies) <= taken.elapsed


@pytest.mark.parametrize(
    "answer",
    [http("200 OK", b'{"data":2}'), http("503 Service Unavailable", SHOT.expected), b""],
    ids=["another body", "another status", "none"],
)
def test_driver_refuses_to_measure_wrong_answers(answering: Any, answer: bytes) -> None:
    port = answering(answer)

    with pytest.raises(WrongAnswer):
        shoot(Load(port, [SHOT], 1, 10, once=True))


def test_driver_refuses_an_answer_that_has_a_code_beside_what_is_expected(answering: Any) -> None:
    refused = b'{"data":{"errors":[{"code":"CASE_CLOSED"}],"id":"x"}}'
    port = answering(http("200 OK", refused))

    with pytest.raises(WrongAnswer):
        shoot(Load(port, [Shot(SHOT.request, b'"id":"x"', exact=False)], 1, 10, once=True))


def test_figures_are_the_medians_of_rounds() -> None:
    rounds = [
        Round(100, [0.001, 0.002, 0.003], 0.004, {"server": 0.5}),
        Round(1, [9.0], 9.0, {"server": 0.9}),
        Round(200, [0.001], 0.002, {"server": 0.1}),
    ]

    found = figures(rounds)

    assert (found.rate, found.p50, found.cpu, found.answers) == (100, 2.0, 4.0, 5)
    assert found.cores == {"server": 0.5}


def test_percentile_is_one_of_the_values() -> None:
    values = [float(value) for value in range(100, 0, -1)]

    assert (percentile(values, 0.5), percentile(values, 0.99), percentile([7.0], 0.99)) == (50.0, 99.0, 7.0)


@pytest.mark.soak
def test_streams_are_measured_beside_a_peer_and_between_two_gateways() -> None:
    if shutil.which("node", path=NODE_PATH) is None:
        pytest.skip("no Node.js")
    report = bench("--streams")

    assert [line["server"] for line in report["servers"]] == ["casegate", "graphql-ws"]
    for line in report["servers"]:
        assert line["subscribers"] == 40
        numbers = ("kib_a_stream", "cpu_us", "p50_ms", "p99_ms", "rate_without", "rate_with", "ratio")
        assert all(isinstance(line[name], float) for name in numbers)
        assert line["p50_ms"] <= line["p99_ms"]
    woken = {delivery["woken_by"]: delivery["deliveries"] for delivery in report["between_gateways"]}
    assert woken == {"by notifications": 500, "by looks alone": 500}
