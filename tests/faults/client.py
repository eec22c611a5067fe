"""One client: sends operations over real HTTP, notes what it is told, and asks again with the same key until it knows.

It deliberately takes every fault for an unknown outcome, whatever the fault says of itself.
"""

import asyncio
import json
import ssl
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import httpx2

from tests.faults.history import Event, History, Kind, now

ANSWER_S = 60
PAUSE_S = 0.1
PAUSE_MAX_S = 1.0

# Words of the engines, of drivers and of tracebacks; none of them is any client's business.
TELLING = ("traceback", "sqlalchemy", "asyncpg", "sqlite", "postgres", "127.0.0.1", "connection", "insert into", "disk")

# Nothing here is encrypted, but each client would make a context of its own, which takes longer than some requests.
NO_TLS = ssl.create_default_context()

MUTATIONS = {
    "OPEN": "openCase",
    "COMMENT": "addComment",
    "REQUEST_OVERRIDE": "requestOverride",
    "ACCEPT": "acceptOverride",
    "REFUSE": "refuseOverride",
    "CANCEL": "cancelOverride",
    "CLOSE": "closeCase",
}


@dataclass(frozen=True, slots=True)
class Operation:
    """What somebody wants to be done, once."""

    id: str
    action: str
    input: Mapping[str, Any]
    case: str | None = None
    has_key: bool = True  # without one, nobody can ask again

    @property
    def key(self) -> str:
        return f"key-{self.id}"

    def body(self) -> dict[str, Any]:
        """Return the request's body."""
        mutation = MUTATIONS[self.action]
        kind = f"{mutation[0].upper()}{mutation[1:]}Input!"
        asks = "errors { code } case { id status } action { seq hash }"
        query = f"mutation($input: {kind}) {{ {mutation}(input: $input) {{ {asks} }} }}"
        key = {"idempotencyKey": self.key} if self.has_key else {}
        return {"query": query, "variables": {"input": {**self.input, **key}}}


@dataclass(frozen=True, slots=True)
class Answer:
    """What came back for a request, other than what was asked for: a fault."""

    at: float
    op: str
    status: int
    headers: Mapping[str, str]
    body: str

    @property
    def code(self) -> str:
        """The code of the first error."""
        try:
            return str(json.loads(self.body)["errors"][0]["extensions"]["code"])
        except (ValueError, KeyError, IndexError, TypeError):
            return "-"

    def flaws(self) -> Iterator[str]:
        """Yield what keeps it from being a fault as clients need it: to be tried again, and telling nothing."""
        if self.status != 503:
            yield "not a 503"
        if not self.headers.get("retry-after", "").isdecimal():
            yield "no Retry-After"
        if self.headers.get("x-request-id") != self.op:
            yield "no request id"
        if any(word in self.body.lower() for word in TELLING):
            yield "it tells what is inside"


