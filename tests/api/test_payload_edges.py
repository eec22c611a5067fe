"""The edges of payloads: places in the lists that clients show, which are current by them without another look."""

from typing import Any

from app.domain.model import CaseStatus
from tests.support.api import Api
from tests.support.world import World

SUBJECT = {"type": "COMPANY_ACCOUNT_CHECK", "externalRef": "check-1", "label": "Moulins", "evaluationStatus": "ANOMALY"}
ACTIONS = """query($id: ID!, $after: String, $before: String) { case(id: $id) {
    actions(after: $after, before: $before) { edges { cursor node { id seq } } } } }"""


async def edges_of(api: Api, token: str, case_id: str, **arguments: Any) -> list[dict[str, Any]]:
    found = await api.run(token, ACTIONS, {"id": case_id} | arguments)
    edges: list[dict[str, Any]] = found["case"]["actions"]["edges"]
    return edges


async def test_the_edge_of_every_action_is_the_first_of_its_case_s_log(world: World, api: Api) -> None:
    edge = "actionEdge { cursor node { id seq } }"
    opened = await api.act(world.ada.token, "openCase", {"subject": SUBJECT, "title": "x"}, f"case {{ id }} {edge}")
    case_id, edges = opened["case"]["id"], [opened["actionEdge"]]
    about: dict[str, Any] = {"caseId": case_id}
    requested = about | {"requestedStatus": "FAVORABLE", "reviewerIds": [str(world.rosa.id)], "reason": "Sure."}

    async def do(token: str, mutation: str, input: dict[str, Any]) -> None:
        payload = await api.act(token, mutation, input, edge)
        assert payload["errors"] == []
        edges.insert(0, payload["actionEdge"])
        assert await edges_of(api, world.carl.token, case_id) == edges

    async def pending() -> dict[str, Any]:
        query = "query($id: ID!) { case(id: $id) { version activeOverride { id } } }"
        case = (await api.run(world.rosa.token, query, {"id": case_id}))["case"]
        return about | {"overrideId": case["activeOverride"]["id"], "expectedVersion": case["version"]}

    await do(world.carl.token, "addComment", about | {"body": "See."})
    await do(world.ada.token, "requestOverride", requested)
    await do(world.rosa.token, "refuseOverride", await pending())
    await do(world.ada.token, "requestOverride", requested)
    await do(world.ada.token, "cancelOverride", about)
    await do(world.ada.token, "requestOverride", requested)
    await do(world.rosa.token, "acceptOverride", await pending())
    await do(world.ada.token, "closeCase", about)

    middle = edges[4]["cursor"]
    assert await edges_of(api, world.ada.token, case_id, after=middle) == edges[5:]
    assert await edges_of(api, world.ada.token, case_id, before=middle) == edges[:4]


async def test_the_edge_of_a_new_case_is_the_first_of_the_account_s_list(world: World, api: Api) -> None:
    await world.open_case()
    edge = "cursor match { field } node { id }"
    input = {"subject": SUBJECT, "title": "x"}
    opened = await api.act(world.ada.token, "openCase", input, f"caseEdge {{ {edge} }}")
    await world.open_case()

    query = f"query($after: String) {{ cases(after: $after) {{ edges {{ {edge} }} }} }}"
    edges = (await api.run(world.bea.token, query))["cases"]["edges"]
    assert edges[1] == opened["caseEdge"]
    after = await api.run(world.bea.token, query, {"after": opened["caseEdge"]["cursor"]})
    assert after["cases"]["edges"] == edges[2:]


async def test_a_replay_has_the_edge_of_the_first_time_and_a_refusal_or_a_dry_run_has_none(
    world: World, api: Api
) -> None:
    case_id = str((await world.open_case()).case.id)
    comment = {"caseId": case_id, "body": "Once.", "idempotencyKey": "key"}
    edge = "replayed actionEdge { cursor node { id seq } }"

    first = await api.act(world.ada.token, "addComment", comment, edge)
    await api.act(world.ada.token, "addComment", {"caseId": case_id, "body": "Twice."})
    again = await api.act(world.ada.token, "addComment", comment, edge)
    dry = await api.act(world.ada.token, "addComment", {"caseId": case_id, "body": "x", "dryRun": True}, edge)
    refused = await api.act(world.ada.token, "addComment", {"caseId": case_id, "body": ""}, edge)

    assert again == first | {"replayed": True}
    assert await edges_of(api, world.ada.token, case_id, after=first["actionEdge"]["cursor"]) == [
        *(await edges_of(api, world.ada.token, case_id))[2:]
    ]
    assert (dry["actionEdge"], dry["errors"], refused["actionEdge"]) == (None, [], None)


CONFLICT = "... on VersionConflictError { actualVersion actionsSince { seq } case { id version status title } }"


async def test_a_version_conflict_has_the_case_as_it_is_now(world: World, api: Api) -> None:
    case_id = str((await world.case_in(CaseStatus.IN_PROGRESS)).case.id)

    for more in ({}, {"dryRun": True}):
        for _ in range(2):  # the second time by a plan
            comment = {"caseId": case_id, "body": "x", "expectedVersion": 1} | more
            payload = await api.act(world.carl.token, "addComment", comment, f"errors {{ {CONFLICT} }}")

            (error,) = payload["errors"]
            assert (error["code"], error["actionsSince"]) == ("VERSION_CONFLICT", [{"seq": 2}])
            case = {"id": case_id, "version": 2, "status": "IN_PROGRESS", "title": "A changed IBAN"}
            assert error["case"] == case


async def test_a_conflict_on_a_subject_has_no_case(world: World, api: Api) -> None:
    input = {"subject": SUBJECT, "title": "x", "expectedVersion": 3}

    payload = await api.act(world.ada.token, "openCase", input, f"errors {{ {CONFLICT} }}")

    (error,) = payload["errors"]
    assert (error["code"], error["case"], error["actionsSince"]) == ("VERSION_CONFLICT", None, [])
