"""The resource types: the attributes and relationships of each, and the field of the schema that each comes from."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from strawberry.utils.str_converters import to_camel_case

from app.documents.case_files import PATH as CASE_FILES
from app.domain.model import ActionType

PREFIX = "/api/v1"
"""Where the addresses of resources begin."""

ACTION_TYPES: Mapping[str, ActionType] = {
    "open": ActionType.OPEN,
    "comment": ActionType.COMMENT,
    "override_request": ActionType.REQUEST_OVERRIDE,
    "accept": ActionType.ACCEPT,
    "refuse": ActionType.REFUSE,
    "cancel": ActionType.CANCEL,
    "close": ActionType.CLOSE,
    "reassign": ActionType.REASSIGN,
    "redact": ActionType.REDACT,
    "hold": ActionType.HOLD,
    "evaluation": ActionType.EVALUATION,
    "assign": ActionType.ASSIGN,
    "set_due_date": ActionType.SET_DUE_DATE,
    "expire": ActionType.EXPIRE,
    "remind": ActionType.REMIND,
    "escalate": ActionType.ESCALATE,
    "record_step": ActionType.RECORD_STEP,
}
"""The types of actions by their names here."""

ACTION_NAMES: Mapping[str, str] = {type_.value: name for name, type_ in ACTION_TYPES.items()}


@dataclass(frozen=True, slots=True)
class Relationship:
    """A relationship: the field of the schema, as of an attribute, and the type of the resources that it leads to."""

    field: str
    type: str
    is_many: bool = False


@dataclass(frozen=True, slots=True)
class ResourceType:
    """A type of resources.

    `attributes`: the field of each, by its name here; one inside an object, that may be null, as `reminder.at`.
    `on_request`: members that are shown only where they are named, since they take another look at the database, are
    words for people, or would be long for what they say. `address`: that of one resource, below the prefix, with its
    id; {case} is the case whose address was asked for. `related`: addresses of relationships that are read there alone.
    `case_file`: the gateway's address of what is downloaded of it, if anything. `links`: addresses of what is no
    resource, as a file's content.
    """

    name: str
    object_type: str
    attributes: Mapping[str, str]
    relationships: Mapping[str, Relationship]
    address: str
    related: Mapping[str, str] = field(default_factory=dict)
    case_file: str | None = None
    links: Mapping[str, str] = field(default_factory=dict)
    on_request: frozenset[str] = frozenset()

    @property
    def usual(self) -> Mapping[str, str]:
        """The attributes that are shown where no fieldset names any."""
        return {name: path for name, path in self.attributes.items() if name not in self.on_request}

    @property
    def members(self) -> list[str]:
        """The names that a sparse fieldset can have."""
        return [*self.attributes, *self.relationships, *self.related]


def _attributes(names: str, **others: str) -> Mapping[str, str]:
    """Return the attributes *names*, each of the field of that name in camel case, and those of other fields."""
    return others | {name: to_camel_case(name) for name in names.split()}


_ERASED = {"erased_at": "erasure.at", "erasure_reason": "erasure.reason"}
_ERASED_BY = Relationship("erasure.by", "user")
_AUTHORITY = {
    "authority_token_id": "authority.tokenId",
    "authority_token_name": "authority.token.name",
    "authority_token_source": "authority.tokenSource",
    "authority_roles": "authority.roles",
    "authority_reviewed_version": "authority.reviewedVersion",
}
_DELEGATION = {
    "delegation_starts_at": "delegation.startsAt",
    "delegation_ends_at": "delegation.endsAt",
    "delegation_created_at": "delegation.createdAt",
}

_TYPES = (
    ResourceType(
        "case",
        "Case",
        _attributes(
            "reference title description status resolution created_at updated_at closed_at due_at overdue version"
            " action_count head_hash status_label resolution_label",
            **_ERASED,
            legal_hold_at="legalHold.at",
            legal_hold_reason="legalHold.reason",
        ),
        {
            "subject": Relationship("subject", "subject"),
            "created_by": Relationship("createdBy", "user"),
            "closed_by": Relationship("closedBy", "user"),
            "owner": Relationship("owner", "user"),
            "active_override": Relationship("activeOverride", "override"),
            "erased_by": _ERASED_BY,
            "legal_hold_by": Relationship("legalHold.by", "user"),
        },
        "/cases/{id}",
        {"actions": "/cases/{id}/actions", "overrides": "/cases/{id}/overrides", "documents": "/cases/{id}/documents"},
        CASE_FILES,
        on_request=frozenset(
            {
                *_ERASED,
                *("legal_hold_at", "legal_hold_reason", "status_label", "resolution_label", "overrides", "documents"),
            }
        ),
    ),
    ResourceType(
        "case_action",
        "CaseAction",
        _attributes(
            "seq status_before status_after resolution reason held due_at step step_state open_steps created_at"
            " request_id hash prev_hash",
            action_type="type",
            action_type_label="typeLabel",
            evaluation_status_before="evaluation.statusBefore",
            evaluation_status_after="evaluation.statusAfter",
            evaluation_subject_version="evaluation.subjectVersion",
            evaluation_changed="evaluation.changed",
            evaluation_status_before_label="evaluation.statusBeforeLabel",
            evaluation_status_after_label="evaluation.statusAfterLabel",
            reminder_occasion="reminder.occasion",
            reminder_occasion_label="reminder.occasionLabel",
            reminder_at="reminder.at",
            **_AUTHORITY,
        ),
        {
            "user": Relationship("user", "user"),
            "comment": Relationship("comment", "comment"),
            "override": Relationship("override", "override"),
            "case": Relationship("case", "case"),
            "assignee": Relationship("assignment.assignee", "user"),
            "on_behalf_of": Relationship("authority.onBehalfOf", "user"),
            "replaced_override": Relationship("evaluation.replacedOverride", "override"),
            "waiting_override": Relationship("reminder.override", "override"),
        },
        "/cases/{case}/actions/{id}",
        on_request=frozenset(
            {
                *_AUTHORITY,
                *("action_type_label", "reminder_occasion_label"),
                *("evaluation_status_before_label", "evaluation_status_after_label"),
            }
        ),
    ),
    ResourceType(
        "comment",
        "Comment",
        _attributes("body created_at", **_ERASED),
        {
            "author": Relationship("author", "user"),
            "documents": Relationship("documents", "document", is_many=True),
            "erased_by": _ERASED_BY,
        },
        "/comments/{id}",
        on_request=frozenset(_ERASED),
    ),
    ResourceType(
        "document",
        "Document",
        _attributes("filename content_type size_bytes sha256 warnings created_at", **_ERASED),
        {"uploader": Relationship("uploader", "user"), "erased_by": _ERASED_BY},
        "/documents/{id}",
        links={"content": "/documents/{id}/content"},
        on_request=frozenset(_ERASED),
    ),
    ResourceType(
        "override",
        "Override",
        _attributes(
            "requested_status status subject_status_at_request decided_at version created_at expires_at status_label"
            " requested_status_label"
        ),
        {
            "case": Relationship("case", "case"),
            "subject": Relationship("subject", "subject"),
            "created_by": Relationship("createdBy", "user"),
            "decided_by": Relationship("decidedBy", "user"),
            "assigned_reviewers": Relationship("assignedReviewers", "user", is_many=True),
        },
        "/overrides/{id}",
        on_request=frozenset({"status_label", "requested_status_label"}),
    ),
    ResourceType(
        "user",
        "User",
        _attributes("email email_ascii display_name kind roles active language created_at", **_DELEGATION),
        {"delegate": Relationship("delegation.delegate", "user")},
        "/users/{id}",
        on_request=frozenset(_DELEGATION),
    ),
    ResourceType(
        "subject",
        "Subject",
        _attributes(
            "external_ref label country_code evaluation_status evaluation_status_label version",
            subject_type="type",
            subject_type_label="typeLabel",
        ),
        {},
        "/subjects/{id}",
        on_request=frozenset({"subject_type_label", "evaluation_status_label"}),
    ),
)
TYPES: Mapping[str, ResourceType] = {type_.name: type_ for type_ in _TYPES}
