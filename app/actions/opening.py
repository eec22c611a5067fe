"""Checks the opening of a case, and returns the draft of one that is allowed.

It writes the account's next number, and nothing else.
"""

from datetime import datetime

from sqlalchemy import update

from app import clock
from app.actions.checks import check_version
from app.actions.draft import Draft, new_salt
from app.actions.effects import find_or_make_subject
from app.db import tables
from app.db.prepared import Write
from app.db.reader import Reader
from app.db.repository import cases, locks
from app.db.rows import CaseRow, SubjectRow
from app.db.writes import inserted
from app.domain.action_log import GENESIS
from app.domain.commands import OpenCase
from app.domain.errors import StateRefused
from app.domain.facts import Actor
from app.domain.model import CaseStatus
from app.domain.workflow import advance, authorize_role


async def drafted_opening(connection: Reader, actor: Actor, command: OpenCase, now: clock.Clock) -> Draft:
    """Take the account's next number, which makes openings wait for each other, and return the case to be written.

    Raises: Refusal.
    """
    assert command.iban is None, "the number itself is never written"
    authorize_role(command.action, actor)
    number = await _next_number(connection, actor)
    details = command.subject
    alike = await locks.lock_subjects(connection, actor.account_id, details.type, details.external_ref)
    active = await cases.active_case_of(connection, [subject.id for subject in alike]) if alike else None
    known = alike[0] if alike else None
    try:
        status = advance(command.action, active.status if active else None)
    except StateRefused as refusal:
        refusal.case_id = active.id if active else None
        raise
    check_version(command, known.version if known else 0)
    first, writes = list[Write](), list[Write]()
    subject = find_or_make_subject(first, writes, actor, details, known)
    moment = now()
    case = _new_case(actor, command, subject, status, number, moment)
    if command.bank_account is not None:
        row = {"account_id": actor.account_id, "case_id": case.id, "account_key": command.bank_account}
        writes.append(inserted(tables.case_bank_accounts, None, **row))
    return Draft(
        connection,
        actor,
        command,
        moment,
        before=None,
        case=case,
        subject=subject,
        subject_is_new=known is None,
        writes=writes,
        first=first,
    )


async def _next_number(connection: Reader, actor: Actor) -> int:
    number: int | None = await connection.scalar(
        update(tables.accounts)
        .where(tables.accounts.c.id == actor.account_id)
        .values(case_count=tables.accounts.c.case_count + 1)
        .returning(tables.accounts.c.case_count)
    )
    return number or 0


def _new_case(
    actor: Actor, command: OpenCase, subject: SubjectRow, status: CaseStatus, number: int, now: datetime
) -> CaseRow:
    return CaseRow(
        id=clock.new_id(),
        number=number,
        subject_id=subject.id,
        subject_status_at_opening=subject.evaluation_status,
        title=command.title,
        description=command.description,
        status=status,
        resolution=None,
        created_by_id=actor.user_id,
        created_at=now,
        updated_at=now,
        closed_by_id=None,
        closed_at=None,
        version=0,
        action_count=0,
        head_hash=GENESIS,
        title_salt=new_salt(),
        description_salt=None if command.description is None else new_salt(),
    )
