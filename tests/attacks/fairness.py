"""Fairness between accounts: how long one waits for one case, while another sends its dearest operations.

The other account sends as fast as its rate lets it, and begins with all at once. What is compared is the time for the
same case with and without it, on the same server, in turns.
"""

import http.client
import json
import math
import threading
import time
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from typing import Any

from tests.attacks.archive import Archive
from tests.attacks.demanding import aliased_comments, counted_searches, overrides_of_overrides
from tests.attacks.target import Target
from tests.support.gateway import FORKS

PAUSE_S = 0.01
CONNECTIONS = 50
"""Of each token that floods."""
SETTLED_S = 2.0
SETTLED_WITHIN_S = 30.0
IDLE_SHARE = 0.05
"""Of a core: what a server uses at most that has nothing under way."""
MOST = 3.0
"""How many times its quiet value the 99th percentile may be."""

WORKLIST = """{ cases(first: 75) { nodes { id reference title status subject { label type }
    createdBy { displayName email } availableActions { action allowed }
    actions(first: 25) { nodes { seq type hash user { displayName } comment { body } } } } } }"""


def dearest(archive: Archive) -> Mapping[str, str]:
    """Return the dearest operations of each kind that an operation's cost lets in, by what they are."""
    return {
        "overrides of overrides": overrides_of_overrides(archive.disputed, 28, 2),
        "3 searches with counts and orders": counted_searches(3),
        "comments, repeated to 16 MB": aliased_comments(archive.discussed, 14),
        "75 cases with 25 actions each": WORKLIST,
    }


@dataclass(slots=True)
class Times:
    """What a client had of each answer: the seconds that it took, and those that the event loop worked meanwhile.

    The second is what is the server's own, on a machine busy or not: its work for this answer, and for others before.
    """

    raw: list[float] = field(default_factory=list)
    worked: list[float] = field(default_factory=list)
    failures: Counter[int] = field(default_factory=Counter)

    def add(self, other: "Times") -> None:
        self.raw += other.raw
        self.worked += other.worked
        self.failures += other.failures


def percentile(values: Sequence[float], share: float) -> float:
    """Return what *share* of the values do not exceed."""
    return sorted(values)[math.ceil(len(values) * share) - 1]


def timed(target: Target, tokens: Sequence[str], seconds: float) -> Times:
    """Ask for the same case again and again, by each of the tokens in turn so that none reaches its rate."""
    times, end, number = Times(), time.monotonic() + seconds, 0
    connection = http.client.HTTPConnection(*target.place, timeout=30)
    body = json.dumps({"query": target.requested}).encode()
    while time.monotonic() < end:
        headers = {"Authorization": f"Bearer {tokens[number % len(tokens)]}", "Content-Type": "application/json"}
        number += 1
        started, worked = time.monotonic(), target.worked()
        connection.request("POST", "/graphql", body, headers)
        answer = connection.getresponse()
        content = answer.read()
        taken, worked = time.monotonic() - started, target.worked() - worked
        if answer.status != 200 or b'"errors"' in content:
            times.failures[answer.status] += 1
        else:
            times.raw.append(taken)
            times.worked.append(worked)
        time.sleep(PAUSE_S)
    connection.close()
    return times


@contextmanager
def flooded(target: Target, tokens: Sequence[str], text: str) -> Iterator[Mapping[str, int]]:
    """Have the tokens send an operation by many connections at once, from another process; yield its answers by status.

    They are there once the process has ended.
    """
    got: dict[str, int] = {}
    stop, answers = FORKS.Event(), FORKS.Queue()
    place = (target.place, list(tokens), json.dumps({"query": text}).encode())
    process = FORKS.Process(target=_flood, args=(*place, stop, answers), daemon=True)
    process.start()
    try:
        assert answers.get(timeout=60) == "begun"
        yield got
    finally:
        stop.set()
        got.update(answers.get(timeout=60))
        process.join()


def _flood(place: tuple[str, int], tokens: list[str], body: bytes, stop: Any, answers: Any) -> None:
    counts: Counter[str] = Counter()
    threads = [
        threading.Thread(target=_send, args=(place, token, body, stop, counts))
        for token in tokens
        for _ in range(CONNECTIONS)
    ]
    for thread in threads:
        thread.start()
    answers.put("begun")
    for thread in threads:
        thread.join()
    answers.put(dict(counts))


def _send(place: tuple[str, int], token: str, body: bytes, stop: Any, counts: "Counter[str]") -> None:
    headers = {"Authorization": f"Bearer {token}", "Content-Type": "application/json"}
    while not stop.is_set():
        connection = http.client.HTTPConnection(*place, timeout=30)
        try:
            connection.request("POST", "/graphql", body, headers)
            answer = connection.getresponse()
            is_refused = answer.read(1 << 20).startswith(b'{"errors"')
            while answer.read(1 << 20):
                pass
            counts[f"{answer.status} refused" if is_refused and answer.status == 200 else str(answer.status)] += 1
            if answer.status != 200:
                stop.wait(float(answer.headers.get("retry-after") or 1))
        except OSError as error:
            counts[type(error).__name__] += 1
        finally:
            connection.close()


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a flood of one operation did to another account's reads."""

    name: str
    quiet: Times
    loud: Times
    answers: Mapping[str, int]

    @property
    def ratio(self) -> float:
        """How many times its quiet value the 99th percentile is."""
        return percentile(self.loud.raw, 0.99) / percentile(self.quiet.raw, 0.99)

    def line(self) -> str:
        """Return the line of the table."""
        figures = "".join(
            f" {1000 * percentile(values, share):8.1f}"
            for values in (self.quiet.raw, self.loud.raw, self.quiet.worked, self.loud.worked)
            for share in (0.5, 0.99)
        )
        got = ", ".join(f"{count} x {status}" for status, count in sorted(self.answers.items()))
        return f"{self.name:36}{figures} {self.ratio:6.2f}  {len(self.loud.raw):5}  {got}"


HEAD = (
    f"{'p50 and p99 in ms, of one case':36}{'quiet':>18}{'flooded':>18}{'loop, quiet':>18}{'loop, flooded':>18}"
    "  ratio  reads  the flood's answers"
)


def fairness(
    target: Target, archive: Archive, floods: Mapping[str, str], others: Sequence[str], turns: int, seconds: float
) -> Iterator[Outcome]:
    """Measure quiet and flooded turns of so many *seconds* each; yield what each flood did."""
    timed(target, others, 1)
    for name, text in floods.items():
        quiet, loud, answers = Times(), Times(), Counter[str]()
        for _ in range(turns):
            quiet.add(timed(target, others, seconds))
            with flooded(replace(target, token=archive.token), [archive.token], text) as got:
                loud.add(timed(target, others, seconds))
            answers.update(got)
            _settle(target)
        yield Outcome(name, quiet, loud, answers)


def _settle(target: Target) -> None:
    """Wait until the flood's last operations are over, as far as the server's use of its cores tells."""
    end, before = time.monotonic() + SETTLED_WITHIN_S, target.used()
    while time.monotonic() < end:
        time.sleep(SETTLED_S)
        used = target.used()
        if used - before < SETTLED_S * IDLE_SHARE:
            return
        before = used
