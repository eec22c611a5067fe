"""The object types of the API, in DOMAIN.md's words. The database layer's rows stand for them.

How a list is read is in `pagination`; what may be done is `domain.workflow`'s.
"""

import asyncio
from datetime import datetime
from typing import Annotated, Any, cast
from uuid import UUID

import strawberry
from strawberry import ID

from app.api.context import Context, Info
from app.api.enums import (
    ActionType,
    CaseStatus,
    ErrorCode,
    EvaluationStatus,
    Feature,
    Language,
    OverrideStatus,
    RequestedStatus,
    Resolution,
    Role,
    Scope,
    SubjectType,
)
from app.api.fields import described, object_type, related
from app.api.loaders import ActionsKey, CountKey, DocumentsKey
from app.api.pagination import After, Before, Connection, CursorKind, First, Last, Page, PageArguments
from app.db.rows import ActionRow, CaseRow, CommentRow, DocumentRow, OverrideRow, SubjectRow, UserRow
from app.domain.model import CaseFacts
from app.domain.reading import permit_reading
from app.domain.workflow import available

ID_DESCRIPTION = "Its UUID, unique among all things."


@strawberry.interface(description="A thing that can be fetched again by its id.")
class Node:
    id: ID = described(ID_DESCRIPTION)


@object_type(UserRow, "A person of the account.")
class User(Node):
    email: str = described("Their e-mail address, in lower case.")
    display_name: str = described("The name to show.")
    roles: list[Role] = described("What they may do.")
    active: bool = described("Whether they may act at all.")
    language: Language | None = described("The language they prefer, null for the account's.")
    created_at: datetime = described("When they were added.")


@object_type(SubjectRow, "The check of a supplier's bank account that a case is about.")
class Subject(Node):
    type: SubjectType = described("What kind of check it is.")
    external_ref: str = described("Its reference in the system that made the check.")
    label: str = described("What to call it, as the supplier's name.")
    country_code: str | None = described("The country, by ISO 3166-1 alpha-2.")
    evaluation_status: EvaluationStatus = described("The result of the check as it is now.")
    version: int = described("Counts the changes of the result, from 1.")


async def document_url(parent: strawberry.Parent[DocumentRow], info: Info) -> str:
    """Return a new link for the viewer."""
    permit_reading(info.context.actor, Scope.DOCUMENTS_READ, Feature.CASES)
    return await info.context.document_url(parent.id)


@object_type(DocumentRow, "A file that came with a comment: evidence, and from then on immutable.")
class Document(Node):
    filename: str = described("What its uploader called it; up to 255 bytes of UTF-8, without a path.")
    content_type: str = described("What it is by its content, as a media type.")
    size_bytes: int = described("How long it is, up to 10 MiB.")
    sha256: str = described("The SHA-256 of its bytes, 64 hexadecimal digits; the log's hash covers it.")
    uploader: User | None = related("users", "uploader_id", "Who brought it.")
    created_at: datetime = described("When it was uploaded.")
    url: str | None = strawberry.field(
        resolver=document_url,
        description="A link for the viewer alone that downloads it, for five minutes. Needs the scope documents_read.",
    )


@object_type(CommentRow, "Words that came with an action. Never edited, never deleted.")
class Comment(Node):
    body: str = described("The text, 1 to 10 000 characters.")
    author: User | None = related("users", "author_id", "Who wrote it.")
    documents: list[Document] = related("documents_by_comment", "id", "The files that came with it, 10 at most.")
    created_at: datetime = described("When.")


@object_type(OverrideRow, "A request to set the subject's result by hand, which a second person decides.")
class Override(Node):
    case: Annotated["Case", strawberry.lazy(__name__)] | None = related("cases", "case_id", "The case it is part of.")
    subject: Subject | None = related("subjects", "subject_id", "The check whose result it wants to set.")
    created_by: User | None = related("users", "created_by_id", "Who asks. Never one of its reviewers.")
    requested_status: RequestedStatus = described("The result that is asked for.")
    status: OverrideStatus = described("Where it stands.")
    subject_status_at_request: EvaluationStatus = described("The subject's result when it was asked.")
    assigned_reviewers: list[User] = related("reviewers_by_override", "id", "Who is asked to decide, 1 to 10 people.")
    decided_by: User | None = related("users", "decided_by_id", "Who accepted or refused it.")
    decided_at: datetime | None = described("When it was accepted or refused.")
    version: int = described("Counts its changes, from 1.")
    created_at: datetime = described("When it was asked.")


