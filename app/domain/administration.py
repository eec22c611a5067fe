"""Administration: one table of who may do what, and whether a second admin has to approve it; and what reads the table.

It knows neither the database nor the request: the same functions decide before the lock and under it.
"""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from enum import StrEnum
from uuid import UUID

from app.domain.account_log import GUARDED_ROLES, AdminActionType
from app.domain.admin_commands import (
    POLICIES,
    AdminCommand,
    ChangeRoles,
    CreateServiceAccount,
    CreateToken,
    DeactivateUser,
    InviteUser,
    ReactivateUser,
    UpdateAccount,
    UpdateUser,
)
from app.domain.errors import (
    Detail,
    InsufficientScope,
    InvalidInput,
    LastAdmin,
    OwnAccount,
    PersonRequired,
    RoleRequired,
    ServiceAccountRequired,
    UserInactive,
)
from app.domain.facts import Actor
from app.domain.model import ADMIN_SCOPES, SERVICE_SCOPES, Language, Role, Scope, UserKind
from app.domain.webhook_commands import CreateWebhook, UpdateWebhook
from app.domain.webhooks import WebhookFacts


class Own(StrEnum):
    """What an admin may do to themselves, or to what is theirs."""

    ALLOWED = "as to anybody"
    ANYBODY = "anybody, without a role"
    NO_GRANT = "no role for oneself"
    NEVER = "never"
    NOT_FAVOURED = "neither who asked for it nor whom it favours"
    NOT_REQUESTER = "not who asked for it"


class Second(StrEnum):
    """When a second admin has to approve it, where the account has two."""

    NEVER = "never"
    GRANTS = "where it gives REVIEWER or ADMIN; any role, where the admin takes part in cases"
    ADDRESS = "where it changes the e-mail address"
    ADMIN_ENDS = "where it is about another admin"
    ROLES = (
        "where it gives REVIEWER or ADMIN (any role, where the admin takes part in cases), or takes ADMIN from another"
    )
    POLICY = "where it changes a policy: a feature, who may decide on what, or how long content is kept"
    URL = "where it says to which URL a webhook goes"
    RESULTS = "where the token may record results (`subjects_write`)"


@dataclass(frozen=True, slots=True)
class Rule:
    """One row of the table. `for_services`: it is done for a service account, if not for oneself."""

    own: Own = Own.ALLOWED
    second: Second = Second.NEVER
    keeps_last_admin: bool = False
    for_services: bool = False
    role: Role = Role.ADMIN


RULES: Mapping[AdminActionType, Rule] = {
    AdminActionType.INVITE_USER: Rule(second=Second.GRANTS),
    AdminActionType.UPDATE_USER: Rule(second=Second.ADDRESS),
    AdminActionType.DEACTIVATE_USER: Rule(own=Own.NEVER, second=Second.ADMIN_ENDS, keeps_last_admin=True),
    AdminActionType.REACTIVATE_USER: Rule(own=Own.NEVER, second=Second.GRANTS),
    AdminActionType.CHANGE_ROLES: Rule(own=Own.NO_GRANT, second=Second.ROLES, keeps_last_admin=True),
    AdminActionType.CREATE_TOKEN: Rule(own=Own.ANYBODY, second=Second.RESULTS, for_services=True),
    AdminActionType.REVOKE_TOKEN: Rule(own=Own.ANYBODY),
    AdminActionType.CREATE_SERVICE_ACCOUNT: Rule(),
    AdminActionType.UPDATE_ACCOUNT: Rule(second=Second.POLICY),
    AdminActionType.APPROVE_CHANGE: Rule(own=Own.NOT_FAVOURED),
    AdminActionType.REFUSE_CHANGE: Rule(own=Own.NOT_REQUESTER),
    AdminActionType.CANCEL_CHANGE: Rule(),
    AdminActionType.CREATE_WEBHOOK: Rule(second=Second.URL),
    AdminActionType.UPDATE_WEBHOOK: Rule(second=Second.URL),
    AdminActionType.ROTATE_WEBHOOK_SECRET: Rule(),
    AdminActionType.PAUSE_WEBHOOK: Rule(),
    AdminActionType.RESUME_WEBHOOK: Rule(),
    AdminActionType.REPLAY_WEBHOOK: Rule(),
    AdminActionType.TEST_WEBHOOK: Rule(),
    AdminActionType.DELETE_WEBHOOK: Rule(),
    AdminActionType.DELEGATE_REVIEWS: Rule(role=Role.REVIEWER),
    AdminActionType.END_DELEGATION: Rule(own=Own.ANYBODY),
}

