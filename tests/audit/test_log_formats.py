"""Rows of format 1, as versions before format 2 wrote them, and rows of format 2 after them in the same logs.

The data are frozen: tables, anchors and evidence of a database that the last such version wrote. It holds a story of
ten rows, and a case with documents: of the first one its row knows the digest alone, as yet older versions had it.
"""

import json
import subprocess
import sys
from datetime import datetime
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
from sqlalchemy import DateTime, Update, Uuid, bindparam, insert, select, text, update
from sqlalchemy.exc import DBAPIError

from app.actions.perform import perform
from app.audit.anchors.checking import check_anchors
from app.audit.anchors.places import AnchorFile
from app.audit.evidence import evidence_of
from app.audit.verification import entries_of, verify_log
from app.db import tables
from app.db.engines import Database
from app.domain.action_log import canonical
from app.domain.commands import AddComment, NewDocument
from app.domain.commitments import commitment
from app.domain.facts import Actor
from app.domain.model import EvaluationStatus, Feature, OverrideStatus, Role, Scope, TokenSource
from tests.support.paths import ROOT
from tests.support.tampering import tamper, undone
from tests.support.world import World

DATA = Path(__file__).parent / "data"
OLD = json.loads((DATA / "format1_rows.json").read_text(encoding="utf-8"))
NOON = datetime.fromisoformat("2026-11-30T12:00:00+00:00")
STORY, OTHER = UUID(OLD["story"]), UUID(OLD["other"])


@pytest.fixture
async def old(database: Database) -> Database:
    """A database with the rows of the older version, migrated."""
    for name, rows in OLD["tables"].items():
        table = tables.metadata.tables[name]
        await tamper(database, *(insert(table).values(_read(table, row)) for row in rows))
    for override in OLD["tables"]["overrides"]:  # as the migration does that added the column
        if override["status"] == OverrideStatus.ACCEPTED:
            subject = tables.subjects.c.id == UUID(override["subject_id"])
            await tamper(database, update(tables.subjects).where(subject).values(override_id=UUID(override["id"])))
    return database


def _read(table: Any, row: dict[str, Any]) -> dict[str, Any]:
    def value(name: str, found: Any) -> Any:
        kind = table.c[name].type
        if found is None:
            return None
        if isinstance(kind, Uuid):
            return UUID(found)
        is_time = isinstance(getattr(kind, "impl", kind), DateTime)
        return datetime.fromisoformat(found) if is_time else found

    return {
        name: value(name, found) for name, found in row.items() if (table.name, name) != ("case_actions", "position")
    }


async def found(database: Database) -> dict[UUID, tuple[int, str, tuple[int, str] | None, int]]:
    """Return of each case its rows, reference, first fault and nameless documents."""
    return {
        verdict.case_id: (
            verdict.rows,
            verdict.reference,
            None if verdict.fault is None else (verdict.fault.seq, verdict.fault.kind.value),
            verdict.nameless,
        )
        async for verdict in verify_log(database)
    }


def verified(evidence: dict[str, Any], key: str, folder: Path) -> subprocess.CompletedProcess[str]:
    (folder / "evidence.json").write_text(json.dumps(evidence), encoding="utf-8")
    script, file = str(ROOT / "scripts" / "verify_evidence.py"), str(folder / "evidence.json")
    command = [sys.executable, "-I", script, file, "--key", key]
    return subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)


async def test_rows_of_format_1_go_on_verifying_byte_for_byte(old: Database) -> None:
    assert await found(old) == {
        STORY: (10, "CASE-000001", None, 0),
        OTHER: (3, "CASE-000002", None, 1),
    }
    async with old.read() as connection:
        links = [link async for link in entries_of(connection, UUID(OLD["tables"]["accounts"][0]["id"]), STORY)]
    assert {json.loads(canonical(link.entry))["format"] for link in links} == {1}
    assert links[1].entry.comment is not None and b'"body":"called"' in canonical(links[1].entry)


