"""Overrides, as they are now."""

from datetime import datetime

from app.api.enums import EvaluationStatus, OverrideStatus, RequestedStatus
from app.api.fields import described, object_type, related
from app.api.labels import labelled
from app.api.types.nodes import Node
from app.api.types.people import User
from app.api.types.references import CaseReference
from app.api.types.subjects import Subject
from app.db.rows import OverrideRow


@object_type(OverrideRow, "A request to set the subject's result by hand, which a second person decides.")
class Override(Node):
    case: CaseReference | None = related("cases", "case_id", "The case it is part of.")
    subject: Subject | None = related("subjects", "subject_id", "The check whose result it wants to set.")
    created_by: User | None = related("users", "created_by_id", "Who asks. Never one of its reviewers.")
    requested_status: RequestedStatus = described("The result that is asked for.")
    status: OverrideStatus = described("Where it stands.")
    status_label: str = labelled("status")
    requested_status_label: str = labelled("requested_status")
    subject_status_at_request: EvaluationStatus = described("The subject's result when it was asked.")
    assigned_reviewers: list[User] = related("reviewers_by_override", "id", "Who is asked to decide, 1 to 10 people.")
    decided_by: User | None = related("users", "decided_by_id", "Who accepted or refused it.")
    decided_at: datetime | None = described("When it was accepted or refused.")
    version: int = described("Counts its changes, from 1.")
    created_at: datetime = described("When it was asked.")
    expires_at: datetime | None = described("From when on nobody decides on it; null where it does not expire.")
