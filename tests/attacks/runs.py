"""One run of the demanding attacks: an archive, a server on it, and the table of what each attack did."""

import asyncio
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from tests.attacks.archive import make_archive
from tests.attacks.demanding import demanding
from tests.attacks.table import attacked
from tests.attacks.target import Target
from tests.support.gateway import serving


class Size(NamedTuple):
    """How many cases there are, and overrides and comments of the two busy ones, and how many documents are sent."""

    cases: int
    busy: int = 300
    documents: int = 2_000


def run(url: str, folder: Path, size: Size) -> tuple[Sequence[str], dict[str, list[str]]]:
    """Return the lines of the table, and what is wrong with each attack that went wrong."""
    archive = asyncio.run(make_archive(url, cases=size.cases, overrides=size.busy, comments=size.busy))
    with serving(folder, is_forked=False, database_url=url, demo="false") as server:
        requested = f'{{ case(id: "{archive.other_case}") {{ id title }} }}'
        target = Target(server.address, archive.token, server.process.pid, archive.other, requested)
        lines, wrong = attacked(target, demanding(archive, documents=size.documents))
        log = server.output
    if "Traceback" in log or '"fault"' in log:
        wrong["the log"] = ["has a fault"]
    return lines, wrong
