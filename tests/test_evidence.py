"""Evidence: what `casegate log export` writes is verified far from the database, by a script with nothing of ours."""

import ast
import asyncio
import json
import subprocess
import sys
from datetime import timedelta
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
from sqlalchemy import text

from app.actions import perform
from app.domain.commands import AddComment
from tests.api import Api
from tests.documents import TEXT, comment_with
from tests.live import casegate
from tests.scene import (
    Scene,
    Tampering,
    delete_a_middle_row,
    delete_the_tail,
    flip_a_byte,
    move_a_row,
    rewrite_the_chain,
    swap_rows,
)
from tests.tampering import everything_of, tamper

SCRIPT = Path(__file__).resolve().parent.parent / "scripts" / "verify_evidence.py"

Done = subprocess.CompletedProcess[str]


async def exported(scene: Scene, fresh_url: str, *arguments: str, case: object = None) -> Done:
    place = {"database_url": fresh_url, "data_dir": str(scene.path.parent)}
    named = ("--case", str(case or scene.case_id))
    return await asyncio.to_thread(casegate, "log", "export", *named, *arguments, **place)


async def evidence_of(scene: Scene, fresh_url: str, case: object = None) -> dict[str, Any]:
    done = await exported(scene, fresh_url, case=case)
    assert done.returncode == 0, done.stderr
    evidence: dict[str, Any] = json.loads(done.stdout)
    return evidence


def verified(evidence: object, folder: Path, key: str, *arguments: str) -> Done:
    """Run the script in a folder without anything of ours, shut off from this environment's paths."""
    away = folder / "away"
    away.mkdir(exist_ok=True)
    (away / "evidence.json").write_text(evidence if isinstance(evidence, str) else json.dumps(evidence))
    command = [sys.executable, "-I", str(SCRIPT), "evidence.json", "--key", key, *arguments]
    return subprocess.run(command, cwd=away, capture_output=True, text=True, timeout=60, check=False)


async def test_evidence_that_nobody_touched_is_whole_and_anchored(scene: Scene, fresh_url: str, tmp_path: Path) -> None:
    evidence = await evidence_of(scene, fresh_url)
    receipt = f"{evidence['head']['seq']}:{evidence['head']['hash']}"

    done = verified(evidence, tmp_path, scene.key, "--receipt", receipt)

    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.startswith("OK: CASE-000002, 10 rows, 10 of them in anchor 1 of 20")


# Who does what; then the row and the kind that the script tells of the story's case, or of the other.
TAMPERINGS: list[tuple[Tampering, str, str]] = [
    (flip_a_byte, "story", "BAD: row 2 (content)"),
    (delete_a_middle_row, "story", "BAD: row 4 (gap)"),
    (delete_the_tail, "story", "BAD: row 10 (truncated)"),
    (swap_rows, "story", "BAD: row 2 (link)"),
    (move_a_row, "story", "BAD: row 3 (gap)"),
    (move_a_row, "other", "BAD: row 5 (link)"),
    (rewrite_the_chain, "story", "BAD: row 4 (rewritten)"),
]


@pytest.mark.parametrize(("change", "which", "told"), TAMPERINGS, ids=lambda value: getattr(value, "__name__", value))
async def test_the_script_finds_each_tampering_of_the_database(
    scene: Scene, fresh_url: str, tmp_path: Path, change: Tampering, which: str, told: str
) -> None:
    await change(scene)
    await scene.database.close()

    evidence = await evidence_of(scene, fresh_url, scene.case_id if which == "story" else scene.other_id)

    done = verified(evidence, tmp_path, scene.key)
    assert (done.returncode, done.stdout.partition(":")[0]) == (1, "BAD")
    assert done.stdout.startswith(told)


def drafts_in(folder: Path) -> list[Path]:
    return list(folder.glob(".*.part"))


def rows(evidence: dict[str, Any]) -> Any:
    return evidence["rows"]


def leaves(evidence: dict[str, Any]) -> Any:
    return evidence["anchor"]["leaves"]


