"""Changes that wait for a second admin: who may decide on one."""

from uuid import UUID

from app.domain.account_log import AdminActionType, ChangeStatus
from app.domain.admin_commands import (
    AdminCommand,
    UpdateUser,
)
from app.domain.administration import RULES, AdminFacts, Member, Own, granted
from app.domain.errors import (
    ChangeNotPending,
    SecondAdminRequired,
)
from app.domain.model import UserKind


def demand_decider(
    type: AdminActionType, decider_id: UUID, requester_id: UUID, change: AdminCommand, facts: AdminFacts
) -> None:
    """Refuse who may not decide on a change: who asked for it, or made the token by which a service account did.

    Refusing what was asked for by such a token takes no other admin, as it gives nobody anything.

    Raises: SecondAdminRequired.
    """
    own, member = RULES[type].own, facts.member
    requesters = {requester_id} if own is Own.NOT_REQUESTER else {requester_id, facts.token_maker}
    if own in (Own.NOT_FAVOURED, Own.NOT_REQUESTER) and decider_id in requesters:
        raise SecondAdminRequired("input", "changeId")
    is_favoured = member is not None and member.user_id == decider_id and _favours(change, member)
    if own is Own.NOT_FAVOURED and is_favoured:
        raise SecondAdminRequired("input", "changeId")


def _favours(change: AdminCommand, member: Member) -> bool:
    """Tell whether a change gives somebody something: who only loses by it may agree to it."""
    return isinstance(change, UpdateUser) or bool(granted(change, member))


def demand_requester(facts: AdminFacts) -> None:
    """Refuse a change whose requester is no active admin, or service account, any more. Raises: ChangeNotPending."""
    requester = facts.requester
    assert requester is not None
    is_service = requester.kind is UserKind.SERVICE and requester.active
    if not is_service and requester.user_id not in facts.admins:
        raise ChangeNotPending("input", "changeId", status=ChangeStatus.STALE)
