"""Evidence: one case's log, comments and document digests, with its chain and the anchors' proof, as one document.

An account's own log is exported in the same way.

It is told as it is found, good or bad: whoever has it verifies it by `scripts/verify_evidence.py`, without us. Texts
that a row commits to come beside the row, each with its salt, if they are not erased. What no hash and no signature
covers stands under `notCovered`.
"""

import asyncio
import json
from collections.abc import Iterator
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncConnection

from app.audit.account_logs import PIECE
from app.audit.anchors.proving import Proof
from app.audit.unreadable import UNREADABLE
from app.audit.verification import entries_of
from app.db.engines import Database
from app.db.repository import administration, cases, documents
from app.db.repository.window import Window
from app.db.rows import DocumentRow
from app.domain import account_log
from app.domain.action_log import canonical
from app.domain.commitments import CONTENT, FILENAME, ErasableContent, nested
from app.domain.log_chain import ChainedEntry, as_hashed

FORMAT = 3
ACCOUNT_LOG_FORMAT = 1
_WHOLE = Window(limit=2**31 - 1)


class EvidenceError(Exception):
    """There is nothing to be exported; the message says why."""


async def evidence_of(
    database: Database, account_id: UUID, case_id: UUID, proof: Proof | None, now: datetime
) -> dict[str, Any]:
    """Return the evidence of a case, read from one snapshot, which is later than *proof*. Raises: EvidenceError."""
    async with database.snapshot() as connection:
        (case,) = await cases.cases_by_id(connection, account_id, [case_id])
        if case is None:
            raise EvidenceError(f"the own row of case {case_id} is missing: `casegate log verify --case` tells more")
        rows = await _rows(connection, account_id, case_id)
        (attached,) = await documents.documents_by_case(connection, account_id, [case_id], _WHOLE)
    covered = [document for row in rows for document in _documents(row["entry"]["comment"], row["contents"])]
    known = {document.get("id") for document in covered}
    return {
        "format": FORMAT,
        "accountId": str(account_id),
        "caseId": str(case_id),
        "reference": case.reference,
        "head": {"seq": case.action_count, "hash": case.head_hash},
        "rows": rows,
        "documents": covered,
        "anchor": None if proof is None else _plain(proof),
        "notCovered": {
            "exportedAt": now.isoformat(),
            "documents": [_uncovered(document) for document in reversed(attached) if str(document.id) not in known],
        },
    }


async def account_evidence_of(
    database: Database, account_id: UUID, proof: Proof | None, now: datetime
) -> dict[str, object]:
    """Return the evidence of an account's own log, read from one snapshot, which is later than *proof*.

    Raises: EvidenceError.
    """
    async with database.snapshot() as connection:
        heads = await administration.account_heads(connection, account_id)
        if not heads:
            raise EvidenceError(f"the own row of account {account_id} is missing")
        rows = await _account_rows(connection, account_id)
    return {
        "format": ACCOUNT_LOG_FORMAT,
        "log": "account",
        "accountId": str(account_id),
        "head": {"seq": heads[0].count, "hash": heads[0].hash},
        "rows": rows,
        "anchor": None if proof is None else _plain(proof),
        "notCovered": {"exportedAt": now.isoformat()},
    }


async def _account_rows(connection: AsyncConnection, account_id: UUID) -> list[dict[str, object]]:
    rows: list[dict[str, Any]] = []
    after, is_last = 0, False
    while not is_last:
        try:
            links = await administration.account_log_piece(connection, account_id, after, PIECE)
        except UNREADABLE:
            said = "a row of the account's own log holds a value that is none of its kind"
            raise EvidenceError(f"{said}: `casegate log verify` names it") from None
        rows += [{"entry": json.loads(account_log.canonical(link.entry)), "hash": link.hash} for link in links]
        after, is_last = (links[-1].entry.seq if links else 0), len(links) < PIECE
    return rows


async def _rows(connection: AsyncConnection, account_id: UUID, case_id: UUID) -> list[dict[str, Any]]:
    rows: list[ChainedEntry] = []
    try:
        rows.extend([link async for link in entries_of(connection, account_id, case_id)])
    except UNREADABLE:
        said = f"a row of case {case_id} holds a value that is none of its kind: `casegate log verify --case` names it"
        raise EvidenceError(said) from None
    return await asyncio.to_thread(lambda: [exported_row(link) for link in rows])


def exported_row(link: ChainedEntry) -> dict[str, object]:
    """Return a row as exports have it: what its hash covers, the hash, and the texts that it commits to."""
    return {
        "entry": json.loads(canonical(as_hashed(link) or link.entry)),
        "hash": link.hash,
        "contents": nested((content.place, _opened(content)) for content in link.contents),
    }


def _opened(content: ErasableContent) -> dict[str, object] | None:
    return None if content.is_missing else {"salt": content.salt, "value": content.value}


def _documents(comment: dict[str, Any] | None, contents: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """Yield the documents of a row's comment, with all that the row's hash covers of them, or commits to."""
    for place, digest in enumerate(comment["documents"] if comment else ()):
        if isinstance(digest, dict):
            opened = {name: (contents["documents"][place][name] or {}).get("value") for name in (FILENAME, CONTENT)}
            yield {"commentId": comment and comment["id"], "sha256": opened[CONTENT], "filename": opened[FILENAME]} | {
                _NAMES[name]: value for name, value in digest.items()
            }
            continue
        file = comment["files"][place] if comment and "files" in comment else {}
        yield {"commentId": comment and comment["id"], "sha256": digest} | {
            _NAMES[name]: value for name, value in file.items()
        }


_NAMES = {
    "id": "id",
    "uploader_id": "uploaderId",
    "filename": "filename",
    "content_type": "contentType",
    "size_bytes": "sizeBytes",
    "created_at": "createdAt",
}


def _uncovered(document: DocumentRow) -> dict[str, object]:
    return {
        "id": str(document.id),
        "commentId": str(document.comment_id),
        "filename": document.filename,
        "contentType": document.content_type,
        "sizeBytes": document.size_bytes,
        "sha256": document.sha256,
    }


def _plain(proof: Proof) -> dict[str, object]:
    return {
        "checkpoint": proof.checkpoint.plain(),
        "signature": proof.signature,
        "leaves": [
            {
                "seq": proven.leaf.seq,
                "hash": proven.leaf.hash,
                "index": proven.index,
                "path": [hashed.hex() for hashed in proven.path],
            }
            for proven in proof.leaves
        ],
        "head": proof.head
        and {
            "seq": proof.head.seq,
            "hash": proof.head.hash,
            "index": proof.head.place,
            "path": [hashed.hex() for hashed in proof.head.path],
        },
    }
