"""CloudEvents by option: five headers in binary mode, the same at each try, and bodies and signatures as they are."""

import json
from datetime import datetime
from typing import Any

import pytest

from app.domain.webhook_commands import UpdateWebhook
from app.domain.webhooks import WebhookState
from tests.support.account_logs import logged, verdict_on
from tests.support.administration import second_admin
from tests.support.api import Api
from tests.support.webhook_endpoints import OK, ReceivedRequest, WebhookEndpoint
from tests.support.webhooks import NO, DeliveryNode, Registered, assert_same_bytes, assert_verified, register, until
from tests.support.world import World

URL = "https://hooks.example.com/in"
NAMES = {"ce-specversion", "ce-id", "ce-source", "ce-type", "ce-time"}


def attributes(request: ReceivedRequest) -> dict[str, str]:
    return {name: value for name, value in request.headers.items() if name.startswith("ce-")}


def assert_cloud_event(world: World, request: ReceivedRequest) -> None:
    """Check the attributes against the body, which is signed, and the message's id."""
    body, found = json.loads(request.body), attributes(request)
    assert found == {
        "ce-specversion": "1.0",
        "ce-id": request.headers["webhook-id"],
        "ce-source": f"urn:uuid:{world.account_id}",
        "ce-type": body["type"],
        "ce-time": body["timestamp"],
    }
    assert datetime.fromisoformat(found["ce-time"]).utcoffset() is not None
    assert request.headers["content-type"] == "application/json"


async def has_state(hook: Registered, state: WebhookState) -> bool:
    return (await hook.row()).state is state


async def test_with_the_option_pings_and_deliveries_are_cloud_events_at_each_try(
    world: World, node: DeliveryNode, endpoint: WebhookEndpoint
) -> None:
    hook = await register(world, endpoint, cloud_events=True)
    await until(lambda: has_state(hook, WebhookState.ACTIVE))
    endpoint.answer = lambda _: NO
    outcome = await world.open_case()
    await until(hook.retries)
    endpoint.answer = lambda _: OK
    node.time.move(seconds=6)
    await until(lambda: len(hook.deliveries) >= 2)

    for request in endpoint.requests:
        assert_cloud_event(world, request)
        assert_verified(await hook.secret(), request)
    assert [attributes(request)["ce-type"] for request in endpoint.requests] == ["ping", "case.open", "case.open"]
    assert attributes(hook.deliveries[0]) == attributes(hook.deliveries[1])
    assert attributes(hook.deliveries[0])["ce-id"] == str(outcome.action.id)
    assert_same_bytes(hook.deliveries)


async def test_without_it_there_are_none_and_it_is_changed_at_any_time(
    world: World, node: DeliveryNode, endpoint: WebhookEndpoint
) -> None:
    hook = await register(world, endpoint)
    await world.open_case()
    await until(lambda: hook.deliveries)
    assert [attributes(request) for request in endpoint.requests] == [{}, {}]

    for is_on in (True, False):
        await hook.act(UpdateWebhook, cloud_events=is_on)
        node.time.move(seconds=3)
        outcome = await world.open_case()
        await until(lambda outcome=outcome: str(outcome.action.id) in hook.actions)  # type: ignore[misc]  # of mypy
        last = next(request for request in hook.deliveries if request.headers["webhook-id"] == str(outcome.action.id))
        assert set(attributes(last)) == (NAMES if is_on else set())


async def webhook(api: Api, world: World, mutation: str, **input: Any) -> dict[str, Any]:
    """Have Aldo do something that must be done, and return the payload."""
    shown = "webhook { endpointId cloudEvents } change { changeId: id status details { name values } }"
    payload = await api.act(world.aldo.token, mutation, input, shown)
    assert payload["errors"] == []
    return payload


@pytest.mark.parametrize("given", [None, False, True], ids=["null", "off", "on"])
async def test_admins_choose_it_over_the_api(world: World, api: Api, given: bool | None) -> None:
    made = (await webhook(api, world, "createWebhook", name="Bus", url=URL, cloudEvents=given))["webhook"]
    assert made["cloudEvents"] is bool(given)

    id, other = made["endpointId"], not given
    changed = (await webhook(api, world, "updateWebhook", endpointId=id, cloudEvents=other))["webhook"]
    assert changed["cloudEvents"] is other
    (*_, row) = await logged(world.database, world.account_id)
    assert (row[0], row[3]["fields"]) == ("UPDATE_WEBHOOK", ["cloudEvents"])
    again = await api.act(world.aldo.token, "updateWebhook", {"endpointId": id, "cloudEvents": other})
    assert [error["code"] for error in again["errors"]] == ["INVALID_INPUT"]
    nothing = await api.act(world.aldo.token, "updateWebhook", {"endpointId": id, "cloudEvents": None})
    assert [error["code"] for error in nothing["errors"]] == ["INVALID_INPUT"]


async def test_it_is_as_it_was_requested_once_a_second_admin_has_approved_it(world: World, api: Api) -> None:
    alma = await second_admin(world)
    waits = await webhook(api, world, "createWebhook", name="Bus", url=URL, cloudEvents=True)
    id = waits["change"]["changeId"]
    approved = await api.act(alma.token, "approveChange", {"changeId": id}, "change { status }")
    assert approved["errors"] == []
    listed = "{ webhooks(first: 5) { nodes { name cloudEvents } } }"

    assert (await api.run(world.aldo.token, listed))["webhooks"]["nodes"] == [{"name": "Bus", "cloudEvents": True}]
    verdict = await verdict_on(world.database, world.account_id)
    assert (verdict.fault, verdict.others) == (None, ())
