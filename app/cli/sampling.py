"""The command that draws an audit sample of an account's cases."""

import json
from functools import partial
from typing import Annotated, Any
from uuid import UUID

import typer

from app.admin.accounts import AdminError
from app.audit.anchors.checkpoint import AnchorError
from app.audit.anchors.sampling import Sample, sample_cases
from app.cli.named import Anchors, PublicKeyOption, anchors_of
from app.cli.printing import say
from app.cli.reading import read
from app.cli.terminal import AsJson, fail, settings_or_fail
from app.config.settings import Settings
from app.db.engines import Database
from app.db.repository.administration import account_heads
from app.db.repository.cases import cases_by_id
from app.domain.counting import counted
from app.domain.sampling import COUNT_MAX, SEED_MAX

FORMAT = 1


def sample(
    account: Annotated[UUID, typer.Option(help="The account whose cases to draw from.")],
    seed: Annotated[str, typer.Option(help=f"The auditor's seed: any text of 1 to {SEED_MAX} characters.")],
    count: Annotated[int, typer.Option(min=1, max=COUNT_MAX, help="How many cases to draw.")],
    anchor: Annotated[
        int | None, typer.Option(min=1, help="The number of the anchor to draw by; by default the last one's.")
    ] = None,
    anchors: Anchors = None,
    key: PublicKeyOption = None,
    as_json: AsJson = False,
) -> None:
    """Draw a sample of an account's cases for an audit, which anybody can recompute from the anchors.

    The cases are all of which an anchor holds a row. Which are drawn depends on the seed and on that anchor's root
    alone. `scripts/recompute_sample.py` draws the same, with nothing of Casegate but the anchors.
    """
    settings = settings_or_fail()
    if not 1 <= len(seed) <= SEED_MAX:
        fail(f"the seed has {counted(len(seed), 'character')}; it must have 1 to {SEED_MAX}", 2)
    draw = {"account_id": account, "seed": seed, "count": count, "number": anchor}
    found = read(settings, partial(_sampled, settings=settings, anchors=anchors, key=key, draw=draw))
    if as_json:
        say(json.dumps(found, ensure_ascii=False))
        return
    cases = counted(found["population"], "case")
    say(f"{len(found['cases'])} of {cases}, by anchor {found['anchor']}, {found['root']}")
    for case in found["cases"]:
        say(f"{case['reference'] or '-'}  {case['caseId']}  {case['number']}")


async def _sampled(
    database: Database, *, settings: Settings, anchors: str | None, key: str | None, draw: dict[str, Any]
) -> dict[str, Any]:
    account_id = draw["account_id"]
    async with database.read() as connection:
        if not await account_heads(connection, account_id):
            raise AdminError(f"there is no account {account_id}")
    held = await anchors_of(settings, anchors, key)
    if held is None:
        raise AnchorError("there are no anchors yet: `casegate log anchor` writes one")
    sample = await sample_cases(*held, **draw)
    ids = [drawn.case_id for drawn in sample.drawn]
    async with database.read() as connection:
        rows = await cases_by_id(connection, account_id, ids)
    return _printed(sample, draw, [None if row is None else row.reference for row in rows])


def _printed(sample: Sample, draw: dict[str, Any], references: list[str | None]) -> dict[str, Any]:
    return {
        "format": FORMAT,
        "accountId": str(draw["account_id"]),
        "seed": draw["seed"],
        "anchor": sample.checkpoint.number,
        "time": sample.checkpoint.time,
        "root": sample.checkpoint.root,
        "population": sample.population,
        "cases": [
            {"caseId": str(drawn.case_id), "reference": reference, "number": drawn.number}
            for drawn, reference in zip(sample.drawn, references, strict=True)
        ],
    }
