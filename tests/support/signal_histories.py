"""Random histories of an account's cases, and by brute force what signals they give: the oracle of signals."""

import hashlib
import random
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from itertools import islice
from typing import Any
from uuid import UUID

from app import clock
from app.actions.bank_accounts import BankAccountKeys
from app.actions.perform import perform
from app.domain.bank_accounts import Iban
from app.domain.commands import (
    AcceptOverride,
    AddComment,
    CancelOverride,
    CloseCase,
    EraseContent,
    NewDocument,
    OpenCase,
    RefuseOverride,
    RequestOverride,
    SubjectDetails,
)
from app.domain.model import EvaluationStatus, RequestedStatus, SubjectType
from tests.support.world import FOUNDED, Person, World

IBANS = ("FR7630006000011234567890189", "DE89370400440532013000", "NO9386011117947", "GB82WEST12345698765432")
FILES = [hashlib.sha256(bytes([number])).hexdigest() for number in range(6)]
WAITS = (1, 29, 30, 31, 600, 86_400)
LONG_WAIT = 80 * 86_400


@dataclass(slots=True)
class MadeOverride:
    id: UUID
    creator: UUID
    created_at: datetime
    status: str = "PENDING"
    decider: UUID | None = None
    decided_at: datetime | None = None


@dataclass(slots=True)
class MadeCase:
    id: UUID
    number: int
    subject: int
    iban: str | None
    files: dict[UUID, str] = field(default_factory=dict)
    overrides: list[MadeOverride] = field(default_factory=list)
    is_closed: bool = False
    is_erased: bool = False

    @property
    def pending(self) -> MadeOverride | None:
        return next((made for made in self.overrides if made.status == "PENDING"), None)


