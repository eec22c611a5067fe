"""The attacks: each sends something to a live server, and says which statuses are a good answer to it."""

import gzip
import json
import socket
import time
from collections.abc import Callable, Mapping, Set
from dataclasses import dataclass

from tests.attacks.target import Got, Target

MIB = 1024 * 1024
TOO_COMPLEX = frozenset({"QUERY_TOO_COMPLEX"})
INVALID = frozenset({"GRAPHQL_INVALID"})
BAD_REQUEST = frozenset({"BAD_REQUEST"})
ANY_CODE: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class Attack:
    """What is sent, the statuses that answer it, and the codes that may be told with them."""

    send: Callable[[Target], Got]
    statuses: frozenset[int]
    codes: frozenset[str] = ANY_CODE


def document(text: str, codes: frozenset[str]) -> Attack:
    return Attack(lambda target: target.ask(text), frozenset({200}), codes)


def body(content: bytes, status: int, codes: frozenset[str] = BAD_REQUEST, **headers: str) -> Attack:
    return Attack(lambda target: target.post(content, **headers), frozenset({status}), codes)


def fragments(number: int) -> str:
    """Return fragments that each spread the next one twice: 2 to the power of *number* fields."""
    chain = " ".join(f"fragment f{i} on Query {{ ...f{i + 1} ...f{i + 1} }}" for i in range(number))
    return f"{{ ...f0 }} {chain} fragment f{number} on Query {{ __typename }}"


