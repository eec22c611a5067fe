"""Documents as resources: uploading one, its address, its content, and what is refused."""

import hashlib
from uuid import uuid4

from app.domain.model import Scope
from tests.support.api import Api
from tests.support.documents import TEXT
from tests.support.jsonapi import ResourceClient, action_body, errors_of, linked
from tests.support.world import World, make_world, person_of

RAW = "application/octet-stream"


async def test_a_document_is_uploaded_attached_read_and_downloaded(
    world: World, api: Api, resources: ResourceClient
) -> None:
    case_id = (await world.open_case()).case.id

    sent = await resources.send("POST", "/documents?filename=note.txt", world.ada.token, TEXT, Content_Type=RAW)
    assert sent.status_code == 201
    document = sent.json()["data"]
    assert sent.headers["location"] == document["links"]["self"]
    assert (
        document["attributes"].items()
        >= {
            "filename": "note.txt",
            "content_type": "text/plain",
            "size_bytes": len(TEXT),
            "sha256": hashlib.sha256(TEXT).hexdigest(),
            "warnings": [],
        }.items()
    )

    body = action_body("comment", {"documents": linked("document", document["id"])}, comment="See.")
    commented = await resources.act(case_id, world.ada.token, body, "?include=comment.documents")
    (found,) = [item for item in commented.json()["included"] if item["type"] == "document"]
    assert found == document == (await resources.read(f"/documents/{document['id']}", world.carl.token))["data"]
    content = document["links"]["content"]
    redirect = await resources.send("GET", content.removeprefix("http://test/api/v1"), world.carl.token)
    assert redirect.status_code == 307 and redirect.headers["cache-control"] == "no-store"
    assert (await api.client.get(redirect.headers["location"])).content == TEXT


async def test_a_form_brings_a_document_too(world: World, api: Api) -> None:
    headers = {"Authorization": f"Bearer {world.ada.token}"}

    sent = await api.client.post("/api/v1/documents", files={"file": ("reçu.txt", TEXT)}, headers=headers)

    assert (sent.status_code, sent.json()["data"]["attributes"]["filename"]) == (201, "reçu.txt")


async def test_what_is_no_document_is_refused_with_the_codes_of_the_other_address(
    world: World, api: Api, resources: ResourceClient
) -> None:
    cases: list[tuple[bytes, dict[str, str], int]] = [
        (b"", {}, 400),
        (b"\x00\x01\x02\x03", {}, 415),
        (TEXT, {"Content_Encoding": "gzip"}, 415),
        (TEXT, {"Repr_Digest": "sha-256=:AAAA:"}, 400),
        (TEXT, {"Content_Disposition": "attachment; filename=a/b.txt"}, 400),
    ]

    for content, headers, status in cases:
        answer = await resources.send("POST", "/documents", world.ada.token, content, **{"Content_Type": RAW} | headers)
        plain = {name.replace("_", "-"): value for name, value in headers.items()}
        plain["Authorization"] = f"Bearer {world.ada.token}"
        other = await api.client.post("/documents", content=content, headers=plain)
        assert (answer.status_code, answer.headers["connection"]) == (status, "close") == (other.status_code, "close")
        (error,), (expected,) = answer.json()["errors"], other.json()["errors"]
        assert (error["code"], error["detail"]) == (expected["code"], expected["message"])


async def test_who_may_not_upload_or_read_is_refused(world: World, resources: ResourceClient) -> None:
    reader = await person_of(world.database, world.ada.id, Scope.CASES_READ)
    sent = await resources.send("POST", "/documents?filename=a.txt", world.ada.token, TEXT, Content_Type=RAW)
    document_id = sent.json()["data"]["id"]
    other = await make_world(world.database)

    refused = await resources.send("POST", "/documents", reader.token, TEXT, Content_Type=RAW)
    assert errors_of(refused) == [("403", "INSUFFICIENT_SCOPE", {})]
    unknown = await resources.send("POST", "/documents?name=a.txt", world.ada.token, TEXT, Content_Type=RAW)
    assert errors_of(unknown) == [("400", "INVALID_INPUT", {"parameter": "name"})]
    assert errors_of(await resources.send("POST", "/documents", None, TEXT, Content_Type=RAW))[0][0] == "401"
    # Unattached, it is its uploader's alone; another account's is not there.
    for token in (world.carl.token, other.ada.token):
        for path in (f"/documents/{document_id}", f"/documents/{document_id}/content", f"/documents/{uuid4()}/content"):
            assert errors_of(await resources.send("GET", path, token)) == [("404", "NOT_FOUND", {})], path
    content = await resources.send("GET", f"/documents/{document_id}/content", reader.token)
    assert errors_of(content) == [("403", "INSUFFICIENT_SCOPE", {})]
    assert (await resources.send("GET", "/documents", world.ada.token)).headers["allow"] == "POST"
