"""The results of one operation's mutations, so that none is performed twice where a plan fails after it.

A plan notes how each of its mutations ended. If it fails later, graphql-core executes the operation anew, and takes
what was noted in place of the field's own code.
"""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from graphql import GraphQLSchema, default_field_resolver

from app.auth.identity_cache import IdentityRemembered


@dataclass(frozen=True, slots=True)
class MutationResult:
    """What a mutation returned or raised; `known` is what it left to the loaders of its selection."""

    payload: object
    fault: Exception | None
    known: Mapping[str, Mapping[UUID, Any]]


async def record(code: Callable[..., Awaitable[Any]], name: str, source: Any, info: Any, **arguments: Any) -> Any:
    """Return what a mutation's *code* gives, and note it by the mutation's *name* in the answer."""
    context = info.context
    try:
        payload = await code(source, info, **arguments)
    except IdentityRemembered:  # it is performed anew, in another context
        raise
    except Exception as fault:
        context.actions.results[name] = MutationResult(None, fault, {})
        raise
    context.actions.results[name] = MutationResult(payload, None, context.reads.left)
    return payload


def resume_mutations(schema: GraphQLSchema) -> None:
    """Have graphql-core take the noted result of a mutation, where there is one."""
    assert schema.mutation_type is not None
    for field in schema.mutation_type.fields.values():
        field.resolve = _resuming(field.resolve or default_field_resolver)


def _resuming(resolve: Callable[..., Any]) -> Callable[..., Any]:
    def resume(source: Any, info: Any, **arguments: Any) -> Any:
        result: MutationResult | None = info.context.actions.results.get(info.path.key)
        if result is None:
            return resolve(source, info, **arguments)
        info.context.reads.renew(result.known)
        if result.fault is not None:
            raise result.fault
        return result.payload

    return resume
