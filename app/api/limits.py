"""Limits on documents: a linear scan before parsing, and one pass over the parsed document before it is validated.

The pass looks at each selection once: a fragment is measured when all that it spreads has been, and its measures are
added wherever it is spread, so that a document costs what it is long and not what it expands to. What an operation may
do is not decided here.
"""

from collections import OrderedDict
from collections.abc import Hashable, Mapping
from dataclasses import asdict, dataclass, fields
from functools import lru_cache
from typing import Any

import structlog
from graphql import DocumentNode, GraphQLError, GraphQLSchema

from app.api.measuring import Measures, measure
from app.api.scanning import scan
from app.domain.errors import QueryTooComplex

DOCUMENTS_REMEMBERED = 1000
LENGTH_REMEMBERED = 8_192  # in characters
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
    introspection: int = 200_000
    warn_only: frozenset[str] = frozenset()

    def check(self, measures: Mapping[str, int], document_hash: str) -> list[GraphQLError]:
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
            errors.append(GraphQLError(refusal.code, original_error=refusal))
        return errors


NAMES = tuple(field.name for field in fields(Limits) if field.name != "warn_only")


class Limiter:
    """Measures documents for one schema, and remembers what it found."""

    def __init__(self, schema: GraphQLSchema) -> None:
        self._schema = schema
        self._known: OrderedDict[Hashable, tuple[tuple[str, ...], dict[Hashable, Measures]]] = OrderedDict()

    def scan(self, query: str, limits: Limits, document_hash: str) -> list[GraphQLError]:
        """Return what is wrong with a document's tokens and brackets, read no further than its limits."""
        # Where a limit only warns, the scan has to go on: to the end, as the bytes are bounded.
        tokens_max = None if "tokens" in limits.warn_only else limits.tokens
        nesting_max = None if "nesting" in limits.warn_only else limits.nesting
        tokens, nesting = (_scanned if len(query) <= LENGTH_REMEMBERED else scan)(query, tokens_max, nesting_max)
        if tokens <= limits.tokens and nesting <= limits.nesting:
            return []
        return limits.check({"tokens": tokens, "nesting": nesting}, document_hash)

    def measure(
        self, query: str, document: DocumentNode, operation: str | None, variables: Mapping[str, Any]
    ) -> Measures | None:
        """Return the measures of an operation; None where its fragments go round in circles, which is invalid.

        *variables* are coerced.
        """
        key = (query, operation)
        if key in self._known:
            self._known.move_to_end(key)
            names, found = self._known[key]
            sizes = tuple(_hashable(variables.get(name)) for name in names)
            if sizes in found:
                return found[sizes]
        measured = measure(self._schema, document, operation, variables)
        if measured is None:
            return None
        measures, names = measured
        self._remember(key, names, tuple(_hashable(variables.get(name)) for name in names), measures)
        return measures

    def _remember(self, key: Hashable, names: tuple[str, ...], sizes: Hashable, measures: Measures) -> None:
        _, found = self._known.setdefault(key, (names, {}))
        if len(found) >= 100:
            found.clear()
        found[sizes] = measures
        while len(self._known) > DOCUMENTS_REMEMBERED:
            self._known.popitem(last=False)


_scanned = lru_cache(maxsize=DOCUMENTS_REMEMBERED)(scan)


def _hashable(value: Any) -> Hashable:
    """Return what counts of a variable that a size hangs on: the number, or the length of the list."""
    if isinstance(value, list):
        return ("list", len(value))
    return value if isinstance(value, int) else None


@lru_cache(maxsize=DOCUMENTS_REMEMBERED)
def as_limits(measures: Measures) -> Mapping[str, int]:
    """Return *measures* by the names of their limits; an operation's root is of one kind."""
    found = asdict(measures)
    root = found.pop("root")
    is_mutation = found.pop("is_mutation")
    return {("mutations" if is_mutation else "root_fields"): root, **found}
