"""The enums of the domain, described for the readers of the schema."""

from enum import StrEnum

from app.api.error_codes import MEANINGS
from app.api.fields import described_enum
from app.db.repository.people import PeopleOrder
from app.db.repository.worklist import OrderField
from app.domain.account_log import AdminActionType, Approval, ChangeStatus, Source
from app.domain.errors import ErrorCode
from app.domain.model import (
    ActionType,
    CaseStatus,
    DocumentWarning,
    EvaluationStatus,
    Feature,
    InboxReason,
    Language,
    OverrideStatus,
    RequestedStatus,
    Resolution,
    Resource,
    Role,
    Scope,
    SearchField,
    StepState,
    SubjectType,
    TokenSource,
    UserKind,
)
from app.domain.reminders import ReminderOccasion
from app.domain.signals import SignalKind
from app.domain.workflow import Relation

__all__ = [
    "ActionType",
    "AdminActionType",
    "Approval",
    "CaseStatus",
    "ChangeStatus",
    "DocumentWarning",
    "ErrorCode",
    "EvaluationStatus",
    "Feature",
    "InboxReason",
    "Language",
    "NullsOrder",
    "OrderDirection",
    "OrderField",
    "OverrideStatus",
    "PeopleOrder",
    "Relation",
    "ReminderOccasion",
    "RequestedStatus",
    "Resolution",
    "Resource",
    "Role",
    "Scope",
    "SearchField",
    "SignalKind",
    "Source",
    "StepState",
    "SubjectType",
    "TokenSource",
    "UserKind",
]


class OrderDirection(StrEnum):
    ASC = "ASC"
    DESC = "DESC"


class NullsOrder(StrEnum):
    FIRST = "FIRST"
    LAST = "LAST"


