"""Uploading and looking for what is left: what the tests of documents share."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import httpx2
from sqlalchemy import func, select

from app.db import tables
from app.db.engines import Database
from tests.support.api import Api

TEXT = b"The supplier called back at ten.\n"


async def upload(api: Api, token: str, content: bytes = TEXT, filename: str = "note.txt", **headers: str) -> Any:
    """Upload a file as the raw body, and return the answer."""
    sent = {"Authorization": f"Bearer {token}"} | {name.replace("_", "-"): value for name, value in headers.items()}
    return await api.client.post("/documents", params={"filename": filename}, content=content, headers=sent)


async def uploaded(api: Api, token: str, content: bytes = TEXT, filename: str = "note.txt") -> str:
    """Upload a file that must be accepted, and return its id."""
    answer = await upload(api, token, content, filename)
    assert answer.status_code == 201, answer.text
    found: str = answer.json()["id"]
    return found


async def send_form(
    api: Api, token: str | None, operations: Any, places: Any, files: Sequence[tuple[str, tuple[str, bytes]]]
) -> httpx2.Response:
    """Send a GraphQL multipart request."""
    headers = {} if token is None else {"Authorization": f"Bearer {token}"}
    # As files without a name they make a form even where there is no other file.
    fields = [(name, (None, _encoded(value))) for name, value in (("operations", operations), ("map", places))]
    return await api.client.post("/graphql", files=[*fields, *files], headers=headers)


def _encoded(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value)


async def comment_with(
    api: Api, token: str, case_id: Any, files: Sequence[tuple[str, bytes]], **more: Any
) -> dict[str, Any]:
    """Add a comment with files that come along, and return the payload."""
    selection = "errors { code path } comment { id documents { id filename contentType sizeBytes sha256 url } }"
    input = {"caseId": str(case_id), "body": "See the files.", "documents": [None] * len(files), **more}
    operations = {
        "query": f"mutation($input: AddCommentInput!) {{ addComment(input: $input) {{ {selection} }} }}",
        "variables": {"input": input},
    }
    places = {str(index): [f"variables.input.documents.{index}"] for index in range(len(files))}
    answer = await send_form(api, token, operations, places, [(str(index), file) for index, file in enumerate(files)])
    payload: dict[str, Any] = answer.json()["data"]["addComment"]
    return payload


def refusal(answer: Any) -> tuple[int, str, list[str]]:
    """Return the status, the code and the path of an answer that refuses."""
    (error,) = answer.json()["errors"]
    return answer.status_code, error["code"], error["path"]


def form_of(case_id: Any, content: bytes, headers: str = "") -> bytes:
    """Return a form with a comment and one file, with *headers* of its part."""
    input = {"caseId": str(case_id), "body": "See the file.", "documents": [None]}
    query = "mutation($i: AddCommentInput!) { addComment(input: $i) { errors { code path message } comment { id } } }"
    fields = {
        "operations": json.dumps({"query": query, "variables": {"i": input}}),
        "map": json.dumps({"0": ["variables.i.documents.0"]}),
    }
    start = "".join(
        f'--x\r\nContent-Disposition: form-data; name="{name}"\r\n\r\n{value}\r\n' for name, value in fields.items()
    )
    file = f'--x\r\nContent-Disposition: form-data; name="0"; filename="a.txt"\r\n{headers}\r\n'
    return (start + file).encode() + content + b"\r\n--x--\r\n"


async def document_rows(database: Database) -> int:
    async with database.read() as connection:
        return await connection.scalar(select(func.count()).select_from(tables.documents)) or 0


def files_in(folder: Path, below: str = "documents") -> list[Path]:
    """Return all files below the store of *folder*, blobs and arrivals, but the mark of whose it is."""
    return [path for path in (folder / below).rglob("*") if path.is_file() and path.name != "owner"]
