"""Attacks within what the door lets in: operations, forms and documents that take a server long, or much memory."""

import json
import random
import time
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import replace
from uuid import UUID

from tests.attacks.archive import Archive
from tests.attacks.catalogue import MIB, Attack
from tests.attacks.connections import connected, endless
from tests.attacks.target import Got, Target
from tests.support.long_documents import long_document

TOO_COMPLEX = frozenset({"QUERY_TOO_COMPLEX"})
ANSWERED = frozenset({200})
VALID = frozenset({"-"})
BUSY = frozenset({200, 503})
BODY_OF = "{ nodes { comment { body } } }"


def sent(
    text: str, codes: frozenset[str] = TOO_COMPLEX, statuses: frozenset[int] = ANSWERED, **values: object
) -> Attack:
    return Attack(lambda target: target.ask(text, **values), statuses, codes)


def together(clients: int, rounds: int, *texts: str) -> Callable[[Target], Got]:
    """Send *texts* by so many clients at once, and return the worst that one of them got."""

    def send(target: Target) -> Got:
        def one(number: int) -> Got:
            return target.ask(texts[number % len(texts)])

        with ThreadPoolExecutor(clients) as threads:
            return max(threads.map(one, range(clients * rounds)), key=lambda got: got.status)

    return send


def overrides_of_overrides(case_id: UUID, page: int, levels: int) -> str:
    """Return the overrides of the case of the overrides of the case, and so on: always the same case."""
    inner = "id"
    for _ in range(levels):
        inner = f"case {{ overrides(first: {page}) {{ nodes {{ {inner} }} }} }}"
    return f'{{ case(id: "{case_id}") {{ overrides(first: {page}) {{ nodes {{ {inner} }} }} }} }}'


def counted_searches(aliases: int) -> str:
    keys = ["STATUS", "RESOLUTION", "CLOSED_AT", "ACTION_COUNT", "UPDATED_AT"]
    order = ", ".join(f"{{field: {key}}}" for key in keys)
    search = f'cases(search: "a", first: 1, orderBy: [{order}]) {{ totalCount facets {{ statuses {{ count }} }} }}'
    return "{ " + " ".join(f"a{number}: {search}" for number in range(aliases)) + " }"


def searches_of_their_own(clients: int, rounds: int) -> Callable[[Target], Got]:
    """Search, count and sort by each of many clients at once, each for something else."""
    order = "orderBy: [{field: RESOLUTION}, {field: ACTION_COUNT}]"
    texts = [
        f'{{ cases(search: "{letter}", first: 100, {order}) {{ totalCount facets {{ statuses {{ count }} }}'
        " nodes { id title } } viewer { inbox { totalCount counts { count } } } }"
        for letter in "abcdefghijklmnopqrst"
    ]
    return together(clients, rounds, *texts)


def aliased_comments(case_id: UUID, aliases: int) -> str:
    page = f"actions(first: 100) {BODY_OF}"
    return f'{{ case(id: "{case_id}") {{ ' + " ".join(f"a{number}: {page}" for number in range(aliases)) + " } }"


def largest_answers(archive: Archive, clients: int) -> Callable[[Target], Got]:
    """Ask for the largest answers that there are on each of many connections, and read none."""

    def send(target: Target) -> Got:
        body = json.dumps({"query": aliased_comments(archive.discussed, 16)}).encode()
        request = target.head(f"Content-Length: {len(body)}") + body
        with connected(target, clients, buffer=4_096) as connections:
            for connection in connections:
                connection.sendall(request)
            time.sleep(4)
            return target.ask("{ __typename }")

    return send


