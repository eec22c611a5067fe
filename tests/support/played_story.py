"""One case from opening to closing in ten steps, played by `perform` to the minute."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from uuid import UUID

from app.actions.outcome import Outcome
from app.actions.perform import perform
from app.domain.commands import (
    AcceptOverride,
    AddComment,
    CancelOverride,
    CloseCase,
    Command,
    OpenCase,
    RefuseOverride,
    RequestOverride,
    SubjectDetails,
)
from app.domain.model import EvaluationStatus, RequestedStatus, SubjectType
from tests.support.world import Person, World

START = datetime(2026, 11, 24, 8, tzinfo=UTC)
NO_PERSON = UUID(int=0)
STEPS = [
    "open",
    "comment",
    "comment again",
    "request",
    "refuse",
    "request again",
    "cancel",
    "request at last",
    "accept",
    "close",
]


async def step(name: str, world: World, case_id: UUID) -> tuple[Person, Command]:
    """Return who does what in a step of the story."""
    read = await world.read(case_id)
    subject = SubjectDetails(
        type=SubjectType.COMPANY_ACCOUNT_CHECK,
        external_ref="check-1",
        label="Moulins Réunis",
        country_code="FR",
        evaluation_status=EvaluationStatus.UNFAVORABLE,
    )
    request = RequestOverride(
        case_id=case_id,
        requested_status=RequestedStatus.FAVORABLE,
        reviewer_ids=(world.rolf.id, world.rosa.id),
        comment="sure",
    )
    steps: Mapping[str, tuple[Person, Command]] = {
        "open": (world.ada, OpenCase(subject=subject, title="A changed IBAN", description="They wrote.")),
        "comment": (world.carl, AddComment(case_id=case_id, comment="called")),
        "request": (world.ada, request),
        "refuse": (world.rosa, RefuseOverride(**read, comment="unsure")),
        "cancel": (world.ada, CancelOverride(case_id=case_id)),
        "accept": (world.rolf, AcceptOverride(**read)),
        "close": (world.carl, CloseCase(case_id=case_id)),
    }
    return steps[name.split()[0]]


@dataclass(slots=True)
class Story:
    """The story as it is played, a minute for each step."""

    world: World
    outcomes: dict[str, Outcome] = field(default_factory=dict)
    requested: dict[str, tuple[Person, Command]] = field(default_factory=dict)

    @property
    def case_id(self) -> UUID:
        return self.outcomes["open"].case.id if self.outcomes else NO_PERSON

    @property
    def now(self) -> datetime:
        return START + timedelta(minutes=len(self.outcomes))

    async def perform(self, name: str, **changes: object) -> Outcome:
        """Do a step with *changes* to its command."""
        # Who asks again asks for the same, whatever has become of the case since.
        person, command = self.requested.get(name) or await step(name, self.world, self.case_id)
        command = replace(command, **changes)  # type: ignore[arg-type]  # tests of them change fields by name
        return await perform(
            self.world.database, person.actor, command, request_id=f"request-{name}", now=lambda: self.now
        )

    async def play(self, name: str, **changes: object) -> Outcome:
        """Do the next step."""
        self.requested[name] = await step(name, self.world, self.case_id)
        outcome = self.outcomes[name] = await self.perform(name, **changes)
        return outcome
