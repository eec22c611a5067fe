"""Evaluations: what a check system's result changes of a subject, and how a row of either log says so.

While a case on the subject is open, its log has the row, else the account's own log has.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from app.domain.account_log import AdminActionType, Details
from app.domain.canonical_json import JsonObject
from app.domain.model import EvaluationStatus

STATUS, LABEL, COUNTRY = "evaluationStatus", "label", "countryCode"


@dataclass(frozen=True, slots=True)
class Evaluation:
    """What one evaluation changed. It holds no label, so that the log keeps no name.

    `status_before` is None of a new subject. `changed`: the fields of the subject that are others now.
    `replaced_override_id`: the accepted override that the result before rested on, where this one took its place.
    """

    status_before: EvaluationStatus | None
    status_after: EvaluationStatus
    subject_version: int
    changed: tuple[str, ...]
    replaced_override_id: UUID | None = None

    def details(self) -> JsonObject:
        """Return what a row of a case's log says of it."""
        return {
            "status_before": self.status_before,
            "status_after": self.status_after,
            "subject_version": self.subject_version,
            "changed": list(self.changed),
            "replaced_override_id": None if self.replaced_override_id is None else str(self.replaced_override_id),
        }

    def account_details(self, subject_id: UUID) -> Details:
        """Return what a row of the account's own log says of it."""
        optional: dict[str, Sequence[str]] = {}
        if self.status_before is not None:
            optional["statusBefore"] = [self.status_before.value]
        if self.replaced_override_id is not None:
            optional["replacedOverrideId"] = [str(self.replaced_override_id)]
        return {
            "subjectId": [str(subject_id)],
            "subjectVersion": [str(self.subject_version)],
            "statusAfter": [self.status_after.value],
            "changed": list(self.changed),
        } | optional


def evaluation_of_case(details: JsonObject) -> Evaluation:
    """Return what a row of a case's log says. Raises: LookupError, ValueError or TypeError, where it says none."""
    said: Mapping[str, Any] = details
    return _evaluation(
        said["status_before"],
        said["status_after"],
        said["subject_version"],
        said["changed"],
        said["replaced_override_id"],
    )


def evaluation_of_account(details: str) -> Evaluation:
    """Return what a row of the account's own log says. Raises: as `evaluation_of_case`."""
    said = json.loads(details)
    first: dict[str, Any] = {name: values[0] if values else None for name, values in said.items()}
    return _evaluation(
        first.get("statusBefore"),
        first["statusAfter"],
        first["subjectVersion"],
        said["changed"],
        first.get("replacedOverrideId"),
    )


def evaluated_subject(type: AdminActionType, details: str) -> UUID | None:
    """Return whose result a row of the account's own log says; None of all other rows. Raises: as above."""
    return UUID(json.loads(details)["subjectId"][0]) if type is AdminActionType.EVALUATION else None


def _evaluation(
    before: str | None, after: str, version: int | str, changed: Sequence[str], replaced: str | None
) -> Evaluation:
    return Evaluation(
        status_before=None if before is None else EvaluationStatus(before),
        status_after=EvaluationStatus(after),
        subject_version=int(version),
        changed=tuple(changed),
        replaced_override_id=None if replaced is None else UUID(replaced),
    )
