"""Erasure and legal holds over the API: what is shown in the place of what was erased, wherever it was shown before."""

from typing import Any

from tests.support.api import Api
from tests.support.documents import comment_with
from tests.support.erasure import CANARY
from tests.support.jsonapi import ResourceClient
from tests.support.world import World

ERASURE = "erasure { at by { displayName } reason }"
COMMENT = f"id body {ERASURE} documents {{ id filename sha256 sizeBytes url {ERASURE} }}"
CASE = f"""title description {ERASURE} legalHold {{ at by {{ displayName }} reason }} version
    actions {{ nodes {{ seq type reason held comment {{ {COMMENT} }}
        authority {{ token {{ name }} tokenSource roles reviewedVersion }} }} }}"""
READ = f"query($id: ID!) {{ case(id: $id) {{ {CASE} }} }}"


async def opened(api: Api, world: World) -> dict[str, Any]:
    """Return a new case whose words all have the canary."""
    subject = {
        "type": "COMPANY_ACCOUNT_CHECK",
        "externalRef": "erase-1",
        "label": "Moulins",
        "evaluationStatus": "ANOMALY",
    }
    input = {"subject": subject, "title": f"About {CANARY}", "description": f"More {CANARY}"}
    payload = await api.act(world.ada.token, "openCase", input, "case { id }")
    case_id = payload["case"]["id"]
    commented = await comment_with(api, world.ada.token, case_id, [(f"{CANARY}.txt", CANARY.encode())], body=CANARY)
    return {"id": case_id, "comment": commented["comment"]}


async def erase(api: Api, token: str, case_id: str, **what: Any) -> dict[str, Any]:
    input = {"caseId": case_id, "reason": "Asked for.", **what}
    return await api.act(token, "eraseContent", input, "case { title version } action { seq type reason }")


async def test_an_erased_comment_and_document_are_null_with_when_by_whom_and_why(api: Api, world: World) -> None:
    made = await opened(api, world)
    comment, document = made["comment"], made["comment"]["documents"][0]
    assert (await api.client.get(document["url"])).content == CANARY.encode()

    payload = await erase(api, world.aldo.token, made["id"], commentIds=[comment["id"]], documentIds=[document["id"]])

    assert (payload["errors"], payload["action"]) == ([], {"seq": 3, "type": "REDACT", "reason": "Asked for."})
    case = (await api.run(world.rosa.token, READ, {"id": made["id"]}))["case"]
    rows = {row["seq"]: row for row in case["actions"]["nodes"]}
    shown = rows[2]["comment"]
    assert (shown["body"], shown["erasure"]["by"], shown["erasure"]["reason"]) == (
        None,
        {"displayName": "Aldo"},
        "Asked for.",
    )
    (file,) = shown["documents"]
    assert (file["filename"], file["sha256"], file["url"], file["sizeBytes"]) == (None, None, None, len(CANARY))
    assert file["erasure"] == shown["erasure"]
    assert (case["title"], case["erasure"]) == (f"About {CANARY}", None)
    assert rows[3]["comment"] is None
    gone = await api.client.get(document["url"])
    assert (gone.status_code, gone.json()["errors"][0]["code"]) == (410, "ERASED")
    content = await ResourceClient(api).send("GET", f"/documents/{document['id']}/content", world.rosa.token)
    assert (content.status_code, content.json()["errors"][0]["code"]) == (410, "ERASED")


async def test_nothing_of_a_case_that_was_erased_whole_is_in_any_answer(api: Api, world: World) -> None:
    made = await opened(api, world)
    case_id = made["id"]
    await api.act(world.ada.token, "closeCase", {"caseId": case_id})
    ids = {"id": case_id, "comment": made["comment"]["id"], "document": made["comment"]["documents"][0]["id"]}
    log = await api.run(world.ada.token, "query($id: ID!) { case(id: $id) { actions { nodes { seq hash } } } }", ids)
    hashes = {row["seq"]: row["hash"] for row in log["case"]["actions"]["nodes"]}

    payload = await erase(api, world.aldo.token, case_id, everything=True)

    assert payload["errors"] == [] and payload["case"] == {"title": None, "version": 4}
    query = f"""query($id: ID!, $comment: ID!, $document: ID!) {{
        case(id: $id) {{ {CASE} documents {{ nodes {{ filename }} }} }}
        caseSnapshot(id: $id, asOf: {{seq: 2}}) {{ title description actions {{ nodes {{ comment {{ body }} }} }} }}
        cases {{ nodes {{ title description }} }}
        found: cases(search: "{CANARY}") {{ totalCount nodes {{ id }} }}
        comment: node(id: $comment) {{ ... on Comment {{ body {ERASURE} }} }}
        document: node(id: $document) {{ ... on Document {{ filename url {ERASURE} }} }}
        receipt: verifyReceipt(caseId: $id, seq: 2, hash: "{hashes[2]}") {{ stands }}
        actions {{ nodes {{ type comment {{ body }} }} }} }}"""
    answer = await api.send(world.rosa.token, query, ids)
    data = answer.json()["data"]
    assert CANARY.lower() not in answer.text.lower().replace(query.lower(), "")
    assert data["receipt"] == {"stands": True}
    assert data["found"] == {"totalCount": 0, "nodes": []}
    assert (data["case"]["title"], data["case"]["description"]) == (None, None)
    assert data["case"]["erasure"]["by"] == {"displayName": "Aldo"}
    assert data["caseSnapshot"]["title"] is None
    assert data["comment"]["body"] is None and data["document"]["url"] is None
    resources = ResourceClient(api)
    for path in (f"/cases/{case_id}", f"/cases/{case_id}/actions?include=comment,comment.documents"):
        document = await resources.read(path, world.rosa.token)
        assert CANARY.lower() not in str(document).lower()
    assert (await resources.read(f"/cases/{case_id}", world.rosa.token))["data"]["attributes"]["title"] is None


