"""What subscriptions show: the log from a cursor on and as it goes on, a case as it moves, the viewer's inbox."""

import asyncio
import time
from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Any
from uuid import uuid4

import pytest
from sqlalchemy import func, select, update

from app.api.schema import CORE
from app.db import tables
from app.db.engines import Database
from app.db.repository.log_tail import safe_position
from app.documents.store import DocumentStore
from app.domain.commands import AddComment
from app.domain.model import CaseStatus, Scope
from tests.support.api import Api
from tests.support.hard_values import hard_values
from tests.support.subscriptions import PATIENCE_S, Live, Refused, Stream
from tests.support.world import World, make_world, person_of

ACTIONS = """subscription($after: String, $caseId: ID, $types: [ActionType!]) {
    actions(after: $after, caseId: $caseId, types: $types) {
        cursor caughtUp action { id seq type user { id } case { id } comment { body } } } }"""
CASE = "subscription($id: ID!) { caseChanged(id: $id) { id version status actions(first: 1) { nodes { seq } } } }"
INBOX = "subscription { inboxChanged { viewer { inbox(first: 5) { nodes { id } } } } }"
LOG = "query($after: String) { actions(first: 100, after: $after) { edges { cursor node { id } } } }"
SUBSCRIPTIONS: Any = CORE.subscription_type
QUIET_S = 0.7
"""Longer than the feed of these tests takes to look on its own."""


@pytest.fixture
async def live(database: Database, store: DocumentStore) -> AsyncIterator[Live]:
    async with Live.opened(database, store) as opened:
        yield opened


async def comment(world: World, case_id: Any, text: str = "x") -> str:
    return str((await world.do(world.carl, AddComment(case_id=case_id, comment=text))).action.id)


async def settle(world: World) -> None:
    """Wait until all rows may be shown: on PostgreSQL a notice that is being sent holds those back that come after."""
    end = time.monotonic() + PATIENCE_S
    while True:
        async with world.database.read() as connection:
            last = await connection.scalar(select(func.max(tables.case_actions.c.position)))
            if await safe_position(connection) > (last or 0):
                return
        assert time.monotonic() < end, "rows are held back"
        await asyncio.sleep(0.02)


async def assert_quiet(stream: Stream) -> None:
    """Check that nothing comes for a while; the stream can't be used after it."""
    with pytest.raises(TimeoutError):
        await asyncio.wait_for(anext(stream.events), QUIET_S)


async def test_without_a_cursor_the_first_event_tells_where_now_is(world: World, live: Live) -> None:
    case_id = (await world.open_case()).case.id
    await settle(world)

    stream = await live.subscribe(world.ada.token, ACTIONS)
    first = await stream.next()
    id = await comment(world, case_id)
    second = await stream.next()

    assert first["action"] is None and first["caughtUp"] is True
    assert second["action"]["id"] == id and second["action"]["comment"] == {"body": "x"}
    assert second["caughtUp"] is True
    again = await live.subscribe(world.ada.token, ACTIONS, after=first["cursor"])
    assert await again.next() == second
    await stream.close()
    await again.close()


async def test_an_empty_log_has_a_cursor_too(world: World, live: Live, api: Api) -> None:
    stream = await live.subscribe(world.ada.token, ACTIONS)
    first = await stream.next()
    id = str((await world.open_case()).action.id)

    second = await stream.next()

    assert (first["action"], first["caughtUp"], second["action"]["id"]) == (None, True, id)
    page = await api.run(world.ada.token, LOG, {"after": first["cursor"]})
    assert page["actions"]["edges"] == [{"cursor": second["cursor"], "node": {"id": id}}]
    await stream.close()


async def test_after_a_cursor_all_rows_come_once_and_then_what_comes(world: World, live: Live) -> None:
    case_id = (await world.open_case()).case.id
    start = await live.subscribe(world.ada.token, ACTIONS)
    cursor = (await start.next())["cursor"]
    await start.close()
    written = [await comment(world, case_id) for _ in range(5)]
    await settle(world)

    stream = await live.subscribe(world.ada.token, ACTIONS, after=cursor)
    events = [await stream.next() for _ in range(5)]
    written.append(await comment(world, case_id))
    events.append(await stream.next())

    assert [event["action"]["id"] for event in events] == written
    assert [event["caughtUp"] for event in events] == [False] * 4 + [True, True]
    await assert_quiet(stream)


