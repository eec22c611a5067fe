"""The dataloaders of one operation: each relation is one statement, however many rows ask for it.

Each batch opens a short connection of its own, since GraphQL resolves siblings at the same time. Every loader names a
batch function of `app.db.repository` and nothing else.
"""

import asyncio
from collections.abc import Awaitable, Callable, Hashable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Any, Generic, NamedTuple, TypeVar, cast
from uuid import UUID

from app.db.engine import Database, in_time
from app.db.repository import cases, documents, log, log_parts, nodes, overrides, people, search
from app.db.rows import CaseRow
from app.idempotency import Outcome
from app.metrics import batches

BatchFunction = Callable[..., Awaitable[Sequence[Any]]]
K = TypeVar("K", bound=Hashable)


@dataclass(frozen=True, slots=True)
class Reading:
    """What is known beforehand of what an operation loads.

    `columns`: by loader, the only attributes of its rows that will be looked at; of others, all. `alone`: the loaders
    that are asked from one place, so that nobody else could share a batch.
    """

    columns: Mapping[str, frozenset[str]] = field(default_factory=dict)
    alone: frozenset[str] = frozenset()


NOTHING_KNOWN = Reading()


class Loader(Generic[K]):
    """A dataloader: whoever asks in the same turn of the event loop, for a key or for many, shares one batch.

    Strawberry's own makes a future for each key, which is most of what a page of a thousand things would cost.
    """

    def __init__(self, load_fn: Callable[[list[K]], Awaitable[Sequence[Any]]], *, is_alone: bool = False) -> None:
        """*is_alone*: whoever collects need not wait for others to ask."""
        self._load_fn = load_fn
        self._is_alone = is_alone
        self._found: dict[K | None, Any] = {}
        self._futures: dict[K, asyncio.Future[Any]] = {}
        self._batches: dict[K, asyncio.Task[Exception | None]] = {}
        self._asked: dict[K, None] = {}
        self._next: asyncio.Task[Exception | None] | None = None

    def prime(self, key: K, value: Any) -> None:
        """Take over what is known already."""
        self._found.setdefault(key, value)

    def prime_many(self, data: Mapping[K, Any]) -> None:
        for key, value in data.items():
            self._found.setdefault(key, value)

    def prime_as(self, other: "Loader[K]") -> None:
        """Take over what *other* knows."""
        self._found.update(other._found)  # noqa: SLF001  # it is one of us

    def known(self, keys: Sequence[K | None]) -> list[Any] | None:
        """Return what *keys* stand for, None for no key; None in place of all, where one has to be loaded."""
        found = self._found
        if not all(key is None or key in found for key in keys):
            return None
        return [None if key is None else found[key] for key in keys]

    def load(self, key: K) -> Awaitable[Any]:
        """Return a future of what *key* stands for."""
        future = self._futures.get(key)
        if future is None:
            future = self._futures[key] = asyncio.get_running_loop().create_future()
            if key in self._found:
                future.set_result(self._found[key])
            else:
                self._batch(key)
        return asyncio.shield(future)  # graphql-core cancels what an error makes useless; others may wait for it too

    async def collect(self, keys: Iterable[K | None]) -> Mapping[K | None, Any]:
        """Return what is known, *keys* among it; None is no key. Raises: what the batch function raises."""
        found = self._found
        missing = [key for key in dict.fromkeys(keys) if key is not None and key not in found]
        if missing and self._is_alone:
            found.update(zip(missing, await self._load_fn(missing), strict=True))
            return found
        if missing and not self._batches:  # the usual case: nobody else waits for any
            self._next = asyncio.create_task(self._load())
            self._asked = dict.fromkeys(missing)
            self._batches = dict.fromkeys(missing, self._next)
            batches = {self._next}
        else:
            batches = {self._batch(key) for key in missing}
        for batch in batches:
            fault = await asyncio.shield(batch)  # others may wait for it
            if fault is not None:
                raise fault
        return found

    async def values(self, keys: Sequence[K | None]) -> list[Any]:
        """Return what each of *keys* stands for, None for no key. Raises: as `collect`."""
        found = await self.collect(keys)
        return [None if key is None else found[key] for key in keys]

    async def lists(self, keys: Sequence[K]) -> list[Any]:
        """Do as `values` for keys that are all there, and hardly twice."""
        if self._is_alone and not self._found:
            return list(await self._load_fn(list(keys)))
        return await self.values(keys)

    def _batch(self, key: K) -> asyncio.Task[Exception | None]:
        """Return the batch that brings *key*, or put it into the next one."""
        if key not in self._batches:
            if self._next is None:
                self._next = asyncio.create_task(self._load())
            self._asked[key] = None
            self._batches[key] = self._next
        return self._batches[key]

    async def _load(self) -> Exception | None:
        """Load what was asked for, and return what went wrong, which whoever asked is told."""
        await asyncio.sleep(0)  # until all who can ask now have asked
        keys = list(self._asked)
        self._asked, self._next = {}, None
        fault = None
        try:
            async with in_time():
                self._found.update(zip(keys, await self._load_fn(keys), strict=True))
        except Exception as raised:
            fault = raised
        if len(self._batches) == len(keys):
            self._batches = {}
        else:
            for key in keys:
                del self._batches[key]
        for key in keys if self._futures else ():
            future = self._futures.get(key)
            if future is None or future.done():
                continue
            if fault is None:
                future.set_result(self._found[key])
            else:
                future.set_exception(fault)
        return fault


