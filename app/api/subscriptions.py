"""The subscriptions: the account's log, one case, the viewer's inbox.

Each field makes source events (GraphQL specification, section 6.2.3.1); each event is executed like a query, as who the
viewer is by then.
"""

import asyncio
import time
from collections.abc import AsyncGenerator, Hashable
from dataclasses import dataclass
from typing import Annotated, Any, Protocol
from uuid import UUID

import strawberry
from graphql import GraphQLSchema
from strawberry import ID

from app.api.context import Context, Info
from app.api.dataloaders.loaders import CaseKey
from app.api.fields import described, followed
from app.api.permissions import ReadPermission
from app.api.resolvers.cases import EVERY_COLUMN
from app.api.types import Case, CaseAction, Viewer, viewer
from app.api.types.lists import Types
from app.db.repository.cases import cases_with
from app.db.repository.inbox import InboxMark, inbox_mark
from app.db.repository.log import LogKey
from app.db.rows import ActionRow, CaseRow
from app.domain.access import permit_reading
from app.domain.errors import InvalidId
from app.domain.facts import Actor
from app.domain.model import ActionType, Feature, Scope
from app.domain.validation import parse_id
from app.live.cursors import log_cursors, read_log_cursor

LEFT_OUT_MAX = 100
"""Rows that the filters leave out before the client is told how far the log was read."""

INBOX_S = 1
"""Seconds between two looks at an inbox, which may take the database some milliseconds."""

_READ_CASES = ReadPermission(Scope.CASES_READ, Feature.CASES)


class SourceEvent(Protocol):
    """What happened, as a subscription's field is to show it.

    `cursor`: where to come back, None where there is no such place. `read_at`: when it was read, on the monotonic
    clock. `sharing_key`: what tells it from other events where it shows all streams of a person the same, else None.
    `has_turn`: it is the first one after its stream was woken, in a turn (`event_turns`).
    """

    @property
    def cursor(self) -> str | None: ...

    @property
    def sharing_key(self) -> tuple[object, ...] | None: ...

    @property
    def read_at(self) -> float: ...

    @property
    def has_turn(self) -> bool: ...

    async def shown(self, context: Context) -> Any:
        """Return what the field shows."""


@strawberry.type(description="A row of the account's log as it comes, or how far the log was read.")
class LogEvent:
    cursor: str = described("Where to come back: `after` it comes what follows. The same as in `Query.actions`.")
    action: CaseAction | None = described(
        "The row; null where there is only a cursor to tell: when all was caught up with, and after each"
        f" {LEFT_OUT_MAX} rows that the filters leave out."
    )
    caught_up: bool = described("Whether there was nothing more in the log when this was read.")


@strawberry.type(description="The viewer's inbox is another than before.")
class InboxChange:
    viewer: Viewer = described("The viewer, with their inbox as it is now.")


@dataclass(frozen=True, slots=True)
class LogRead:
    """A row of the log was read, or the log up to a cursor; stands for a `LogEvent`."""

    cursor: str
    action: ActionRow | None
    caught_up: bool
    read_at: float
    has_turn: bool = False

    @property
    def sharing_key(self) -> tuple[object, ...]:
        return self.cursor, self.action is None, self.caught_up

    async def shown(self, context: Context) -> "LogRead":
        return self


@dataclass(slots=True)
class CaseMoved:
    """The case has another version than the one that was shown last, None where it was not there."""

    case_id: UUID
    read_at: float
    version: int | None = None
    has_turn: bool = False
    cursor: None = None
    sharing_key: None = None  # it takes the version from what it shows

    async def shown(self, context: Context) -> CaseRow | None:
        key = CaseKey(self.case_id, EVERY_COLUMN)
        row: CaseRow | None = (await context.loaders.cases_with.collect([key]))[key]
        self.version = None if row is None else row.version
        if row is not None:
            context.loaders.cases.prime(row.id, row)
        return row


@dataclass(slots=True)
class InboxMoved:
    """The inbox of who the viewer was, as it was shown last, is another."""

    actor: Actor
    read_at: float
    has_turn: bool = False
    cursor: None = None
    sharing_key: None = None

    async def shown(self, context: Context) -> InboxChange:
        self.actor = context.actor
        return InboxChange(viewer=viewer(context))


async def _log_events(
    context: Context, after: LogKey | None, case_id: UUID | None, types: frozenset[ActionType] | None
) -> AsyncGenerator[LogRead]:
    account_id = context.actor.account_id
    cursors = log_cursors(account_id)
    left_out, is_reported, has_turn = 0, False, False
    async with context.services.feed.listening(account_id, after, _group(context)) as listener:
        while True:
            places, is_last, read_at = await listener.take()
            for place in places:
                row, caught_up = place.action, is_last and place is places[-1]
                is_wanted = (case_id is None or row.case_id == case_id) and (types is None or row.type in types)
                left_out = 0 if is_wanted else left_out + 1
                if is_wanted or left_out == LEFT_OUT_MAX:
                    left_out, is_reported = 0, caught_up
                    yield LogRead(cursors.encode(place.key), row if is_wanted else None, caught_up, read_at, has_turn)
                    has_turn = False
            if is_last and not is_reported:
                left_out, is_reported = 0, True
                yield LogRead(cursors.encode(listener.key), None, caught_up=True, read_at=read_at, has_turn=has_turn)
                has_turn = False
            if is_last:
                has_turn = await listener.wait()


