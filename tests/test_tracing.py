"""Traces: one span an operation and one for each phase and statement, named by the conventions, without any value."""

from collections.abc import AsyncIterator

import pytest
from opentelemetry.sdk.trace import ReadableSpan
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

from app import tracing
from app.db.engine import Database
from app.main import create_app
from app.settings import Settings
from tests.api import Api
from tests.world import World

QUERY = "query Case($reference: String!) { case(reference: $reference) { title createdBy { displayName } } }"


@pytest.fixture
async def spans(database: Database) -> AsyncIterator[InMemorySpanExporter]:
    """Trace the app that the test opens, into memory."""
    exporter = InMemorySpanExporter()
    yield exporter
    tracing.stop()


def named(spans: tuple[ReadableSpan, ...], name: str) -> list[ReadableSpan]:
    return [span for span in spans if span.name == name]


async def traced(url: str, exporter: InMemorySpanExporter, world: World, **headers: str) -> tuple[ReadableSpan, ...]:
    import httpx2

    app = create_app(Settings(database_url=url, rate_limit=0))
    async with app.router.lifespan_context(app):
        tracing.start(app.state.database, SimpleSpanProcessor(exporter))
        transport = httpx2.ASGITransport(app=app, raise_app_exceptions=False)
        async with httpx2.AsyncClient(transport=transport, base_url="http://test") as client:
            data = await Api(client).run(world.carl.token, QUERY, {"reference": "CASE-000001"}, **headers)
            assert data["case"]["createdBy"]["displayName"] == "Ada"
    return exporter.get_finished_spans()


async def test_an_operation_has_a_span_with_its_phases_and_statements_in_it(
    fresh_url: str, world: World, spans: InMemorySpanExporter
) -> None:
    await world.open_case()

    found = await traced(fresh_url, spans, world)

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


async def test_fields_are_hooked_into_only_where_the_trace_is_sampled(world: World) -> None:
    assert type(tracing.spans()).__name__ == "SchemaExtension"
    tracing.start(world.database, SimpleSpanProcessor(InMemorySpanExporter()))
    try:
        with tracing.operation({}):
            assert type(tracing.spans()).__name__ == "ResolverSpans"
        unsampled = {"traceparent": "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-00"}
        with tracing.operation(unsampled):
            assert type(tracing.spans()).__name__ == "PhaseSpans"
    finally:
        tracing.stop()
