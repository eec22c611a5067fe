"""The selected fields of an object, so that only the columns that are needed are read.

It looks at the document as it was validated, and takes every fragment and every `@include` as wanted.
"""

from collections.abc import Callable, Hashable, Iterable, Iterator, Mapping
from functools import cache
from typing import Any, TypeVar, cast

from graphql import FieldNode, FragmentSpreadNode, GraphQLResolveInfo, InlineFragmentNode, SelectionSetNode
from strawberry.utils.str_converters import to_camel_case

from app.api.fields import RelationField
from app.api.strawberry_internals import core_info

Nodes = Mapping[str, list[FieldNode]]
T = TypeVar("T")


def selected(info: Any, *path: str) -> Nodes:
    """Return the fields that are selected in the field of *info*, or below it along each of *path*'s names."""
    raw = core_info(info)
    nodes = _children(raw.field_nodes, raw)
    for name in path:
        nodes = _children(nodes.get(name, ()), raw)
    return nodes


def selected_items(info: object) -> Nodes:
    """Return the fields that are selected of a connection's items, by whichever of its two ways."""
    return {**selected(info, "nodes"), **selected(info, "edges", "node")}


def known_of(info: Any, name: str, find: Callable[[], T]) -> T:
    """Return what *find* finds, which must hang on the document alone: once for a field of a document with a plan."""
    known: dict[str, Any] | None = getattr(info, "known", None)
    if known is None:
        return find()
    if name not in known:
        known[name] = find()
    found: T = known[name]
    return found


def mentioned(name: str, nodes: Nodes, info: Any) -> bool:
    """Tell whether a field called *name* is selected anywhere below *nodes*."""
    raw = core_info(info)
    while nodes := _children((node for found in nodes.values() for node in found), raw):
        if name in nodes:
            return True
    return False


def _children(parents: Iterable[FieldNode], raw: GraphQLResolveInfo[Any]) -> dict[str, list[FieldNode]]:
    found: dict[str, list[FieldNode]] = {}
    seen: set[str] = set()
    for parent in parents:
        if parent.selection_set is not None:
            for node in _fields(parent.selection_set, raw, seen):
                found.setdefault(node.name.value, []).append(node)
    return found


def _fields(selections: SelectionSetNode, raw: GraphQLResolveInfo[Any], seen: set[str]) -> Iterator[FieldNode]:
    for selection in selections.selections:
        if isinstance(selection, FieldNode):
            yield selection
        elif isinstance(selection, InlineFragmentNode):
            yield from _fields(selection.selection_set, raw, seen)
        elif isinstance(selection, FragmentSpreadNode) and selection.name.value not in seen:
            seen.add(selection.name.value)
            yield from _fields(raw.fragments[selection.name.value].selection_set, raw, seen)


@cache
def _needs(object_type: Hashable) -> Mapping[str, frozenset[str]]:
    """Return of each field of a type, by its name in the schema, the attributes of the row that it reads."""
    needs: dict[str, frozenset[str]] = {"__typename": frozenset()}
    for field in object_type.__strawberry_definition__.fields:  # type: ignore[attr-defined]  # strawberry has put it there
        name = field.graphql_name or to_camel_case(field.python_name)
        if isinstance(field, RelationField):
            needs[name] = frozenset({field.key})
        elif "needs" in field.metadata:
            needs[name] = frozenset(field.metadata["needs"])
        elif field.base_resolver is None:
            needs[name] = frozenset({field.python_name})
    return needs


def attributes(object_type: type[object], names: Iterable[str]) -> frozenset[str] | None:
    """Return the attributes that the fields *names* of *object_type* read; None where that is not known."""
    needs = _needs(cast(Hashable, object_type))
    found = [needs.get(name) for name in names]
    return None if None in found else frozenset[str]().union(*(item for item in found if item is not None))
