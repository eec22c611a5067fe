"""Evidence: what `casegate log export` writes is verified far from the database, by a script with nothing of ours."""

import ast
import asyncio
import hashlib
import json
import subprocess
import sys
from datetime import timedelta
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
from sqlalchemy import text

from app.actions.perform import perform
from app.audit.anchors.checkpoint import Checkpoint, sign
from app.audit.anchors.keys import read_key
from app.domain.commands import AddComment
from tests.support.anchored_cases import (
    Scene,
    Tampering,
    delete_a_middle_row,
    delete_the_tail,
    flip_a_byte,
    move_a_row,
    rewrite_the_chain,
    swap_rows,
)
from tests.support.api import Api
from tests.support.documents import TEXT, comment_with
from tests.support.evidence_files import SCRIPT, Done, assert_each_change_is_found, rows, verified
from tests.support.gateway import casegate
from tests.support.tampering import everything_of, tamper


async def exported(scene: Scene, fresh_url: str, *arguments: str, case: object = None) -> Done:
    place = {"database_url": fresh_url, "data_dir": str(scene.path.parent)}
    named = ("--case", str(case or scene.case_id))
    return await asyncio.to_thread(casegate, "log", "export", *named, *arguments, **place)


async def evidence_of(scene: Scene, fresh_url: str, case: object = None) -> dict[str, Any]:
    done = await exported(scene, fresh_url, case=case)
    assert done.returncode == 0, done.stderr
    evidence: dict[str, Any] = json.loads(done.stdout)
    return evidence


async def test_unchanged_evidence_is_valid_and_anchored(scene: Scene, fresh_url: str, tmp_path: Path) -> None:
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


@pytest.mark.parametrize(
    ("change", "which", "reported"), TAMPERINGS, ids=lambda value: getattr(value, "__name__", value)
)
async def test_the_script_finds_each_tampering_of_the_database(
    scene: Scene, fresh_url: str, tmp_path: Path, change: Tampering, which: str, reported: str
) -> None:
    await change(scene)
    await scene.database.close()

    evidence = await evidence_of(scene, fresh_url, scene.case_id if which == "story" else scene.other_id)

    done = verified(evidence, tmp_path, scene.key)
    assert (done.returncode, done.stdout.partition(":")[0]) == (1, "BAD")
    assert done.stdout.startswith(reported)


def drafts_in(folder: Path) -> list[Path]:
    return list(folder.glob(".*.part"))


