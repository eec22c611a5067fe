"""The second yardstick: Strawberry with ORM entities and dataloaders, as a good developer writes it at first.

One session a loader, no N+1, a transaction with a lock; none of what a second look would add: no caches of documents,
no light rows, no orjson. It has no limits, logs, metrics or languages, and no refusals as data beside their codes.
Served by `uvicorn --factory scripts.benchmarks.naive:application`, on the database of BENCH_DATABASE_URL.
"""

import os
from collections import defaultdict
from collections.abc import Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

import strawberry
from sqlalchemy import func, select
from sqlalchemy.ext.asyncio import AsyncSession, async_sessionmaker
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.routing import Mount
from strawberry.asgi import GraphQL
from strawberry.dataloader import DataLoader

from app import clock
from app.auth.identity import bearer, secret_hash
from app.db.engines import Database, Timeouts, open_database
from app.domain.model import ActionType, CaseStatus, OverrideStatus, RequestedStatus, Role, Scope
from scripts.benchmarks import naive_models as entities
from scripts.benchmarks.naive_writing import accept_override, add_comment

CaseStatusEnum = strawberry.enum(CaseStatus, name="CaseStatus")
ActionTypeEnum = strawberry.enum(ActionType, name="ActionType")
OverrideStatusEnum = strawberry.enum(OverrideStatus, name="OverrideStatus")
RequestedStatusEnum = strawberry.enum(RequestedStatus, name="RequestedStatus")


class Context:
    """What resolvers need: who asks, and the loaders of this request."""

    def __init__(self, database: Database, token: entities.ApiToken) -> None:
        self.token = token
        self.account_id: UUID = token.account_id
        self.read = async_sessionmaker(database.reader.engine, expire_on_commit=False)
        self.write = async_sessionmaker(database.writer.engine, expire_on_commit=False)
        self.users = self._by_id(entities.User)
        self.comments = self._by_id(entities.Comment)
        self.overrides = self._by_id(entities.Override)
        self.actions = DataLoader(load_fn=self._actions)
        self.documents = DataLoader(load_fn=self._documents)
        self.reviewers = DataLoader(load_fn=self._reviewers)

    def _by_id(self, entity: Any) -> DataLoader[UUID, Any]:
        async def load(ids: list[UUID]) -> Sequence[Any]:
            async with self.read() as session:
                statement = select(entity).where(entity.account_id == self.account_id, entity.id.in_(ids))
                found = {row.id: row for row in (await session.scalars(statement)).unique()}
                return [found.get(id) for id in ids]

        return DataLoader(load_fn=load)

    async def _actions(self, keys: list[tuple[UUID, int]]) -> Sequence[Any]:
        first = max(number for _, number in keys)
        table = entities.CaseAction
        ids = [case_id for case_id, _ in keys]
        rank = func.row_number().over(partition_by=table.case_id, order_by=table.seq.desc()).label("rank")
        ranked = select(table.id, rank).where(table.account_id == self.account_id, table.case_id.in_(ids)).subquery()
        statement = (
            select(table).join(ranked, ranked.c.id == table.id).where(ranked.c.rank <= first).order_by(table.seq.desc())
        )
        found = defaultdict(list)
        async with self.read() as session:
            for row in await session.scalars(statement):
                found[row.case_id].append(row)
        return [found[case_id][:number] for case_id, number in keys]

    async def _documents(self, ids: list[UUID]) -> Sequence[Any]:
        table = entities.Document
        statement = select(table).where(table.comment_id.in_(ids)).order_by(table.position)
        found = defaultdict(list)
        async with self.read() as session:
            for row in await session.scalars(statement):
                found[row.comment_id].append(row)
        return [found[id] for id in ids]

    async def _reviewers(self, ids: list[UUID]) -> Sequence[Any]:
        link, user = entities.OverrideReviewer, entities.User
        statement = (
            select(link.override_id, user)
            .join(user, user.id == link.reviewer_id)
            .where(link.override_id.in_(ids))
            .order_by(link.position)
        )
        found = defaultdict(list)
        async with self.read() as session:
            for override_id, row in (await session.execute(statement)).unique():
                found[override_id].append(row)
        return [found[id] for id in ids]


Info = strawberry.Info[Context, None]


@strawberry.type
class User:
    id: strawberry.ID
    display_name: str


@strawberry.type
class Document:
    id: strawberry.ID
    filename: str
    content_type: str
    size_bytes: int


@strawberry.type
class Comment:
    id: strawberry.ID
    body: str

    @strawberry.field
    async def documents(self, info: Info) -> list[Document]:
        return await info.context.documents.load(self.id)


@strawberry.type
class Override:
    id: strawberry.ID
    status: OverrideStatusEnum  # type: ignore[valid-type]  # made by strawberry
    requested_status: RequestedStatusEnum  # type: ignore[valid-type]

    @strawberry.field
    async def assigned_reviewers(self, info: Info) -> list[User]:
        return await info.context.reviewers.load(self.id)

    @strawberry.field
    async def decided_by(self, info: Info) -> User | None:
        decider = self.decided_by_id
        return decider and await info.context.users.load(decider)


