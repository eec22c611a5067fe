"""No list is read by looking through all cases or all rows of the log: what the engines' planners make of each query.

In the default run the house is small, and PostgreSQL is told to use an index wherever one serves. With `-m soak` it has
100 000 cases with 1 000 000 actions, and the planner decides by itself.
"""

import json
from typing import Any

import pytest
from sqlalchemy import insert, select, text
from sqlalchemy.ext.asyncio import AsyncConnection

from app import clock
from app.admin import accounts
from app.db import tables
from app.db.engines import Database
from app.db.repository.checklists import is_taken, taken_steps, taken_steps_before
from app.db.rows import ActionRow
from app.domain.model import CaseStatus, Scope, StepState
from scripts.benchmarks.generate import analyze, fill, make_people
from scripts.benchmarks.plans import noted, walk
from tests.support.api import Api
from tests.support.checklists import CALL_BACK, SECOND_SOURCE, record, with_checklist
from tests.support.triggers import triggers_aside
from tests.support.world import Person, World, person_of

LARGE = ("cases", "case_actions")
Sent = list[tuple[str, Any]]

# What is asked for, by what it shows. USER is somebody who acts a lot, ID a case.
QUERIES = {
    "the newest": "{ cases { nodes { id title } } }",
    "the oldest": "{ cases(last: 25) { nodes { id title } } }",
    "by creation": "{ cases(orderBy: [{field: CREATED_AT, direction: ASC}]) { nodes { title } } }",
    "by change": "{ cases(orderBy: [{field: UPDATED_AT}]) { nodes { title } } }",
    "by closing, open ones last": "{ cases(orderBy: [{field: CLOSED_AT, nulls: LAST}]) { nodes { title } } }",
    "by status": "{ cases(orderBy: [{field: STATUS}]) { nodes { title } } }",
    "of a status": "{ cases(filter: {status: {eq: PENDING_REVIEW}}) { nodes { title } } }",
    "of several statuses": "{ cases(filter: {status: {in: [OPEN, IN_PROGRESS]}}) { nodes { title } } }",
    "of somebody": '{ cases(filter: {createdBy: {eq: "USER"}}) { nodes { title } } }',
    "by due date": "{ cases(orderBy: [{field: DUE_AT, direction: DESC}]) { nodes { title } } }",
    "that are overdue": "{ cases(filter: {overdue: true}) { nodes { title } } }",
    "that somebody owns": '{ cases(filter: {owner: {eq: "USER"}}) { nodes { title } } }',
    "of a reference": '{ cases(filter: {reference: {eq: "CASE-000042"}}) { nodes { title } } }',
    "of a month": """{ cases(filter: {createdAt: {gte: "2025-02-01T00:00:00Z", lt: "2025-03-01T00:00:00Z"}}) {
        nodes { title } } }""",
    "that wait for somebody": '{ cases(filter: {waitingFor: "USER"}) { nodes { title } } }',
    "that somebody was asked about": '{ cases(filter: {assignedReviewer: {eq: "USER"}}) { nodes { title } } }',
    "that wait": "{ cases(filter: {hasPendingOverride: true}) { nodes { title } } }",
    "of a country": '{ cases(filter: {subject: {countryCode: {eq: "FR"}}}) { nodes { title } } }',
    "a count": "{ cases(filter: {status: {eq: OPEN}}) { totalCount } }",
    "facets": "{ cases(filter: {status: {in: [OPEN, RESOLVED]}}) { facets { statuses { count } } } }",
    "a search": '{ cases(search: "societe gen") { totalCount nodes { title } edges { match { field } } } }',
    "a case and what hangs on it": """{ case(id: "ID") { subject { label } actions(first: 5) { totalCount nodes {
        user { displayName } comment { body documents { filename } } override { status } } }
        overrides { nodes { assignedReviewers { displayName } } } documents { totalCount }
        availableActions { allowed } } }""",
    "a part of its log": '{ case(id: "ID") { actions(types: [COMMENT], user: "USER") { totalCount nodes { seq } } } }',
    "a case as it stood": """{ caseSnapshot(id: "ID", asOf: {seq: 1}) {
        status overrides { totalCount nodes { status } } } }""",
    "a case by its reference": '{ case(reference: "CASE-000042") { title } }',
    "the whole log": "{ actions { nodes { type } } }",
    "the end of the whole log": "{ actions(last: 100) { nodes { type } } }",
    "somebody's part of the whole log": '{ actions(user: "USER") { nodes { type } } }',
    "the inbox": "{ viewer { inbox { totalCount counts { count } nodes { title } } } }",
    "the inbox for decisions": "{ viewer { inbox(reasons: [DECIDE]) { nodes { title } } } }",
    "signals": "{ cases(first: 50) { nodes { signals { kind } } } }",
    "anything by its id": '{ node(id: "ID") { id } }',
}


