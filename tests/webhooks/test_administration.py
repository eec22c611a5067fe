"""Webhooks over the API: who administers them, what is refused, what is shown, and the second admin."""

from collections.abc import Sequence
from typing import Any
from uuid import UUID, uuid4

import pytest

from app import clock
from app.auth.identity import authenticate_holder
from app.db.repository.webhooks import webhook_row
from app.domain.errors import Unauthenticated
from app.domain.model import Role
from tests.support.account_logs import logged, verdict_on
from tests.support.administration import second_admin
from tests.support.api import Api
from tests.support.recorded_sql import recorded
from tests.support.world import World, make_person, make_world

URL = "https://hooks.example.com/in"
WEBHOOK = "webhook { endpointId name url document scheme state cursor lag { rows seconds } actsAs { id kind active } }"
CHANGED = (
    "change { changeId: id status details { name values } } action { type approval details { name values } } replayed"
)
LISTED = """{ webhooks(first: 10) { totalCount nodes { endpointId name url state description lag { rows seconds } cursor
    lastSuccessAt lastFailure { at failure status }
    deliveries(first: 5) { totalCount nodes { attempt failure } } } } }"""


async def act(api: Api, token: str, mutation: str, **input: Any) -> dict[str, Any]:
    secret = " secret" if mutation in ("createWebhook", "rotateWebhookSecret") else ""
    shown = "change { changeId: id status }" if mutation == "approveChange" else f"{WEBHOOK} {CHANGED}{secret}"
    return await api.act(token, mutation, input, shown)


async def code(api: Api, token: str, mutation: str, **input: Any) -> list[tuple[str, list[str]]]:
    payload = await act(api, token, mutation, **input)
    return [(error["code"], error["path"]) for error in payload["errors"]]


async def created(world: World, api: Api, **input: Any) -> dict[str, Any]:
    payload = await act(api, world.aldo.token, "createWebhook", **{"name": "Ledger", "url": URL} | input)
    assert payload["errors"] == []
    return payload


async def test_an_admin_makes_changes_and_deletes_a_webhook_and_each_is_a_row(world: World, api: Api) -> None:
    token = world.aldo.token
    await world.open_case()
    made = await created(world, api, description="For the ledger")
    id = made["webhook"]["endpointId"]
    steps = [
        await act(api, token, "updateWebhook", endpointId=id, name="Ledger 2"),
        await act(api, token, "rotateWebhookSecret", endpointId=id, graceHours=1),
        await act(api, token, "testWebhook", endpointId=id),
        await act(api, token, "pauseWebhook", endpointId=id),
        await act(api, token, "resumeWebhook", endpointId=id),
        await act(api, token, "replayWebhook", endpointId=id),
        await act(api, token, "replayWebhook", endpointId=id, after=made["webhook"]["cursor"]),
    ]
    deleted = await act(api, token, "deleteWebhook", endpointId=id)

    assert made["secret"].startswith("whsec_")
    assert made["webhook"]["state"] == "UNVERIFIED"
    assert made["webhook"]["actsAs"]["kind"] == "SERVICE"
    assert [step["errors"] for step in steps[:6]] == [[]] * 6
    assert [error["code"] for error in steps[6]["errors"]] == ["INVALID_INPUT"]  # ahead of the place that it went to
    assert steps[0]["webhook"]["name"] == "Ledger 2"
    assert steps[1]["secret"] not in (None, made["secret"])
    assert [step["webhook"]["state"] for step in steps[3:5]] == ["PAUSED", "UNVERIFIED"]
    assert (deleted["errors"], deleted["webhook"]) == ([], None)
    rows = [(row[0], row[2]) for row in await logged(world.database, world.account_id)][-8:]
    assert rows == [
        ("CREATE_WEBHOOK", "NONE_POSSIBLE"),
        ("UPDATE_WEBHOOK", "NOT_NEEDED"),
        ("ROTATE_WEBHOOK_SECRET", "NOT_NEEDED"),
        ("TEST_WEBHOOK", "NOT_NEEDED"),
        ("PAUSE_WEBHOOK", "NOT_NEEDED"),
        ("RESUME_WEBHOOK", "NOT_NEEDED"),
        ("REPLAY_WEBHOOK", "NOT_NEEDED"),
        ("DELETE_WEBHOOK", "NOT_NEEDED"),
    ]
    verdict = await verdict_on(world.database, world.account_id)
    assert (verdict.fault, verdict.others) == (None, ())
    assert (await api.run(token, LISTED))["webhooks"] == {"totalCount": 0, "nodes": []}