@pytest.mark.parametrize("rows", [99, 100])
async def test_catching_up_ends_with_one_event_that_says_so(world: World, live: Live, rows: int) -> None:
    start = await live.subscribe(world.ada.token, ACTIONS)
    cursor = (await start.next())["cursor"]
    await start.close()
    case_id = (await world.open_case()).case.id
    for _ in range(rows - 1):
        await comment(world, case_id)
    await settle(world)

    stream = await live.subscribe(world.ada.token, ACTIONS, after=cursor)
    events: list[Any] = []
    while not events or not events[-1]["caughtUp"]:
        events.append(await stream.next())

    seqs = [event["action"]["seq"] for event in events if event["action"] is not None]
    assert seqs == list(range(1, rows + 1))
    assert len(events) - rows == (1 if rows % 100 == 0 else 0)
    await assert_quiet(stream)


async def test_nothing_to_catch_up_with_is_reported_at_once(world: World, live: Live) -> None:
    await world.open_case()
    await settle(world)
    stream = await live.subscribe(world.ada.token, ACTIONS)
    cursor = (await stream.next())["cursor"]
    await stream.close()

    again = await live.subscribe(world.ada.token, ACTIONS, after=cursor)

    assert await again.next() == {"cursor": cursor, "caughtUp": True, "action": None}
    await assert_quiet(again)


async def test_filters_leave_rows_out_and_the_cursor_goes_on(world: World, live: Live) -> None:
    mine, other = (await world.open_case()).case.id, (await world.open_case()).case.id
    await settle(world)
    stream = await live.subscribe(world.ada.token, ACTIONS, caseId=str(mine), types=["COMMENT", "CLOSE"])
    first = await stream.next()
    for _ in range(100):
        await comment(world, other)

    left_out = await stream.next()
    id = await comment(world, mine)
    found = await stream.next()

    assert left_out["action"] is None and left_out["cursor"] != first["cursor"]
    assert found["action"]["id"] == id and found["action"]["case"] == {"id": str(mine)}
    again = await live.subscribe(world.ada.token, ACTIONS, after=left_out["cursor"])
    assert (await again.next())["action"]["id"] == id
    await stream.close()
    await again.close()


async def test_filters_hold_while_catching_up_and_may_leave_out_everything(world: World, live: Live) -> None:
    start = await live.subscribe(world.ada.token, ACTIONS)
    cursor = (await start.next())["cursor"]
    await start.close()
    case_id = (await world.case_in(CaseStatus.RESOLVED)).case.id
    await comment(world, case_id)
    await settle(world)

    tried: dict[str, dict[str, Any]] = {
        "types": {"types": ["ACCEPT", "OPEN"]},
        "none": {"types": []},
        "case": {"caseId": str(uuid4())},
    }
    found = {}
    for name, filters in tried.items():
        stream = await live.subscribe(world.ada.token, ACTIONS, after=cursor, **filters)
        events = [await stream.next()]
        while not events[-1]["caughtUp"]:
            events.append(await stream.next())
        found[name] = [event["action"] and event["action"]["type"] for event in events]
        await stream.close()

    assert found == {"types": ["OPEN", "ACCEPT", None], "none": [None], "case": [None]}


