"""A reviewer decides on what they have read: the override that they name, on the case as it was in that version."""

from typing import Any
from uuid import UUID, uuid4

import pytest

from app.domain.commands import AcceptOverride, AddComment, CloseCase, RefuseOverride, RequestOverride
from app.domain.errors import InputRefused
from app.domain.model import CaseStatus, EvaluationStatus, RequestedStatus
from app.domain.workflow import TRANSITIONS
from tests.support.api import Api
from tests.support.database_contents import contents
from tests.support.documents import comment_with
from tests.support.schema import SCHEMA
from tests.support.world import World

DECISIONS = ("acceptOverride", "refuseOverride")
KINDS: tuple[type[AcceptOverride | RefuseOverride], ...] = (AcceptOverride, RefuseOverride)


async def codes_of(world: World, api: Api, mutation: str, input: dict[str, Any]) -> list[str]:
    """Return what Rosa's decision is refused with; then nothing was written."""
    before = await contents(world.database)
    payload = await api.act(world.rosa.token, mutation, input, "override { status }")
    codes = [error["code"] for error in payload["errors"]]
    assert (await contents(world.database) == before) == bool(codes)
    return codes


@pytest.mark.parametrize("mutation", DECISIONS)
async def test_a_request_that_was_put_in_the_place_of_the_one_that_was_read_is_not_decided_on(
    world: World, api: Api, mutation: str
) -> None:
    case_id = (await world.open_case(status=EvaluationStatus.ANOMALY)).case.id
    honest = RequestOverride(
        case_id=case_id,
        requested_status=RequestedStatus.UNFAVORABLE,
        reviewer_ids=(world.rosa.id,),
        comment="Block it.",
    )
    await world.do(world.ada, honest)
    read = await world.decision(case_id)
    await world.cancel(case_id)
    switched = await world.request_override(case_id)

    assert await codes_of(world, api, mutation, read) == ["OVERRIDE_NOT_PENDING"]
    # Nor with the version that there is now.
    assert await codes_of(world, api, mutation, read | {"expectedVersion": switched.case.version}) == [
        "OVERRIDE_NOT_PENDING"
    ]
    assert switched.override is not None
    assert await codes_of(world, api, mutation, read | {"overrideId": str(switched.override.id)}) == [
        "VERSION_CONFLICT"
    ]
    assert await codes_of(world, api, mutation, await world.decision(case_id)) == []


@pytest.mark.parametrize("mutation", DECISIONS)
@pytest.mark.parametrize("evidence", ["a comment", "the creator's own", "a document"])
async def test_evidence_that_was_added_after_the_case_was_read_is_not_passed_over(
    world: World, api: Api, mutation: str, evidence: str
) -> None:
    case_id = (await world.case_in(CaseStatus.PENDING_REVIEW)).case.id
    read = await world.decision(case_id)
    if evidence == "a document":
        await comment_with(api, world.carl.token, str(case_id), [("letter.txt", b"It is a forgery.")])
    else:
        person = world.ada if "own" in evidence else world.carl
        await world.do(person, AddComment(case_id=case_id, comment="It is a forgery."))

    assert await codes_of(world, api, mutation, read) == ["VERSION_CONFLICT"]
    conflict = "errors { ... on VersionConflictError { actionsSince { comment { body } } case { version } } }"
    (error,) = (await api.act(world.rosa.token, mutation, read, conflict))["errors"]
    assert len(error["actionsSince"]) == 1 and error["case"]["version"] == read["expectedVersion"] + 1
    assert await codes_of(world, api, mutation, read | {"expectedVersion": error["case"]["version"]}) == []


@pytest.mark.parametrize("mutation", DECISIONS)
async def test_a_finished_an_unknown_and_an_outdated_override_are_refused_in_this_order(
    world: World, api: Api, mutation: str
) -> None:
    case_id = (await world.case_in(CaseStatus.PENDING_REVIEW)).case.id
    finished = (await world.decision(case_id))["overrideId"]
    await world.refuse(case_id)
    other = await world.case_in(CaseStatus.PENDING_REVIEW)
    assert other.override is not None
    wrong = {"caseId": str(case_id), "expectedVersion": 99}
    others: list[UUID] = [uuid4(), other.override.id, case_id]
    # Where nothing waits for a decision, that comes before what there is not.
    nothing = [await codes_of(world, api, mutation, wrong | {"overrideId": str(id)}) for id in others]
    reported = [await codes_of(world, api, mutation, wrong | {"overrideId": finished})]
    await world.request_override(case_id)
    unknown = [await codes_of(world, api, mutation, wrong | {"overrideId": str(id)}) for id in others]
    reported.append(await codes_of(world, api, mutation, wrong | {"overrideId": finished}))
    reported.append(await codes_of(world, api, mutation, await world.decision(case_id) | {"expectedVersion": 99}))
    for version in (0, 1, 3, 5):  # it has 4
        decision = await world.decision(case_id) | {"expectedVersion": version}
        reported.append(await codes_of(world, api, mutation, decision))
    await world.cancel(case_id)
    await world.do(world.ada, CloseCase(case_id=case_id))
    reported.append(await codes_of(world, api, mutation, wrong | {"overrideId": finished}))

    assert (nothing, unknown) == ([["NO_PENDING_OVERRIDE"]] * 3, [["NOT_FOUND"]] * 3)
    assert reported == [*[["OVERRIDE_NOT_PENDING"]] * 2, *[["VERSION_CONFLICT"]] * 5, ["CASE_CLOSED"]]


