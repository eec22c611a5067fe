"""People by SCIM: what a request wants of somebody, and the commands that lead there.

It is compared with what is there, and with what waits already, so that the same request again does nothing more.
"""

from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace
from uuid import UUID

from app.admin.provisioning import Push
from app.db.repository import administration, directory
from app.db.repository.directory import DirectoryUser
from app.domain.addresses import ADDRESS_MAX, Address, parse_address
from app.domain.admin_commands import (
    AdminCommand,
    CancelChange,
    ChangeRoles,
    DeactivateUser,
    InviteUser,
    ReactivateUser,
    UpdateUser,
    command_of,
)
from app.domain.directory import DirectoryEntry, user_name_key
from app.domain.errors import NotFound, Required, TooLong
from app.domain.model import Resource, Role
from app.domain.text import Kind, is_empty
from app.domain.validation import TITLE_MAX, read_text
from app.scim.documents import Document
from app.scim.problems import ScimRefused, ScimType, refused
from app.scim.resources import composed_name

EXTERNAL_ID_MAX = 255


@dataclass(frozen=True, slots=True)
class WantedUser:
    """What a request wants of a person.

    `says_address`, `says_active`: it speaks of it. Where it does not, what waits for an admin goes on waiting.
    """

    email: Address
    display_name: str
    entry: DirectoryEntry
    active: bool
    says_address: bool = True
    says_active: bool = True


def document_of(user: DirectoryUser) -> Document:
    """Return a person as the attributes that a request may change."""
    entry = user.entry
    name = {"givenName": entry.given_name, "familyName": entry.family_name}
    return {
        "userName": user.user_name,
        "externalId": entry.external_id,
        "displayName": user.display_name,
        "name": {key: value for key, value in name.items() if value is not None},
        "emails": [{"value": user.email, "type": "work", "primary": True}],
        "active": user.active,
    }


# --- What is wanted --------------------------------------------------------------------------------------------------


def wanted_new(document: Document) -> WantedUser:
    """Return what a request wants of somebody new. Raises: ScimRefused, Refusal."""
    user_name = _user_name(document)
    address = _given_address(document) or parse_address(user_name)
    if address is None:
        raise refused(ScimType.INVALID_VALUE, "scim_address", "emails")
    entry = _entry(document, user_name, address)
    name = document.get("displayName") or _whole_name(document) or user_name
    return WantedUser(address, _line(name, "displayName"), entry, document.get("active", True))


def wanted_of(user: DirectoryUser, document: Document, said: Collection[str], *, is_patch: bool) -> WantedUser:
    """Return what a request wants of somebody who is there; what it says nothing of stays.

    *document* is all that is wanted; of a patch, what was there with its changes. *said*: the attributes that the
    request speaks of.

    Raises: ScimRefused, Refusal.
    """
    before = document_of(user)
    user_name = _user_name(document)
    has_address = document["emails"] != before["emails"] if is_patch else "emails" in document
    address = _given_address(document) if has_address else None
    if address is None:
        follows = user.entry.user_name is None and user_name_key(user_name) != user_name_key(user.user_name)
        address = (parse_address(user_name) if follows else None) or _address_of(user)
    name = _display_name(user, before, document, is_patch=is_patch)
    return WantedUser(
        address,
        _line(name, "displayName"),
        _entry(document, user_name, address),
        document.get("active", user.active),
        says_address="emails" in said or ("userName" in said and user.entry.user_name is None),
        says_active="active" in said,
    )


def _address_of(user: DirectoryUser) -> Address:
    return parse_address(user.email) or Address(user.email, user.email)


def _user_name(document: Document) -> str:
    if is_empty(document.get("userName") or ""):
        raise ScimRefused(ScimType.INVALID_VALUE, Required("userName"))
    user_name = read_text(document["userName"], Kind.IDENTIFIER, "userName", maximum=ADDRESS_MAX)
    if len(user_name_key(user_name)) > ADDRESS_MAX:
        raise TooLong("userName", max=ADDRESS_MAX)
    return user_name


def _given_address(document: Document) -> Address | None:
    """Return the address that is given: the primary one, else that at work, else the first."""
    emails = [email for email in document.get("emails", ()) if email.get("value")]
    if not emails:
        return None
    at_work = [email for email in emails if str(email.get("type", "")).lower() == "work"]
    chosen = next((email for email in emails if email.get("primary")), (at_work or emails)[0])
    address = parse_address(chosen["value"])
    if address is None:
        raise refused(ScimType.INVALID_VALUE, "email", "emails", maximum=ADDRESS_MAX)
    return address


def _entry(document: Document, user_name: str, address: Address) -> DirectoryEntry:
    name = document.get("name") or {}
    external_id = document.get("externalId") or None
    return DirectoryEntry(
        user_name=None if user_name_key(user_name) == address.key else user_name,
        external_id=external_id and read_text(external_id, Kind.IDENTIFIER, "externalId", maximum=EXTERNAL_ID_MAX),
        given_name=_optional_line(name.get("givenName"), "name.givenName"),
        family_name=_optional_line(name.get("familyName"), "name.familyName"),
    )


def _display_name(user: DirectoryUser, before: Document, document: Document, *, is_patch: bool) -> str:
    """Return the name to show: what is given, else what it is composed of, where it was so before."""
    given = document.get("displayName")
    if given and not (is_patch and given == before["displayName"]):
        return str(given)
    composed = _whole_name(document)
    is_composed = user.display_name in (composed_name(user.entry.given_name, user.entry.family_name), user.user_name)
    is_named = bool((document.get("name") or {}).get("formatted")) or given is None
    return composed if composed and (is_composed or is_named) else user.display_name


