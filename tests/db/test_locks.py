"""What an action finds under the lock is what is there by then, also where it had to wait for it."""

import asyncio
from typing import Any
from uuid import UUID

import pytest
from sqlalchemy import text

from app import clock
from app.actions.outcome import Outcome
from app.db import tables
from app.db.prepared import write
from app.db.repository.locks import lock_case
from app.db.writes import inserted, updated
from app.domain.commands import AcceptOverride, CancelOverride, DecisionCommand
from app.domain.errors import OverrideNotPending, Refusal
from app.domain.model import CaseStatus, EvaluationStatus, OverrideStatus, RequestedStatus
from tests.support.triggers import triggers_aside
from tests.support.world import World


async def decided_behind(world: World, case_id: UUID, command: DecisionCommand, changes: Any) -> Outcome | Refusal:
    """Return what becomes of *command* where it waits for the case while somebody else makes *changes*."""
    async with world.database.write() as connection:
        await lock_case(connection, world.account_id, case_id)
        person = world.rosa if isinstance(command, AcceptOverride) else world.ada
        task = asyncio.create_task(world.do(person, command))
        await asyncio.sleep(0.3)
        assert not task.done()
        async with triggers_aside(connection, tables.overrides, tables.subjects):
            for some in changes:
                await write(connection, some)
    try:
        return await task
    except Refusal as refusal:
        return refusal


@pytest.mark.parametrize("is_named", [True, False], ids=["named", "pending"])
async def test_an_override_that_was_replaced_meanwhile_is_not_decided_on(world: World, is_named: bool) -> None:
    requested = await world.case_in(CaseStatus.PENDING_REVIEW)
    case, old = requested.case, requested.override
    assert old is not None
    new = clock.new_id()
    whose = {"case_id": case.id, "subject_id": case.subject_id, "created_by_id": world.ada.id}
    request = {
        "requested_status": RequestedStatus.UNFAVORABLE,
        "status": OverrideStatus.PENDING,
        "subject_status_at_request": EvaluationStatus.ANOMALY,
        "version": 1,
        "created_at": clock.now(),
    }
    reviewers = {"override_id": new, "reviewer_id": world.rolf.id, "position": 0, "created_by_id": world.ada.id}
    changes = [
        [updated(tables.overrides, old.id, status=OverrideStatus.CANCELLED)],
        [updated(tables.subjects, case.subject_id, evaluation_status=EvaluationStatus.ANOMALY)],
        [inserted(tables.overrides, None, id=new, account_id=world.account_id, **whose, **request)],
        [inserted(tables.override_reviewers, None, **reviewers)],
    ]

    # Who cancels need not name it.
    named = AcceptOverride(case_id=case.id, override_id=old.id, expected_version=case.version)
    command: DecisionCommand = named if is_named else CancelOverride(case_id=case.id)
    ended = await decided_behind(world, case.id, command, changes)

    if is_named:
        assert isinstance(ended, OverrideNotPending)
        assert ended.params == {"status": OverrideStatus.CANCELLED}
        return
    assert isinstance(ended, Outcome) and ended.override is not None
    assert (ended.override.id, ended.override.status) == (new, OverrideStatus.CANCELLED)
    async with world.database.read() as connection:
        kept = await connection.scalar(text("SELECT count(*) FROM overrides WHERE status = 'CANCELLED'"))
    assert kept == 2
