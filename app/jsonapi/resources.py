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
    """A relationship: the field of the schema, and the type of the resources that it leads to."""

    field: str
    type: str
    is_many: bool = False


@dataclass(frozen=True, slots=True)
class ResourceType:
    """A type of resources.

    `attributes`: the field of each, by its name here; one inside an object, that may be null, as `reminder.at`.
    `address`: that of one resource, below the prefix, with its id; {case} is the case whose address was asked for.
    `related`: addresses of relationships that are read there alone. `case_file`: the gateway's address of what is
    downloaded of it, if anything.
    """

    name: str
    object_type: str
    attributes: Mapping[str, str]
    relationships: Mapping[str, Relationship]
    address: str
    related: Mapping[str, str] = field(default_factory=dict)
    case_file: str | None = None

    @property
    def members(self) -> list[str]:
        """The names that a sparse fieldset can have."""
        return [*self.attributes, *self.relationships, *self.related]


def _attributes(names: str, **others: str) -> Mapping[str, str]:
    """Return the attributes *names*, each of the field of that name in camel case, and those of other fields."""
    return others | {name: to_camel_case(name) for name in names.split()}


_TYPES = (
    ResourceType(
        "case",
        "Case",
        _attributes(
            "reference title description status resolution created_at updated_at closed_at due_at overdue version"
            " action_count head_hash"
        ),
        {
            "subject": Relationship("subject", "subject"),
            "created_by": Relationship("createdBy", "user"),
            "closed_by": Relationship("closedBy", "user"),
            "owner": Relationship("owner", "user"),
            "active_override": Relationship("activeOverride", "override"),
        },
        "/cases/{id}",
        {"actions": "/cases/{id}/actions"},
        CASE_FILES,
    ),
    ResourceType(
        "case_action",
        "CaseAction",
        _attributes(
            "seq status_before status_after resolution step step_state open_steps created_at request_id hash prev_hash",
            action_type="type",
            reminder_occasion="reminder.occasion",
            reminder_at="reminder.at",
        ),
        {
            "user": Relationship("user", "user"),
            "comment": Relationship("comment", "comment"),
            "override": Relationship("override", "override"),
            "case": Relationship("case", "case"),
        },
        "/cases/{case}/actions/{id}",
    ),
    ResourceType(
        "comment",
        "Comment",
        _attributes("body created_at"),
        {
            "author": Relationship("author", "user"),
            "documents": Relationship("documents", "document", is_many=True),
        },
        "/comments/{id}",
    ),
    ResourceType(
        "document",
        "Document",
        _attributes("filename content_type size_bytes sha256 warnings created_at"),
        {"uploader": Relationship("uploader", "user")},
        "/documents/{id}",
        {"content": "/documents/{id}/content"},
    ),
    ResourceType(
        "override",
        "Override",
        _attributes("requested_status status subject_status_at_request decided_at version created_at expires_at"),
        {
            "case": Relationship("case", "case"),
            "subject": Relationship("subject", "subject"),
            "created_by": Relationship("createdBy", "user"),
            "decided_by": Relationship("decidedBy", "user"),
            "assigned_reviewers": Relationship("assignedReviewers", "user", is_many=True),
        },
        "/overrides/{id}",
    ),
    ResourceType("user", "User", _attributes("email display_name roles active language created_at"), {}, "/users/{id}"),
    ResourceType(
        "subject",
        "Subject",
        _attributes("external_ref label country_code evaluation_status version", subject_type="type"),
        {},
        "/subjects/{id}",
    ),
)
TYPES: Mapping[str, ResourceType] = {type_.name: type_ for type_ in _TYPES}