async def _case_events(context: Context, case_id: UUID) -> AsyncGenerator[CaseMoved]:
    account_id, columns = context.actor.account_id, frozenset({"id", "version"})
    async with context.services.feed.listening(account_id, None, _group(context), case_id) as listener:
        event = CaseMoved(case_id, time.monotonic())
        yield event
        while event.version is not None:
            event.has_turn = await listener.wait()
            if not listener.pass_over(case_id):
                continue
            event.read_at = time.monotonic()
            async with context.services.feed.reading() as connection:
                (row,) = await cases_with(connection, account_id, [case_id], columns)
            if row is None or row.version != event.version:
                yield event


async def _inbox_events(context: Context) -> AsyncGenerator[InboxMoved]:
    async with context.services.feed.listening(context.actor.account_id, None, _group(context)) as listener:
        event = InboxMoved(context.actor, time.monotonic())
        mark = await _mark(context, event.actor)
        yield event
        while True:
            looked = time.monotonic()
            await listener.wait()
            await asyncio.sleep(looked + INBOX_S - time.monotonic())
            listener.pass_over()
            event.read_at = time.monotonic()
            found = await _mark(context, event.actor)
            if found != mark:
                mark = found
                yield event


def _group(context: Context) -> Hashable:
    """Return which streams are woken together: those of a token that ask for the same."""
    return context.actor.token_id, id(context.request.document)  # which is there as long as the context is


async def _mark(context: Context, actor: Actor) -> InboxMark:
    async with context.services.feed.reading() as connection:
        return await inbox_mark(connection, actor)


def _id(value: str, argument: str) -> UUID:
    parsed = parse_id(value)
    if parsed is None:
        raise InvalidId(argument)
    return parsed


@strawberry.type(description="What can be followed as it happens. Events come one after another; none is lost.")
class Subscription:
    @followed(
        "The account's log: all rows `after` a cursor, each once and in order, then those that come. Without"
        " a cursor from now on. Whenever all that there is was sent, `caughtUp` says so, at the start too; so the first"
        " event comes at once, with a cursor to come back with.",
        _READ_CASES,
    )
    async def actions(
        self,
        info: Info,
        after: Annotated[
            str | None,
            strawberry.argument(description="Only what comes after this cursor, of here or of `Query.actions`."),
        ] = None,
        case_id: Annotated[ID | None, strawberry.argument(description="Only rows of this case, by its UUID.")] = None,
        types: Types = None,
    ) -> AsyncGenerator[LogEvent, None]:
        context = info.context
        case = None if case_id is None else _id(case_id, "caseId")
        key = None if after is None else read_log_cursor(context.actor.account_id, after, "after")
        wanted = None if types is None else frozenset(types)
        return _log_events(context, key, case, wanted)  # type: ignore[return-value]  # a LogRead stands for a LogEvent

    @followed(
        "One case: at once as it is, then whenever its version is another. What happens while an event is"
        " under way is told by one event. Null, and no more events, where the account has no such case.",
        _READ_CASES,
    )
    async def case_changed(
        self, info: Info, id: Annotated[ID, strawberry.argument(description="Its UUID.")]
    ) -> AsyncGenerator[Case | None, None]:
        return _case_events(info.context, _id(id, "id"))  # type: ignore[return-value]  # which shows a Case

    @followed(
        "The viewer's inbox: at once, then whenever an action has made it another. What happens while an"
        " event is under way is told by one event. It has no cursor: after a break, read the inbox.",
        _READ_CASES,
    )
    async def inbox_changed(self, info: Info) -> AsyncGenerator[InboxChange, None]:
        return _inbox_events(info.context)  # type: ignore[return-value]  # which shows an InboxChange


class InContext(Protocol):
    """What is executed, by graphql-core or by a plan: it has a context."""

    @property
    def context(self) -> Context: ...


async def _shown(event: SourceEvent, info: InContext, **_arguments: object) -> Any:
    """Return what an event shows to who the viewer is now, or refuse."""
    permit_reading(info.context.actor, Scope.CASES_READ, Feature.CASES)
    return await event.shown(info.context)


def resolve_events(schema: GraphQLSchema) -> None:
    """Have the subscriptions' fields show their source events, each of which is the root value of an execution."""
    assert schema.subscription_type is not None
    for field in schema.subscription_type.fields.values():
        field.resolve = _shown
