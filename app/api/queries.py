"""The queries: who am I, one case, the cases, the people, and anything by its id."""

import asyncio
from typing import Annotated, Any, cast
from uuid import UUID

import strawberry
from strawberry import ID

from app.api.context import Context, Info
from app.api.enums import Role
from app.api.fields import resolved
from app.api.labels import In, Label, all_labels
from app.api.pagination import After, Before, Connection, First, Last, PageArguments
from app.api.permissions import AdminReadPermission, ReadPermission
from app.api.resolvers.cases import AsOf, one_case, one_snapshot, which_case
from app.api.resolvers.nodes import load_node
from app.api.resolvers.people import OrderPeopleBy, PeopleSearch, people_of, people_page
from app.api.resolvers.worklist import CaseConnection, Filter, OrderBy, Search, case_page, worklist_of
from app.api.types import Case, CaseAction, Node, User, Viewer, viewer
from app.api.types.administration import (
    AccountAction,
    AccountChange,
    ApiToken,
    admin_log,
    pending_changes,
    tokens,
)
from app.api.types.lists import By, Since, Types, account_actions, rows_of
from app.api.types.notices import DESCRIPTION as NOTICES
from app.api.types.notices import Notice, notices
from app.api.types.oversight import (
    PolicyInput,
    PolicyReplayConnection,
    ReplaySince,
    ReviewStatistic,
    Until,
    policy_replay,
    review_statistics,
)
from app.api.types.oversight import Since as DecidedSince
from app.api.types.receipts import Receipt, receipt
from app.api.types.snapshots import CaseSnapshot
from app.api.types.webhooks import Webhook, webhooks
from app.api.types.workflow import Workflow, workflow
from app.db.repository.people import People
from app.domain.errors import Detail, InvalidId, InvalidInput, Refusal
from app.domain.model import Feature, Scope, UserKind
from app.domain.validation import parse_id

NODES_MAX = 100

_READ_CASES = ReadPermission(Scope.CASES_READ, Feature.CASES)
_READ_USERS = ReadPermission(Scope.USERS_READ)
_ADMINISTER = AdminReadPermission()


def _id(value: str, *path: str) -> UUID:
    parsed = parse_id(value)
    if parsed is None:
        raise InvalidId(*path)
    return parsed


CaseId = Annotated[ID | None, strawberry.argument(description="Its UUID.")]
Reference = Annotated[str | None, strawberry.argument(description="As in CASE-000123.")]


async def _node_or_refusal(context: Context, value: str, index: int) -> Any:
    """Return the node, or the refusal that is to be shown at its place among others."""
    try:
        return await load_node(context, _id(value, "ids", str(index)))
    except Refusal as refusal:
        return refusal