@object_type(ActionRow, "One permanent row of a case's log.")
class CaseAction(Node):
    case: Annotated["Case", strawberry.lazy(__name__)] | None = related("cases", "case_id", "The case.")
    seq: int = described("Its place in the case's log: 1, 2, 3, without a gap.")
    type: ActionType = described("What was done.")
    user: User | None = related("users", "user_id", "Who did it.")
    comment: Comment | None = related("comments", "comment_id", "The words that came with it.")
    override: Override | None = related(
        "overrides", "override_id", "The override that it made or decided, as it is now."
    )
    status_before: CaseStatus | None = described("The case's status before; null for the first row.")
    status_after: CaseStatus = described("The case's status after.")
    resolution: Resolution | None = described("How the case ended, where this row closed it.")
    created_at: datetime = described("When, never earlier than the row before.")
    request_id: str = described("The request that did it, as the answer's header named it.")
    hash: str = described("SHA-256 over the row's canonical encoding and prevHash, 64 hexadecimal digits.")
    prev_hash: str = described("The hash of the row before; 64 zeros in the first row.")


@strawberry.type(description="Whether the viewer may do an action now, and if not, what the mutation would answer.")
class AvailableAction:
    action: ActionType = described("The action.")
    allowed: bool = described("Whether the mutation would succeed, given good input.")
    code: ErrorCode | None = described("Why not.")
    message: str | None = described("Why not, in the language of the request.")


async def case_actions(
    parent: strawberry.Parent[CaseRow],
    info: Info,
    first: First = None,
    last: Last = None,
    after: After = None,
    before: Before = None,
    types: Annotated[
        list[ActionType] | None, strawberry.argument(description="Only rows of these types; null for all.")
    ] = None,
) -> Connection[CaseAction]:
    """Return a page of the case's log."""
    wanted = None if types is None else frozenset(types)
    kind = CursorKind(f"actions of {parent.id}: {sorted(wanted) if wanted is not None else 'all'}")
    arguments = PageArguments(first, after, last, before)
    loaders = info.context.loaders
    rows = await loaders.actions_by_case.load(ActionsKey(parent.id, arguments.window(kind), wanted))

    async def count() -> int:
        if wanted is None:
            return parent.action_count
        counted: int = await loaders.action_counts.load(CountKey(parent.id, wanted))
        return counted

    return cast(Connection[CaseAction], Page(rows, arguments, kind, lambda row: (row.seq,), count))


async def case_documents(
    parent: strawberry.Parent[CaseRow],
    info: Info,
    first: First = None,
    last: Last = None,
    after: After = None,
    before: Before = None,
) -> Connection[Document]:
    """Return a page of the case's documents."""
    kind = CursorKind(f"documents of {parent.id}")
    arguments = PageArguments(first, after, last, before)
    loaders = info.context.loaders
    window = arguments.window(kind, lambda key: (UUID(key[0]),))
    rows = await loaders.documents_by_case.load(DocumentsKey(parent.id, window))

    async def count() -> int:
        counted: int = await loaders.document_counts.load(parent.id)
        return counted

    return cast(Connection[Document], Page(rows, arguments, kind, lambda row: (str(row.id),), count))


async def facts_of(case: CaseRow, context: Context) -> CaseFacts:
    """Return what decides on the actions that are available on *case* now."""
    loaders = context.loaders
    subject: SubjectRow
    override: OverrideRow | None
    subject, override = await asyncio.gather(
        loaders.subjects.load(case.subject_id), loaders.pending_override_by_case.load(case.id)
    )
    reviewers: list[UserRow] = []
    if override is not None and context.actor.restrict_to_assigned_reviewers:
        reviewers = await loaders.reviewers_by_override.load(override.id)
    named = frozenset(reviewer.id for reviewer in reviewers)
    return CaseFacts(case.status, subject.evaluation_status, override.facts(named) if override else None)


