"""A process takes no more memory the more different documents it is sent, whatever differs: measured in a real one."""

import json
import random
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import httpx2
import psutil
import pytest

from tests.support.gateway import Server, casegate_json, serving
from tests.support.long_documents import long_document

MIB = 1024 * 1024
DOCUMENTS = 2_000
GROWTH_MIB = 90
"""What all caches together may take at most: 32 MiB of documents, and what the database's statements take."""

Sent = dict[str, Any]
FIELDS = (
    *("id", "reference", "title", "status", "createdAt", "updatedAt"),
    *("version", "headHash", "actionCount", "resolution", "closedAt"),
)
ORDERS = ("REFERENCE", "CREATED_AT", "UPDATED_AT", "CLOSED_AT", "DUE_AT", "STATUS", "RESOLUTION", "ACTION_COUNT")


def long_documents(dice: random.Random, number: int) -> Sent:
    return {"query": long_document(dice, number)}


def short_tokens(_dice: random.Random, number: int) -> Sent:
    return {"query": f"query Q{number} {{ viewer {{ user {{ {'id ' * 900} }} }} }}"}


def long_names(_dice: random.Random, number: int) -> Sent:
    name = f"Q{number}_" + "x" * 7_000
    return {"query": f"query {name} {{ viewer {{ language }} }}", "operationName": name}


def long_aliases(_dice: random.Random, number: int) -> Sent:
    aliases = " ".join(f"a{number}_{index}{'y' * 200}: id" for index in range(29))
    return {"query": f"{{ cases(first: 1) {{ nodes {{ {aliases} }} }} }}"}


def comments(_dice: random.Random, number: int) -> Sent:
    return {"query": f"{{ viewer {{ language }} }} #{number} " + "z" * 7_000}


def too_long_to_keep(_dice: random.Random, number: int) -> Sent:
    return {"query": f"{{ viewer {{ language }} }} #{number} " + "z" * 100_000}


def invalid(_dice: random.Random, number: int) -> Sent:
    return {"query": f"{{ nothing{number} {'id ' * 900} }}"}


def directives(_dice: random.Random, number: int) -> Sent:
    """Return a document of which variables leave something else each time."""
    names = [f"v{index}" for index in range(10)]
    declared = ", ".join(f"${name}: Boolean!" for name in names)
    fields = " ".join(f"a{index}: id @include(if: ${name})" for index, name in enumerate(names))
    values = {name: bool(number >> index & 1) for index, name in enumerate(names)}
    document = f"query D{number >> 10}({declared}) {{ viewer {{ user {{ __typename {fields} }} }} }}"
    return {"query": document, "variables": values}


FILTER_QUERY = """query($f: CaseFilter, $o: [CaseOrder!]) {
    cases(filter: $f, orderBy: $o, first: 1) { totalCount nodes { FIELDS } } }"""


def filters(dice: random.Random, _number: int) -> Sent:
    """Return one of endlessly many statements for the database."""
    terms = [dice.choice([{"status": {"ne": "OPEN"}}, {"status": {"in": ["OPEN", "CLOSED"][: dice.randint(1, 2)]}},
             {"createdAt": {"lt": "2030-01-01T00:00:00Z"}}, {"subject": {"countryCode": {"ne": "FR"}}},
             {"not": {"resolution": {"isNull": False}}}]) for _ in range(45)]  # fmt: skip
    fields = " ".join(sorted(dice.sample(FIELDS, 5)))
    return {"query": FILTER_QUERY.replace("FIELDS", fields), "variables": {"f": {"or": terms}}}


def orders(dice: random.Random, _number: int) -> Sent:
    order = [
        {"field": field, "direction": dice.choice(["ASC", "DESC"]), "nulls": dice.choice(["FIRST", "LAST"])}
        for field in dice.sample(ORDERS, 5)
    ]
    fields = " ".join(sorted(dice.sample(FIELDS, dice.randint(3, 9))))
    return {"query": FILTER_QUERY.replace("FIELDS", fields), "variables": {"o": order}}


def logs(dice: random.Random, _number: int) -> Sent:
    names = ["id", "seq", "type", "hash", "prevHash", "createdAt", "requestId", "statusBefore", "statusAfter"]
    fields = " ".join(sorted(dice.sample(names, dice.randint(2, 8))))
    inside = " ".join(sorted(dice.sample(FIELDS, dice.randint(2, 8))))
    query = f"""query L($first: Int) {{ cases(first: 2) {{ nodes {{ {inside}
        actions(first: $first, types: [OPEN]) {{
            nodes {{ {fields} user {{ {dice.choice(["id", "email"])} }} comment {{ id body }} }} }} }} }} }}"""
    return {"query": query, "variables": {"first": dice.randint(1, 99)}}


KINDS: list[Callable[[random.Random, int], Sent]] = [
    long_documents,
    short_tokens,
    long_names,
    long_aliases,
    comments,
    too_long_to_keep,
    invalid,
    directives,
    filters,
    orders,
    logs,
]


@pytest.fixture
def server(fresh_url: str, tmp_path: Path) -> Iterator[tuple[Server, str]]:
    token = casegate_json("demo", database_url=fresh_url)["people"][0]["token"]
    with serving(tmp_path, is_forked=False, database_url=fresh_url, demo="false") as running:
        yield running, token


def assert_memory_is_bounded(running: Server, token: str, documents: int) -> None:
    """Send so many documents of each kind, and hold the memory to its bound; printed, by the kind, with -rP."""
    process, dice = psutil.Process(running.process.pid), random.Random(4)
    headers = {"Authorization": f"Bearer {token}", "Content-Type": "application/json"}
    report = []
    with httpx2.Client(base_url=running.address, headers=headers, timeout=60) as client:

        def send(sent: Sent) -> int:
            return client.post("/graphql", content=json.dumps(sent)).status_code

        with ThreadPoolExecutor(4) as threads:
            for kind in KINDS:  # so that all code is imported and each cache has begun
                list(threads.map(send, (kind(dice, number) for number in range(20))))
            before = process.memory_info().rss
            for kind in KINDS:
                statuses = set(threads.map(send, (kind(dice, 1_000 + number) for number in range(documents))))
                report.append(f"{kind.__name__:18} {process.memory_info().rss / MIB:6.0f} MiB")
                assert statuses == {200}, kind.__name__
    growth = (process.memory_info().rss - before) / MIB
    print("\n".join([f"before             {before / MIB:6.0f} MiB", *report]))  # noqa: T201  # shown by -rP
    assert growth < GROWTH_MIB, report


@pytest.mark.soak
def test_different_documents_take_no_more_memory_the_more_there_are(server: tuple[Server, str]) -> None:
    assert_memory_is_bounded(*server, documents=60)


@pytest.mark.soak
def test_2_000_documents_of_each_kind_take_no_more(server: tuple[Server, str]) -> None:
    assert_memory_is_bounded(*server, DOCUMENTS)