async def looked_through(database: Database, sent: Sent, *, indexes_only: bool) -> list[str]:
    """Return what the planner would read whole, and for which statement."""
    found = []
    async with database.read() as connection:
        if indexes_only and not database.is_sqlite:
            await connection.execute(text("SET enable_seqscan = off"))
        for statement, parameters in sent:
            if database.is_sqlite:
                plan = await connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {statement}", parameters)
                steps = [str(step) for *_, step in plan]
                whole = [step for step in steps if step.startswith(tuple(f"SCAN {name}" for name in LARGE))]
                if "json_each" in statement:  # what is looked for by ids is not looked for in all of an account
                    whole += [step for step in steps if step.endswith("(account_id=?)")]
            else:
                plan = await connection.exec_driver_sql(f"EXPLAIN (FORMAT JSON) {statement}", parameters)
                nodes = list(walk(_json(plan.scalar())[0]["Plan"]))
                whole = [
                    f"Seq Scan on {node['Relation Name']}"
                    for node in nodes
                    if node["Node Type"] == "Seq Scan" and node["Relation Name"] in LARGE
                ]
            found += [f"{step}: {statement}" for step in whole]
        if indexes_only and not database.is_sqlite:
            await connection.execute(text("RESET enable_seqscan"))
    return found


def _json(value: Any) -> Any:
    return json.loads(value) if isinstance(value, str) else value