async def test_cursors_of_the_log_s_list_and_of_its_stream_are_the_same(world: World, live: Live, api: Api) -> None:
    case_id = (await world.open_case()).case.id
    ids = [await comment(world, case_id, text) for text in "abc"]
    await settle(world)
    edges = (await api.run(world.ada.token, LOG))["actions"]["edges"]
    filtered = await api.run(
        world.ada.token,
        'query($user: ID!) { actions(types: [COMMENT], since: "2020-01-01T00:00:00Z", user: $user)'
        " { edges { cursor } } }",
        {"user": str(world.carl.id)},
    )

    stream = await live.subscribe(world.ada.token, ACTIONS, after=edges[0]["cursor"])
    events = [await stream.next() for _ in ids]

    assert [event["cursor"] for event in events] == [edge["cursor"] for edge in edges[1:]]
    assert [edge["cursor"] for edge in filtered["actions"]["edges"]] == [edge["cursor"] for edge in edges[1:]]
    page = await api.run(world.ada.token, LOG, {"after": events[0]["cursor"]})
    assert [edge["node"]["id"] for edge in page["actions"]["edges"]] == ids[1:]
    await stream.close()


async def test_made_up_cursors_and_those_of_other_lists_and_accounts_are_refused(
    world: World, live: Live, api: Api
) -> None:
    other = await make_world(world.database)
    for each in (world, other):
        await comment(each, (await each.open_case()).case.id)
    await settle(world)
    foreign = (await api.run(other.ada.token, LOG))["actions"]["edges"][0]["cursor"]
    own = (await api.run(world.ada.token, LOG))["actions"]["edges"][0]["cursor"]
    lists = await api.run(
        world.ada.token, "{ cases { edges { cursor node { actions(first: 1) { edges { cursor } } } } } }"
    )
    (edge,) = lists["cases"]["edges"]
    of_case = edge["node"]["actions"]["edges"][0]["cursor"]
    made_up = [
        foreign,
        edge["cursor"],
        of_case,
        own[:-1],
        own + "A",
        own.swapcase(),
        "",
        "x",
        "\0",
        "é" * 5,
        "A" * 5000,
    ]

    for cursor in made_up:
        with pytest.raises(Refused) as refused:
            await live.subscribe(world.ada.token, ACTIONS, after=cursor)
        assert refused.value.codes == ["INVALID_CURSOR"], cursor


async def test_a_subscription_s_ids_must_be_ids(world: World, live: Live) -> None:
    for document, variables in ((ACTIONS, {"caseId": "x"}), (ACTIONS, {"caseId": ""}), (CASE, {"id": "CASE-000001"})):
        with pytest.raises(Refused) as refused:
            await live.subscribe(world.ada.token, document, **variables)
        assert refused.value.codes == ["INVALID_ID"]


@dataclass(frozen=True, slots=True)
class Place:
    """An argument of a subscription."""

    field: str
    argument: str
    type: Any

    def document(self) -> str:
        selection = {"actions": "{ cursor }", "caseChanged": "{ id }"}[self.field]
        return f"subscription($v: {self.type}) {{ {self.field}({self.argument}: $v) {selection} }}"


PLACES = [
    Place(name, argument, item.type)
    for name, field in SUBSCRIPTIONS.fields.items()
    for argument, item in field.args.items()
]


@pytest.mark.parametrize("place", PLACES, ids=lambda place: f"{place.field}-{place.argument}")
async def test_no_argument_of_a_subscription_is_a_fault(world: World, live: Live, place: Place) -> None:
    async def codes(value: Any) -> set[str]:
        try:
            stream = await live.subscribe(world.ada.token, place.document(), v=value)
            await stream.next()
            await stream.close()
        except Refused as refused:
            return set(refused.codes)
        return set()

    for value in hard_values(place.type):
        assert await codes(value) <= {"INVALID_CURSOR", "INVALID_ID", "BAD_USER_INPUT"}, value


@pytest.mark.parametrize(
    "place", [place for place in PLACES if "ID" in str(place.type)], ids=lambda place: f"{place.field}-{place.argument}"
)
async def test_an_id_of_another_account_shows_what_a_random_one_shows(world: World, live: Live, place: Place) -> None:
    other = await make_world(world.database)
    foreign = (await other.case_in(CaseStatus.PENDING_REVIEW)).case
    await world.open_case()
    ids = [str(id) for id in (uuid4(), foreign.id, foreign.subject_id, other.ada.id, other.account_id)]

    shown = []
    for id in ids:
        stream = await live.subscribe(world.ada.token, place.document(), v=id)
        shown.append(await stream.next())
        await stream.close()

    assert shown == [shown[0]] * len(ids)