# What is changed in the file itself; then what the script says.
CHANGES: dict[str, tuple[str, int, str]] = {
    "a word": ("rows(e)[1]['contents']['comment'].update(value='never called')", 1, "BAD: row 2 (content)"),
    "a hash": ("rows(e)[4].update(hash='0' * 64)", 1, "BAD: row 5 (content)"),
    "a row left out": ("rows(e).pop(3)", 1, "BAD: row 4 (gap)"),
    "the end left out": ("rows(e).pop()", 1, "BAD: row 10 (truncated)"),
    "the end left out of all": (
        "cut(e)",
        1,
        "BAD: row 10 (truncated): row 10 was there once",
    ),
    "the end left out of all, and the anchor's head": (
        "(cut(e), e['anchor'].update(head=None))",
        3,
        "UNPROVEN: CASE-000002, 9 rows, 9 of them in anchor 1",
    ),
    "the end left out of all, and another head made up": (
        "(cut(e), e['anchor']['head'].update(e['head']))",
        1,
        "BAD: the anchor: the path of row 9",
    ),
    "a row's leaf in place of the head": (
        "e['anchor'].update(head=leaves(e)[8])",
        1,
        "BAD: the anchor: the path of row 9",
    ),
    "a later row left unanchored": ("leaves(e).pop()", 3, "UNPROVEN: CASE-000002, 10 rows, 9 of them in anchor 1"),
    "another reference": (
        "e.update(reference='CASE-000003')",
        1,
        "BAD: row 1 (content): the case has",
    ),
    "a reference with more to it": ("e.update(reference='CASE-000002 (closed)')", 1, "BAD: row 1 (content)"),
    "another salt": ("rows(e)[1]['contents']['comment'].update(salt='0' * 64)", 1, "BAD: row 2 (content)"),
    "two salts swapped": (
        "rows(e)[0]['contents']['title'].update(salt=rows(e)[1]['contents']['comment']['salt'])",
        1,
        "BAD: row 1 (content)",
    ),
    "a text left out": ("rows(e)[1]['contents'].pop('comment')", 1, "BAD: row 2 (content)"),
    "a text more": ("rows(e)[1]['contents'].update(title=rows(e)[0]['contents']['title'])", 1, "BAD: row 2 (content)"),
    "another commitment": ("rows(e)[1]['entry']['commitments'].update(comment='0' * 64)", 1, "BAD: row 2 (content)"),
    "other roles": ("rows(e)[1]['entry']['authority'].update(roles=['REVIEWER'])", 1, "BAD: row 2 (content)"),
    "another token": ("rows(e)[1]['entry']['authority'].update(token_id=e['caseId'])", 1, "BAD: row 2 (content)"),
    "another version seen": ("rows(e)[4]['entry']['authority'].update(reviewed_version=1)", 1, "BAD: row 5 (content)"),
    "another title": ("rows(e)[0]['contents']['title'].update(value='No case')", 1, "BAD: row 1 (content)"),
    "true for one": ("rows(e)[0]['entry'].update(seq=True)", 1, "BAD: row 1 (content)"),
    "a path too long": ("leaves(e)[0]['path'].append('0' * 64)", 1, "BAD: the anchor: the path of row 1"),
    "a head's path too long": (
        "e['anchor']['head']['path'].append('0' * 64)",
        1,
        "BAD: the anchor: the path of row 10",
    ),
    "a place below none": ("leaves(e)[0].update(index=-1)", 1, "BAD: the anchor: the path of row 1"),
    "a later time": ("e['anchor']['checkpoint'].update(time='2126-01-01T00:00:00Z')", 1, "BAD: the anchor: its sig"),
    "another account": ("e.update(accountId=e['caseId'])", 1, "BAD: the anchor: the path of row 1"),
    "no rows": (
        "(rows(e).clear(), leaves(e).clear(), e['head'].update(seq=0, hash='0' * 64), e.update(anchor=None))",
        1,
        "",
    ),
    "a document that nobody logged": (
        "e['notCovered']['documents'].append({'commentId': 'x', 'sha256': '0' * 64, 'filename': 'proof.pdf'})",
        1,
        "BAD: row 10 (unlogged)",
    ),
    **{
        what: (change, 2, "")
        for what, change in {
            "a member more": "e.update(note='approved by the bank')",
            "a row's member more": "rows(e)[3].update(note='approved')",
            "an anchor's member more": "e['anchor'].update(note='approved')",
            "a checkpoint's member more": "e['anchor']['checkpoint'].update(note='approved')",
            "a member more of what is not covered": "e['notCovered'].update(signedBy='the bank')",
            "another format": "e.update(format=4)",
            "the older format for rows with texts beside them": "e.update(format=2)",
            "an older format": "e.update(format=1)",
            "true for a format": "e.update(format=True)",
            "a text for a format": "e.update(format='2')",
            "no format": "e.pop('format')",
            "a row's format": "rows(e)[1]['entry'].update(format=3)",
            "no format of a row": "rows(e)[1]['entry'].pop('format')",
            "no leaves": "e['anchor'].pop('leaves')",
            "no head": "e['anchor'].pop('head')",
            "null for leaves": "e['anchor'].update(leaves=None)",
            "rows that are none": "e.update(rows={'0': rows(e)[0]})",
            "a hash in capitals": "rows(e)[1].update(hash=rows(e)[1]['hash'].upper())",
            "a signature with blanks": "e['anchor'].update(signature=e['anchor']['signature'] + ' ')",
            "no user": "rows(e)[1]['entry'].pop('prev_hash')",
            "no opening": "(rows(e)[0]['entry'].pop('opening'), e.update(anchor=None))",
            "a place that is a text": "leaves(e)[0].update(index='0')",
        }.items()
    },
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
    assert_each_change_is_found(CHANGES, evidence, tmp_path, scene.key)


async def test_a_receipt_shows_that_its_row_is_missing_or_changed(
    scene: Scene, evidence: dict[str, Any], tmp_path: Path
) -> None:
    gone = verified(evidence, tmp_path, scene.key, "--receipt", f"11:{'0' * 64}")
    another = verified(evidence, tmp_path, scene.key, "--receipt", f"3:{'0' * 64}")

    assert (gone.returncode, gone.stdout) == (1, "BAD: row 11 (truncated): row 11 was there once\n")
    assert (another.returncode, another.stdout) == (1, "BAD: row 3 (rewritten): it was another one once\n")


async def test_a_receipt_that_is_none_is_refused(scene: Scene, evidence: dict[str, Any], tmp_path: Path) -> None:
    digest = rows(evidence)[0]["hash"]
    texts = ["0:", "-1:", "1:", "1", "", f"0:{digest}", f"-1:{digest}", f"1:{digest[:63]}", f"1:{digest.upper()}"]
    texts += [
        f"01:{digest}",
        f" 1:{digest}",
        f"+1:{digest}",
        f"1:{digest} ",
        f"1_0:{digest}",
        f"\u0661:{digest}",
        f"1:1:{digest}",
    ]

    done = {text: verified(evidence, tmp_path, scene.key, f"--receipt={text}") for text in texts}

    assert {text: done[text].returncode for text in texts} == dict.fromkeys(texts, 2)
    assert all("must be SEQ:HASH" in one.stderr for one in done.values())


async def test_a_key_that_is_none_is_refused_and_another_one_proves_nothing(
    scene: Scene, evidence: dict[str, Any], tmp_path: Path
) -> None:
    for key in ("", "0" * 63, scene.key.upper() if scene.key.upper() != scene.key else "G" * 64, "not a key"):
        assert verified(evidence, tmp_path, key).returncode == 2

    done = verified(evidence, tmp_path, "0" * 64)

    assert (done.returncode, done.stdout.partition(",")[0]) == (1, "BAD: the anchor: it is signed by another key")


async def test_an_anchor_older_than_requested_is_insufficient(
    scene: Scene, evidence: dict[str, Any], tmp_path: Path
) -> None:
    time = evidence["anchor"]["checkpoint"]["time"]

    as_old = verified(evidence, tmp_path, scene.key, "--since", time)
    never = verified(evidence, tmp_path, scene.key, "--since", "3000-01-01T00:00:00Z")
    no_zone = verified(evidence, tmp_path, scene.key, "--since", "3000-01-01T00:00:00")

    assert (as_old.returncode, never.returncode, no_zone.returncode) == (0, 3, 2)
    assert "that anchor is older than 3000-01-01" in never.stdout


def with_twice(evidence: dict[str, Any]) -> str:
    """Return the evidence with a comment's text twice: some readers show the first, others the last."""
    return json.dumps(evidence).replace('"value": "called"', '"value": "never called", "value": "called"')


TEXTS: dict[str, tuple[Any, str]] = {
    "a key twice": (with_twice, "an object has a key twice"),
    "a head twice": (lambda e: '{"format": 2, ' + json.dumps(e)[1:], "an object has a key twice"),
    "a byte order mark": (lambda e: "\ufeff" + json.dumps(e), "it begins with a byte order mark"),
    "NaN": (lambda e: json.dumps(e).replace('"seq": 10', '"seq": NaN'), "NaN is not a number"),
    "a fraction": (lambda e: json.dumps(e).replace('"seq": 10', '"seq": 10.0'), "10.0 is not a number"),
    "a power": (lambda e: json.dumps(e).replace('"seq": 10', '"seq": 1e1'), "1e1 is not a number"),
    "a huge number": (lambda e: json.dumps(e).replace('"seq": 10', f'"seq": {"1" * 10_000}'), "a number is too large"),
    "a deep list": (lambda e: json.dumps(e).replace('"called"', "[" * 50_000 + "]" * 50_000), "too deeply"),
    "half a pair": (lambda e: json.dumps(e).replace('"called"', '"\\ud800"'), ""),
    "something after it": (lambda e: json.dumps(e) + "{}", "it is not JSON"),
}


@pytest.mark.parametrize("what", TEXTS)
async def test_a_file_that_two_readers_could_read_differently_is_refused(
    scene: Scene, evidence: dict[str, Any], tmp_path: Path, what: str
) -> None:
    change, words = TEXTS[what]
    text = change(evidence)
    assert text != json.dumps(evidence)

    done = verified(text, tmp_path, scene.key)

    assert (done.returncode, done.stdout) == (2, "")
    assert words in done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize(
    "content", ["", "[]", "{", "[" * 100_000, '{"anchor": 1}', "null", '"x"', "1", "{}", '{"format": 2}']
)
def test_a_file_that_is_no_evidence_is_reported_without_a_traceback(tmp_path: Path, content: str) -> None:
    done = verified(content, tmp_path, "0" * 64)

    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.startswith("UNREADABLE: ")


# --- Made up whole ----------------------------------------------------------------------------------------------------


def chained(entries: list[dict[str, Any]], contents: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Return rows whose chain is right, whatever their entries say."""
    made, previous = [], "0" * 64
    for entry, texts in zip(entries, contents, strict=False):
        said = json.dumps(entry | {"prev_hash": previous}, ensure_ascii=False, sort_keys=True, separators=(",", ":"))
        previous = hashlib.sha256(said.encode()).hexdigest()
        made.append({"entry": json.loads(said), "hash": previous, "contents": texts})
    return made


def forged(evidence: dict[str, Any], rows_made: list[dict[str, Any]], **anchor: Any) -> dict[str, Any]:
    """Return evidence of these rows, which agrees with itself, with the genuine checkpoint."""
    head = {"seq": len(rows_made), "hash": rows_made[-1]["hash"]}
    return evidence | {"rows": rows_made, "head": head, "anchor": evidence["anchor"] | anchor}


async def test_made_up_rows_are_never_proven_by_a_genuine_checkpoint(
    scene: Scene, fresh_url: str, evidence: dict[str, Any], tmp_path: Path
) -> None:
    entries = [row["entry"] for row in rows(evidence)]
    texts = [row["contents"] for row in [*rows(evidence), rows(evidence)[1]]]
    accepted = json.loads(json.dumps(entries).replace('"REFUSED"', '"ACCEPTED"').replace('"REFUSE"', '"ACCEPT"'))
    later = [entry | {"created_at": "2126-01-01T00:00:00.000000Z"} for entry in accepted]
    longer = [*entries, entries[1] | {"seq": 11, "status_before": "CLOSED", "status_after": "CLOSED"}]
    other = await evidence_of(scene, fresh_url, scene.other_id)
    head, others = evidence["anchor"]["head"], other["anchor"]["head"]

    found = {}
    for what, made, anchor in (
        ("no leaves, no head", accepted, {"leaves": [], "head": None}),
        ("later than the checkpoint", later, {"leaves": [], "head": None}),
        ("the genuine head", accepted, {"leaves": []}),
        ("the genuine leaves", accepted, {"head": None}),
        ("another case's head", accepted, {"leaves": [], "head": others}),
        ("another case's leaves", accepted, {"leaves": other["anchor"]["leaves"], "head": None}),
        ("a head of its own", accepted, {"leaves": [], "head": head | {"hash": chained(accepted, texts)[-1]["hash"]}}),
        ("a row more", longer, {}),
    ):
        done = verified(forged(evidence, chained(made, texts), **anchor), tmp_path, scene.key)
        found[what] = done.returncode

    assert found == {
        "no leaves, no head": 3,
        "later than the checkpoint": 3,
        "the genuine head": 1,
        "the genuine leaves": 1,
        "another case's head": 1,
        "another case's leaves": 1,
        "a head of its own": 1,
        "a row more": 3,
    }


async def test_what_an_older_checkpoint_does_not_say_is_not_taken_for_proven(
    scene: Scene, evidence: dict[str, Any], tmp_path: Path
) -> None:
    private = read_key(scene.path.with_name("anchors.key"))
    newer = ("head_", "account_")
    older = {name: value for name, value in evidence["anchor"]["checkpoint"].items() if not name.startswith(newer)}
    checkpoint = Checkpoint(**(older | {"format": 1}))
    anchor = evidence["anchor"] | {"checkpoint": checkpoint.plain(), "signature": sign(checkpoint, private)}
    evidence["anchor"] = anchor | {"head": None}

    done = verified(evidence, tmp_path, scene.key)
    with_head = verified(evidence | {"anchor": anchor}, tmp_path, scene.key)

    assert done.returncode == 3
    assert "whole in itself, but that anchor does not prove where the log ends" in done.stdout
    assert with_head.returncode == 2


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

    assert len(source.splitlines()) <= 460
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
    assert [document["content"]["value"] for document in rows(evidence)[4]["contents"]["documents"]] == digests
    assert all(digest not in json.dumps(rows(evidence)[4]["entry"]) for digest in (*digests, "a.txt"))
    assert verified(evidence, tmp_path, scene.key).returncode == 0
    for name, value in {"filename": "c.txt", "sizeBytes": 1, "contentType": "x/y", "id": "x", "createdAt": "x"}.items():
        changed = json.loads(json.dumps(evidence))
        changed["documents"][0][name] = value
        assert verified(changed, tmp_path, scene.key).returncode == 1
    rows(evidence)[4]["contents"]["documents"][0]["filename"]["value"] = "c.txt"
    evidence["documents"][0]["filename"] = "c.txt"
    assert verified(evidence, tmp_path, scene.key).stdout.startswith("BAD: row 5 (content)")


async def test_a_row_that_is_newer_than_the_anchor_is_whole_and_said_not_to_be_in_it(
    scene: Scene, fresh_url: str, tmp_path: Path
) -> None:
    ada, command = scene.story.world.ada, AddComment(case_id=scene.other_id, comment="four")
    later = scene.anchored_at + timedelta(seconds=1)
    await perform(scene.database, ada.actor, command, request_id="test", now=lambda: later)

    done = verified(await evidence_of(scene, fresh_url, scene.other_id), tmp_path, scene.key)

    assert done.returncode == 3
    assert done.stdout.startswith("UNPROVEN: CASE-000001, 5 rows, 4 of them in anchor 1 of ")
    assert "whole in itself, but the anchor lacks 1 row:" in done.stdout
    await scene.anchorer.anchor()
    assert verified(await evidence_of(scene, fresh_url, scene.other_id), tmp_path, scene.key).returncode == 0


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


async def test_an_export_that_fails_prints_one_line(scene: Scene, fresh_url: str) -> None:
    await tamper(scene.database, text("UPDATE case_actions SET type = 'WHAT' WHERE request_id = 'request-comment'"))
    await tamper(scene.database, *everything_of(scene.other_id))
    await scene.database.close()

    unreadable = await exported(scene, fresh_url)
    gone = await exported(scene, fresh_url, case=scene.other_id)
    unknown = await exported(scene, fresh_url, case=uuid4())

    assert [done.returncode for done in (unreadable, gone, unknown)] == [1, 2, 2]
    assert [done.stdout for done in (unreadable, gone, unknown)] == ["", "", ""]
    assert "a value that is none of its kind" in unreadable.stderr
    assert "there is no case" in gone.stderr
    assert "there is no case" in unknown.stderr


async def test_nothing_is_exported_with_anchors_that_are_bad(scene: Scene, fresh_url: str) -> None:
    scene.path.write_text(scene.path.read_text().replace('"cases":2', '"cases":1'))

    done = await exported(scene, fresh_url)

    assert (done.returncode, done.stdout) == (1, "")
    assert "anchor 1 proves nothing: its signature is not right" in done.stderr
