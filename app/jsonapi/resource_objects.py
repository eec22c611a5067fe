"""Resource objects of the results of operations: what was selected, reshaped, each resource once."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import lru_cache
from operator import itemgetter
from typing import Any, NamedTuple

from app.jsonapi.resources import ACTION_NAMES, PREFIX, TYPES, ResourceType
from app.jsonapi.selections import KEPT, Tree, Wanted

ResourceObject = dict[str, Any]
Key = tuple[str, str]
Address = tuple[str, str]
"""What stands before and behind an id in an address."""


class ShownRelationship(NamedTuple):
    """A relationship that was selected. `writer`: of what is included; None, where only ids were wanted."""

    name: str
    field: str
    type: str
    writer: "ResourceWriter | None"
    is_member: bool


class ResourceWriter:
    """Writes the resources of one type at one place of an answer. It is made once for what is wanted there."""

    def __init__(self, type_: ResourceType, wanted: Wanted, tree: Tree) -> None:
        included, fieldset = dict(tree), wanted.fieldset(type_)
        members = type_.members if fieldset is None else fieldset
        self._attributes = [(name, field) for name, field in type_.attributes.items() if name in members]
        self._names = [name for name, _ in self._attributes]
        self._values = _values([field for _, field in self._attributes])
        self._related = [(name, _around_id(where)) for name, where in type_.related.items() if name in members]
        self._relationships = [
            ShownRelationship(
                name,
                relation.field,
                relation.type,
                ResourceWriter(TYPES[relation.type], wanted, included[name]) if name in included else None,
                name in members,
            )
            for name, relation in type_.relationships.items()
            if name in included or name in (fieldset or ())
        ]
        self.type = type_.name
        self._case_file = None if type_.case_file is None else _around_id(type_.case_file)

    def write(self, found: Mapping[str, Any], document: "CompoundDocument") -> ResourceObject:
        """Return a resource with what *found* has of it; where *document* has it already, that is added to."""
        id_ = str(found["id"])
        key = self.type, id_
        resource = document.resources.get(key)
        if resource is None:
            resource = document.resources[key] = self._new(id_, found, document)
        for shown in self._relationships:
            linkage = _linkage(shown, found[shown.field], document)
            if shown.is_member:
                resource.setdefault("relationships", {})[shown.name] = {"data": linkage}
        return resource

    def _new(self, id_: str, found: Mapping[str, Any], document: "CompoundDocument") -> ResourceObject:
        try:
            attributes = dict(zip(self._names, self._values(found), strict=True))
        except KeyError:  # who may not read has not been shown every field
            attributes = {name: found[field] for name, field in self._attributes if field in found}
        if "action_type" in attributes:
            attributes["action_type"] = ACTION_NAMES[attributes["action_type"]]
        before, behind = document.addresses[self.type]
        resource: ResourceObject = {
            "type": self.type,
            "id": id_,
            "attributes": attributes,
            "links": {"self": f"{before}{id_}{behind}"},
        }
        if self._case_file is not None and document.has_case_files:
            before, behind = self._case_file
            resource["links"]["case_file"] = f"{document.root}{before}{id_}{behind}"
        if self._related:
            base, related = document.base, dict[str, Any]()
            for name, (before, behind) in self._related:
                related[name] = {"links": {"related": f"{base}{before}{id_}{behind}"}}
            resource["relationships"] = related
        return resource


def _values(fields: Sequence[str]) -> Callable[[Mapping[str, Any]], Iterable[Any]]:
    """Return what takes these fields of an object."""
    if len(fields) > 1:
        return itemgetter(*fields)
    return lambda found: [found[field] for field in fields]  # an itemgetter gives no sequence of one, and takes no none


def _linkage(shown: ShownRelationship, found: Any, document: "CompoundDocument") -> Any:
    if found is None:
        return None
    if isinstance(found, list):
        return [_linkage(shown, item, document) for item in found]
    id_ = str(found["id"]) if shown.writer is None else shown.writer.write(found, document)["id"]
    return {"type": shown.type, "id": id_}


@lru_cache(KEPT)
def writer_of(type_name: str, wanted: Wanted) -> ResourceWriter:
    """Return the writer of an answer's primary data."""
    return ResourceWriter(TYPES[type_name], wanted, wanted.tree)


class CompoundDocument:
    """Builds one answer's document: its primary data, then what it includes.

    *case_id*: the case whose address was asked for, in which its actions have their own. `resources`: those that were
    met so far, in this order; `addresses`: what stands around the id in the address of each type. *has_case_files*:
    whether the reader can download them.
    """

    def __init__(self, wanted: Wanted, base_url: str, case_id: str = "", *, has_case_files: bool = False) -> None:
        self._wanted = wanted
        self.root, self.base = base_url, base_url + PREFIX
        self.has_case_files = has_case_files
        self.addresses = _addresses(self.base, case_id)
        self.resources: dict[Key, ResourceObject] = {}
        self._primary: set[int] = set()

    def one(self, type_name: str, found: Mapping[str, Any]) -> ResourceObject:
        """Return an object of a result as primary data."""
        return self.many(type_name, [found])[0]

    def many(self, type_name: str, found: Iterable[Mapping[str, Any]]) -> list[ResourceObject]:
        """Return objects of a result as primary data."""
        write = writer_of(type_name, self._wanted).write
        resources = [write(item, self) for item in found]
        self._primary.update(map(id, resources))
        return resources

    def included(self) -> list[ResourceObject] | None:
        """Return what is included: None where nothing was said of it."""
        if self._wanted.include is None:
            return None
        return [resource for resource in self.resources.values() if id(resource) not in self._primary]


def _around_id(address: str) -> Address:
    before, _, behind = address.partition("{id}")
    return before, behind


@lru_cache
def _addresses(base: str, case_id: str) -> Mapping[str, Address]:
    return {name: _around_id(base + type_.address.replace("{case}", case_id)) for name, type_ in TYPES.items()}
