"""A company's identity provider that pushes by SCIM, and what every answer to it must be."""

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any
from uuid import UUID

import httpx2

from app.db.engines import Database
from app.db.repository import people
from tests.support.administration import Administration
from tests.support.api import Api
from tests.support.world import Person

MEDIA_TYPE = "application/scim+json"
CORE_USER = "urn:ietf:params:scim:schemas:core:2.0:User"
CORE_GROUP = "urn:ietf:params:scim:schemas:core:2.0:Group"
ENTERPRISE = "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User"
PATCH_OP = "urn:ietf:params:scim:api:messages:2.0:PatchOp"
ERROR = "urn:ietf:params:scim:api:messages:2.0:Error"
WORKERS, REVIEWERS = "Case workers", "Case reviewers"
GROUPS = f"{WORKERS}=CONTRIBUTOR; {REVIEWERS}=REVIEWER; Fraud reviewers=reviewer"
TYPES = {
    *("invalidFilter", "tooMany", "uniqueness", "mutability", "invalidSyntax", "invalidPath", "noTarget"),
    "invalidValue",
}


@dataclass(frozen=True, slots=True)
class Provider:
    """Sends requests below `/scim/v2` with the token of a service account, and holds each answer against the RFC."""

    api: Api
    token: str
    service_id: str

    async def send(
        self, method: str, path: str, body: Any = None, *, token: str | None = None, **headers: str
    ) -> httpx2.Response:
        """Send a request; a body that is no text is sent as JSON, and a header's underscores become hyphens."""
        sent = {"Authorization": f"Bearer {self.token if token is None else token}"}
        sent |= {name.replace("_", "-"): value for name, value in headers.items()}
        content = body if body is None or isinstance(body, str | bytes) else json.dumps(body)
        if content is not None:
            sent = {"Content-Type": MEDIA_TYPE} | sent
        answer = await self.api.client.request(method, f"/scim/v2{path}", headers=sent, content=content)
        assert_answer(answer)
        return answer

    async def done(self, method: str, path: str, body: Any = None) -> dict[str, Any]:
        """Send a request that must succeed, and return the resource."""
        answer = await self.send(method, path, body)
        assert answer.status_code in (200, 201), answer.text
        found: dict[str, Any] = answer.json()
        return found

    async def add(self, user_name: str, **attributes: Any) -> dict[str, Any]:
        """Add a person."""
        return await self.done("POST", "/Users", new_user(user_name, **attributes))

    async def patch(self, path: str, *operations: dict[str, Any]) -> httpx2.Response:
        """Send operations."""
        return await self.send("PATCH", path, {"schemas": [PATCH_OP], "Operations": list(operations)})

    async def patched(self, path: str, *operations: dict[str, Any]) -> dict[str, Any]:
        """Send operations that must succeed, and return the resource."""
        return await self.done("PATCH", path, {"schemas": [PATCH_OP], "Operations": list(operations)})

    async def found(self, path: str, filter: str, **parameters: str) -> list[dict[str, Any]]:
        """Return what is found by a filter."""
        answer = await self.send("GET", f"{path}?{httpx2.QueryParams({'filter': filter, **parameters})}")
        assert answer.status_code == 200, answer.text
        listed: list[dict[str, Any]] = answer.json()["Resources"]
        return listed

    async def group(self, name: str, *members: Any) -> dict[str, Any]:
        """Add a group."""
        values = [{"value": str(member)} for member in members]
        return await self.done("POST", "/Groups", {"schemas": [CORE_GROUP], "displayName": name, "members": values})


def new_user(user_name: str, **attributes: Any) -> dict[str, Any]:
    return {"schemas": [CORE_USER], "userName": user_name, "active": True} | attributes


def operation(op: str, path: str | None = None, value: Any = None) -> dict[str, Any]:
    """Return an operation with what is given."""
    whole = {"op": op, "path": path, "value": value}
    return {name: part for name, part in whole.items() if part is not None}


def refusal(answer: httpx2.Response) -> tuple[int, str | None, str]:
    """Return the status, the scimType and the code of an answer that refuses."""
    body = answer.json()
    return answer.status_code, body.get("scimType"), body["detail"].partition(":")[0]


def assert_answer(answer: httpx2.Response) -> None:
    """Hold an answer against RFC 7644, sections 3.1 and 3.12, and RFC 7643, section 3."""
    if not answer.content:
        return
    assert answer.headers["content-type"] in (MEDIA_TYPE, "application/json")
    body = answer.json()
    if answer.status_code >= 400:
        assert body["schemas"] == [ERROR]
        assert body["status"] == str(answer.status_code)
        assert body.keys() <= {"schemas", "status", "scimType", "detail"}
        assert body.get("scimType") in TYPES | {None}
        return
    for resource in body.get("Resources", [body]):
        assert resource["schemas"]
    if "Resources" in body:
        assert body["itemsPerPage"] == len(body["Resources"])
    elif "meta" in body and "version" in body["meta"]:
        assert answer.headers["etag"] == body["meta"]["version"]


async def provider_of(api: Api, admin: Person) -> Provider:
    """Have an admin make a service account with a token for SCIM."""
    made = await api.act(admin.token, "createServiceAccount", {"displayName": "Directory", "roles": []}, "user { id }")
    service_id = made["user"]["id"]
    token = await api.act(admin.token, "createToken", {"userId": service_id, "scopes": ["SCIM"]}, "secret")
    assert token["errors"] == []
    return Provider(api, token["secret"], service_id)


@asynccontextmanager
async def opened_provider(url: str, admin: Person, **settings: Any) -> AsyncIterator[Provider]:
    """Open the gateway's app with groups that give roles, and a provider that pushes to it."""
    async with Api.opened(url, scim_groups=GROUPS, **settings) as api:
        yield await provider_of(api, admin)


async def roles_of(database: Database, user_id: Any) -> set[str]:
    """Return the roles that somebody has."""
    async with database.read() as connection:
        user = await people.user(connection, UUID(str(user_id)))
    assert user is not None
    return {role.value for role in user.roles}


async def waiting(office: Administration) -> list[tuple[str, str]]:
    """Return the id and type of each change that waits, the newest first."""
    query = "{ pendingChanges(first: 50) { nodes { id type } } }"
    nodes = (await office.api.run(office.aldo.token, query))["pendingChanges"]["nodes"]
    return [(node["id"], node["type"]) for node in nodes]


def joined(*people: Person) -> dict[str, object]:
    """Return the operation that makes people members."""
    return operation("Add", "members", [{"value": str(person.id)} for person in people])
