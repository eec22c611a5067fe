"""Who may read and upload: what the account, the token and the person allow apart from any action."""

from app.domain.errors import FeatureDisabled, InsufficientScope, UserInactive
from app.domain.facts import Actor
from app.domain.model import Feature, Scope


def permit_reading(actor: Actor, scope: Scope, feature: Feature | None = None) -> None:
    """Let *actor* read, or refuse. Raises: FeatureDisabled, InsufficientScope, UserInactive, in this order."""
    if feature is not None and feature not in actor.features:
        raise FeatureDisabled(feature=feature)
    if scope not in actor.scopes:
        raise InsufficientScope(scope=scope)
    if not actor.active:
        raise UserInactive()


def may_read(actor: Actor, scope: Scope, feature: Feature | None = None) -> bool:
    """Tell whether `permit_reading` lets *actor* read."""
    return (feature is None or feature in actor.features) and scope in actor.scopes and actor.active
