"""The same operations through `/api/v1` and through `/graphql`, on one gateway, in turns.

What is asked for by GraphQL is the very document that the other request is translated into. Ratios are to GraphQL.
"""

import asyncio
from collections.abc import Iterator, Mapping
from contextlib import ExitStack
from dataclasses import replace
from typing import Any, NamedTuple

import orjson

from app.domain.model import ActionType
from app.jsonapi.operations import CASES, action_text, case_text, listing_operation
from app.jsonapi.resources import PREFIX
from app.jsonapi.selections import Wanted as Selected
from scripts.benchmarks import calls as making
from scripts.benchmarks import driver
from scripts.benchmarks.alone import open_bench
from scripts.benchmarks.compare import Say, Wanted
from scripts.benchmarks.data import Data, Desk, make_data
from scripts.benchmarks.driver import Shot
from scripts.benchmarks.measuring import Supply, UnderLoad, compare
from scripts.benchmarks.operations import OPERATIONS, Operation
from scripts.benchmarks.report import Line, Report
from scripts.benchmarks.servers import Server, gateway

LISTED = "limit=25&include=subject,created_by"
WORDS = {
    "Q1": "one case",
    "Q2": "25 cases with their subjects and who opened them",
    "M1": "a comment",
    "M2": "the acceptance of an override",
}


class Pair(NamedTuple):
    """One request in both forms, and a text that both right answers have."""

    document: str
    variables: Mapping[str, Any]
    path: str
    body: Mapping[str, Any] | None
    expected: str


def resources(wanted: Wanted, say: Say) -> Report:
    """Compare the two ways to the same operations."""
    with open_bench(wanted) as bench, ExitStack() as stack, driver.process() as loader:
        say("making the data")
        data = asyncio.run(make_data(bench.url, wanted.size))
        server = stack.enter_context(gateway(bench.folder, bench.url))
        lines: list[Line] = []
        for operation in OPERATIONS:
            if operation.key not in wanted.operations:
                continue
            pairs, desk, once = pairs_of(operation, data), making.desk_of(operation, data), operation.key == "M2"
            first, second = (pairs[::2], pairs[1::2]) if once else (pairs, pairs)
            graphql = [_shot(_graphql(server, desk, pair), pair) for pair in first]
            others = [_shot(_resource(server, desk, pair), pair) for pair in second]
            contestants = [
                UnderLoad(server, Supply(graphql, once), loader, "graphql"),
                UnderLoad(server, Supply(others, once), loader, "jsonapi"),
            ]
            lines += _lines(wanted, replace(operation, words=WORDS[operation.key]), contestants, say)
        return Report(wanted.engine, lines, {server.name: server.peak_mib()}, [])


def _lines(wanted: Wanted, operation: Operation, contestants: list[UnderLoad], say: Say) -> Iterator[Line]:
    for connections in wanted.concurrencies:
        found = compare(contestants, connections, wanted.plan, lambda words: say(f"{operation.key}: {words}"))
        for name, one in found.items():
            ratio = one.rate / found["graphql"].rate
            yield Line(operation.key, operation.words, connections, name, one, ratio, None)


def pairs_of(operation: Operation, data: Data) -> list[Pair]:
    """Return the requests of *operation*."""
    selected = Selected()
    match operation.key:
        case "Q1":
            ids = [str(id) for id, _ in data.cases[: making.CASES]]
            return [Pair(case_text(selected), {"id": id}, f"/cases/{id}", None, id) for id in ids]
        case "Q2":
            listing = listing_operation(CASES, CASES.reader.read(LISTED.encode()))
            return [Pair(listing.text, listing.variables, f"/cases?{LISTED}", None, str(data.cases[0][0]))]
        case "M1":
            return [_comment(str(id), number) for number, id in enumerate(data.commented)]
    return [_acceptance(str(case), str(override)) for case, override in data.decided]


def _comment(case_id: str, number: int) -> Pair:
    body = f"Called the supplier, time {number}: the account on the letter is theirs."
    text = action_text(ActionType.COMMENT, Selected(), may_read=True)
    attributes = {"action_type": "comment", "comment": body}
    return Pair(text, {"input": {"caseId": case_id, "body": body}}, *_action(case_id, attributes), '"seq":')


def _acceptance(case_id: str, override_id: str) -> Pair:
    text = action_text(ActionType.ACCEPT, Selected(), may_read=True)
    values = {"caseId": case_id, "overrideId": override_id, "expectedVersion": making.REQUESTED}
    attributes = {"action_type": "accept", "override_id": override_id, "expected_version": making.REQUESTED}
    return Pair(text, {"input": values}, *_action(case_id, attributes), '"seq":')


def _action(case_id: str, attributes: Mapping[str, Any]) -> tuple[str, Mapping[str, Any]]:
    return f"/cases/{case_id}/actions", {"data": {"type": "case_action", "attributes": attributes}}


def _shot(request: bytes, pair: Pair) -> Shot:
    return Shot(request, pair.expected.encode(), exact=False)


def _graphql(server: Server, desk: Desk, pair: Pair) -> bytes:
    return making.request_of(server, desk, "/graphql", {"query": pair.document, "variables": pair.variables})


def _resource(server: Server, desk: Desk, pair: Pair) -> bytes:
    content = b"" if pair.body is None else orjson.dumps(pair.body)
    lines = [
        f"{'GET' if pair.body is None else 'POST'} {PREFIX}{pair.path} HTTP/1.1",
        f"Host: 127.0.0.1:{server.port}",
        f"Authorization: Bearer {desk.token}",
        "Accept: application/vnd.api+json",
    ]
    if content:
        lines += ["Content-Type: application/vnd.api+json", f"Content-Length: {len(content)}"]
    return "\r\n".join((*lines, "", "")).encode() + content
