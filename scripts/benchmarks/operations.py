"""The operations that are measured, as GraphQL and as a hand-written endpoint has them.

It knows no server and measures nothing.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

PAGE = 50

ONE_CASE = "query OneCase($id: ID!) { case(id: $id) { id reference title status } }"

WORKLIST = """
query Worklist($after: String, $first: Int!) {
  cases(after: $after, first: $first) {
    nodes {
      id reference title status updatedAt
      actions(first: 5) {
        nodes {
          id seq type createdAt
          user { id displayName }
          comment { id body documents { id filename contentType sizeBytes } }
          override { id status requestedStatus assignedReviewers { id displayName } }
        }
      }
    }
    pageInfo { hasNextPage }
  }
}
"""

CURSORS = "query Cursors($after: String, $first: Int!) { cases(after: $after, first: $first) { edges { cursor } } }"

ADD_COMMENT = """
mutation Comment($input: AddCommentInput!) {
  addComment(input: $input) {
    errors { code }
    case { status }
    action { id seq type createdAt user { id displayName } comment { id body } }
  }
}
"""

ACCEPT = """
mutation Accept($input: AcceptOverrideInput!) {
  acceptOverride(input: $input) {
    errors { code }
    case { status }
    action { id seq type createdAt }
    override { id status decidedBy { id displayName } }
  }
}
"""


@dataclass(frozen=True, slots=True)
class Operation:
    """One thing that users do; `path` is where the hand-written endpoint has it."""

    key: str
    words: str
    document: str
    path: str
    writes: bool = False


OPERATIONS = (
    Operation("Q1", "one case, four scalars", ONE_CASE, "/case"),
    Operation("Q2", f"worklist, {PAGE} cases with 5 actions each", WORKLIST, "/worklist"),
    Operation("M1", "addComment", ADD_COMMENT, "/comment", writes=True),
    Operation("M2", "acceptOverride", ACCEPT, "/accept", writes=True),
)


@dataclass(frozen=True, slots=True)
class Call:
    """One use of an operation: its variables, those of the hand-written endpoint, and a text that a right answer has.

    A page of the worklist goes by a cursor in GraphQL, and by the number of the case before it where there are none.
    """

    variables: Mapping[str, Any]
    plain: Mapping[str, Any]
    expected: str
