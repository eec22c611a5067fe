"""The demo's script: the people and the cases of cases.toml, and each of its lines as a command.

It plays nothing; `app.demo.load` does.
"""

import tomllib
from collections.abc import Callable, Mapping
from pathlib import Path
from uuid import UUID

from app.db.rows import CaseRow
from app.domain import commands
from app.domain.errors import NoPendingOverride
from app.domain.facts import Actor, ChecklistStep
from app.domain.model import ActionType, EvaluationStatus, RequestedStatus, Resolution, SubjectType

SCRIPT = tomllib.loads((Path(__file__).parent / "cases.toml").read_text(encoding="utf-8"))

CHECKLIST = [ChecklistStep(key, step["en"], step["fr"]) for key, step in SCRIPT["checklist"].items()]

ScriptStep = Callable[..., commands.Command]
"""Makes a command of the people, the case, its pending override, if any, and what the script says."""


def ref(index: int) -> str:
    """Return the reference of the subject that the case at *index* is about."""
    return f"BAC-{4100 + 7 * index}"


def opening(index: int) -> commands.OpenCase:
    """Return the command that opens the case at *index*; it is refused where its subject is known already."""
    script = SCRIPT["cases"][index]
    subject = commands.SubjectDetails(
        type=SubjectType(script.get("type", "COMPANY_ACCOUNT_CHECK")),
        external_ref=ref(index),
        label=script["supplier"],
        country_code=script["country"],
        evaluation_status=EvaluationStatus(script["result"]),
    )
    return commands.OpenCase(
        subject=subject, title=script["title"], description=script.get("description"), expected_version=0
    )


def _comment(
    _cast: Mapping[str, Actor], case: CaseRow, _pending: UUID | None, body: str, *_files: str
) -> commands.Command:
    return commands.AddComment(case_id=case.id, expected_version=case.version, comment=body)


def _request(
    cast: Mapping[str, Actor], case: CaseRow, _pending: UUID | None, status: str, reason: str, *reviewers: str
) -> commands.RequestOverride:
    return commands.RequestOverride(
        case_id=case.id,
        expected_version=case.version,
        requested_status=RequestedStatus(status),
        reviewer_ids=tuple(cast[name].user_id for name in reviewers),
        comment=reason,
    )


def _decision(command: type[commands.DecisionCommand]) -> ScriptStep:
    def make(
        _cast: Mapping[str, Actor], case: CaseRow, pending: UUID | None, comment: str | None = None
    ) -> commands.Command:
        if pending is None:
            raise NoPendingOverride("input", "overrideId")
        return command(case_id=case.id, override_id=pending, expected_version=case.version, comment=comment)

    return make


def _close(
    _cast: Mapping[str, Actor],
    case: CaseRow,
    _pending: UUID | None,
    resolution: str | None = None,
    comment: str | None = None,
) -> commands.Command:
    return commands.CloseCase(
        case_id=case.id,
        expected_version=case.version,
        resolution=Resolution(resolution) if resolution else None,
        comment=comment,
    )


STEPS: Mapping[ActionType, ScriptStep] = {
    ActionType.COMMENT: _comment,
    ActionType.REQUEST_OVERRIDE: _request,
    ActionType.ACCEPT: _decision(commands.AcceptOverride),
    ActionType.REFUSE: _decision(commands.RefuseOverride),
    ActionType.CANCEL: _decision(commands.CancelOverride),
    ActionType.CLOSE: _close,
}
