"""What takes the database long leaves connections to others: to short reads, writes, other accounts, and `/ready`."""

import asyncio
from contextlib import AsyncExitStack
from typing import Any
from uuid import UUID, uuid4

import pytest
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError

from app.db.engines import Database, Timeouts, open_database
from app.db.errors import unavailable_of
from app.domain.errors import Overloaded
from app.server.health import ready
from app.server.log_lag import LogWatch
from app.web.slots import Slots
from tests.support.api import Api
from tests.support.bulk import filled
from tests.support.recorded_sql import recorded
from tests.support.world import World, make_world

ENDLESS = {
    True: "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 2000000000) SELECT max(i) FROM n",
    False: "SELECT count(*) FROM generate_series(1, 2000000000)",
}


async def taken(slots: Slots, who: list[tuple[UUID, UUID]]) -> int:
    """Return how many of these get a slot together."""
    async with AsyncExitStack() as stack:
        for account_id, token_id in who:
            try:
                await stack.enter_async_context(slots.one(account_id, token_id))
            except Overloaded:
                break
        return slots.taken


async def test_an_account_has_a_part_of_the_slots_and_a_token_a_part_of_that() -> None:
    account, others = uuid4(), [uuid4() for _ in range(10)]

    slots = Slots.beside(10, patience=0.01)
    assert await taken(slots, [(account, others[0])] * 10) == 3
    assert await taken(slots, [(account, token) for token in others]) == 4
    assert await taken(slots, [(other, other) for other in others]) == 6
    assert slots.taken == 0
    for connections in (1, 2):
        assert await taken(Slots.beside(connections, patience=0.01), [(account, account)] * 3) == 1


async def test_who_waits_passes_those_whose_own_part_is_taken_and_is_served_in_turn() -> None:
    slots, account, stranger = Slots(2, patience=5), uuid4(), uuid4()
    served: list[str] = []

    async def hold(name: str, account_id: UUID) -> None:
        async with slots.one(account_id, account_id):
            served.append(name)
            await asyncio.sleep(0.02)

    await asyncio.gather(
        *(hold(f"own {number}", account) for number in range(3)), hold("first", stranger), hold("second", stranger)
    )

    assert served == ["own 0", "first", "own 1", "second", "own 2"]
    assert slots.taken == 0


async def test_who_gives_up_waiting_takes_no_slot_along() -> None:
    slots, account = Slots(1, patience=5), uuid4()
    async with slots.one(account, account):
        waiting = [asyncio.create_task(taken(slots, [(account, account)])) for _ in range(5)]
        await asyncio.sleep(0.01)
        for task in waiting[:4]:
            task.cancel()
    # The slot came to the first, in the same turn in which it went away.
    assert await asyncio.wait_for(waiting[4], 5) == 1
    assert slots.taken == 0


async def test_ready_and_short_reads_answer_while_all_slots_are_taken_and_waiting_requests_get_retry_after(
    world: World, fresh_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    case_id = str((await world.open_case()).case.id)
    other = await make_world(world.database)
    long, short = '{ cases(search: "a") { nodes { id } } }', "{ cases { nodes { id } } }"
    comment = {"caseId": case_id, "body": "See."}

    slots = Slots.beside(2, patience=0.3)
    monkeypatch.setattr(Slots, "beside", lambda *_: slots)
    async with Api.opened(fresh_url, database_pool=2) as api:
        async with slots.one(uuid4(), uuid4()):
            answered = (await api.client.get("/ready")).status_code
            refused = await api.send(world.ada.token, long)
            again = await api.send(world.ada.token, long)  # a document that is known
            fine = [await api.run(person.token, short) for person in (world.ada, other.ada)]
            acted = await api.act(world.ada.token, "addComment", comment)
        afterwards = await api.run(world.ada.token, long)

    assert answered == 200 and acted["errors"] == [] and len(fine) == 2
    for answer in (refused, again):
        assert (answer.status_code, answer.headers["retry-after"]) == (503, "1")
        assert [error["extensions"]["code"] for error in answer.json()["errors"]] == ["OVERLOADED"]
        assert "data" not in answer.json()
    assert len(afterwards["cases"]["nodes"]) == 1


ALIASES = "{ %s }" % " ".join(  # noqa: UP031  # braces are the document's own
    f'a{index}: cases(search: "a", first: 1, orderBy: [{{field: STATUS}}, {{field: UPDATED_AT}}]) {{'
    " totalCount facets { statuses { count } } nodes { id } edges { match { field } } }"
    for index in range(6)
)


async def test_aliases_that_ask_for_the_same_share_its_statements(fresh_url: str, world: World) -> None:
    await filled(world, cases=10, actions=30)
    once = ALIASES.split(" a1:")[0] + " }"
    async with Api.opened(fresh_url, max_cost=1_000_000) as api:  # what is shared is priced as if it were not
        with recorded() as alone:
            expected = await api.run(world.ada.token, once)
        for _ in range(2):
            with recorded() as together:
                data = await api.run(world.ada.token, ALIASES)
            assert all(data[f"a{index}"] == expected["a0"] for index in range(6))
            assert sorted(together) == sorted(alone)


async def test_the_inbox_is_counted_once_however_often_it_is_selected(world: World, api: Api) -> None:
    inbox = "inbox { totalCount counts { reason count } }"
    with recorded() as reported:
        await api.run(world.bea.token, f"{{ viewer {{ a: {inbox} b: {inbox} }} c: viewer {{ {inbox} }} }}")

    assert len(reported) == 3  # who asks, the page, and the counts


async def test_a_statement_that_takes_too_long_is_given_up_on_both_engines(fresh_url: str) -> None:
    database = open_database(fresh_url, patience=Timeouts(statement=0.3))
    try:
        with pytest.raises(DBAPIError) as given_up:
            async with asyncio.timeout(60), database.read() as connection:
                await connection.execute(text(ENDLESS[database.is_sqlite]))
        assert unavailable_of(given_up.value, "id") is not None
        async with database.read() as connection:
            assert await connection.scalar(text("SELECT 1")) == 1
    finally:
        await database.close()


async def test_the_probe_has_a_connection_of_its_own(database: Database) -> None:
    async with AsyncExitStack() as stack:
        for _ in range(database.reader.size):
            await stack.enter_async_context(database.read())
        answer: Any = await asyncio.wait_for(ready(database, LogWatch(database, 60)), 5)

    assert answer.status_code == 200