class CaseKey(NamedTuple):
    """The columns *names* of the case with this id or number."""

    which: UUID | int
    names: frozenset[str]


class Grouped:
    """Loaders by id of what one batch function brings, one for each set of further arguments: each is one statement."""

    def __init__(self, make: Callable[..., Loader[UUID]]) -> None:
        self._make = make
        self._known: dict[tuple[Any, ...], Loader[UUID]] = {}

    def of(self, *arguments: Hashable) -> Loader[UUID]:
        """Return the loader for these arguments, as the function takes them behind the ids."""
        loader = self._known.get(arguments)
        if loader is None:
            loader = self._known[arguments] = self._make(*arguments)
        return loader


class _Lazily:
    """A loader of `Loaders` that is made when it is first asked for: an operation needs few of them.

    `has_parts`: its function takes the columns to read. It does not know the others: what goes round in circles stays
    until the collector comes.
    """

    def __init__(self, make: Callable[..., Any], *, has_parts: bool = False) -> None:
        self._make = make
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
        made = self._make(loaders.database, loaders.account_id, self._name in loaders.reading.alone, *columns)
        if self._name in loaders.known:
            made.prime_many(loaders.known[self._name])
        return made


def by_id(function: BatchFunction, *, has_parts: bool = False) -> Any:
    """Return a loader of what *function* brings by ids."""
    return _Lazily(partial(_loader, function, batches.labels(function.__name__).observe), has_parts=has_parts)


def by_group(function: BatchFunction) -> Any:
    """Return the loaders of what *function* brings by ids and further arguments."""
    make = partial(_loader, function, batches.labels(function.__name__).observe)
    return _Lazily(lambda *known: Grouped(partial(make, *known)))


def _loader(
    function: BatchFunction,
    observe: Callable[[float], None],
    database: Database,
    account_id: UUID,
    is_alone: bool,  # the lazy ones hand it on as it comes
    *arguments: Any,
) -> Loader[UUID]:
    async def load(ids: list[UUID]) -> Sequence[Any]:
        observe(len(ids))
        async with database.read() as connection:
            return await function(connection, account_id, ids, *arguments)

    return Loader(load, is_alone=is_alone)


def _cases_with(database: Database, account_id: UUID, is_alone: bool) -> Loader[CaseKey]:  # as above
    """Return a loader of cases with all columns that any of the keys asks for, so that they are one statement."""
    observe = batches.labels(cases.cases_with.__name__).observe

    async def load(keys: list[CaseKey]) -> Sequence[CaseRow | None]:
        observe(len(keys))
        names = keys[0].names if len(keys) == 1 else frozenset[str]().union(*(key.names for key in keys))
        async with database.read() as connection:
            return await cases.cases_with(connection, account_id, [key.which for key in keys], names)

    return Loader(load, is_alone=is_alone)


class Loaders:
    """All loaders of one account for one operation, so that nothing leaks between accounts, users or operations."""

    users: Loader[UUID] = by_id(people.users_by_id, has_parts=True)
    subjects: Loader[UUID] = by_id(cases.subjects_by_id, has_parts=True)
    cases_with: Loader[CaseKey] = cast(Any, _Lazily(_cases_with))
    actions: Loader[UUID] = by_id(log.actions_by_id)
    comments: Loader[UUID] = by_id(log.comments_by_id, has_parts=True)
    documents_by_comment: Loader[UUID] = by_id(documents.documents_by_comment, has_parts=True)
    overrides_by_case: Loader[UUID] = by_id(overrides.overrides_by_case)
    pending_override_by_case: Loader[UUID] = by_id(overrides.pending_overrides_by_case)
    reviewers_by_override: Loader[UUID] = by_id(people.reviewers_by_override, has_parts=True)
    kinds: Loader[UUID] = by_id(nodes.kinds_by_id)
    actions_by_case: Grouped = by_group(log_parts.actions_by_case)
    documents_by_case: Grouped = by_group(documents.documents_by_case)
    candidates_by_case: Grouped = by_group(people.candidates_by_case)
    matches_by_case: Grouped = by_group(search.matches_by_case)
    document_counts: Grouped = by_group(documents.document_counts)
    action_counts: Grouped = by_group(log_parts.action_counts)
    # What is called as its module is hides that from then on.
    cases: Loader[UUID] = by_id(cases.cases_by_id)
    documents: Loader[UUID] = by_id(documents.documents_by_id)
    overrides: Loader[UUID] = by_id(overrides.overrides_by_id, has_parts=True)

    def __init__(
        self,
        database: Database,
        account_id: UUID,
        reading: Reading = NOTHING_KNOWN,
        known: Mapping[str, Mapping[UUID, Any]] | None = None,
    ) -> None:
        """*known*: by loader, what it need not load."""
        self.database = database
        self.account_id = account_id
        self.reading = reading
        self.known = known or {}
        self._parts: dict[str, Loader[UUID]] = {}

    @classmethod
    def has_parts(cls, name: str) -> bool:
        """Tell whether the loader *name* can bring some columns alone."""
        lazily = vars(cls).get(name)
        return isinstance(lazily, _Lazily) and lazily.has_parts

    def columns(self, name: str) -> frozenset[str] | None:
        """Return what will be looked at of what the loader *name* brings; None for all."""
        return self.reading.columns.get(name) if self.has_parts(name) else None

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


def left_by(outcome: Outcome) -> dict[str, dict[UUID, Any]]:
    """Return by loader what an action left behind, so that it need not be loaded."""
    known: dict[str, dict[UUID, Any]] = {
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
