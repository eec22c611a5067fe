"""The lists of what was done: a case's log, overrides and documents, and the account's whole log."""

from collections.abc import Sequence
from datetime import datetime
from typing import Annotated, NamedTuple, cast
from uuid import UUID

import strawberry
from strawberry import ID

from app.api.context import Context, Info
from app.api.dataloaders.loaders import Loaders
from app.api.enums import ActionType
from app.api.pagination import (
    After,
    Before,
    Connection,
    CursorKind,
    Edge,
    First,
    Last,
    Page,
    PageArguments,
    of_types,
)
from app.api.selection import Nodes, attributes, known_of, selected_items
from app.api.types.evidence import Document
from app.api.types.log import CaseAction
from app.api.types.overrides import Override
from app.db.repository.log import EVERY_COMMENT_COLUMN, LogPlace, account_log_count, account_log_page
from app.db.repository.log_parts import EVERY_ACTION_COLUMN, LogColumns, LogFilter
from app.db.repository.overrides import EVERY_OVERRIDE_COLUMN
from app.db.repository.window import Window
from app.db.rows import ActionRow, CaseRow, DocumentRow, OverrideRow
from app.db.snapshots import CaseSnapshotRow
from app.domain.errors import InvalidId
from app.domain.validation import in_utc, parse_id
from app.live.cursors import log_cursors, log_key

Types = Annotated[list[ActionType] | None, strawberry.argument(description="Only rows of these types; null for all.")]
Parent = CaseRow | CaseSnapshotRow
Since = Annotated[
    datetime | None, strawberry.argument(description="Only rows of this time or later, with its offset from UTC.")
]
By = Annotated[ID | None, strawberry.argument(description="Only what this person did.")]


def rows_of(types: list[ActionType] | None, since: datetime | None, user: str | None) -> LogFilter:
    """Return which rows of a log are asked for. Raises: InvalidId, InvalidInput."""
    user_id = None if user is None else parse_id(user)
    if user is not None and user_id is None:
        raise InvalidId("user")
    return LogFilter(
        None if types is None else frozenset(types), None if since is None else in_utc(since, "since"), user_id
    )


class _CaseLog(NamedTuple):
    """The log that a case or a snapshot shows: of which case, and up to which row, None for all."""

    id: UUID
    until: int | None

    @classmethod
    def of(cls, parent: Parent) -> "_CaseLog":
        if isinstance(parent, CaseSnapshotRow):
            return cls(parent.row_id, parent.until)
        return cls(parent.id, None)


async def case_actions(
    parent: strawberry.Parent[Parent],
    info: Info,
    first: First = None,
    last: Last = None,
    after: After = None,
    before: Before = None,
    types: Types = None,
    since: Since = None,
    user: By = None,
) -> Connection[CaseAction]:
    """Return a page of the case's log."""
    arguments = PageArguments(first, after, last, before)
    (page,) = await _actions_of([parent], info, arguments, rows_of(types, since, user))
    return cast(Connection[CaseAction], page)


async def actions_of_cases(
    parents: Sequence[Parent],
    info: Info,
    first: int | None = None,
    last: int | None = None,
    after: str | None = None,
    before: str | None = None,
    types: list[ActionType] | None = None,
    since: datetime | None = None,
    user: str | None = None,
) -> list[Page[ActionRow]]:
    """Return a page of the log of each case."""
    return await _actions_of(parents, info, PageArguments(first, after, last, before), rows_of(types, since, user))


async def _actions_of(
    parents: Sequence[Parent], info: Info, arguments: PageArguments, rows: LogFilter
) -> list[Page[ActionRow]]:
    loaders = info.context.loaders
    logs = list(map(_CaseLog.of, parents))
    of_each = {until: rows if until is None else rows._replace(until=until) for until in {log.until for log in logs}}
    names = {until: _name(own) for until, own in of_each.items()}
    kinds = [CursorKind("actions of {}: {}", (log.id, names[log.until])) for log in logs]
    window = arguments.windows(kinds, of_types([int]))[0]  # of all: a cursor is good for one list alone
    wanted = known_of(info, "wanted", lambda: _wanted(loaders, selected_items(info)))
    found = {}
    for until, own in of_each.items():
        ids = [log.id for log in logs if log.until == until]
        found[until] = await loaders.actions_by_case.of(window, own, wanted).collect(ids)
    are_all = rows._replace(until=None).are_all

    def page(parent: Parent, log: _CaseLog, kind: CursorKind) -> Page[ActionRow]:
        async def count() -> int:
            if are_all:
                return parent.until if isinstance(parent, CaseSnapshotRow) else parent.action_count
            counted: int = await loaders.action_counts.of(of_each[log.until]).load(log.id)
            return counted

        return Page(found[log.until][log.id], arguments, kind, _seq, count)

    return list(map(page, parents, logs, kinds))


def _seq(row: ActionRow) -> tuple[int]:
    return (row.seq,)


def action_edge(action: ActionRow) -> Edge[CaseAction]:
    """Return a row of a case's log as an edge of the whole log."""
    kind = CursorKind("actions of {}: {}", (action.case_id, _name(LogFilter())))
    return Edge(node=cast(CaseAction, action), cursor=kind.encode((action.seq,)))