PARTICIPANTS = frozenset({Role.CONTRIBUTOR, Role.REVIEWER})


@dataclass(frozen=True, slots=True)
class Member:
    """A person or service account, as a decision must know of them."""

    user_id: UUID
    kind: UserKind
    active: bool
    roles: frozenset[Role]
    email_key: str
    email: str = ""
    display_name: str = ""
    language: Language | None = None


@dataclass(frozen=True, slots=True)
class AdminFacts:
    """What a decision must know.

    `member` is whom the command is about, also by a token that is theirs; None for nobody. `held` are all roles of who
    acts, `admins` those people of the account who are active admins. `settings` are the account's. `requester` is who
    acts, or who asked for the change that is decided on. `webhook` is the endpoint that the command is about.

    `token_maker`: the admin who made the token that a service account acts by, or asked by; None for a person, and
    where the command line made it. That admin may have kept the token's secret, so that what is done by it counts as
    their doing: `held` are their roles too.
    """

    held: frozenset[Role]
    admins: frozenset[UUID]
    settings: Mapping[str, object]
    member: Member | None = None
    requester: Member | None = None
    token_maker: UUID | None = None
    webhook: WebhookFacts | None = None


def admit_admin(actor: Actor) -> None:
    """Refuse a token that may not administer. Raises: InsufficientScope."""
    if Scope.ADMIN_WRITE not in actor.scopes:
        raise InsufficientScope(scope=Scope.ADMIN_WRITE)


def permit_admin_reading(actor: Actor, *, own: bool = False) -> None:
    """Let an admin read, or somebody what is their *own*. Raises: InsufficientScope, UserInactive, RoleRequired."""
    if Scope.ADMIN_READ not in actor.scopes:
        raise InsufficientScope(scope=Scope.ADMIN_READ)
    if not own:
        _demand_role(actor, Role.ADMIN)
    elif not actor.active:
        raise UserInactive()


def authorize_admin(command: AdminCommand, actor: Actor, member: Member | None) -> None:
    """Refuse who may not do this, or not to this *member*.

    Raises: UserInactive, RoleRequired, OwnAccount, PersonRequired, InvalidInput.
    """
    rule = RULES[command.type]
    is_own = member is not None and member.user_id == actor.user_id
    if is_own and rule.own is Own.ANYBODY:
        if not actor.active:
            raise UserInactive()
        return
    _demand_role(actor, rule.role)
    if is_own and (rule.own is Own.NEVER or (rule.own is Own.NO_GRANT and granted(command, member))):
        raise OwnAccount("input", "userId")
    if rule.for_services and member is not None and member.kind is not UserKind.SERVICE:
        raise InvalidInput("input", "userId", detail=Detail("token_of_another"))
    _demand_person(command, member)


def _demand_role(actor: Actor, role: Role) -> None:
    if not actor.active:
        raise UserInactive()
    if role not in actor.roles or actor.kind is not UserKind.PERSON:
        raise RoleRequired(roles=(role,))


def _demand_person(command: AdminCommand, member: Member | None) -> None:
    """Refuse any role that decides, of a service account."""
    is_service = isinstance(command, CreateServiceAccount) or (
        isinstance(command, ChangeRoles) and member is not None and member.kind is UserKind.SERVICE
    )
    if is_service and isinstance(command, ChangeRoles | CreateServiceAccount) and GUARDED_ROLES & {*command.roles}:
        raise PersonRequired("input", "roles")


def demand_token(command: CreateToken, actor: Actor, member: Member) -> None:
    """Refuse a token that could do more, or live longer, than the one that makes it.

    A service account's gets no scope of administration but SCIM, which takes all of them to give, and may live longer.
    It alone may record results. An identity provider's token that gives its holder fewer roles than they have makes
    none, since that one would give them all.

    Raises: InsufficientScope, ServiceAccountRequired, InvalidInput, RoleRequired.
    """
    forbidden = ADMIN_SCOPES if member.kind is UserKind.SERVICE else frozenset[Scope]()
    for scope in command.scopes:
        if scope in SERVICE_SCOPES and member.kind is not UserKind.SERVICE:
            raise ServiceAccountRequired("input", "scopes")
        if scope in forbidden:
            raise InsufficientScope("input", "scopes", scope=scope)
        for needed in _GIVEN_BY.get(scope, (scope,)):
            if needed not in actor.scopes:
                raise InsufficientScope("input", "scopes", scope=needed)
    is_own = member.user_id == actor.user_id
    if is_own and member.roles - actor.roles:
        raise RoleRequired(roles=tuple(role for role in Role if role in member.roles - actor.roles))
    is_longer = actor.expires_at is not None and (command.expires_at is None or command.expires_at > actor.expires_at)
    if is_own and is_longer:
        raise InvalidInput("input", "expiresAt", detail=Detail("outlives"))


