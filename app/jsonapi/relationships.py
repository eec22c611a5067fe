"""The relationships of requests, and the fields of inputs that they stand for."""

from collections.abc import Mapping
from typing import NamedTuple


class ToMany(NamedTuple):
    """A relationship that stands for a list of ids in an input, or for one id."""

    name: str
    type: str
    is_many: bool = True
    is_nullable: bool = False


RELATIONSHIPS: Mapping[str, ToMany] = {
    "documentIds": ToMany("documents", "document"),
    "reviewerIds": ToMany("assigned_reviewers", "user"),
    "overrideId": ToMany("override", "override", is_many=False),
    "assigneeId": ToMany("assignee", "user", is_many=False, is_nullable=True),
}
"""By the field of an input."""
