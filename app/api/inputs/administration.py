"""The inputs of administration, and how each becomes a command: every fault of its shape is found at once."""

from collections.abc import Collection, Sequence
from datetime import datetime
from functools import cached_property
from typing import TypedDict, TypeVar

import strawberry
from strawberry import ID

from app.api.enums import Language, Role, Scope
from app.api.inputs.fields import dry_run, given, optional
from app.domain.addresses import ADDRESS_MAX, Address, parse_address
from app.domain.admin_commands import (
    AdminCommand,
    ApproveChange,
    CancelChange,
    ChangeRoles,
    CreateServiceAccount,
    CreateToken,
    DeactivateUser,
    InviteUser,
    ReactivateUser,
    RefuseChange,
    RevokeToken,
    UpdateUser,
)
from app.domain.errors import Detail, InvalidInput, Refusal, Required
from app.domain.validation import TITLE_MAX, InputValidator, in_utc

KEY = (
    "1 to 128 of A-Z a-z 0-9 _ -. For 24 hours, or as it is set, the same key with the same input does nothing again"
    " and answers with what was done, `replayed`, without a secret; with another input it is refused. Without a key a"
    " retry is asked for anew."
)
USER_ID = "The person or service account."
ROLES = "The roles, each once at most; none gives no right on cases."

M = TypeVar("M", Role, Scope)


class AdminFields(TypedDict):
    """The fields of every command of administration."""

    idempotency_key: str | None


class AdminInput:
    """What the inputs share: `command`, and the fields that each takes."""

    idempotency_key: str | None
    dry_run: bool | None

    @cached_property
    def command(self) -> AdminCommand:
        """The input as a command. Raises: InputRefused, with every fault of its shape."""
        shape = InputValidator("input")
        common: AdminFields = {"idempotency_key": shape.idempotency_key(self.idempotency_key, "idempotencyKey")}
        command = self._command(shape, common)
        shape.finish()
        return command

    def _command(self, shape: InputValidator, common: AdminFields) -> AdminCommand:
        raise NotImplementedError


def _address(shape: InputValidator, value: str) -> Address:
    address = parse_address(value)
    if address is None:
        detail = Detail("email", {"maximum": ADDRESS_MAX})
        shape.note(InvalidInput(detail=detail) if value.strip() else Required(), "email")
    return address or Address("", "")


def _distinct(shape: InputValidator, values: Sequence[M], name: str, order: Collection[M]) -> tuple[M, ...]:
    for index, value in enumerate(values):
        if value in values[:index]:
            shape.note(InvalidInput(detail=Detail("twice")), name, str(index))
    return tuple(member for member in order if member in values)


@strawberry.input(description="Somebody new.")
class InviteUserInput(AdminInput):
    email: str = given(
        "Their e-mail address, which nobody else of the account has, compared after Unicode's NFKC and case folding and"
        " without what can't be seen."
    )
    display_name: str = given("The name to show, 1 to 200 characters.")
    roles: list[Role] = given(ROLES)
    language: Language | None = optional("The language they prefer; without it the account's.")
    idempotency_key: str | None = optional(KEY)
    dry_run: bool | None = dry_run()

    def _command(self, shape: InputValidator, common: AdminFields) -> AdminCommand:
        return InviteUser(
            email=_address(shape, self.email),
            display_name=shape.line(self.display_name, "displayName", maximum=TITLE_MAX),
            roles=_distinct(shape, self.roles, "roles", tuple(Role)),
            language=self.language,
            **common,
        )


@strawberry.input(description="What to change of somebody; what is left out stays as it is.")
class UpdateUserInput(AdminInput):
    user_id: ID = given(USER_ID)
    email: str | None = optional("Another e-mail address, which a second admin has to approve.")
    display_name: str | None = optional("Another name to show, 1 to 200 characters.")
    language: Language | None = optional("Another language.")
    idempotency_key: str | None = optional(KEY)
    dry_run: bool | None = dry_run()

    def _command(self, shape: InputValidator, common: AdminFields) -> AdminCommand:
        if self.email is None and self.display_name is None and self.language is None:
            shape.note(InvalidInput(detail=Detail("nothing_given")))
        name = self.display_name
        return UpdateUser(
            user_id=shape.id(self.user_id, "userId"),
            email=None if self.email is None else _address(shape, self.email),
            display_name=None if name is None else shape.line(name, "displayName", maximum=TITLE_MAX),
            language=self.language,
            **common,
        )


@strawberry.input(description="Whose right to act ends.")
class DeactivateUserInput(AdminInput):
    user_id: ID = given(USER_ID)
    idempotency_key: str | None = optional(KEY)
    dry_run: bool | None = dry_run()

    def _command(self, shape: InputValidator, common: AdminFields) -> AdminCommand:
        return DeactivateUser(user_id=shape.id(self.user_id, "userId"), **common)


