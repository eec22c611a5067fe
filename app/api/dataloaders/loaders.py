"""The dataloaders of one operation: each relation is one statement, whatever the number of rows.

Each batch opens a short connection of its own, since GraphQL resolves siblings at the same time; small ones share a
statement with those of other operations. Every loader names a batch function of `app.db.repository` and nothing else.
"""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, field
from functools import partial
from typing import Any, NamedTuple, cast
from uuid import UUID

from app.actions.outcome import Outcome, Supposed
from app.api.dataloaders.dataloader import Grouped, Loader
from app.api.execution.budget import Budget
from app.db.engines import Database
from app.db.reader import Reader
from app.db.repository import (
    administration,
    cases,
    checklists,
    delegations,
    documents,
    history,
    log,
    log_parts,
    nodes,
    overrides,
    people,
    search,
    signals,
    tokens,
    webhooks,
)
from app.db.rows import CaseRow
from app.observability.metrics import batches

LongRead = Callable[[], AbstractAsyncContextManager[Reader]]
BatchFunction = Callable[..., Awaitable[Sequence[object]]]


@dataclass(frozen=True, slots=True)
class Reading:
    """What is known beforehand of what an operation loads.

    `columns`: by loader that has parts, the only attributes of its rows that will be looked at; of others, all.
    `alone`: the loaders with one caller, so that no other could share a batch.
    """

    columns: Mapping[str, frozenset[str]] = field(default_factory=dict)
    alone: frozenset[str] = frozenset()


NOTHING_KNOWN = Reading()


@dataclass(frozen=True, slots=True)
class PointReads:
    """What an operation sends its look-ups by ids to."""

    database: Database
    budget: Budget | None

    def connection(self) -> AbstractAsyncContextManager[Reader]:
        """Yield a connection, of its own if the operation gives way: others would wait for a batch that it is in."""
        gives_way = self.budget is not None and self.budget.slices.gives_way
        return self.database.read() if gives_way else self.database.point_reads()


class CaseKey(NamedTuple):
    """The columns *names* of the case with this id or number."""

    which: UUID | int
    names: frozenset[str]


class _Lazily:
    """A loader of `Loaders` that is made when it is first asked for: an operation needs few of them.

    `has_parts`: its function takes the columns to read. `is_long`: that may take the database long. It does not know
    the others: what goes round in circles stays until the collector comes.
    """

    def __init__(self, make: Callable[..., Any], *, has_parts: bool = False, is_long: bool = False) -> None:
        self._make = make
        self._is_long = is_long
        self.has_parts = has_parts

    def __set_name__(self, _owner: type, name: str) -> None:
        self._name = name

    def __get__(self, loaders: Any, _owner: type | None = None) -> Any:
        if loaders is None:
            return self
        made = loaders.__dict__[self._name] = self.made(loaders)
        return made

    def made(self, loaders: "Loaders", *columns: frozenset[str]) -> Any:
        """Return the loader, or that of *columns* alone."""
        source = loaders.long_read if self._is_long else loaders.point_reads
        made = self._make(source, loaders.account_id, self._name in loaders.reading.alone, *columns)
        made.budget = loaders.budget
        if self._name in loaders.known:
            made.prime_many(loaders.known[self._name])
        return made


def by_id(function: BatchFunction, *, has_parts: bool = False) -> Any:
    """Return a loader of what *function* brings by ids."""
    return _Lazily(partial(_loader, function, batches.labels(function.__name__).observe, True), has_parts=has_parts)


def by_group(function: BatchFunction) -> Any:
    """Return the loaders of what *function* brings by ids and further arguments."""
    make = partial(_loader, function, batches.labels(function.__name__).observe, False)
    return _Lazily(lambda *known: Grouped(partial(make, *known)))


def by_long_group(function: BatchFunction) -> Any:
    """Return the same of what may take the database long."""
    make = partial(_long_loader, function, batches.labels(function.__name__).observe)
    return _Lazily(lambda *known: Grouped(partial(make, *known)), is_long=True)


def _long_loader(
    function: BatchFunction,
    observe: Callable[[float], None],
    long_read: LongRead,
    account_id: UUID,
    is_alone: bool,
    *arguments: object,
) -> Loader[UUID]:
    async def load(ids: list[UUID]) -> Sequence[Any]:
        observe(len(ids))
        async with long_read() as connection:
            return await function(connection, account_id, ids, *arguments)

    return Loader(load, is_alone=is_alone)


def _loader(
    function: BatchFunction,
    observe: Callable[[float], None],
    meets_others: bool,  # these are handed on as they come
    reads: PointReads,
    account_id: UUID,
    is_alone: bool,
    *arguments: object,
) -> Loader[UUID]:
    async def send(ids: list[UUID]) -> Sequence[object]:
        async with reads.connection() as connection:
            return await function(connection, account_id, ids, *arguments)

    async def load(ids: list[UUID]) -> Sequence[Any]:
        observe(len(ids))
        if not meets_others:
            return await send(ids)
        return await reads.database.coalescer.ask((function, account_id, arguments), ids, send)

    return Loader(load, is_alone=is_alone)


_batch_of_cases = batches.labels(cases.cases_with.__name__)


def _cases_with(reads: PointReads, account_id: UUID, is_alone: bool) -> Loader[CaseKey]:  # as above
    """Return a loader of cases with all columns that any of the keys asks for, so that they are one statement."""

    async def load(keys: list[CaseKey]) -> Sequence[CaseRow | None]:
        _batch_of_cases.observe(len(keys))
        names = keys[0].names if len(keys) == 1 else frozenset[str]().union(*(key.names for key in keys))

        async def send(which: list[UUID | int]) -> Sequence[CaseRow | None]:
            async with reads.connection() as connection:
                return await cases.cases_with(connection, account_id, which, names)

        which = [key.which for key in keys]
        if not all(isinstance(one, UUID) for one in which):  # numbers are another statement
            return await send(which)
        return await reads.database.coalescer.ask((cases.cases_with, account_id, names), which, send)

    return Loader(load, is_alone=is_alone)


