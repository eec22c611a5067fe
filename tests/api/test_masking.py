"""Faults as clients see them: a request id, in both languages, and nothing else; what is really wrong is in the log.

A fault before any field is in test_endpoint.
"""

import json
from typing import Any

import pytest

from tests.support.api import Api
from tests.support.database_contents import contents, without
from tests.support.world import World

COMMENT = """mutation($id: ID!) { addComment(input: {caseId: $id, body: "The IBAN is FR76 1234."}) {
    case { status } errors { code } } }"""
WORDS = {
    "en": "Something went wrong on our side. Please quote lost-1 when you ask for help.",
    "fr": "Une erreur est survenue de notre côté. Merci de citer lost-1 si vous demandez de l’aide.",
}


def masked(language: str, *path: str | int) -> dict[str, Any]:
    """Return a fault as it must be told, without its place in the document."""
    extensions = {"code": "INTERNAL_ERROR", "requestId": "lost-1"}
    return {"message": WORDS[language], "extensions": extensions, "path": list(path)}


@pytest.mark.parametrize("language", ["en", "fr"])
async def test_a_fault_in_an_action_is_masked_logged_once_and_leaves_nothing(
    capsys: pytest.CaptureFixture[str], world: World, api: Api, language: str
) -> None:
    variables = {"id": str((await world.open_case()).case.id)}
    headers = {"x_request_id": "lost-1", "accept_language": language}
    before = await contents(world.database)

    async with without(world.database, "comments"):
        answer = await api.send(world.ada.token, COMMENT, variables, **headers)

    assert answer.status_code == 200
    assert answer.headers["content-language"] == language
    (error,) = answer.json()["errors"]
    del error["locations"]
    assert error == masked(language, "addComment")
    assert answer.json()["data"] is None
    assert await contents(world.database) == before
    (line,) = [json.loads(line) for line in capsys.readouterr().err.splitlines() if '"fault"' in line]
    assert (line["request_id"], line["path"]) == ("lost-1", ["addComment"])
    assert any("comments" in cause["says"] for cause in line["exception"])
    assert "FR76 1234" not in json.dumps(line)  # what people write is not for the log
    again = await api.run(world.ada.token, COMMENT, variables)
    assert again["addComment"] == {"case": {"status": "IN_PROGRESS"}, "errors": []}


async def test_a_fault_in_a_field_leaves_the_other_fields(world: World, api: Api) -> None:
    await world.open_case()
    query = "{ viewer { user { displayName } } cases(first: 1) { nodes { reference subject { label } } } }"

    async with without(world.database, "subjects"):
        body = (await api.send(world.ada.token, query, x_request_id="lost-1", accept_language="en")).json()

    assert body["data"] == {
        "viewer": {"user": {"displayName": "Ada"}},
        "cases": {"nodes": [{"reference": "CASE-000001", "subject": None}]},
    }
    (error,) = body["errors"]
    del error["locations"]
    assert error == masked("en", "cases", "nodes", 0, "subject")
