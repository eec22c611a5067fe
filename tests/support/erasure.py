"""Erasing content: what its tests share."""

import hashlib
from typing import Any
from uuid import UUID, uuid4

from app.actions.outcome import Outcome
from app.audit.verification import verify_log
from app.db.engines import Database
from app.domain.commands import AddComment, EraseContent, NewDocument, OpenCase, SetLegalHold, SubjectDetails
from app.domain.model import EvaluationStatus, SubjectType
from tests.support.world import Person, World

CANARY = "Zanzibarkanarie"
"""A word that occurs nowhere else."""
WHY = "The supplier's director asked for it."
BYTES = f"{CANARY} in a file".encode()


def document(name: str = f"{CANARY}.txt", content: bytes = BYTES) -> NewDocument:
    digest = hashlib.sha256(content).hexdigest()
    return NewDocument(id=uuid4(), filename=name, content_type="text/plain", size_bytes=len(content), sha256=digest)


async def opened(world: World, title: str = "A changed IBAN", description: str | None = None) -> UUID:
    """Return a new case with these words."""
    subject = SubjectDetails(
        type=SubjectType.COMPANY_ACCOUNT_CHECK,
        external_ref=f"check-{uuid4()}",
        label="Moulins Réunis",
        evaluation_status=EvaluationStatus.UNFAVORABLE,
    )
    made = await world.do(world.ada, OpenCase(subject=subject, title=title, description=description))
    return made.case.id


async def commented(world: World, case_id: UUID, words: str = f"Called {CANARY}.", **more: Any) -> Outcome:
    return await world.do(world.ada, AddComment(case_id=case_id, comment=words, **more))


async def erase(world: World, case_id: UUID, person: Person | None = None, **what: Any) -> Outcome:
    return await world.do(person or world.aldo, EraseContent(case_id=case_id, reason=WHY, **what))


async def hold(world: World, case_id: UUID, *, held: bool = True) -> Outcome:
    return await world.do(world.aldo, SetLegalHold(case_id=case_id, held=held, reason="A court asked for it."))


async def assert_whole(database: Database) -> None:
    verdicts = [verdict async for verdict in verify_log(database)]
    assert verdicts
    found = [(verdict.fault, verdict.others) for verdict in verdicts]
    assert found == [(None, ())] * len(found)
