"""Selections: what `include` and `fields[...]` ask for, as the selection of a GraphQL operation."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache

from app.api.write_only import SHARED, SHOWN
from app.domain.errors import InsufficientScope
from app.domain.model import Scope
from app.jsonapi.problems import Finding, ProblemsFound
from app.jsonapi.resources import TYPES, Relationship, ResourceType

KEPT = 500
"""How many selections are kept; each takes a kilobyte or two."""

Tree = tuple[tuple[str, "Tree"], ...]
"""The relationships that are included, each with those that are included below it, in the alphabet's order."""


@dataclass(frozen=True, slots=True)
class Wanted:
    """What an answer is to show. `include`: None where nothing was said of it; `fieldsets`: by the name of a type."""

    include: Tree | None = None
    fieldsets: tuple[tuple[str, tuple[str, ...]], ...] = ()

    @property
    def tree(self) -> Tree:
        return self.include or ()

    def fieldset(self, type_: ResourceType) -> tuple[str, ...] | None:
        """Return the members that were asked for of a type; None for all of its attributes."""
        return dict(self.fieldsets).get(type_.name)


def tree_of(paths: Sequence[Sequence[str]]) -> Tree:
    """Return the tree of these paths."""
    found: dict[str, list[Sequence[str]]] = {}
    for first, *rest in paths:
        below = found.setdefault(first, [])
        if rest:
            below.append(rest)
    return tuple((name, tree_of(found[name])) for name in sorted(found))


@lru_cache(KEPT)
def selection(type_name: str, wanted: Wanted, *, may_read: bool) -> str:
    """Return the selection of a resource's fields, without its braces.

    Who may not read gets of each resource what a payload shows without that right.

    Raises: ProblemsFound, where they have asked for more by name.
    """
    return _selection(TYPES[type_name], wanted, wanted.tree, may_read)


def _selection(type_: ResourceType, wanted: Wanted, tree: Tree, may_read: bool) -> str:
    fieldset = wanted.fieldset(type_)
    fields = ["id"]
    for name in type_.attributes if fieldset is None else [name for name in fieldset if name in type_.attributes]:
        field = type_.attributes[name]
        outer, _, inner = field.partition(".")
        if may_read or _is_shown(type_, outer):
            fields.append(f"{outer} {{ {inner} }}" if inner else outer)
        elif fieldset is not None:
            raise _unreadable(f"fields[{type_.name}]")
    for relationship, below in _related(type_, fieldset, tree):
        if not may_read and not _is_shown(type_, relationship.field):
            raise _unreadable("include" if below is not None else f"fields[{type_.name}]")
        inside = "id" if below is None else _selection(TYPES[relationship.type], wanted, below, may_read)
        fields.append(f"{relationship.field} {{ {inside} }}")
    return " ".join(fields)


def _related(
    type_: ResourceType, fieldset: Sequence[str] | None, tree: Tree
) -> Iterator[tuple[Relationship, Tree | None]]:
    """Yield the relationships to select, each with what is included below it; None, where only its ids are wanted."""
    included: Mapping[str, Tree] = dict(tree)
    for name, relationship in type_.relationships.items():
        if name in included or (fieldset is not None and name in fieldset):
            yield relationship, included.get(name)


def _is_shown(type_: ResourceType, field: str) -> bool:
    return type_.object_type in SHARED or field in SHOWN.get(type_.object_type, ())


def _unreadable(parameter: str) -> ProblemsFound:
    return ProblemsFound([Finding(InsufficientScope(scope=Scope.CASES_READ), {"parameter": parameter})])
