"""The events of a running gateway's account, read over its public API: server-sent events, from a cursor on.

What a webhook with the same document would be sent is made of each. Where the connection ends, the next one goes on
after the last cursor.
"""

import asyncio
import json
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Mapping
from contextlib import aclosing
from dataclasses import dataclass, replace
from typing import Any

import httpx2
import orjson
from graphql import (
    ArgumentNode,
    DocumentNode,
    FieldNode,
    GraphQLSyntaxError,
    NameNode,
    OperationDefinitionNode,
    SelectionSetNode,
    VariableDefinitionNode,
    VariableNode,
    parse,
    parse_type,
    print_ast,
)

from app.webhooks.messages import Message

ANSWER_S = 15.0
AGAIN_S = 1.0
AGAIN_MAX_S = 15.0
CURSOR, ACTION, AFTER = "listenedCursor", "listenedAction", "listenedAfter"
"""Names that a document is unlikely to use: of what is selected beside it."""
_AFTER = VariableNode(name=NameNode(value=AFTER))


class GatewayRefused(Exception):
    """The gateway says that it will not do it; the message is its own."""


class GatewayAway(Exception):
    """The gateway can't be reached, or has ended the stream; the message says how."""


@dataclass(frozen=True, slots=True)
class GatewayEvent:
    """One row of the log, as a webhook is sent it."""

    cursor: str
    message: Message
    body: bytes


@dataclass(slots=True)
class GatewayEvents:
    """A gateway, the token that it is read by, and what is read: a webhook's document."""

    url: str
    token: str
    document: str
    cursor: str | None = None

    async def account(self, http: httpx2.AsyncClient) -> tuple[str, str]:
        """Return the id and the name of the token's account. Raises: GatewayRefused, GatewayAway."""
        body = {"query": "{ viewer { account { id name } } }"}
        try:
            answer = await http.post(self.url, json=body, headers=self._headers("application/json"))
        except httpx2.HTTPError as error:
            raise GatewayAway(_reason(error)) from error
        account = _data_of(answer.status_code, answer.content)["viewer"]["account"]
        return account["id"], account["name"]

    async def events(self, http: httpx2.AsyncClient) -> AsyncGenerator[GatewayEvent | None, None]:
        """Yield what there is after the cursor and what comes, until the stream ends; None each time all was read.

        Raises: GatewayRefused, GatewayAway.
        """
        body = {"query": with_places(self.document), "variables": {AFTER: self.cursor}}
        headers = self._headers("text/event-stream")
        try:
            async with http.stream("POST", self.url, json=body, headers=headers, timeout=_STREAMING) as answer:
                if not answer.headers.get("content-type", "").startswith("text/event-stream"):
                    _data_of(answer.status_code, await answer.aread())
                async for line in _lines(answer):
                    if line.startswith(b"data:") and (data := line.removeprefix(b"data:").strip()):
                        yield self._event(_data_of(200, data))
        except httpx2.HTTPError as error:
            raise GatewayAway(_reason(error)) from error
        raise GatewayAway("the stream has ended")

    def _headers(self, accepted: str) -> dict[str, str]:
        return {"Authorization": f"Bearer {self.token}", "Accept": accepted}

    def _event(self, data: dict[str, Any]) -> GatewayEvent | None:
        event = data["actions"]
        self.cursor, action = event.pop(CURSOR), event.pop(ACTION)
        if action is None:
            return None
        message = Message.logged(action["id"], action["type"], action["createdAt"])
        body = orjson.dumps({"type": message.type, "timestamp": message.time, "data": data})
        return GatewayEvent(self.cursor, message, body)


_STREAMING = httpx2.Timeout(ANSWER_S, read=60)  # the gateway sends a comment now and then


async def _lines(answer: httpx2.Response) -> AsyncGenerator[bytes, None]:
    """Yield the lines of an event stream: they end with LF alone, since texts may have other ends of lines in them."""
    rest = b""
    async for chunk in answer.aiter_bytes():
        *lines, rest = (rest + chunk).split(b"\n")
        for line in lines:
            yield line


async def followed(
    source: GatewayEvents, http: httpx2.AsyncClient, say: Callable[[str], None]
) -> AsyncIterator[GatewayEvent]:
    """Yield events for ever; where the gateway is away, say so, and come back. Raises: GatewayRefused."""
    pause = AGAIN_S
    while True:
        try:
            async with aclosing(source.events(http)) as events:
                async for event in events:
                    pause = AGAIN_S
                    if event is not None:
                        yield event
        except GatewayAway as away:
            say(f"{away}; it is tried again in {pause:.0f} s, from the last event on")
        await asyncio.sleep(pause)
        pause = min(2 * pause, AGAIN_MAX_S)


def with_places(document: str) -> str:
    """Return a webhook's document that selects the place of each row, too, and begins after a cursor.

    Raises: GatewayRefused, for what is no webhook's document.
    """
    try:
        parsed = parse(document)
    except GraphQLSyntaxError as error:
        raise GatewayRefused(f"the document can't be read: {error.message}") from error
    operations = [node for node in parsed.definitions if isinstance(node, OperationDefinitionNode)]
    fields = [node for operation in operations for node in operation.selection_set.selections]
    field = fields[0] if len(fields) == 1 else None
    if not isinstance(field, FieldNode) or field.name.value != "actions" or field.alias or not field.selection_set:
        raise GatewayRefused("the document is not one subscription of the field actions alone")
    (operation,) = operations
    placed = replace(operation, selection_set=SelectionSetNode(selections=(_placed(field, field.selection_set),)))
    definition = VariableDefinitionNode(variable=_AFTER, type=parse_type("String"))
    placed = replace(placed, variable_definitions=(*(operation.variable_definitions or ()), definition))
    others = (node for node in parsed.definitions if node is not operation)
    return print_ast(DocumentNode(definitions=(placed, *others)))


def _placed(field: FieldNode, selected: SelectionSetNode) -> FieldNode:
    """Return the field with the place of each row beside what is selected, and after the variable."""
    places = parse(f"{{ {CURSOR}: cursor {ACTION}: action {{ id type createdAt }} }}").definitions[0]
    assert isinstance(places, OperationDefinitionNode)
    selections = (*selected.selections, *places.selection_set.selections)
    argument = ArgumentNode(name=NameNode(value="after"), value=_AFTER)
    arguments = (*(field.arguments or ()), argument)
    return replace(field, arguments=arguments, selection_set=SelectionSetNode(selections=selections))


def _data_of(status: int, content: bytes) -> dict[str, Any]:
    """Return an answer's data. Raises: GatewayRefused; GatewayAway, for what another try may mend."""
    try:
        found = json.loads(content)
        errors, data = found.get("errors") or [], found.get("data")
    except (ValueError, AttributeError):
        raise (GatewayAway if status >= 500 else GatewayRefused)(f"what answers is no gateway: HTTP {status}") from None
    if data is not None and not errors:
        return dict(data)
    if not isinstance(errors, list) or not all(isinstance(error, Mapping) for error in errors):
        raise GatewayRefused(f"what answers is no gateway: HTTP {status}")
    words = "; ".join(str(error.get("message")) for error in errors) or f"HTTP {status}"
    if errors and all((error.get("extensions") or {}).get("retryable") for error in errors):
        raise GatewayAway(words)
    raise GatewayRefused(words)


def _reason(error: httpx2.HTTPError) -> str:
    return f"the gateway does not answer ({type(error).__name__})"
