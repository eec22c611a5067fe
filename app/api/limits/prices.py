"""The sizes and prices that an operation's cost is made of, for what is more than one field, in fields.

Sizes are how long lists can be that have no page. Prices are for what takes the database or the memory longer, or more,
than a field. They are estimates, in which a thousand fields take some ten milliseconds to be built. At 30 000 cases a
first search takes as long as 54 000 fields, and grows with the cases: prices only bound how often an operation does so,
and few long reads are under way at once (`web/slots.py`).
"""

from app.api.inputs.bulk import ACTIONS_MAX
from app.api.inputs.evaluations import EVALUATIONS_MAX
from app.api.pagination import PAGE_MAX
from app.domain.checklist import STEPS_MAX
from app.domain.delegations import DELEGATORS_MAX
from app.domain.model import ActionType, CaseStatus, EvaluationStatus, InboxReason
from app.domain.search_words import PIECES_MAX
from app.domain.signals import EVIDENCE_MAX, SignalKind
from app.domain.validation import DOCUMENTS_MAX, REVIEWERS_MAX
from app.domain.workflow import CASE_ACTIONS
from app.i18n.labels import LABELS

# How long lists are that have no page, at most; of what is not here, as a page.
LIST_SIZE = PAGE_MAX
DETAILS_MAX = 12
"""Of what an account's log says of one row: a name for each field of the input, and what it ended."""

LIST_SIZES = {
    "Account.checklist": STEPS_MAX,
    "Account.dueHours": len(EvaluationStatus),
    "AccountAction.details": DETAILS_MAX,
    "ActionResult.errors": 8,
    "AccountChange.details": DETAILS_MAX,
    "Case.availableActions": len(CASE_ACTIONS),
    "Case.checklist": STEPS_MAX,
    "CaseSnapshot.availableActions": len(CASE_ACTIONS),
    "CaseSnapshot.checklist": STEPS_MAX,
    "CaseFacets.statuses": len(CaseStatus),
    "CaseFacets.subjectStatuses": len(EvaluationStatus),
    "Case.signals": len(SignalKind),
    "Comment.documents": DOCUMENTS_MAX,
    "EarlierOverridesSignal.overrides": EVIDENCE_MAX,
    "InboxConnection.counts": len(InboxReason),
    "Override.assignedReviewers": REVIEWERS_MAX,
    "OverrideSnapshot.assignedReviewers": REVIEWERS_MAX,
    "EvaluationResult.errors": 8,
    "PerformActionsPayload.results": ACTIONS_MAX,
    "QuickDecisionSignal.decisions": EVIDENCE_MAX,
    "RepeatedPairSignal.pairs": EVIDENCE_MAX,
    "SameBankAccountSignal.cases": EVIDENCE_MAX,
    "SameDocumentSignal.cases": EVIDENCE_MAX,
    "SameDocumentSignal.documents": EVIDENCE_MAX,
    "Query.labels": sum(map(len, LABELS.values())),
    "RecordEvaluationsPayload.results": EVALUATIONS_MAX,
    "SearchMatch.snippet": PIECES_MAX,
    "SupposedAdministration.details": DETAILS_MAX,
    "SupposedComment.documents": DOCUMENTS_MAX,
    "VersionConflictError.actionsSince": PAGE_MAX,
    "Viewer.standsInFor": DELEGATORS_MAX,
    "Workflow.actions": len(ActionType),
    "Workflow.states": len(CaseStatus),
    "WorkflowAction.outcomes": len(CaseStatus),
}
# In the schema itself they are as long as they are usually: its whole is bounded, and there is no list of lists in it.
INTROSPECTED_SIZES = {
    "__Type.fields": 10,
    "__Type.inputFields": 6,
    "__Type.enumValues": 6,
    "__Type.interfaces": 1,
    "__Type.possibleTypes": 5,
    "__Field.args": 2,
    "__Directive.args": 2,
}
ERRORS_SIZE = 50
"""Of a payload's errors: hardly more than one for each field of an input, its reviewers and its documents."""

SINGLE_ERRORS = {"VersionConflictError"}
"""Of which a payload has one at most."""

VALUES_A_FIELD = 20
"""How many values in arguments count as much as a field: they are read anew for each object that has the field."""

LONG_TEXT = 30
"""Of a text of up to 10 000 characters: what an operation may cost is then some 25 MB of them."""

# Of a field, besides itself.
FIELD_PRICES = {
    "Case.description": LONG_TEXT,
    "Case.signals": 20,
    "CaseConnection.facets": 6_000,
    "CaseEdge.match": LONG_TEXT,
    "CaseSnapshot.description": LONG_TEXT,
    "Comment.body": LONG_TEXT,
    "InboxConnection.counts": 4_000,
    "Query.caseSnapshot": 200,
    "Query.policyReplay": 3_000,
    "Query.reviewStatistics": 3_000,
    "Subscription.inboxChanged": 2_000,
    "SupposedComment.body": LONG_TEXT,
    "Viewer.inbox": 2_000,
    "Webhook.description": LONG_TEXT,
    "Webhook.document": LONG_TEXT,
}
# Of an argument that is given, with anything but null.
ARGUMENT_PRICES = {
    "Case.eligibleReviewers.search": 50,
    "Query.actions.since": 3_000,
    "Query.actions.types": 3_000,
    "Query.actions.user": 3_000,
    "Query.cases.filter": 500,
    "Query.cases.search": 8_000,
    "Query.policyReplay.since": 100,
    "Query.reviewStatistics.since": 100,
    "Query.users.search": 50,
    "Subscription.actions.after": 500,
    "Subscription.actions.caseId": 100,
    "Subscription.actions.types": 100,
}
# Of each value in a list.
VALUE_PRICES = {"Query.cases.orderBy": 1_500}
# Of each value in a list that an argument has as this member.
MEMBER_PRICES = {"Mutation.performActions.input": ("inputs", 200)}
# Of a list whose `totalCount` is selected.
TOTAL_PRICES = {
    "Query.actions": 3_000,
    "Query.cases": 3_000,
    "Query.reviewStatistics": 3_000,
    "Query.users": 50,
    "Viewer.inbox": 6_000,
}
