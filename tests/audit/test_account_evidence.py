"""Evidence of an account's own log: exported with the anchors' proof, and verified by the script, which is not ours."""

import asyncio
import json
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
from sqlalchemy import text, update

from app.admin import accounts
from app.audit.anchors.checkpoint import Checkpoint, sign
from app.audit.anchors.keys import read_key
from app.db import tables
from tests.support.account_logs import cut_account_log, rewrite_account_log
from tests.support.anchored_cases import ACCOUNT_ROWS, Scene
from tests.support.evidence_files import Done, assert_each_change_is_found, verified
from tests.support.gateway import casegate
from tests.support.tampering import tamper


async def exported(scene: Scene, fresh_url: str, *arguments: str) -> Done:
    place = {"database_url": fresh_url, "data_dir": str(scene.path.parent)}
    return await asyncio.to_thread(casegate, "log", "export", *arguments, **place)


async def evidence_of(scene: Scene, fresh_url: str, account: object = None) -> dict[str, Any]:
    done = await exported(scene, fresh_url, "--account", str(account or scene.story.world.account_id))
    assert done.returncode == 0, done.stderr
    evidence: dict[str, Any] = json.loads(done.stdout)
    return evidence


@pytest.fixture
async def evidence(scene: Scene, fresh_url: str) -> dict[str, Any]:
    return await evidence_of(scene, fresh_url)


async def test_unchanged_evidence_is_valid_and_anchored(scene: Scene, evidence: dict[str, Any], tmp_path: Path) -> None:
    receipt = f"{evidence['head']['seq']}:{evidence['head']['hash']}"

    done = verified(evidence, tmp_path, scene.key, "--receipt", receipt)

    assert (done.returncode, done.stderr) == (0, "")
    account_id, rows = scene.story.world.account_id, ACCOUNT_ROWS
    assert done.stdout.startswith(
        f"OK: the own log of account {account_id}, {rows} rows, {rows} of them in anchor 1 of"
    )
    assert f"by which the log ended with row {rows};" in done.stdout


# What is changed in the file itself; then what the script says.
CHANGES: dict[str, tuple[str, int, str]] = {
    "roles": ("rows(e)[3]['entry'].update(roles=['ADMIN'])", 1, "BAD: row 4 (content)"),
    "a source": ("rows(e)[3]['entry'].update(source='API')", 1, "BAD: row 4 (content)"),
    "details": ("rows(e)[3]['entry'].update(details='{}')", 1, "BAD: row 4 (content)"),
    "a hash": ("rows(e)[4].update(hash='0' * 64)", 1, "BAD: row 5 (content)"),
    "a row left out": ("rows(e).pop(3)", 1, "BAD: row 4 (gap)"),
    "rows in another order": ("rows(e).reverse()", 1, "BAD: row 1 (gap)"),
    "the end left out": ("rows(e).pop()", 1, "BAD: row 13 (truncated)"),
    "the end left out of all": ("cut(e)", 1, "BAD: row 13 (truncated): row 13 was there once"),
    "the end left out of all, and the anchor's head": (
        "(cut(e), e['anchor'].update(head=None))",
        3,
        "UNPROVEN: the own log of account",
    ),
    "the end left out of all, and another head made up": (
        "(cut(e), e['anchor']['head'].update(e['head']))",
        1,
        "BAD: the anchor: the path of row 12",
    ),
    "a row's leaf in place of the head": (
        "e['anchor'].update(head=leaves(e)[12])",
        1,
        "BAD: the anchor: the path of row 13",
    ),
    "a leaf": ("leaves(e)[2].update(hash='0' * 64)", 1, "BAD: the anchor: the path of row 3"),
    "a root": ("e['anchor']['checkpoint'].update(account_root='0' * 64)", 1, "BAD: the anchor: its signature"),
    "a count": ("e['anchor']['checkpoint'].update(account_count=9)", 1, "BAD: the anchor: its signature"),
    "another account": (f"e.update(accountId='{uuid4()}')", 1, "BAD: the anchor: the path of row 1"),
    "all rows left out": ("rows(e).clear()", 1, "BAD: row 1 (truncated)"),
    "another head": ("e['head'].update(hash='0' * 64)", 1, "BAD: row 13 (link)"),
    "a case": ("rows(e)[0]['entry'].update(case_id=e['accountId'])", 1, "BAD: row 1 (link)"),
    "no log of an account": ("rows(e)[0]['entry'].pop('log')", 1, "BAD: row 1 (link)"),
    "the anchor left out": ("e.update(anchor=None)", 3, "UNPROVEN: the own log of account"),
    **{
        what: (change, 2, "")
        for what, change in {
            "a member more": "e.update(note='approved by the bank')",
            "a row's member more": "rows(e)[3].update(contents={})",
            "a reference": "e.update(reference='CASE-000001')",
            "another format": "e.update(format=2)",
            "true for a format": "e.update(format=True)",
            "another log": "e.update(log='case')",
            "no log": "e.pop('log')",
            "a row's format": "rows(e)[1]['entry'].update(format=2)",
            "an older checkpoint's format": "e['anchor']['checkpoint'].update(format=2)",
            "no end of accounts": "e['anchor']['checkpoint'].pop('account_root')",
        }.items()
    },
}


