"""The codes of errors: one enum has them all, the manual tells each, and answers are as it tells."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import httpx2
import pytest
from graphql import GraphQLEnumType

from app.api.error_codes import MEANINGS, REMEDIES
from app.api.error_page import MARK, kinds, sections
from app.domain.errors import ErrorCode
from app.domain.model import Language
from app.i18n import WORDS
from app.web import statuses
from tests.support.api import Api
from tests.support.paths import ROOT
from tests.support.schema import SCHEMA
from tests.support.world import World

PAGE = (ROOT / "app/docs/errors.md").read_text(encoding="utf-8")
SECTIONS = {part.partition("\n")[0]: part for part in PAGE.partition(MARK)[2].split("\n### ")[1:]}
PARSED = {path: ast.parse(path.read_text(encoding="utf-8")) for path in sorted((ROOT / "app").glob("[!g]*/**/*.py"))}
PARSED |= {path: ast.parse(path.read_text(encoding="utf-8")) for path in sorted((ROOT / "app").glob("*.py"))}
RESPONSE_JSON = "application/graphql-response+json"

# --- The enum --------------------------------------------------------------------------------------------------------


def calls() -> Iterator[tuple[Path, str, ast.Call]]:
    """Yield each call in the code with the name of what is called."""
    for path, tree in PARSED.items():
        for node in ast.walk(tree):
            if isinstance(node, ast.Call):
                name = node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")
                yield path, name, node


def literal(node: ast.expr | None) -> str | None:
    return node.value if isinstance(node, ast.Constant) and isinstance(node.value, str) else None


def codes_by_hand(tree: ast.Module) -> Iterator[str]:
    """Yield each literal that is a code, or stands where one does."""
    for node in ast.walk(tree):
        found: list[str | None] = []
        match node:
            case ast.Constant(value=str(text)):
                found = [text if text in set(ErrorCode) else None]
            case ast.Dict(keys=keys, values=values):
                found = [literal(value) for key, value in zip(keys, values, strict=True) if literal(key) == "code"]
            case ast.keyword(arg="code", value=value):
                found = [literal(value)]
            case ast.Call(func=ast.Attribute(attr="get")):
                pass  # of the environment, or of a table
            case ast.Call(args=args):
                found = [text for text in map(literal, args) if re.fullmatch("[A-Z]+(_[A-Z]+)+", text or "")]
        yield from filter(None, found)


def test_no_code_is_written_by_hand() -> None:
    found = {str(path.relative_to(ROOT)): set(codes_by_hand(tree)) for path, tree in PARSED.items()}

    assert {path: codes for path, codes in found.items() if codes} == {"app/domain/errors.py": set(ErrorCode)}
    assert len(PARSED) > 150


def test_every_code_is_some_class_of_refusals_or_is_made_by_the_code_and_none_is_for_nothing() -> None:
    named = {
        node.attr
        for path, tree in PARSED.items()
        for node in ast.walk(tree)
        if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name) and node.value.id == "ErrorCode"
    }

    assert named == set(ErrorCode)
    assert {kind.code for kind in kinds()} <= set(ErrorCode)


def test_the_schema_has_one_enum_of_all_codes_with_their_meanings() -> None:
    enum = SCHEMA.type_map["ErrorCode"]

    assert isinstance(enum, GraphQLEnumType)
    assert {name: value.description for name, value in enum.values.items()} == dict(MEANINGS)


# --- The page --------------------------------------------------------------------------------------------------------


def test_the_manual_s_page_is_the_one_that_the_code_makes() -> None:
    assert sections() == PAGE.partition(MARK)[2], "run: python -m app.api.error_page"


def test_the_page_has_each_code_once_with_its_meaning_its_messages_and_what_helps() -> None:
    assert MEANINGS.keys() == REMEDIES.keys() == set(ErrorCode)
    assert list(SECTIONS) == list(ErrorCode)
    for code in ErrorCode:
        section = SECTIONS[code]
        assert MEANINGS[code] in section and REMEDIES[code] in section
        for language in Language:
            assert WORDS[language]["messages"][code] in section
        for part in ("HTTP", "Extensions", "Retryable"):
            assert f"**{part}**" in section


def test_links_of_the_page_lead_somewhere() -> None:
    for target in re.findall(r"\]\(([^)]+)\)", PAGE):
        file, _, anchor = target.partition("#")
        text = (ROOT / "app/docs" / file).read_text(encoding="utf-8") if file else PAGE
        headings = {line.lstrip("# ").lower().replace(" ", "-") for line in text.splitlines() if line.startswith("#")}
        assert not anchor or anchor in headings, target


def test_the_statuses_of_unreadable_requests_are_the_documented_ones() -> None:
    used = set()
    for _, name, call in calls():
        if name == "BadRequest" and call.args and isinstance(call.args[0], ast.Constant):
            used.add(call.args[0].value)
        if name == "_refuse" and len(call.args) > 1 and "BAD_REQUEST" in ast.dump(call.args[1]):
            assert isinstance(call.args[0], ast.Constant)
            used.add(call.args[0].value)

    assert used == set(statuses.BAD_REQUEST)


# --- Answers are as the page tells -----------------------------------------------------------------------------------


def assert_documented(answer: httpx2.Response, code: str) -> None:
    """Hold the status, the code and the names of an error's extensions against the code's section."""
    (error,) = answer.json()["errors"]
    extensions = error.get("extensions", error)
    section = SECTIONS[code]
    statuses_documented = re.findall(r"\b[2-5]\d\d\b", section.partition("**HTTP**")[2].partition("\n")[0])
    extensions_documented = re.findall(r"`(\w+)`", section.partition("**Extensions**")[2].partition("\n")[0])

    assert extensions["code"] == code
    assert str(answer.status_code) in statuses_documented
    assert set(extensions) - {"message", "path"} <= set(extensions_documented)


@pytest.mark.parametrize("language", ["en", "fr"])
async def test_an_invalid_operation_has_a_code_of_the_enum_and_a_message_in_the_language(
    world: World, api: Api, language: str
) -> None:
    headers = {"Authorization": f"Bearer {world.ada.token}", "Accept-Language": language}

    async def ask(accept: str = "application/json", method: str = "POST", **body: object) -> httpx2.Response:
        return await api.client.request(method, "/graphql", json=body, headers=headers | {"Accept": accept})

    cases = [
        (ErrorCode.BAD_REQUEST, await ask()),
        (ErrorCode.BAD_REQUEST, await ask(method="PUT", query="{ viewer { id } }")),
        (ErrorCode.BAD_REQUEST, await ask(accept="text/html", query="{ viewer { id } }")),
        (ErrorCode.GRAPHQL_INVALID, await ask(query="{ nothing }")),
        (ErrorCode.GRAPHQL_INVALID, await ask(accept=RESPONSE_JSON, query="{ viewer {")),
        (ErrorCode.BAD_USER_INPUT, await ask(query="query($id: ID!) { node(id: $id) { id } }")),
        (
            ErrorCode.BAD_USER_INPUT,
            await ask(query="query($n: Int) { cases(first: $n) { nodes { id } } }", variables={"n": "x"}),
        ),
        (ErrorCode.PERSISTED_QUERY_NOT_FOUND, await ask(documentId="nothing")),
        (ErrorCode.PERSISTED_QUERY_NOT_SUPPORTED, await ask(extensions={"persistedQuery": {"sha256Hash": "0" * 64}})),
        (
            ErrorCode.PERSISTED_QUERY_MISMATCH,
            await ask(query="{ viewer { id } }", extensions={"persistedQuery": {"sha256Hash": "0" * 64}}),
        ),
    ]

    for code, answer in cases:
        assert_documented(answer, code)
        assert answer.headers["Content-Language"] == language
    words = [answer.json()["errors"][0]["message"] for _, answer in cases[:7]]
    openings = ("La requête n’a pas pu être lue : ", "Le document GraphQL n’est pas valide : ", "Une valeur n’est pas ")
    assert all(text.startswith(openings) for text in words) == (language == "fr")


async def test_refusals_are_as_documented_in_queries_payloads_and_documents(world: World, api: Api) -> None:
    ada = {"Authorization": f"Bearer {world.ada.token}"}
    reading = await api.send(world.ada.token, '{ case(id: "x") { id } }')
    unknown = await api.send(None, "{ viewer { id } }")
    payload = await api.act(world.ada.token, "closeCase", {"caseId": str(world.ada.id)})
    missing = await api.client.get(f"/documents/{world.ada.id}", headers=ada)
    empty = await api.client.post("/documents", content=b"", headers=ada | {"Content-Type": "text/plain"})
    unsupported = await api.client.post("/documents", content=b"MZ\x90\x00" * 100, headers=ada)

    assert_documented(reading, ErrorCode.INVALID_ID)
    assert reading.json()["errors"][0]["extensions"]["argument"] == ["id"]
    assert_documented(unknown, ErrorCode.UNAUTHENTICATED)
    (error,) = payload["errors"]
    assert (error["code"], error["path"]) == (ErrorCode.NOT_FOUND, ["input", "caseId"])
    assert f"`{error['__typename']}`" in SECTIONS[error["code"]]
    assert_documented(missing, ErrorCode.NOT_FOUND)
    assert_documented(empty, ErrorCode.DOCUMENT_EMPTY)
    assert_documented(unsupported, ErrorCode.DOCUMENT_TYPE_UNSUPPORTED)


@pytest.mark.parametrize(
    ("code", "place", "type_name"),
    [
        (ErrorCode.LAST_ADMIN, "In a payload", "AdministrationError"),
        (ErrorCode.EMAIL_TAKEN, "In a payload", "AdministrationError"),
        (ErrorCode.NOT_ATTEMPTED, "In a result of `performActions`", "RetryError"),
        (ErrorCode.RATE_LIMITED, "In a result of `performActions`", "RetryError"),
        (ErrorCode.INTERNAL_ERROR, "In a result of `performActions`", "RetryError"),
        (ErrorCode.TOKEN_EXPIRED, "In a result of `performActions`", "AccessError"),
    ],
)
def test_the_page_names_the_type_of_an_error_and_where_it_stands(code: str, place: str, type_name: str) -> None:
    assert f"- **{place}**: `{type_name}`, with " in SECTIONS[code]


async def test_retryable_errors_are_as_documented(world: World, fresh_url: str) -> None:
    async with Api.opened(fresh_url, rate_limit=1, rate_window=60) as api:
        await api.send(world.ada.token, "{ viewer { id } }")
        limited = await api.send(world.ada.token, "{ viewer { id } }")

    assert_documented(limited, ErrorCode.RATE_LIMITED)
    assert limited.json()["errors"][0]["extensions"]["retryable"] is True
