"""Rounds: the servers take turns under the same load, and each figure is the median of its rounds.

Whatever else the machine does meanwhile hits all of them, so that ratios can be compared where rates cannot.
"""

import math
import random
import statistics
import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, field
from typing import Protocol

from scripts.benchmarks.cores import Watch
from scripts.benchmarks.driver import Load, Shot, Taken, shoot
from scripts.benchmarks.servers import Server


@dataclass(frozen=True, slots=True)
class Plan:
    """How often and how long each server is put under load; at most *limit* requests a round, where each can be sent
    once.
    """

    rounds: int
    seconds: float
    warmup_s: float
    limit: int


@dataclass(frozen=True, slots=True)
class Figures:
    """What one server did with one operation; times in milliseconds. A None was not measured.

    `cores` has how many cores each of those had meanwhile that take part: "server", "driver", and who is watched;
    "busiest" is that process of the server which had most.
    """

    rate: float
    p50: float
    p99: float
    cpu: float | None = None
    answers: int = 0
    rates: list[float] = field(default_factory=list, repr=False)
    cores: dict[str, float] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Round:
    """One turn: answers a second, and for each answer how long it took, in seconds, and the time of a core.

    `cores` is as in `Figures`.
    """

    rate: float
    latencies: list[float]
    cpu: float | None = None
    cores: Mapping[str, float] = field(default_factory=dict)


class Contestant(Protocol):
    """Something that can be put under load: by so many connections, for so long, with at most *limit* requests that
    can be sent once.
    """

    @property
    def name(self) -> str: ...

    def turn(self, connections: int, seconds: float, limit: int) -> Round: ...


class Supply:
    """Requests for one server: over and over, or each once where *once*, a stretch for each round."""

    def __init__(self, shots: Sequence[Shot], once: bool) -> None:
        self._shots = shots
        self._next = 0
        self.once = once

    def stretch(self, limit: int) -> Sequence[Shot]:
        """Return the requests of a round."""
        if not self.once:
            return self._shots
        start, self._next = self._next, self._next + limit
        if self._next > len(self._shots):
            raise AssertionError("there is too little data for so many rounds")
        return self._shots[start : self._next]


@dataclass(frozen=True, slots=True)
class UnderLoad:
    """A server with its requests and the process that sends them; in the report it has its `label`, if any.

    `watch` tells what others on the machine have used so far, in seconds of a core.
    """

    server: Server
    supply: Supply
    loader: ProcessPoolExecutor
    label: str = ""
    watch: Watch = dict  # nobody

    @property
    def name(self) -> str:
        return self.label or self.server.name

    def turn(self, connections: int, seconds: float, limit: int) -> Round:
        load = Load(self.server.port, self.supply.stretch(limit), connections, seconds, once=self.supply.once)
        each, others, start = self.server.cpu_seconds_each(), self.watch(), time.perf_counter()
        taken: Taken = self.loader.submit(shoot, load).result()
        passed = time.perf_counter() - start
        own = [seconds - each.get(pid, 0) for pid, seconds in self.server.cpu_seconds_each().items()]
        used = {"server": sum(own), "busiest": max(own), "driver": taken.cpu}
        used |= {name: seconds - others[name] for name, seconds in self.watch().items()}
        count = len(taken.latencies)
        cores = {name: seconds / passed for name, seconds in used.items()}
        return Round(count / taken.elapsed, taken.latencies, used["server"] / count, cores)


def compare(
    contestants: Sequence[Contestant], connections: int, plan: Plan, progress: Callable[[str], None]
) -> dict[str, Figures]:
    """Return the figures of each contestant by its name."""
    rounds: dict[str, list[Round]] = {contestant.name: [] for contestant in contestants}
    dice = random.Random(1)
    for number in range(plan.rounds + 1):  # the first is for warming up
        # In no fixed order, so that nobody always inherits what the same one leaves behind, as a busy disk.
        for contestant in dice.sample(contestants, len(contestants)):
            progress(f"{contestant.name}, round {number} of {plan.rounds}")
            if number:
                rounds[contestant.name].append(contestant.turn(connections, plan.seconds, plan.limit))
            else:
                contestant.turn(connections, plan.warmup_s, min(plan.limit, 50))
    return {name: figures(taken) for name, taken in rounds.items()}


def figures(rounds: Sequence[Round]) -> Figures:
    """Return the medians of *rounds*; of latencies the percentiles are taken round by round."""
    cpu = [taken.cpu for taken in rounds if taken.cpu is not None]
    return Figures(
        rate=statistics.median(taken.rate for taken in rounds),
        p50=1000 * statistics.median(percentile(taken.latencies, 0.50) for taken in rounds),
        p99=1000 * statistics.median(percentile(taken.latencies, 0.99) for taken in rounds),
        cpu=1000 * statistics.median(cpu) if cpu else None,
        answers=sum(len(taken.latencies) for taken in rounds),
        rates=[taken.rate for taken in rounds],
        cores={
            name: statistics.median(taken.cores[name] for taken in rounds)
            for name in (rounds[0].cores if rounds else ())
        },
    )


def percentile(values: Sequence[float], share: float) -> float:
    """Return the least of *values* that at least *share* of them do not pass (the nearest rank)."""
    return sorted(values)[math.ceil(share * len(values)) - 1]
