"""The events of a subscription's source, as its resolver yields them (GraphQL specification, section 6.2.3.1)."""

from collections.abc import AsyncGenerator, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, NamedTuple, cast

from graphql import ExecutionResult as CoreResult
from graphql import FieldNode, GraphQLError, GraphQLField, create_source_event_stream, located_error
from graphql.execution.collect_fields import collect_fields
from graphql.execution.values import get_argument_values
from graphql.pyutils import Path
from strawberry.types.field import StrawberryField

from app.api.context import Context
from app.api.execution.executor import BoundedExecutor
from app.api.execution.operations import PreparedOperation
from app.api.execution.preparation import OperationRequest
from app.api.permissions import ReadPermission
from app.api.schema import CORE
from app.api.subscriptions import SourceEvent
from app.domain.errors import UserInactive
from app.domain.facts import Actor


@dataclass(frozen=True, slots=True)
class EventSource:
    """The source of one subscription, and what it takes to be shown its events."""

    prepared: PreparedOperation
    events: AsyncGenerator[SourceEvent, None]
    permissions: tuple[ReadPermission, ...]
    nodes: list[FieldNode]
    response_name: str

    async def next(self) -> SourceEvent | None:
        """Return the next event, None where no more come. Raises: GraphQLError, at the subscription's field."""
        with _located(self.nodes, self.response_name):
            return await anext(self.events, None)

    def permit(self, actor: Actor) -> None:
        """Let *actor* be shown an event. Raises: Refusal."""
        if not actor.active:
            raise UserInactive()
        for permission in self.permissions:
            permission.permit(actor)


async def subscribe(
    prepared: PreparedOperation, sent: OperationRequest, context: Context, resume_from: str | None = None
) -> EventSource | list[GraphQLError]:
    """Return the source of a subscription that was prepared, or why there is none.

    Where the field has an argument `after` and the operation gives none, it goes on after *resume_from*.
    """
    assert prepared.document is not None
    executor = BoundedExecutor.build(
        CORE,
        prepared.document,
        context_value=context,
        raw_variable_values=sent.variables,
        operation_name=sent.operation_name,
    )
    if isinstance(executor, list):
        return executor
    root = _root(cast(BoundedExecutor, executor))
    try:
        stream = await _stream(cast(BoundedExecutor, executor), root, resume_from)
    except GraphQLError as error:
        return [error]
    definition: StrawberryField = root.field.extensions["strawberry-definition"]
    permissions = tuple(item for item in definition.extensions if isinstance(item, ReadPermission))
    return EventSource(prepared, stream, permissions, root.nodes, root.response_name)


class _Root(NamedTuple):
    """The one field that a subscription has at its root."""

    response_name: str
    nodes: list[FieldNode]
    field: GraphQLField


async def _stream(executor: BoundedExecutor, root: _Root, resume_from: str | None) -> AsyncGenerator[Any, None]:
    """Return the stream of source events. Raises: GraphQLError."""
    arguments = {}
    if resume_from is not None and "after" in root.field.args:
        arguments = get_argument_values(root.field, root.nodes[0], executor.variable_values)
    if resume_from is None or "after" not in root.field.args or arguments.get("after") is not None:
        found = create_source_event_stream(executor)
        stream = await found if executor.is_awaitable(found) else found
        if isinstance(stream, CoreResult):
            raise (stream.errors or [GraphQLError("There is no stream of events.")])[0]
        return cast(AsyncGenerator[Any, None], stream)
    assert CORE.subscription_type is not None and root.field.subscribe is not None
    path = Path(None, root.response_name, CORE.subscription_type.name)
    info = executor.build_resolve_info(root.field, root.nodes, CORE.subscription_type, path)
    with _located(root.nodes, root.response_name):
        found = root.field.subscribe(None, info, **arguments | {"after": resume_from})
        return cast(AsyncGenerator[Any, None], await found if executor.is_awaitable(found) else found)


@contextmanager
def _located(nodes: list[FieldNode], response_name: str) -> Iterator[None]:
    """Raise what goes wrong inside as an error at the subscription's field."""
    try:
        yield
    except Exception as fault:
        raise located_error(fault, nodes, [response_name]) from fault


def _root(executor: BoundedExecutor) -> _Root:
    root = CORE.subscription_type
    assert root is not None
    grouped = collect_fields(
        CORE, executor.fragments, executor.variable_values, root, executor.operation, executor.hide_suggestions
    ).grouped_field_set
    response_name, details = next(iter(grouped.items()))
    nodes = [detail.node for detail in details]
    return _Root(response_name, nodes, root.fields[nodes[0].name.value])
