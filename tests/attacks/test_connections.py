"""The attacks on a live server's connections: what others waited meanwhile, and what the server took."""

from collections.abc import Mapping
from pathlib import Path

import psutil
import pytest

from tests.attacks.catalogue import Attack
from tests.attacks.connections import ATTACKS
from tests.attacks.table import BUSY_WAIT_S, attacked
from tests.attacks.target import Target
from tests.support.gateway import demo_in, serving
from tests.support.ports import wait_until

# What many connections take depends on how many there may be, what one takes does not.
MANY = {name: attack for name, attack in ATTACKS.items() if name.startswith("1 001")}


@pytest.mark.parametrize(
    ("connections", "attacks"), [pytest.param("1000", ATTACKS, id="1000"), pytest.param("200", MANY, id="200")]
)
def test_no_connection_takes_from_others_what_they_need(
    connections: str,
    attacks: Mapping[str, Attack],
    tmp_path: Path,
    pytestconfig: pytest.Config,
    capsys: pytest.CaptureFixture[str],
) -> None:
    token = demo_in(tmp_path)["people"][0]["token"]

    with serving(
        tmp_path,
        is_forked=False,
        demo="false",
        introspection="true",
        max_cost="200000",
        max_connections=connections,
    ) as server:
        process = psutil.Process(server.process.pid)
        before = process.num_fds()
        lines, wrong = attacked(Target(server.address, token, server.process.pid), attacks, wait_s=BUSY_WAIT_S)
        left_over = not wait_until(lambda: process.num_fds() <= before + 5, 20)
        log = server.output

    if pytestconfig.get_verbosity() > 0:
        with capsys.disabled():
            print("\n" + "\n".join(lines))  # noqa: T201  # asked for by -v
    assert wrong == {}
    assert not left_over
    assert "Traceback" not in log and '"fault"' not in log
