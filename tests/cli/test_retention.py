"""`casegate retention run`: what would be erased, and what is, with the documents' bytes."""

import asyncio
import json
from datetime import timedelta
from pathlib import Path
from uuid import UUID, uuid4

from app import clock
from app.actions.perform import perform
from app.db import tables
from app.domain.commands import AddComment, CloseCase, OpenCase, SubjectDetails
from app.domain.model import SubjectType
from tests.support.commands import DONE, Ended, run
from tests.support.database_contents import contents, set_by_hand
from tests.support.erasure import assert_whole, document, hold
from tests.support.world import World

AGE = timedelta(days=400)


async def closed_long_ago(world: World) -> UUID:
    """Return a case with a comment and a document that was closed 400 days ago."""
    moment = clock.now() - AGE
    subject = SubjectDetails(type=SubjectType.COMPANY_ACCOUNT_CHECK, external_ref=f"{uuid4()}", label="Moulins")

    async def do(command: OpenCase | AddComment | CloseCase) -> UUID:
        outcome = await perform(world.database, world.ada.actor, command, request_id="test", now=lambda: moment)
        return outcome.case.id

    case_id = await do(OpenCase(subject=subject, title="A changed IBAN"))
    await do(AddComment(case_id=case_id, comment="See.", new_documents=(document(),)))
    return await do(CloseCase(case_id=case_id))


async def ran(url: str, folder: Path, *arguments: str) -> Ended:
    settings = {"database_url": url, "data_dir": str(folder)}
    ended = await asyncio.to_thread(run, ["retention", "run", *arguments], settings)
    assert ended.code == DONE, ended
    return ended


async def test_a_dry_run_counts_and_a_run_erases_for_good(world: World, fresh_url: str, tmp_path: Path) -> None:
    due, held = await closed_long_ago(world), await closed_long_ago(world)
    await hold(world, held)
    nothing = await ran(fresh_url, tmp_path)
    assert (nothing.output, nothing.errors) == (b"", "no account has a retention\n")
    await set_by_hand(world.database, tables.accounts, world.account_id, retention_days=401)
    early = json.loads((await ran(fresh_url, tmp_path, "--dry-run", "--json")).output)
    assert [(item["due"], item["held"]) for item in early["accounts"]] == [(0, 0)]
    await set_by_hand(world.database, tables.accounts, world.account_id, retention_days=399)
    before = await contents(world.database)

    dry = await ran(fresh_url, tmp_path, "--dry-run")

    name = "Acme Treasury"
    kept = "; kept: 1 under legal hold\n"
    assert dry.output.decode() == f"{name}: 1 case to be erased, 399 days after closing{kept}"
    assert await contents(world.database) == before
    done = json.loads((await ran(fresh_url, tmp_path, "--json")).output)
    account = {"accountId": str(world.account_id), "retentionDays": 399, "erased": 1, "held": 1, "covered": 0}
    assert done == {"dryRun": False, "accounts": [account]}
    after = await contents(world.database)
    assert {row["id"] for row in after["cases"].values() if row["title"] is None} == {due}
    assert after["unfinished_erasures"] == {}
    again = await ran(fresh_url, tmp_path)
    assert again.output.decode() == f"{name}: 0 cases erased, 399 days after closing{kept}"
    await assert_whole(world.database)
