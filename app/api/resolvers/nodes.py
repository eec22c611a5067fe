"""Nodes: anything of the account by its id, as what it is may be read."""

from typing import Any
from uuid import UUID

from app.api.context import Context
from app.api.types import own_node
from app.domain.access import permit_reading
from app.domain.administration import permit_admin_reading
from app.domain.model import Feature, Scope

# What a node of each kind needs to be read, and the loader that brings it.
_NODE_LOADERS = {
    "User": (Scope.USERS_READ, None, "users"),
    "Subject": (Scope.CASES_READ, Feature.CASES, "subjects"),
    "Case": (Scope.CASES_READ, Feature.CASES, "cases"),
    "CaseAction": (Scope.CASES_READ, Feature.CASES, "actions"),
    "Comment": (Scope.CASES_READ, Feature.CASES, "comments"),
    "Override": (Scope.CASES_READ, Feature.CASES, "overrides"),
    "Document": (Scope.CASES_READ, Feature.CASES, "documents"),
}

_ADMIN_LOADERS = {"AccountAction": "account_actions", "AccountChange": "account_changes", "ApiToken": "api_tokens"}


async def load_node(context: Context, id: UUID) -> Any:
    """Return what has this id in the viewer's account, None where nothing has.

    Raises: as `permit_reading` or `permit_admin_reading`, for what the token may not read.
    """
    kind = await context.loaders.kinds.load(id)
    if kind is None:
        return own_node(context, id)
    if kind in _ADMIN_LOADERS:
        return await _load_admin_node(context, kind, id)
    scope, feature, loader = _NODE_LOADERS[kind]
    permit_reading(context.actor, scope, feature)
    return await getattr(context.loaders, loader).load(id)


async def _load_admin_node(context: Context, kind: str, id: UUID) -> Any:
    """Return what administration shows, to an admin, or a token to whose it is. Raises: as `permit_admin_reading`."""
    if kind != "ApiToken":
        permit_admin_reading(context.actor)
    found = await getattr(context.loaders, _ADMIN_LOADERS[kind]).load(id)
    if kind == "ApiToken":
        permit_admin_reading(context.actor, own=found is not None and found.user_id == context.actor.user_id)
    return found
