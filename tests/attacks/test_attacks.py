"""The attacks against a live server: what each got, and how long another client waited meanwhile.

Half a second is a bound on harm, with room for a busy machine, and no measure of speed.
"""

import time
from pathlib import Path

import pytest

from tests.attacks.catalogue import ATTACKS, Attack
from tests.attacks.target import Got, Heartbeat, Target
from tests.live import casegate_json, serving

WAIT_S = 0.5
INTERNAL = (b"Traceback", b".py", b"sqlalchemy", b"asyncpg", b"sqlite", b"strawberry", b"graphql-core", b"uvicorn")


def faults(attack: Attack, got: Got, other: Heartbeat) -> list[str]:
    """Return what is wrong with the outcome of an attack."""
    found = []
    if got.status not in attack.statuses:
        found.append(f"status {got.status}, not {sorted(attack.statuses)}")
    if attack.codes and got.code not in attack.codes and got.status:
        found.append(f"code {got.code}, not {sorted(attack.codes)}")
    if got.status >= 500 and got.status != 503:
        found.append("a fault")
    found.extend(f"shows {name.decode()}" for name in INTERNAL if name in got.body)
    if other.longest >= WAIT_S or other.failures or not other.beats:
        found.append(f"another client waited {other.longest:.3f} s, {other.beats} answers, bad: {other.failures}")
    return found


def test_no_attack_is_a_fault_or_keeps_others_waiting(
    fresh_url: str, tmp_path: Path, pytestconfig: pytest.Config, capsys: pytest.CaptureFixture[str]
) -> None:
    token = casegate_json("demo", database_url=fresh_url)["people"][0]["token"]
    report, wrong = [], {}

    with serving(tmp_path, database_url=fresh_url, demo="false", introspection="true") as server:
        target = Target(server.address, token)
        for name, attack in ATTACKS.items():
            with Heartbeat(target) as other:
                time.sleep(0.05)
                started = time.monotonic()
                got = attack.send(target)
                taken = time.monotonic() - started
                time.sleep(0.05)
            report.append(
                f"{name:36} {got.status:3} {got.code:18} {taken * 1000:8.1f} ms, others {other.longest:.3f} s"
            )
            if problems := faults(attack, got, other):
                wrong[name] = problems
        log = server.output

    if pytestconfig.get_verbosity() > 0:
        with capsys.disabled():
            print("\n" + "\n".join(report))  # noqa: T201  # asked for by -v
    assert wrong == {}
    assert "Traceback" not in log and '"fault"' not in log
