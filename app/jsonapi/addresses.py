"""The addresses below the prefix: their names and ids, and the types of what is read by its id."""

from collections.abc import Mapping

from app.domain.model import Resource
from app.domain.model import Scope as TokenScope

Node = tuple[str, TokenScope, Resource | str]
"""The type of what is read by its id, what that takes, and what it is called."""

NODES: Mapping[str, Node] = {
    "comments": ("comment", TokenScope.CASES_READ, "node"),
    "documents": ("document", TokenScope.CASES_READ, Resource.DOCUMENT),
    "overrides": ("override", TokenScope.CASES_READ, Resource.OVERRIDE),
    "subjects": ("subject", TokenScope.CASES_READ, "node"),
    "users": ("user", TokenScope.USERS_READ, "user"),
}
"""By the first part of an address."""
ACTION: Node = ("case_action", TokenScope.CASES_READ, "node")

_NAMES = frozenset({"actions", "cases", "content", "evaluations", *NODES})


Shape = tuple[str, ...]
"""An address without its ids."""


def parted(path: str) -> tuple[Shape, list[str]]:
    """Return the shape of an address, and the ids in it."""
    parts = path.split("/")
    ids = [part for part in parts if part and part not in _NAMES]
    return tuple([part if part in _NAMES or not part else "*" for part in parts]), ids