def nested(levels: int) -> str:
    inner = "{ case { activeOverride " * (levels // 2) + "{ id }" + "} }" * (levels // 2)
    return "{ nodes(ids: []) { ... on Override " + inner + " } }"


def introspection(levels: int) -> str:
    return "{ __schema { types " + "{ fields { type " * levels + "{ name }" + " } }" * levels + " } }"


def chunked(target: Target) -> Got:
    """Send 20 MiB in chunks, without saying beforehand how much it will be."""
    chunk = b"10000\r\n" + b" " * 65_536 + b"\r\n"
    return target.raw(target.head("Transfer-Encoding: chunked"), *[chunk] * (20 * MIB // 65_536), b"0\r\n\r\n")


def slow_loris(target: Target) -> Got:
    """Hold 200 connections for three seconds, half of them within the head of a request, half within its body."""
    connections = [socket.create_connection(target.place, timeout=30) for _ in range(200)]
    try:
        for number, connection in enumerate(connections):
            head = target.head("Content-Length: 1000")
            connection.sendall(head if number % 2 else head[:-2])
        for _ in range(15):
            for number, connection in enumerate(connections):
                connection.sendall(b" " if number % 2 else b"X-A: b\r\n")
            time.sleep(0.2)
        return target.ask("{ __typename }")
    finally:
        for connection in connections:
            connection.close()


BAD_FORM = frozenset({400, 413, 415})


def multipart(content_map: str, statuses: Set[int] = BAD_FORM, codes: Set[str] = BAD_REQUEST, **headers: str) -> Attack:
    parts = {"operations": '{"query": "{ __typename }", "variables": {"f": null}}', "map": content_map, "0": "x"}
    lines = "".join(f'--x\r\nContent-Disposition: form-data; name="{n}"\r\n\r\n{v}\r\n' for n, v in parts.items())
    kind = {"Content_Type": "multipart/form-data; boundary=x"} | headers
    return Attack(
        lambda target: target.post(f"{lines}--x--\r\n".encode(), **kind), frozenset(statuses), frozenset(codes)
    )


def page(size: int) -> Attack:
    return document(f"{{ cases(first: {size}) {{ nodes {{ id }} }} }}", frozenset({"INVALID_INPUT"}))


def variables(value: object, codes: frozenset[str]) -> Attack:
    query = "query($f: [ID!]!) { nodes(ids: $f) { id } }"
    return Attack(lambda target: target.ask(query, f=value), frozenset({200}), codes)


ANY_ID = "01900000-0000-7000-8000-000000000001"
INVALID_INPUT = frozenset({"INVALID_INPUT"})


def resource(content: bytes, status: int, codes: frozenset[str], **headers: str) -> Attack:
    """Send a body as an action on a case, by JSON:API."""
    path, sent = f"/api/v1/cases/{ANY_ID}/actions", {"Content_Type": "application/vnd.api+json"} | headers
    return Attack(lambda target: target.send("POST", path, content, **sent), frozenset({status}), codes)


def listed(query: str, status: int, codes: frozenset[str], **headers: str) -> Attack:
    """Read the cases by JSON:API with these parameters."""
    return Attack(
        lambda target: target.send("GET", f"/api/v1/cases?{query}", b"", **headers),
        frozenset({status}),
        frozenset(codes),
    )


def case_file(id: str, statuses: Set[int], codes: Set[str], query: str = "", **headers: str) -> Attack:
    """Ask for a case file by this id."""
    path = f"/case-files/{id}{query}"
    return Attack(lambda target: target.send("GET", path, b"", **headers), frozenset(statuses), frozenset(codes))


MUTATION = 'mutation { closeCase(input: {caseId: "x"}) { errors { code } } }'
QUERY = json.dumps({"query": "{ __typename }"}).encode()

ATTACKS: Mapping[str, Attack] = {
    "20 000 aliases": document("{viewer{" + " ".join(f"a{i:x}:user" for i in range(20_000)) + "}}", TOO_COMPLEX),
    "10 000 duplicate fields": document("{" + " __typename" * 10_000 + "}", TOO_COMPLEX),
    "duplicate fields, as many as fit": document("{" + " viewer { language }" * 20 + "}", frozenset({"-"})),
    "duplicate objects inside": document("{ viewer {" + " user { id }" * 330 + "} }", INVALID | {"BAD_USER_INPUT"}),
    "30 levels": document(nested(30), TOO_COMPLEX),
    "a fragment bomb of 2^26": document(fragments(26), TOO_COMPLEX),
    "a fragment bomb of 2^49": document(fragments(49), TOO_COMPLEX),
    "circular fragments": document("{ ...a } fragment a on Query { ...b } fragment b on Query { ...a }", INVALID),
    "a long circular fragment": document(
        "{ ...a } fragment a on Query { ...a " + "viewer { language } " * 700 + "}", INVALID
    ),
    "one field 300 times in one place": document(
        "{ cases { nodes { " + "subject { id } " * 300 + "} } }", INVALID | {"BAD_USER_INPUT"}
    ),
    "circular introspection": document(introspection(6), INVALID | TOO_COMPLEX),
    "1 000 directives": document("{ __typename" + " @include(if: true)" * 1_000 + "}", TOO_COMPLEX),
    "1 000 short directives": document("{ __typename" + " @a" * 1_000 + "}", TOO_COMPLEX),
    "brackets without an end": document("{a" * 60_000, TOO_COMPLEX),
    "lists without an end": document("{ nodes(ids: " + "[" * 100_000, TOO_COMPLEX),
    "strings without an end": document('"""' + '\n\\"""' * 20_000, INVALID),
    "quotes": document('"\n' * 60_000, INVALID),
    "comments": document("#\n" * 80_000 + "{ __typename }", TOO_COMPLEX),
    "a number of 200 000 digits": document(f"{{ cases(first: {'9' * 200_000}) {{ nodes {{ id }} }} }}", INVALID),
    "a 1 MiB document": body(json.dumps({"query": " " * MIB}).encode(), 413),
    "huge variables": variables(["x" * 36] * 6_000, TOO_COMPLEX),
    "deep variables": body(b'{"query": "{ __typename }", "variables": {"a": %s}}' % (b"[" * 5_000 + b"]" * 5_000), 400),
    "a 20 MiB chunked body": Attack(chunked, frozenset({413, 0})),
    "a gzip bomb": body(gzip.compress(b" " * 50 * MIB), 415, Content_Encoding="gzip"),
    "deep JSON": body(b"[" * 100_000 + b"]" * 100_000, 400),
    "a 6 000-digit integer": body(b'{"query": "{ __typename }", "variables": {"a": %s}}' % (b"1" * 6_000), 400),
    "bad UTF-8": body(b'{"query": "\xff\xfe"}', 400),
    "a lone surrogate": body(rb'{"query": "{ __typename } # \ud800"}', 400),
    "NUL in the document": document("{ __typename \0 }", INVALID),
    "NUL in a variable": variables(["\0"], frozenset({"INVALID_ID"})),
    "150 operations": body(json.dumps([{"query": "{ __typename }"}] * 150).encode(), 400),
    "a mutation by GET": Attack(
        lambda target: target.send("GET", f"/graphql?query={MUTATION.replace(' ', '%20')}"),
        frozenset({405}),
        BAD_REQUEST,
    ),
    "a form": body(b"query=%7B__typename%7D", 415, Content_Type="application/x-www-form-urlencoded"),
    "text/plain": body(QUERY, 415, Content_Type="text/plain"),
    # A page elsewhere can send a form unasked, but not with a token.
    "multipart without preflight": multipart('{"0": ["variables.f"]}', {401}, {"UNAUTHENTICATED"}, Authorization=""),
    "a map of 10 000 places": multipart(json.dumps({"0": ["variables.f"] * 10_000}), GraphQL_Preflight="1"),
    "a map of places that are not there": multipart('{"0": ["variables.f.9999999"]}', GraphQL_Preflight="1"),
    "a map that is none": multipart("[[[[[[", GraphQL_Preflight="1"),
    "a page of 0": page(0),
    "a page of -1": page(-1),
    "a page of 1 000 000": page(1_000_000),
    "pages of pages": document(
        "{ cases(first: 100) { nodes { actions(first: 100) { nodes { case { actions(first: 100) { nodes { id } } } } }"
        " } } }",
        TOO_COMPLEX,
    ),
    "JSON:API: deep JSON": resource(b'{"a":' * 40_000 + b"1" + b"}" * 40_000, 400, BAD_REQUEST),
    "JSON:API: 20 000 unknown members": resource(
        json.dumps({"data": {f"a{number}": 1 for number in range(20_000)}}).encode(), 422, ANY_CODE
    ),
    "JSON:API: a member 20 000 times": resource(b'{%s "a": 1}' % (b'"a": 1,' * 20_000), 400, INVALID_INPUT),
    "JSON:API: a 6 000-digit version": resource(
        b'{"data": {"type": "case_action", "attributes": {"action_type": "close", "expected_version": %s}}}'
        % (b"1" * 6_000),
        400,
        BAD_REQUEST,
    ),
    "JSON:API: a lone surrogate": resource(rb'{"data": "\ud800"}', 400, BAD_REQUEST),
    "JSON:API: a form": resource(b"data=x", 415, BAD_REQUEST, Content_Type="application/x-www-form-urlencoded"),
    "JSON:API: a 1 MiB body": resource(b" " * MIB, 413, BAD_REQUEST),
    "JSON:API: inclusion without an end": listed("include=" + "active_override.case." * 1_500, 400, INVALID_INPUT),
    "JSON:API: 5 000 paths": listed("include=" + "subject," * 5_000, 400, INVALID_INPUT),
    "JSON:API: 5 000 parameters": listed("a=1&" * 5_000, 400, INVALID_INPUT),
    "JSON:API: quotes without an end": listed("", 200, ANY_CODE, Accept="*/*, " + '\\"' * 10_000),
    "a case file that is not there": case_file(ANY_ID, {404}, {"NOT_FOUND"}),
    "a case file without a token": case_file(ANY_ID, {401}, {"UNAUTHENTICATED"}, Authorization=""),
    "a case file by a path": case_file("..%2f..%2fetc%2fpasswd", {404}, {"NOT_FOUND", "-"}),
    "a case file by an id of 60 000 characters": case_file("a" * 60_000, {404, 414, 431}, ANY_CODE),
    "a case file in a language of 20 000 characters": case_file(
        ANY_ID, {400}, INVALID_INPUT, "?language=" + "x" * 20_000
    ),
    "a case file known by 5 000 tags": case_file(
        ANY_ID, {404}, {"NOT_FOUND"}, If_None_Match=", ".join(f'W/"{number}"' for number in range(5_000))
    ),
    "200 dribbling connections": Attack(slow_loris, frozenset({200})),
    "a head without an end": Attack(
        lambda target: target.raw(target.head()[:-2], *[b"X-A: " + b"b" * 8_000 + b"\r\n"] * 40), frozenset({431, 0})
    ),
    "an address that is no ASCII": Attack(
        lambda target: target.raw(b"GET /\xff\xfe HTTP/1.1\r\nHost: a\r\n\r\n"), frozenset({400, 404, 0})
    ),
    "no HTTP at all": Attack(lambda target: target.raw(b"\x16\x03\x01\x02\x00\x01\r\n\r\n"), frozenset({400, 0})),
}
