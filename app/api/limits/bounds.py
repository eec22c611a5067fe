"""The limits of an operation, which settings are made of: commands know them without loading what enforces them."""

from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import TYPE_CHECKING

import structlog

from app.domain.errors import QueryTooComplex

if TYPE_CHECKING:
    from graphql import GraphQLError

    from app.api.limits.measurement import Measures

ACTUAL_MAX = 2**31 - 1  # what fragments expand to has a thousand digits if they want

log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class Limits:
    """The most that one operation may be. `warn_only` names those that are only logged where they are passed."""

    tokens: int = 4_000
    nesting: int = 32
    depth: int = 12
    aliases: int = 30
    root_fields: int = 20
    mutations: int = 5
    directives: int = 50
    fragments: int = 50
    selections: int = 1_000
    cost: int = 75_000
    introspection: int = 400_000
    inputs: int = 5_000
    warn_only: frozenset[str] = frozenset()

    def check(self, measures: Mapping[str, int], document_hash: str) -> "list[GraphQLError]":
        """Return an error for each limit that is passed; log those that are not enforced."""
        errors = []
        for what, actual in measures.items():
            limit: int = getattr(self, what)
            if actual <= limit:
                continue
            if what in self.warn_only:
                log.warning("limit_passed", what=what, limit=limit, actual=actual, document=document_hash)
                continue
            refusal = QueryTooComplex(what=what, limit=limit, actual=min(actual, ACTUAL_MAX))
            errors.append(_as_error(refusal))
        return errors

    def most_fields(self, measures: "Measures") -> int | None:
        """Return how many fields the answer may have, whatever was measured; None where that is not enforced."""
        if "cost" in self.warn_only:
            return None
        if not measures.introspection:
            return self.cost
        return None if "introspection" in self.warn_only else self.cost + self.introspection


NAMES = tuple(field.name for field in fields(Limits) if field.name != "warn_only")


def _as_error(refusal: QueryTooComplex) -> "GraphQLError":
    from graphql import GraphQLError  # where something is measured it is there

    return GraphQLError(refusal.code, original_error=refusal)