async def test_a_case_is_shown_at_once_and_whenever_its_version_is_another(world: World, live: Live) -> None:
    case_id, other_id = (await world.open_case()).case.id, (await world.open_case()).case.id
    stream = await live.subscribe(world.ada.token, CASE, id=str(case_id))
    first = await stream.next()
    await comment(world, other_id)
    for _ in range(3):
        await comment(world, case_id)

    events = [first, await stream.next()]
    while events[-1]["actions"]["nodes"][0]["seq"] < 4:
        events.append(await stream.next())

    versions = [event["version"] for event in events]
    assert first["status"] == "OPEN" and events[-1]["status"] == "IN_PROGRESS"
    assert versions == sorted(set(versions))
    await assert_quiet(stream)


async def test_a_case_of_another_account_is_null_as_one_that_is_not_there(world: World, live: Live) -> None:
    other = await make_world(world.database)
    foreign = (await other.open_case()).case.id

    for id in (str(foreign), str(uuid4())):
        stream = await live.subscribe(world.ada.token, CASE, id=id)
        assert await stream.next() is None
        with pytest.raises(StopAsyncIteration):
            await stream.next()


async def test_nothing_of_another_account_ever_comes(world: World, live: Live) -> None:
    other = await make_world(world.database)
    foreign = (await other.open_case()).case.id
    everything = await live.subscribe(world.ada.token, ACTIONS)
    of_case = await live.subscribe(world.ada.token, ACTIONS, caseId=str(foreign))
    inbox = await live.subscribe(world.rosa.token, INBOX)
    for stream in (everything, of_case, inbox):
        await stream.next()

    await other.request_override(foreign)
    for _ in range(101):
        await comment(other, foreign)

    await asyncio.gather(*(assert_quiet(stream) for stream in (everything, of_case, inbox)))


async def test_the_inbox_tells_when_it_is_another_and_not_of_what_leaves_it_as_it_is(world: World, live: Live) -> None:
    case_id = (await world.open_case()).case.id
    stream = await live.subscribe(world.rosa.token, INBOX)
    first = await stream.next()

    await world.request_override(case_id)
    second = await stream.next()
    await world.accept(case_id)
    third = await stream.next()
    await world.open_case()

    inboxes = [[node["id"] for node in event["viewer"]["inbox"]["nodes"]] for event in (first, second, third)]
    assert inboxes[:2] == [[], [str(case_id)]] and len(inboxes[2]) <= 1
    with pytest.raises(TimeoutError):
        await asyncio.wait_for(anext(stream.events), 2)


@pytest.mark.parametrize("document", [ACTIONS, CASE, INBOX])
async def test_who_may_not_read_is_refused_at_the_start_and_at_each_event(
    world: World, live: Live, document: str
) -> None:
    case_id = (await world.case_in(CaseStatus.PENDING_REVIEW)).case.id
    variables = {"id": str(case_id)} if document == CASE else {}
    writer = await person_of(world.database, world.rosa.id, *(set(Scope) - {Scope.CASES_READ}))

    with pytest.raises(Refused) as refused:
        await live.subscribe(writer.token, document, **variables)
    stream = await live.subscribe(world.rosa.token, document, **variables)
    await stream.next()
    async with world.database.write() as connection:
        await connection.execute(update(tables.users).where(tables.users.c.id == world.rosa.id).values(active=False))
    await world.cancel(case_id)
    with pytest.raises(Refused) as ended:
        await stream.next()

    assert (refused.value.codes, ended.value.codes) == (["INSUFFICIENT_SCOPE"], ["USER_INACTIVE"])
    await stream.close()


async def test_over_http_a_subscription_is_refused_as_it_was(world: World, api: Api) -> None:
    answer = await api.send(world.ada.token, "subscription { inboxChanged { viewer { id } } }")

    assert answer.status_code in (400, 405, 406)
    assert "data" not in answer.json()
