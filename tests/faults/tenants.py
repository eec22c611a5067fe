"""An account of a fault run with an admin and the endpoints of its webhooks, registered over the API as users do it."""

from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from typing import Any
from uuid import UUID

import httpx2

from app.admin import accounts
from app.db.engines import Database
from app.domain.model import PERSON_SCOPES, Role
from tests.faults.client import NO_TLS
from tests.faults.receivers import Receiver
from tests.faults.workload import Load, Person

ANSWER_S = 60
DONE = "errors { code path }"
STATES = "{ webhooks(first: 20) { nodes { name state lag { rows } lastFailure { failure status } } } }"


@dataclass(slots=True)
class Tenant:
    """An account: the token of its admin, those who write, and its endpoints."""

    id: UUID
    token: str
    load: Load
    receivers: Sequence[Receiver]

    @property
    def living(self) -> list[Receiver]:
        return [receiver for receiver in self.receivers if receiver.is_living]

    async def send(self, address: str, query: str, variables: Mapping[str, Any] | None = None) -> dict[str, Any]:
        """Have the admin send a document that must succeed, and return its data."""
        body, headers = {"query": query, "variables": variables}, {"Authorization": f"Bearer {self.token}"}
        async with httpx2.AsyncClient(verify=NO_TLS, timeout=ANSWER_S) as http:
            answer = await http.post(f"{address}/graphql", json=body, headers=headers)
        found: dict[str, Any] = answer.json()
        assert "errors" not in found, found
        data: dict[str, Any] = found["data"]
        return data

    async def administer(
        self, address: str, mutation: str, input: Mapping[str, str], selected: str = DONE
    ) -> dict[str, Any]:
        """Have the admin make a mutation, which must be done, and return its payload."""
        kind = f"{mutation[0].upper()}{mutation[1:]}Input!"
        query = f"mutation($input: {kind}) {{ {mutation}(input: $input) {{ {selected} }} }}"
        payload: dict[str, Any] = (await self.send(address, query, {"input": input}))[mutation]
        assert payload["errors"] == [], payload
        return payload

    async def states(self, address: str) -> dict[str, Any]:
        """Return what the admin sees of each endpoint, by its name."""
        nodes = (await self.send(address, STATES))["webhooks"]["nodes"]
        return {node.pop("name"): node for node in nodes}

    async def resume(self, address: str, receiver: Receiver) -> None:
        """Have an endpoint be sent at once what waits for a later try."""
        for mutation in ("pauseWebhook", "resumeWebhook"):
            await self.administer(address, mutation, {"endpointId": receiver.id})

    @asynccontextmanager
    async def registered(self, address: str) -> AsyncIterator[None]:
        """Serve the endpoints meanwhile, and have them registered."""
        selected = f"{DONE} secret webhook {{ endpointId }}"
        async with AsyncExitStack() as stack:
            for receiver in self.receivers:
                await stack.enter_async_context(receiver.serving())
                given = {"name": receiver.name, "url": receiver.url, "document": receiver.document}
                payload = await self.administer(address, "createWebhook", given, selected)
                receiver.id, receiver.secret = payload["webhook"]["endpointId"], payload["secret"]
            yield
            for receiver in self.receivers:
                await self.administer(address, "deleteWebhook", {"endpointId": receiver.id})


async def tenant_of(database: Database, account_id: UUID, load: Load, receivers: Sequence[Receiver]) -> Tenant:
    """Return an account with an admin of its own, who is alone."""
    email, roles = f"admin@{account_id}.example", (Role.ADMIN,)
    admin = await accounts.create_user(database, account_id, email=email, name="Admin", roles=roles)
    token = await accounts.create_token(database, admin.id, PERSON_SCOPES)
    return Tenant(account_id, token.secret, load, receivers)


async def other_people(database: Database) -> tuple[UUID, list[Person]]:
    """Make another account, and four who write in it, of whom each can name three reviewers; return its id and them."""
    account, people = await accounts.create_account(database, "Other Treasury"), list[Person]()
    for name in ("x00", "x01", "x02", "x03"):
        roles = (Role.CONTRIBUTOR, Role.REVIEWER)
        user = await accounts.create_user(
            database, account.id, email=f"{name}@{account.id}.example", name=name, roles=roles
        )
        token = await accounts.create_token(database, user.id, PERSON_SCOPES)
        people.append(Person(str(user.id), name, token.secret, is_reviewer=True))
    return account.id, people
