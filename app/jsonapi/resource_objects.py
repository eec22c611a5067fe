"""Resource objects of the results of operations: what was selected, reshaped, each resource once."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from functools import lru_cache
from operator import is_
from typing import Any, NamedTuple

import orjson

from app.jsonapi.resource_makers import Address, Found, Maker, ResourceObject, around_id, maker_of
from app.jsonapi.resources import PREFIX, TYPES, Relationship, ResourceType
from app.jsonapi.selections import KEPT, Tree, Wanted


class ResourceWriter:
    """Writes the resources of one type at one place of an answer, all of them together.

    It is made once for what is wanted there.
    """

    def __init__(self, type_: ResourceType, wanted: Wanted, tree: Tree) -> None:
        included, fieldset = dict(tree), wanted.fieldset(type_)
        members = type_.members if fieldset is None else fieldset
        attributes = type_.usual if fieldset is None else type_.attributes
        self._type = type_
        self._attributes = {name: field for name, field in attributes.items() if name in members}
        named = members if fieldset is not None else set(members) - type_.on_request
        self._related = [name for name in type_.related if name in named]
        self._relationships = [
            ShownRelationship(
                name,
                relation,
                relation.field.split("."),
                ResourceWriter(TYPES[relation.type], wanted, included[name]) if name in included else None,
                name in members,
            )
            for name, relation in type_.relationships.items()
            if name in included or name in (fieldset or ())
        ]
        self._makers: dict[tuple[bool, Sequence[str]], Maker] = {}

    def write(self, found: Sequence[Found], document: "CompoundDocument") -> list[ResourceObject]:
        """Return the resource of each of *found*; one that *document* has already is added to."""
        if not found:
            return []
        linkages = [(shown.is_member, shown.linkages(found, document)) for shown in self._relationships]
        fields = tuple(found[0])
        maker = self._makers.get((document.has_case_files, fields)) or self._maker(document.has_case_files, fields)
        return maker(document, _ids(found), found, *(linkage for is_member, linkage in linkages if is_member))

    def _maker(self, has_case_files: bool, fields: Sequence[str]) -> Maker:
        """Return what makes resources of objects that have these fields: not all, for who may not read."""
        attributes = {name: field for name, field in self._attributes.items() if field.partition(".")[0] in fields}
        shown = [shown.name for shown in self._relationships if shown.is_member]
        maker = maker_of(self._type, attributes, self._related, shown, has_case_file=has_case_files)
        self._makers[has_case_files, fields] = maker
        return maker


def _ids(found: Sequence[Found]) -> list[str]:
    """Return the ids of objects as texts.

    orjson writes a UUID and reads the text in a fifth of the time that Python's own takes to write it.
    """
    ids: list[str] = orjson.loads(orjson.dumps([item["id"] for item in found]))
    return ids


class ShownRelationship(NamedTuple):
    """A relationship that was selected, and the path to it in an object of a result.

    `writer`: of what is included; None, where only ids were wanted.
    """

    name: str
    relation: Relationship
    path: Sequence[str]
    writer: ResourceWriter | None
    is_member: bool

    def linkages(self, found: Sequence[Found], document: "CompoundDocument") -> list[Any]:
        """Return the linkage of each of *found*, and have what it leads to in *document*, if it is included."""
        outer, *inner = self.path
        values = [item[outer] for item in found]
        for field in inner:
            values = [None if value is None else value[field] for value in values]
        if self.relation.is_many:
            identifiers = iter(self._identifiers([related for items in values for related in items], document))
            return [[next(identifiers) for _ in items] for items in values]
        if None not in values:
            return self._identifiers(values, document)
        identifiers = iter(self._identifiers([value for value in values if value is not None], document))
        return [None if value is None else next(identifiers) for value in values]

    def _identifiers(self, related: Sequence[Found], document: "CompoundDocument") -> list[Mapping[str, str]]:
        if self.writer is None:
            ids = _ids(related)
        else:
            ids = [resource["id"] for resource in self.writer.write(related, document)]
        return [{"type": self.relation.type, "id": id_} for id_ in ids]


@lru_cache(KEPT)
def writer_of(type_name: str, wanted: Wanted) -> ResourceWriter:
    """Return the writer of an answer's primary data."""
    return ResourceWriter(TYPES[type_name], wanted, wanted.tree)


class CompoundDocument:
    """Builds one answer's document: its primary data, then what it includes.

    *case_id*: the case whose address was asked for, in which its actions have their own. `resources`: those that were
    met so far, in this order, `known` by their types and ids; `addresses`: what stands around the id in the address of
    each type. *has_case_files*: whether the reader can download them.
    """

    def __init__(self, wanted: Wanted, base_url: str, case_id: str = "", *, has_case_files: bool = False) -> None:
        self._wanted = wanted
        self.root, self.base = base_url, base_url + PREFIX
        self.has_case_files = has_case_files
        self.addresses = _addresses(self.base, case_id)
        self.resources: list[ResourceObject] = []
        self.known: defaultdict[str, dict[str, ResourceObject]] = defaultdict(dict)
        self._primary: list[ResourceObject] = []

    def one(self, type_name: str, found: Found) -> ResourceObject:
        """Return an object of a result as primary data."""
        return self.many(type_name, [found])[0]

    def many(self, type_name: str, found: Sequence[Found]) -> list[ResourceObject]:
        """Return objects of a result as primary data."""
        self._primary = writer_of(type_name, self._wanted).write(found, self)
        return self._primary

    def included(self) -> list[ResourceObject] | None:
        """Return what is included: None where nothing was said of it."""
        if self._wanted.include is None:
            return None
        before = len(self.resources) - len(self._primary)
        if all(map(is_, self.resources[before:], self._primary)):  # unless one of them was met on the way to others
            return self.resources[:before]
        primary = set(map(id, self._primary))
        return [resource for resource in self.resources if id(resource) not in primary]


_OF_A_CASE = {name: type_.address for name, type_ in TYPES.items() if "{case}" in type_.address}


def _addresses(base: str, case_id: str) -> Mapping[str, Address]:
    of_case = {name: around_id(base + address.replace("{case}", case_id)) for name, address in _OF_A_CASE.items()}
    return _addresses_of_all(base) | of_case


@lru_cache
def _addresses_of_all(base: str) -> dict[str, Address]:
    """Return those that are the same for all cases."""
    return {name: around_id(base + type_.address) for name, type_ in TYPES.items() if name not in _OF_A_CASE}
