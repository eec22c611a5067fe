"""The lists that belong to one case: its log and its documents."""

from typing import Annotated, cast
from uuid import UUID

import strawberry

from app.api.context import Info
from app.api.enums import ActionType
from app.api.loaders import ActionsKey, CountKey, DocumentsKey
from app.api.pagination import After, Before, Connection, CursorKind, First, Last, Page, PageArguments
from app.api.types.evidence import Document
from app.api.types.log import CaseAction
from app.db.rows import CaseRow


async def case_actions(
    parent: strawberry.Parent[CaseRow],
    info: Info,
    first: First = None,
    last: Last = None,
    after: After = None,
    before: Before = None,
    types: Annotated[
        list[ActionType] | None, strawberry.argument(description="Only rows of these types; null for all.")
    ] = None,
) -> Connection[CaseAction]:
    """Return a page of the case's log."""
    wanted = None if types is None else frozenset(types)
    kind = CursorKind(f"actions of {parent.id}: {sorted(wanted) if wanted is not None else 'all'}")
    arguments = PageArguments(first, after, last, before)
    loaders = info.context.loaders
    rows = await loaders.actions_by_case.load(ActionsKey(parent.id, arguments.window(kind), wanted))

    async def count() -> int:
        if wanted is None:
            return parent.action_count
        counted: int = await loaders.action_counts.load(CountKey(parent.id, wanted))
        return counted

    return cast(Connection[CaseAction], Page(rows, arguments, kind, lambda row: (row.seq,), count))


async def case_documents(
    parent: strawberry.Parent[CaseRow],
    info: Info,
    first: First = None,
    last: Last = None,
    after: After = None,
    before: Before = None,
) -> Connection[Document]:
    """Return a page of the case's documents."""
    kind = CursorKind(f"documents of {parent.id}")
    arguments = PageArguments(first, after, last, before)
    loaders = info.context.loaders
    window = arguments.window(kind, lambda key: (UUID(key[0]),))
    rows = await loaders.documents_by_case.load(DocumentsKey(parent.id, window))

    async def count() -> int:
        counted: int = await loaders.document_counts.load(parent.id)
        return counted

    return cast(Connection[Document], Page(rows, arguments, kind, lambda row: (str(row.id),), count))
