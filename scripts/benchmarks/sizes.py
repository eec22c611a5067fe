"""A small archive beside a large one: what is asked for in either, the plans for it, restarts, and the logs' upkeep.

Ratios are to the small one. What grows by its nature, as counts do, is shown apart, one request at a time.
"""

import statistics
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass, replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from scripts.benchmarks import calls as making
from scripts.benchmarks import driver
from scripts.benchmarks.alone import Q1, Q2, lines_of, reading
from scripts.benchmarks.archives import SizedArchive, SizedArchives, postgresql_archives, sqlite_archives
from scripts.benchmarks.archives import WrongArchive as WrongArchive
from scripts.benchmarks.compare import Say, Wanted
from scripts.benchmarks.driver import Shot, WrongAnswer
from scripts.benchmarks.logs import logs
from scripts.benchmarks.measuring import Figures, Supply, UnderLoad
from scripts.benchmarks.operations import Operation
from scripts.benchmarks.plans import plans
from scripts.benchmarks.report import Line, Report
from scripts.benchmarks.restarts import restarts
from scripts.benchmarks.servers import Server, gateway
from scripts.benchmarks.templates import supplier_of
from scripts.benchmarks.upkeep import upkeep

ROWS = 1_000_000
QUICK_ROWS = 20_000
PAGES = (10, 25, 50, 100)
DIFFERENT = 200
"""How many different requests of a kind there are, where they can be different."""
TIMES = 3
PARTS = ("reads", "plans", "upkeep", "restarts", "logs")

_SEARCH = "query Search($search: String) { cases(first: 20, search: $search) { nodes { id title status } } }"
_SORTED = "{{ cases(first: 20, orderBy: [{}]) {{ nodes {{ id title status }} }} }}"
_COUNTED = "{ cases(first: 20) { totalCount facets { statuses { count } } } }"
_INBOX = "{{ viewer {{ inbox(first: 20) {{ {} nodes {{ id title }} }} }} }}"

Variables = Callable[[SizedArchive], Sequence[Mapping[str, Any]]]


@dataclass(frozen=True, slots=True)
class MeasuredRead:
    """Something that is asked for, with its variables. It *grows* where it takes longer the more there is."""

    key: str
    words: str
    document: str
    variables: Variables = lambda _archive: [{}]
    of_bulk: bool = False
    grows: bool = False


