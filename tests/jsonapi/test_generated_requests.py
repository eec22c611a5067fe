"""Requests that are made of the OpenAPI document, good and odd: no fault, and no answer that it does not describe."""

import asyncio
from collections.abc import Sequence
from itertools import product
from pathlib import Path
from typing import Any

import pytest
import schemathesis
from hypothesis import HealthCheck, Phase, given, settings
from schemathesis.checks import not_a_server_error
from schemathesis.generation import GenerationMode
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from app.db.engines import open_database
from app.domain.model import CaseStatus
from tests.support.gateway import serving
from tests.support.world import World, make_world

CHECKS = [
    not_a_server_error,
    status_code_conformance,
    content_type_conformance,
    response_schema_conformance,
    response_headers_conformance,
]


BOUNDED = settings(
    deadline=None,
    database=None,
    derandomize=True,
    phases=[Phase.generate],
    suppress_health_check=list(HealthCheck),
)


async def populated(url: str) -> tuple[str, list[str]]:
    """Make an account with cases, and return a token and ids of them."""
    database = open_database(url)
    try:
        world: World = await make_world(database)
        ids = [str((await world.case_in(status)).case.id) for status in CaseStatus]
        return world.bea.token, [*ids, str(world.rosa.id)]
    finally:
        await database.close()


def send_generated(url: str, folder: Path, examples: int, modes: Sequence[GenerationMode]) -> int:
    """Send so many requests of each kind for each operation, hold each answer against the document; return how many."""
    token, ids = asyncio.run(populated(url))
    sent = 0
    with serving(folder, database_url=url, demo="false") as server:
        schema = schemathesis.openapi.from_url(f"{server.address}/api/v1/openapi.json")
        for found, mode in product(schema.get_all_operations(), modes):

            @settings(BOUNDED, max_examples=examples)
            @given(case=found.ok().as_strategy(generation_mode=mode))
            def attempt(case: Any) -> None:
                nonlocal sent
                if "uuid" in case.path_parameters and sent % 2:
                    case.path_parameters["uuid"] = ids[sent % len(ids)]
                sent += 1
                case.call_and_validate(headers={"Authorization": f"Bearer {token}"}, checks=CHECKS)

            attempt()
    return sent


def test_generated_requests_are_answered_as_the_document_says(fresh_url: str, tmp_path: Path) -> None:
    assert send_generated(fresh_url, tmp_path, 2, [GenerationMode.POSITIVE]) > 20


@pytest.mark.soak
def test_2_000_generated_requests_are_answered_as_the_document_says(fresh_url: str, tmp_path: Path) -> None:
    assert send_generated(fresh_url, tmp_path, 75, list(GenerationMode)) > 1_500