@strawberry.type
class CaseAction:
    id: strawberry.ID
    seq: int
    type: ActionTypeEnum  # type: ignore[valid-type]
    created_at: datetime

    @strawberry.field
    async def user(self, info: Info) -> User | None:
        return await info.context.users.load(self.user_id)

    @strawberry.field
    async def comment(self, info: Info) -> Comment | None:
        found = self.comment_id
        return found and await info.context.comments.load(found)

    @strawberry.field
    async def override(self, info: Info) -> Override | None:
        found = self.override_id
        return found and await info.context.overrides.load(found)


@strawberry.type
class CaseActions:
    nodes: list[CaseAction]


@strawberry.type
class Case:
    id: strawberry.ID
    title: str
    status: CaseStatusEnum  # type: ignore[valid-type]
    updated_at: datetime

    @strawberry.field
    def reference(self) -> str:
        return f"CASE-{self.number:06}"

    @strawberry.field
    async def actions(self, info: Info, first: int) -> CaseActions:
        return CaseActions(nodes=await info.context.actions.load((UUID(str(self.id)), first)))


@strawberry.type
class PageInfo:
    has_next_page: bool


@strawberry.type
class Cases:
    nodes: list[Case]
    page_info: PageInfo


@strawberry.type
class Query:
    @strawberry.field
    async def case(self, info: Info, id: strawberry.ID) -> Case | None:
        table = entities.Case
        async with info.context.read() as session:
            statement = select(table).where(table.id == UUID(id), table.account_id == info.context.account_id)
            return await session.scalar(statement)

    @strawberry.field
    async def cases(self, info: Info, first: int, after: str | None = None) -> Cases:
        table = entities.Case
        statement = select(table).where(table.account_id == info.context.account_id)
        if after is not None:
            statement = statement.where(table.number < int(after))
        async with info.context.read() as session:
            found = list(await session.scalars(statement.order_by(table.number.desc()).limit(first + 1)))
        return Cases(nodes=found[:first], page_info=PageInfo(has_next_page=len(found) > first))


@strawberry.type
class UserError:
    code: str


@strawberry.input
class AddCommentInput:
    case_id: strawberry.ID
    body: str


@strawberry.input
class AcceptOverrideInput:
    case_id: strawberry.ID
    override_id: strawberry.ID
    expected_version: int


@strawberry.type
class AddCommentPayload:
    errors: list[UserError]
    case: Case | None
    action: CaseAction | None


@strawberry.type
class AcceptOverridePayload:
    errors: list[UserError]
    case: Case | None
    action: CaseAction | None
    override: Override | None


@strawberry.type
class Mutation:
    @strawberry.mutation
    async def add_comment(self, info: Info, input: AddCommentInput) -> AddCommentPayload:
        async with info.context.write() as session, session.begin():
            made = await add_comment(session, info.context.token, UUID(input.case_id), input.body, str(clock.new_id()))
        return AddCommentPayload(errors=[], case=made.case, action=made.action)

    @strawberry.mutation
    async def accept_override(self, info: Info, input: AcceptOverrideInput) -> AcceptOverridePayload:
        ids, version = (UUID(input.case_id), UUID(input.override_id)), input.expected_version
        async with info.context.write() as session, session.begin():
            made = await accept_override(session, info.context.token, *ids, version, str(clock.new_id()))
        return AcceptOverridePayload(errors=[], case=made.case, action=made.action, override=made.override)


class Endpoint(GraphQL[Context, None]):
    """Strawberry's own ASGI app, which asks for the token."""

    def __init__(self, schema: strawberry.Schema, database: Database) -> None:
        super().__init__(schema, graphql_ide=None)
        self._database = database

    async def get_context(self, request: Any, response: Any) -> Context:
        return Context(self._database, await _token(self._database, request))


async def _token(database: Database, request: Request) -> entities.ApiToken:
    table = entities.ApiToken
    secret = secret_hash(bearer(request.headers.get("authorization")))
    async with AsyncSession(database.reader.engine, expire_on_commit=False) as session:
        token = await session.scalar(select(table).where(table.secret_hash == secret))
    assert token is not None and token.revoked_at is None, "no such token"
    assert token.expires_at is None or token.expires_at > clock.now(), "expired"
    assert token.account.cases_enabled and token.user.active, "not enabled"
    assert {Scope.CASES_READ, Scope.CASES_WRITE} <= set(token.scopes.split()), "scope"
    assert {role.role for role in token.user.roles} & {Role.CONTRIBUTOR, Role.REVIEWER}, "role"
    return token


def application() -> Starlette:
    """Return the app for the database that the environment names."""
    database = open_database(os.environ["BENCH_DATABASE_URL"], patience=Timeouts(pool=60))
    schema = strawberry.Schema(Query, Mutation)
    return Starlette(routes=[Mount("/graphql", Endpoint(schema, database))])
