"""What a case is about."""

from app.api.enums import EvaluationStatus, SubjectType
from app.api.fields import described, object_type
from app.api.labels import labelled
from app.api.types.nodes import Node
from app.db.rows import SubjectRow


@object_type(SubjectRow, "The check of a supplier's bank account that a case is about.")
class Subject(Node):
    type: SubjectType = described("What kind of check it is.")
    external_ref: str = described("Its reference in the system that made the check.")
    label: str = described("What to call it, as the supplier's name.")
    country_code: str | None = described("The country, by ISO 3166-1 alpha-2.")
    evaluation_status: EvaluationStatus = described("The result of the check as it is now.")
    type_label: str = labelled("type")
    evaluation_status_label: str = labelled("evaluation_status")
    version: int = described("Counts its changes, from 1.")
