"""What administration shows: the account's own log, tokens, and changes that wait for a second admin."""

import json
from collections.abc import Mapping
from datetime import datetime
from typing import cast
from uuid import UUID

import strawberry
from strawberry import ID
from strawberry.utils.str_converters import to_camel_case

from app.api.context import Context, Info
from app.api.enums import AdminActionType, Approval, ChangeStatus, Role, Scope, Source
from app.api.fields import computed, described, object_type, related
from app.api.pagination import After, Before, Connection, CursorKind, First, Last, Page, PageArguments, of_types
from app.api.types.nodes import Node
from app.api.types.people import User
from app.db.admin_rows import AccountActionRow, ChangeRow
from app.db.repository import administration as reading
from app.db.rows import TokenRow
from app.domain.account_log import ADDRESS_COMMITMENT, SECRET_DIGEST
from app.domain.administration import permit_admin_reading
from app.domain.errors import InvalidId
from app.domain.validation import parse_id


@strawberry.type(description="One thing that was changed, or is to be.")
class AdminDetail:
    name: str = described("What it is, as `roles` or `fields`.")
    values: list[str] = described("Its values, each once at most; none where the log keeps none.")


def _details(found: Mapping[str, object]) -> list[AdminDetail]:
    return [AdminDetail(name=name, values=_values(value)) for name, value in sorted(found.items())]


def _values(value: object) -> list[str]:
    if isinstance(value, list):
        return [str(item) for item in value]
    return [str(value).lower() if isinstance(value, bool) else str(value)]


def roles_held(parent: strawberry.Parent[AccountActionRow]) -> list[Role]:
    """Return the roles of who did it."""
    return [role for role in Role if role.value in parent.roles.split()]


def details_logged(parent: strawberry.Parent[AccountActionRow]) -> list[AdminDetail]:
    """Return what a row of the log says."""
    return _details(json.loads(parent.details))


def details_requested(parent: strawberry.Parent[ChangeRow]) -> list[AdminDetail]:
    """Return what a change asks for, while it waits."""
    wanted = {} if parent.payload is None else json.loads(parent.payload)
    return _details({to_camel_case(name): value for name, value in wanted.items()})


def scopes_given(parent: strawberry.Parent[TokenRow]) -> list[Scope]:
    """Return what a token may do."""
    return [scope for scope in Scope if scope.value in parent.scopes.split()]


@object_type(TokenRow, "A token, without its secret.")
class ApiToken(Node):
    name: str = described("What it is for; may be empty.")
    user: User | None = related("users", "user_id", "Whose it is.")
    scopes: list[Scope] = computed(scopes_given, "What it may do; each scope once at most.", ("scopes",), loads=())
    prefix: str = described("How it begins; `jwt` for the row that stands for an identity provider's tokens.")
    created_at: datetime = described("When it was made.")
    expires_at: datetime | None = described("When it ends; null for never.")
    revoked_at: datetime | None = described("Since when it is revoked; null where it is not.")
    last_used_at: datetime | None = described("When it was used last, to about a minute; null for never.")


@object_type(ChangeRow, "A change that needs a second admin.")
class AccountChange(Node):
    type: AdminActionType = described("What is asked for.")
    status: ChangeStatus = described("Where it stands.")
    requested_by: User | None = related("users", "requested_by_id", "Who asked for it.")
    target_user: User | None = related(
        "users", "target_user_id", "Whom it is about; null for nobody yet, or the account."
    )
    details: list[AdminDetail] = computed(
        details_requested, "What is asked for, each name once; empty once it is decided.", ("payload",), loads=()
    )
    created_at: datetime = described("When it was asked for.")
    decided_by: User | None = related("users", "decided_by_id", "Who decided; null where nobody has.")
    decided_at: datetime | None = described("When it was decided, or went out of date.")