async def test_the_log_has_no_url_and_no_secret(world: World, api: Api) -> None:
    made = await created(world, api, url=f"{URL}/token-in-the-path", name="Somebody's own")

    (row,) = [row for row in await logged(world.database, world.account_id) if row[0] == "CREATE_WEBHOOK"]
    assert (row[3]["webhook"], row[3]["host"]) == ([made["webhook"]["endpointId"]], ["hooks.example.com"])
    assert "token-in-the-path" not in str(row)
    assert made["secret"] not in str(row)


@pytest.mark.parametrize("change", ["createWebhook", "updateWebhook"])
async def test_where_webhooks_go_is_approved_by_the_second_admin(world: World, api: Api, change: str) -> None:
    made = await created(world, api) if change == "updateWebhook" else None
    alma = await second_admin(world)
    input: dict[str, Any] = {"url": "https://other.example.com/in"}
    input |= {"name": "New"} if made is None else {"endpointId": made["webhook"]["endpointId"]}

    requested = await act(api, world.aldo.token, change, **input)
    waiting = (await api.run(world.aldo.token, LISTED))["webhooks"]["nodes"]
    own = await code(api, world.aldo.token, "approveChange", changeId=requested["change"]["changeId"])
    approved = await act(api, alma.token, "approveChange", changeId=requested["change"]["changeId"])
    listed = (await api.run(world.aldo.token, LISTED))["webhooks"]["nodes"]

    assert requested["change"]["status"] == "PENDING"
    assert "https://other.example.com/in" in str(requested["change"]["details"])
    assert [node["url"] for node in waiting] == ([] if made is None else [URL])
    verdict = await verdict_on(world.database, world.account_id)
    assert (verdict.fault, verdict.others) == (None, ())
    assert own == [("SECOND_ADMIN_REQUIRED", ["input", "changeId"])]
    assert approved["change"]["status"] == "APPROVED"
    assert [(node["url"], node["state"]) for node in listed] == [("https://other.example.com/in", "UNVERIFIED")]
    if made is None:  # who asked for it has its secret already
        id = listed[0]["endpointId"]
        again = await act(api, world.aldo.token, "rotateWebhookSecret", endpointId=id, graceHours=0)
        assert requested["secret"].startswith("whsec_")
        assert again["secret"] != requested["secret"]


async def test_what_does_not_say_where_they_go_needs_no_second_admin(world: World, api: Api) -> None:
    made = await created(world, api)
    await second_admin(world)
    id = made["webhook"]["endpointId"]

    for mutation, input in {
        "updateWebhook": {"name": "Other", "url": URL, "document": "subscription { actions { cursor } }"},
        "rotateWebhookSecret": {},
        "pauseWebhook": {},
        "deleteWebhook": {},
    }.items():
        payload = await act(api, world.aldo.token, mutation, endpointId=id, **input)
        assert (payload["errors"], payload["change"]) == ([], None), mutation


BAD_URLS = [
    ("http://hooks.example.com/", "https"),
    ("https://127.0.0.1/", "127.0.0.1"),
    ("https://[::ffff:10.0.0.1]/", "::ffff:"),
    ("https://2130706433/", "2130706433"),
    ("https://localhost/", "localhost"),
    ("https://metadata.google.internal/", "metadata.google.internal"),
    ("https://hooks.example.com:8443/", "8443"),
    ("https://u:p@hooks.example.com/", "password"),
    ("no url", "https://hooks.example.com/in"),
    ("", "https://hooks.example.com/in"),
    ("https://hooks.example.com/" + "a" * 3000, "2048"),
]


async def test_a_url_that_leads_inside_or_is_none_is_refused(world: World, api: Api) -> None:
    document = "mutation($input: CreateWebhookInput!) { createWebhook(input: $input) { errors { code path message } } }"
    for url, said in BAD_URLS:
        data = await api.run(world.aldo.token, document, {"input": {"name": "x", "url": url}})

        (error,) = data["createWebhook"]["errors"]
        assert (error["code"], error["path"]) == ("INVALID_INPUT", ["input", "url"]), url
        assert said in error["message"], url
    assert (await api.run(world.aldo.token, LISTED))["webhooks"]["totalCount"] == 0


async def test_a_syntax_error_of_a_document_is_said_in_one_sentence(world: World, api: Api) -> None:
    document = "mutation($input: CreateWebhookInput!) { createWebhook(input: $input) { errors { message } } }"
    input = {"name": "x", "url": URL, "document": "subscription { actions { cursor }"}

    data = await api.run(world.aldo.token, document, {"input": input})

    (error,) = data["createWebhook"]["errors"]
    assert error["message"].endswith("Syntax Error: Expected Name, found <EOF>.")