described_enum(
    OrderDirection,
    "Which way a list is sorted.",
    {OrderDirection.ASC: "The least first.", OrderDirection.DESC: "The greatest first."},
)
described_enum(
    NullsOrder,
    "Where what has no value is put.",
    {NullsOrder.FIRST: "Before all others.", NullsOrder.LAST: "After all others."},
)
described_enum(
    OrderField,
    "What cases can be sorted by.",
    {
        OrderField.REFERENCE: "The reference, which is the order of opening.",
        OrderField.CREATED_AT: "When it was opened.",
        OrderField.UPDATED_AT: "When the last action was.",
        OrderField.DUE_AT: "Until when it is to be finished, null where it is due at no time.",
        OrderField.CLOSED_AT: "When it was closed, null for what is not.",
        OrderField.STATUS: "The status, by the alphabet of its name here.",
        OrderField.RESOLUTION: "The resolution, by the alphabet of its name here; null for what is not closed.",
        OrderField.ACTION_COUNT: "How many rows its log has.",
    },
    name="CaseOrderField",
)
described_enum(
    PeopleOrder,
    "What people can be sorted by.",
    {
        PeopleOrder.CREATED_AT: "When they were added.",
        PeopleOrder.NAME: "The name, without case and accents, letter by letter by Unicode's numbers in any language.",
    },
    name="UserOrderField",
)
described_enum(
    InboxReason,
    "Why a case is in somebody's inbox.",
    {
        InboxReason.DECIDE: "They can accept or refuse its pending override.",
        InboxReason.ANSWER: "They have taken part, somebody else had the last word, and they can comment.",
        InboxReason.CLOSE: "It is resolved, and they can close it.",
        InboxReason.ASSIGNED: "They own it, and can work on it.",
        InboxReason.OVERDUE: "They own it, and it should have been finished by now.",
        InboxReason.ESCALATED: "It is late, and was escalated; for reviewers and admins, but not who requested it.",
    },
)
described_enum(
    SearchField,
    "Where a search finds something, the weightiest first.",
    {
        SearchField.REFERENCE: "The case's reference.",
        SearchField.TITLE: "The case's title.",
        SearchField.SUBJECT: "The label of its subject.",
        SearchField.DOCUMENT: "The name of one of its documents.",
        SearchField.COMMENT: "One of its comments.",
    },
)
described_enum(
    SignalKind,
    "What a careful colleague would notice on a case.",
    {
        SignalKind.SAME_DOCUMENT: "A file of it is on cases of other suppliers too.",
        SignalKind.EARLIER_OVERRIDES: "Its supplier's result was asked to be set by hand before.",
        SignalKind.SAME_BANK_ACCOUNT: "Its bank account is on cases of other suppliers too.",
        SignalKind.QUICK_DECISION: "A decision came within seconds of the request.",
        SignalKind.REPEATED_PAIR: "The same two people requested and decided again and again.",
    },
)
described_enum(
    ReminderOccasion,
    "What a reminder or an escalation is about.",
    {
        ReminderOccasion.DUE_DATE: "The case is to be finished by then.",
        ReminderOccasion.OVERRIDE_EXPIRY: "From then on nobody decides on the override.",
        ReminderOccasion.OVERRIDE_WAITING: "The override waits since then.",
    },
)
described_enum(
    Language,
    "A language of messages.",
    {Language.EN: "English.", Language.FR: "French."},
)
described_enum(
    Feature,
    "What an account may have switched on.",
    {Feature.CASES: "Cases and their log.", Feature.OVERRIDES: "Overrides of a result; needs cases."},
)
described_enum(
    Resource,
    "What something that is not there would be.",
    {
        Resource.CASE: "A case.",
        Resource.OVERRIDE: "An override.",
        Resource.COMMENT: "A comment.",
        Resource.DOCUMENT: "A document.",
        Resource.USER: "A person or a service account.",
        Resource.TOKEN: "An API token.",
        Resource.CHANGE: "A change that needs a second admin.",
        Resource.WEBHOOK: "A webhook.",
    },
)
described_enum(
    Relation,
    "What somebody must be to an override.",
    {
        Relation.ANYBODY: "It does not matter.",
        Relation.CREATOR: "Who requested it.",
        Relation.REVIEWER: "Anybody but who requested it; by the account's setting only somebody who was asked.",
    },
)
described_enum(
    Role,
    "What a person may do.",
    {
        Role.CONTRIBUTOR: "Opens cases, comments, requests overrides, closes.",
        Role.REVIEWER: "Opens cases, comments, decides on other people's overrides, closes.",
        Role.ADMIN: "Manages people and settings. Gives no right on cases.",
    },
)
described_enum(
    Scope,
    "What a token may do, whoever holds it.",
    {
        Scope.CASES_READ: "Read cases, their log, comments and overrides.",
        Scope.CASES_WRITE: "Perform actions, and be shown what they made; all else of a payload needs cases_read.",
        Scope.DOCUMENTS_READ: "Read documents.",
        Scope.DOCUMENTS_WRITE: "Upload documents.",
        Scope.USERS_READ: "List the people of the account.",
        Scope.ADMIN_READ: "Read the account's own log, pending changes, tokens and service accounts.",
        Scope.SUBJECTS_WRITE: "Record results of checks. For service accounts alone.",
        Scope.ADMIN_WRITE: "Administer the account: people, roles, tokens, settings. The person's role is needed too.",
        Scope.SCIM: "Push people and groups by SCIM. For service accounts alone, and given by an admin.",
    },
)
described_enum(
    DocumentWarning,
    "What a document could do to whoever opens it.",
    {
        DocumentWarning.PDF_JAVASCRIPT: "A PDF that has scripts.",
        DocumentWarning.PDF_LAUNCH_ACTION: "A PDF that can start a program or open a file.",
        DocumentWarning.PDF_EMBEDDED_FILE: "A PDF with files in it, which were not looked at.",
        DocumentWarning.PDF_FORM_SUBMIT: "A PDF whose form sends what is filled in, or fetches it.",
        DocumentWarning.PDF_MULTIMEDIA: "A PDF with films, sounds or other players' content.",
        DocumentWarning.EXTERNAL_TEMPLATE: "It fetches its template from elsewhere when it is opened.",
        DocumentWarning.EXTERNAL_LINK: "It fetches something from elsewhere, or leads to another file.",
        DocumentWarning.EMBEDDED_OBJECT: "It has another document in it, which was not looked at.",
        DocumentWarning.DDE: "It asks another program for data (DDE), and can start programs so.",
        DocumentWarning.CSV_FORMULA: "A CSV with a cell that a spreadsheet takes for a formula.",
        DocumentWarning.MAIL_ATTACHMENT: "A message with files attached, which were not looked at.",
        DocumentWarning.ENCRYPTED: "It is encrypted, and a part of it could not be looked at.",
        DocumentWarning.NOT_FULLY_EXAMINED: "A part was too large, or could not be read: there may be more.",
        DocumentWarning.NOT_EXAMINED: "It came before warnings were looked for.",
    },
)
described_enum(
    SubjectType,
    "What kind of check a case is about.",
    {
        SubjectType.COMPANY_ACCOUNT_CHECK: "One check of a company's bank account.",
        SubjectType.COMPANY_ACCOUNT_AUDIT: "One bank account within an audit of many.",
    },
)
described_enum(
    EvaluationStatus,
    "The result of a check.",
    {
        EvaluationStatus.PENDING: "Not finished yet.",
        EvaluationStatus.FAVORABLE: "The account belongs to the company: it can be paid.",
        EvaluationStatus.UNFAVORABLE: "The account does not belong to the company: do not pay.",
        EvaluationStatus.ANOMALY: "Something in the data contradicts itself.",
        EvaluationStatus.UNCONFIRMED: "Nobody could confirm it.",
        EvaluationStatus.UNEVALUATED: "Never checked, so there is no result to override.",
    },
)
described_enum(
    RequestedStatus,
    "The result that an override asks for.",
    {
        RequestedStatus.FAVORABLE: "Pay this account, whatever the check said.",
        RequestedStatus.UNFAVORABLE: "Do not pay this account, whatever the check said.",
    },
)
described_enum(
    CaseStatus,
    "Where a case stands.",
    {
        CaseStatus.OPEN: "Opened, and nothing done yet.",
        CaseStatus.IN_PROGRESS: "Being worked on.",
        CaseStatus.PENDING_REVIEW: "An override waits for a decision.",
        CaseStatus.RESOLVED: "An override was accepted.",
        CaseStatus.CLOSED: "Finished for good: nothing can be done any more.",
    },
)
described_enum(
    OverrideStatus,
    "Where an override stands.",
    {
        OverrideStatus.PENDING: "Waits for a decision.",
        OverrideStatus.ACCEPTED: "A reviewer accepted it: the subject has the requested result.",
        OverrideStatus.REFUSED: "A reviewer refused it.",
        OverrideStatus.CANCELLED: "Its creator took it back.",
        OverrideStatus.EXPIRED: "Nobody decided on it in time.",
    },
)
described_enum(
    Resolution,
    "How a case ended.",
    {
        Resolution.OVERRIDE_APPLIED: "The result was overridden.",
        Resolution.RESULT_CONFIRMED: "The result of the check was right.",
        Resolution.NOT_CONCLUSIVE: "Nothing was found out for sure.",
        Resolution.DUPLICATE: "Another case deals with it.",
        Resolution.OPENED_IN_ERROR: "There was no need for a case.",
    },
)
described_enum(
    ActionType,
    "What somebody did to a case.",
    {
        ActionType.OPEN: "Opened it.",
        ActionType.COMMENT: "Commented on it.",
        ActionType.REQUEST_OVERRIDE: "Asked reviewers for another result.",
        ActionType.ACCEPT: "Accepted the pending override.",
        ActionType.REFUSE: "Refused the pending override.",
        ActionType.CANCEL: "Took back their own pending override.",
        ActionType.CLOSE: "Closed it.",
        ActionType.REASSIGN: "Asked other reviewers to decide on the pending override, since none of those asked can.",
        ActionType.REDACT: "Erased some of its content, or all.",
        ActionType.EVALUATION: "Recorded a result of the check system, which changed the subject.",
        ActionType.HOLD: "Set a legal hold, which keeps its content from being erased, or lifted it.",
        ActionType.ASSIGN: "Made somebody its owner, or nobody.",
        ActionType.SET_DUE_DATE: "Said until when it is to be finished, or that it is due at no time.",
        ActionType.REMIND: "Reminded of what is due soon; by the account's own rules.",
        ActionType.ESCALATE: "Said what is late; by the account's own rules.",
        ActionType.EXPIRE: "Ended the pending override, whose time was over; by the account's own rules.",
        ActionType.RECORD_STEP: "Said where a step of the account's checklist stands.",
    },
)
described_enum(
    StepState,
    "Where a step of the account's checklist stands on a case.",
    {
        StepState.OPEN: "It is to be done: nobody has recorded it, or what was recorded was taken back.",
        StepState.DONE: "It was done.",
        StepState.NOT_NEEDED: "It is not needed on this case, for a reason.",
    },
)
described_enum(
    TokenSource,
    "Where the token comes from by which something was done.",
    {
        TokenSource.API_TOKEN: "It was made in Casegate.",
        TokenSource.IDENTITY_PROVIDER: "The company's identity provider signed it; one id stands for all of them.",
        TokenSource.SYSTEM: "There was none: the account's own rules had it done.",
    },
)
described_enum(
    UserKind,
    "What acts.",
    {
        UserKind.PERSON: "A human.",
        UserKind.SERVICE: "Another program. It never requests an override, decides on one, or administers.",
        UserKind.SYSTEM: "Nobody: the account's own rules. It has no role and no token, and can be given none.",
    },
)
described_enum(
    AdminActionType,
    "What was done to an account, its people, roles and tokens, and to subjects that have no open case.",
    {
        AdminActionType.CREATE_ACCOUNT: "Made the account.",
        AdminActionType.INVITE_USER: "Added a person.",
        AdminActionType.UPDATE_USER: "Changed a person's address, name or language.",
        AdminActionType.DEACTIVATE_USER: "Ended a person's right to act, and their tokens.",
        AdminActionType.REACTIVATE_USER: "Let a person act again.",
        AdminActionType.CHANGE_ROLES: "Gave or took roles.",
        AdminActionType.CREATE_TOKEN: "Made a token.",
        AdminActionType.REVOKE_TOKEN: "Revoked a token.",
        AdminActionType.REVOKE_ALL_TOKENS: "Revoked all tokens of the account.",
        AdminActionType.CREATE_SERVICE_ACCOUNT: "Made a service account.",
        AdminActionType.UPDATE_ACCOUNT: "Changed the account's settings.",
        AdminActionType.LINK_IDENTITY: "Linked a subject of an identity provider to a person.",
        AdminActionType.UNLINK_IDENTITY: "Ended such a link.",
        AdminActionType.APPROVE_CHANGE: "Approved a change that waited, and so did it.",
        AdminActionType.REFUSE_CHANGE: "Refused a change that waited.",
        AdminActionType.CANCEL_CHANGE: "Took a change back that waited.",
        AdminActionType.CHANGE_GROUPS: "Added, changed or removed a group of the company's directory.",
        AdminActionType.CREATE_WEBHOOK: "Made a webhook, and the service account that it acts as.",
        AdminActionType.UPDATE_WEBHOOK: "Changed a webhook's URL, document, name or description.",
        AdminActionType.ROTATE_WEBHOOK_SECRET: "Gave a webhook another secret.",
        AdminActionType.PAUSE_WEBHOOK: "Had nothing more sent to a webhook.",
        AdminActionType.RESUME_WEBHOOK: "Had a webhook sent to again.",
        AdminActionType.REPLAY_WEBHOOK: "Had a webhook go back to an earlier place in the log.",
        AdminActionType.TEST_WEBHOOK: "Had a ping sent to a webhook.",
        AdminActionType.DELETE_WEBHOOK: "Deleted a webhook, and ended its service account.",
        AdminActionType.DISABLE_WEBHOOK: "Disabled a webhook that took nothing, or did not want any more.",
        AdminActionType.EVALUATION: "Recorded a result of the check system, on a subject without an open case.",
        AdminActionType.DELEGATE_REVIEWS: "Named the reviewer who decides in one's place for a time.",
        AdminActionType.END_DELEGATION: "Ended such a delegation before its time.",
    },
)
described_enum(
    Source,
    "Which way a change of the account came.",
    {
        Source.API: "By a mutation.",
        Source.CLI: "By the command line, which asks no second admin.",
        Source.IDENTITY_PROVIDER: "By a token of the identity provider.",
        Source.SCIM: "By SCIM: the company's identity provider pushed it.",
        Source.SYSTEM: "By the gateway itself.",
    },
    name="AdminSource",
)
described_enum(
    Approval,
    "Whether a second admin had a say.",
    {
        Approval.NOT_NEEDED: "One admin is enough.",
        Approval.PENDING: "It was asked for, and waits; nothing is done yet.",
        Approval.GIVEN: "Another admin approved it.",
        Approval.NONE_POSSIBLE: "The account had no other active admin, so it was done at once.",
        Approval.BYPASSED: "The command line or the identity provider did it, and no admin was asked.",
    },
)
described_enum(
    ChangeStatus,
    "Where a change stands that needs a second admin.",
    {
        ChangeStatus.PENDING: "It waits for another admin, however long.",
        ChangeStatus.APPROVED: "Another admin approved it, and it was done.",
        ChangeStatus.REFUSED: "Another admin refused it.",
        ChangeStatus.CANCELLED: "It was taken back.",
        ChangeStatus.STALE: "What it is about has changed, or who asked for it is no admin any more.",
    },
)
described_enum(
    ErrorCode,
    "Why something was not done, or not answered: in payloads and in `extensions.code`, the same in every language."
    " What each means and what helps is in the gateway's manual, at `/docs/errors#` and the code.",
    MEANINGS,
)