async def house(database: Database, cases: int, actions: int) -> Person:
    """Make an account with this many cases and a small one, and return somebody of the large one who does a lot."""
    account, small = [await accounts.create_account(database, name) for name in ("House", "Hut")]
    people, few = [await make_people(database, item.id) for item in (account, small)]
    await fill(database, account.id, people, cases, actions)
    await fill(database, small.id, few, cases // 10, actions // 10)
    await analyze(database)
    return await person_of(database, people.ids[0], *Scope)


async def whole_reads(api: Api, database: Database, viewer: Person, *, indexes_only: bool) -> dict[str, list[str]]:
    """Return of each query what it would read whole."""
    case = (await api.run(viewer.token, "{ cases(first: 1) { nodes { id } } }"))["cases"]["nodes"][0]
    found = {}
    for name, query in QUERIES.items():
        with noted() as sent:
            await api.run(viewer.token, query.replace("USER", str(viewer.id)).replace('ID"', f'{case["id"]}"'))
        assert len(sent) >= 2, name
        found[name] = await looked_through(database, sent, indexes_only=indexes_only)
    return {name: steps for name, steps in found.items() if steps}


async def work(database: Database, sent: Sent) -> int:
    """Return what the statements cost by the engine's own measure: pages that are touched, or steps of its machine."""
    total = 0
    async with database.read() as connection:
        for statement, parameters in sent:
            if database.is_sqlite:
                total += await steps_of(connection, statement, parameters)
            else:
                reported = await connection.exec_driver_sql(
                    f"EXPLAIN (ANALYZE, BUFFERS, FORMAT JSON) {statement}", parameters
                )
                plan = _json(reported.scalar())[0]["Plan"]
                total += plan["Shared Hit Blocks"] + plan["Shared Read Blocks"]
    return total


async def steps_of(connection: AsyncConnection, statement: str, parameters: Any) -> int:
    taken = 0

    def step() -> int:
        nonlocal taken
        taken += 1
        return 0

    driver: Any = (await connection.get_raw_connection()).driver_connection
    await driver.set_progress_handler(step, 1)
    try:
        (await connection.exec_driver_sql(statement, parameters)).all()
    finally:
        await driver.set_progress_handler(None, 0)
    return taken


# Orders of which a later page costs what the first one does.
ORDERS = {
    "the newest": "",
    "the oldest": "orderBy: [{field: CREATED_AT, direction: ASC}]",
    "by change": "orderBy: [{field: UPDATED_AT}]",
    "by closing": "orderBy: [{field: CLOSED_AT}]",
    "of a status": "filter: {status: {eq: IN_PROGRESS}}",
    "by status": "orderBy: [{field: STATUS}]",
    "by status, and by change the other way": "orderBy: [{field: STATUS, direction: ASC}, {field: UPDATED_AT}]",
    "by status, and by number the other way": "orderBy: [{field: STATUS}, {field: REFERENCE, direction: ASC}]",
    "by change, and by number the other way": "orderBy: [{field: UPDATED_AT}, {field: REFERENCE, direction: ASC}]",
    "by closing, open ones first, and by number": (
        "orderBy: [{field: CLOSED_AT, nulls: FIRST}, {field: REFERENCE, direction: ASC}]"
    ),
}


# Lists of which no index has the order: pages are looked for among the latest of a status, or among all that are open.
UNSORTED = {
    "of a status",
    "by status, and by change the other way",
    "by closing, open ones first, and by number",
}


async def costs_of_pages(api: Api, database: Database, viewer: Person, arguments: str, page: int) -> list[int]:
    """Return the work for the first page of 25, for the second, and for the one that comes *page* pages later."""
    query = f"query($after: String, $first: Int) {{ cases(after: $after, first: $first, {arguments}) {{"
    query += " nodes { id title status } pageInfo { hasNextPage endCursor } } }"
    after, costs = None, []
    for first in (25, 25, *[100] * (page // 4), 25):
        with noted() as sent:
            info = (await api.run(viewer.token, query, {"first": first, "after": after}))["cases"]["pageInfo"]
        assert info["hasNextPage"], f"there is no page {page}"
        after = info["endCursor"]
        if first == 25:
            costs.append(await work(database, [item for item in sent if "FROM cases" in item[0]]))
    return costs


async def assert_cheap(api: Api, database: Database, viewer: Person, page: int) -> None:
    for name, arguments in ORDERS.items():
        first, second, later = await costs_of_pages(api, database, viewer, arguments, page)
        # To seek is a little more work than to begin, by steps; and a row may lie on a page of its own.
        assert 0 < later <= 2 * max(first, second, 25), name


@pytest.mark.long
async def test_no_query_looks_through_all_cases_or_the_whole_log(database: Database, api: Api) -> None:
    viewer = await house(database, 600, 4000)

    assert await whole_reads(api, database, viewer, indexes_only=True) == {}


@pytest.mark.long
async def test_a_later_page_costs_no_more_than_twice_the_first(database: Database, api: Api) -> None:
    await assert_cheap(api, database, await house(database, 1200, 4000), 8)


async def repeat(database: Database, action: ActionRow, times: int) -> None:
    """Write the same row again behind it, so many times."""
    rows = tables.case_actions
    async with database.write() as connection, triggers_aside(connection, rows):
        found = (await connection.execute(select(rows).where(rows.c.id == action.id))).mappings().one()
        more = {"comment_id": None, "position": 0}
        again = [{**found, **more, "id": clock.new_id(), "seq": found["seq"] + 1 + n} for n in range(times)]
        await connection.execute(insert(rows), again)


@pytest.mark.long
async def test_where_steps_stand_costs_the_same_however_often_they_were_recorded(world: World) -> None:
    checked, costs = await with_checklist(world, CALL_BACK, SECOND_SOURCE), []
    for times in (1, 20_000):
        case_id = (await checked.open_case()).case.id
        last = (await record(checked, case_id, SECOND_SOURCE)).action
        for state in StepState:
            last = (await record(checked, case_id, CALL_BACK, state)).action
        await repeat(world.database, last, times)
        closing = tables.case_actions.c
        with noted() as sent:
            async with world.database.read() as connection:
                await taken_steps(connection, world.account_id, case_id)
                await taken_steps_before(connection, world.account_id, [last])
                await connection.execute(select(is_taken(closing.case_id, "TEA")).where(closing.id == last.id))
        await analyze(world.database)
        costs.append([await work(world.database, [item]) for item in sent])

    assert len(costs[0]) == 3
    assert [many <= 5 * few for few, many in zip(*costs, strict=True)] == [True] * 3, costs


@pytest.mark.long
async def test_a_page_of_a_sorted_list_costs_no_more_in_a_larger_house(database: Database, api: Api) -> None:
    small = await house(database, 300, 1000)
    large = await house(database, 2400, 8000)

    for name in sorted(ORDERS.keys() - UNSORTED):
        costs = [(await costs_of_pages(api, database, viewer, ORDERS[name], 0))[0] for viewer in (small, large)]
        assert 0 < costs[1] <= 2 * max(costs[0], 25), (name, costs)


@pytest.mark.soak
async def test_a_large_house_is_read_by_indexes_and_its_thousandth_page_costs_what_the_first_does(
    database: Database, api: Api
) -> None:
    viewer = await house(database, 100_000, 1_000_000)

    assert await whole_reads(api, database, viewer, indexes_only=False) == {}
    await assert_cheap(api, database, viewer, 1000)


async def test_a_statement_that_looks_through_all_cases_would_be_found(database: Database, world: World) -> None:
    await world.case_in(CaseStatus.OPEN)
    sent: Sent = [("SELECT title FROM cases WHERE title = 'x'", ()), ("SELECT 1 FROM case_actions", ())]

    found = await looked_through(database, sent, indexes_only=False)

    assert [step.split(":")[0].split()[-1] for step in found][:1] == ["cases"]
