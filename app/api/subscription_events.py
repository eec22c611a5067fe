"""The events of a subscription's source, as its resolver yields them (GraphQL specification, section 6.2.3.1)."""

from collections.abc import AsyncGenerator
from dataclasses import dataclass
from typing import Any, cast

from graphql import ExecutionResult as CoreResult
from graphql import GraphQLError, GraphQLField, create_source_event_stream, located_error
from graphql.execution.collect_fields import collect_fields
from strawberry.types.field import StrawberryField

from app.api.context import Context
from app.api.execution.executor import BoundedExecutor
from app.api.execution.operations import PreparedOperation
from app.api.execution.preparation import OperationRequest
from app.api.permissions import ReadPermission
from app.api.schema import CORE
from app.domain.errors import UserInactive
from app.domain.model import Actor


@dataclass(frozen=True, slots=True)
class EventSource:
    """The source of one subscription, and what it takes to be shown its events."""

    prepared: PreparedOperation
    events: AsyncGenerator[Any, None]
    permissions: tuple[ReadPermission, ...]
    nodes: tuple[Any, ...]
    response_name: str

    async def next(self) -> Any:
        """Return the next event, None where no more come. Raises: GraphQLError, at the subscription's field."""
        try:
            return await anext(self.events, None)
        except Exception as fault:
            raise located_error(fault, self.nodes, [self.response_name]) from fault

    def permit(self, actor: Actor) -> None:
        """Let *actor* be shown an event. Raises: Refusal."""
        if not actor.active:
            raise UserInactive()
        for permission in self.permissions:
            permission.permit(actor)


async def subscribe(
    prepared: PreparedOperation, sent: OperationRequest, context: Context
) -> EventSource | list[GraphQLError]:
    """Return the source of a subscription that was prepared, or why there is none."""
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
    found = create_source_event_stream(executor)
    stream = await found if executor.is_awaitable(found) else found
    if isinstance(stream, CoreResult):
        return stream.errors or []
    response_name, nodes, field = _root(cast(BoundedExecutor, executor))
    definition: StrawberryField = field.extensions["strawberry-definition"]
    permissions = tuple(item for item in definition.extensions if isinstance(item, ReadPermission))
    return EventSource(prepared, cast(AsyncGenerator[Any, None], stream), permissions, nodes, response_name)


def _root(executor: BoundedExecutor) -> tuple[str, tuple[Any, ...], GraphQLField]:
    """Return the one field that a subscription has at its root: the name of its response, its nodes, itself."""
    root = CORE.subscription_type
    assert root is not None
    grouped = collect_fields(
        CORE, executor.fragments, executor.variable_values, root, executor.operation, executor.hide_suggestions
    ).grouped_field_set
    response_name, details = next(iter(grouped.items()))
    nodes = tuple(detail.node for detail in details)
    return response_name, nodes, root.fields[nodes[0].name.value]
