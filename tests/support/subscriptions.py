"""Subscriptions without a transport: source events made and executed by graphql-core, with a context for each."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from typing import Any

from graphql import ExecutionResult, GraphQLError, execute, parse, validate
from graphql.execution.execute import Executor, create_source_event_stream

from app.actions.bank_accounts import BankAccountKeys
from app.api.context import Context, RequestFacts, Services
from app.api.execution.budget import Budget
from app.api.execution.executor import BoundedExecutor
from app.api.execution.slices import Slices
from app.api.masking import format_errors
from app.api.schema import CORE
from app.auth.identity import authenticate
from app.db.engines import Database
from app.documents.links import Links
from app.documents.store import DocumentStore
from app.domain.model import Language
from app.live.feed import Feed
from app.web.slots import Slots

PATIENCE_S = 60
"""How long an event is waited for before the test fails."""


@dataclass(frozen=True, slots=True)
class Live:
    """One process' services with its feed."""

    services: Services

    @property
    def feed(self) -> Feed:
        return self.services.feed

    @classmethod
    @asynccontextmanager
    async def opened(cls, database: Database, store: DocumentStore, poll: float = 0.2) -> AsyncIterator["Live"]:
        """Yield the services on a database, their feed running."""
        feed = Feed(database, poll)
        running = asyncio.create_task(feed.run())
        try:
            yield cls(
                Services(database, store, Links(database, ""), Slots.beside(4, 5), feed, BankAccountKeys(database))
            )
        finally:
            running.cancel()
            with suppress(asyncio.CancelledError):
                await running

    async def context(self, token: str, document: Any) -> Context:
        """Return the context of one operation, of who holds the token by now."""
        identity = await authenticate(self.services.database, token)
        facts = RequestFacts(identity, Language.EN, "test", lambda: "http://test", document, None)
        return Context(facts, self.services, Budget(Slices()))

    async def subscribe(self, token: str, document: str, **variables: Any) -> "Stream":
        """Return the stream of a subscription. Raises: Refused."""
        tree = parse(document)
        assert validate(CORE, tree) == []
        context = await self.context(token, tree)
        executor = Executor.build(CORE, tree, context_value=context, raw_variable_values=variables)
        if not isinstance(executor, Executor):
            raise Refused(executor)
        events: Any = create_source_event_stream(executor)
        if not hasattr(events, "__anext__"):
            events = await events
        if isinstance(events, ExecutionResult):
            raise Refused(events.errors or [])
        return Stream(self, token, tree, variables, events)


class Refused(Exception):
    """A subscription, or one of its events, was refused; `codes` says why."""

    def __init__(self, errors: list[GraphQLError]) -> None:
        super().__init__(errors)
        self.codes = [line["extensions"]["code"] for line in format_errors(errors, Language.EN, "test")]


@dataclass(frozen=True, slots=True)
class Stream:
    """A subscription under way."""

    live: Live
    token: str
    document: Any
    variables: dict[str, Any]
    events: Any

    async def next(self) -> Any:
        """Return what the next event's field shows. Raises: as `next_result`."""
        (shown,) = (await self.next_result())["data"].values()
        return shown

    async def next_result(self) -> dict[str, Any]:
        """Return the body of the next event. Raises: Refused, StopAsyncIteration, TimeoutError."""
        event = await asyncio.wait_for(anext(self.events), PATIENCE_S)
        result: Any = execute(
            CORE,
            self.document,
            event,
            await self.live.context(self.token, self.document),
            self.variables,
            executor_class=BoundedExecutor,
        )
        if not isinstance(result, ExecutionResult):
            result = await result
        if result.errors:
            raise Refused(result.errors)
        return {"data": result.data}

    async def close(self) -> None:
        await self.events.aclose()
