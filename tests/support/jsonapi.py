"""A client of the JSON:API addresses, and what every answer of theirs must be."""

import json
from dataclasses import dataclass
from typing import Any

import httpx2

from tests.support.api import Api

MEDIA_TYPE = "application/vnd.api+json"


@dataclass(frozen=True, slots=True)
class ResourceClient:
    """Sends requests below `/api/v1`, and holds each answer against JSON:API's rules."""

    api: Api

    async def send(
        self, method: str, path: str, token: str | None = None, body: Any = None, **headers: str
    ) -> httpx2.Response:
        """Send a request; a body that is no text is sent as JSON, and a header's underscores become hyphens."""
        sent = {name.replace("_", "-"): value for name, value in headers.items()}
        if token is not None:
            sent["Authorization"] = f"Bearer {token}"
        content = body if body is None or isinstance(body, str | bytes) else json.dumps(body)
        if content is not None:
            sent = {"Content-Type": MEDIA_TYPE} | sent
        answer = await self.api.client.request(method, f"/api/v1{path}", headers=sent, content=content)
        if answer.content and method != "HEAD":
            assert_document(answer.json(), answer.status_code, is_sparse="fields[" in path)
        if isinstance(body, dict) and answer.status_code >= 400:
            assert_pointers(answer.json(), body)
        return answer

    async def read(self, path: str, token: str, **headers: str) -> dict[str, Any]:
        """Read what must be there, and return the document."""
        answer = await self.send("GET", path, token, **headers)
        assert answer.status_code == 200, answer.text
        document: dict[str, Any] = answer.json()
        return document

    async def act(self, case_id: Any, token: str, body: Any, query: str = "", **headers: str) -> httpx2.Response:
        """Send an action on a case."""
        return await self.send("POST", f"/cases/{case_id}/actions{query}", token, body, **headers)


def action_body(action_type: str, relationships: Any = None, **attributes: Any) -> dict[str, Any]:
    """Return the body of an action."""
    data: dict[str, Any] = {"type": "case_action", "attributes": {"action_type": action_type, **attributes}}
    if relationships is not None:
        data["relationships"] = relationships
    return {"data": data}


def case_body(external_ref: str, **attributes: Any) -> dict[str, Any]:
    """Return the body of a new case."""
    subject = {
        "subject_type": "COMPANY_ACCOUNT_CHECK",
        "external_ref": external_ref,
        "label": "Moulins Réunis",
        "country_code": "FR",
        "evaluation_status": "UNFAVORABLE",
    }
    return {"data": {"type": "case", "attributes": {"title": "A changed IBAN", "subject": subject} | attributes}}


def linked(type_name: str, *ids: Any) -> dict[str, Any]:
    """Return a relationship to several resources."""
    return {"data": [{"type": type_name, "id": str(id)} for id in ids]}


def errors_of(answer: httpx2.Response) -> list[tuple[str, str, dict[str, str]]]:
    """Return of each error its status, code and source."""
    return [(error["status"], error["code"], error.get("source", {})) for error in answer.json()["errors"]]


def assert_document(document: Any, status: int, *, is_sparse: bool = False) -> None:
    """Hold a document against JSON:API 1.1: its members, no resource twice, none without a way to it.

    *is_sparse*: a fieldset may leave that way out.
    """
    assert document["jsonapi"] == {"version": "1.1"}
    assert ("errors" in document) == (status >= 400)
    assert ("data" in document) != ("errors" in document)
    if status >= 400:
        for error in document["errors"]:
            assert error.keys() - {"source"} == {"id", "status", "code", "title", "detail", "links"}
            assert len(error.get("source", {})) <= 1
        return
    data = document["data"]
    primary = data if isinstance(data, list) else [data]
    resources = [*primary, *document.get("included", [])]
    keys = [(resource["type"], resource["id"]) for resource in resources]
    assert len(set(keys)) == len(keys)
    reached = {
        (identifier["type"], identifier["id"])
        for resource in resources
        for relationship in resource.get("relationships", {}).values()
        for identifier in _identifiers(relationship)
    }
    assert is_sparse or {(resource["type"], resource["id"]) for resource in document.get("included", [])} <= reached
    for resource in resources:
        assert not {"id", "type"} & (resource["attributes"].keys() | resource.get("relationships", {}).keys())
        assert not resource["attributes"].keys() & resource.get("relationships", {}).keys()


def _identifiers(relationship: dict[str, Any]) -> list[dict[str, str]]:
    data = relationship.get("data")
    if data is None:
        return []
    return data if isinstance(data, list) else [data]


def assert_pointers(document: Any, body: Any) -> None:
    """Hold that each pointer leads to something that was sent (RFC 6901)."""
    for error in document["errors"]:
        found = body
        pointer = error.get("source", {}).get("pointer", "")
        for part in pointer.split("/")[1:]:
            name = part.replace("~1", "/").replace("~0", "~")
            assert name in found if isinstance(found, dict) else int(name) < len(found), (pointer, body)
            found = found[name] if isinstance(found, dict) else found[int(name)]