async def test_evidence_of_format_2_goes_on_verifying_and_is_exported_anew_with_the_same_rows(
    old: Database, tmp_path: Path
) -> None:
    files = json.loads((DATA / "format1_evidence.json").read_text(encoding="utf-8"))
    account_id = UUID(OLD["tables"]["accounts"][0]["id"])

    assert {name: verified(file, OLD["key"], tmp_path).returncode for name, file in files.items()} == {
        "story": 0,
        "other": 0,
    }
    for name, case_id in (("story", STORY), ("other", OTHER)):
        exported = await evidence_of(old, account_id, case_id, None, NOON)
        assert [(row["entry"], row["hash"]) for row in exported["rows"]] == [
            (row["entry"], row["hash"]) for row in files[name]["rows"]
        ]
        assert [row["contents"] for row in exported["rows"]] == [{}] * len(exported["rows"])
        assert verified(exported | {"anchor": files[name]["anchor"]}, OLD["key"], tmp_path).returncode == 0


async def test_anchors_of_format_1_rows_stand(old: Database, tmp_path: Path) -> None:
    findings = await check_anchors(old, AnchorFile(DATA / "format1_anchors.jsonl"), OLD["key"])

    assert findings.cases == {}


CHANGED = (tables.cases, tables.comments, tables.documents, tables.case_actions)
CHANGES_OF_FORMAT_1 = [
    ("UPDATE comments SET body = 'calleD' WHERE body = 'called'", STORY, (2, "content")),
    ("UPDATE cases SET title = 'Another' WHERE number = 1", STORY, (1, "content")),
    ("UPDATE documents SET filename = 'other.txt' WHERE filename = 'second.txt'", OTHER, (3, "content")),
    ("UPDATE documents SET sha256 = 'ab' WHERE filename = 'older.txt'", OTHER, (2, "content")),
    ("UPDATE case_actions SET format = 2 WHERE seq = 3", OTHER, (3, "content")),
    ("UPDATE case_actions SET authority = '{}' WHERE seq = 3", OTHER, (3, "content")),
    (
        "UPDATE case_actions SET format = 2, authority = '{}', commitments = '{}' WHERE seq = 3",
        OTHER,
        (3, "content"),
    ),
]


async def test_a_row_of_format_1_that_was_changed_is_named(old: Database) -> None:
    for statement, case_id, fault in CHANGES_OF_FORMAT_1:
        assert [verdict[2] for verdict in (await found(old)).values()] == [None, None]
        async with undone(old, *CHANGED):
            await tamper(old, text(statement))

            assert (await found(old))[case_id][2] == fault, statement


async def test_rows_of_both_formats_stand_in_one_log(old: Database, tmp_path: Path) -> None:
    account_id, user = UUID(OLD["tables"]["accounts"][0]["id"]), OLD["tables"]["users"][0]
    async with old.read() as connection:
        authority = await connection.scalar(
            select(tables.users.c.authority_version).where(tables.users.c.id == UUID(user["id"]))
        )
    actor = Actor(
        account_id=account_id,
        user_id=UUID(user["id"]),
        token_id=UUID(int=7),
        active=True,
        roles=frozenset({Role.CONTRIBUTOR}),
        scopes=frozenset(Scope),
        features=frozenset(Feature),
        authority=authority or 0,
    )

    await perform(old, actor, AddComment(case_id=OTHER, comment="A word in format 2"), request_id="new")

    assert (await found(old))[OTHER] == (4, "CASE-000002", None, 1)
    async with old.read() as connection:
        rows = await connection.execute(
            select(tables.case_actions.c.format).where(tables.case_actions.c.case_id == OTHER).order_by("seq")
        )
        assert [row.format for row in rows] == [1, 1, 1, 2]
    evidence = await evidence_of(old, account_id, OTHER, None, NOON)
    assert verified(evidence, OLD["key"], tmp_path).returncode == 3
    assert [sorted(row["contents"]) for row in evidence["rows"]] == [[], [], [], ["comment"]]


# --- Format 2 ---------------------------------------------------------------------------------------------------------


async def sealed_case(world: World) -> UUID:
    """Return a case with a comment, two documents, a request and its acceptance."""
    case_id = (await world.open_case()).case.id
    files = tuple(
        NewDocument(
            id=UUID(int=number), filename=name, content_type="text/plain", size_bytes=3, sha256=f"{number:064x}"
        )
        for number, name in ((0xD1, "first.txt"), (0xD2, "second.txt"))
    )
    await world.do(world.ada, AddComment(case_id=case_id, comment="See both.", new_documents=files))
    await world.do(world.ada, AddComment(case_id=case_id, comment="And this."))
    await world.request_override(case_id)
    await world.accept(case_id)
    return case_id


