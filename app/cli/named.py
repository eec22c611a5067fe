"""Options that the log's commands share: a case by its id or reference, the anchors, and the key to trust."""

import re
from typing import Annotated
from uuid import UUID

import typer

from app.admin import accounts
from app.audit.anchors.checkpoint import AnchorError, public_key
from app.audit.anchors.keys import read_key
from app.audit.anchors.places import AnchorStore
from app.cli.terminal import fail
from app.config.anchoring import anchors as anchors_set
from app.config.settings import Settings
from app.db.engines import Database
from app.db.repository import administration, cases
from app.domain.validation import parse_id, parse_reference

AccountOption = Annotated[UUID | None, typer.Option(help="Only this account's.")]
Anchors = Annotated[
    str | None, typer.Option(help="Anchors to hold it against: a file, or s3://bucket/prefix. Default: the settings'.")
]
PublicKeyOption = Annotated[
    str | None, typer.Option(help="The public key that anchors must be signed with. Default: our own.")
]


async def find_case(database: Database, name: str, account_id: UUID | None) -> tuple[UUID | None, UUID]:
    """Return account and id of the case; of an id that the database does not know, the account as it was given.

    Raises: AdminError, where it is no name of a case, or that of none or of several.
    """
    which = parse_id(name) or parse_reference(name)
    if which is None:
        raise accounts.AdminError(f"{name} is neither a case's id nor a reference, as in CASE-000123")
    async with database.read() as connection:
        found = await cases.cases_named(connection, which, account_id)
    if len(found) > 1:
        raise accounts.AdminError(f"several accounts have a {name}: say which, with --account")
    if found:
        return found[0]
    if isinstance(which, UUID):
        return account_id, which
    raise no_case(name)


async def demand_account(database: Database, account_id: UUID) -> None:
    """Refuse an account that there is not, or whose own log has no row. Raises: AdminError."""
    async with database.read() as connection:
        heads = await administration.account_heads(connection, account_id)
    if not heads:
        raise accounts.AdminError(f"there is no account {account_id}")
    if not heads[0].count:
        raise accounts.AdminError(f"the own log of account {account_id} has no row yet")


def no_case(name: str) -> accounts.AdminError:
    return accounts.AdminError(f"there is no case {name}")


async def anchors_of(settings: Settings, named: str | None, key: str | None) -> tuple[AnchorStore, str] | None:
    """Return the anchors and the key that they must be signed with; None where none are named or there yet."""
    if key is not None and not re.fullmatch("[0-9a-f]{64}", key):
        fail("a public key is 64 hexadecimal digits, as `casegate log key` prints", 2)
    place = anchors_set(settings, named)
    try:
        if await place.last() is None:
            named = named or settings.anchors_url
            if not named:
                return None
            raise AnchorError(f"there are no anchors in {named}")
        return place, key or public_key(read_key(settings.anchors_key))
    except AnchorError as error:
        fail(f"{error}\n  (--anchors and --key say which anchors to trust)", 2)