@strawberry.input(description="Who may act again.")
class ReactivateUserInput(AdminInput):
    user_id: ID = given(USER_ID)
    idempotency_key: str | None = optional(KEY)
    dry_run: bool | None = dry_run()

    def _command(self, shape: InputValidator, common: AdminFields) -> AdminCommand:
        return ReactivateUser(user_id=shape.id(self.user_id, "userId"), **common)


@strawberry.input(description="The roles that somebody has from now on.")
class ChangeRolesInput(AdminInput):
    user_id: ID = given(USER_ID)
    roles: list[Role] = given("All roles that they have then, each once at most.")
    idempotency_key: str | None = optional(KEY)
    dry_run: bool | None = dry_run()

    def _command(self, shape: InputValidator, common: AdminFields) -> AdminCommand:
        return ChangeRoles(
            user_id=shape.id(self.user_id, "userId"), roles=_distinct(shape, self.roles, "roles", tuple(Role)), **common
        )


@strawberry.input(description="A new token.")
class CreateTokenInput(AdminInput):
    user_id: ID = given("You, or a service account. Nobody makes a token for another person.")
    scopes: list[Scope] = given(
        "What it may do, each once at most: nothing that the token you send may not, but for SUBJECTS_WRITE, which a"
        " service account's token alone has."
    )
    name: str | None = optional("What it is for, up to 200 characters.")
    expires_at: datetime | None = optional(
        "When it ends, with the offset from UTC; without it never. A token of your own ends no later than the one that"
        " you send."
    )
    idempotency_key: str | None = optional(KEY)
    dry_run: bool | None = dry_run()

    def _command(self, shape: InputValidator, common: AdminFields) -> AdminCommand:
        if not self.scopes:
            shape.note(Required(), "scopes")
        expires_at = self.expires_at
        try:
            expires_at = None if expires_at is None else in_utc(expires_at, "input", "expiresAt")
        except Refusal as refusal:
            shape.note(refusal, "expiresAt")
        return CreateToken(
            user_id=shape.id(self.user_id, "userId"),
            scopes=_distinct(shape, self.scopes, "scopes", tuple(Scope)),
            name=shape.line(self.name, "name", maximum=TITLE_MAX) if self.name else "",
            expires_at=expires_at,
            **common,
        )


@strawberry.input(description="A token that ends for good.")
class RevokeTokenInput(AdminInput):
    token_id: ID = given("The token's id.")
    idempotency_key: str | None = optional(KEY)
    dry_run: bool | None = dry_run()

    def _command(self, shape: InputValidator, common: AdminFields) -> AdminCommand:
        return RevokeToken(token_id=shape.id(self.token_id, "tokenId"), **common)


@strawberry.input(description="A new service account.")
class CreateServiceAccountInput(AdminInput):
    display_name: str = given("What it is called, 1 to 200 characters.")
    roles: list[Role] = given("CONTRIBUTOR, or none: a service account neither reviews nor administers.")
    idempotency_key: str | None = optional(KEY)
    dry_run: bool | None = dry_run()

    def _command(self, shape: InputValidator, common: AdminFields) -> AdminCommand:
        return CreateServiceAccount(
            display_name=shape.line(self.display_name, "displayName", maximum=TITLE_MAX),
            roles=_distinct(shape, self.roles, "roles", tuple(Role)),
            **common,
        )


@strawberry.input(description="A change that a second admin agrees to.")
class ApproveChangeInput(AdminInput):
    change_id: ID = given("The change, as in `pendingChanges`.")
    idempotency_key: str | None = optional(KEY)
    dry_run: bool | None = dry_run()

    def _command(self, shape: InputValidator, common: AdminFields) -> AdminCommand:
        return ApproveChange(change_id=shape.id(self.change_id, "changeId"), **common)


@strawberry.input(description="A change that a second admin does not agree to.")
class RefuseChangeInput(AdminInput):
    change_id: ID = given("The change, as in `pendingChanges`.")
    idempotency_key: str | None = optional(KEY)
    dry_run: bool | None = dry_run()

    def _command(self, shape: InputValidator, common: AdminFields) -> AdminCommand:
        return RefuseChange(change_id=shape.id(self.change_id, "changeId"), **common)


@strawberry.input(description="A change that is taken back.")
class CancelChangeInput(AdminInput):
    change_id: ID = given("The change, as in `pendingChanges`.")
    idempotency_key: str | None = optional(KEY)
    dry_run: bool | None = dry_run()

    def _command(self, shape: InputValidator, common: AdminFields) -> AdminCommand:
        return CancelChange(change_id=shape.id(self.change_id, "changeId"), **common)