@strawberry.type(description="What can be read.")
class Query:
    @resolved("Who is asking, and what they may do.")
    async def viewer(self, info: Info) -> Viewer:
        return viewer(info.context)

    @resolved(
        "One case, by its id or by its reference; null where the account has none.", _READ_CASES, loads=("cases_with",)
    )
    async def case(self, info: Info, id: CaseId = None, reference: Reference = None) -> Case | None:
        return cast(Case | None, await one_case(info, which_case(id, reference)))

    @resolved(
        "One case as it stood at a moment, by its id or by its reference; null where the account has none, or had none"
        " then. What hangs on it is as it was too, but for people.",
        _READ_CASES,
    )
    async def case_snapshot(
        self,
        info: Info,
        as_of: Annotated[AsOf, strawberry.argument(description="When.")],
        id: CaseId = None,
        reference: Reference = None,
    ) -> CaseSnapshot | None:
        return cast(CaseSnapshot | None, await one_snapshot(info, which_case(id, reference), as_of))

    @resolved("The account's cases: by default all, the newest first.", _READ_CASES, loads=())
    async def cases(
        self,
        info: Info,
        filter: Filter = None,
        order_by: OrderBy = None,
        search: Search = None,
        first: First = None,
        last: Last = None,
        after: After = None,
        before: Before = None,
    ) -> CaseConnection | None:
        worklist = worklist_of(info.context, filter, order_by, search)
        return cast(CaseConnection, await case_page(info, worklist, PageArguments(first, after, last, before)))

    @resolved(
        "The account's whole log, the oldest row first. Follow it by asking for what comes `after` the last cursor you"
        " have: no row ever comes in before one that was shown, however late it is committed. It may lag behind a"
        " case's own log while a transaction is under way.",
        _READ_CASES,
    )
    async def actions(
        self,
        info: Info,
        types: Types = None,
        since: Since = None,
        user: By = None,
        first: First = None,
        last: Last = None,
        after: After = None,
        before: Before = None,
    ) -> Connection[CaseAction] | None:
        arguments = PageArguments(first, after, last, before)
        page = await account_actions(info.context, arguments, rows_of(types, since, user))
        return cast(Connection[CaseAction], page)

    @resolved(
        "Whether a row of the log, as an action's payload told its `seq` and `hash`, still stands; null where the"
        " account has no such case. That the row's words are those of its hash, `casegate log verify` tells.",
        _READ_CASES,
    )
    async def verify_receipt(
        self,
        info: Info,
        case_id: Annotated[ID, strawberry.argument(description="The case's UUID.")],
        seq: Annotated[int, strawberry.argument(description="The row's place in the case's log.")],
        hash: Annotated[str, strawberry.argument(description="The row's hash, 64 hexadecimal digits.")],
    ) -> Receipt | None:
        return await receipt(info.context, case_id, seq, hash)

    @resolved("The account's people: by default all, the newest first.", _READ_USERS)
    async def users(
        self,
        info: Info,
        role: Annotated[Role | None, strawberry.argument(description="Only people with this role.")] = None,
        active: Annotated[
            bool | None, strawberry.argument(description="Only people who may act, or who may not.")
        ] = None,
        search: PeopleSearch = None,
        order_by: OrderPeopleBy = None,
        first: First = None,
        last: Last = None,
        after: After = None,
        before: Before = None,
    ) -> Connection[User] | None:
        people = people_of(People(role, active), search, order_by)
        page = await people_page(info.context, people, PageArguments(first, after, last, before))
        return cast(Connection[User], page)

    @resolved("The account's own log, of what was administered, the newest row first. For admins.", _ADMINISTER)
    async def admin_log(
        self, info: Info, first: First = None, last: Last = None, after: After = None, before: Before = None
    ) -> Connection[AccountAction] | None:
        page = await admin_log(info.context, PageArguments(first, after, last, before))
        return cast(Connection[AccountAction], page)

    @resolved("The changes that wait for a second admin, the newest first. For admins.", _ADMINISTER)
    async def pending_changes(
        self, info: Info, first: First = None, last: Last = None, after: After = None, before: Before = None
    ) -> Connection[AccountChange] | None:
        page = await pending_changes(info.context, PageArguments(first, after, last, before))
        return cast(Connection[AccountChange], page)

    @resolved("The account's tokens, revoked ones too, the newest first. For admins.", _ADMINISTER)
    async def tokens(
        self,
        info: Info,
        user: Annotated[ID | None, strawberry.argument(description="Only this person's or service account's.")] = None,
        first: First = None,
        last: Last = None,
        after: After = None,
        before: Before = None,
    ) -> Connection[ApiToken] | None:
        page = await tokens(info.context, PageArguments(first, after, last, before), user)
        return cast(Connection[ApiToken], page)

    @resolved("The account's service accounts, the newest first. For admins.", _ADMINISTER)
    async def service_accounts(
        self, info: Info, first: First = None, last: Last = None, after: After = None, before: Before = None
    ) -> Connection[User] | None:
        services = People(kind=UserKind.SERVICE)
        page = await people_page(info.context, services, PageArguments(first, after, last, before))
        return cast(Connection[User], page)

    @resolved("The account's webhooks, the newest first. For admins.", _ADMINISTER)
    async def webhooks(
        self, info: Info, first: First = None, last: Last = None, after: After = None, before: Before = None
    ) -> Connection[Webhook] | None:
        page = await webhooks(info.context, PageArguments(first, after, last, before))
        return cast(Connection[Webhook], page)

    @resolved(
        "Who decided on whose overrides, and how: a row for each creator and reviewer who met, those who met most often"
        " first. For admins.",
        _ADMINISTER,
    )
    async def review_statistics(
        self,
        info: Info,
        since: DecidedSince = None,
        until: Until = None,
        first: First = None,
        last: Last = None,
        after: After = None,
        before: Before = None,
    ) -> Connection[ReviewStatistic] | None:
        page = await review_statistics(info.context, since, until, PageArguments(first, after, last, before))
        return cast(Connection[ReviewStatistic], page)

    @resolved(
        "The decisions that were taken and that other policies would have refused, the oldest first, by what the log's"
        " rows say of each. Each is judged for itself, as if all before it had been allowed. For admins whose token may"
        " read cases too.",
        _ADMINISTER,
    )
    async def policy_replay(
        self,
        info: Info,
        policy: Annotated[PolicyInput, strawberry.argument(description="The policies to try.")],
        since: ReplaySince,
        first: First = None,
        last: Last = None,
        after: After = None,
        before: Before = None,
    ) -> PolicyReplayConnection | None:
        return await policy_replay(info.context, policy, since, PageArguments(first, after, last, before))

    @resolved(NOTICES, _ADMINISTER)
    async def notices(
        self, info: Info, first: First = None, last: Last = None, after: After = None, before: Before = None
    ) -> Connection[Notice] | None:
        page = await notices(info.context, PageArguments(first, after, last, before))
        return cast(Connection[Notice], page)

    @resolved("Who may do what when, as data: the table that every action is checked against.")
    async def workflow(self) -> Workflow:
        return workflow()

    @resolved("What to call the members of the enums that people see, every member once.")
    async def labels(self, info: Info, language: In = None) -> list[Label]:
        return all_labels(info.context, language)

    @resolved("Anything by its id; null where the account has no such thing.")
    async def node(self, info: Info, id: Annotated[ID, strawberry.argument(description="Its UUID.")]) -> Node | None:
        return cast(Node | None, await load_node(info.context, _id(id, "id")))

    @resolved(
        f"Several things by their ids, in that order, as many as `ids`, {NODES_MAX} at most; null for each that is"
        " not there, and, with an error at its place, for each that can't be read."
    )
    async def nodes(
        self,
        info: Info,
        ids: Annotated[list[ID], strawberry.argument(description=f"Their UUIDs, {NODES_MAX} at most.")],
    ) -> list[Node | None] | None:
        if len(ids) > NODES_MAX:
            raise InvalidInput("ids", detail=Detail.of_length(len(ids), NODES_MAX))
        found = await asyncio.gather(*(_node_or_refusal(info.context, id, index) for index, id in enumerate(ids)))
        return cast(list[Node | None], found)
