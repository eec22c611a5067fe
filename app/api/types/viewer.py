"""The viewer: the authenticated person, their token's scopes and their account."""

from typing import cast
from uuid import UUID, uuid5

import strawberry
from strawberry import ID

from app.api.context import Context, Info
from app.api.enums import EvaluationStatus, Feature, Language, Scope
from app.api.fields import described
from app.api.labels import labelled
from app.api.pagination import Connection
from app.api.resolvers.inbox import InboxConnection, inbox
from app.api.types.administration import ApiToken, viewer_tokens
from app.api.types.checklists import ChecklistItem, checklist_item
from app.api.types.nodes import Node
from app.api.types.people import User
from app.domain.checklist import STEPS_MAX, checklist_of
from app.domain.delegations import DELEGATORS_MAX
from app.domain.due_dates import due_hours_of


@strawberry.type(description="Within how many hours a new case is due whose subject has this result.")
class DueHours:
    evaluation_status: EvaluationStatus = described("The result when the case is opened.")
    evaluation_status_label: str = labelled("evaluation_status")
    hours: int = described("How many hours.")


@strawberry.type(description="The customer whose data this is. Nobody sees another account's.")
class Account(Node):
    name: str = described("What it is called.")
    default_language: Language = described("The language where neither the request nor the person asks for one.")
    features: list[Feature] = described("What is switched on; each once at most.")
    restrict_to_assigned_reviewers: bool = described("Whether only the reviewers who were asked may decide.")
    require_reviewed_version: bool = described(
        "Whether who decides through the JSON:API has to name the override and the case's version; here that is so"
        " anyway."
    )
    retention_days: int | None = described(
        "For how many days after closing the content of cases is kept; null: until somebody erases it."
    )
    override_expiry_hours: int | None = described(
        "For how many hours an override can be decided that is requested from now on; null: for ever."
    )
    due_hours: list[DueHours] = described("When a case is due that is opened from now on, each result once at most.")
    reminder_hours: int | None = described(
        "How many hours before a due date or an override's expiry, or after the request of one that does not expire, a"
        " row REMIND is written; null: none is."
    )
    escalation_hours: int | None = described(
        "How many hours after a due date, or after the request of an override, a row ESCALATE is written where it still"
        " waits; null: none is."
    )
    checklist: list[ChecklistItem] = described(
        f"The steps that are to be taken on each case, in their order, {STEPS_MAX} at most."
    )


@strawberry.type(description="How many requests a token may send, and how many are left; this one is counted.")
class RateLimit:
    limit: int = described("How many in a window.")
    window_seconds: int = described("How long a window is; it moves along with the time.")
    remaining: int = described("How many are left now.")
    reset_seconds: int = described("In how many seconds the next one comes back.")


async def stands_in_for(info: Info) -> list[User]:
    """Return the people in whose place the viewer decides now."""
    ids = sorted(await info.context.reads.delegators())
    found = await info.context.loaders.users.collect(ids)
    return [cast(User, found[id]) for id in ids]


@strawberry.type(description="Who is asking, through one token: another token of theirs makes another viewer.")
class Viewer(Node):
    user: User = described("The person.")
    account: Account = described("Their account.")
    scopes: list[Scope] = described("What the token may do; each scope once at most.")
    language: Language = described("The language of this answer's messages.")
    rate_limit: RateLimit | None = described("How the token stands with its rate limit; null where there is none.")
    inbox: InboxConnection | None = strawberry.field(
        resolver=inbox,
        description="Cases on which they can act now, or that were escalated, and why, the latest change first.",
    )
    stands_in_for: list[User] = strawberry.field(
        resolver=stands_in_for,
        description=f"In whose place they decide now, since these have named them; {DELEGATORS_MAX} at most.",
    )
    tokens: Connection[ApiToken] | None = strawberry.field(
        resolver=viewer_tokens, description="Their own tokens, revoked ones too, the newest first. Needs admin_read."
    )


def account_of(context: Context) -> Account:
    """Return the viewer's account, from what authentication read."""
    account = context.request.identity.account
    return Account(
        id=ID(str(account.id)),
        name=account.name,
        default_language=account.default_language,
        features=sorted(context.actor.features),
        restrict_to_assigned_reviewers=account.restrict_to_assigned_reviewers,
        require_reviewed_version=account.require_reviewed_version,
        retention_days=account.retention_days,
        override_expiry_hours=account.override_expiry_hours,
        reminder_hours=account.reminder_hours,
        escalation_hours=account.escalation_hours,
        due_hours=[
            DueHours(evaluation_status=status, hours=hours) for status, hours in due_hours_of(account.due_hours).items()
        ],
        checklist=[checklist_item(step, context.request.language) for step in checklist_of(account.checklist)],
    )


def own_node(context: Context, id: UUID) -> Viewer | Account | None:
    """Return the viewer or their account, if that has this id: no other is visible."""
    if id == viewer_id(context.actor.token_id):
        return viewer(context)
    return account_of(context) if id == context.actor.account_id else None


def viewer_id(token_id: UUID) -> UUID:
    """Return the id of the viewer that a token makes; the token's own id is that of the token."""
    return uuid5(token_id, "viewer")


def viewer(context: Context) -> Viewer:
    """Return the viewer of an operation, from what authentication read."""
    identity, standing = context.request.identity, context.standing
    return Viewer(
        id=ID(str(viewer_id(identity.actor.token_id))),
        user=cast(User, identity.user),
        account=account_of(context),
        scopes=[scope for scope in Scope if scope in identity.actor.scopes],
        language=context.request.language,
        rate_limit=None if standing is None else RateLimit(**standing.shown()),
    )
