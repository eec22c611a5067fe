"""What the writers do: they open cases, comment, request overrides, decide on them and close, all on the same cases.

They deliberately also do what will be refused, hang up before the answer, give up on an outcome, ask twice, and comment
without a key, which PostgreSQL may commit without a COMMIT.
"""

import asyncio
import random
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field, replace
from typing import Any

from tests.faults.client import Answer, Client, Operation
from tests.faults.history import History, Kind, now

CASES = 24
PATIENCE_S = 60
HANG_UP = 0.05  # the share of operations whose first answer is not waited for
GIVE_UP = 0.1  # of unknown outcomes that nobody asks about again
ASK_TWICE = 0.05  # of acknowledged operations that are asked for again
WITHOUT_KEY = 0.5  # of comments
AGAINST_THE_RULES = 0.15  # of operations that do not look at the case's status first

KEYLESS, FOUND, THOUGHT = "without a key", "found out.", "thinks."
AUTOCOMMITTED = (KEYLESS, FOUND, THOUGHT)
"""What the texts of comments, decisions and closings say: most of these commit with the statement that writes them."""

SENSIBLE = {
    "OPEN": ("COMMENT", "REQUEST_OVERRIDE", "COMMENT", "CLOSE"),
    "IN_PROGRESS": ("COMMENT", "REQUEST_OVERRIDE", "COMMENT", "REQUEST_OVERRIDE", "CLOSE"),
    "PENDING_REVIEW": ("ACCEPT", "REFUSE", "CANCEL", "COMMENT"),
    "RESOLVED": ("CLOSE", "COMMENT"),
}
ANYTHING = ("COMMENT", "REQUEST_OVERRIDE", "ACCEPT", "REFUSE", "CANCEL", "CLOSE")


@dataclass(frozen=True, slots=True)
class Person:
    """Somebody of the account, with a token."""

    id: str
    name: str
    token: str
    is_reviewer: bool


@dataclass(slots=True)
class Board:
    """The open cases, as whoever acted last was told."""

    statuses: dict[str, str] = field(default_factory=dict)

    def note(self, case: str, status: str) -> None:
        if status == "CLOSED":
            self.statuses.pop(case, None)
        else:
            self.statuses[case] = status


@dataclass(slots=True)
class Writer:
    """One of those who write at the same time; what they do follows from the seed and from what they are told."""

    client: Client
    person: Person
    reviewers: Sequence[Person]
    board: Board
    chance: random.Random
    stopped: asyncio.Event
    padding: str
    hang_up: float
    count: int = 0

    async def work(self) -> None:
        """Do one thing after the other until told to stop; what was begun by then is settled."""
        while not self.stopped.is_set():
            operation = await self._read(self.choose())
            if operation is not None:
                await self._do(operation)
            await asyncio.sleep(self.chance.uniform(0, 0.02))

    async def _read(self, operation: Operation) -> Operation | None:
        """Return a decision with what it has to name, once the case is read; None where there is nothing to name."""
        if operation.action not in ("ACCEPT", "REFUSE"):
            return operation
        read = await self.client.read(operation.input["caseId"])
        return None if read is None else replace(operation, input={**operation.input, **read})

    async def _do(self, operation: Operation) -> None:
        gives_up = self.chance.random() < GIVE_UP or not operation.has_key
        if self.chance.random() < self.hang_up:
            await self.client.ask_and_hang_up(operation, self.chance.uniform(0, 0.05))
            if gives_up:
                return
        deadline = now() + PATIENCE_S
        event = await self.client.settle(operation, lambda: not gives_up and now() < deadline)
        if event.kind is Kind.OK:
            assert event.case is not None
            self.board.note(event.case, self.client.statuses[event.case])
            if self.chance.random() < ASK_TWICE and operation.has_key:
                await self.client.ask(operation)
        elif event.kind is Kind.UNKNOWN and not gives_up:
            self.client.unsettled.append(operation.id)
        elif event.kind is Kind.FAIL and event.code == "CASE_CLOSED" and event.case is not None:
            self.board.note(event.case, "CLOSED")

    def choose(self) -> Operation:
        """Return the next operation."""
        self.count += 1
        id = f"{self.client.name}-{self.count:05}"
        known = sorted(self.board.statuses)
        if len(known) < CASES:
            return self._open(id)
        case = self.chance.choice(known)
        is_wild = self.chance.random() < AGAINST_THE_RULES
        action = self.chance.choice(ANYTHING if is_wild else SENSIBLE[self.board.statuses[case]])
        if action == "COMMENT" and self.chance.random() < WITHOUT_KEY:
            return Operation(
                id, action, {"caseId": case, "body": f"{id}, {KEYLESS}{self.padding}"}, case, has_key=False
            )
        return Operation(id, action, {"caseId": case, **self._words(action, id)}, case)

    def _open(self, id: str) -> Operation:
        subject = {
            "type": "COMPANY_ACCOUNT_CHECK",
            "externalRef": f"check-{id}",
            "label": "Moulins Réunis",
            "evaluationStatus": "ANOMALY",
        }
        return Operation(id, "OPEN", {"subject": subject, "title": f"A changed IBAN, {id}"})

    def _words(self, action: str, id: str) -> dict[str, Any]:
        if action == "COMMENT":
            return {"body": f"What {id} {FOUND}{self.padding}"}
        if action == "REQUEST_OVERRIDE":
            others = [reviewer.id for reviewer in self.reviewers if reviewer.id != self.person.id]
            reviewers = self.chance.sample(others, self.chance.randint(1, 3))
            status = self.chance.choice(["FAVORABLE", "UNFAVORABLE"])
            return {"requestedStatus": status, "reviewerIds": reviewers, "reason": f"Why {id} asks."}
        return {"comment": f"What {id} {THOUGHT}"}


@dataclass(slots=True)
class Load:
    """All writers, at one gateway."""

    clients: Sequence[Client]
    people: Sequence[Person]
    history: History
    seed: int
    padding: str = ""  # what each comment ends with, so that it takes room
    hang_up: float = HANG_UP
    board: Board = field(default_factory=Board)
    names: set[str] = field(default_factory=set)

    @classmethod
    def of(cls, people: Sequence[Person], address: str, history: History, seed: int) -> "Load":
        clients = [Client(person.name, person.token, address, history) for person in people]
        return cls(clients, people, history, seed)

    @property
    def has_faults(self) -> bool:
        """Whether there were faults since the last look."""
        return any(client.faults for client in self.clients)

    def take_faults(self) -> list[Answer]:
        """Return the answers since the last look that were neither a success nor a refusal."""
        found = [fault for client in self.clients for fault in client.faults]
        for client in self.clients:
            client.faults.clear()
        return found

    @asynccontextmanager
    async def running(self, name: str) -> AsyncIterator[None]:
        """Let everybody write meanwhile, and settle what they began; *name* is part of their operations' ids."""
        assert name not in self.names, f"operations of {name} have been sent before, and their keys are taken"
        self.names.add(name)
        stopped = asyncio.Event()
        reviewers = [person for person in self.people if person.is_reviewer]
        async with AsyncExitStack() as connected, asyncio.TaskGroup() as tasks:
            for client, person in zip(self.clients, self.people, strict=True):
                client.name = f"{name}-{person.name}"
                await connected.enter_async_context(client)
                chance = random.Random(f"{self.seed} {client.name}")
                writer = Writer(client, person, reviewers, self.board, chance, stopped, self.padding, self.hang_up)
                tasks.create_task(writer.work())
            try:
                yield
            finally:
                stopped.set()