async def test_a_row_freezes_the_token_its_source_the_roles_and_the_version_that_was_seen(world: World) -> None:
    case_id = await sealed_case(world)
    person = world.bea.actor
    by_provider = Actor(
        **{name: getattr(person, name) for name in person.__slots__} | {"token_source": TokenSource.IDENTITY_PROVIDER}
    )
    await perform(world.database, by_provider, AddComment(case_id=case_id, comment="By a JWT."), request_id="jwt")

    async with world.database.read() as connection:
        links = [link async for link in entries_of(connection, world.account_id, case_id)]
    authorities = [link.entry.seal.authority for link in links if link.entry.seal is not None]
    assert [authority["reviewed_version"] for authority in authorities] == [None, None, None, None, 4, None]
    assert [authority["roles"] for authority in authorities] == [
        *([["CONTRIBUTOR"]] * 4),
        ["REVIEWER"],
        ["CONTRIBUTOR", "REVIEWER"],
    ]
    assert [authority["token_source"] for authority in authorities] == ["API_TOKEN"] * 5 + ["IDENTITY_PROVIDER"]
    assert authorities[4]["token_id"] == str(world.rosa.actor.token_id)


async def test_a_row_holds_commitments_and_no_text_nor_digest_that_may_be_erased(world: World) -> None:
    case_id = await sealed_case(world)

    async with world.database.read() as connection:
        links = [link async for link in entries_of(connection, world.account_id, case_id)]
        comments = (await connection.execute(select(tables.comments))).mappings().all()
        documents = (await connection.execute(select(tables.documents).order_by("position"))).mappings().all()
    encoded = b"\n".join(canonical(link.entry) for link in links)
    for words in ("A changed IBAN", "See both.", "And this.", "first.txt", "second.txt", f"{0xD1:064x}"):
        assert words.encode() not in encoded
    seal = links[1].entry.seal
    assert seal is not None
    (comment,) = [row for row in comments if row["body"] == "See both."]
    assert seal.commitments == {
        "comment": commitment(comment["salt"], b"See both."),
        "documents": [
            {
                "filename": commitment(row["filename_salt"], row["filename"].encode()),
                "content": commitment(row["content_salt"], bytes.fromhex(row["sha256"])),
            }
            for row in documents
        ],
    }
    salts = [row["salt"] for row in comments] + [
        row[name] for row in documents for name in ("filename_salt", "content_salt")
    ]
    assert len(set(salts)) == len(salts) and {len(salt) for salt in salts} == {64}