@dataclass(slots=True)
class Client:
    """A person with a token and a connection of their own."""

    name: str
    token: str
    address: str
    history: History
    faults: list[Answer] = field(default_factory=list)
    unsettled: list[str] = field(default_factory=list)  # operations that nobody would tell the outcome of
    statuses: dict[str, str] = field(default_factory=dict)  # of the cases, as this client was told last
    http: httpx2.AsyncClient = field(init=False)

    async def __aenter__(self) -> "Client":
        """Have connections meanwhile, which belong to the event loop that it is entered on."""
        headers = {"Authorization": f"Bearer {self.token}"}
        limits = httpx2.Limits(max_connections=None)
        self.http = httpx2.AsyncClient(
            base_url=self.address, headers=headers, timeout=ANSWER_S, limits=limits, verify=NO_TLS
        )
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.http.aclose()

    async def settle(self, operation: Operation, patient: Callable[[], bool]) -> Event:
        """Ask until the outcome is known, or for as long as *patient* says; return what came of it."""
        pause = PAUSE_S
        while True:
            event = await self.ask(operation)
            if event.kind is not Kind.UNKNOWN or not patient():
                return event
            await asyncio.sleep(pause)
            pause = min(2 * pause, PAUSE_MAX_S)

    async def ask(self, operation: Operation) -> Event:
        """Send one request, and note what came of it."""
        self.invoke(operation)
        try:
            answer = await self.http.post("/graphql", json=operation.body(), headers={"X-Request-ID": operation.id})
        except httpx2.TransportError as error:
            return self.note(operation, Kind.UNKNOWN, code=type(error).__name__)
        return self._judge(operation, answer)

    async def ask_and_hang_up(self, operation: Operation, seconds: float) -> Event:
        """Send one request, and end the connection after *seconds*, whether or not an answer has come by then."""
        self.invoke(operation)
        url = httpx2.URL(self.address)
        body = json.dumps(operation.body()).encode()
        head = [
            "POST /graphql HTTP/1.1",
            f"Host: {url.host}:{url.port}",
            f"Authorization: Bearer {self.token}",
            "Content-Type: application/json",
            f"X-Request-ID: {operation.id}",
            f"Content-Length: {len(body)}",
        ]
        try:
            _, writer = await asyncio.open_connection(url.host, url.port)
            writer.write("\r\n".join([*head, "", ""]).encode() + body)
            await writer.drain()
            await asyncio.sleep(seconds)
            writer.transport.abort()
        except OSError as error:
            return self.note(operation, Kind.UNKNOWN, code=type(error).__name__)
        return self.note(operation, Kind.UNKNOWN, code="HUNG_UP")

    async def read(self, case: str) -> dict[str, Any] | None:
        """Return what a decision on the case names; None where there is nothing to decide on, or no answer."""
        overrides = "activeOverride { id } overrides(first: 1) { nodes { id } }"
        query = f"query($id: ID!) {{ case(id: $id) {{ version {overrides} }} }}"
        try:
            answer = await self.http.post("/graphql", json={"query": query, "variables": {"id": case}})
            found = answer.json()["data"]["case"]
            known = [found["activeOverride"], *found["overrides"]["nodes"]]
        except (httpx2.TransportError, ValueError, KeyError, TypeError):
            return None
        override = next((one["id"] for one in known if one is not None), None)
        return None if override is None else {"overrideId": override, "expectedVersion": found["version"]}

    def invoke(self, operation: Operation) -> None:
        self.note(operation, Kind.INVOKE)

    def note(self, operation: Operation, kind: Kind, **reported: Any) -> Event:
        """Take down what happened, and return it."""
        known = {"case": operation.case, "client": self.name, "op": operation.id, "key": operation.key}
        event = Event(**{"kind": kind, "at": now(), "action": operation.action, **known, **reported})
        self.history.note(event)
        return event

    def _judge(self, operation: Operation, answer: httpx2.Response) -> Event:
        payload = _payload(answer, MUTATIONS[operation.action])
        if payload is None:
            fault = Answer(now(), operation.id, answer.status_code, dict(answer.headers), answer.text)
            self.faults.append(fault)
            return self.note(operation, Kind.UNKNOWN, code=fault.code, status=fault.status)
        if payload["errors"]:
            return self.note(operation, Kind.FAIL, code=payload["errors"][0]["code"])
        case, action = payload["case"], payload["action"]
        self.statuses[case["id"]] = case["status"]
        return self.note(operation, Kind.OK, case=case["id"], seq=action["seq"], hash=action["hash"])


def _payload(answer: httpx2.Response, mutation: str) -> dict[str, Any] | None:
    """Return the mutation's payload, None where the answer is no plain success or refusal."""
    try:
        body = answer.json()
        payload: dict[str, Any] | None = body["data"][mutation]
    except (ValueError, KeyError, TypeError):
        return None
    return None if "errors" in body or answer.status_code != 200 else payload