async def test_a_hold_is_shown_and_refuses_an_erasure_as_what_is_available_says(api: Api, world: World) -> None:
    made = await opened(api, world)
    input = {"caseId": made["id"], "held": True, "reason": "A court asked for it."}
    held = await api.act(world.aldo.token, "setLegalHold", input, "case { legalHold { reason } } action { held }")
    assert held["case"] == {"legalHold": {"reason": "A court asked for it."}}
    assert held["action"] == {"held": True}

    query = "query($id: ID!) { case(id: $id) { availableActions { action allowed code requiredInput } } }"
    available = {
        token: {
            item["action"]: item
            for item in (await api.run(token, query, {"id": made["id"]}))["case"]["availableActions"]
        }
        for token in (world.aldo.token, world.bea.token)
    }

    mine, others = available[world.aldo.token], available[world.bea.token]
    assert (mine["REDACT"]["allowed"], mine["REDACT"]["code"]) == (False, "LEGAL_HOLD")
    assert (mine["HOLD"]["allowed"], mine["HOLD"]["requiredInput"]) == (True, ["caseId", "held", "reason"])
    assert mine["REDACT"]["requiredInput"] == ["caseId", "reason"]
    assert {others[action]["code"] for action in ("REDACT", "HOLD")} == {"ROLE_REQUIRED"}
    assert {mine[action]["code"] for action in ("ACCEPT", "COMMENT", "CLOSE")} == {"ROLE_REQUIRED"}
    refused = await erase(api, world.aldo.token, made["id"], commentIds=[made["comment"]["id"]])
    assert [(error["code"], error["path"]) for error in refused["errors"]] == [("LEGAL_HOLD", ["input", "caseId"])]
    lifted = await api.act(world.aldo.token, "setLegalHold", {**input, "held": False}, "case { legalHold { reason } }")
    assert lifted["case"] == {"legalHold": None}


async def test_wrong_input_is_refused_field_by_field(api: Api, world: World) -> None:
    made = await opened(api, world)
    comment_id = made["comment"]["id"]

    async def found(**what: Any) -> list[tuple[str, list[str]]]:
        payload = await erase(api, world.aldo.token, made["id"], **what)
        return [(error["code"], error["path"]) for error in payload["errors"]]

    assert await found() == [("REQUIRED", ["input", "commentIds"])]
    assert await found(commentIds=[], documentIds=[], everything=False) == [("REQUIRED", ["input", "commentIds"])]
    assert await found(commentIds=[comment_id], reason=" ") == [("REQUIRED", ["input", "reason"])]
    assert await found(commentIds=[comment_id], everything=True) == [("INVALID_INPUT", ["input", "everything"])]
    assert await found(everything=True) == [("INVALID_INPUT", ["input", "everything"])]
    assert await found(commentIds=[comment_id, comment_id]) == [("INVALID_INPUT", ["input", "commentIds", "1"])]
    assert await found(commentIds=["x"]) == [("INVALID_ID", ["input", "commentIds", "0"])]
    assert await found(documentIds=[comment_id] * 101) == [("INVALID_INPUT", ["input", "documentIds"])]
    assert await found(documentIds=[comment_id]) == [("NOT_FOUND", ["input", "documentIds", "0"])]
    assert await found(commentIds=[comment_id], reason="x" * 10_001) == [("TOO_LONG", ["input", "reason"])]


async def test_each_row_tells_by_what_authority_it_was_written(api: Api, world: World) -> None:
    made = await opened(api, world)
    input = {"caseId": made["id"], "body": "Seen.", "expectedVersion": 2}
    await api.act(world.bea.token, "addComment", input)

    case = (await api.run(world.rosa.token, READ, {"id": made["id"]}))["case"]

    rows = {row["seq"]: row["authority"] for row in case["actions"]["nodes"]}
    assert (rows[1]["roles"], rows[1]["reviewedVersion"], rows[1]["tokenSource"]) == (
        ["CONTRIBUTOR"],
        None,
        "API_TOKEN",
    )
    assert (rows[3]["roles"], rows[3]["reviewedVersion"]) == (["CONTRIBUTOR", "REVIEWER"], 2)
    assert rows[3]["token"] is not None and set(rows[3]["token"]) == {"name"}
