"""Resource objects of the results of operations: what was selected, reshaped, each resource once."""

from collections.abc import Callable, Mapping, Sequence
from functools import lru_cache
from operator import itemgetter
from typing import Any, NamedTuple

from app.jsonapi.resources import ACTION_NAMES, PREFIX, TYPES
from app.jsonapi.selections import KEPT, Tree, Wanted

ResourceObject = dict[str, Any]
Key = tuple[str, str]


class ShownRelationship(NamedTuple):
    """A relationship that was selected. `below`: what is included below it; None, where only ids were wanted."""

    name: str
    field: str
    type: str
    below: Tree | None
    is_member: bool


class ResourceShape(NamedTuple):
    """What is shown of the resources at one place of an answer: the attributes with their fields, and more."""

    attributes: Sequence[tuple[str, str]]
    names: Sequence[str]
    values: Callable[[Mapping[str, Any]], Sequence[Any]]
    related: Sequence[tuple[str, str]]
    relationships: Sequence[ShownRelationship]


@lru_cache(KEPT)
def shape_of(type_name: str, wanted: Wanted, tree: Tree) -> ResourceShape:
    """Return what is shown of resources of a type where *tree* is included below them."""
    type_, included = TYPES[type_name], dict(tree)
    fieldset = wanted.fieldset(type_)
    members = type_.members if fieldset is None else fieldset
    wanted_ids = fieldset or ()
    attributes = [(name, field) for name, field in type_.attributes.items() if name in members]

    def one_by_one(found: Mapping[str, Any]) -> Sequence[Any]:
        return [found[field] for _, field in attributes]

    # Of one field an itemgetter gives no sequence, and of none there is no itemgetter.
    values = itemgetter(*(field for _, field in attributes)) if len(attributes) > 1 else one_by_one
    return ResourceShape(
        attributes,
        [name for name, _ in attributes],
        values,
        [(name, address) for name, address in type_.related.items() if name in members],
        [
            ShownRelationship(name, relation.field, relation.type, included.get(name), name in members)
            for name, relation in type_.relationships.items()
            if name in included or name in wanted_ids
        ],
    )


class CompoundDocument:
    """Builds one answer's document: its primary data, then what it includes.

    *case_id*: the case whose address was asked for, in which its actions have their own.
    """

    def __init__(self, wanted: Wanted, base_url: str, case_id: str = "") -> None:
        self._wanted = wanted
        self._base = base_url + PREFIX
        self._addresses = _addresses(self._base, case_id)
        self._resources: dict[Key, ResourceObject] = {}
        self._primary: set[Key] = set()

    def one(self, type_name: str, found: Mapping[str, Any]) -> ResourceObject:
        """Return an object of a result as primary data."""
        resource = self._resource(type_name, shape_of(type_name, self._wanted, self._wanted.tree), found)
        self._primary.add((type_name, resource["id"]))
        return resource

    def included(self) -> list[ResourceObject] | None:
        """Return what is included: None where nothing was said of it."""
        if self._wanted.include is None:
            return None
        return [resource for key, resource in self._resources.items() if key not in self._primary]

    def _resource(self, type_name: str, shape: ResourceShape, found: Mapping[str, Any]) -> ResourceObject:
        """Return a resource with what *found* has of it; where it was met before, that is added to."""
        id_ = str(found["id"])
        resource = self._resources.get((type_name, id_))
        if resource is None:
            resource = self._resources[type_name, id_] = self._new(type_name, id_, shape, found)
        for shown in shape.relationships:
            linkage = self._linkage(shown, found[shown.field])
            if shown.is_member:
                resource.setdefault("relationships", {})[shown.name] = {"data": linkage}
        return resource

    def _new(self, type_name: str, id_: str, shape: ResourceShape, found: Mapping[str, Any]) -> ResourceObject:
        try:
            attributes = dict(zip(shape.names, shape.values(found), strict=True))
        except KeyError:  # who may not read has not been shown every field
            attributes = {name: found[field] for name, field in shape.attributes if field in found}
        if "action_type" in attributes:
            attributes["action_type"] = ACTION_NAMES[attributes["action_type"]]
        resource: ResourceObject = {"type": type_name, "id": id_, "attributes": attributes}
        if shape.related:
            resource["relationships"] = {
                name: {"links": {"related": self._base + address.format(id=id_)}} for name, address in shape.related
            }
        start, _, end = self._addresses[type_name]
        resource["links"] = {"self": start + id_ + end}
        return resource

    def _linkage(self, shown: ShownRelationship, found: Any) -> Any:
        if found is None:
            return None
        if isinstance(found, list):
            return [self._linkage(shown, item) for item in found]
        if shown.below is None:
            return {"type": shown.type, "id": str(found["id"])}
        resource = self._resource(shown.type, shape_of(shown.type, self._wanted, shown.below), found)
        return {"type": shown.type, "id": resource["id"]}


@lru_cache
def _addresses(base: str, case_id: str) -> Mapping[str, tuple[str, str, str]]:
    """Return of each type what stands before and behind the id in an address, with the id's mark between them."""
    return {name: (base + type_.address.replace("{case}", case_id)).partition("{id}") for name, type_ in TYPES.items()}
