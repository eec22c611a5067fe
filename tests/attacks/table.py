"""Goes through attacks one after the other, and says of each what it got, how long others waited, and the memory."""

import time
from collections.abc import Mapping

from tests.attacks.catalogue import Attack
from tests.attacks.target import Got, Heartbeat, Target

WAIT_S = 0.5
"""How long others may wait at most, where the machine does nothing else."""

BUSY_WAIT_S = 3
"""The same in the test suite, on whatever machine: before their repair, these attacks took ten seconds or more."""

TRIES = 3
"""How often an attack is tried whose only fault is that others waited: what the machine does meanwhile comes once."""
MEMORY_MIB = 300
INTERNAL = (b"Traceback", b".py", b"sqlalchemy", b"asyncpg", b"sqlite", b"strawberry", b"graphql-core", b"uvicorn")
HEAD = f"{'attack':52} {'got':>3} {'code':24} {'took':>9} {'others waited':>14} {'by the server':>14} {'memory':>8}"


def attacked(
    target: Target, attacks: Mapping[str, Attack], *, wait_s: float = WAIT_S
) -> tuple[list[str], dict[str, list[str]]]:
    """Return the lines of the table, and what is wrong with the outcome of each attack that went wrong.

    It is wrong that others wait for *wait_s* seconds.
    """
    lines, wrong = [HEAD], {}
    for name, attack in attacks.items():
        problems: list[str] = []
        waits: list[str] = []
        for _ in range(TRIES):
            line, problems, waits = _tried(target, name, attack, wait_s)
            lines.append(line)
            if not waits or problems:
                break
        if problems := [*problems, *waits]:
            wrong[name] = problems
    return lines, wrong


def _tried(target: Target, name: str, attack: Attack, wait_s: float) -> tuple[str, list[str], list[str]]:
    """Return an attack's line of the table, what is wrong with its outcome, and how others waited if too long."""
    target.forget_largest()
    with Heartbeat(target) as other:
        time.sleep(0.05)
        started = time.monotonic()
        got = attack.send(target)
        taken = time.monotonic() - started
        time.sleep(0.05)
    memory = target.largest_mib
    waited = f"{other.longest:12.3f} s {other.by_server:12.3f} s"
    line = f"{name:52} {got.status:3} {got.code:24} {taken:7.2f} s {waited} {memory:4} MiB"
    return line, _faults(attack, got, other, memory), _waits(other, wait_s)


def _waits(other: Heartbeat, wait_s: float) -> list[str]:
    if other.by_server < wait_s:
        return []
    return [f"another client waited {other.longest:.3f} s, {other.by_server:.3f} s by the server, {TRIES} times"]


def _faults(attack: Attack, got: Got, other: Heartbeat, memory: int) -> list[str]:
    found = []
    if got.status not in attack.statuses:
        found.append(f"status {got.status}, not {sorted(attack.statuses)}")
    if attack.codes and got.code not in attack.codes and got.status:
        found.append(f"code {got.code}, not {sorted(attack.codes)}")
    if got.status >= 500 and got.status != 503:
        found.append("a fault")
    found.extend(f"shows {name.decode()}" for name in INTERNAL if name in got.body)
    if other.failures or not other.beats:
        found.append(f"another client got {other.beats} answers, bad: {other.failures}")
    if memory >= MEMORY_MIB:
        found.append(f"the server had {memory} MiB")
    return found
