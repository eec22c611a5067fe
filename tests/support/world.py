"""An account with the people that most stories need, and cases brought to a state by the actions that lead there."""

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any
from uuid import UUID, uuid4

from app.actions.outcome import Outcome
from app.actions.perform import perform
from app.admin import accounts
from app.auth.identity import Identity, authenticate
from app.db.engines import Database
from app.db.repository import cases, overrides
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
from app.domain.facts import Actor
from app.domain.model import (
    PERSON_SCOPES,
    CaseStatus,
    EvaluationStatus,
    OverrideStatus,
    RequestedStatus,
    Role,
    Scope,
    SubjectType,
)

FOUNDED = datetime(2020, 1, 1, tzinfo=UTC)
"""When people came to the account: before anything that a test does, whatever time it says that is."""


@dataclass(frozen=True, slots=True)
class Person:
    """Somebody with a token of all scopes."""

    identity: Identity
    token: str

    @property
    def id(self) -> UUID:
        return self.identity.user.id

    @property
    def actor(self) -> Actor:
        return self.identity.actor


@dataclass(frozen=True, slots=True)
class World:
    """One account: Ada and Carl contribute, Rosa and Rolf review, Bea does both, Aldo administers."""

    database: Database
    account_id: UUID
    ada: Person
    carl: Person
    rosa: Person
    rolf: Person
    bea: Person
    aldo: Person

    async def do(self, person: Person, command: Command) -> Outcome:
        """Perform *command* as *person*."""
        return await perform(self.database, person.actor, command, request_id="test")

    async def open_case(
        self, person: Person | None = None, status: EvaluationStatus = EvaluationStatus.UNFAVORABLE
    ) -> Outcome:
        """Open a case on a new subject."""
        subject = SubjectDetails(
            type=SubjectType.COMPANY_ACCOUNT_CHECK,
            external_ref=f"check-{uuid4()}",
            label="Moulins Réunis",
            country_code="FR",
            evaluation_status=status,
        )
        return await self.do(person or self.ada, OpenCase(subject=subject, title="A changed IBAN"))

    async def request_override(
        self, case_id: UUID, person: Person | None = None, reviewers: tuple[Person, ...] = ()
    ) -> Outcome:
        """Ask Rosa, or *reviewers*, to make the subject FAVORABLE."""
        command = RequestOverride(
            case_id=case_id,
            requested_status=RequestedStatus.FAVORABLE,
            reviewer_ids=tuple(reviewer.id for reviewer in reviewers or (self.rosa,)),
            comment="The supplier confirmed by phone.",
        )
        return await self.do(person or self.ada, command)

    async def case_in(self, status: CaseStatus) -> Outcome:
        """Bring a new case of Ada's to *status*; an override in it is Ada's, with Rosa to decide."""
        outcome = await self.open_case()
        case_id = outcome.case.id
        match status:
            case CaseStatus.OPEN:
                return outcome
            case CaseStatus.IN_PROGRESS:
                return await self.do(self.ada, AddComment(case_id=case_id, comment="Called them."))
            case CaseStatus.PENDING_REVIEW:
                return await self.request_override(case_id)
            case CaseStatus.RESOLVED:
                await self.request_override(case_id)
                return await self.accept(case_id)
            case CaseStatus.CLOSED:
                return await self.do(self.ada, CloseCase(case_id=case_id))

    async def accept(self, case_id: UUID, person: Person | None = None, **more: Any) -> Outcome:
        """Accept what is pending on the case, as somebody who has just read it."""
        return await self.do(person or self.rosa, AcceptOverride(**await self.read(case_id), **more))

    async def refuse(self, case_id: UUID, person: Person | None = None, **more: Any) -> Outcome:
        """Refuse what is pending on the case, as somebody who has just read it."""
        return await self.do(person or self.rosa, RefuseOverride(**await self.read(case_id), **more))

    async def read(self, case_id: UUID) -> dict[str, Any]:
        """Return what a decision names: the case, its latest override or one that nobody has made, and its version."""
        async with self.database.read() as connection:
            (case,) = await cases.cases_by_id(connection, self.account_id, [case_id])
            statuses = await overrides.override_statuses_by_case(connection, self.account_id, [case_id])
        ids = sorted(statuses[0], key=lambda id: (statuses[0][id] is OverrideStatus.PENDING, id))
        version = 0 if case is None else case.version
        return {"case_id": case_id, "override_id": ids[-1] if ids else uuid4(), "expected_version": version}

    async def decision(self, case_id: UUID | str, **more: Any) -> dict[str, Any]:
        """Return the same as the input of a mutation."""
        read = await self.read(UUID(str(case_id)))
        named = {"caseId": str(read["case_id"]), "overrideId": str(read["override_id"])}
        return named | {"expectedVersion": read["expected_version"]} | more

    async def cancel(self, case_id: UUID) -> Outcome:
        return await self.do(self.ada, CancelOverride(case_id=case_id))


async def make_person(database: Database, account_id: UUID, name: str, *roles: Role) -> Person:
    """Make somebody in an account, with a token of all scopes."""
    user = await accounts.create_user(
        database, account_id, email=f"{name.lower()}@{account_id}.example", name=name, roles=roles, now=lambda: FOUNDED
    )
    return await person_of(database, user.id, *Scope)


async def person_of(database: Database, user_id: UUID, *scopes: Scope) -> Person:
    """Return the user with a new token of those of these scopes that people have."""
    token = await accounts.create_token(database, user_id, [scope for scope in scopes if scope in PERSON_SCOPES])
    return Person(await authenticate(database, token.secret), token.secret)


async def make_world(
    database: Database,
    *,
    cases: bool = True,
    overrides: bool = True,
    restrict_to_assigned_reviewers: bool = False,
    checklist: str | None = None,
) -> World:
    """Make an account with its people."""
    account = await accounts.create_account(
        database,
        "Acme Treasury",
        cases=cases,
        overrides=overrides,
        restrict_to_assigned_reviewers=restrict_to_assigned_reviewers,
        checklist=checklist,
    )
    roles = {
        "ada": (Role.CONTRIBUTOR,),
        "carl": (Role.CONTRIBUTOR,),
        "rosa": (Role.REVIEWER,),
        "rolf": (Role.REVIEWER,),
        "bea": (Role.CONTRIBUTOR, Role.REVIEWER),
        "aldo": (Role.ADMIN,),
    }
    people = {name: await make_person(database, account.id, name.title(), *held) for name, held in roles.items()}
    return World(database, account.id, **people)
