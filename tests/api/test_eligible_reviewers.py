"""Who may be asked to review: what eligibleReviewers says of each person is what requestOverride answers."""

from typing import Any

from app.db import tables
from app.domain.model import Role, Scope
from tests.support.api import Api
from tests.support.database_contents import set_by_hand
from tests.support.recorded_sql import recorded
from tests.support.worklists import WHO
from tests.support.world import World, make_person, make_world, person_of

CANDIDATES = """query($id: ID!, $first: Int, $after: String, $only: Boolean! = false) { case(id: $id) {
    eligibleReviewers(first: $first, after: $after, onlyEligible: $only) { totalCount
        edges { eligible code message node { id displayName } } pageInfo { hasNextPage endCursor } } } }"""


async def candidates(api: Api, token: str, case_id: str, **variables: Any) -> Any:
    data = await api.run(token, CANDIDATES, {"id": case_id, **variables}, accept_language="fr")
    return data["case"]["eligibleReviewers"]


async def test_each_person_is_as_eligible_as_the_mutation_answers(world: World, api: Api) -> None:
    gone = await make_person(world.database, world.account_id, "Gone", Role.REVIEWER)
    await set_by_hand(world.database, tables.users, gone.id, active=False)
    await make_person(world.database, world.account_id, "Nina")
    await make_world(world.database)
    codes = {}

    for viewer in (world.ada, world.bea):
        case_id = str((await world.open_case()).case.id)
        found = (await candidates(api, viewer.token, case_id, first=100))["edges"]
        for candidate in found:
            requested = {
                "caseId": case_id,
                "requestedStatus": "FAVORABLE",
                "reviewerIds": [candidate["node"]["id"]],
                "reason": "Sure.",
            }
            document = """mutation($input: RequestOverrideInput!) { requestOverride(input: $input) {
                errors { code message } } }"""
            data = await api.run(viewer.token, document, {"input": requested}, accept_language="fr")
            reported = [] if candidate["eligible"] else [{"code": candidate["code"], "message": candidate["message"]}]
            assert data["requestOverride"]["errors"] == reported
            if candidate["eligible"]:
                await api.act(viewer.token, "cancelOverride", {"caseId": case_id})
            codes[viewer.id, candidate["node"]["displayName"]] = candidate["code"]

    no_person = dict.fromkeys(["Ada", "Carl", "Aldo", "Gone", "Nina"], "INVALID_REVIEWER")
    reviewers = dict.fromkeys(["Rosa", "Rolf", "Bea"])
    by_ada = {**no_person, **reviewers, "Ada": "CREATOR_CANNOT_REVIEW"}
    by_bea = {**no_person, **reviewers, "Bea": "CREATOR_CANNOT_REVIEW"}
    assert codes == {
        (viewer.id, name): code
        for viewer, reported in ((world.ada, by_ada), (world.bea, by_bea))
        for name, code in reported.items()
    }


async def test_eligible_reviewers_can_be_paged_without_the_others(world: World, api: Api) -> None:
    case_id = str((await world.open_case()).case.id)
    for n in range(4):
        await make_person(world.database, world.account_id, f"Reviewer{n}", Role.REVIEWER)
    names, page = [], {"pageInfo": {"endCursor": None}}

    for _ in range(3):
        after = page["pageInfo"]["endCursor"]
        page = await candidates(api, world.bea.token, case_id, only=True, first=2, after=after)
        assert page["totalCount"] == 6
        assert all(candidate["eligible"] for candidate in page["edges"])
        names += [candidate["node"]["displayName"] for candidate in page["edges"]]

    assert not page["pageInfo"]["hasNextPage"]
    assert sorted(names) == ["Reviewer0", "Reviewer1", "Reviewer2", "Reviewer3", "Rolf", "Rosa"]


async def test_people_are_read_once_for_a_page_of_cases(world: World, api: Api) -> None:
    for _ in range(5):
        await world.open_case()
    candidates_of = "eligibleReviewers(first: 3) { nodes { displayName roles } edges { eligible } }"

    with recorded() as reported:
        data = await api.run(world.ada.token, f"{{ cases(first: 5) {{ nodes {{ {candidates_of} }} }} }}")

    assert [len(case["eligibleReviewers"]["nodes"]) for case in data["cases"]["nodes"]] == [3] * 5
    assert sorted(reported) == sorted([WHO, "SELECT cases", "SELECT users user_roles"])


async def test_a_token_without_the_users_scope_gets_an_error_and_the_case(world: World, api: Api) -> None:
    case_id = str((await world.open_case()).case.id)
    blind = await person_of(world.database, world.ada.id, Scope.CASES_READ)

    answer = (await api.send(blind.token, CANDIDATES, {"id": case_id})).json()

    assert answer["data"] == {"case": {"eligibleReviewers": None}}
    assert [error["extensions"]["code"] for error in answer["errors"]] == ["INSUFFICIENT_SCOPE"]
