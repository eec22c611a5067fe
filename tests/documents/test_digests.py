"""Digests that come along are compared with what arrived, or refused: none is passed over."""

import base64
import hashlib
from pathlib import Path
from typing import Any

import pytest

from app.db.engines import Database
from tests.support.api import Api
from tests.support.documents import TEXT, document_rows, files_in, refusal, upload
from tests.support.world import World


def digest(algorithm: str, content: bytes) -> str:
    name = algorithm.replace("-", "")
    return f"{algorithm}=:{base64.b64encode(hashlib.new(name, content).digest()).decode()}:"


@pytest.mark.parametrize("header", ["Repr-Digest", "Content-Digest"])
@pytest.mark.parametrize("algorithm", ["sha-256", "sha-512"])
async def test_a_digest_is_compared_with_what_arrived(
    api: Api, world: World, database: Database, tmp_path: Path, header: str, algorithm: str
) -> None:
    right = await upload(api, world.ada.token, TEXT, **{header: f"md5=:AAAA:, {digest(algorithm, TEXT)}"})
    wrong = await upload(api, world.ada.token, TEXT + b"!", **{header: digest(algorithm, TEXT)})

    assert right.status_code == 201
    assert refusal(wrong) == (400, "INVALID_INPUT", [header.lower()])
    assert (await document_rows(database), len(files_in(tmp_path))) == (1, 1)


RIGHT, WRONG = digest("sha-256", TEXT), digest("sha-256", b"other")


READ = [
    [RIGHT + ";x"],
    [RIGHT + '; a=1; b="c, sha-256=:AAAA:"; d=?1; e=tok; f=:AA==:; g=-1.5; h=@1; i'],
    [RIGHT + " , " + digest("sha-512", TEXT)],
    ["md5=:AAAA:", RIGHT],
    [RIGHT, RIGHT],
    ["unixsum=:AA==:, crc32c=:AAAAAA==:, " + RIGHT],
    [RIGHT.removesuffix("=:") + ":"],
]


async def test_digests_are_read_as_structured_fields(api: Api, world: World) -> None:
    answers = [await send_digests(api, world, "Repr-Digest", lines) for lines in READ]

    assert [answer.status_code for answer in answers] == [201] * len(READ), [answer.text for answer in answers]


NOT_COMPARED = [
    ([RIGHT, WRONG], "another sha-256 digest"),
    ([WRONG, RIGHT], "another sha-256 digest"),
    ([WRONG + ";x=1"], "another sha-256 digest"),
    ([WRONG + ";x, " + RIGHT], "another sha-256 digest"),
    ([f"{RIGHT}, {digest('sha-512', b'other')}"], "another sha-512 digest"),
    (["sha-256=:AAAA:"], "another sha-256 digest"),
    (["sha-256=::"], "another sha-256 digest"),
    (["md5=:AAAA:"], "accepted are sha-256 and sha-512"),
    (["sha-512/256=:AAAA:"], "no digest after RFC 9530"),
    ([RIGHT.upper()], "no digest after RFC 9530"),
    ([RIGHT.replace(":", "")], "no digest after RFC 9530"),
    (["sha-256=" + hashlib.sha256(TEXT).hexdigest()], "no digest after RFC 9530"),
    ([f'sha-256="{RIGHT[9:-1]}"'], "no digest after RFC 9530"),
    ([RIGHT + ","], "no digest after RFC 9530"),
    ([RIGHT + " " + RIGHT], "no digest after RFC 9530"),
    ([RIGHT + ";=1"], "no digest after RFC 9530"),
    ([RIGHT, "nonsense!"], "no digest after RFC 9530"),
    (["sha-256"], "no digest after RFC 9530"),
    ([""], "no digest after RFC 9530"),
    (["a=:AAAA:," * 2000 + RIGHT], "no digest after RFC 9530"),
]


@pytest.mark.parametrize("header", ["Repr-Digest", "content-digest"])
async def test_a_digest_that_is_not_compared_is_refused(api: Api, world: World, tmp_path: Path, header: str) -> None:
    """All are sent to one gateway, since nothing of what is refused stays."""
    others = {}
    for lines, says in NOT_COMPARED:
        answer = await send_digests(api, world, header, lines)
        is_said = says in answer.text
        if not is_said or refusal(answer) != (400, "INVALID_INPUT", [header.lower()]) or files_in(tmp_path):
            others[str(lines)] = (says, answer.status_code, answer.text, files_in(tmp_path))

    assert others == {}


@pytest.mark.parametrize("header", ["Digest", "Content-MD5"])
async def test_a_digest_of_older_days_is_refused(api: Api, world: World, header: str) -> None:
    answer = await send_digests(api, world, header, ["x"])

    assert refusal(answer) == (400, "INVALID_INPUT", [header.lower()])
    assert "send Repr-Digest" in answer.json()["errors"][0]["message"]


async def send_digests(api: Api, world: World, header: str, lines: list[str]) -> Any:
    headers = [("Authorization", f"Bearer {world.ada.token}"), *((header, line) for line in lines)]
    return await api.client.post("/documents?filename=a.txt", content=TEXT, headers=headers)


@pytest.mark.parametrize(("promised", "status"), [(RIGHT, 201), (WRONG, 400), ("md5=:AAAA:", 400)])
async def test_a_part_of_a_form_may_promise_a_digest_of_its_own(
    api: Api, world: World, promised: str, status: int
) -> None:
    head = f'--x\r\nContent-Disposition: form-data; name="f"; filename="a.txt"\r\nRepr-Digest: {promised}\r\n\r\n'
    headers = {"Content-Type": "multipart/form-data; boundary=x", "Authorization": f"Bearer {world.ada.token}"}

    answer = await api.client.post("/documents", content=head.encode() + TEXT + b"\r\n--x--\r\n", headers=headers)

    assert answer.status_code == status, answer.text
