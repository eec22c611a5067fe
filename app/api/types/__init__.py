"""The object types of the API, in DOMAIN.md's words. The database layer's rows stand for them.

How a list is read is in `pagination`; what may be done is `domain.workflow`'s.
"""

from app.api.types.cases import Case
from app.api.types.evidence import Comment, Document
from app.api.types.log import CaseAction
from app.api.types.nodes import Node
from app.api.types.overrides import Override
from app.api.types.people import User
from app.api.types.subjects import Subject
from app.api.types.viewer import Account, Viewer, own_node, viewer

__all__ = [
    "Account",
    "Case",
    "CaseAction",
    "Comment",
    "Document",
    "Node",
    "Override",
    "Subject",
    "User",
    "Viewer",
    "own_node",
    "viewer",
]
