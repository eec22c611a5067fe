"""The attacks against a live server: what each got, how long another client waited meanwhile, and the largest memory.

Half a second is a bound on harm, with room for a busy machine, and no measure of speed. `-v` prints the table.
"""

from pathlib import Path

import pytest

from tests.attacks.catalogue import ATTACKS
from tests.attacks.table import BUSY_WAIT_S, attacked
from tests.attacks.target import Target
from tests.support.gateway import casegate_json, serving


def test_no_attack_is_a_fault_or_keeps_others_waiting(
    fresh_url: str, tmp_path: Path, pytestconfig: pytest.Config, capsys: pytest.CaptureFixture[str]
) -> None:
    token = casegate_json("demo", database_url=fresh_url)["people"][0]["token"]

    with serving(tmp_path, is_forked=False, database_url=fresh_url, demo="false", introspection="true") as server:
        lines, wrong = attacked(Target(server.address, token, server.process.pid), ATTACKS, wait_s=BUSY_WAIT_S)
        log = server.output

    if pytestconfig.get_verbosity() > 0:
        with capsys.disabled():
            print("\n" + "\n".join(lines))  # noqa: T201  # asked for by -v
    assert wrong == {}
    assert "Traceback" not in log and '"fault"' not in log