ROW = "WHERE case_id = :id AND seq = {}"
TAMPERINGS: dict[str, tuple[str, tuple[int, str]]] = {
    "roles": (
        "UPDATE case_actions SET authority = replace(authority, 'REVIEWER', 'ADMIN') " + ROW.format(5),
        (5, "content"),
    ),
    "a token": (
        "UPDATE case_actions SET authority = replace(authority, 'API_TOKEN', 'SYSTEM') " + ROW.format(2),
        (2, "content"),
    ),
    "the version seen": (
        """UPDATE case_actions SET authority = replace(authority, '4,"roles', '3,"roles') """ + ROW.format(5),
        (5, "content"),
    ),
    "no authority": ("UPDATE case_actions SET authority = NULL " + ROW.format(2), (2, "content")),
    "JSON with blanks": ("UPDATE case_actions SET authority = ' ' || authority " + ROW.format(2), (2, "content")),
    "no JSON": ("UPDATE case_actions SET commitments = 'x' " + ROW.format(2), (2, "content")),
    "no commitments": ("UPDATE case_actions SET commitments = '{}' " + ROW.format(2), (2, "content")),
    "details": ("UPDATE case_actions SET details = '{}' " + ROW.format(2), (2, "content")),
    "the older format": ("UPDATE case_actions SET format = 1 " + ROW.format(2), (2, "content")),
    "a format that is none": ("UPDATE case_actions SET format = 3 " + ROW.format(2), (2, "content")),
    "a format of 1 without a seal": (
        "UPDATE case_actions SET format = 1, authority = NULL, commitments = NULL " + ROW.format(2),
        (2, "content"),
    ),
    "a comment": ("UPDATE comments SET body = 'See none.' WHERE case_id = :id AND body = 'See both.'", (2, "content")),
    "a comment's salt": (
        "UPDATE comments SET salt = substr(salt, 2) || substr(salt, 1, 1) WHERE case_id = :id",
        (2, "content"),
    ),
    "a salt that is none": ("UPDATE comments SET salt = 'x' WHERE case_id = :id", (2, "content")),
    "a salt that is gone": ("UPDATE comments SET salt = NULL WHERE case_id = :id", (2, "content")),
    "another comment's salt": (
        """UPDATE comments SET salt = (SELECT o.salt FROM comments AS o WHERE o.case_id = :id AND o.body = 'And this.')
        WHERE case_id = :id AND body = 'See both.'""",
        (2, "content"),
    ),
    "a title": ("UPDATE cases SET title = 'Another' WHERE id = :id", (1, "content")),
    "a title's salt": (f"UPDATE cases SET title_salt = '{'0' * 64}' WHERE id = :id", (1, "content")),
    "a description that was none": (
        f"UPDATE cases SET description = 'x', description_salt = '{'0' * 64}' WHERE id = :id",
        (1, "content"),
    ),
    "a description without a salt": ("UPDATE cases SET description = 'x' WHERE id = :id", (1, "content")),
    "a file's name": ("UPDATE documents SET filename = 'x' WHERE case_id = :id AND position = 1", (2, "content")),
    "a file's digest": ("UPDATE documents SET sha256 = 'ab' WHERE case_id = :id AND position = 1", (2, "content")),
    "a file's salt": (
        f"UPDATE documents SET content_salt = '{'0' * 64}' WHERE case_id = :id AND position = 0",
        (2, "content"),
    ),
    "a file's size": ("UPDATE documents SET size_bytes = 9 WHERE case_id = :id AND position = 0", (2, "content")),
    "two files that change places": (
        """UPDATE documents SET filename = CASE position WHEN 0 THEN 'second.txt' ELSE 'first.txt' END
        WHERE case_id = :id""",
        (2, "content"),
    ),
    "a file that is gone": ("DELETE FROM documents WHERE case_id = :id AND position = 1", (2, "content")),
}


async def test_each_change_of_what_a_row_of_format_2_stands_on_is_named(world: World) -> None:
    case_id = await sealed_case(world)
    for what, (statement, fault) in TAMPERINGS.items():
        assert (await found(world.database))[case_id][2] is None
        async with undone(world.database, *CHANGED):
            await tamper(world.database, _by_id(statement, case_id))

            assert (await found(world.database))[case_id][2] == fault, what


def _by_id(statement: str, case_id: UUID) -> Any:
    return text(statement).bindparams(bindparam("id", case_id, type_=Uuid()))


REFUSED: dict[str, Update] = {
    "authority": update(tables.case_actions).values(authority="{}"),
    "commitments": update(tables.case_actions).values(commitments="{}"),
    "details": update(tables.case_actions).values(details="{}"),
    "format": update(tables.case_actions).values(format=1),
    "a comment's salt": update(tables.comments).values(salt="0" * 64),
    "a title's salt": update(tables.cases).values(title_salt=None),
    "a description's salt": update(tables.cases).values(description_salt="0" * 64),
    "a file's salts": update(tables.documents).values(filename_salt=None, content_salt=None),
}


async def test_the_database_itself_keeps_seals_and_salts(world: World) -> None:
    await sealed_case(world)

    for change in REFUSED.values():
        with pytest.raises(DBAPIError, match=r"casegate: rows of \w+ are permanent"):
            async with world.database.write() as connection:
                await connection.execute(change)


async def test_texts_of_two_cases_with_the_same_words_have_nothing_in_common(world: World) -> None:
    first = (await world.open_case(status=EvaluationStatus.ANOMALY)).action
    second = (await world.open_case(status=EvaluationStatus.ANOMALY)).action

    assert first.commitments != second.commitments