# What is changed in the file itself; then what the script says.
CHANGES: dict[str, tuple[str, int, str]] = {
    "a word": ("rows(e)[1]['entry']['comment'].update(body='never called')", 1, "BAD: row 2 (content)"),
    "a hash": ("rows(e)[4].update(hash='0' * 64)", 1, "BAD: row 5 (content)"),
    "a row left out": ("rows(e).pop(3)", 1, "BAD: row 4 (gap)"),
    "the end left out": ("rows(e).pop()", 1, "BAD: row 10 (truncated)"),
    "the end left out of all": (
        "(rows(e).pop(), leaves(e).pop(), e['head'].update(seq=9, hash=rows(e)[8]['hash']))",
        0,  # no anchor tells of it any more: only a receipt does
        "OK: CASE-000002, 9 rows",
    ),
    "all rows left out": ("rows(e).clear()", 1, "BAD: row 1 (truncated)"),
    "rows in another order": ("rows(e).reverse()", 1, "BAD: row 1 (gap)"),
    "another case": ("e.update(caseId=e['accountId'])", 1, "BAD: the anchor: the path of row 1"),
    "another head": ("e['head'].update(hash='0' * 64)", 1, "BAD: row 10 (link)"),
    "a document more": ("e['documents'].append({'sha256': '0' * 64})", 1, "BAD: row 10 (content)"),
    "a leaf": ("leaves(e)[2].update(hash='0' * 64)", 1, "BAD: the anchor: the path of row 3"),
    "a leaf's place": ("leaves(e)[2].update(index=0)", 1, "BAD: the anchor: the path of row 3"),
    "a path": ("leaves(e)[2]['path'].pop()", 1, "BAD: the anchor: the path of row 3"),
    "the root": ("e['anchor']['checkpoint'].update(root='0' * 64)", 1, "BAD: the anchor: its signature"),
    "the key": ("e['anchor']['checkpoint'].update(key='0' * 64)", 1, "BAD: the anchor: it is signed by another key"),
    "the anchor left out": ("e.update(anchor=None)", 3, "UNPROVEN: CASE-000002, 10 rows, nothing is anchored"),
    "leaves left out": ("leaves(e).clear()", 3, "UNPROVEN: CASE-000002, 10 rows, 0 of them in anchor 1"),
    "no field left": ("e.clear()", 2, ""),
}


@pytest.fixture
async def evidence(scene: Scene, fresh_url: str) -> dict[str, Any]:
    return await evidence_of(scene, fresh_url)


async def test_the_script_finds_what_is_changed_in_the_file(
    scene: Scene, evidence: dict[str, Any], tmp_path: Path
) -> None:
    found = {}
    for what, (change, _, _) in CHANGES.items():
        changed = json.loads(json.dumps(evidence))
        eval(change, {"rows": rows, "leaves": leaves, "e": changed})  # noqa: S307  # of the table above
        done = verified(changed, tmp_path, scene.key)
        assert "Traceback" not in done.stderr, what
        found[what] = (done.returncode, done.stdout)

    assert {what: (code, out[: len(CHANGES[what][2])]) for what, (code, out) in found.items()} == {
        what: (code, said) for what, (_, code, said) in CHANGES.items()
    }


async def test_a_receipt_tells_of_a_row_that_is_gone_or_is_another(
    scene: Scene, evidence: dict[str, Any], tmp_path: Path
) -> None:
    rows(evidence).pop()
    leaves(evidence).pop()
    evidence["head"] = {"seq": 9, "hash": rows(evidence)[8]["hash"]}

    gone = verified(evidence, tmp_path, scene.key, "--receipt", f"10:{'0' * 64}")
    another = verified(evidence, tmp_path, scene.key, "--receipt", f"3:{'0' * 64}")

    assert (gone.returncode, gone.stdout) == (1, "BAD: row 10 (truncated): row 10 was there once\n")
    assert (another.returncode, another.stdout) == (1, "BAD: row 3 (rewritten): it was another one once\n")


@pytest.mark.parametrize("content", ["", "[]", "{", "[" * 100_000, '{"anchor": 1}', "null"])
def test_what_is_no_evidence_is_told_without_a_traceback(tmp_path: Path, content: str) -> None:
    done = verified(content, tmp_path, "0" * 64)

    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.startswith("UNREADABLE: ")


def test_the_script_explains_itself() -> None:
    done = subprocess.run([sys.executable, "-I", SCRIPT, "--help"], capture_output=True, text=True, check=True)

    assert "--key KEY" in done.stdout
    assert "Exits with 0" in done.stdout or "exits with 0" in done.stdout