class Loaders:
    """All loaders of one account for one operation, so that nothing leaks between accounts, users or operations."""

    users: Loader[UUID] = by_id(people.users_by_id, has_parts=True)
    subjects: Loader[UUID] = by_id(cases.subjects_by_id, has_parts=True)
    cases_with: Loader[CaseKey] = cast(Any, _Lazily(_cases_with))
    actions: Loader[UUID] = by_id(log.actions_by_id)
    token_names: Loader[UUID] = by_id(tokens.token_names)
    comments: Loader[UUID] = by_id(log.comments_by_id, has_parts=True)
    documents_by_comment: Loader[UUID] = by_id(documents.documents_by_comment, has_parts=True)
    pending_override_by_case: Loader[UUID] = by_id(overrides.pending_overrides_by_case)
    reviewers_by_override: Loader[UUID] = by_id(people.reviewers_by_override, has_parts=True)
    reviewer_ids_by_version: Loader[UUID] = by_id(overrides.reviewer_ids_by_version)
    kinds: Loader[UUID] = by_id(nodes.kinds_by_id)
    account_actions: Loader[UUID] = by_id(administration.account_actions_by_id)
    account_changes: Loader[UUID] = by_id(administration.account_changes_by_id)
    api_tokens: Loader[UUID] = by_id(administration.tokens_by_id)
    actions_by_case: Grouped = by_group(log_parts.actions_by_case)
    documents_by_case: Grouped = by_group(documents.documents_by_case)
    overrides_by_case: Grouped = by_group(overrides.overrides_by_case)
    override_counts: Loader[UUID] = by_id(overrides.override_counts)
    overrides_until: Grouped = by_group(history.overrides_until)
    override_counts_until: Grouped = by_group(history.override_counts_until)
    recorded_steps_by_case: Loader[UUID] = by_id(checklists.recorded_steps_by_case)
    recorded_steps_until: Grouped = by_group(checklists.recorded_steps_until)
    people_by_case: Grouped = by_group(people.people_by_case)
    matches_by_case: Grouped = by_long_group(search.matches_by_case)
    signals_by_case: Grouped = by_long_group(signals.signals_by_case)
    document_counts: Grouped = by_group(documents.document_counts)
    action_counts: Grouped = by_group(log_parts.action_counts)
    webhook_lags: Loader[UUID] = by_id(webhooks.webhook_lags)
    deliveries_by_webhook: Grouped = by_group(webhooks.deliveries_by_webhook)
    delivery_counts: Loader[UUID] = by_id(webhooks.delivery_counts)
    # What is called as its module is hides that from then on.
    delegations: Loader[UUID] = by_id(delegations.delegations_by_user)
    cases: Loader[UUID] = by_id(cases.cases_by_id)
    documents: Loader[UUID] = by_id(documents.documents_by_id)
    overrides: Loader[UUID] = by_id(overrides.overrides_by_id, has_parts=True)

    def __init__(
        self,
        database: Database,
        account_id: UUID,
        reading: Reading = NOTHING_KNOWN,
        known: Mapping[str, Mapping[UUID, object]] | None = None,
        budget: Budget | None = None,
        long_read: LongRead | None = None,
    ) -> None:
        """*known*: by loader, what it need not load. *long_read* is for what may take the database long."""
        self.point_reads = PointReads(database, budget)
        self.account_id = account_id
        self.reading = reading
        self.known = known or {}
        self.budget = budget
        self.long_read = long_read or database.read
        self._parts: dict[str, Loader[UUID]] = {}

    @classmethod
    def has_parts(cls, name: str) -> bool:
        """Tell whether the loader *name* can bring some columns alone."""
        lazily = vars(cls).get(name)
        return isinstance(lazily, _Lazily) and lazily.has_parts

    def columns(self, name: str) -> frozenset[str] | None:
        """Return what will be looked at of what the loader *name* brings; None for all."""
        return self.reading.columns.get(name)

    def part(self, name: str) -> Loader[UUID]:
        """Return the loader *name* as far as the operation looks at what it brings."""
        made = self._parts.get(name)
        if made is not None:
            return made
        columns = self.columns(name)
        if columns is None:
            whole: Loader[UUID] = getattr(self, name)
            return whole
        lazily: _Lazily = vars(type(self))[name]
        part: Loader[UUID] = lazily.made(self, columns)
        self._parts[name] = part
        if name in self.__dict__:
            part.prime_as(self.__dict__[name])
        return part


def left_by(outcome: Outcome) -> dict[str, dict[UUID, object]]:
    """Return by loader what an action left behind, so that it need not be loaded."""
    known: dict[str, dict[UUID, object]] = {
        "cases": {outcome.case.id: outcome.case},
        "actions": {outcome.action.id: outcome.action},
    }
    if outcome.comment is not None:
        known["comments"] = {outcome.comment.id: outcome.comment}
        known["documents_by_comment"] = {outcome.comment.id: list(outcome.documents)}
    if outcome.override is not None:
        known["overrides"] = {outcome.override.id: outcome.override}
    if outcome.subject is not None:
        known["subjects"] = {outcome.subject.id: outcome.subject}
    return known


def supposed_by(supposed: Supposed) -> dict[str, dict[UUID, object]]:
    """Return by loader what an action would leave behind that is nowhere else to be found: a comment's documents."""
    outcome = supposed.outcome
    return {} if outcome.comment is None else {"documents_by_comment": {outcome.comment.id: list(outcome.documents)}}
