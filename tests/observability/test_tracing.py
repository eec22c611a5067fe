"""Traces: one span an operation and one for each phase and statement, named by the conventions, without any value."""

import asyncio
import gc
import tempfile
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any
from uuid import uuid4

import httpx2
import pytest
from opentelemetry.context import Context
from opentelemetry.sdk.trace import ReadableSpan
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.sdk.trace.sampling import (
    Decision,
    ParentBased,
    Sampler,
    SamplingResult,
    StaticSampler,
    TraceIdRatioBased,
)
from opentelemetry.trace import SpanKind, StatusCode
from sqlalchemy.exc import DBAPIError

from app.config import components
from app.config.settings import Settings
from app.db.coalescing import Coalescer
from app.db.engines import Database
from app.main import create_app
from app.observability import tracing
from app.observability.recorder import Part, Trace
from app.observability.trace_budget import TraceBudget
from tests.support.api import Api
from tests.support.recorded_sql import sql
from tests.support.world import World

QUERY = "query Case($reference: String!) { case(reference: $reference) { title createdBy { displayName } } }"
ADD_COMMENT = "mutation Add($input: AddCommentInput!) { addComment(input: $input) { errors { code } case { status } } }"


@pytest.fixture
async def spans(database: Database) -> AsyncIterator[InMemorySpanExporter]:
    """Trace the app that the test opens, into memory."""
    exporter = InMemorySpanExporter()
    yield exporter
    tracing.stop()


def named(spans: tuple[ReadableSpan, ...], name: str) -> list[ReadableSpan]:
    return [span for span in spans if span.name == name]


class Requested(StaticSampler):
    """A sampler that notes what it is asked about."""

    def __init__(self, decision: Decision) -> None:
        super().__init__(decision)
        self.names: list[str] = []

    def should_sample(
        self, parent_context: Context | None, trace_id: int, name: str, *more: Any, **rest: Any
    ) -> SamplingResult:
        self.names.append(name)
        return super().should_sample(parent_context, trace_id, name, *more, **rest)


async def connect(database: Database) -> None:
    """Have an engine's first connections behind, which ask for the server's version in the trace of who comes first."""
    for connections in (database.read, database.write):
        async with connections() as connection:
            await connection.exec_driver_sql("SELECT 1")


@asynccontextmanager
async def tracing_into(exporter: InMemorySpanExporter, url: str, sampler: Sampler | None = None) -> AsyncIterator[Api]:
    """Serve an app that is traced."""
    with tempfile.TemporaryDirectory() as folder:
        app = create_app(Settings(database_url=url, rate_limit=0, data_dir=Path(folder)))
        async with app.router.lifespan_context(app):
            await connect(app.state.database)
            components.start_tracing(app.state.database, SimpleSpanProcessor(exporter), sampler)
            transport = httpx2.ASGITransport(app=app, raise_app_exceptions=False)
            async with httpx2.AsyncClient(transport=transport, base_url="http://test") as client:
                yield Api(client)


async def traced(
    url: str,
    exporter: InMemorySpanExporter,
    world: World,
    sampler: Sampler | None = None,
    query: str = QUERY,
    **headers: str,
) -> tuple[ReadableSpan, ...]:
    async with tracing_into(exporter, url, sampler) as api:
        data = await api.run(world.carl.token, query, {"reference": "CASE-000001"}, **headers)
        assert data["case"]["createdBy"]["displayName"] == "Ada"
    return exporter.get_finished_spans()


async def test_a_document_in_the_cache_is_not_parsed_and_validated_again(
    fresh_url: str, world: World, spans: InMemorySpanExporter
) -> None:
    await world.open_case()
    query = f"{QUERY}# {uuid4()}"

    await traced(fresh_url, spans, world, query=query)
    found = await traced(fresh_url, spans, world, query=query)

    phases = {phase: len(named(found, f"graphql.{phase}")) for phase in ("parse", "validate", "execute")}
    assert phases == {"parse": 1, "validate": 1, "execute": 2}


