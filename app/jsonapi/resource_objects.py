"""Resource objects of the results of operations: what was selected, reshaped, each resource once."""

from collections.abc import Mapping
from typing import Any

from app.jsonapi.resources import ACTION_NAMES, PREFIX, TYPES, ResourceType
from app.jsonapi.selections import Tree, Wanted

ResourceObject = dict[str, Any]
Key = tuple[str, str]


class CompoundDocument:
    """Builds one answer's document: its primary data, then what it includes.

    *case_id*: the case whose address was asked for, in which its actions have their own.
    """

    def __init__(self, wanted: Wanted, base_url: str, case_id: str = "") -> None:
        self._wanted = wanted
        self._base = base_url + PREFIX
        self._case_id = case_id
        self._resources: dict[Key, ResourceObject] = {}
        self._primary: set[Key] = set()

    def one(self, type_name: str, found: Mapping[str, Any]) -> ResourceObject:
        """Return an object of a result as primary data."""
        self._primary.add((type_name, str(found["id"])))
        return self._resource(TYPES[type_name], found, self._wanted.tree)

    def included(self) -> list[ResourceObject] | None:
        """Return what is included: None where nothing was said of it."""
        if self._wanted.include is None:
            return None
        return [resource for key, resource in self._resources.items() if key not in self._primary]

    def address(self, type_name: str, id: str) -> str:
        """Return the address of a resource."""
        return self._base + TYPES[type_name].address.format(id=id, case=self._case_id)

    def _resource(self, type_: ResourceType, found: Mapping[str, Any], tree: Tree) -> ResourceObject:
        """Return a resource with what *found* has of it; where it was met before, that is added to."""
        key = type_.name, str(found["id"])
        resource = self._resources.get(key)
        if resource is None:
            resource = self._resources[key] = self._new(type_, found)
        for name, below in self._shown(type_, tree):
            relationship = type_.relationships[name]
            linkage = self._linkage(TYPES[relationship.type], found[relationship.field], below)
            if below is None or self._has(type_, name):
                resource.setdefault("relationships", {})[name] = {"data": linkage}
        return resource

    def _new(self, type_: ResourceType, found: Mapping[str, Any]) -> ResourceObject:
        id_ = str(found["id"])
        attributes = {name: found[field] for name, field in type_.attributes.items() if field in found}
        fieldset = self._wanted.fieldset(type_)
        if fieldset is not None:
            attributes = {name: value for name, value in attributes.items() if name in fieldset}
        if "action_type" in attributes:
            attributes["action_type"] = ACTION_NAMES[attributes["action_type"]]
        resource: ResourceObject = {"type": type_.name, "id": id_, "attributes": attributes}
        for name, address in type_.related.items():
            if not self._has(type_, name):
                continue
            related = self._base + address.format(id=id_)
            resource.setdefault("relationships", {})[name] = {"links": {"related": related}}
        resource["links"] = {"self": self.address(type_.name, id_)}
        return resource

    def _shown(self, type_: ResourceType, tree: Tree) -> list[tuple[str, Tree | None]]:
        """Return the relationships that were selected, each with what is included below it."""
        included, fieldset = dict(tree), self._wanted.fieldset(type_) or ()
        names = [name for name in type_.relationships if name in included or name in fieldset]
        return [(name, included.get(name)) for name in names]

    def _has(self, type_: ResourceType, name: str) -> bool:
        fieldset = self._wanted.fieldset(type_)
        return fieldset is None or name in fieldset

    def _linkage(self, type_: ResourceType, found: Any, below: Tree | None) -> Any:
        if found is None:
            return None
        if isinstance(found, list):
            return [self._linkage(type_, item, below) for item in found]
        if below is not None:
            self._resource(type_, found, below)
        return {"type": type_.name, "id": str(found["id"])}
