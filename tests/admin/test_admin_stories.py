"""Random stories of administration: whatever admins try in whatever order, the account's rules and its log hold."""

import random
from typing import Any

import pytest
from sqlalchemy import select

from app.db import tables
from app.db.repository import administration
from app.domain.account_log import ChangeStatus
from tests.support.account_logs import log_size, verdict_on
from tests.support.administration import Administration, second_admin
from tests.support.api import Api
from tests.support.world import World

ROLES = ["CONTRIBUTOR", "REVIEWER", "ADMIN"]
STEPS = 40


class Story:
    """Three admins and everybody else of the world, doing random things to each other."""

    def __init__(self, office: Administration, chance: random.Random) -> None:
        self.office = office
        self.chance = chance
        world = office.world
        self.people = [world.aldo, office.alma, world.ada, world.rosa, world.bea]
        self.changes: list[str] = []

    async def step(self) -> None:
        """Try one thing, and see that it wrote one row of the log, or none where it was refused."""
        world, chance = self.office.world, self.chance
        who, target = chance.choice(self.people[:3]), str(chance.choice(self.people).id)
        before = await log_size(world.database, world.account_id)
        choices: list[tuple[str, dict[str, Any]]] = [
            ("changeRoles", {"userId": target, "roles": chance.sample(ROLES, chance.randint(0, 3))}),
            ("deactivateUser", {"userId": target}),
            ("reactivateUser", {"userId": target}),
            ("updateUser", {"userId": target, "email": f"p{chance.randint(1, 4)}@acme.example"}),
            ("updateAccount", {"restrictToAssignedReviewers": chance.random() < 0.5}),
            (chance.choice(["approveChange", "refuseChange", "cancelChange"]), {"changeId": self._change()}),
            ("approveChange", {"changeId": self._change()}),
        ]
        mutation, input = chance.choice(choices)
        body = await self._act(who.token, mutation, input)
        is_done = body is not None and not body["errors"]
        if body is not None and body["change"]:
            self.changes.append(body["change"]["id"])
        assert await log_size(world.database, world.account_id) == before + is_done, (mutation, input, body)

    def _change(self) -> str:
        return self.chance.choice(self.changes) if self.changes else str(self.office.world.account_id)

    async def _act(self, token: str, mutation: str, input: dict[str, Any]) -> dict[str, Any] | None:
        """Return the payload; None for who has no token any more."""
        document = (
            f"mutation($input: {mutation[0].upper()}{mutation[1:]}Input!)"
            f" {{ {mutation}(input: $input) {{ errors {{ code }} change {{ id }} }} }}"
        )
        body = (await self.office.api.send(token, document, {"input": input})).json()
        if body.get("data") is None:
            assert body["errors"][0]["extensions"]["code"] == "UNAUTHENTICATED"
            return None
        payload: dict[str, Any] = body["data"][mutation]
        return payload

    async def assert_rules_hold(self) -> None:
        """See that somebody administers, nobody approved their own, and what waits can still be decided."""
        world = self.office.world
        change = tables.account_changes.c
        async with world.database.read() as connection:
            assert await administration.active_admins(connection, world.account_id)
            rows = (await connection.execute(select(tables.account_changes))).all()
            waiting = [row.pending_key for row in rows if row.status is ChangeStatus.PENDING]
        assert len(waiting) == len(set(waiting))
        assert all(row.payload is None for row in rows if row.status is not ChangeStatus.PENDING), change
        approved = [row for row in rows if row.status is ChangeStatus.APPROVED]
        assert all(row.decided_by_id != row.requested_by_id for row in approved)
        assert (await verdict_on(world.database, world.account_id)).fault is None


@pytest.mark.parametrize("seed", [1, 2])
async def test_random_stories_keep_an_admin_and_a_whole_log(world: World, api: Api, seed: int) -> None:
    story = Story(Administration(world, api, await second_admin(world)), random.Random(seed))

    for index in range(STEPS):
        await story.step()
        if index % 5 == 4:
            await story.assert_rules_hold()

    await story.assert_rules_hold()