async def test_an_operation_has_a_span_with_its_phases_and_statements_in_it(
    fresh_url: str, world: World, spans: InMemorySpanExporter
) -> None:
    await world.open_case()

    # A document that no test has sent before: of one that is in the cache, there is nothing to parse and validate.
    found = await traced(fresh_url, spans, world, query=f"{QUERY}# {uuid4()}")

    (operation,) = named(found, "query")
    attributes = dict(operation.attributes or {})
    assert len(str(attributes.pop("graphql.document.hash"))) == 64
    assert attributes == {"graphql.operation.type": "query", "graphql.operation.name": "Case"}
    assert operation.parent is None
    for phase in ("graphql.parse", "graphql.validate", "graphql.execute"):
        assert len(named(found, phase)) == 1
    resolved = {str((span.attributes or {})["graphql.field.name"]) for span in named(found, "graphql.resolve")}
    assert resolved == {"Query.case", "Case.createdBy"}
    # The token with its person, the case, and who opened it.
    statements = named(found, "SELECT")
    assert len(statements) == 3
    system = "sqlite" if world.database.is_sqlite else "postgresql"
    assert {(span.attributes or {})["db.system.name"] for span in statements} == {system}
    assert {span.context.trace_id for span in found} == {operation.context.trace_id}


async def test_no_span_has_a_variable_or_a_token(fresh_url: str, world: World, spans: InMemorySpanExporter) -> None:
    await world.open_case()

    found = await traced(fresh_url, spans, world)

    written = "\n".join(span.to_json() for span in found)
    assert "CASE-000001" not in written
    assert world.ada.token not in written
    assert "Ada" not in written


async def test_the_clients_trace_goes_on_and_where_it_is_not_sampled_nothing_is_kept(
    fresh_url: str, world: World, spans: InMemorySpanExporter
) -> None:
    await world.open_case()
    trace = "0af7651916cd43dd8448eb211c80319c"

    sampled = await traced(fresh_url, spans, world, traceparent=f"00-{trace}-b7ad6b7169203331-01")
    spans.clear()
    unsampled = await traced(fresh_url, spans, world, traceparent=f"00-{trace}-b7ad6b7169203331-00")

    assert {f"{span.context.trace_id:032x}" for span in sampled} == {trace}
    assert unsampled == ()


@pytest.mark.parametrize("decision", [Decision.DROP, Decision.RECORD_AND_SAMPLE])
async def test_the_sampler_decides_once_for_an_operation_and_all_its_spans(
    decision: Decision, fresh_url: str, world: World, spans: InMemorySpanExporter
) -> None:
    await world.open_case()
    sampler = Requested(decision)
    trace = "0af7651916cd43dd8448eb211c80319c"
    found = []

    async with tracing_into(spans, fresh_url, sampler) as api:
        for given in ({}, {"traceparent": f"00-{trace}-b7ad6b7169203331-01"}, {}):
            spans.clear()
            await api.run(world.carl.token, QUERY, {"reference": "CASE-000001"}, **given)
            found.append({span.context.trace_id for span in spans.get_finished_spans()})

    assert sampler.names == ["GraphQL Operation"] * 3
    if decision is Decision.DROP:
        assert found == [set(), set(), set()]
    else:
        assert [len(traces) for traces in found] == [1, 1, 1]
        assert found[1] == {int(trace, 16)}
        assert len(set.union(*found)) == 3


@pytest.mark.parametrize(("per_second", "taken"), [(50, [50, 1, 25, 50]), (1, [1, 0, 0, 1]), (0.1, [1, 0, 0, 1])])
def test_so_much_may_be_taken_a_second_and_what_was_not_taken_is_not_saved_up(
    per_second: float, taken: list[int]
) -> None:
    now = [0.0]
    allowance = TraceBudget(per_second, lambda: now[0])

    def take_all() -> int:
        count = 0
        while not allowance.is_spent():
            allowance.take()
            count += 1
        return count

    found = []
    for now[0] in (1000.0, 1000.021, 1000.53, 1100.0):
        found.append(take_all())

    assert found == taken