def _whole_name(document: Document) -> str:
    name = document.get("name") or {}
    return str(name.get("formatted") or composed_name(name.get("givenName"), name.get("familyName")))


def _line(text: str, path: str) -> str:
    return read_text(text, Kind.LINE, path, maximum=TITLE_MAX)


def _optional_line(text: str | None, path: str) -> str | None:
    return None if text is None or is_empty(text) else _line(text, path)


# --- How it is reached -----------------------------------------------------------------------------------------------


async def find_user(push: Push, user_id: UUID | None) -> DirectoryUser:
    """Return a person of the account who is there. Raises: NotFound."""
    found = await directory.users_there(push.connection, push.account_id, [] if user_id is None else [user_id])
    if user_id not in found:
        raise NotFound(resource=Resource.USER)
    return found[user_id]


async def add_user(push: Push, wanted: WantedUser) -> UUID:
    """Add a person, or bring back one whom the directory has deleted; return their id.

    Who comes back has the roles that groups give them from then on, and none of before.

    Raises: ScimRefused, Refusal.
    """
    holders = await directory.holders_of(push.connection, push.account_id, wanted.email.written)
    known = await directory.users_there(push.connection, push.account_id, holders, with_deleted=True)
    for user in known.values():
        if user.entry.deleted and not user.active and _address_of(user).key == wanted.email.key:
            left = user.roles & {Role.ADMIN}  # which no push takes, and whose return waits
            if left != user.roles:
                await push.do(ChangeRoles(user_id=user.id, roles=tuple(left)))
            await change_user(push, user, wanted)
            return user.id
    await _demand_free_name(push, wanted, None)
    invitation = InviteUser(email=wanted.email, display_name=wanted.display_name, roles=(), directory=wanted.entry)
    user_id = (await push.do(invitation)).action.target_user_id
    assert user_id is not None
    if not wanted.active:
        await push.do(DeactivateUser(user_id=user_id))
    return user_id


async def change_user(push: Push, user: DirectoryUser, wanted: WantedUser) -> None:
    """Do what leads from what is there to what is wanted; what needs an admin waits. Raises: ScimRefused, Refusal."""
    if wanted.entry != user.entry or wanted.email.written != user.email:
        await _demand_free_name(push, wanted, user.id)
    display_name = wanted.display_name if wanted.display_name != user.display_name else None
    entry = wanted.entry if wanted.entry != user.entry else None
    if display_name is not None or entry is not None:
        await push.do(UpdateUser(user_id=user.id, display_name=display_name, directory=entry))
    if wanted.says_address:
        is_same = wanted.email.written == user.email
        await _reach(push, user.id, None if is_same else UpdateUser(user_id=user.id, email=wanted.email), UpdateUser)
    if wanted.says_active:
        await _reach_standing(push, user, wanted)


async def _reach_standing(push: Push, user: DirectoryUser, wanted: WantedUser) -> None:
    """Have a person act again, or end what they may do, where that is not so already. Raises: Refusal."""
    back = ReactivateUser(user_id=user.id) if wanted.active and not user.active else None
    await _reach(push, user.id, back, ReactivateUser)
    end = DeactivateUser(user_id=user.id) if user.active and not wanted.active else None
    await _reach(push, user.id, end, DeactivateUser)


async def delete_user(push: Push, user: DirectoryUser) -> None:
    """Deactivate a person, and have them gone for the directory, whose name for them is free again. Raises: Refusal."""
    for change_id, waiting in await waiting_commands(push, [user.id]):
        if not isinstance(waiting, DeactivateUser):
            await push.do(CancelChange(change_id=change_id))
    entry = replace(user.entry, deleted=True, user_name=None)
    if entry != user.entry:
        await push.do(UpdateUser(user_id=user.id, directory=entry))
    if user.active:
        await _reach(push, user.id, DeactivateUser(user_id=user.id), DeactivateUser)


async def _demand_free_name(push: Push, wanted: WantedUser, own_id: UUID | None) -> None:
    """Refuse a user name that somebody else has; whether an address is free is decided later. Raises: ScimRefused."""
    named = wanted.entry.user_name
    holders = await directory.holders_of(push.connection, push.account_id, named or wanted.email.written)
    others = await directory.users_there(push.connection, push.account_id, holders, with_deleted=True)
    if any(other.id != own_id and (named or other.entry.user_name) for other in others.values()):
        raise refused(ScimType.UNIQUENESS, "scim_user_name_taken", "userName")


async def _reach(push: Push, user_id: UUID, command: AdminCommand | None, kind: type[AdminCommand]) -> None:
    """Do *command*, unless it waits already; what waits of its *kind* and asks for anything else is taken back."""
    for change_id, waiting in await waiting_commands(push, [user_id]):
        if not isinstance(waiting, kind):
            continue
        if waiting == command:
            return
        await push.do(CancelChange(change_id=change_id))
    if command is not None:
        await push.do(command)


async def waiting_commands(push: Push, user_ids: Sequence[UUID] | None) -> list[tuple[UUID, AdminCommand]]:
    """Return what this provider has asked for of these people, or of all, and waits, with the ids of the changes."""
    changes = await administration.pending_changes_of(push.connection, push.account_id, push.actor.user_id, user_ids)
    return [(row.id, command_of(row.type, row.payload)) for row in changes if row.payload is not None]
