"""Each example of the README and the manual, sent to a gateway with the demo's data, answers what is printed.

A fence says whose token is sent (`graphql as Ada`); the blocks below it are its variables and its answer. `…` stands
for a value of one run alone, `<id of CASE-000020>` for an id, and `<new case>` for what an answer before has shown.
"""

import json
import re
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from markdown_it import MarkdownIt

from app.db.engines import open_database
from app.demo.load import load_demo
from app.documents.store import open_store
from tests.support.api import Api
from tests.support.manual import PAGES, Block, blocks, page, pages_with
from tests.support.paths import ROOT
from tests.support.subscriptions import Live

RUNNERS = {
    "graphql": "here",
    "http": "here",
    "json": "here",
    "console": "test_commands",
    "sh": "test_commands",
    "sql": "test_commands",
    "js": "tests/clients",
    "python": "tests/webhooks/test_signing.py",
    "mermaid": "tests/api/test_workflow_data.py",
    "text": "marked as not to be executed; what commands it names is looked at by test_commands",
}
ANYTHING = "…"
NEW = re.compile(r"<new \w+>")


@dataclass(frozen=True, slots=True)
class Example:
    """An operation with what is printed below it."""

    operation: Block
    variables: Any
    answer: Any


def examples(name: str, language: str = "graphql") -> Iterator[Example]:
    """Yield the operations of a page, or its requests."""
    found = list(blocks(page=page(name)))
    for index, block in enumerate(found):
        if block.language == language:
            below: dict[str, Any] = {}
            for follower in found[index + 1 : index + 3]:
                if follower.language != "json":
                    break
                below[follower.role] = json.loads(follower.text)
            yield Example(block, below.get("variables", {}), below.get("answer"))


def test_each_code_block_has_what_executes_it_and_no_code_hides_in_an_indented_one() -> None:
    for block in blocks():
        where = f"{block.page}, line {block.line}"
        assert block.language in RUNNERS, where
        assert block.language != "json" or block.role in ("variables", "answer", "of /ready"), where
    for path in PAGES:
        tokens = MarkdownIt("commonmark").parse(path.read_text(encoding="utf-8"))
        assert [token.map for token in tokens if token.type == "code_block"] == [], path.name


@dataclass(frozen=True, slots=True)
class Demo:
    """A gateway with the demo, the people's tokens and ids by their first names, and how to find an id."""

    api: Api
    live: Live
    tokens: dict[str, str]
    people: dict[str, str]
    shown: dict[str, Any] = field(default_factory=dict)

    async def resolve(self, value: Any) -> Any:
        """Return *value* with ids in the place of what stands for them."""
        if isinstance(value, dict):
            return {name: await self.resolve(item) for name, item in value.items()}
        if isinstance(value, list):
            return [await self.resolve(item) for item in value]
        if isinstance(value, str) and (named := re.fullmatch(r"<(\w+) of (.+)>", value)):
            return await self._found(*named.groups())
        return self.shown.get(value, value) if isinstance(value, str) else value

    async def answer(self, name: str, document: str, variables: dict[str, Any]) -> Any:
        """Return the body that answers this person's document; of a subscription, the first event's."""
        if not document.startswith("subscription"):
            answer = await self.api.send(self.tokens[name], document, variables, accept_language="en")
            return answer.json()
        stream = await self.live.subscribe(self.tokens[name], document, **variables)
        event = await stream.next_result()
        await stream.close()
        return event

    async def resolve_within(self, text: str) -> str:
        """Return a text with the ids that it names."""
        for kind, name in re.findall(r"<(\w+) of ([^>]+)>", text):
            text = text.replace(f"<{kind} of {name}>", await self._found(kind, name))
        return text

    async def _found(self, kind: str, name: str) -> str:
        if name in self.people:
            return self.people[name]
        query = f'{{ case(reference: "{name}") {{ id version activeOverride {{ id }} }} }}'
        case = (await self.api.run(self.tokens["Ada"], query))["case"]
        return str(case["activeOverride"]["id"] if kind == "override" else case[kind])


@pytest.fixture
async def demo(fresh_url: str, tmp_path: Path) -> AsyncIterator[Demo]:
    database, store = open_database(fresh_url), open_store("", tmp_path)
    played = await load_demo(database, store)
    async with Api.opened(fresh_url, data_dir=tmp_path) as api, Live.opened(database, store) as live:
        names = {person.display_name.split()[0]: person for person in played.people}
        tokens = {name: person.token for name, person in names.items()}
        yield Demo(api, live, tokens, {name: person.id for name, person in names.items()})
    await database.close()


def assert_answer(found: Any, printed: Any, where: str, shown: dict[str, Any]) -> None:
    """Compare an answer with the printed one, in which `…` stands for any value; note in *shown* what has a name."""
    if isinstance(printed, dict):
        assert isinstance(found, dict) and found.keys() == printed.keys(), (where, found)
        for name, item in printed.items():
            assert_answer(found[name], item, f"{where}, {name}", shown)
    elif isinstance(printed, list):
        assert isinstance(found, list) and len(found) == len(printed), (where, found)
        for one, other in zip(found, printed, strict=True):
            assert_answer(one, other, where, shown)
    elif printed == ANYTHING:
        assert found is not None, where
    elif isinstance(printed, str) and NEW.fullmatch(printed):
        assert isinstance(found, str), where
        shown[printed] = found
    else:
        assert found == printed, (where, found)


async def test_each_operation_answers_what_is_printed_below_it(demo: Demo) -> None:
    for name in pages_with("graphql"):
        for example in examples(name):
            where = f"{name}, line {example.operation.line}"
            sent = await demo.resolve(example.variables)

            body = await demo.answer(example.operation.role.removeprefix("as "), example.operation.text, sent)

            assert "errors" not in body, (where, body)
            if example.answer is not None:
                assert_answer(body, await demo.resolve(example.answer), where, demo.shown)


async def test_each_request_answers_what_is_printed_below_it(demo: Demo) -> None:
    for name in pages_with("http"):
        for example in examples(name, "http"):
            head, _, body = example.operation.text.partition("\n\n")
            line, *fields = head.strip().splitlines()
            method, address = [str(await demo.resolve_within(part)) for part in line.split(" ", 1)]
            headers = dict(field.split(": ", 1) for field in fields)
            headers["Authorization"] = f"Bearer {demo.tokens[example.operation.role.removeprefix('as ')]}"

            content = (await demo.resolve_within(body)).encode()
            answer = await demo.api.client.request(method, address, content=content, headers=headers)

            where = f"{name}, line {example.operation.line}"
            assert_answer(answer.json(), await demo.resolve(example.answer), where, demo.shown)


def test_files_that_are_named_are_there() -> None:
    for path in PAGES:
        for name in re.findall(r"[`(]((?:app|tests|scripts|\.ci)/[\w./-]+)[`)]", path.read_text(encoding="utf-8")):
            assert (ROOT / name).exists(), (path.name, name)


def test_the_readme_is_short() -> None:
    assert 6_000 <= len((ROOT / "README.md").read_bytes()) <= 8_192
