"""The payloads of administration: what was done, what waits for a second admin, what would be, or why nothing was."""

from collections.abc import Sequence
from typing import Any, ClassVar, Self, cast

import strawberry

from app.admin.perform import AdminOutcome
from app.api.errors import ERRORS_MAX, UserError
from app.api.fields import described
from app.api.types import User
from app.api.types.administration import (
    AccountAction,
    AccountChange,
    ApiToken,
    SupposedAdministration,
    supposed_administration,
)
from app.db.rows import UserRow


def _made(description: str) -> Any:
    return strawberry.field(default=None, description=description)


@strawberry.type(description="What administration gave.")
class AdminPayload:
    """What the payloads share. `is_administrative`: what they show needs no scope for cases."""

    is_administrative: ClassVar[bool] = True

    errors: Sequence[UserError] = described(
        f"Why nothing was done, {ERRORS_MAX} reasons at most; empty when it was done, or waits."
    )
    replayed: bool = strawberry.field(default=False, description="Whether this key had done it before.")
    action: AccountAction | None = _made("The new row of the account's own log; null when refused, and in a dry run.")
    change: AccountChange | None = _made(
        "The change that waits for a second admin, or was decided; null where there is none, and in a dry run."
    )
    supposed: SupposedAdministration | None = _made("What a dry run would have done; null else.")

    @classmethod
    def of(cls, outcome: AdminOutcome, user: UserRow | None) -> Self:
        """Return the payload that shows *outcome*, and the person it is about as they are now."""
        payload = cls(
            errors=[],
            replayed=outcome.replayed,
            action=cast(AccountAction, outcome.action),
            change=cast(AccountChange | None, outcome.change),
        )
        for name, value in (("user", user), ("token", outcome.token), ("secret", outcome.secret)):
            if hasattr(cls, name):
                setattr(payload, name, value)
        return payload

    @classmethod
    def supposing(cls, outcome: AdminOutcome) -> Self:
        """Return the payload that shows what is supposed, and nothing that is."""
        return cls(errors=[], supposed=supposed_administration(outcome.action))


@strawberry.type(description="What administering a person gave.")
class UserPayload(AdminPayload):
    user: User | None = _made("The person as they are now; null where there is none yet, and in a dry run.")


@strawberry.type(description="What inviting somebody gave.")
class InviteUserPayload(UserPayload):
    pass


@strawberry.type(description="What changing a person gave.")
class UpdateUserPayload(UserPayload):
    pass


@strawberry.type(description="What ending a person's right to act gave.")
class DeactivateUserPayload(UserPayload):
    pass


@strawberry.type(description="What letting a person act again gave.")
class ReactivateUserPayload(UserPayload):
    pass


@strawberry.type(description="What changing roles gave.")
class ChangeRolesPayload(UserPayload):
    pass


@strawberry.type(description="What making a service account gave.")
class CreateServiceAccountPayload(UserPayload):
    pass


@strawberry.type(description="What making a token gave.")
class CreateTokenPayload(AdminPayload):
    token: ApiToken | None = _made("The token, without its secret; null in a dry run.")
    secret: str | None = _made("The secret, shown this once; null in a dry run, and where it was replayed.")


@strawberry.type(description="What revoking a token gave.")
class RevokeTokenPayload(AdminPayload):
    pass


@strawberry.type(description="What changing the account gave.")
class UpdateAccountPayload(AdminPayload):
    pass


@strawberry.type(description="What approving a change gave.")
class ApproveChangePayload(UserPayload):
    token: ApiToken | None = _made("The token that it made, without its secret; null for none, and in a dry run.")
    secret: str | None = _made(
        "That token's secret, shown this once, to who approved it; null for none, in a dry run, and in a replay."
    )


@strawberry.type(description="What refusing a change gave.")
class RefuseChangePayload(AdminPayload):
    pass


@strawberry.type(description="What taking a change back gave.")
class CancelChangePayload(AdminPayload):
    pass