async def test_no_more_operations_are_traced_than_allowed_whatever_the_client_requests(
    database: Database, spans: InMemorySpanExporter
) -> None:
    unsampled = {"traceparent": "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-00"}
    sampled = {"traceparent": "00-1af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01", "tracestate": "theirs=1"}

    def traced(allowance: TraceBudget | None) -> list[ReadableSpan]:
        components.start_tracing(database, SimpleSpanProcessor(spans), allowance=allowance)
        for headers in (unsampled, sampled, unsampled, {}, {}, sampled):
            with tracing.operation(headers):
                pass
        found = list(spans.get_finished_spans())
        spans.clear()
        return found

    bounded, unbounded = traced(TraceBudget(2)), traced(None)

    assert [dict(span.context.trace_state) for span in bounded] == [{"theirs": "1"}, {}]
    assert len(unbounded) == 4


def test_how_many_are_allowed_is_a_setting() -> None:
    assert components.allowance(Settings(traces_per_second=0)) is None
    allowance = components.allowance(Settings(traces_per_second=3))
    assert allowance is not None
    for _ in range(3):
        assert not allowance.is_spent()
        allowance.take()
    assert allowance.is_spent()


async def test_a_share_of_the_operations_is_sampled_and_each_of_them_is_whole(
    fresh_url: str, world: World, spans: InMemorySpanExporter
) -> None:
    await world.open_case()
    async with tracing_into(spans, fresh_url, ParentBased(TraceIdRatioBased(0.5))) as api:
        for _ in range(40):
            await api.run(world.carl.token, QUERY, {"reference": "CASE-000001"})

    found = spans.get_finished_spans()

    operations = named(found, "query")
    assert 5 < len(operations) < 35  # 1 in 500 000 would not be
    assert len(named(found, "graphql.execute")) == len(operations)
    assert {span.context.trace_id for span in found} == {span.context.trace_id for span in operations}


async def test_a_mutation_has_a_span_for_each_statement_with_an_end(
    fresh_url: str, world: World, spans: InMemorySpanExporter, caplog: pytest.LogCaptureFixture
) -> None:
    case = (await world.open_case()).case
    async with tracing_into(spans, fresh_url) as api:
        with sql() as sent:
            await api.run(world.ada.token, ADD_COMMENT, {"input": {"caseId": str(case.id), "body": "Noted"}})

    found = spans.get_finished_spans()

    statements = [str((span.attributes or {})["db.query.text"]) for span in found if span.kind is SpanKind.CLIENT]
    assert statements == [statement for statement in sent if not statement.startswith(("BEGIN", "ROLLBACK"))]
    assert any(statement.startswith(("INSERT", "WITH")) for statement in statements)
    assert "ended span" not in caplog.text


async def test_a_statement_that_is_shared_is_in_the_trace_of_each_who_is_traced(
    database: Database, world: World, spans: InMemorySpanExporter
) -> None:
    components.start_tracing(database, SimpleSpanProcessor(spans))
    coalescer, may_go = Coalescer(), asyncio.Event()
    sampled = "00-{}-b7ad6b7169203331-01"
    traces = [f"{number:032x}" for number in range(1, 6)]

    async def send(ids: list[int]) -> list[int]:
        await may_go.wait()
        async with database.read() as connection:
            await connection.exec_driver_sql(f"SELECT {sum(ids)}")
        return ids

    async def ask(number: int, headers: dict[str, str]) -> None:
        with tracing.operation(headers):
            await coalescer.ask("kind", [number], send)

    await connect(database)
    with_trace = [ask(10**number, {"traceparent": sampled.format(trace)}) for number, trace in enumerate(traces)]
    without = ask(10**5, {"traceparent": f"00-{traces[0]}-b7ad6b7169203331-00"})
    first, second, *others = with_trace
    asking = [asyncio.create_task(one) for one in (first, second, without, *others)]
    await asyncio.sleep(0)
    may_go.set()
    await asyncio.gather(*asking)

    found = spans.get_finished_spans()
    statements = {f"{span.context.trace_id:032x}": span for span in found if span.kind is SpanKind.CLIENT}
    texts = {trace: str((span.attributes or {})["db.query.text"]) for trace, span in statements.items()}
    assert texts == {traces[0]: "SELECT 1", traces[1]: "SELECT 10"} | dict.fromkeys(traces[2:], "SELECT 111100")
    operations = {span.context.span_id for span in named(found, "GraphQL Operation")}
    assert len(operations) == len(traces)
    assert {span.parent.span_id for span in statements.values() if span.parent} == operations


