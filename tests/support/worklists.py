"""Worklists: cases to be listed, the query of a worklist's page, and outlines of the statements that read them."""

from uuid import UUID

from app.domain.commands import AddComment
from tests.support.api import Api
from tests.support.documents import uploaded
from tests.support.world import World

WHO = "SELECT api_tokens users accounts user_roles"
REVIEWERS = "SELECT reassigned_reviewers override_reviewers users user_roles"
USERS = "SELECT users user_roles"
LOG = "SELECT cases case_actions comments overrides"  # the words and overrides come along with the rows

SCREEN = """query Worklist($first: Int!) {
  viewer { user { displayName } rateLimit { remaining } }
  cases(first: $first, filter: {status: {in: [OPEN, IN_PROGRESS, PENDING_REVIEW]}}, orderBy: [{field: UPDATED_AT}]) {
    totalCount facets { statuses { status count } subjectStatuses { status count } } pageInfo { hasNextPage endCursor }
    nodes { id reference title status statusLabel updatedAt
      subject { label countryCode evaluationStatus }
      actions(first: 5) { nodes { seq type typeLabel createdAt user { displayName }
        comment { body documents { filename url } } override { status } } }
      activeOverride { id requestedStatus assignedReviewers { displayName } }
      availableActions { action allowed code message requiredInput statusAfter } } } }"""


async def make_worklist(world: World, api: Api) -> None:
    """Open 100 cases alike, but by different people: an override was refused with a comment, another is pending."""
    for n in range(100):
        opener = (world.ada, world.carl)[n % 2]
        reviewer, other = (world.rosa, world.rolf)[:: 1 if n % 3 else -1]
        case_id = (await world.open_case(opener)).case.id
        await world.request_override(case_id, world.bea, (reviewer, other))
        await world.refuse(case_id, reviewer, comment=f"No, {n}.")
        await world.request_override(case_id, opener, (other,))
        if n % 50 == 49:
            document = UUID(await uploaded(api, world.carl.token))
            await world.do(world.carl, AddComment(case_id=case_id, comment="See this.", document_ids=(document,)))