async def test_the_script_finds_what_is_changed_in_the_file(
    scene: Scene, evidence: dict[str, Any], tmp_path: Path
) -> None:
    assert_each_change_is_found(CHANGES, evidence, tmp_path, scene.key)


async def test_what_an_older_checkpoint_does_not_say_is_not_taken_for_proven(
    scene: Scene, evidence: dict[str, Any], tmp_path: Path
) -> None:
    private = read_key(scene.path.with_name("anchors.key"))
    older = {name: value for name, value in evidence["anchor"]["checkpoint"].items() if not name.startswith("account_")}
    checkpoint = Checkpoint(**(older | {"format": 2}))
    anchor = evidence["anchor"] | {"checkpoint": checkpoint.plain(), "signature": sign(checkpoint, private)}

    done = verified(evidence | {"anchor": anchor | {"head": None}}, tmp_path, scene.key)
    with_head = verified(evidence | {"anchor": anchor}, tmp_path, scene.key)

    assert done.returncode == 3
    assert "that anchor does not prove where the log ends" in done.stdout
    assert with_head.returncode == 2


@pytest.mark.parametrize(
    ("how", "reported"),
    [
        ("changed", "BAD: row 4 (content)"),
        ("cut off", "BAD: row 12 (truncated)"),
        ("rewritten", "BAD: row 4 (rewritten)"),
    ],
)
async def test_the_script_finds_tampering_of_the_database(
    scene: Scene, fresh_url: str, tmp_path: Path, how: str, reported: str
) -> None:
    database, account_id, log = scene.database, scene.story.world.account_id, tables.account_actions
    change = update(log).where(log.c.account_id == account_id, log.c.seq == 4).values(source="API")
    if how == "changed":
        await tamper(database, change)
    elif how == "cut off":
        await cut_account_log(database, account_id, ACCOUNT_ROWS - 2)
    else:
        await rewrite_account_log(database, account_id, change)
    await database.close()

    done = verified(await evidence_of(scene, fresh_url), tmp_path, scene.key)

    assert (done.returncode, done.stdout[: len(reported)]) == (1, reported)


async def test_a_row_that_is_newer_than_the_anchor_is_said_not_to_be_in_it(
    scene: Scene, fresh_url: str, tmp_path: Path
) -> None:
    await accounts.revoke_account(scene.database, scene.story.world.account_id)

    done = verified(await evidence_of(scene, fresh_url), tmp_path, scene.key)

    assert done.returncode == 3
    assert "the anchor lacks 1 row:" in done.stdout


async def test_a_log_that_was_cut_off_as_a_whole_is_bad(scene: Scene, fresh_url: str, tmp_path: Path) -> None:
    await cut_account_log(scene.database, scene.story.world.account_id, 0)

    done = verified(await evidence_of(scene, fresh_url), tmp_path, scene.key)

    assert (done.returncode, done.stdout[:25]) == (1, "BAD: row 1 (link): the lo")


async def test_what_can_not_be_exported_is_said_in_a_line(scene: Scene, fresh_url: str) -> None:
    nothing = await exported(scene, fresh_url)
    unknown = await exported(scene, fresh_url, "--account", str(uuid4()))
    await tamper(scene.database, text("UPDATE account_actions SET type = 'NO_SUCH_THING' WHERE seq = 5"))
    await scene.database.close()
    bad = await exported(scene, fresh_url, "--account", str(scene.story.world.account_id))

    assert [done.returncode for done in (nothing, unknown, bad)] == [2, 2, 1]
    assert "name a case by --case, or by --account whose own log to write" in nothing.stderr
    assert "there is no account" in unknown.stderr
    assert "holds a value that is none of its kind" in bad.stderr
    assert all("Traceback" not in done.stderr for done in (nothing, unknown, bad))


async def test_a_file_is_written_once(scene: Scene, fresh_url: str, tmp_path: Path) -> None:
    account_id, path = str(scene.story.world.account_id), tmp_path / "account.json"

    first = await exported(scene, fresh_url, "--account", account_id, str(path))
    again = await exported(scene, fresh_url, "--account", account_id, str(path))

    rows = f"{ACCOUNT_ROWS} rows, {ACCOUNT_ROWS} of them anchored"
    assert first.stdout == f"the own log of account {account_id}: {rows}\n"
    assert again.returncode == 1
    assert json.loads(path.read_text())["log"] == "account"
