"""Links of an identity provider's subjects to people, as an administrator makes and ends them."""

from dataclasses import asdict
from uuid import UUID

from sqlalchemy import ColumnElement, insert, update
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncConnection

from app import clock
from app.auth.provisioning import is_subject, log, log_link, make_token, note_link
from app.db import tables
from app.db.account_log import NewAccountAction, append, lock_account
from app.db.engines import Database
from app.db.repository import identities, people
from app.db.rows import IdentityRow
from app.db.user_writes import revoke_tokens
from app.domain.account_log import AdminActionType, Source
from app.domain.model import IdentityOrigin

ISSUER_MAX = 500


class LinkError(Exception):
    """A link that can't be made or ended; the message says why, for a person to read."""


async def link_subject(database: Database, user_id: UUID, issuer: str, subject: str) -> IdentityRow:
    """Link the subject to the person, also if it was linked to another one before. Raises: LinkError."""
    if not is_subject(subject) or not 0 < len(issuer) <= ISSUER_MAX or not issuer.isprintable():
        raise LinkError("an issuer is 1 to 500 and a subject 1 to 255 printable characters, as the tokens have them")
    try:
        async with database.write() as connection:
            row = await _link(connection, user_id, issuer, subject)
    except IntegrityError as error:
        raise LinkError(f"another subject of {issuer} stands for this person: unlink that one first") from error
    note_link(row)
    return row


async def _link(connection: AsyncConnection, user_id: UUID, issuer: str, subject: str) -> IdentityRow:
    account_id = await people.account_of(connection, user_id)
    if account_id is None:
        raise LinkError(f"there is no user {user_id}")
    await lock_account(connection, account_id)
    known = await identities.identity_of_subject(connection, account_id, issuer, subject)
    if known is not None and known.unlinked_at is None:
        raise LinkError(f"the subject stands for the user {known.user_id}: unlink it first")
    # Its first token brings the scopes.
    token_id = await make_token(connection, account_id, user_id, "", clock.now())
    row = IdentityRow(
        account_id=account_id,
        issuer=issuer,
        subject=subject,
        user_id=user_id,
        token_id=token_id,
        origin=IdentityOrigin.ADMINISTRATOR,
        email=None,
        created_at=clock.now(),
        unlinked_at=None,
    )
    if known is None:
        await connection.execute(insert(tables.user_identities), asdict(row))
    else:
        await connection.execute(update(tables.user_identities).where(*_key(known)).values(asdict(row)))
    await log_link(connection, row, Source.CLI)
    return row


async def unlink_subject(database: Database, user_id: UUID, issuer: str) -> IdentityRow:
    """Unlink the issuer's subject; what its tokens may do ends at once. Raises: LinkError.

    No address links it again, nor another subject of this issuer to the person: only an administrator does.
    """
    async with database.write() as connection:
        known = await identities.identities_of_user(connection, user_id)
        found = next((row for row in known if row.issuer == issuer and row.unlinked_at is None), None)
        if found is None:
            raise LinkError(f"no subject of {issuer} stands for the user {user_id}")
        now = clock.now()
        await lock_account(connection, found.account_id)
        await connection.execute(update(tables.user_identities).where(*_key(found)).values(unlinked_at=now))
        await revoke_tokens(connection, tables.api_tokens.c.id == found.token_id, now)
        new = NewAccountAction(
            AdminActionType.UNLINK_IDENTITY,
            Source.CLI,
            {"issuer": [issuer]},
            target_user_id=user_id,
            target_token_id=found.token_id,
        )
        await append(connection, found.account_id, new, now)
    log.info("identity_unlinked", user_id=str(user_id), issuer=issuer, subject=found.subject)
    return found


def _key(row: IdentityRow) -> tuple[ColumnElement[bool], ...]:
    column = tables.user_identities.c
    return column.account_id == row.account_id, column.issuer == row.issuer, column.subject == row.subject
