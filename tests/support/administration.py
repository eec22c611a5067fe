"""Administration over the API: the document of each mutation, and an account with two admins."""

from dataclasses import dataclass
from typing import Any

from app.domain.model import Role
from tests.support.api import Api
from tests.support.world import Person, World, make_person

USER = "user { id displayName email roles active kind }"
CHANGE = "change { id type status details { name values } targetUser { id } }"
OF_USERS = {
    *("inviteUser", "updateUser", "deactivateUser", "reactivateUser", "changeRoles", "createServiceAccount"),
    "approveChange",
}
TOKEN = "token { id name scopes prefix user { id } expiresAt revokedAt } secret"
ACTION = "action { seq type source approval details { name values } targetUser { id } roles user { id } changeId }"


@dataclass(frozen=True, slots=True)
class Administration:
    """Aldo and Alma administer, each through the API; Anna is a third admin where she is made."""

    world: World
    api: Api
    alma: Person

    @property
    def aldo(self) -> Person:
        return self.world.aldo

    async def act(self, who: Person | str, mutation: str, **input: Any) -> dict[str, Any]:
        """Run one mutation, and return its payload."""
        shown = f"replayed {ACTION} {CHANGE} supposed {{ type approval details {{ name values }} }}"
        if mutation in OF_USERS:
            shown += f" {USER}"
        if mutation == "createToken":
            shown += f" {TOKEN}"
        return await self.api.act(who if isinstance(who, str) else who.token, mutation, input, shown)

    async def code(self, who: Person | str, mutation: str, **input: Any) -> str | None:
        """Return the code that a mutation is refused with; PENDING where it waits, and None where it was done."""
        payload = await self.act(who, mutation, **input)
        if payload["errors"]:
            return ", ".join(error["code"] for error in payload["errors"])
        change = payload["change"]
        return "PENDING" if change and change["status"] == "PENDING" else None

    async def waiting(self, who: Person, mutation: str, **input: Any) -> str:
        """Ask for a change that has to wait, and return its id."""
        payload = await self.act(who, mutation, **input)
        assert payload["errors"] == []
        assert payload["change"]["status"] == "PENDING"
        change_id: str = payload["change"]["id"]
        return change_id


async def second_admin(world: World, name: str = "Alma", *roles: Role) -> Person:
    """Make another admin, as an operator does."""
    return await make_person(world.database, world.account_id, name, Role.ADMIN, *roles)
