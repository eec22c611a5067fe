"""A database that is away: clients are told to come back, with a request id and nothing else, whatever they asked for.

That it goes on when the database is back, and what a full disk does, is shown by the fault runs.
"""

import json
from collections.abc import AsyncIterator
from pathlib import Path

import httpx2
import pytest

from tests.support.api import Api
from tests.support.ports import free_port

QUERY = "{ viewer { user { displayName } } }"
WORDS = {
    "en": "This can't be done at the moment; an action may have been done all the same. Try again in 1 s, and quote"
    " lost-1 when you ask for help.",
    "fr": "C’est impossible pour le moment ; une action a pu être effectuée malgré tout. Réessayez dans 1 s, et citez"
    " lost-1 si vous demandez de l’aide.",
}


@pytest.fixture(params=["sqlite", "postgresql"])
async def nowhere(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Api]:
    """The gateway's app on a database that is not there."""
    urls = {
        "sqlite": f"sqlite:///{tmp_path}/no/such/folder/casegate.sqlite",
        "postgresql": f"postgresql://user:secret@127.0.0.1:{free_port()}/casegate",
    }
    async with Api.opened(urls[request.param]) as opened:
        yield opened


def assert_retryable(answer: httpx2.Response) -> None:
    assert (answer.status_code, answer.headers["retry-after"], answer.headers["x-request-id"]) == (503, "1", "lost-1")


@pytest.mark.parametrize("language", ["en", "fr"])
async def test_an_operation_is_answered_with_a_retryable_503_and_logged_once(
    capsys: pytest.CaptureFixture[str], nowhere: Api, language: str
) -> None:
    answer = await nowhere.send("cgt_x", QUERY, x_request_id="lost-1", accept_language=language)

    assert_retryable(answer)
    extensions = {"code": "UNAVAILABLE", "seconds": 1, "requestId": "lost-1", "retryable": True, "retryAfterMs": 1000}
    assert answer.json() == {"errors": [{"message": WORDS[language], "extensions": extensions}]}
    (line,) = [json.loads(line) for line in capsys.readouterr().err.splitlines() if '"unavailable"' in line]
    assert line["request_id"] == "lost-1"
    assert "secret" not in json.dumps(line)


async def test_an_upload_is_answered_with_a_retryable_503(nowhere: Api) -> None:
    headers = {"Authorization": "Bearer cgt_x", "X-Request-ID": "lost-1", "Accept-Language": "en"}

    answer = await nowhere.client.post("/documents?filename=a.txt", content=b"a", headers=headers)

    assert_retryable(answer)
    retry = {"retryable": True, "retryAfterMs": 1000}
    assert answer.json() == {"errors": [{"code": "UNAVAILABLE", "message": WORDS["en"], "path": [], **retry}]}
