"""Provisioning: finds, links or creates the person that a subject of the identity provider stands for.

A subject is linked only by a verified address, and once: after that the address decides nothing. No person is activated
again, and nothing about cases is touched.
"""

import secrets
from dataclasses import asdict, dataclass
from datetime import datetime
from uuid import NAMESPACE_URL, UUID, uuid5

import structlog
from sqlalchemy import insert, update
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncConnection

from app import clock
from app.db import tables
from app.db.account_log import NewAccountAction, append, lock_account, with_stale
from app.db.engines import Database
from app.db.repository import identities, tokens
from app.db.repository.identities import FoundIdentity
from app.db.repository.tokens import FoundToken
from app.db.retry import attempt
from app.db.rows import IdentityRow, TokenRow, UserRow
from app.db.user_writes import OF_STANDING, insert_user, mark_stale, set_roles
from app.domain.account_log import GUARDED_ROLES, AdminActionType, Approval, Details, Source
from app.domain.addresses import Address
from app.domain.model import IdentityOrigin, Role, Scope

PREFIX = "jwt"
NOTHING_MORE: Details = {}
TRIES = 3
SUBJECT_MAX = 255
"""Characters of a subject (OpenID Connect Core 1.0, section 2)."""

log = structlog.get_logger()


def is_subject(subject: str) -> bool:
    """Tell whether it can be stored and shown as it is: subjects are compared to the letter."""
    return bool(subject.strip()) and len(subject) <= SUBJECT_MAX and subject.isprintable()


@dataclass(frozen=True, slots=True)
class Claimed:
    """What a token of the provider says; `roles` is None where it has no say in them.

    `address`: one that is verified; None for any other.
    """

    account_id: UUID
    issuer: str
    subject: str
    address: Address | None
    name: str
    roles: frozenset[Role] | None
    scopes: tuple[Scope, ...]
    issued_at: datetime
    expires_at: datetime

    @property
    def scope_words(self) -> str:
        """The scopes as a token's row has them."""
        return " ".join(self.scopes)


class NotLinked(Exception):
    """The subject is linked to no person; the message says why, for the log."""


async def write_person(database: Database, claimed: Claimed, *, create: bool) -> FoundToken:
    """Link the subject where it is not, and write down what its token says of the person; return them.

    Raises: NotLinked, and then nothing is written.
    """
    for _ in range(TRIES - 1):
        try:
            return await _written(database, claimed, create=create)
        except IntegrityError:  # a twin of this request was faster: what it has made is there now
            continue
    return await _written(database, claimed, create=create)


async def _written(database: Database, claimed: Claimed, *, create: bool) -> FoundToken:
    found, linked = await attempt(database, lambda connection: _write(connection, claimed, create=create))
    if linked is not None:
        note_link(linked)
    return found


def note_link(row: IdentityRow) -> None:
    """Have it in the log that a subject stands for a person from now on."""
    log.info(
        "identity_linked",
        account_id=str(row.account_id),
        user_id=str(row.user_id),
        issuer=row.issuer,
        subject=row.subject,
        origin=row.origin,
    )


async def _write(
    connection: AsyncConnection, claimed: Claimed, *, create: bool
) -> tuple[FoundToken, IdentityRow | None]:
    linked = None
    await lock_account(connection, claimed.account_id)
    known = await _identity(connection, claimed)
    if known is None:
        linked = await _link(connection, claimed, create=create)
        known = await _identity(connection, claimed)
    if known is None or not known.is_linked:
        raise NotLinked("the subject was unlinked")
    await tokens.lock_token(connection, known.found.token.id)
    known = await _identity(connection, claimed)  # another of the subject's tokens may have been written meanwhile
    assert known is not None
    found = known.found
    if found.token.scopes != claimed.scope_words:
        await _set_scopes(connection, claimed, found.token.id)
    if claimed.roles is not None and found.token.created_at <= claimed.issued_at:
        await _set_roles(connection, claimed, found)
    known = await _identity(connection, claimed)
    assert known is not None
    return known.found, linked


async def _identity(connection: AsyncConnection, claimed: Claimed) -> FoundIdentity | None:
    return await identities.identity_of(connection, claimed.account_id, claimed.issuer, claimed.subject)


async def _link(connection: AsyncConnection, claimed: Claimed, *, create: bool) -> IdentityRow:
    """Link the subject to the person with its verified address, or to a new one. Raises: NotLinked."""
    if claimed.address is None:
        raise NotLinked("an unknown subject without a verified address")
    holders = await identities.lock_holders(connection, claimed.account_id, claimed.address.key)
    if not holders:
        if not create or not await identities.has_account(connection, claimed.account_id):
            raise NotLinked("an unknown subject and address")
        written = claimed.address.written
        user_id, details = await _make_person(connection, claimed, written)
        return await _insert(connection, claimed, user_id, IdentityOrigin.CREATED, written, details)
    if len(holders) > 1:
        raise NotLinked("several people have the address")
    (holder,) = holders
    if not holder.active:
        raise NotLinked("the address is that of somebody who was deactivated")
    if await identities.was_linked(connection, holder.id, claimed.issuer):
        raise NotLinked("the address is that of another subject, or of one that was unlinked")
    return await _insert(connection, claimed, holder.id, IdentityOrigin.ADDRESS, holder.email)