MISSING: list[dict[str, Any]] = [
    {"overrideId": None},
    {"expectedVersion": None},
    {"overrideId": None, "expectedVersion": None},
    {"expectedVersion": "2"},
    {"expectedVersion": 2.5},
    {"expectedVersion": True},
]


@pytest.mark.parametrize("mutation", DECISIONS)
async def test_no_decision_comes_without_what_it_is_on(world: World, api: Api, mutation: str) -> None:
    case_id = (await world.case_in(CaseStatus.PENDING_REVIEW)).case.id
    before = await contents(world.database)
    good = await world.decision(case_id)
    name = f"{mutation[0].upper()}{mutation[1:]}Input"
    document = f"mutation($input: {name}!) {{ {mutation}(input: $input) {{ errors {{ code }} }} }}"
    absent = [{key: value for key, value in good.items() if key != left} for left in ("overrideId", "expectedVersion")]
    # Nor by variables of their own, which have no value.
    loose = f"""mutation($case: ID!, $override: ID, $version: Int) {{ {mutation}(input:
        {{caseId: $case, overrideId: $override, expectedVersion: $version}}) {{ errors {{ code }} }} }}"""
    literal = f'mutation {{ {mutation}(input: {{caseId: "{case_id}"}}) {{ errors {{ code }} }} }}'
    sent: list[tuple[str, dict[str, Any]]] = [
        *((document, {"input": good | wrong}) for wrong in MISSING),
        *((document, {"input": wrong}) for wrong in absent),
        (loose, {"case": str(case_id)}),
        (literal, {}),
    ]

    for text, variables in sent:
        for _ in range(2):
            body = (await api.send(world.rosa.token, text, variables)).json()
            assert "errors" in body, (text, variables, body)

    assert await contents(world.database) == before
    fields: Any = SCHEMA.type_map[name]
    assert {field for field, value in fields.fields.items() if str(value.type).endswith("!")} == {
        *("caseId", "overrideId", "expectedVersion")
    }


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize(
    ("left", "paths"),
    [
        ({"override_id": None}, [("input", "overrideId")]),
        ({"expected_version": None}, [("input", "expectedVersion")]),
        ({"override_id": None, "expected_version": None}, [("input", "overrideId"), ("input", "expectedVersion")]),
    ],
)
def test_the_command_itself_demands_what_it_is_on_whichever_way_it_comes(
    kind: type[AcceptOverride | RefuseOverride], left: dict[str, Any], paths: list[tuple[str, ...]]
) -> None:
    good: dict[str, Any] = {"case_id": uuid4(), "override_id": uuid4(), "expected_version": 2}

    with pytest.raises(InputRefused) as refused:
        kind(**good | left)

    assert [(refusal.code, refusal.path) for refusal in refused.value.refusals] == [
        ("REQUIRED", path) for path in paths
    ]
    assert kind(**good | {"expected_version": 0}).expected_version == 0


async def test_what_is_available_says_what_must_be_given(world: World, api: Api) -> None:
    case_id = str((await world.case_in(CaseStatus.PENDING_REVIEW)).case.id)
    query = """query($id: ID!) { case(id: $id) { availableActions { action requiredInput } }
        workflow { actions { action requiredInput } } }"""

    data = await api.run(world.rosa.token, query, {"id": case_id})

    for listed in (data["case"]["availableActions"], data["workflow"]["actions"]):
        required = {item["action"]: item["requiredInput"] for item in listed}
        assert required["ACCEPT"] == required["REFUSE"] == ["caseId", "overrideId", "expectedVersion"]
        assert required["CANCEL"] == ["caseId"]
    assert {item["action"] for item in data["workflow"]["actions"]} == set(TRANSITIONS)
