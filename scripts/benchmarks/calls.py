"""What is sent to whom: for each operation the calls that are made of the data, as the bytes of each server's requests.

Reads are asked for once beforehand, so that all servers are seen to give the same answer, and later answers can be
compared to the byte.
"""

import http.client
import json
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import orjson

from scripts.benchmarks.data import Data, Desk
from scripts.benchmarks.driver import Shot, WrongAnswer
from scripts.benchmarks.operations import CURSORS, PAGE, Call, Operation
from scripts.benchmarks.servers import Server

CASES = 200
PAGES = 10
COMMENTS = 1000
REQUESTED = 2
"""The version of a case that was opened, and of which an override was requested."""


def desk_of(operation: Operation, data: Data) -> Desk:
    """Return the account that *operation* works in."""
    return {"M1": data.commenting, "M2": data.deciding}.get(operation.key, data.reading)


def calls_of(operation: Operation, data: Data, gateway: Server) -> list[Call]:
    """Return the calls of *operation*; those of M2 can be made once."""
    match operation.key:
        case "Q1":
            return [_case(str(id)) for id, _ in data.cases[:: max(1, len(data.cases) // CASES)][:CASES]]
        case "Q2":
            return pages(data, gateway, PAGE)
        case "M1":
            return [comment_call(str(id), number) for number, id in enumerate(data.commented[:COMMENTS])]
        case _:
            return [_decision(str(case), str(override)) for case, override in data.decided]


def _case(id: str) -> Call:
    return Call({"id": id}, {"id": id}, id)


def comment_call(case_id: str, number: int) -> Call:
    body = f"Called the supplier, time {number}: the account on the letter is theirs."
    values = {"caseId": case_id, "body": body}
    return Call({"input": values}, values, body)


def _decision(case_id: str, override_id: str) -> Call:
    values = {"caseId": case_id, "overrideId": override_id, "expectedVersion": REQUESTED}
    return Call({"input": values}, values, override_id)


def pages(data: Data, gateway: Server, size: int) -> list[Call]:
    """Return the first pages of the worklist, with *size* cases each."""
    cursors: list[str | None] = [None]
    numbers: list[int | None] = [None]
    while len(cursors) < PAGES and len(data.cases) >= size * (len(cursors) + 1):
        variables = {"after": cursors[-1], "first": size}
        edges = ask(gateway, data.reading, {"query": CURSORS, "variables": variables})["data"]["cases"]["edges"]
        cursors.append(edges[-1]["cursor"])
        numbers.append(data.cases[size * len(numbers) - 1][1])
    return [
        Call({"after": cursor, "first": size}, {"before": number, "first": size}, "hasNextPage")
        for cursor, number in zip(cursors, numbers, strict=True)
    ]


def body_of(server: Server, operation: Operation, call: Call) -> tuple[str, Any]:
    """Return the path and the body of a request."""
    if server.speaks == "plain":
        return operation.path, call.plain
    variables = call.variables
    if server.speaks == "numbers" and "before" in call.plain:
        before = call.plain["before"]
        variables = {"after": None if before is None else str(before), "first": call.plain["first"]}
    return server.graphql_path, {"query": operation.document, "variables": variables}


def request_of(server: Server, desk: Desk, path: str, body: Any) -> bytes:
    """Return the bytes of a request."""
    content = orjson.dumps(body)
    lines = (
        f"POST {path} HTTP/1.1",
        f"Host: 127.0.0.1:{server.port}",
        f"Authorization: Bearer {desk.token}",
        "Accept: application/json",
        "Content-Type: application/json",
        f"Content-Length: {len(content)}",
    )
    return "\r\n".join((*lines, "", "")).encode() + content


def ask(server: Server, desk: Desk, body: Any, path: str = "/graphql") -> Any:
    """Send one request by a connection of its own, and return the answer's JSON. Raises: WrongAnswer."""
    return json.loads(answer(server, desk, body, path))


def answer(server: Server, desk: Desk, body: Any, path: str = "/graphql") -> bytes:
    """Send one request by a connection of its own, and return the answer's bytes. Raises: WrongAnswer."""
    connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=60)
    headers = {"Authorization": f"Bearer {desk.token}", "Content-Type": "application/json"}
    connection.request("POST", path, orjson.dumps(body), headers | {"Accept": "application/json"})
    response = connection.getresponse()
    content = response.read()
    connection.close()
    if response.status != 200:
        printed = server.log.read_text(errors="replace")[-4000:]
        raise WrongAnswer(f"{server.name}: {response.status} {content[:2000].decode(errors='replace')}\n{printed}")
    return content


def shots_of(
    server: Server, operation: Operation, data: Data, calls: Sequence[Call], reference: Mapping[int, Any]
) -> list[Shot]:
    """Return the requests of *calls*, with what their answers have to be.

    *reference* has the gateway's data of each call that is a read. Raises: WrongAnswer, where the server's differs.
    """
    desk = desk_of(operation, data)
    return [
        Shot(request_of(server, desk, *body_of(server, operation, call)), expected, not operation.writes)
        for call, expected in zip(calls, _expected(server, operation, desk, calls, reference), strict=True)
    ]


def _expected(
    server: Server, operation: Operation, desk: Desk, calls: Sequence[Call], reference: Mapping[int, Any]
) -> Iterator[bytes]:
    for number, call in enumerate(calls):
        if operation.writes:
            yield call.expected.encode()
            continue
        path, body = body_of(server, operation, call)
        content = answer(server, desk, body, path)
        found = json.loads(content)
        if found != {"data": reference[number]} or call.expected.encode() not in content:
            raise WrongAnswer(f"{server.name}, {operation.key}: {str(found)[:2000]} is not {str(reference)[:2000]}")
        yield content


def reference_of(gateway: Server, operation: Operation, data: Data, calls: Sequence[Call]) -> dict[int, Any]:
    """Return what the gateway says to each call of a read. Raises: WrongAnswer, where it has errors."""
    if operation.writes:
        return {}
    found = {}
    for number, call in enumerate(calls):
        path, body = body_of(gateway, operation, call)
        said = ask(gateway, desk_of(operation, data), body, path)
        if "errors" in said:
            raise WrongAnswer(f"{operation.key}: {said}")
        found[number] = said["data"]
    return found


def shape_of(value: Any) -> Any:
    """Return what a write's answer has beside the ids, times and rows' numbers, which differ each time."""
    if isinstance(value, dict):
        return {key: None if key in ("id", "createdAt", "seq") else shape_of(part) for key, part in value.items()}
    if isinstance(value, list):
        return [shape_of(part) for part in value]
    return value
