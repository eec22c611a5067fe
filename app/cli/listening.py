"""The command for developers of endpoints: it prints what a webhook would be sent, and passes it on, signed."""

import asyncio
import json
import secrets
from collections.abc import Callable
from pathlib import Path
from uuid import UUID

import httpx2

from app import clock
from app.cli.ending import ended_by_its_reader
from app.cli.gateway_events import ANSWER_S, GatewayAway, GatewayEvent, GatewayEvents, GatewayRefused, followed
from app.cli.printing import say
from app.cli.terminal import fail
from app.domain.webhooks import DEFAULT_DOCUMENT
from app.webhooks.addresses import AddressPolicy, UrlRefused, parse_endpoint_url
from app.webhooks.client import WebhookClient
from app.webhooks.failures import SendFailed
from app.webhooks.signing import HmacKey, read_secret, signed_headers

LOCAL = AddressPolicy(allow_private=True)

Say = Callable[[str], None]


def listen(
    token: str,
    url: str,
    forward: str | None,
    document: Path | None,
    secret: str | None,
    after: str | None,
    *,
    cloud_events: bool,
    as_json: bool,
) -> None:
    """Do what `casegate webhooks listen` is asked for."""
    key = _key(secret)
    _demand_usable(token, url, forward)
    text = DEFAULT_DOCUMENT if document is None else _text(document)
    source = GatewayEvents(f"{url.rstrip('/').removesuffix('/graphql')}/graphql", token, text, after)
    try:
        with ended_by_its_reader():
            asyncio.run(Listening(source, key, forward, cloud_events, as_json).run())
    except (GatewayRefused, GatewayAway, httpx2.InvalidURL) as error:
        fail(f"{source.url}: {error}")


def _text(document: Path) -> str:
    try:
        return document.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as fault:
        fail(f"--document: can't read {document}: {getattr(fault, 'strerror', None) or 'it is not UTF-8'}", 2)


def _demand_usable(token: str, url: str, forward: str | None) -> None:
    """End the command for what it can't begin with."""
    if not token or not token.isascii() or not token.isprintable():
        fail("give a token, by CASEGATE_TOKEN or --token: `casegate token create` makes one", 2)
    if not url.startswith(("http://", "https://")):
        fail("--url must begin with http:// or https://", 2)
    try:
        if forward is not None:
            parse_endpoint_url(forward, LOCAL)
    except UrlRefused as refused:
        fail(f"--forward can't be sent to: {refused}", 2)


def _key(secret: str | None) -> HmacKey:
    if secret is None:
        return HmacKey(secrets.token_bytes(32))
    try:
        return read_secret(secret)
    except ValueError as error:
        fail(f"--secret: {error}", 2)


class Listening:
    """Prints, signs and passes on the events of one source."""

    def __init__(
        self, source: GatewayEvents, key: HmacKey, forward: str | None, cloud_events: bool, as_json: bool
    ) -> None:
        self._source = source
        self._key = key
        self._forward = forward
        self._cloud_events = cloud_events
        self._as_json = as_json

    async def run(self) -> None:
        """Listen until cancelled. Raises: GatewayRefused; GatewayAway, where it could not even begin."""
        async with httpx2.AsyncClient(timeout=ANSWER_S) as http, WebhookClient(LOCAL) as client:
            id, name = await self._source.account(http)
            _say(f"listening to {name} at {self._source.url}" + (f", for {self._forward}" if self._forward else ""))
            _say(f"verify with {self._key.verifier}")
            async for event in followed(self._source, http, _say):
                await self._pass_on(event, UUID(id), client)

    async def _pass_on(self, event: GatewayEvent, account_id: UUID, client: WebhookClient) -> None:
        headers = signed_headers([self._key], event.message.id, clock.now(), event.body)
        if self._cloud_events:
            headers |= event.message.cloud_event(account_id)
        answer: dict[str, object] | None = None
        if self._forward is not None:
            answer = await _answer(client, self._forward, headers, event.body)
        if self._as_json:
            body = event.body.decode()
            shown = {"cursor": event.cursor, "headers": headers, "body": body, "answer": answer}
            say(json.dumps(shown, ensure_ascii=False))
            return
        said = "" if answer is None else f"  -> {answer['failure'] or answer['status']}"
        say(f"{event.message.time}  {event.message.type}  {event.message.id}  {event.cursor}{said}")
        if self._forward is None:
            say(f"  {event.body.decode()}")


async def _answer(client: WebhookClient, url: str, headers: dict[str, str], body: bytes) -> dict[str, object]:
    """Send an event, and return what became of it."""
    try:
        answer = await client.post(url, headers, body)
    except SendFailed as failed:
        return {"status": None, "failure": str(failed.kind), "milliseconds": None}
    return {"status": answer.status, "failure": None, "milliseconds": round(answer.seconds * 1000)}


def _say(line: str) -> None:
    say(f"casegate: {line}", err=True)
