"""What an actor may do, as their token, person and account say; and whether that is still so when they act.

Each person's row counts the changes of what they may do (`users.authority_version`, kept by triggers). An action's log
row is written only where that count is the one that the actor was looked up with, so that nobody acts by a right that
is gone: `db.changes.inserted_by` says how.
"""

from dataclasses import replace
from datetime import datetime
from functools import lru_cache
from uuid import UUID

from app.db.reader import Reader
from app.db.repository import tokens
from app.db.repository.tokens import FoundToken
from app.domain.canonical_json import JsonObject
from app.domain.commands import CaseCommand, Command
from app.domain.delegations import ON_BEHALF_OF
from app.domain.errors import TokenExpired, Unauthenticated
from app.domain.facts import Actor, SystemActor
from app.domain.model import Feature, Role, Scope, TokenSource


def actor_of(found: FoundToken) -> Actor:
    """Return who acts by the token, with all that its person and account give them."""
    account = found.account
    return Actor(
        account_id=account.id,
        user_id=found.user.id,
        token_id=found.token.id,
        active=found.user.active,
        roles=frozenset(found.user.roles),
        scopes=_scopes(found.token.scopes),
        features=_features(account.cases_enabled, account.overrides_enabled),
        restrict_to_assigned_reviewers=account.restrict_to_assigned_reviewers,
        authority=found.authority,
        expires_at=found.token.expires_at,
        kind=found.user.kind,
        reviewer_since=found.user.reviewer_since,
        override_expiry_hours=account.override_expiry_hours,
        due_hours=account.due_hours,
        checklist=account.checklist,
    )


def frozen_authority(actor: Actor | SystemActor, command: Command, represented_id: UUID | None = None) -> JsonObject:
    """Return by what right the actor does it, as its row of the log keeps it for ever.

    `reviewed_version`: which version of the case they said that they had seen, null where they said none.
    `on_behalf_of`: the reviewer in whose place they decide; rows of others do not have it.
    """
    if isinstance(actor, SystemActor):
        source = TokenSource.SYSTEM.value
        return {"token_id": None, "token_source": source, "roles": [], "reviewed_version": None}
    represented = {} if represented_id is None else {ON_BEHALF_OF: str(represented_id)}
    return {
        "token_id": str(actor.token_id),
        "token_source": actor.token_source.value,
        "roles": sorted(role.value for role in actor.roles),
        "reviewed_version": command.expected_version if isinstance(command, CaseCommand) else None,
        **represented,
    }


def limited(actor: Actor, roles: frozenset[Role]) -> Actor:
    """Return the same actor with none but *roles*, now and whenever they are looked up again."""
    return replace(actor, roles=actor.roles & roles, role_limit=roles)


def demand_valid(found: FoundToken | None, now: datetime) -> FoundToken:
    """Return what was found of a token that is good. Raises: Unauthenticated, TokenExpired."""
    if found is None or found.token.revoked_at is not None:
        raise Unauthenticated()
    _demand_time(found.token.expires_at, now)
    return found


async def renewed(connection: Reader, actor: Actor, now: datetime) -> Actor:
    """Return the actor as they are now. Raises: Unauthenticated, TokenExpired."""
    _demand_time(actor.expires_at, now)
    found = demand_valid(await tokens.token_by_id(connection, actor.token_id), now)
    again = replace(actor_of(found), expires_at=actor.expires_at, token_source=actor.token_source)
    return again if actor.role_limit is None else limited(again, actor.role_limit)


def _demand_time(expires_at: datetime | None, now: datetime) -> None:
    if expires_at is not None and expires_at <= now:
        raise TokenExpired()


@lru_cache
def _scopes(words: str) -> frozenset[Scope]:
    return frozenset(map(Scope, words.split()))


@lru_cache
def _features(cases: bool, overrides: bool) -> frozenset[Feature]:
    enabled = {Feature.CASES: cases, Feature.OVERRIDES: overrides}
    return frozenset(feature for feature in Feature if enabled[feature])
