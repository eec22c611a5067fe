"""Operations that a generator makes from the schema, against a live server: none is a fault."""

import json
from collections.abc import Iterator
from pathlib import Path

import httpx2
import pytest
from graphql import DocumentNode, GraphQLScalarType, build_schema
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from hypothesis_graphql import from_schema, nodes

from app.api.schema import sdl
from tests.support.gateway import Server, casegate_json, serving

SDL = sdl()
TEXTS = st.sampled_from(["", "x", "2026-11-24T10:00:00Z", "2026-11-24", "CASE-000001"]).map(nodes.String)
SCALARS = {
    name: TEXTS
    for name, type_ in build_schema(SDL).type_map.items()
    if isinstance(type_, GraphQLScalarType) and name not in ("ID", "String", "Int", "Float", "Boolean")
}
# More is let through than usual, so that more of it is executed.
LIMITS = {
    "max_depth": "30",
    "max_aliases": "1000",
    "max_selections": "5000",
    "max_cost": "200000",
    "max_tokens": "20000",
}


def assert_withstood(server: Server, token: str, document: str) -> None:
    answer = httpx2.post(
        f"{server.address}/graphql",
        content=json.dumps({"query": document}, ensure_ascii=True).encode(),
        headers={"Authorization": f"Bearer {token}", "Content-Type": "application/json"},
        timeout=30,
    )

    assert answer.status_code in (200, 400), (answer.status_code, document)
    codes = [error["extensions"]["code"] for error in answer.json().get("errors", [])]
    assert "INTERNAL_ERROR" not in codes, document


@pytest.fixture
def live(fresh_url: str, tmp_path: Path) -> Iterator[tuple[Server, str]]:
    token = casegate_json("demo", database_url=fresh_url)["people"][0]["token"]
    with serving(
        tmp_path, port=None, is_forked=False, database_url=fresh_url, demo="false", introspection="true", **LIMITS
    ) as server:
        yield server, token


def assert_generated_documents_are_withstood(live: tuple[Server, str], examples: int) -> None:
    @settings(
        max_examples=examples,
        deadline=None,
        database=None,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    @given(document=from_schema(SDL, custom_scalars=SCALARS))
    def try_out(document: str | DocumentNode) -> None:
        assert_withstood(*live, str(document))

    try_out()
    assert '"fault"' not in live[0].output


def test_no_generated_operation_is_a_fault(live: tuple[Server, str]) -> None:
    assert_generated_documents_are_withstood(live, 50)


@pytest.mark.soak
def test_none_of_2000_generated_operations_is_a_fault(live: tuple[Server, str]) -> None:
    assert_generated_documents_are_withstood(live, 2000)