@object_type(AccountActionRow, "One permanent row of the account's own log.")
class AccountAction(Node):
    seq: int = described("Its place in the account's log: 1, 2, 3, without a gap.")
    type: AdminActionType = described("What was done.")
    source: Source = described("Which way it came.")
    approval: Approval = described("Whether a second admin had a say.")
    user: User | None = related("users", "user_id", "Who did it; null where nobody of the account did.")
    token_id: ID | None = described("The token that they used; null for none.")
    roles: list[Role] = computed(roles_held, "The roles that they held then, each once at most.", ("roles",), loads=())
    target_user: User | None = related("users", "target_user_id", "Whom it is about; null for nobody.")
    target_token_id: ID | None = described("The token that it is about; null for none.")
    change_id: ID | None = described("The change that it asks for or decides; null for none.")
    details: list[AdminDetail] = computed(
        details_logged,
        "What was changed, each name once. It has no names, addresses or secrets.",
        ("details",),
        loads=(),
    )
    created_at: datetime = described("When.")
    request_id: str = described("The request that did it, as the answer's header named it; - for none.")
    hash: str = described("SHA-256 over the row's canonical encoding and prevHash, 64 hexadecimal digits.")
    prev_hash: str = described("The hash of the row before; 64 zeros in the first row.")


@strawberry.type(description="What a dry run would have done. Nothing of it is there, so that nothing of it has an id.")
class SupposedAdministration:
    type: AdminActionType = described("What would be done.")
    approval: Approval = described("Whether a second admin would have a say; PENDING where it would wait for one.")
    details: list[AdminDetail] = described("What would be changed, each name once.")


OF_WHAT_IS = frozenset({ADDRESS_COMMITMENT, SECRET_DIGEST})
"""Details of what a dry run has undone, which nothing that is will ever have."""


def supposed_administration(row: AccountActionRow) -> SupposedAdministration:
    """Return what a dry run shows of the row that it has undone."""
    details = {name: value for name, value in json.loads(row.details).items() if name not in OF_WHAT_IS}
    return SupposedAdministration(type=row.type, approval=row.approval, details=_details(details))


# --- Lists -----------------------------------------------------------------------------------------------------------


async def admin_log(context: Context, arguments: PageArguments) -> Page[AccountActionRow]:
    """Return a page of the account's own log."""
    account_id = context.actor.account_id
    kind = CursorKind(f"administration of {account_id}")
    window = arguments.window(kind, of_types([int]))
    async with context.database.read() as connection:
        rows = await reading.admin_log_page(connection, account_id, window)

    async def count() -> int:
        async with context.database.read() as connection:
            return await reading.admin_log_count(connection, account_id)

    return Page(rows, arguments, kind, lambda row: (row.seq,), count)


async def pending_changes(context: Context, arguments: PageArguments) -> Page[ChangeRow]:
    """Return a page of the changes that wait."""
    account_id = context.actor.account_id
    kind = CursorKind(f"changes of {account_id}")
    window = arguments.window(kind, of_types([datetime, UUID]))
    async with context.database.read() as connection:
        rows = await reading.pending_changes_page(connection, account_id, window)

    async def count() -> int:
        async with context.database.read() as connection:
            return await reading.pending_changes_count(connection, account_id)

    return Page(rows, arguments, kind, lambda row: (row.created_at, row.id), count)


async def tokens(context: Context, arguments: PageArguments, user: str | None, *, own: bool = False) -> Page[TokenRow]:
    """Return a page of the account's tokens, of one user's, or of the viewer's own."""
    if own:
        permit_admin_reading(context.actor, own=True)
    account_id = context.actor.account_id
    user_id = context.actor.user_id if own else None if user is None else parse_id(user)
    if user is not None and user_id is None:
        raise InvalidId("user")
    kind = CursorKind(f"tokens of {account_id}: {user_id}")
    window = arguments.window(kind, of_types([datetime, UUID]))
    async with context.database.read() as connection:
        rows = await reading.tokens_page(connection, account_id, user_id, window)

    async def count() -> int:
        async with context.database.read() as connection:
            return await reading.tokens_count(connection, account_id, user_id)

    return Page(rows, arguments, kind, lambda row: (row.created_at, row.id), count)


async def viewer_tokens(
    info: Info, first: First = None, last: Last = None, after: After = None, before: Before = None
) -> Connection[ApiToken] | None:
    """Return a page of the viewer's own tokens."""
    page = await tokens(info.context, PageArguments(first, after, last, before), None, own=True)
    return cast(Connection[ApiToken], page)
