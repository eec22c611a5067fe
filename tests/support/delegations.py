"""Delegations as people make them: by the one write path of administration."""

from datetime import datetime, timedelta
from typing import Any

from app import clock
from app.admin.perform import AdminOutcome, administer
from app.db.engines import Database
from app.domain.delegations import DelegateReviews, EndDelegation
from tests.support.world import Person, World, make_world

WEEK = timedelta(days=7)


async def restricted_world(database: Database) -> World:
    """Make an account where only those who are asked may decide."""
    return await make_world(database, restrict_to_assigned_reviewers=True)


async def delegate(world: World, who: Person, to: Person, now: datetime | None = None, **more: Any) -> AdminOutcome:
    """Have somebody name who decides in their place, by default for a week from now on."""
    at = now or clock.now()
    given: dict[str, Any] = {"delegate_id": to.id, "ends_at": at + WEEK} | more
    command = DelegateReviews(**given)
    return await administer(world.database, who.actor, command, request_id="test", now=lambda: at)


async def end(world: World, who: Person, whose: Person | None = None) -> AdminOutcome:
    """Have somebody end their delegation, or that of *whose*."""
    command = EndDelegation(user_id=(whose or who).id)
    return await administer(world.database, who.actor, command, request_id="test")
