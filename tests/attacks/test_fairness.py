"""An account that floods takes nothing from another one: all of its reads are answered, whatever is sent beside them.

How long they take is shown by `scripts/attacks --fairness`.
"""

import asyncio
from pathlib import Path

from tests.attacks.archive import make_archive
from tests.attacks.fairness import dearest, fairness
from tests.attacks.target import Target
from tests.support.gateway import serving


def test_every_read_of_an_account_is_answered_while_another_one_floods(fresh_url: str, tmp_path: Path) -> None:
    archive = asyncio.run(make_archive(fresh_url, cases=500, overrides=30, comments=30))
    requested = f'{{ case(id: "{archive.other_case}") {{ id title status }} }}'
    with serving(tmp_path, database_url=fresh_url, demo="false", rate_limit="100") as server:
        target = Target(server.address, archive.token, server.process.pid, archive.other, requested)

        outcomes = list(fairness(target, archive, dearest(archive), archive.others, turns=1, seconds=1))

        assert "Traceback" not in server.output and '"fault"' not in server.output
    for outcome in outcomes:
        assert (outcome.quiet.failures, outcome.loud.failures) == ({}, {}), outcome.line()
        assert outcome.loud.raw, outcome.line()
        assert set(outcome.answers) <= {"200", "429", "503"}, outcome.line()
        assert sum(outcome.answers.values()) > 0, outcome.line()