async def test_all_that_is_wrong_with_url_and_document_is_said_at_once_in_either_language(
    world: World, api: Api
) -> None:
    document = "mutation($input: CreateWebhookInput!) { createWebhook(input: $input) { errors { code path message } } }"
    input = {"name": "x", "url": "https://10.0.0.1/", "document": "subscription { actions { caughtUp } }"}
    english = await api.run(world.aldo.token, document, {"input": input})
    french = await api.run(world.aldo.token, document, {"input": input}, Accept_Language="fr")

    for data in (english, french):
        errors = data["createWebhook"]["errors"]
        assert [error["path"] for error in errors] == [["input", "url"], ["input", "document"]]
        assert "LogEvent.caughtUp" in errors[1]["message"]
        assert "action, cursor" in errors[1]["message"]
    assert english != french


MUTATIONS: dict[str, dict[str, Any]] = {
    "createWebhook": {"name": "x", "url": URL},
    "updateWebhook": {"name": "y"},
    "rotateWebhookSecret": {},
    "pauseWebhook": {},
    "resumeWebhook": {},
    "replayWebhook": {},
    "testWebhook": {},
    "deleteWebhook": {},
}


async def test_only_an_admin_of_the_account_administers_a_webhook(world: World, api: Api) -> None:
    made = await created(world, api)
    other = await make_world(world.database)
    before = await logged(world.database, world.account_id)
    for mutation, input in MUTATIONS.items():
        target = {} if mutation == "createWebhook" else {"endpointId": made["webhook"]["endpointId"]}
        ((refused, _),) = await code(api, world.rosa.token, mutation, **input, **target)
        assert refused == "ROLE_REQUIRED", mutation
        if target:
            theirs = await code(api, other.aldo.token, mutation, **input, **target)
            none = await code(api, other.aldo.token, mutation, **input, endpointId=str(uuid4()))
            assert theirs == none == [("NOT_FOUND", ["input", "endpointId"])], mutation
        assert await logged(world.database, world.account_id) == before, mutation


async def test_webhooks_are_shown_to_the_account_s_admins_alone(world: World, api: Api) -> None:
    await created(world, api)
    other = await make_world(world.database)
    contributor = (await api.send(world.ada.token, LISTED)).json()

    assert contributor["data"] == {"webhooks": None}
    assert contributor["errors"][0]["extensions"]["code"] == "ROLE_REQUIRED"
    assert (await api.run(other.aldo.token, LISTED))["webhooks"] == {"totalCount": 0, "nodes": []}
    assert len((await api.run(world.aldo.token, LISTED))["webhooks"]["nodes"]) == 1


async def test_a_repeated_key_makes_one_webhook_and_shows_no_secret_again(world: World, api: Api) -> None:
    first = await created(world, api, idempotencyKey="k1")
    again = await created(world, api, idempotencyKey="k1")

    assert (again["replayed"], again["secret"]) == (True, None)
    assert again["webhook"]["endpointId"] == first["webhook"]["endpointId"]
    reused = await code(api, world.aldo.token, "createWebhook", name="Other", url=URL, idempotencyKey="k1")
    assert reused == [("IDEMPOTENCY_KEY_REUSED", ["input", "idempotencyKey"])]


OUT_OF_BOUNDS: Sequence[tuple[str, dict[str, Any], list[str]]] = [
    ("updateWebhook", {}, ["input"]),
    ("updateWebhook", {"name": "Ledger"}, ["input"]),
    ("rotateWebhookSecret", {"graceHours": -1}, ["input", "graceHours"]),
    ("rotateWebhookSecret", {"graceHours": 169}, ["input", "graceHours"]),
    ("resumeWebhook", {}, ["input", "endpointId"]),
    ("updateWebhook", {"document": " " * 10_001}, ["input", "document"]),
]


async def test_what_changes_nothing_or_is_out_of_bounds_is_refused(world: World, api: Api) -> None:
    made = await created(world, api)
    before = await logged(world.database, world.account_id)
    for mutation, input, path in OUT_OF_BOUNDS:
        found = await code(api, world.aldo.token, mutation, endpointId=made["webhook"]["endpointId"], **input)

        assert ("INVALID_INPUT", path) in found, (mutation, path)
    assert await logged(world.database, world.account_id) == before


