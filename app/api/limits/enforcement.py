"""Limits on documents: a linear scan before parsing, and one pass over the parsed document before it is validated.

The pass looks at each selection once: a fragment is measured when all that it spreads has been, and its measures are
added wherever it is spread, so that a document costs what it is long and not what it expands to. What an operation may
do is not decided here.
"""

from collections.abc import Hashable, Mapping
from dataclasses import asdict
from functools import lru_cache
from typing import Any

from graphql import DocumentNode, GraphQLError, GraphQLSchema

from app.api.execution.document_cache import CachedDocument, DocumentCache
from app.api.limits.bounds import Limits
from app.api.limits.measurement import Measures, measure
from app.api.limits.scanner import scan
from app.api.limits.variables import values_in


class Limiter:
    """Measures documents for one schema, and remembers what it found of those that are known."""

    def __init__(self, schema: GraphQLSchema, documents: DocumentCache) -> None:
        self._schema = schema
        self._documents = documents

    def check_text(
        self,
        text: str,
        known: CachedDocument | None,
        variables: Mapping[str, object] | None,
        limits: Limits,
        document_hash: str,
    ) -> list[GraphQLError]:
        """Return what passes its limit before the document is parsed: its tokens, its nesting, the variables' values.

        The text is read no further than its limits.
        """
        tokens, nesting = _scanned(text, limits) if known is None else known.scanned
        if tokens > limits.tokens or nesting > limits.nesting:
            errors = limits.check({"tokens": tokens, "nesting": nesting}, document_hash)
            if errors:
                return errors
        count = values_in(variables, limits.inputs) if variables else 0  # each is looked at several times
        return limits.check({"inputs": count}, document_hash) if count > limits.inputs else []

    def measure(
        self,
        known: CachedDocument | None,
        document: DocumentNode,
        operation: str | None,
        variables: Mapping[str, object],
    ) -> Measures | None:
        """Return the measures of an operation; None where its fragments go round in circles, which is invalid.

        *known*: what is remembered of the document; *variables* are coerced.
        """
        remembered: _Remembered | None = None if known is None else known.measures.get(operation)
        if remembered is not None:
            found = remembered.of(variables)
            if found is not None:
                return found
        measured = measure(self._schema, document, operation, variables)
        if measured is None:
            return None
        measures, sized_by, weighed_by = measured
        if known is not None:
            remembered = known.measures.setdefault(operation, _Remembered(sized_by, weighed_by))
            remembered.keep(variables, measures)
            self._documents.note_measures(known)
        return measures


def _scanned(text: str, limits: Limits) -> tuple[int, int]:
    # Where a limit only warns, the scan has to go on: to the end, as the bytes are bounded.
    tokens_max = None if "tokens" in limits.warn_only else limits.tokens
    nesting_max = None if "nesting" in limits.warn_only else limits.nesting
    return scan(text, tokens_max, nesting_max)


class _Remembered:
    """The measures of one operation, by what they hang on of its variables."""

    def __init__(self, sized_by: tuple[str, ...], weighed_by: tuple[str, ...]) -> None:
        self._sized_by = sized_by
        self._weighed_by = weighed_by
        self._found: dict[Hashable, Measures] = {}

    def of(self, variables: Mapping[str, Any]) -> Measures | None:
        return self._found.get(self._key(variables))

    def keep(self, variables: Mapping[str, object], measures: Measures) -> None:
        if len(self._found) >= 100:
            self._found.clear()
        self._found[self._key(variables)] = measures

    def _key(self, variables: Mapping[str, object]) -> Hashable:
        sizes = [_hashable(variables.get(name)) for name in self._sized_by]
        return (*sizes, *[values_in(variables.get(name)) for name in self._weighed_by])


def _hashable(value: object) -> Hashable:
    """Return what a size hangs on of a variable: its number, the lengths of its lists, whether it is null."""
    if isinstance(value, list):
        return ("list", len(value))
    if isinstance(value, dict):
        return tuple((name, _hashable(member)) for name, member in value.items() if isinstance(member, list))
    return value if value is None or isinstance(value, int) else "given"


@lru_cache(maxsize=1000)
def as_limits(measures: Measures) -> Mapping[str, int]:
    """Return *measures* by the names of their limits; an operation's root is of one kind."""
    found = asdict(measures)
    root = found.pop("root")
    is_mutation = found.pop("is_mutation")
    return {("mutations" if is_mutation else "root_fields"): root, **found}