def dribbled_forms(archive: Archive, forms: int, *, may_write: bool, seconds: float = 4) -> Callable[[Target], Got]:
    """Upload by many forms at once, each a little at a time; the worst answer to any of them counts."""

    def send(target: Target) -> Got:
        sender = target if may_write else replace(target, token=archive.reading)
        opening = (
            b'--x\r\nContent-Disposition: form-data; name="operations"\r\n\r\n'
            b'{"query": "mutation($f: Upload!) { addComment(input: {caseId: \\"%s\\", body: \\"x\\", files: [$f]})'
            b' { errors { code } } }", "variables": {"f": null}}\r\n'
            b'--x\r\nContent-Disposition: form-data; name="map"\r\n\r\n{"0": ["variables.f"]}\r\n'
            b'--x\r\nContent-Disposition: form-data; name="0"; filename="a.txt"\r\n\r\n'
            % str(archive.discussed).encode()
        )
        head = sender.head("Content-Length: 9000000", "GraphQL-Preflight: 1").replace(
            b"application/json", b"multipart/form-data; boundary=x"
        )
        with connected(target, forms) as connections:
            for connection in connections:
                connection.sendall(head + opening)
            until = time.monotonic() + seconds
            while time.monotonic() < until:
                for connection in connections:
                    with suppress(OSError):
                        connection.sendall(b"a" * 20_000)
                time.sleep(0.1)
            return target.ask("{ __typename }")

    return send


def empty_filters(number: int) -> Attack:
    query = "query($f: CaseFilter) { cases(filter: $f, first: 1) { totalCount } }"
    return sent(query, TOO_COMPLEX | {"INVALID_INPUT"}, f={"or": [{}] * number})


def different_documents(number: int) -> Callable[[Target], Got]:
    """Send so many long documents, each of them new, until one is refused."""

    def send(target: Target) -> Got:
        dice = random.Random(3)
        got = Got(0, b"")
        for index in range(number):
            got = target.ask(long_document(dice, index))
            if got.status != 200 or got.code != "-":
                break
        return got

    return send


ACTIONS_OF_PAGES = """query($n: Int%s) { cases(first: $n) { nodes { actions(first: $n) { nodes {
    id seq type hash user { id roles } case { id title } } } } } }"""
ACTIONS_OF_IDS = """query($ids: [ID!]! = [%s]) { nodes(ids: $ids) { ... on Case { actions(first: 100) { nodes {
    id seq type hash prevHash user { id email displayName roles } } } } } }"""
DRIBBLED = b"X-T: " + b"t" * 65_000 + b"\r\n"


def demanding(archive: Archive, *, documents: int) -> Mapping[str, Attack]:
    """Return the attacks, by what they are."""
    ids = ", ".join([f'"{archive.disputed}"'] * 100)
    return {
        "overrides of overrides, 100 to the third": sent(overrides_of_overrides(archive.disputed, 100, 2)),
        "overrides of overrides, as many as may be": Attack(
            together(4, 2, overrides_of_overrides(archive.disputed, 28, 2)), BUSY
        ),
        "trailers without an end": Attack(endless(b"0\r\n", DRIBBLED, 50 * MIB), frozenset({0, 400})),
        "pages of 100 by a default": sent(ACTIONS_OF_PAGES % " = 100"),
        "pages of 100.0": sent(ACTIONS_OF_PAGES % "", n=100.0),
        "100 ids by a default": sent(ACTIONS_OF_IDS % ids),
        "comments, repeated to 25 MB": sent(aliased_comments(archive.discussed, 25)),
        "20 largest answers that nobody reads": Attack(largest_answers(archive, 20), BUSY),
        "20 searches with counts and orders": sent(counted_searches(20)),
        "as many searches as may be, by 20 clients": Attack(together(20, 1, counted_searches(5)), BUSY),
        "a search, counts and an inbox by 20 clients": Attack(searches_of_their_own(20, 2), BUSY),
        "50 forms that dribble, by who may only read": Attack(dribbled_forms(archive, 50, may_write=False), ANSWERED),
        "50 forms that dribble": Attack(dribbled_forms(archive, 50, may_write=True), ANSWERED),
        "1 100 empty filters": empty_filters(1_100),
        "20 000 empty filters": empty_filters(20_000),
        f"{documents} long documents": Attack(different_documents(documents), ANSWERED, VALID),
    }
