"""The gateway delivers what its API registers, while it runs, and ends cleanly."""

from pathlib import Path

from tests.support.api import Api
from tests.support.webhook_endpoints import WebhookEndpoint, serving
from tests.support.webhooks import assert_verified, kind, until
from tests.support.world import World

CREATE = """mutation($input: CreateWebhookInput!) { createWebhook(input: $input) {
    errors { code path } secret webhook { endpointId } } }"""
LISTED = """{ webhooks(first: 1) { nodes { state lag { rows } lastSuccessAt lastFailure { failure }
    deliveries(first: 5) { totalCount nodes { actionId attempt status failure answerDigest } } } } }"""


async def test_the_gateway_delivers_what_was_registered_over_its_api(
    world: World, fresh_url: str, tmp_path: Path
) -> None:
    settings = {"data_dir": tmp_path, "webhooks": True, "webhooks_allow_private": True}
    async with serving(WebhookEndpoint()) as endpoint, Api.opened(fresh_url, **settings) as api:
        input = {"name": "Ledger", "url": f"http://127.0.0.1:{endpoint.port}/in"}
        made = (await api.run(world.aldo.token, CREATE, {"input": input}))["createWebhook"]
        assert made["errors"] == []
        outcome = await world.open_case()
        await until(lambda: len(endpoint.requests) >= 2)

        assert [kind(request) for request in endpoint.requests] == ["ping", "case.open"]
        for request in endpoint.requests:
            assert_verified(made["secret"], request)

        async def is_recorded() -> bool:
            (node,) = (await api.run(world.aldo.token, LISTED))["webhooks"]["nodes"]
            found: tuple[int, int] = (node["deliveries"]["totalCount"], node["lag"]["rows"])
            return found == (2, 0)

        await until(is_recorded)
        (node,) = (await api.run(world.aldo.token, LISTED))["webhooks"]["nodes"]
        assert (node["state"], node["lastFailure"]) == ("ACTIVE", None)
        sent, ping = node["deliveries"]["nodes"]
        assert (sent["actionId"], sent["attempt"]) == (str(outcome.action.id), 1)
        assert (sent["status"], sent["failure"]) == (200, None)
        assert ping["actionId"] is None


async def test_a_gateway_that_delivers_nothing_leaves_it_to_others(
    world: World, fresh_url: str, tmp_path: Path
) -> None:
    async with serving(WebhookEndpoint()) as endpoint:
        input = {"name": "Ledger", "url": f"http://127.0.0.1:{endpoint.port}/in"}
        settings = {"data_dir": tmp_path, "webhooks_allow_private": True}
        async with Api.opened(fresh_url, **settings) as api:
            await api.run(world.aldo.token, CREATE, {"input": input})
            await world.open_case()
            assert endpoint.connections == 0
        async with Api.opened(fresh_url, **settings | {"webhooks": True}):
            await until(lambda: len(endpoint.requests) >= 2)