async def case_available_actions(parent: strawberry.Parent[CaseRow], info: Info) -> list[AvailableAction]:
    """Return each of the six actions with what the mutation would answer."""
    facts = await facts_of(parent, info.context)
    return [
        AvailableAction(
            action=item.action,
            allowed=item.refusal is None,
            code=item.refusal.code if item.refusal else None,
            message=info.context.message(item.refusal) if item.refusal else None,
        )
        for item in available(info.context.actor, facts)
    ]


@object_type(CaseRow, "A doubtful check, and all that was said and done about it.")
class Case(Node):
    reference: str = described("A short name for people, unique in the account, as in CASE-000123.")
    subject: Subject | None = related("subjects", "subject_id", "The check it is about.")
    title: str = described("What it is about, in a line.")
    description: str | None = described("What it is about, at length.")
    status: CaseStatus = described("Where it stands.")
    resolution: Resolution | None = described("How it ended; null until it is closed.")
    created_by: User | None = related("users", "created_by_id", "Who opened it.")
    created_at: datetime = described("When it was opened.")
    updated_at: datetime = described("When the last action was.")
    closed_by: User | None = related("users", "closed_by_id", "Who closed it.")
    closed_at: datetime | None = described("When it was closed.")
    version: int = described("Counts its changes, from 1; for `expectedVersion`.")
    action_count: int = described("How many rows its log has.")
    head_hash: str = described("The hash of its log's last row.")
    active_override: Override | None = related(
        "pending_override_by_case", "id", "The override that waits for a decision."
    )
    overrides: list[Override] = related("overrides_by_case", "id", "All its overrides, newest first.")
    actions: Connection[CaseAction] = strawberry.field(
        resolver=case_actions, description="Its log, newest first; the latest row comes with `first: 1`."
    )
    documents: Connection[Document] = strawberry.field(
        resolver=case_documents, description="The files of all its comments, newest first."
    )
    available_actions: list[AvailableAction] = strawberry.field(
        resolver=case_available_actions,
        description="What the viewer may do now, and if not, why: just what the mutations would answer.",
    )


@strawberry.type(description="The customer whose data this is. Nobody sees another account's.")
class Account:
    id: ID = described(ID_DESCRIPTION)
    name: str = described("What it is called.")
    default_language: Language = described("The language where neither the request nor the person asks for one.")
    features: list[Feature] = described("What is switched on.")
    restrict_to_assigned_reviewers: bool = described("Whether only the reviewers who were asked may decide.")


@strawberry.type(description="How many requests a token may send, and how many are left; this one is counted.")
class RateLimit:
    limit: int = described("How many in a window.")
    window_seconds: int = described("How long a window is; it moves along with the time.")
    remaining: int = described("How many are left now.")
    reset_seconds: int = described("In how many seconds the next one comes back.")


@strawberry.type(description="Who is asking.")
class Viewer:
    user: User = described("The person.")
    account: Account = described("Their account.")
    scopes: list[Scope] = described("What the token may do.")
    language: Language = described("The language of this answer's messages.")
    rate_limit: RateLimit | None = described("How the token stands with its rate limit; null where there is none.")


def viewer(context: Context) -> Any:
    """Return the viewer of an operation, from what authentication read."""
    identity = context.identity
    account = identity.account
    return Viewer(
        user=cast(User, identity.user),
        account=Account(
            id=ID(str(account.id)),
            name=account.name,
            default_language=account.default_language,
            features=sorted(identity.actor.features),
            restrict_to_assigned_reviewers=account.restrict_to_assigned_reviewers,
        ),
        scopes=[scope for scope in Scope if scope in identity.actor.scopes],
        language=context.language,
        rate_limit=None if context.standing is None else RateLimit(**context.standing.shown()),
    )
