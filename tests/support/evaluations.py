"""Results of checks: the system that records them, and what its tests look at."""

from typing import Any

from sqlalchemy import select

from app import clock
from app.actions.evaluation import EvaluationOutcome, find_targets, record_evaluation, rehearse_evaluation
from app.admin import accounts
from app.audit.verification import verify_log
from app.auth.identity import authenticate
from app.db import tables
from app.db.account_log import NewAccountAction, append, lock_account
from app.db.engines import Database
from app.db.row_makers import columns
from app.db.rows import SubjectRow, UserRow
from app.db.user_writes import insert_user
from app.domain.account_log import AdminActionType, Source
from app.domain.commands import OpenCase, RecordEvaluation, SubjectDetails
from app.domain.model import EvaluationStatus, Role, Scope, SubjectType, UserKind
from tests.support.account_logs import verdict_on
from tests.support.world import FOUNDED, Person, World

REF = "check-1"
ITEM = {"type": "COMPANY_ACCOUNT_CHECK", "externalRef": REF, "label": "Moulins Réunis", "evaluationStatus": "ANOMALY"}
"""One result, as the API takes it."""


async def check_system(world: World, *scopes: Scope, roles: tuple[Role, ...] = ()) -> Person:
    """Return a service account with a token, of the two scopes that a check system has where none are given."""
    id = clock.new_id()
    email = f"{id}@service.invalid"
    row = UserRow(id, email, "Checks", True, None, FOUNDED, kind=UserKind.SERVICE, roles=roles)
    made = NewAccountAction(AdminActionType.CREATE_SERVICE_ACCOUNT, Source.CLI, {"roles": roles}, target_user_id=id)
    async with world.database.write() as connection:
        await lock_account(connection, world.account_id)
        await insert_user(connection, world.account_id, row)
        await append(connection, world.account_id, made, FOUNDED)
    granted = scopes or (Scope.SUBJECTS_WRITE, Scope.CASES_READ)
    token = await accounts.create_token(world.database, id, granted)
    return Person(await authenticate(world.database, token.secret), token.secret)


def details(status: str, ref: str = REF, label: str = "Moulins Réunis", country: str | None = None) -> SubjectDetails:
    return SubjectDetails(
        type=SubjectType.COMPANY_ACCOUNT_CHECK,
        external_ref=ref,
        label=label,
        country_code=country,
        evaluation_status=EvaluationStatus(status),
    )


async def record(
    world: World, who: Person, subject: SubjectDetails, *, is_rehearsal: bool = False, **more: Any
) -> EvaluationOutcome:
    """Record a result as *who*."""
    return await recorded(world, who, RecordEvaluation(subject=subject, **more), is_rehearsal=is_rehearsal)


async def recorded(
    world: World, who: Person, command: RecordEvaluation, *, is_rehearsal: bool = False
) -> EvaluationOutcome:
    """Do what a command says, or only show it."""
    (target,) = await find_targets(world.database, who.actor, [command])
    do = rehearse_evaluation if is_rehearsal else record_evaluation
    return await do(world.database, who.actor, command, target, request_id="check")


async def opened(world: World, status: str = "UNFAVORABLE", ref: str = REF) -> Any:
    """Open a case of Ada's on the check, and return it."""
    command = OpenCase(subject=details(status, ref), title="A changed IBAN")
    return (await world.do(world.ada, command)).case


async def subject_of(world: World, ref: str = REF) -> SubjectRow:
    """Return the account's subject as it is stored."""
    subject = tables.subjects.c
    statement = select(*columns(SubjectRow, tables.subjects)).where(
        subject.account_id == world.account_id, subject.external_ref == ref
    )
    async with world.database.read() as connection:
        return SubjectRow(*(await connection.execute(statement)).one())


async def log_of(database: Database, case_id: Any) -> list[str]:
    """Return the types of the case's rows, in order."""
    row = tables.case_actions.c
    async with database.read() as connection:
        found = await connection.execute(select(row.type).where(row.case_id == case_id).order_by(row.seq))
        return [record[0].value for record in found]


async def faults(world: World) -> list[tuple[str, str]]:
    """Return the kind and reason of all that is wrong with the account's logs."""
    found = [
        fault
        async for verdict in verify_log(world.database, world.account_id)
        for fault in (verdict.fault, *verdict.others)
        if fault is not None
    ]
    own = await verdict_on(world.database, world.account_id)
    found += [fault for fault in (own.fault, *own.others) if fault is not None]
    return [(fault.kind.value, fault.reason) for fault in found]