async def test_what_goes_on_when_an_operation_is_over_is_in_no_trace(
    database: Database, spans: InMemorySpanExporter
) -> None:
    await connect(database)
    components.start_tracing(database, SimpleSpanProcessor(spans))
    may_go = asyncio.Event()

    async def behind_its_back() -> None:
        await may_go.wait()
        async with database.read() as connection:
            await connection.exec_driver_sql("SELECT 1")
        with tracing.phase("execute"):
            pass

    with tracing.operation({}):
        task = asyncio.create_task(behind_its_back())
    may_go.set()
    await task

    assert [span.name for span in spans.get_finished_spans()] == ["GraphQL Operation"]


@pytest.mark.long
async def test_a_trace_is_gone_once_its_spans_are_made(database: Database, spans: InMemorySpanExporter) -> None:
    await connect(database)
    components.start_tracing(database, SimpleSpanProcessor(spans))
    gc.collect()
    gc.disable()
    try:
        with tracing.operation({}), tracing.phase("execute"):
            async with database.read() as connection:
                await connection.exec_driver_sql("SELECT 1")
        left = [thing for thing in gc.get_objects() if isinstance(thing, Part | Trace)]
    finally:
        gc.enable()

    assert len(spans.get_finished_spans()) == 3
    assert left == []


async def test_a_trace_takes_what_the_variables_of_opentelemetry_say(
    database: Database, spans: InMemorySpanExporter, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OTEL_SPAN_ATTRIBUTE_VALUE_LENGTH_LIMIT", "8")
    monkeypatch.setenv("OTEL_RESOURCE_ATTRIBUTES", "deployment.environment.name=test")
    await connect(database)
    components.start_tracing(database, SimpleSpanProcessor(spans))
    with tracing.operation({}):
        async with database.read() as connection:
            await connection.exec_driver_sql("SELECT 1 + 1")

    (statement,) = named(spans.get_finished_spans(), "SELECT")
    assert (statement.attributes or {})["db.query.text"] == "SELECT 1"
    assert statement.resource.attributes["deployment.environment.name"] == "test"

    monkeypatch.setenv("OTEL_SDK_DISABLED", "true")
    tracing.stop()
    spans.clear()
    components.start_tracing(database, SimpleSpanProcessor(spans))
    with tracing.operation({}):
        assert not tracing.is_sampled()
    assert spans.get_finished_spans() == ()


async def test_a_failure_is_recorded_by_its_type_without_its_message(
    database: Database, spans: InMemorySpanExporter
) -> None:
    components.start_tracing(database, SimpleSpanProcessor(spans))

    with pytest.raises(ValueError), tracing.operation({}), tracing.phase("execute"):
        raise ValueError("Ada said so")

    for span in spans.get_finished_spans():
        assert (span.attributes or {})["error.type"] == "ValueError"
        assert span.status.status_code is StatusCode.ERROR
        assert "Ada" not in span.to_json()


async def test_a_statement_that_fails_says_in_its_span_how(database: Database, spans: InMemorySpanExporter) -> None:
    await connect(database)
    components.start_tracing(database, SimpleSpanProcessor(spans))

    with tracing.operation({}):
        async with database.read() as connection:
            with pytest.raises(DBAPIError):
                await connection.exec_driver_sql("SELECT nothing FROM nowhere")

    (statement,) = named(spans.get_finished_spans(), "SELECT")
    assert (statement.attributes or {})["error.type"] in ("OperationalError", "ProgrammingError")


async def test_fields_are_hooked_into_only_where_the_trace_is_sampled(world: World) -> None:
    assert type(tracing.extension()).__name__ == "SchemaExtension"
    components.start_tracing(world.database, SimpleSpanProcessor(InMemorySpanExporter()))
    try:
        with tracing.operation({}):
            assert type(tracing.extension()).__name__ == "TracingExtension"
        unsampled = {"traceparent": "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-00"}
        with tracing.operation(unsampled):
            assert type(tracing.extension()).__name__ == "SchemaExtension"
    finally:
        tracing.stop()
