"""Notices: admins see which webhooks are disabled, fail, or are sent nothing, and why, in their language."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from prometheus_client import generate_latest
from sqlalchemy import update
from structlog.testing import capture_logs

from app.db import tables
from app.domain.model import Language, Scope
from app.domain.webhook_commands import ResumeWebhook
from app.domain.webhooks import DeliveryFailure, NoticeKind, WebhookState, notice_of
from app.i18n import WORDS
from app.i18n.notices import notice_text
from app.observability.metrics import REGISTRY
from tests.support.api import Api
from tests.support.recorded_sql import recorded
from tests.support.webhook_endpoints import OK, WebhookEndpoint
from tests.support.webhooks import NO, DeliveryNode, Registered, register, until
from tests.support.world import World, make_world, person_of

FIRST = datetime(2026, 1, 1, tzinfo=UTC)
LISTED = """query($first: Int, $after: String) { notices(first: $first, after: $after) {
    totalCount pageInfo { hasNextPage endCursor } nodes { kind at message failure status
        webhook { endpointId name state lag { rows } deliveries(first: 1) { totalCount } } } } }"""
GONE = b"HTTP/1.1 410 Gone\r\nContent-Length: 0\r\n\r\n"


async def listed(api: Api, world: World, **variables: Any) -> dict[str, Any]:
    page: dict[str, Any] = (await api.run(world.aldo.token, LISTED, {"first": 20} | variables))["notices"]
    return page


async def kinds(api: Api, world: World) -> list[tuple[str, str | None, int | None]]:
    nodes = (await listed(api, world))["nodes"]
    return [(node["kind"], node["failure"], node["status"]) for node in nodes]


async def put(hook: Registered, state: WebhookState, failure: DeliveryFailure, day: int) -> None:
    """Have an endpoint be as a process that delivers leaves it."""
    values = {"state": state, "last_failure": failure, "last_failure_at": FIRST + timedelta(days=day)}
    async with hook.world.database.write() as connection:
        await connection.execute(update(tables.webhooks).where(tables.webhooks.c.id == hook.id).values(values))


async def test_an_endpoint_that_fails_is_a_notice_until_it_takes_again(
    world: World, api: Api, node: DeliveryNode, endpoint: WebhookEndpoint
) -> None:
    hook = await register(world, endpoint)
    endpoint.answer = lambda request: OK if b"ping" in request.body else NO
    with capture_logs() as lines:
        await world.open_case()

        async def has_notice() -> bool:
            return await kinds(api, world) == [("WEBHOOK_FAILING", "STATUS", 500)]

        await until(has_notice)
        endpoint.answer = lambda _: OK
        node.time.move(seconds=6)

        async def has_none() -> bool:
            return await kinds(api, world) == []

        await until(has_none)
    found = [line for line in lines if line["event"] in ("webhook_failing", "webhook_recovered")]
    assert [(line["event"], line["webhook"], line["log_level"]) for line in found] == [
        ("webhook_failing", str(hook.id), "warning"),
        ("webhook_recovered", str(hook.id), "info"),
    ]
    assert (found[0]["failure"], found[0]["status"]) == ("STATUS", 500)


async def test_an_endpoint_that_was_disabled_is_a_notice_until_it_is_resumed(
    world: World, api: Api, node: DeliveryNode, endpoint: WebhookEndpoint
) -> None:
    def disabled() -> float:
        return REGISTRY.get_sample_value("casegate_webhooks_disabled_total", {"failure": "STATUS"}) or 0

    endpoint.answer, before = lambda _: GONE, disabled()
    hook = await register(world, endpoint)

    async def has_notice() -> bool:
        return await kinds(api, world) == [("WEBHOOK_DISABLED", "STATUS", 410)]

    await until(has_notice)
    page = await listed(api, world)
    assert page["totalCount"] == 1
    (notice,) = page["nodes"]
    assert notice["webhook"]["endpointId"] == str(hook.id)
    assert (notice["webhook"]["state"], notice["webhook"]["deliveries"]) == ("DISABLED", {"totalCount": 1})
    assert notice["message"].startswith("The webhook Ledger is disabled. Answered with another status: 410.")
    assert disabled() == before + 1
    assert b"casegate_webhooks_failing" in generate_latest(REGISTRY)

    endpoint.answer = lambda _: OK
    await hook.act(ResumeWebhook)
    node.time.move(seconds=3)

    async def is_active() -> bool:
        return (await hook.row()).state is WebhookState.ACTIVE

    await until(is_active)
    assert await kinds(api, world) == []


@pytest.mark.parametrize("language", Language)
async def test_the_message_is_in_the_reader_s_language(world: World, api: Api, language: Language) -> None:
    hook = await register(world, WebhookEndpoint(), name="{name} 100 %s é")
    await put(hook, WebhookState.ACTIVE, DeliveryFailure.FORBIDDEN, 1)
    answer = await api.send(world.aldo.token, LISTED, {"first": 1}, **{"Accept-Language": language.lower()})
    (notice,) = answer.json()["data"]["notices"]["nodes"]

    expected = {
        Language.EN: "Nothing is sent to the webhook {name} 100 %s é. May not read.",
        Language.FR: "Rien n’est envoyé au webhook {name} 100 %s é. Lecture interdite.",
    }
    assert notice["message"].startswith(expected[language])
    assert (notice["kind"], notice["status"]) == ("WEBHOOK_BLOCKED", None)
    assert answer.headers["content-language"] == language.lower()


@pytest.mark.parametrize("language", Language)
@pytest.mark.parametrize("kind", NoticeKind)
def test_every_kind_and_every_failure_has_a_sentence(kind: NoticeKind, language: Language) -> None:
    assert WORDS[language]["notices"].keys() == {*NoticeKind, "STATUS"}
    texts = {notice_text(kind, language, "Ledger", failure, None) for failure in DeliveryFailure}

    assert len(texts) == len(DeliveryFailure)
    assert all("Ledger" in text and "{" not in text for text in texts)


async def test_the_newest_come_first_a_page_at_a_time_and_by_the_same_statements(world: World, api: Api) -> None:
    hooks = [await register(world, WebhookEndpoint(), name=f"Webhook {number}") for number in range(5)]
    with recorded() as of_none:
        assert (await listed(api, world))["nodes"] == []
    await put(hooks[0], WebhookState.FAILING, DeliveryFailure.TIMEOUT, 1)
    with recorded() as of_one:
        assert len((await listed(api, world))["nodes"]) == 1
    for number, hook in enumerate(hooks):
        await put(hook, WebhookState.FAILING, DeliveryFailure.TIMEOUT, 5 - number)
    with recorded() as of_five:
        whole = await listed(api, world)
    assert sorted(of_one) == sorted(of_five)
    assert len(of_none) <= len(of_one)

    names = [node["webhook"]["name"] for node in whole["nodes"]]
    assert names == [f"Webhook {number}" for number in range(5)]
    page, found = await listed(api, world, first=2), list[str]()
    while True:
        found += [node["webhook"]["name"] for node in page["nodes"]]
        assert page["totalCount"] == 5
        if not page["pageInfo"]["hasNextPage"]:
            break
        page = await listed(api, world, first=2, after=page["pageInfo"]["endCursor"])
    assert found == names


async def test_what_is_well_or_paused_is_no_notice_as_the_domain_has_it(world: World, api: Api) -> None:
    """Each state with each time of the last success: the database and the domain say the same."""
    await register(world, WebhookEndpoint())
    table = tables.webhooks
    for state in WebhookState:
        for failure in (None, DeliveryFailure.CONNECTION, DeliveryFailure.RENDERING):
            for succeeded_at in (None, FIRST - timedelta(days=1), FIRST + timedelta(days=1)):
                failed_at = None if failure is None else FIRST
                values = {"state": state, "last_failure": failure, "last_failure_at": failed_at}
                async with world.database.write() as connection:
                    await connection.execute(update(table).values(values | {"last_success_at": succeeded_at}))
                expected = notice_of(state, failure, failed_at, succeeded_at)
                found = [kind for kind, _, _ in await kinds(api, world)]
                assert found == ([] if expected is None else [expected]), (state, failure, succeeded_at)


async def test_only_the_account_s_admins_with_the_scope_see_its_notices(world: World, api: Api) -> None:
    hook, other = await register(world, WebhookEndpoint()), await make_world(world.database)
    await put(hook, WebhookState.FAILING, DeliveryFailure.TLS, 1)
    assert await kinds(api, other) == []

    without = await person_of(world.database, world.aldo.id, Scope.CASES_READ)
    for token, code in ((world.carl.token, "ROLE_REQUIRED"), (without.token, "INSUFFICIENT_SCOPE")):
        body = (await api.send(token, LISTED, {"first": 1})).json()
        assert body["data"]["notices"] is None
        assert body["errors"][0]["extensions"]["code"] == code
    cursor = (await listed(api, world))["pageInfo"]["endCursor"]
    body = (await api.send(other.aldo.token, LISTED, {"first": 1, "after": cursor})).json()
    assert body["errors"][0]["extensions"]["code"] == "INVALID_CURSOR"