class SignalHistory:
    """One account's history, made up step by step at times of its own."""

    def __init__(self, world: World, seed: int) -> None:
        self.world = world
        self.cases: list[MadeCase] = []
        self._dice = random.Random(seed)  # a made-up history
        self._now = FOUNDED + timedelta(days=100)
        self._keys = BankAccountKeys(world.database)
        self._results: dict[int, str] = {}

    async def play(self, steps: int) -> None:
        for _ in range(steps):
            wait = LONG_WAIT if self._dice.random() < 0.02 else self._dice.choice(WAITS)
            self._now += timedelta(seconds=wait, microseconds=self._dice.choice((-1, 0, 0, 1)))
            await self._step()

    async def _step(self) -> None:
        open_cases = [case for case in self.cases if not case.is_closed]
        free = [subject for subject in range(6) if subject not in {case.subject for case in open_cases}]
        if free and (len(open_cases) < 3 or self._dice.random() < 0.15):
            await self._open(self._dice.choice(free))
            return
        case = self._dice.choice(open_cases)
        if case.pending is not None:
            await self._finish(case, case.pending)
        elif self._dice.random() < 0.55:
            await self._request(case)
        elif self._dice.random() < 0.6:
            await self._attach(case)
        else:
            await self._close(case)

    async def _do(self, person: Person, command: Any) -> Any:
        return await perform(self.world.database, person.actor, command, request_id="test", now=lambda: self._now)

    async def _open(self, subject: int) -> None:
        is_new = subject not in self._results
        self._results.setdefault(subject, "UNFAVORABLE")
        details = SubjectDetails(
            type=SubjectType.COMPANY_ACCOUNT_CHECK,
            external_ref=f"check-{subject}",
            label=f"Supplier {subject}",
            evaluation_status=EvaluationStatus.UNFAVORABLE if is_new else None,
        )
        iban = self._dice.choice((None, *IBANS))
        command = OpenCase(subject=details, title="A case", iban=None if iban is None else Iban(iban))
        command = await self._keys.without_iban(self.world.account_id, command)
        made = (await self._do(self.world.ada, command)).case
        self.cases.append(MadeCase(made.id, made.number, subject, iban))

    async def _request(self, case: MadeCase) -> None:
        creator = self._dice.choice((self.world.ada, self.world.ada, self.world.carl, self.world.bea))
        status = "UNFAVORABLE" if self._results[case.subject] == "FAVORABLE" else "FAVORABLE"
        reviewers = tuple(person.id for person in (self.world.rosa, self.world.rolf))
        command = RequestOverride(
            case_id=case.id, requested_status=RequestedStatus(status), reviewer_ids=reviewers, comment="Why."
        )
        made = (await self._do(creator, command)).override
        case.overrides.append(MadeOverride(made.id, creator.id, made.created_at))

    async def _finish(self, case: MadeCase, override: MadeOverride) -> None:
        way = self._dice.choice((AcceptOverride, AcceptOverride, RefuseOverride, CancelOverride))
        people = {person.id: person for person in (self.world.ada, self.world.carl, self.world.bea)}
        able = [self.world.rosa, self.world.rosa, self.world.rolf, self.world.bea]
        deciders = [person for person in able if person.id != override.creator]
        by = people[override.creator] if way is CancelOverride else self._dice.choice(deciders)
        made = (await self._do(by, way(**await self.world.read(case.id)))).override
        override.status, override.decider, override.decided_at = made.status.value, made.decided_by_id, made.decided_at
        if made.status == "ACCEPTED":
            self._results[case.subject] = made.requested_status.value

    async def _attach(self, case: MadeCase) -> None:
        digests = self._dice.sample(FILES, self._dice.randint(1, 2))
        new = tuple(
            NewDocument(id=clock.new_id(), filename="a.txt", content_type="text/plain", size_bytes=1, sha256=digest)
            for digest in digests
        )
        await self._do(self.world.ada, AddComment(case_id=case.id, comment="See.", new_documents=new))
        case.files |= {document.id: document.sha256 for document in new}
        if self._dice.random() < 0.2:
            erased = new[0].id
            await self._do(self.world.aldo, EraseContent(case_id=case.id, reason="Why.", document_ids=(erased,)))
            del case.files[erased]

    async def _close(self, case: MadeCase) -> None:
        await self._do(self.world.ada, CloseCase(case_id=case.id))
        case.is_closed = True
        if self._dice.random() < 0.2:
            await self._do(self.world.aldo, EraseContent(case_id=case.id, reason="Why.", everything=True))
            case.files.clear()
            case.iban = None

    def expected(self, case: MadeCase) -> dict[str, Any]:
        """Return the case's signals by kind: what each must show, found by looking at everything."""
        finders = {
            "SAME_DOCUMENT": self._same_document,
            "EARLIER_OVERRIDES": self._earlier,
            "SAME_BANK_ACCOUNT": self._same_bank_account,
            "QUICK_DECISION": self._quick,
            "REPEATED_PAIR": self._pairs,
        }
        found = {kind: find(case) for kind, find in finders.items()}
        return {kind: shown for kind, shown in found.items() if shown is not None}

    def _others(self, case: MadeCase) -> Iterator[MadeCase]:
        return (other for other in reversed(self.cases) if other.subject != case.subject)

    def _same_document(self, case: MadeCase) -> Any:
        others = [other for other in self._others(case) if set(other.files.values()) & set(case.files.values())]
        known = {digest for other in others for digest in other.files.values()}
        documents = sorted((id for id, digest in case.files.items() if digest in known), reverse=True)
        if not others:
            return None
        return {
            "cases": listed(other.id for other in others),
            "caseCount": len(others),
            "hasMoreCases": False,
            "documents": listed(documents),
            "documentCount": len(documents),
        }

    def _same_bank_account(self, case: MadeCase) -> Any:
        others = [other for other in self._others(case) if case.iban is not None and other.iban == case.iban]
        found = {"cases": listed(other.id for other in others), "caseCount": len(others), "hasMoreCases": False}
        return found if others else None

    def _earlier(self, case: MadeCase) -> Any:
        before = [other for other in self.cases if other.subject == case.subject and other.number < case.number]
        found = [*(made for other in before for made in other.overrides), *case.overrides[:-1]]
        if not found:
            return None
        counts = {
            f"{status.lower()}Count": sum(made.status == status for made in found)
            for status in ("ACCEPTED", "REFUSED", "CANCELLED", "EXPIRED")
        }
        return {"overrides": listed(made.id for made in reversed(found)), **counts}

    def _quick(self, case: MadeCase) -> Any:
        quick = [
            {"override": {"id": str(made.id)}, "seconds": int((made.decided_at - made.created_at).total_seconds())}
            for made in reversed(case.overrides)
            if made.decided_at is not None and made.decided_at - made.created_at <= timedelta(seconds=30)
        ]
        return {"decisions": quick[:10], "decisionCount": len(quick)} if quick else None

    def _pairs(self, case: MadeCase) -> Any:
        shown = [self._pair(made) for made in reversed(case.overrides) if made.decider is not None]
        repeated = [pair for pair in shown if pair["decisionCount"] >= 5]
        return {"pairs": repeated[:10], "pairCount": len(repeated)} if repeated else None

    def _pair(self, override: MadeOverride) -> dict[str, Any]:
        assert override.decided_at is not None
        since = override.decided_at - timedelta(days=90)
        creators = [
            made
            for case in self.cases
            for made in case.overrides
            if made.creator == override.creator
            and made.decided_at is not None
            and since <= made.decided_at <= override.decided_at
        ]
        met = [made for made in creators if made.decider == override.decider]
        return {
            "override": {"id": str(override.id)},
            "creator": {"id": str(override.creator)},
            "reviewer": {"id": str(override.decider)},
            "decisionCount": len(met),
            "acceptedCount": sum(made.status == "ACCEPTED" for made in met),
            "creatorDecisionCount": len(creators),
        }


def listed(ids: Any) -> list[dict[str, str]]:
    """Return the first ten as the API lists them."""
    return [{"id": str(id)} for id in islice(ids, 10)]