async def test_a_cursor_of_another_list_or_account_is_refused(world: World, api: Api) -> None:
    made = await created(world, api)
    other = await make_world(world.database)
    theirs = await created(other, api)
    id = made["webhook"]["endpointId"]

    for cursor in ("x", "", theirs["webhook"]["cursor"]):
        found = await code(api, world.aldo.token, "replayWebhook", endpointId=id, after=cursor)
        assert found == [("INVALID_CURSOR", ["input", "after"])]


async def test_an_account_has_a_bounded_number_of_webhooks(world: World, api: Api) -> None:
    for number in range(20):
        await created(world, api, name=f"Ledger {number}")

    assert await code(api, world.aldo.token, "createWebhook", name="One more", url=URL) == [
        ("INVALID_INPUT", ["input"])
    ]
    page = await api.run(world.aldo.token, LISTED)
    assert page["webhooks"]["totalCount"] == 20
    assert [node["lag"] for node in page["webhooks"]["nodes"]] == [{"rows": 0, "seconds": 0}] * 10


async def test_a_dry_run_makes_nothing_and_shows_no_secret(world: World, api: Api) -> None:
    payload = await act(api, world.aldo.token, "createWebhook", name="x", url=URL, dryRun=True)

    assert (payload["errors"], payload["secret"], payload["webhook"]) == ([], None, None)
    assert (await api.run(world.aldo.token, LISTED))["webhooks"]["totalCount"] == 0


async def test_lag_counts_what_was_not_sent(world: World, api: Api) -> None:
    await created(world, api)
    for _ in range(3):
        await world.open_case()
    (node,) = (await api.run(world.aldo.token, LISTED))["webhooks"]["nodes"]

    assert node["lag"]["rows"] == 3
    assert node["lag"]["seconds"] >= 0
    assert node["deliveries"] == {"totalCount": 0, "nodes": []}


async def test_a_page_of_several_webhooks_costs_the_statements_of_one(world: World, api: Api) -> None:
    document = LISTED.replace("nodes { endpointId", "nodes { actsAs { displayName } endpointId")
    costs = []
    for number in (1, 4):
        while len((await api.run(world.aldo.token, LISTED))["webhooks"]["nodes"]) < number:
            await created(world, api)
        await world.open_case()
        with recorded() as statements:
            nodes = (await api.run(world.aldo.token, document))["webhooks"]["nodes"]
        assert len(nodes) == number
        costs.append(sorted(statements))

    assert costs[0] == costs[1]


async def test_deleting_a_webhook_ends_its_service_account(world: World, api: Api) -> None:
    made = await created(world, api)
    await act(api, world.aldo.token, "deleteWebhook", endpointId=made["webhook"]["endpointId"])
    document = "{ serviceAccounts(first: 5) { nodes { id active } } }"
    (service,) = (await api.run(world.aldo.token, document))["serviceAccounts"]["nodes"]

    assert service == {"id": made["webhook"]["actsAs"]["id"], "active": False}


async def test_a_webhook_whose_service_account_was_deactivated_reads_again_once_it_is_resumed(
    world: World, api: Api
) -> None:
    token = world.aldo.token
    made = await created(world, api)
    service = made["webhook"]["actsAs"]["id"]
    for mutation in ("deactivateUser", "reactivateUser"):
        assert (await api.act(token, mutation, {"userId": service}))["errors"] == []
    before = await webhook_token(world, made["webhook"]["endpointId"])
    for mutation in ("pauseWebhook", "resumeWebhook"):
        assert (await act(api, token, mutation, endpointId=made["webhook"]["endpointId"]))["errors"] == []

    with pytest.raises(Unauthenticated):
        await authenticate_holder(world.database, before, clock.now())
    after = await webhook_token(world, made["webhook"]["endpointId"])
    assert str((await authenticate_holder(world.database, after, clock.now())).user.id) == service
    verdict = await verdict_on(world.database, world.account_id)
    assert (verdict.fault, verdict.others) == (None, ())


async def webhook_token(world: World, id: str) -> UUID:
    async with world.database.read() as connection:
        row = await webhook_row(connection, world.account_id, UUID(id))
    assert row is not None
    return row.token_id


async def test_an_inactive_or_demoted_admin_does_nothing(world: World, api: Api) -> None:
    alma = await make_person(world.database, world.account_id, "Zora", Role.CONTRIBUTOR)

    assert (await code(api, alma.token, "createWebhook", name="x", url=URL))[0][0] == "ROLE_REQUIRED"
