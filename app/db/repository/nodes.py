"""The type of the row that has an id."""

from collections.abc import Mapping, Sequence
from uuid import UUID

from sqlalchemy import Table, literal, select, union_all

from app.db import tables
from app.db.id_sets import among, of_account
from app.db.reader import Reader

_NODES: Mapping[str, Table] = {
    "User": tables.users,
    "Subject": tables.subjects,
    "Case": tables.cases,
    "CaseAction": tables.case_actions,
    "Comment": tables.comments,
    "Override": tables.overrides,
    "Document": tables.documents,
    "AccountAction": tables.account_actions,
    "AccountChange": tables.account_changes,
    "ApiToken": tables.api_tokens,
}

# A document that is not attached yet is only its uploader's.
_VISIBLE = {"Document": (tables.documents.c.comment_id.is_not(None),)}


async def kinds_by_id(connection: Reader, account_id: UUID, ids: Sequence[UUID]) -> list[str | None]:
    """Return of each id what it is: the name of its type in the API, or None."""
    found = union_all(
        *(
            select(table.c.id, literal(kind).label("kind")).where(
                of_account(table.c.account_id, account_id), among(table.c.id, ids), *_VISIBLE.get(kind, ())
            )
            for kind, table in _NODES.items()
        )
    )
    kinds: dict[UUID, str] = {record[0]: record[1] for record in await connection.execute(found)}
    return [kinds.get(id) for id in ids]
