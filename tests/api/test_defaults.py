"""Null means the default, as a literal, as a variable and within one, with a plan and without."""

from typing import Any

import pytest

from app.domain.model import CaseStatus
from tests.support.api import Api
from tests.support.database_contents import contents
from tests.support.schema import SCHEMA, values
from tests.support.world import World

SUBJECT = {"type": "COMPANY_ACCOUNT_CHECK", "externalRef": "check-1", "label": "Moulins", "evaluationStatus": "ANOMALY"}
# A list, and the argument that is null in it.
LISTS = {
    "cases": ["filter", "orderBy", "search", "first", "last", "after", "before"],
    "users": ["role", "active", "search", "orderBy", "first", "last", "after", "before"],
    "actions": ["types", "since", "user", "first", "last", "after", "before"],
    "viewer { inbox": ["reasons", "first", "last", "after", "before"],
    'case(id: "ID") { actions': ["types", "since", "user", "first", "last", "after", "before"],
    'case(id: "ID") { overrides': ["first", "last", "after", "before"],
    'case(id: "ID") { documents': ["first", "last", "after", "before"],
    'case(id: "ID") { eligibleReviewers': ["onlyEligible", "search", "orderBy", "first", "last", "after", "before"],
}


def type_of(listed: str, argument: str) -> str:
    """Return the type of *argument* of the field that is asked for last."""
    field = listed.split()[-1]
    return next(str(value.type) for name, value in values() if name.endswith(f".{field}({argument})"))


@pytest.mark.parametrize("listed", LISTS)
async def test_a_null_argument_of_a_list_is_as_none(world: World, api: Api, listed: str) -> None:
    case_id = str((await world.case_in(CaseStatus.PENDING_REVIEW)).case.id)
    await world.open_case(world.bea)
    start, end = listed.replace("ID", case_id), " }" * listed.count("{")
    page = "{ totalCount nodes { id } edges { cursor } pageInfo { hasNextPage endCursor } }"
    plain = await api.run(world.rosa.token, f"{{ {start} {page} {end} }}")

    for argument in LISTS[listed]:
        literal = f"{{ {start}({argument}: null) {page} {end} }}"
        variable = f"query($it: {type_of(listed, argument)}) {{ {start}({argument}: $it) {page} {end} }}"
        for _ in range(2):  # the second time by a plan
            assert await api.run(world.rosa.token, literal) == plain, argument
            assert await api.run(world.rosa.token, variable, {"it": None}) == plain, argument
            assert await api.run(world.rosa.token, variable, {}) == plain, argument


@pytest.mark.parametrize("field", ["UPDATED_AT", "CLOSED_AT", "DUE_AT"])
async def test_a_null_direction_is_ascending(world: World, api: Api, field: str) -> None:
    for status in (CaseStatus.CLOSED, CaseStatus.OPEN, CaseStatus.IN_PROGRESS):
        await world.case_in(status)
    query = "query($by: [CaseOrder!]) { cases(orderBy: $by) { nodes { reference } edges { cursor } } }"
    given: list[dict[str, Any]] = [{"direction": "ASC"}, {"direction": None}, {"nulls": None}, {}]

    found = [await api.run(world.ada.token, query, {"by": [{"field": field, **it}]}) for it in given * 2]
    literal = (
        f"{{ cases(orderBy: [{{field: {field}, direction: null}}]) {{ nodes {{ reference }} edges {{ cursor }} }} }}"
    )

    assert all(item == found[0] for item in [*found, await api.run(world.ada.token, literal)])
    assert len(found[0]["cases"]["nodes"]) == 3


async def act(api: Api, token: str, mutation: str, input: dict[str, Any]) -> Any:
    payload = await api.act(token, mutation, input, "action { seq }")
    assert payload["errors"] == [], (mutation, payload)
    return payload["action"]


async def test_an_action_whose_optional_input_is_null_is_done(world: World, api: Api) -> None:
    done = 0

    async def do(person: Any, mutation: str, **input: Any) -> None:
        nonlocal done
        type_: Any = SCHEMA.type_map[f"{mutation[0].upper()}{mutation[1:]}Input"]
        nothing = {name: None for name, field in type_.fields.items() if not str(field.type).endswith("!")}
        await act(api, person.token, mutation, nothing | input)
        done += 1
        assert len((await contents(world.database))["case_actions"]) == done, mutation

    await do(world.ada, "openCase", subject=SUBJECT | {"countryCode": None}, title="A changed IBAN")
    (case,) = (await api.run(world.ada.token, "{ cases { nodes { id } } }"))["cases"]["nodes"]
    about = {"caseId": case["id"]}
    requested = about | {"requestedStatus": "FAVORABLE", "reviewerIds": [str(world.rosa.id)], "reason": "Sure."}

    await do(world.ada, "addComment", **about, body="See.")
    await do(world.ada, "requestOverride", **requested)
    await do(world.ada, "cancelOverride", **about)
    await do(world.ada, "requestOverride", **requested)
    await do(world.rosa, "refuseOverride", **about, **await pending(api, world))
    await do(world.ada, "requestOverride", **requested)
    await do(world.rosa, "acceptOverride", **about, **await pending(api, world))
    await do(world.ada, "closeCase", **about)
    assert done == 9


async def pending(api: Api, world: World) -> dict[str, Any]:
    """Return what a decision names: the pending override, and the version of its case."""
    query = "{ cases { nodes { version activeOverride { id } } } }"
    (case,) = (await api.run(world.rosa.token, query))["cases"]["nodes"]
    return {"overrideId": case["activeOverride"]["id"], "expectedVersion": case["version"]}


async def test_a_null_dry_run_is_none_with_a_literal_and_with_a_variable(world: World, api: Api) -> None:
    case_id = str((await world.open_case()).case.id)
    literal = (
        f'mutation {{ addComment(input: {{caseId: "{case_id}", body: "x", dryRun: null}}) {{ action {{ seq }} }} }}'
    )
    variable = f"""mutation($dry: Boolean) {{
        addComment(input: {{caseId: "{case_id}", body: "x", dryRun: $dry}}) {{ action {{ seq }} }} }}"""

    for seq, (document, variables) in enumerate(
        [(literal, {}), (variable, {"dry": None}), (variable, {}), (literal, {}), (variable, {"dry": None})], start=2
    ):
        data = await api.run(world.ada.token, document, variables)
        assert data == {"addComment": {"action": {"seq": seq}}}