def test_the_script_is_short_and_imports_nothing_of_ours() -> None:
    source = SCRIPT.read_text(encoding="utf-8")
    imported = set()
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            imported |= {name.name.partition(".")[0] for name in node.names}
        if isinstance(node, ast.ImportFrom):
            imported.add((node.module or "").partition(".")[0])

    assert len(source.splitlines()) <= 150
    assert imported - sys.stdlib_module_names == {"cryptography"}


async def test_documents_are_in_the_evidence_with_the_digests_that_the_log_commits_to(
    scene: Scene, fresh_url: str, tmp_path: Path
) -> None:
    async with Api.opened(fresh_url, data_dir=tmp_path) as api:
        await comment_with(api, scene.story.world.ada.token, scene.other_id, [("a.txt", TEXT), ("b.txt", TEXT + b"!")])
    await scene.anchorer.anchor()

    evidence = await evidence_of(scene, fresh_url, scene.other_id)

    assert [document["filename"] for document in evidence["documents"]] == ["a.txt", "b.txt"]
    digests = [document["sha256"] for document in evidence["documents"]]
    assert rows(evidence)[4]["entry"]["comment"]["documents"] == digests
    assert verified(evidence, tmp_path, scene.key).returncode == 0


async def test_a_row_that_is_newer_than_the_anchor_is_whole_and_said_not_to_be_in_it(
    scene: Scene, fresh_url: str, tmp_path: Path
) -> None:
    ada, command = scene.story.world.ada, AddComment(case_id=scene.other_id, comment="four")
    later = scene.anchored_at + timedelta(seconds=1)
    await perform(scene.database, ada.actor, command, request_id="test", now=lambda: later)

    done = verified(await evidence_of(scene, fresh_url, scene.other_id), tmp_path, scene.key)

    assert done.returncode == 0
    assert done.stdout.startswith("OK: CASE-000001, 5 rows, 4 of them in anchor 1 of ")


# --- The command ------------------------------------------------------------------------------------------------------


async def test_the_command_writes_a_whole_file_and_none_over_another(
    scene: Scene, fresh_url: str, tmp_path: Path
) -> None:
    file = tmp_path / "evidence.json"
    account = ("--account", str(scene.story.world.account_id))

    first = await exported(scene, fresh_url, str(file), *account, case="CASE-000002")
    again = await exported(scene, fresh_url, str(file))
    forced = await exported(scene, fresh_url, str(file), "--force")
    nowhere = await exported(scene, fresh_url, str(tmp_path / "none" / "evidence.json"))

    assert first.stdout == "CASE-000002: 10 rows, 10 of them anchored\n"
    assert [done.returncode for done in (first, again, forced, nowhere)] == [0, 1, 0, 1]
    assert "is there already" in again.stderr
    assert "No such file or directory" in nowhere.stderr
    assert verified(file.read_text(), tmp_path, scene.key).returncode == 0
    assert drafts_in(tmp_path) == []


async def test_what_cannot_be_exported_is_told_in_a_line(scene: Scene, fresh_url: str) -> None:
    await tamper(scene.database, text("UPDATE case_actions SET type = 'WHAT' WHERE request_id = 'request-comment'"))
    await tamper(scene.database, *everything_of(scene.other_id))
    await scene.database.close()

    unreadable = await exported(scene, fresh_url)
    gone = await exported(scene, fresh_url, case=scene.other_id)
    unknown = await exported(scene, fresh_url, case=uuid4())

    assert [done.returncode for done in (unreadable, gone, unknown)] == [1, 1, 1]
    assert [done.stdout for done in (unreadable, gone, unknown)] == ["", "", ""]
    assert "a value that is none of its kind" in unreadable.stderr
    assert "there is no case" in gone.stderr
    assert "there is no case" in unknown.stderr


async def test_nothing_is_exported_with_anchors_that_are_bad(scene: Scene, fresh_url: str) -> None:
    scene.path.write_text(scene.path.read_text().replace('"cases":2', '"cases":1'))

    done = await exported(scene, fresh_url)

    assert (done.returncode, done.stdout) == (1, "")
    assert "anchor 1 proves nothing: its signature is not right" in done.stderr
