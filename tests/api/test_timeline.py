"""The log as a timeline: of one case by type, time and person, and of a whole account, followed while others write."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta
from itertools import product
from typing import Any

from sqlalchemy import insert, select, text
from sqlalchemy.ext.asyncio import AsyncConnection

from app import clock
from app.db import tables
from app.db.engines import open_database
from app.db.log_position import OFFSET, catch_up
from app.db.migrate import migrate
from app.db.repository.log_parts import actions_by_case
from app.db.repository.window import Window
from app.domain.commands import AddComment
from app.domain.model import CaseStatus
from tests.support.api import Api
from tests.support.played_story import STEPS, Story
from tests.support.triggers import triggers_aside
from tests.support.world import World, make_world

LOG = """query(
    $first: Int, $last: Int, $after: String, $before: String, $user: ID, $types: [ActionType!], $since: DateTime
) { actions(first: $first, last: $last, after: $after, before: $before, user: $user, types: $types, since: $since) {
        totalCount nodes { id type } pageInfo { endCursor hasNextPage hasPreviousPage } } }"""


async def follow(api: Api, world: World, cursor: str | None, size: int = 3) -> tuple[list[str], str | None]:
    """Return what comes after *cursor*, to the end of what there is, and the new cursor."""
    seen: list[str] = []
    for _ in range(100):
        page = (await api.run(world.ada.token, LOG, {"first": size, "after": cursor}))["actions"]
        seen += [node["id"] for node in page["nodes"]]
        cursor = page["pageInfo"]["endCursor"] or cursor
        if not page["pageInfo"]["hasNextPage"]:
            break
    return seen, cursor


async def test_a_case_s_log_is_filtered_by_type_time_and_person(world: World, api: Api) -> None:
    story = Story(world)
    for name in STEPS:
        await story.play(name)
    rows = [outcome.action for outcome in story.outcomes.values()]
    page = "{ totalCount nodes { seq } }"
    query = f"""query($id: ID!, $user: ID!, $since: DateTime!) {{ case(id: $id) {{
        person: actions(user: $user) {page} since: actions(since: $since) {page}
        all: actions(user: $user, since: $since, types: [COMMENT, REQUEST_OVERRIDE]) {page} }} }}"""

    for person in (world.ada, world.carl, world.rosa, world.aldo):
        for row in rows:
            variables = {"id": str(story.case_id), "user": str(person.id), "since": row.created_at.isoformat()}
            case = (await api.run(world.ada.token, query, variables))["case"]
            expected = {
                "person": [other.seq for other in rows if other.user_id == person.id],
                "since": [other.seq for other in rows if other.created_at >= row.created_at],
            }
            both = set(expected["person"]) & set(expected["since"])
            expected["all"] = [r.seq for r in rows if r.seq in both and r.type in ("COMMENT", "REQUEST_OVERRIDE")]
            assert {name: [node["seq"] for node in found["nodes"]] for name, found in case.items()} == {
                name: seqs[::-1] for name, seqs in expected.items()
            }
            assert all(found["totalCount"] == len(found["nodes"]) for found in case.values())


async def test_the_whole_log_has_each_row_once_in_a_stable_order(world: World, api: Api) -> None:
    elsewhere = await make_world(world.database)
    made: list[str] = []
    cases = [(await world.open_case()).case.id for _ in range(3)]
    await elsewhere.open_case()
    for n in range(8):
        await world.do(world.carl, AddComment(case_id=cases[n % 3], comment=f"{n}"))
    async with world.database.read() as connection:
        statement = select(tables.case_actions).where(tables.case_actions.c.account_id == world.account_id)
        rows = sorted((await connection.execute(statement)).mappings(), key=lambda row: (row["created_at"], row["id"]))
    made = [str(row["id"]) for row in rows]

    assert (await follow(api, world, None))[0] == made
    assert (await follow(api, world, None, 100))[0] == made
    last = (await api.run(world.ada.token, LOG, {"last": 2}))["actions"]
    assert ([node["id"] for node in last["nodes"]], last["totalCount"]) == (made[-2:], 11)
    assert (last["pageInfo"]["hasPreviousPage"], last["pageInfo"]["hasNextPage"]) == (True, False)
    mine = (await api.run(world.ada.token, LOG, {"user": str(world.ada.id), "types": ["OPEN", "CLOSE"]}))["actions"]
    assert [node["id"] for node in mine["nodes"]] == made[:3]


@asynccontextmanager
async def late(url: str, world: World) -> AsyncIterator[AsyncConnection]:
    """A transaction that has written a row of the log and is not committed before the context ends."""
    case = (await world.open_case()).case
    database = open_database(url)
    async with database.write() as connection:
        row = {
            "id": clock.new_id(),
            "account_id": world.account_id,
            "case_id": case.id,
            "seq": 2,
            "type": "COMMENT",
            "user_id": world.ada.id,
            "status_before": "OPEN",
            "status_after": "IN_PROGRESS",
            "created_at": clock.now(),
            "request_id": "late",
            "prev_hash": case.head_hash,
            "hash": "0" * 64,
        }
        await connection.execute(insert(tables.case_actions), row)
        yield connection
    await database.close()


async def test_a_row_that_is_committed_late_is_not_missed_by_who_follows(
    fresh_url: str, world: World, api: Api
) -> None:
    known, cursor = await follow(api, world, None)
    async with late(fresh_url, world):
        opened, cursor = await follow(api, world, cursor)
        # Whoever writes meanwhile takes a later place, and on SQLite waits for the place itself.
        meanwhile = asyncio.create_task(world.open_case())
        await asyncio.sleep(0.3)
        during, cursor = await follow(api, world, cursor)
    outcome = await meanwhile
    after, cursor = await follow(api, world, cursor)

    async with world.database.read() as connection:
        own = select(tables.case_actions.c.id).where(tables.case_actions.c.account_id == world.account_id)
        everything = {str(id) for id in await connection.scalars(own)}
    seen = known + opened + during + after
    assert set(seen) == everything
    assert len(seen) == len(everything)
    assert after[-1] == str(outcome.action.id)


async def test_many_writers_and_one_who_follows_them_miss_nothing(world: World, api: Api) -> None:
    cases = [(await world.open_case()).case.id for _ in range(4)]
    seen, cursor = await follow(api, world, None)
    writers = asyncio.gather(
        *(
            world.do(person, AddComment(case_id=case_id, comment=f"{n}"))
            for n in range(10)
            for case_id, person in zip(cases, (world.ada, world.carl, world.rosa, world.bea), strict=True)
        )
    )
    while not writers.done():
        more, cursor = await follow(api, world, cursor)
        seen += more
        await asyncio.sleep(0)
    more, cursor = await follow(api, world, cursor)

    made = {str(outcome.action.id) for outcome in await writers}
    assert set(seen + more) >= made
    assert len(set(seen + more)) == len(seen + more) == 44


async def test_after_a_restore_into_another_server_new_rows_still_come_last(world: World, api: Api) -> None:
    if world.database.is_sqlite:
        async with world.database.write() as connection:
            await catch_up(connection)  # nothing to do: a file takes its places along
        return
    first = (await world.open_case()).action.id
    async with world.database.write() as connection, triggers_aside(connection, tables.case_actions):
        # The numbers of a server that has seen more.
        await connection.execute(text("UPDATE case_actions SET position = position + 5000000000"))
    assert (await follow(api, world, None))[0] == []

    await migrate(world.database)
    second = (await world.open_case()).action.id

    assert (await follow(api, world, None))[0] == [str(first), str(second)]
    async with world.database.read() as connection:
        offset = await connection.scalar(text(f"SELECT value FROM server_keys WHERE name = '{OFFSET}'"))
    assert 4_900_000_000 < int(offset or 0) <= 5_000_000_001


async def test_unsupported_log_filters_are_refused(world: World, api: Api) -> None:
    case_id = (await world.open_case()).case.id
    wrong: dict[str, Any] = {
        'user: "x"': ("INVALID_ID", ["user"]),
        f'since: "{(clock.now() - timedelta(days=1)).replace(tzinfo=None).isoformat()}"': ("INVALID_INPUT", ["since"]),
    }
    for arguments, expected in wrong.items():
        for document in (f'case(id: "{case_id}") {{ actions({arguments})', f"actions({arguments})"):
            closing = "}" * document.count("{")
            body = (await api.send(world.ada.token, f"{{ {document} {{ nodes {{ id }} }} {closing} }}")).json()
            (error,) = body["errors"]
            assert (error["extensions"]["code"], error["extensions"]["argument"]) == expected


async def test_every_page_of_a_filtered_log_has_the_requested_rows(world: World) -> None:
    cases = [(await world.case_in(CaseStatus.OPEN)).case.id for _ in range(2)]
    for n in range(6):
        await world.do(world.ada, AddComment(case_id=cases[0], comment=f"{n}"))
    logs = {cases[0]: list(range(7, 0, -1)), cases[1]: [1]}
    edges = [None, *range(1, 9)]

    async with world.database.read() as connection:
        for limit, after, before, backward in product((1, 3, 2**31 - 1), edges, edges, (False, True)):
            window = Window(limit, after and (after,), before and (before,), backward)
            found = await actions_by_case(connection, world.account_id, cases, window)
            for case_id, rows in zip(cases, found, strict=True):
                inside = [seq for seq in logs[case_id] if (not after or seq < after) and (not before or seq > before)]
                expected = inside[-limit:] if backward else inside[:limit]
                assert [row.seq for row in rows] == expected, (window, case_id)
