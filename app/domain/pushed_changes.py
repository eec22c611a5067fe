"""What an identity provider may push by SCIM: a service account's part of administration, by the same rules.

Whether a second admin has to approve it is `administration`'s.
"""

from app.domain.account_log import AdminActionType
from app.domain.admin_commands import AdminCommand, ChangeRoles, InviteUser
from app.domain.administration import AdminFacts, granted
from app.domain.errors import (
    InsufficientScope,
    NotFound,
    OwnAccount,
    RoleRequired,
    ServiceAccountRequired,
    UserInactive,
)
from app.domain.facts import Actor
from app.domain.model import Resource, Role, Scope, UserKind

PUSHED = frozenset(
    {
        AdminActionType.INVITE_USER,
        AdminActionType.UPDATE_USER,
        AdminActionType.DEACTIVATE_USER,
        AdminActionType.REACTIVATE_USER,
        AdminActionType.CHANGE_ROLES,
        AdminActionType.CANCEL_CHANGE,
    }
)


def admit_scim(actor: Actor) -> None:
    """Refuse all but a service account's token for SCIM.

    Raises: InsufficientScope, ServiceAccountRequired, UserInactive.
    """
    if Scope.SCIM not in actor.scopes:
        raise InsufficientScope(scope=Scope.SCIM)
    if actor.kind is not UserKind.SERVICE:
        raise ServiceAccountRequired()
    if not actor.active:
        raise UserInactive()


def authorize_scim(command: AdminCommand, facts: AdminFacts) -> None:
    """Refuse what no push does: give ADMIN or take it, or let the admin who made the token give themselves a role.

    Raises: RoleRequired, OwnAccount, NotFound.
    """
    member = facts.member
    if command.type not in PUSHED:
        raise RoleRequired(roles=(Role.ADMIN,))
    if member is not None and member.kind is not UserKind.PERSON:
        raise NotFound("input", "userId", resource=Resource.USER)
    held = frozenset[Role]() if member is None else member.roles
    if isinstance(command, InviteUser | ChangeRoles) and Role.ADMIN in held ^ frozenset(command.roles):
        raise RoleRequired("input", "roles", roles=(Role.ADMIN,))
    if member is not None and member.user_id == facts.token_maker and granted(command, member):
        raise OwnAccount("input", "userId")


def makes_admin(command: AdminCommand, facts: AdminFacts) -> bool:
    """Tell whether somebody would be an admin again by it: no push does that without an admin."""
    return Role.ADMIN in granted(command, facts.member)
