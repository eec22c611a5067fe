"""What commands print of stored texts: never what would move the cursor, end the line, or reorder it."""

import asyncio
import json

import pytest

from app.cli.printing import say
from app.db import tables
from tests.support.commands import DONE, run
from tests.support.database_contents import set_by_hand
from tests.support.world import World

NAME = "Ada\x9b2J\x1b[2J\x7f\r\n0 bad\u202e\u2028\x85\x00"
SHOWN = r"Ada\u009b2J\u001b[2J\u007f\u000d\u000a0 bad\u202e\u2028\u0085"


@pytest.mark.parametrize("line", ["", "é 日本 👩‍👩‍👧 \u200d\u00a0", "C:\\u009b", '{"a": "\\u009b"}'])  # writing
def test_writing_is_printed_as_it_is(capsys: pytest.CaptureFixture[str], line: str) -> None:
    say(line)

    assert capsys.readouterr().out == line + "\n"


def test_what_is_no_writing_is_escaped_as_in_json(capsys: pytest.CaptureFixture[str]) -> None:
    say(NAME, "next", err=True)
    say(json.dumps({"name": NAME}, ensure_ascii=False))

    printed = capsys.readouterr()
    assert printed.err.splitlines() == [SHOWN + r"\u0000", "next"]
    assert printed.out.count("\n") == 1 and printed.out.strip().isprintable()
    assert json.loads(printed.out) == {"name": NAME}


async def test_a_command_prints_a_tampered_name_in_one_line(world: World, fresh_url: str) -> None:
    name = NAME.replace("\x00", "")  # which PostgreSQL takes in no text
    await set_by_hand(world.database, tables.users, world.ada.id, display_name=name)
    listing = ["user", "list", "--account", str(world.account_id)]

    for_people, for_programs = [
        await asyncio.to_thread(run, [*listing, *more], {"database_url": fresh_url}) for more in ([], ["--json"])
    ]

    assert (for_people.code, for_programs.code) == (DONE, DONE)
    (line,) = [line for line in for_people.output.decode().split("\n") if str(world.ada.id) in line]
    assert SHOWN in line and line.isprintable()
    names = {person["id"]: person["display_name"] for person in json.loads(for_programs.output)}
    assert names[str(world.ada.id)] == name
    assert for_programs.output.decode().strip().isprintable()