_GIVEN_BY: Mapping[Scope, Collection[Scope]] = {
    Scope.SCIM: (Scope.ADMIN_READ, Scope.ADMIN_WRITE),
    Scope.SUBJECTS_WRITE: (),  # a second admin approves it
}
"""The scopes that it takes to give one, where that is not the same."""


def demand_last_admin(command: AdminCommand, facts: AdminFacts) -> None:
    """Refuse what would leave the account without an active admin. Raises: LastAdmin."""
    if RULES[command.type].keeps_last_admin and _ends_admin(command, facts) and len(facts.admins) == 1:
        raise LastAdmin("input", "userId")


def needs_second_admin(command: AdminCommand, actor_id: UUID, facts: AdminFacts) -> bool:
    """Tell whether another admin has to approve it, if the account has one."""
    of_another = facts.member is None or facts.member.user_id != actor_id
    match RULES[command.type].second:
        case (Second.GRANTS | Second.ROLES | Second.RESULTS) as second:
            takes_admin = second is Second.ROLES and of_another and _ends_admin(command, facts)
            return takes_admin or _grants_guarded(command, facts)
        case Second.ADDRESS:
            return isinstance(command, UpdateUser) and changes_address(command, facts.member)
        case Second.ADMIN_ENDS:
            return of_another and _ends_admin(command, facts)
        case Second.POLICY:
            return isinstance(command, UpdateAccount) and bool(POLICIES & account_changes(command, facts).keys())
        case Second.URL:
            return changes_url(command, facts.webhook)
    return False


def has_second_admin(facts: AdminFacts) -> bool:
    """Tell whether there is another admin than who acts, and than who made the token that a service account acts by."""
    maker = facts.token_maker
    return len(facts.admins) > 1 or (maker is not None and bool(facts.admins - {maker}))


def changes_address(command: UpdateUser, member: Member | None) -> bool:
    return command.email is not None and (member is None or command.email.key != member.email_key)


def changes_url(command: AdminCommand, webhook: WebhookFacts | None) -> bool:
    """Tell whether webhooks would go where none goes yet."""
    if isinstance(command, UpdateWebhook):
        return command.url is not None and (webhook is None or command.url != webhook.url)
    return isinstance(command, CreateWebhook)


def user_changes(command: UpdateUser, member: Member | None) -> dict[str, object]:
    """Return what the command makes another of a person, by the names of columns; the address as it is written."""
    email = None if command.email is None else command.email.written
    given = {"display_name": command.display_name, "email": email, "language": command.language}
    return {name: value for name, value in given.items() if value is not None and value != getattr(member, name, None)}


def account_changes(command: UpdateAccount, facts: AdminFacts) -> dict[str, object]:
    """Return the settings that the command gives another value."""
    given = command.settings
    return {name: value for name, value in given.items() if value is not None and value != facts.settings[name]}


def granted(command: AdminCommand, member: Member | None) -> frozenset[Role]:
    """Return the roles that somebody can act by after it, and could not before."""
    held = frozenset[Role]() if member is None else member.roles
    match command:
        case InviteUser() | CreateServiceAccount():
            return frozenset(command.roles)
        case ChangeRoles():
            return frozenset(command.roles) - held
        case ReactivateUser():
            return held
    return frozenset()


def _grants_guarded(command: AdminCommand, facts: AdminFacts) -> bool:
    if isinstance(command, CreateToken):
        return Scope.SUBJECTS_WRITE in command.scopes
    return bool(granted(command, facts.member) & guarded_roles(facts))


def guarded_roles(facts: AdminFacts) -> frozenset[Role]:
    """Return the roles that who acts does not give alone: all of them, where they take part in cases."""
    return frozenset(Role) if facts.held & PARTICIPANTS else GUARDED_ROLES


def _ends_admin(command: AdminCommand, facts: AdminFacts) -> bool:
    """Tell whether somebody who is an active admin would be none."""
    if facts.member is None or facts.member.user_id not in facts.admins:
        return False
    return isinstance(command, DeactivateUser) or (isinstance(command, ChangeRoles) and Role.ADMIN not in command.roles)
