"""Selections: what `include` and `fields[...]` ask for, as the selection of a GraphQL operation."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache

from graphql import GraphQLObjectType, get_named_type

from app.api.schema import CORE
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
    fieldset, selected = wanted.fieldset(type_), [("id", "")]
    for name in type_.usual if fieldset is None else [name for name in fieldset if name in type_.attributes]:
        path = type_.attributes[name]
        if may_read or _is_shown(type_, path):
            selected.append((path, ""))
        elif fieldset is not None:
            raise _unreadable(f"fields[{type_.name}]")
    for relationship, below in _related(type_, fieldset, tree):
        if not may_read and not _is_shown(type_, relationship.field):
            raise _unreadable("include" if below is not None else f"fields[{type_.name}]")
        inside = "id" if below is None else _selection(TYPES[relationship.type], wanted, below, may_read)
        selected.append((relationship.field, inside))
    return _merged(selected)


def _merged(selected: Sequence[tuple[str, str]]) -> str:
    """Return the selection of what paths lead to, each with what is selected inside it; each field is there once."""
    found: dict[str, list[tuple[str, str]]] = {}
    for path, inside in selected:
        name, _, below = path.partition(".")
        found.setdefault(name, []).append((below, inside))
    insides = {name: inside if not below else _merged(found[name]) for name, ((below, inside), *_) in found.items()}
    return " ".join(f"{name} {{ {inside} }}" if inside else name for name, inside in insides.items())


def _related(
    type_: ResourceType, fieldset: Sequence[str] | None, tree: Tree
) -> Iterator[tuple[Relationship, Tree | None]]:
    """Yield the relationships to select, each with what is included below it; None, where only its ids are wanted."""
    included: Mapping[str, Tree] = dict(tree)
    for name, relationship in type_.relationships.items():
        if name in included or (fieldset is not None and name in fieldset):
            yield relationship, included.get(name)


def _is_shown(type_: ResourceType, path: str) -> bool:
    """Tell whether a payload shows what a path leads to without that right."""
    object_type = CORE.type_map[type_.object_type]
    for name in path.split("."):
        assert isinstance(object_type, GraphQLObjectType)
        if object_type.name not in SHARED and name not in SHOWN.get(object_type.name, ()):
            return False
        object_type = get_named_type(object_type.fields[name].type)
    return True


def _unreadable(parameter: str) -> ProblemsFound:
    return ProblemsFound([Finding(InsufficientScope(scope=Scope.CASES_READ), {"parameter": parameter})])