def _wanted(loaders: Loaders, nodes: Nodes) -> LogColumns:
    """Return what is wanted of a log whose rows have these fields selected."""
    comments, overrides, users = map(loaders.columns, ("comments", "overrides", "users"))
    return LogColumns(
        (attributes(CaseAction, nodes) or EVERY_ACTION_COLUMN) | {"seq"},
        (comments or EVERY_COMMENT_COLUMN) if "comment" in nodes else None,
        (overrides or EVERY_OVERRIDE_COLUMN) if "override" in nodes else None,
        users if "user" in nodes and users is not None and "roles" not in users else None,
    )


def _name(rows: LogFilter) -> str:
    """Return what tells these rows from others, for their cursors."""
    types = "all" if rows.types is None else sorted(rows.types)
    return f"{types}, {rows.since}, {rows.user_id}, {rows.until}"


async def account_actions(context: Context, arguments: PageArguments, rows: LogFilter) -> Page[LogPlace]:
    """Return a page of the account's whole log."""
    account_id = context.actor.account_id
    kind = log_cursors(account_id)
    window = arguments.window(kind, log_key)

    async def read() -> list[LogPlace]:
        async with context.database.read() if rows.are_all else context.reads.long_read() as connection:
            return await account_log_page(connection, account_id, window, rows)

    async def count_rows() -> int:
        async with context.reads.long_read() as connection:
            return await account_log_count(connection, account_id, rows)

    async def count() -> int:
        return await context.reads.shared(("log", rows), count_rows)

    places = await (read() if rows.are_all else context.reads.shared(("log page", rows, window), read))

    return LogPage(places, arguments, kind, lambda place: place.key, count)


class LogPage(Page[LogPlace]):
    """A page of an account's whole log."""

    def node(self, item: LogPlace) -> ActionRow:
        return item.action


async def case_documents(
    parent: strawberry.Parent[Parent],
    info: Info,
    first: First = None,
    last: Last = None,
    after: After = None,
    before: Before = None,
) -> Connection[Document]:
    """Return a page of the case's documents."""
    (page,) = await documents_of_cases([parent], info, first, last, after, before)
    return cast(Connection[Document], page)


async def documents_of_cases(
    parents: Sequence[Parent],
    info: Info,
    first: int | None = None,
    last: int | None = None,
    after: str | None = None,
    before: str | None = None,
) -> list[Page[DocumentRow]]:
    """Return a page of the documents of each case."""
    loaders = info.context.loaders
    arguments = PageArguments(first, after, last, before)
    logs = list(map(_CaseLog.of, parents))
    kinds = [CursorKind("documents of {}: {}", (log.id, log.until)) for log in logs]
    windows = arguments.windows(kinds, of_types([UUID]))
    groups: dict[tuple[Window, int | None], list[UUID]] = {}
    for log, window in zip(logs, windows, strict=True):
        groups.setdefault((window, log.until), []).append(log.id)
    found = {}
    for group, ids in groups.items():
        found[group] = await loaders.documents_by_case.of(*group).collect(ids)

    def page(log: _CaseLog, kind: CursorKind, window: Window) -> Page[DocumentRow]:
        async def count() -> int:
            counted: int = await loaders.document_counts.of(log.until).load(log.id)
            return counted

        return Page(found[window, log.until][log.id], arguments, kind, lambda row: (str(row.id),), count)

    return [page(*item) for item in zip(logs, kinds, windows, strict=True)]


async def case_overrides(
    parent: strawberry.Parent[CaseRow],
    info: Info,
    first: First = None,
    last: Last = None,
    after: After = None,
    before: Before = None,
) -> Connection[Override]:
    """Return a page of the case's overrides."""
    (page,) = await overrides_of_cases([parent], info, first, last, after, before)
    return cast(Connection[Override], page)


async def overrides_of_cases(
    parents: Sequence[CaseRow],
    info: Info,
    first: int | None = None,
    last: int | None = None,
    after: str | None = None,
    before: str | None = None,
) -> list[Page[OverrideRow]]:
    """Return a page of the overrides of each case."""
    loaders = info.context.loaders
    arguments = PageArguments(first, after, last, before)
    kinds = [CursorKind("overrides of {}", (parent.id,)) for parent in parents]
    windows = arguments.windows(kinds, of_types([datetime, UUID]))
    groups: dict[Window, list[UUID]] = {}
    for parent, window in zip(parents, windows, strict=True):
        groups.setdefault(window, []).append(parent.id)
    found = {}
    for window, ids in groups.items():
        found[window] = await loaders.overrides_by_case.of(window).collect(ids)

    def page(parent: CaseRow, kind: CursorKind, window: Window) -> Page[OverrideRow]:
        async def count() -> int:
            counted: int = await loaders.override_counts.load(parent.id)
            return counted

        return Page(found[window][parent.id], arguments, kind, lambda row: (row.created_at, row.id), count)

    return [page(*item) for item in zip(parents, kinds, windows, strict=True)]
