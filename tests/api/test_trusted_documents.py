"""Documents that are named instead of sent: the manifest's formats, its modes, Apollo's automatic ones, and tags."""

import hashlib
import json
from pathlib import Path
from typing import Any

import httpx2
import pytest

from app.api.trusted_documents import ManifestError, Mode, TrustedDocuments, read_manifest
from tests.support.api import Api
from tests.support.world import World

NAME = "{ viewer { user { displayName } } }"
OTHER = "{ viewer { language } }"
USER = "query User($id: ID!) { node(id: $id) { id } }"


def sha256(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


@pytest.fixture
def manifest(tmp_path: Path) -> Path:
    path = tmp_path / "persisted.json"
    path.write_text(json.dumps({"name-1": NAME, sha256(USER): USER}))
    return path


def reported(answer: httpx2.Response) -> tuple[int, str]:
    body = answer.json()
    return answer.status_code, body["errors"][0]["extensions"]["code"] if "errors" in body else "NONE"


async def ask(api: Api, world: World, *, language: str = "en", **parameters: Any) -> httpx2.Response:
    headers = {"Authorization": f"Bearer {world.ada.token}", "Accept-Language": language}
    return await api.client.post("/graphql", json=parameters, headers=headers)


def persisted(text: str) -> dict[str, Any]:
    return {"persistedQuery": {"version": 1, "sha256Hash": sha256(text)}}


def test_both_formats_of_manifests_say_the_same(tmp_path: Path) -> None:
    relay, apollo = tmp_path / "relay.json", tmp_path / "apollo.json"
    relay.write_text(json.dumps({"a": NAME, "b": OTHER}))
    apollo.write_text(
        json.dumps(
            {
                "format": "apollo-persisted-query-manifest",
                "version": 1,
                "operations": [
                    {"id": "a", "name": "A", "type": "query", "body": NAME},
                    {"id": "b", "name": "B", "type": "query", "body": OTHER},
                ],
            }
        )
    )

    assert read_manifest(relay) == read_manifest(apollo) == {"a": NAME, "b": OTHER}


@pytest.mark.parametrize(
    "content",
    ["", "[]", "1", '{"a": 1}', '{"format": "apollo-persisted-query-manifest", "operations": [{"id": "a"}]}'],
)
def test_what_is_no_manifest_is_refused_at_the_start(tmp_path: Path, content: str) -> None:
    path = tmp_path / "manifest.json"
    path.write_text(content)

    with pytest.raises(ManifestError, match=r"manifest\.json"):
        read_manifest(path)
    with pytest.raises(ManifestError, match="No such file"):
        read_manifest(tmp_path / "nowhere.json")


# What is answered to: an id of the manifest, its text, another text, an unknown id.
MODES = {
    "off": ["PERSISTED_QUERY_NOT_FOUND", "NONE", "NONE", "PERSISTED_QUERY_NOT_FOUND"],
    "log": ["NONE", "NONE", "NONE", "PERSISTED_QUERY_NOT_FOUND"],
    "allow-list": ["NONE", "NONE", "DOCUMENT_NOT_TRUSTED", "PERSISTED_QUERY_NOT_FOUND"],
    "only": ["NONE", "DOCUMENT_NOT_TRUSTED", "DOCUMENT_NOT_TRUSTED", "PERSISTED_QUERY_NOT_FOUND"],
}


@pytest.mark.parametrize("mode", MODES)
async def test_the_mode_says_what_may_be_sent(
    fresh_url: str, world: World, manifest: Path, mode: str, capsys: pytest.CaptureFixture[str]
) -> None:
    async with Api.opened(fresh_url, trusted_documents=manifest, trusted_documents_mode=mode) as api:
        answers = [
            await ask(api, world, documentId="name-1"),
            await ask(api, world, query=NAME),
            await ask(api, world, query=OTHER),
            await ask(api, world, documentId="unknown"),
        ]

    assert [reported(answer)[1] for answer in answers] == MODES[mode]
    assert {answer.status_code for answer in answers} == {200}
    assert ("document_not_trusted" in capsys.readouterr().err) == (mode == "log")


async def test_a_document_is_named_by_its_hash_too_and_takes_variables(
    fresh_url: str, world: World, manifest: Path
) -> None:
    async with Api.opened(fresh_url, trusted_documents=manifest, trusted_documents_mode="only") as api:
        answer = await ask(api, world, extensions=persisted(USER), variables={"id": str(world.ada.id)})

    assert answer.json() == {"data": {"node": {"id": str(world.ada.id)}}}


async def test_an_unknown_hash_is_answered_as_apollo_s_clients_expect(fresh_url: str, world: World) -> None:
    async with Api.opened(fresh_url, persisted_queries=10) as api:
        unknown = await ask(api, world, extensions=persisted(NAME))
        learnt = await ask(api, world, query=NAME, extensions=persisted(NAME))
        known = await ask(api, world, extensions=persisted(NAME))
        lied = await ask(api, world, query=OTHER, extensions=persisted(USER))
        not_learnt = await ask(api, world, extensions=persisted(USER))

    assert unknown.json()["errors"][0]["message"] == "PersistedQueryNotFound"
    assert [reported(answer)[1] for answer in (unknown, learnt, known)] == ["PERSISTED_QUERY_NOT_FOUND", "NONE", "NONE"]
    assert known.json() == learnt.json()
    assert (reported(lied)[1], reported(not_learnt)[1]) == ("PERSISTED_QUERY_MISMATCH", "PERSISTED_QUERY_NOT_FOUND")


@pytest.mark.parametrize("language", ["en", "fr", "fr-CA, en;q=0.5", "de"])
async def test_what_clients_compare_is_the_same_in_each_language(
    fresh_url: str, world: World, api: Api, language: str
) -> None:
    async with Api.opened(fresh_url, persisted_queries=10) as learning:
        unknown = await ask(learning, world, extensions=persisted(NAME), language=language)
    off = await ask(api, world, extensions=persisted(NAME), language=language)

    assert unknown.json()["errors"][0] == {
        "message": "PersistedQueryNotFound",
        "extensions": {"code": "PERSISTED_QUERY_NOT_FOUND"},
    }
    assert off.json()["errors"][0] == {
        "message": "PersistedQueryNotSupported",
        "extensions": {"code": "PERSISTED_QUERY_NOT_SUPPORTED"},
    }


@pytest.mark.parametrize("mode", ["allow-list", "only"])
async def test_where_only_registered_documents_are_taken_hashes_of_others_are_not_supported(
    fresh_url: str, world: World, manifest: Path, mode: str
) -> None:
    settings = {"trusted_documents": manifest, "trusted_documents_mode": mode, "persisted_queries": 10}
    async with Api.opened(fresh_url, **settings) as api:
        unknown = await ask(api, world, extensions=persisted("{ __typename }"))

    assert reported(unknown)[1] == "PERSISTED_QUERY_NOT_SUPPORTED"


async def test_nothing_is_learnt_unless_the_setting_says_so(api: Api, world: World) -> None:
    await ask(api, world, query=NAME, extensions=persisted(NAME))

    assert reported(await ask(api, world, extensions=persisted(NAME)))[1] == "PERSISTED_QUERY_NOT_SUPPORTED"


def test_what_is_learnt_is_bounded_in_number_and_in_bytes() -> None:
    documents = TrustedDocuments({}, Mode.OFF, remembered=3)
    texts = [f"{{ a{number} }}" for number in range(5)]
    for text in texts:
        documents.find(text, None, persisted(text))

    assert list(documents._remembered.values()) == texts[2:]
    for number in range(100):
        long = f"{number}" + " " * 4_000_000
        documents.find(long, None, persisted(long))
    assert documents._bytes <= 8 * 1024 * 1024


async def test_an_answer_to_a_trusted_document_by_get_is_kept_by_the_client_as_long_as_it_is_good(
    fresh_url: str, world: World, manifest: Path
) -> None:
    async with Api.opened(fresh_url, trusted_documents=manifest) as api:

        async def get(**headers: str) -> httpx2.Response:
            sent = {"Authorization": f"Bearer {world.ada.token}"} | headers
            return await api.client.get("/graphql", params={"documentId": "name-1"}, headers=sent)

        first = await get()
        tag = first.headers["etag"]
        again = await get(**{"If-None-Match": f'"x", {tag}', "Accept-Encoding": "gzip"})
        strong = await get(**{"If-None-Match": tag.removeprefix("W/")})
        other_type = await get(Accept="application/graphql-response+json", **{"If-None-Match": tag})
        french = await get(**{"If-None-Match": '"x"'})
        sent = await api.client.get(
            "/graphql", params={"query": NAME}, headers={"Authorization": f"Bearer {world.ada.token}"}
        )

    assert first.headers["cache-control"] == "private, no-cache"
    assert "Authorization" in first.headers["vary"]
    assert (again.status_code, again.content, again.headers["etag"]) == (304, b"", tag)
    assert tag.startswith('W/"') and strong.status_code == 304
    assert other_type.status_code == french.status_code == 200
    assert "etag" not in sent.headers and sent.headers["cache-control"] == "no-store"