def _numbers(archive: SizedArchive) -> Sequence[int]:
    """Return the numbers of cases from all over the archive."""
    return range(1, archive.cases + 1, max(1, archive.cases // DIFFERENT))


def _references(archive: SizedArchive) -> Sequence[Mapping[str, Any]]:
    return [{"search": f"CASE-{number:06}"} for number in _numbers(archive)]


def _suppliers(archive: SizedArchive) -> Sequence[Mapping[str, Any]]:
    return [{"search": supplier_of(number)} for number in _numbers(archive)]


READS = (
    MeasuredRead("search", "for a reference", _SEARCH, _references),
    MeasuredRead("search", "for a supplier, of 20 cases", _SEARCH, _suppliers, of_bulk=True),
    MeasuredRead("inbox", "a page of it", _INBOX.format("")),
    MeasuredRead("order", "by status", _SORTED.format("{field: STATUS}")),
    MeasuredRead(
        "order",
        "by status, and by change the other way",
        _SORTED.format("{field: STATUS, direction: ASC}, {field: UPDATED_AT}"),
    ),
    MeasuredRead(
        "order",
        "by change, and by reference the other way",
        _SORTED.format("{field: UPDATED_AT}, {field: REFERENCE, direction: ASC}"),
    ),
    MeasuredRead("log", "the account's last 100 rows", "{ actions(last: 100) { nodes { seq type createdAt } } }"),
    MeasuredRead("search", "for a word of every fifth case", _SEARCH, lambda _: [{"search": "moulins"}], grows=True),
    MeasuredRead("inbox", "counted", _INBOX.format("totalCount"), grows=True),
    MeasuredRead("cases", "counted, by status", _COUNTED, grows=True),
)


def sizes(wanted: Wanted, rows: int, keep: Path | None, parts: Sequence[str], say: Say) -> Report:
    """Compare an archive of at most 10 000 rows with one of *rows*. Raises: NoRoom, WrongArchive, WrongAnswer."""
    with ExitStack() as stack:
        folder = Path(stack.enter_context(TemporaryDirectory(prefix="casegate-bench-")))
        is_sqlite = wanted.engine == "sqlite"
        opened = sqlite_archives(folder, rows, say) if is_sqlite else postgresql_archives(rows, keep, say)
        archives = stack.enter_context(opened)
        lines, peak, notes = list[Line](), dict[str, float](), list[str]()
        if "reads" in parts:
            lines, peak, notes = _read(wanted, archives, folder, say)
        if "plans" in parts and not is_sqlite:
            notes += plans(archives)
        if "upkeep" in parts and not is_sqlite:
            notes += upkeep(archives, say)
        if "restarts" in parts:
            notes += restarts(archives, folder, wanted.plan.rounds, say)
        if "logs" in parts:
            notes += logs(archives, folder, say)
        return Report(wanted.engine, lines, peak, notes)


def _read(
    wanted: Wanted, archives: SizedArchives, folder: Path, say: Say
) -> tuple[list[Line], dict[str, float], list[str]]:
    """Return the lines, how much memory each gateway had at most, and notes."""
    with ExitStack() as stack, driver.process() as loader:
        servers = [stack.enter_context(gateway(archive.folder(folder), archive.data.url)) for archive in archives.both]
        pairs = list(zip(archives.both, servers, strict=True))
        lines, notes = list[Line](), list[str]()
        for operation in (Q1, Q2):
            shots = [reading(server, operation, archive.data) for archive, server in pairs]
            lines += _compared(wanted, operation, pairs, shots, loader, say)
        for read in READS:
            if read.of_bulk and wanted.engine == "sqlite":
                continue
            if read.grows:
                notes.append(_growth(read, pairs, say))
                continue
            shots = [_shots(read, archive, server) for archive, server in pairs]
            lines += _compared(wanted, Operation(read.key, read.words, read.document, ""), pairs, shots, loader, say)
        paged, by_page = _by_page(wanted, *pairs[0], loader, say)
        peak = {_name(archive): server.peak_mib() for archive, server in pairs}
        return lines + paged, peak, notes + by_page


def _name(archive: SizedArchive) -> str:
    return f"{archive.rows} rows"


def _compared(
    wanted: Wanted,
    operation: Operation,
    pairs: Sequence[tuple[SizedArchive, Server]],
    shots: Sequence[Sequence[Shot]],
    loader: ProcessPoolExecutor,
    say: Say,
) -> Iterator[Line]:
    contestants = [
        UnderLoad(server, Supply(own, False), loader, _name(archive))
        for (archive, server), own in zip(pairs, shots, strict=True)
    ]
    return lines_of(wanted, operation, contestants, say)


def _shots(read: MeasuredRead, archive: SizedArchive, server: Server) -> list[Shot]:
    desk, shots = archive.data.reading, []
    for variables in read.variables(archive):
        body = {"query": read.document, "variables": variables}
        answer = making.answer(server, desk, body)
        if b'"errors"' in answer or b'"nodes":[]' in answer:
            raise WrongAnswer(f"{read.key} {read.words}, {variables}: {answer[:2000]!r}")
        shots.append(Shot(making.request_of(server, desk, "/graphql", body), answer, exact=True))
    return shots


def _growth(read: MeasuredRead, pairs: Sequence[tuple[SizedArchive, Server]], say: Say) -> str:
    """Return how long a request takes, one at a time, or after how long it was given up."""
    found = []
    for archive, server in pairs:
        say(f"{read.key} {read.words}, {archive.rows} rows")
        times, ending = list[float](), ""
        for _ in range(TIMES):
            began = time.perf_counter()
            try:
                making.ask(
                    server, archive.data.reading, {"query": read.document, "variables": read.variables(archive)[0]}
                )
            except WrongAnswer:
                ending = ", given up"
            times.append(time.perf_counter() - began)
        found.append(f"{1000 * statistics.median(times):.0f} ms of {archive.rows} rows{ending}")
    return f"{read.key} {read.words}: {', '.join(found)}"


def _by_page(
    wanted: Wanted, archive: SizedArchive, server: Server, loader: ProcessPoolExecutor, say: Say
) -> tuple[list[Line], list[str]]:
    """Compare the worklist by the size of its page, in the small archive."""
    by_page = [
        UnderLoad(server, Supply(reading(server, Q2, archive.data, size), False), loader, f"{size} cases")
        for size in PAGES
    ]
    lines = list(lines_of(wanted, replace(Q2, words="worklist by the size of its page"), by_page, say))
    return lines, [_per_case(line.figures, line.server) for line in lines]


def _per_case(figures: Figures, name: str) -> str:
    return f"a page of {name}: {figures.p50 / int(name.split()[0]):.3f} ms a case"
