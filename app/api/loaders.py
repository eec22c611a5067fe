"""The dataloaders of one operation: each relation is one statement, however many rows ask for it.

Each batch opens a short connection of its own, since GraphQL resolves siblings at the same time. Every loader names a
batch function of `app.db.repository` and nothing else.
"""

from collections.abc import Awaitable, Callable, Sequence
from typing import Any, NamedTuple
from uuid import UUID

from strawberry.dataloader import DataLoader

from app.db.engine import Database
from app.db.repository import cases, documents, log, nodes, overrides, people, search
from app.db.repository.log import Rows
from app.db.repository.window import Window
from app.db.rows import CaseRow
from app.domain.words import Term
from app.idempotency import Outcome
from app.metrics import batches

BatchFunction = Callable[..., Awaitable[Sequence[Any]]]


class CaseKey(NamedTuple):
    """The columns *names* of the case with this id or number."""

    which: UUID | int
    names: frozenset[str]


class ActionsKey(NamedTuple):
    """A part of one case's log."""

    case_id: UUID
    window: Window
    rows: Rows


class DocumentsKey(NamedTuple):
    """A part of one case's documents, as they were after some row of its log, or as they are."""

    case_id: UUID
    window: Window
    until: int | None = None


class DocumentCountKey(NamedTuple):
    """How many documents one case had after some row of its log, or has."""

    case_id: UUID
    until: int | None = None


class CandidatesKey(NamedTuple):
    """A part of the people who might be asked to review; `asking` None: everybody, else whom that person may ask."""

    case_id: UUID
    window: Window
    asking: UUID | None


class MatchKey(NamedTuple):
    """The text of one case in which a search's words are."""

    case_id: UUID
    terms: tuple[Term, ...]


class CountKey(NamedTuple):
    """How many of some rows one case's log has."""

    case_id: UUID
    rows: Rows


class Loaders:
    """All loaders of one account for one operation, so that nothing leaks between accounts, users or operations."""

    def __init__(self, database: Database, account_id: UUID) -> None:
        self._database = database
        self._account_id = account_id
        self.users = self._loader(people.users_by_id)
        self.subjects = self._loader(cases.subjects_by_id)
        self.cases = self._loader(cases.cases_by_id)
        self.cases_with = DataLoader(load_fn=self._load_cases_with)
        self.actions = self._loader(log.actions_by_id)
        self.comments = self._loader(log.comments_by_id)
        self.documents = self._loader(documents.documents_by_id)
        self.documents_by_comment = self._loader(documents.documents_by_comment)
        self.overrides = self._loader(overrides.overrides_by_id)
        self.overrides_by_case = self._loader(overrides.overrides_by_case)
        self.pending_override_by_case = self._loader(overrides.pending_overrides_by_case)
        self.reviewers_by_override = self._loader(people.reviewers_by_override)
        self.kinds = self._loader(nodes.kinds_by_id)
        self.actions_by_case = self._grouped_loader(log.actions_by_case)
        self.documents_by_case = self._grouped_loader(documents.documents_by_case)
        self.candidates_by_case = self._grouped_loader(people.candidates_by_case)
        self.matches_by_case = self._grouped_loader(search.matches_by_case)
        self.document_counts = self._grouped_loader(documents.document_counts)
        self.action_counts = self._grouped_loader(log.action_counts)

    def prime(self, outcome: Outcome) -> None:
        """Take over what an action left behind."""
        self.cases.prime(outcome.case.id, outcome.case, force=True)
        self.actions.prime(outcome.action.id, outcome.action)
        if outcome.comment is not None:
            self.comments.prime(outcome.comment.id, outcome.comment)
            self.documents_by_comment.prime(outcome.comment.id, list(outcome.documents))
        if outcome.override is not None:
            self.overrides.prime(outcome.override.id, outcome.override, force=True)
        if outcome.subject is not None:
            self.subjects.prime(outcome.subject.id, outcome.subject, force=True)

    async def _load_cases_with(self, keys: list[CaseKey]) -> Sequence[CaseRow | None]:
        """Load cases with all columns that any of *keys* asks for, so that they are one statement."""
        batches.labels(cases.cases_with.__name__).observe(len(keys))
        names = frozenset[str]().union(*(key.names for key in keys))
        async with self._database.read() as connection:
            return await cases.cases_with(connection, self._account_id, [key.which for key in keys], names)

    def _loader(self, function: BatchFunction) -> DataLoader[UUID, Any]:
        async def load(ids: list[UUID]) -> Sequence[Any]:
            batches.labels(function.__name__).observe(len(ids))
            async with self._database.read() as connection:
                return await function(connection, self._account_id, ids)

        return DataLoader(load_fn=load)

    def _grouped_loader(self, function: BatchFunction) -> DataLoader[Any, Any]:
        """Return a loader of keys `(id, *arguments)`: one statement for each set of arguments that the query has."""

        async def load(keys: list[tuple[Any, ...]]) -> Sequence[Any]:
            batches.labels(function.__name__).observe(len(keys))
            groups: dict[tuple[Any, ...], list[UUID]] = {}
            for key in keys:
                groups.setdefault(tuple(key[1:]), []).append(key[0])
            found: dict[tuple[Any, ...], Any] = {}
            async with self._database.read() as connection:
                for arguments, ids in groups.items():
                    rows = await function(connection, self._account_id, ids, *arguments)
                    found.update(((id, *arguments), row) for id, row in zip(ids, rows, strict=True))
            return [found[tuple(key)] for key in keys]

        return DataLoader(load_fn=load)