async def _insert(
    connection: AsyncConnection,
    claimed: Claimed,
    user_id: UUID,
    origin: IdentityOrigin,
    email: str,
    details: Details = NOTHING_MORE,
) -> IdentityRow:
    """Write down that the subject stands for the person, with a row for its tokens."""
    row = IdentityRow(
        account_id=claimed.account_id,
        issuer=claimed.issuer,
        subject=claimed.subject,
        user_id=user_id,
        token_id=await _token_id(connection, claimed, user_id, email),
        origin=origin,
        email=email,
        created_at=clock.now(),
        unlinked_at=None,
    )
    await connection.execute(insert(tables.user_identities), asdict(row))
    await log_link(connection, row, Source.IDENTITY_PROVIDER, details)
    return row


async def log_link(
    connection: AsyncConnection, row: IdentityRow, source: Source, details: Details = NOTHING_MORE
) -> None:
    """Have it in the account's log that a subject stands for a person; the row of its tokens names the subject."""
    new = NewAccountAction(
        AdminActionType.LINK_IDENTITY,
        source,
        {"issuer": [row.issuer], "origin": [row.origin], **details},
        Approval.BYPASSED if source is Source.CLI else Approval.NOT_NEEDED,
        target_user_id=row.user_id,
        target_token_id=row.token_id,
    )
    await append(connection, row.account_id, new, row.created_at)


async def _token_id(connection: AsyncConnection, claimed: Claimed, user_id: UUID, email: str) -> UUID:
    """Return the row that stands for all tokens of the subject: it can be listed and revoked as others.

    Before there were identities, its id was made of the address. Such a row goes on, so that what was revoked stays so.
    """
    before = uuid5(NAMESPACE_URL, f"{claimed.issuer} {claimed.account_id} {email}")
    known = await tokens.token_by_id(connection, before)
    if known is not None and known.user.id == user_id:
        return before
    return await make_token(connection, claimed.account_id, user_id, claimed.scope_words, claimed.issued_at)


async def make_token(
    connection: AsyncConnection, account_id: UUID, user_id: UUID, scopes: str, issued_at: datetime
) -> UUID:
    """Make the row for the tokens of a subject, with a hash that no secret has. Return its id."""
    row = TokenRow(
        id=clock.new_id(),
        account_id=account_id,
        user_id=user_id,
        name="identity provider",
        scopes=scopes,
        prefix=PREFIX,
        secret_hash=secrets.token_hex(32),
        created_at=issued_at,
        expires_at=None,
        revoked_at=None,
        last_used_at=None,
    )
    await connection.execute(insert(tables.api_tokens), asdict(row))
    return row.id


async def _make_person(connection: AsyncConnection, claimed: Claimed, address: str) -> tuple[UUID, Details]:
    """Insert a person; return their id, and what the row of the log says of the address."""
    row = UserRow(clock.new_id(), address, claimed.name or address, True, None, clock.now())
    return row.id, await insert_user(connection, claimed.account_id, row)


async def _set_scopes(connection: AsyncConnection, claimed: Claimed, token_id: UUID) -> None:
    table = tables.api_tokens
    await connection.execute(update(table).where(table.c.id == token_id).values(scopes=claimed.scope_words))


async def _set_roles(connection: AsyncConnection, claimed: Claimed, found: FoundToken) -> None:
    """Make the person's roles those of the newest token; when that was issued stands in the token's row."""
    assert claimed.roles is not None
    held = frozenset(found.user.roles)
    if held != claimed.roles:
        now = clock.now()
        await set_roles(connection, found.user.id, held, claimed.roles, now)
        await _log_roles(connection, claimed, found.user.id, held, now)
    table = tables.api_tokens
    await connection.execute(update(table).where(table.c.id == found.token.id).values(created_at=claimed.issued_at))


async def _log_roles(
    connection: AsyncConnection, claimed: Claimed, user_id: UUID, held: frozenset[Role], now: datetime
) -> None:
    """Have it in the account's log that the provider changed a person's roles, which asks no admin."""
    assert claimed.roles is not None
    added, removed = claimed.roles - held, held - claimed.roles
    requester = user_id if Role.ADMIN in removed else None
    stale = await mark_stale(connection, claimed.account_id, now, OF_STANDING, user_id, requester)
    new = NewAccountAction(
        AdminActionType.CHANGE_ROLES,
        Source.IDENTITY_PROVIDER,
        {"added": sorted(added), "removed": sorted(removed)} | with_stale(stale),
        Approval.BYPASSED if added & GUARDED_ROLES else Approval.NOT_NEEDED,
        target_user_id=user_id,
    )
    await append(connection, claimed.account_id, new, now)
